"""What an explanation promises holds: its steps lift the score into the next band, less does not, and somebody can take them."""

import re
from collections import defaultdict
from decimal import Decimal
from math import ceil

import numpy as np
import pytest
import warehouse

CENT = Decimal("0.02")  # scores, normalised values and steps are rounded, so a sum may differ by this


def rows_of(connection, query):
    result = connection.execute(query)
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


@pytest.fixture(scope="module")
def explained(dirty_house):
    """Of each scored account: its explanation, the rows of its metrics and its steps."""
    scored = "account_id in (select account_id from fct_current_health where status = 'scored')"
    found = {}
    for table in ("fct_health_explained_metrics", "fct_health_steps"):
        found[table] = defaultdict(list)
        for row in rows_of(dirty_house, f"from {table} where {scored} order by all"):
            found[table][row["account_id"]].append(row)
    explanations = rows_of(dirty_house, f"from fct_health_explanations where {scored}")
    return [(row, *(found[table][row["account_id"]] for table in found)) for row in explanations]


def test_points_and_changes_sum_exactly(explained):
    changed = 0
    for row, metrics, _ in explained:
        assert sum(metric["points"] for metric in metrics) == row["score"]
        if row["change_7d"] is not None:
            assert sum(metric["points_change_7d"] for metric in metrics) == row["change_7d"]
            changed += row["change_7d"] != 0
    assert changed > 50


def score_after(metrics, steps):
    """The score once the steps are taken, from the published values; a milestone adds to its metric, others replace theirs."""
    values = {row["metric"]: row["normalised"] for row in metrics if row["normalised"] is not None}
    now = dict(values)
    for step in steps:
        if step["milestone_id"] is None:
            values[step["metric"]] = step["target_normalised"]
        else:
            values[step["metric"]] += step["target_normalised"] - now[step["metric"]]
    weights = {row["metric"]: row["weight"] for row in metrics}
    return 100 * sum(weights[name] * value for name, value in values.items()) / sum(weights[name] for name in values)


def test_the_steps_reach_the_next_band_and_less_does_not(explained):
    reached, not_reached, kinds = 0, 0, set()
    for row, metrics, steps in explained:
        if row["next_band"] is None:
            assert not steps and row["steps_to_next_band"] == 0
            continue
        edge = row["score"] + row["points_to_next_band"]
        needed = [step for step in steps if step["is_needed"]]
        assert [step["step_number"] for step in steps] == list(range(1, len(steps) + 1))
        assert needed == steps[: len(needed)]
        gain = score_after(metrics, needed) - row["score"]
        assert abs(gain - sum(step["step_points"] for step in needed)) <= CENT * max(1, len(needed))
        kinds |= {step["metric"] for step in needed}
        if any(step["is_band_within_reach"] for step in steps):
            assert score_after(metrics, needed) >= edge - CENT
            assert score_after(metrics, needed[:-1]) < edge + CENT
            assert row["steps_to_next_band"] == len(needed)
            reached += 1
        else:
            assert score_after(metrics, steps) < edge + CENT
            assert needed == steps and row["steps_to_next_band"] is None
            assert ("Nothing within reach" in row["explanation"]) == (not steps)
            not_reached += 1
    assert reached > 20 and not_reached > 2 and len(kinds) >= 4


