"""The performance of risk rules equals what pandas and statsmodels compute from the published marts."""

import numpy as np
import pandas as pd
import pytest
import warehouse
from statsmodels.stats.proportion import proportion_confint

SEEDS = warehouse.seed_rows()
FOREVER = pd.Timestamp("2199-12-31")


def flags_of(connection):
    """Accounts at risk by rule, score date and horizon: who was meant, who was named, who left and how long after."""
    outcomes = connection.sql("from fct_health_outcomes where basis = 'restated' and has_churned is not null").df()
    accounts = connection.sql("select account_id, started_on from dim_accounts").df()
    episodes = connection.sql("select account_id, rule_id, first_seen_on, cleared_on from fct_risk_signals").df()
    gone = connection.sql("select account_id, date_day from fct_account_signals where is_subscribed = 0").df()
    outcomes = outcomes.merge(accounts, on="account_id")
    outcomes["age"] = (outcomes.score_date - outcomes.started_on).dt.days
    frames = []
    for rule_id in {row["rule_id"] for row in SEEDS["risk_rules"]}:
        rows = {row["segment"]: row for row in SEEDS["risk_rules"] if row["rule_id"] == rule_id}
        meant = []
        for segment, age in zip(outcomes.segment, outcomes.age, strict=True):
            row = rows.get(segment, rows.get("any"))
            meant.append(bool(row) and int(row["from_day"]) <= age <= int(row["to_day"] or 10**6))
        frame = outcomes[np.array(meant, dtype=bool)].copy()
        own = episodes[episodes.rule_id == rule_id]
        named = frame.reset_index().merge(own, on="account_id")
        named = named[(named.first_seen_on <= named.score_date) & (named.score_date < named.cleared_on.fillna(FOREVER))]
        frame["since"] = named.set_index("index").first_seen_on
        left = frame.reset_index().merge(gone, on="account_id")
        left = left[left.date_day > left.score_date].groupby("index").date_day.min()
        frame["lead"] = (left.reindex(frame.index) - frame.since).dt.days
        frames.append(frame.assign(rule_id=rule_id))
    return outcomes, pd.concat(frames)


def compare(connection):
    outcomes, flags = flags_of(connection)
    rows = connection.sql("from risk_rule_performance").df().to_dict("records")
    assert len(rows) == 4 * len(SEEDS["validation_horizons"]) * len({row["rule_id"] for row in SEEDS["risk_rules"]})
    for row in rows:
        segments = [row["segment"]] if row["segment"] != "all" else ["smb", "mid_market", "enterprise"]
        book = outcomes[(outcomes.horizon_days == row["horizon_days"]) & outcomes.segment.isin(segments)]
        meant = flags[
            (flags.rule_id == row["rule_id"]) & (flags.horizon_days == row["horizon_days"]) & flags.segment.isin(segments)
        ]
        named, left = meant.since.notna(), meant.has_churned.astype(bool)
        caught = named & left
        n = int(named.sum())
        expected = {
            "book_count": len(book), "applicable_count": len(meant), "flagged_count": n, "churned_count": left.sum(),
            "caught_count": caught.sum(), "flagged_share": n / len(book) if len(book) else np.nan,
            "base_rate": left.mean() if len(meant) else np.nan, "precision_rate": left[named].mean() if n else np.nan,
            "recall_rate": named[left].mean() if left.any() else np.nan,
            "lift": left[named].mean() / left.mean() if n and left.any() else np.nan,
            "median_lead_days": meant.lead[caught].median() if caught.any() else np.nan,
        }  # fmt: skip
        lower, upper = proportion_confint(caught.sum(), n, method="wilson") if n else (np.nan, np.nan)
        expected |= {"precision_lower": lower, "precision_upper": upper}
        for column, value in expected.items():
            assert float(row[column]) == pytest.approx(float(value), abs=1.1e-6, nan_ok=True), (column, row)
        finding = "no_better_than_chance"
        if n < int(SEEDS["risk_settings"][0]["min_flagged"]):
            finding = "too_rare"
        elif round(lower, 6) > round(left.mean(), 6):
            finding = "earns_its_place"
        assert row["finding"] == finding, row
        assert row["verdict"].startswith(finding.replace("_", " ") if finding != "too_rare" else "fires too rarely to tell")
    return rows


def test_rules_are_judged_as_pandas_and_statsmodels_say(dirty_house):
    rows = compare(dirty_house)
    assert any(row["flagged_count"] for row in rows) and any(row["caught_count"] for row in rows)


def test_the_worked_example():
    """40 named of 200, 12 caught of 20."""
    lower, upper = proportion_confint(12, 40, method="wilson")
    assert (round(lower, 4), round(upper, 4)) == (0.1807, 0.4543)
