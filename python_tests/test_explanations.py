"""What an explanation promises holds: its steps lift the score into the next band, and less does not."""

from collections import defaultdict
from decimal import Decimal

import pytest

CENT = Decimal("0.01")  # scores and normalised values are rounded, so a step may fall short by this


@pytest.fixture(scope="module")
def explained(dirty_house):
    """By account: its explanation and the rows of its metrics."""
    found = {}
    for table in ("health_explanations", "health_explained_metrics"):
        result = dirty_house.execute(f"select * from {table} where account_id in (select account_id from "
                                     "current_account_health where status = 'scored')")  # fmt: skip
        columns = [column[0] for column in result.description]
        found[table] = [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
    metrics = defaultdict(list)
    for row in found["health_explained_metrics"]:
        metrics[row["account_id"]].append(row)
    return [(row, metrics[row["account_id"]]) for row in found["health_explanations"]]


def score(metrics, steps):
    used = [row for row in metrics if row["normalised"] is not None]
    weight = sum(row["weight"] for row in used)
    values = sum(row["weight"] * (row["normalised"] + steps.get(row["metric"], 0)) for row in used)
    return 100 * values / weight


def test_points_and_changes_sum_exactly(explained):
    changed = 0
    for row, metrics in explained:
        assert sum(metric["points"] for metric in metrics) == row["score"]
        if row["change_7d"] is not None:
            assert sum(metric["points_change_7d"] for metric in metrics) == row["change_7d"]
            changed += row["change_7d"] != 0
    assert changed > 50


def test_the_steps_reach_the_next_band_and_less_does_not(explained):
    numbers = set()
    for row, metrics in explained:
        steps = {metric["metric"]: metric["step_change"] for metric in metrics if metric["step_change"] is not None}
        assert len(steps) == row["steps_to_next_band"]
        if row["next_band"] is None:
            assert not steps
            continue
        edge = row["score"] + row["points_to_next_band"]
        assert abs(score(metrics, steps) - edge) <= CENT
        numbers.add(len(steps))
        alone = {}
        for metric in metrics:
            if metric["normalised"] is not None and metric["weight"]:
                best = {metric["metric"]: 1 - metric["normalised"]}
                if score(metrics, best) > edge + CENT:
                    alone[metric["metric"]] = metric["weight"]
        if len(steps) == 1:  # the heaviest of those that are enough alone needs the smallest change
            (chosen,) = steps
            assert all(weight <= weights_of(metrics)[chosen] for weight in alone.values())
        else:
            assert not alone
    assert {1, 2} <= numbers


def weights_of(metrics):
    return {metric["metric"]: metric["weight"] for metric in metrics}


def test_each_account_is_explained_in_words(dirty_house):
    for name in ("account_id", "explanation"):
        query = f"select count(*), count({name}) from current_account_health left join health_explanations using (account_id)"
        accounts, filled = dirty_house.execute(query).fetchone()
        assert accounts == filled > 0