def test_a_step_asks_for_what_the_account_can_reach(dirty_house, explained):
    """Whole people, no more than the best tenth of the peers have; values inside their bounds; the text says the numbers."""
    seeds = warehouse.seed_rows()
    bounds = {row["metric"]: row for row in seeds["health_metrics"] if row["model_version"] == "any"}
    advice = {row["metric"]: row for row in seeds["metric_advice"]}
    users = dict(dirty_house.execute(
        "select account_id, active_users_30d from fct_account_signals join fct_current_health using (account_id) "
        "where date_day = score_date").fetchall())  # fmt: skip
    peers = defaultdict(list)
    for row in rows_of(dirty_house, """
        select segment, product_category, score_date, metric, value, normalised from fct_health_drivers
        join fct_account_health using (account_id, score_date) where value_status = 'observed'"""):
        peers[row["metric"], row["score_date"]].append(row)
    seen = 0
    for row, _, steps in explained:
        for step in steps:
            rule = advice[step["metric"]]
            assert 0 <= step["target_normalised"] <= 1
            if rule["reach"] != "peers":
                continue
            bound = bounds[step["metric"]]
            if bound["method"] == "bounded":
                own = (step["target_value"] - Decimal(bound["lower_bound"])) / (
                    Decimal(bound["upper_bound"]) - Decimal(bound["lower_bound"])
                )
                own = min(max(own, 0), 1)
                own = 1 - own if bound["direction"] == "lower" else own
                assert abs(own - step["target_normalised"]) < Decimal("1e-5")
            same_date = peers[step["metric"], row["score_date"]]
            everyone = sorted((peer["normalised"] for peer in same_date), reverse=True)
            assert step["target_normalised"] <= everyone[0]
            if len(everyone) > 20:  # the group may be better than the whole date: its best tenth is among some best ones
                groups = defaultdict(list)
                for peer in same_date:
                    groups[peer["segment"], peer["product_category"]].append(peer["normalised"])
                limits = [sorted(group, reverse=True)[ceil(len(group) / 10) - 1] for group in groups.values()]
                assert step["target_normalised"] <= max([*limits, everyone[ceil(len(everyone) / 10) - 1]]) + Decimal("1e-5")
            if rule["count_signal"]:
                people = (step["target_value"] - step["value"]) * users[step["account_id"]]
                assert abs(people - round(people)) < Decimal("1e-3") and people > Decimal("0.9")
                assert ("one more" in step["step"]) == (round(people) == 1)
                seen += 1
    assert seen > 10


def test_the_words_are_those_of_people_and_no_value_leaves_its_range(explained):
    for row, _, steps in explained:
        text = row["explanation"]
        for said in (text, *(step["step"] for step in steps)):
            assert not re.search(r"[a-z]_[a-z]|\{|\}|None|NaN", said), said
            assert all(0 <= float(share) <= 100 for share in re.findall(r"(-?[\d.]+) %", said)), said
            assert not re.search(r": (\S+) instead of \1(?![\d.])", said), said
        assert f"Scores {row['score'].normalize():f}" in text


def test_each_account_is_explained_in_words(dirty_house):
    for name in ("account_id", "explanation"):
        query = f"select count(*), count({name}) from fct_current_health left join fct_health_explanations using (account_id)"
        accounts, filled = dirty_house.execute(query).fetchone()
        assert accounts == filled > 0


def test_subscores_are_sums_over_categories_and_their_points_the_score(dirty_house):
    found = dirty_house.sql("select *, points::double as p, points_lost::double as l from fct_health_subscores").df()
    drivers = dirty_house.sql("select *, points::double as p, points_lost::double as l from fct_health_drivers").df()
    category = {row["metric"]: row["category"] for row in warehouse.seed_rows()["metric_advice"]}
    drivers = drivers[drivers["weight"] > 0].assign(category=drivers["metric"].map(category))
    keys = ["account_id", "score_date", "category"]
    expected = drivers.groupby(keys)[["p", "l"]].sum()
    rows = found.set_index(keys).loc[expected.index]
    assert len(rows) == len(found) > 1000
    assert np.allclose(rows[["p", "l"]], expected)
    assert np.allclose(rows["subscore"], (100 * expected["p"] / expected.sum(axis=1)).to_numpy(), atol=0.0051, equal_nan=True)
    scores = dirty_house.sql("select *, score::double as s from fct_account_health where status = 'scored'").df()
    scores = scores.set_index(keys[:2])["s"].sort_index()
    sums = found.groupby(keys[:2])["p"].sum()
    assert sums.index.equals(scores.index) and np.allclose(sums, scores)
