"""A better value never lowers the score: of an account whose value of one metric improves, all else as it was."""

import datetime

import company_strategy
import oracle
import pandas as pd
import pytest
import warehouse
from hypothesis import given, settings
from hypothesis import strategies as st

FIRST_DAY = datetime.date(2025, 6, 2)
SEEDS = oracle.load_seeds(warehouse.PROJECT / "seeds")
METRICS = sorted(
    (row for row in SEEDS["health_metrics"] if row["model_version"] == "any"), key=lambda row: row["metric"]
)
VERSION = SEEDS["health_model_versions"][0]
PLACES = st.one_of(st.none(), st.integers(-2, 10))  # eighths of the way between the bounds


def value(metric, place):
    """The signal's value at a place between the metric's bounds, or beyond; peers are compared around 0 to 3."""
    lower, upper = float(metric["lower_bound"] or 0), float(metric["upper_bound"] or 3)
    return None if place is None else lower + (upper - lower) * place / 8


@pytest.fixture(scope="module")
def scoring():
    """A connection with the seeds, a weight for every metric, and an empty table of score days."""
    weights = [
        {"model_version": VERSION["model_version"], "metric": metric["metric"], "weight": "0.05", "source": "test"}
        for metric in METRICS
    ]
    weights[0]["weight"] = str(round(1 - 0.05 * (len(METRICS) - 1), 2))
    frames = warehouse.raw_frames(company_strategy.random_company(0, n_accounts=1))
    seeds = {"health_weights": weights, "health_model_versions": [VERSION | {"effective_to": ""}], "health_metrics": METRICS}
    seeds["scorecards"] = []
    seeds["health_bands"] = [row for row in SEEDS["health_bands"] if row["model_version"] == VERSION["model_version"]]
    with warehouse.build(frames, seeds=seeds) as connection:
        connection.execute("delete from int_health_score_days")
        yield connection


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    places=st.lists(st.tuples(*[PLACES] * len(METRICS)), min_size=1, max_size=25),
    improvement=st.integers(1, 5),
    ages=st.tuples(*[st.sampled_from((None, 0, 7, 90))] * len(METRICS)),
    min_peers=st.sampled_from((2, 20)),
)
def test_a_better_value_never_lowers_the_score(scoring, places, improvement, ages, min_peers):
    rows = []
    for day in range(
        len(METRICS) + 1
    ):  # on the first everything is as drawn, on each other one metric is better
        for account, drawn in enumerate(places):
            row = {
                "account_id": str(account),
                "score_date": FIRST_DAY + datetime.timedelta(day),
                "segment": "smb",
                "product_category": "api" if account % 3 else "hr_tech",
                "track": "live",
                "model_version": VERSION["model_version"],
                "coverage_floor": 0,
                "min_peers": min_peers,
                "max_missing_peer_share": 0.5,
                "eligibility": "eligible",
            }
            for number, (metric, place, age) in enumerate(zip(METRICS, drawn, ages, strict=True), start=1):
                if account == 0 and day == number and place is not None:
                    place += improvement if metric["direction"] == "higher" else -improvement
                if metric["age_signal"]:
                    row[metric["age_signal"]] = age
                row[metric["signal"]] = value(metric, place)
            rows.append(row)
    scoring.execute("delete from int_health_score_days")
    scoring.register("drawn", pd.DataFrame(rows))
    scoring.execute("insert into int_health_score_days by name select * from drawn")
    for model in ("int_health_dates", "int_health_metrics", "int_health_scores"):
        scoring.execute(f"create or replace table {model} as {warehouse.model_sql(model)}")
    scores = scoring.execute(
        "select status, score from int_health_scores where account_id = '0' order by score_date"
    ).fetchall()
    for metric, (status, score) in zip(METRICS, scores[1:], strict=True):
        assert status == scores[0][0], metric["metric"]
        assert status != "scored" or score >= scores[0][1], metric["metric"]


def test_each_metric_has_a_signal_of_its_own():
    assert len({metric["signal"] for metric in METRICS}) == len(METRICS)
