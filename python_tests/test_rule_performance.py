"""The performance of risk rules equals what pandas and statsmodels compute from the published marts."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import warehouse
from statsmodels.stats.proportion import proportion_confint

SEEDS = warehouse.seed_rows()
FOREVER = pd.Timestamp("2199-12-31")


def flags_of(connection):
    """Accounts at risk by rule, score date and horizon: who was meant, who was named, who left and how long after."""
    outcomes = connection.sql("from fct_churn_labels where basis = 'restated' and has_churned is not null").df()
    accounts = connection.sql("select account_id, started_on from dim_accounts").df()
    episodes = connection.sql("select account_id, rule_id, first_seen_on, cleared_on from fct_risk_episodes").df()
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


def effective_count(flags):
    """As many independent accounts as these flags are worth, by statsmodels' error with accounts as clusters."""
    n, caught = len(flags), flags.has_churned.astype(float)
    sizes = flags.groupby("account_id").size()
    if not n:
        return 0
    if len(sizes) == 1 or caught.mean() in (0, 1):
        return n**2 / (sizes**2).sum()
    groups = {"groups": flags.account_id.astype("category").cat.codes.to_numpy()}
    fitted = sm.OLS(caught.to_numpy(), np.ones(n)).fit(cov_type="cluster", cov_kwds=groups)
    independent = caught.mean() * (1 - caught.mean()) / (n - 1)
    return n / max(1, fitted.bse[0] ** 2 / independent)


def compare(connection):
    outcomes, flags = flags_of(connection)
    rows = connection.sql("from rpt_risk_rules").df().to_dict("records")
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
        effective = effective_count(meant[named])
        lower, upper = np.nan, np.nan
        if n:
            lower, upper = proportion_confint(caught.sum() / n * effective, effective, method="wilson")
        accounts = meant[named].account_id.nunique()
        expected |= {"precision_lower": lower, "precision_upper": upper, "flagged_accounts": accounts}
        assert float(row["flagged_effective"]) == pytest.approx(effective, abs=0.0051), row
        for column, value in expected.items():
            assert float(row[column]) == pytest.approx(float(value), abs=1.1e-6, nan_ok=True), (column, row)
        finding = "no_better_than_chance"
        if accounts < int(SEEDS["risk_settings"][0]["min_flagged"]):
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
    """40 flags of 200, 12 caught of 20: each of another account, and of 10 accounts on 4 dates each."""
    for accounts, expected in ((40, (40, 0.1807, 0.4543)), (10, (9.23, 0.1035, 0.6140))):
        flags = pd.DataFrame({"account_id": [n % accounts for n in range(40)]})
        flags["has_churned"] = flags.account_id < 0.3 * accounts
        n = effective_count(flags)
        lower, upper = proportion_confint(0.3 * n, n, method="wilson")
        assert (round(n, 2), round(lower, 4), round(upper, 4)) == expected


def test_a_rule_without_effect_is_rarely_praised():
    """Accounts that stand long with a useless rule: of 400 drawn books at most one in twenty has an interval above the base rate.

    Each date counted as an account would praise it more often than that.
    """
    rng = np.random.default_rng(7)
    praised = {"clustered": 0, "counted": 0}
    for _ in range(400):
        accounts = pd.DataFrame({"account_id": range(60), "has_churned": rng.random(60) < 0.3})
        flags = accounts.loc[accounts.index.repeat(rng.integers(1, 20, 60))]
        caught = flags.has_churned.mean()
        for name, n in (("clustered", effective_count(flags)), ("counted", len(flags))):
            praised[name] += proportion_confint(caught * n, n, method="wilson")[0] > 0.3
    assert praised["clustered"] <= 0.05 * 400 < praised["counted"], praised


def win_back(episodes, tasks):
    """The row of rpt_win_back over all segments, of drawn times that accounts left."""
    with warehouse.seeded() as connection:
        for name, rows in (
            ("base_build_moment", pd.DataFrame({"as_of": [pd.Timestamp("2026-01-01")]})),
            ("int_churn_episodes", episodes),
            ("int_accounts", episodes[["account_id"]].assign(segment="smb")),
            ("fct_interventions", tasks),
        ):
            connection.register("drawn", rows)
            dates = [name for name in rows if name.endswith(("_on", "as_of"))]
            casts = ", ".join(f"cast({name} as date) as {name}" for name in dates)
            connection.execute(f"create table {name} as select * " + (f"replace ({casts}) " if dates else "") + "from drawn")
        return connection.execute(warehouse.model_sql("rpt_win_back")).df().set_index("segment").loc["all"]


def test_win_back_without_effect_shows_none():
    """Accounts come back by chance and who has not is called some day: who was ever called returns less by design alone."""
    rng = np.random.default_rng(11)
    n = 6000
    returns, calls = rng.integers(1, 150, n), rng.integers(0, 60, n)
    left_on = pd.Timestamp("2025-06-02")
    episodes = pd.DataFrame({
        "churn_episode_id": [f"e{i}" for i in range(n)], "account_id": [f"a{i}" for i in range(n)],
        "first_seen_on": left_on, "has_returned": returns < 60,
        "cleared_on": left_on + pd.to_timedelta(np.minimum(returns, 60), unit="D"),
    })  # fmt: skip
    called = calls < np.minimum(returns, 60)
    tasks = pd.DataFrame({
        "account_id": episodes.account_id, "trigger_type": "churn", "wanted_on": left_on, "is_treated": called,
        "completed_at": (left_on + pd.to_timedelta(calls, unit="D")).where(called),
    })  # fmt: skip
    row = win_back(episodes, tasks)
    away, early = returns > 14, called & (calls <= 14)
    treated, untreated = returns[away & early] < 60, returns[away & ~early] < 60
    assert (row.left_count, row.away_count, row.treated_count) == (n, away.sum(), (away & early).sum())
    assert row.treated_reactivation_rate == pytest.approx(treated.mean(), abs=1e-6)
    assert row.untreated_reactivation_rate == pytest.approx(untreated.mean(), abs=1e-6)
    assert row.treated_reactivation_lower < row.untreated_reactivation_rate < row.treated_reactivation_upper
    ever = (returns[called] < 60).mean() - (returns[~called] < 60).mean()
    assert ever < -0.2
