"""Weight training recovers what it should, refuses what it must, and writes the same rows again."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit

from onboarding_health.cli import run
from onboarding_health.weights import ahp, candidate, data, learn
from onboarding_health.weights.propose import TOO_LITTLE_DATA

PROJECT = Path(__file__).parents[1]

METRICS = ["breadth", "csat", "dau_mau", "depth", "nps"]
SLOPES = np.array([0.0, 0.0, 3.0, 1.0, 2.0])  # so the weights are 1/2, 1/6 and 1/3
NEEDS = data.Needs(1000, 50)


def history(accounts=1500, dates=9, seed=5, flipped=()):
    """Observations of a company whose churn follows SLOPES; csat is nearly a copy of dau_mau, flipped metrics turn round."""
    rng = np.random.default_rng(seed)
    n = accounts * dates
    x = rng.random((n, len(METRICS)))
    for metric in flipped:
        x[:, METRICS.index(metric)] = 1 - x[:, METRICS.index(metric)]
    churned = (rng.random(n) < 1 / (1 + np.exp(-(1.0 - x @ SLOPES)))).astype(int)
    for metric in flipped:
        x[:, METRICS.index(metric)] = 1 - x[:, METRICS.index(metric)]
    x[:, 1] = np.clip(x[:, 2] + rng.normal(0, 0.02, n), 0, 1)
    account = np.repeat([f"a-{i:05d}" for i in range(accounts)], dates)
    date = np.tile(np.datetime64("2024-01-01") + 35 * np.arange(dates), accounts)
    account_split = np.where(np.arange(accounts) % 5 == 0, "holdout", "train")[np.arange(n) // dates]
    late = date >= np.unique(date)[-2]
    split = np.where((account_split == "holdout") & late, "holdout", "none")
    split = np.where((account_split == "train") & ~late, "train", split)
    score = 100 * x @ SLOPES / SLOPES.sum()
    version, stage = np.full(n, "v1"), np.full(n, "any")
    return data.History(METRICS, x, np.ones_like(x, bool), churned, account, date, account_split, split, score, version, stage)


@pytest.fixture(scope="module")
def learned():
    return learn.learn(history(), NEEDS, learn.Settings())


def test_known_weights_are_recovered(learned):
    assert learned.metrics == ["breadth", "dau_mau", "depth", "nps"]  # the copy is screened out, the older one by name stays
    found = np.array([learned.weights[metric] for metric in learned.metrics]) / 10_000
    assert np.abs(found - [0, 1 / 2, 1 / 6, 1 / 3]).max() < 0.04
    assert sum(learned.weights.values()) == 10_000
    assert abs(learned.shares.sum() - 1) < 1e-9
    assert learned.metrics[int(learned.shares.argmax())] == "dau_mau"


def test_out_of_sample_figures_come_near_the_truth(learned):
    development = learned.development
    truth = 1 / (1 + np.exp(-(1.0 - development.x @ SLOPES[[0, 2, 3, 4]])))
    for name, scores in learned.models.items():
        seen = ~np.isnan(scores.probability)
        assert seen.mean() > 0.7 and (development.date[~seen] < development.date[seen].min()).all()
        best = learn.roc_auc_score(development.churned[seen], truth[seen])
        assert best - 0.02 < scores.auc < best + 0.01, name
    raw = next(iter(learned.models.values())).probability
    seen = ~np.isnan(raw)
    for adjust in learned.calibrations.values():
        assert abs(adjust(raw[seen]).mean() - development.churned[seen].mean()) < 0.005


def test_nothing_of_the_holdout_is_learned_from(learned):
    development, holdout = learned.development, learned.holdout
    assert len(holdout) > 100 and not set(development.account) & set(holdout.account)
    assert development.date.max() < holdout.date.min()
    whole = history()
    late = whole.date >= holdout.date.min()
    other = data.History(**vars(whole) | {"churned": np.where(late, 1 - whole.churned, whole.churned)})
    assert learn.learn(other, NEEDS, learn.Settings()).weights == learned.weights


def test_a_metric_that_works_the_wrong_way_gets_no_weight_and_is_named():
    found = learn.learn(history(flipped=["depth", "nps"]).only(["dau_mau", "depth", "nps"]), NEEDS, learn.Settings())
    assert found.weights == {"dau_mau": 10_000, "depth": 0, "nps": 0}
    assert found.signs["depth"] < 0 and found.signs["nps"] < 0 < found.signs["dau_mau"]
    with pytest.raises(data.TooLittleData, match="No metric predicts churn with the sign"):
        learn.learn(history(flipped=["dau_mau", "depth", "nps"]).only(["dau_mau", "depth", "nps"]), NEEDS, learn.Settings())


def test_weights_compare_accounts_of_one_date():
    """As in OULAD: use falls from date to date and so does churn, while within a date those that use it more stay."""
    rng, dates, accounts = np.random.default_rng(9), 10, 1500
    n = dates * accounts
    time = np.tile(np.arange(dates), accounts)
    use = np.clip(rng.random(n) * 0.4 + 0.6 * (1 - time / (dates - 1)), 0, 1)
    other = rng.random(n)
    churned = (rng.random(n) < expit(-1 - 0.7 * time - 4 * (use - 0.6 * (1 - time / (dates - 1))) - other)).astype(int)
    observed = history(accounts=accounts, dates=dates)
    x = np.stack([use, other], axis=1)
    observed = data.History(**vars(observed) | {"metrics": ["use", "other"], "x": x, "observed": x > -1, "churned": churned})
    assert learn.roc_auc_score(churned, -use) < 0.4 < 0.6 < learn.within_auc(churned, -use, observed.group)
    pooled = learn.fit_linear(x, churned, np.zeros(n, dtype=int), any_sign=True)
    assert pooled.slopes[0] < 0, "over all dates those that use it more leave, so the test can fail"
    found = learn.learn(observed, NEEDS, learn.Settings())
    assert 0.7 < found.weights["use"] / 10_000 < 0.9 and found.signs["use"] > 0
    assert next(iter(found.models.values())).auc > 0.55


@pytest.mark.parametrize("l1, l2", [(0, 0), (20, 0), (0, 20)])
def test_the_fit_meets_the_conditions_of_a_minimum(l1, l2):
    """At the minimum the gradient of a slope is 0, or not negative where the slope is held at 0."""
    observations = history(accounts=200, flipped=["nps"])
    x, churned, group = observations.x, observations.churned, observations.group
    found = learn.fit_linear(x, churned, group, l1, l2)
    assert abs((churned - found.predict(x)).sum()) < 1e-2
    levels = [  # each date's own, at which as many churn as did
        brentq(lambda level, own=group == g: (expit(level - x[own] @ found.slopes) - churned[own]).sum(), -30, 30)
        for g in range(group.max() + 1)
    ]
    residual = churned - expit(np.array(levels)[group] - x @ found.slopes)
    gradient = x.T @ residual + l1 + l2 * found.slopes
    assert (found.slopes >= 0).all() and found.slopes[4] == 0
    held = found.slopes == 0
    assert np.abs(gradient[~held]).max() < 1e-2 and (gradient[held] > -1e-2).all()


def test_folds_look_ahead_and_keep_accounts_apart():
    observations = history(accounts=100)
    tested = []
    for _, train, test in learn.folds(observations, 5):
        assert observations.date[train].max() < observations.date[test].min()
        assert not set(observations.account[train]) & set(observations.account[test])
        tested += test.tolist()
    assert len(tested) == len(set(tested))
    with pytest.raises(data.TooLittleData, match="5 score dates .* are too few for 5 folds"):
        list(learn.folds(history(accounts=100, dates=5), 5))


@pytest.mark.parametrize("slopes", [[1, 1, 1], [0, 2, 5], [1e-9, 1, 3], [1, 0, 0], [3, 3, 1, 1, 1, 1, 1]])
def test_rounded_weights_sum_to_one(slopes):
    slopes = np.array(slopes, dtype=float)
    weights = learn.as_weights(slopes)
    assert sum(weights) == 10_000 and min(weights) >= 0
    assert np.abs(np.array(weights) / 10_000 - slopes / slopes.sum()).max() <= 1e-4


# The warehouse and the command line


def warehouse(path, observations, horizon=30):
    """A DuckDB file with what weight training reads, from a History."""
    rows = [
        (account, date.item(), "any", "v1", round(float(score), 2), bool(churned), account_split, split, horizon)
        for account, date, score, churned, account_split, split in zip(
            observations.account,
            observations.date,
            observations.score,
            observations.churned,
            observations.account_split,
            observations.split,
            strict=True,
        )  # fmt: skip
    ]
    with duckdb.connect(str(path)) as con:
        con.execute("create table validation_horizons (horizon_days int, min_observations int, min_churners int)")
        con.execute("insert into validation_horizons values (30, 1000, 50), (60, 1000, 50)")
        con.execute("create table dim_accounts as select date '2025-12-31' as as_of")
        columns = ["account_id", "score_date", "compared_stage", "model_version", "score", "has_churned", "account_split"]
        columns += ["split", "horizon_days"]
        frame = learn.pd.DataFrame(rows, columns=columns)
        con.execute(
            "create table fct_churn_labels as select 'restated' as basis, * replace (score_date::date as score_date) "
            "from frame"
        )
        drivers = frame[["account_id", "score_date"]].assign(**dict(zip(METRICS, observations.x.T.round(6), strict=True)))
        drivers = drivers.melt(["account_id", "score_date"], var_name="metric", value_name="normalised")
        con.execute(
            "create table fct_health_drivers as select account_id, score_date::date as score_date, metric, "
            f"normalised::decimal(18, 6) as normalised, 'observed' as value_status from {'drivers'}"
        )
    return path


@pytest.fixture(scope="module")
def proposals(tmp_path_factory):
    """Two proposals from one history, by the command line; the seeds as they were before."""
    folder = tmp_path_factory.mktemp("weights")
    path = warehouse(folder / "h.duckdb", history(accounts=400))
    before = path.read_bytes()
    seeds = folder / "seeds"
    shutil.copytree(PROJECT / "seeds/scoring", seeds / "scoring")
    live = {file.name: file.read_bytes() for file in (seeds / "scoring").iterdir()}
    for name in ("one", "two"):
        arguments = ["--warehouse", str(path), "--out", str(folder / name), "--opinions", str(seeds), "--version", "v3"]
        finished = subprocess.run(
            [sys.executable, "-m", "onboarding_health", "train-weights", *arguments], cwd=PROJECT, capture_output=True, text=True
        )
        assert finished.returncode == 0, finished.stderr
    assert path.read_bytes() == before
    assert {file.name: file.read_bytes() for file in (seeds / "scoring").iterdir()} == live
    return folder


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_history_gives_the_same_files(proposals):
    names = sorted(path.name for path in (proposals / "one").iterdir())
    assert names == sorted(
        [f"{name}.csv" for name in candidate.FILES] + ["report.md", "weights.png", "roc.png", "reliability.png"]
    )
    for name in names:
        assert (proposals / "one" / name).read_bytes() == (proposals / "two" / name).read_bytes(), name


def test_the_rows_fit_the_live_seeds(proposals):
    for name in candidate.FILES:
        live, proposed = rows(PROJECT / f"seeds/scoring/{name}.csv"), rows(proposals / f"one/{name}.csv")
        assert list(proposed[0]) == list(live[0])
        assert {row["model_version"] for row in proposed} == {"v3"}
    weights = rows(proposals / "one/health_weights.csv")
    assert [row["metric"] for row in weights] == [
        row["metric"] for row in rows(PROJECT / "seeds/scoring/health_weights.csv") if row["model_version"] == "v2"
    ]
    assert sum(candidate.Decimal(row["weight"]) for row in weights) == 1
    (version,) = rows(proposals / "one/health_model_versions.csv")
    assert (version["track"], version["effective_from"]) == ("v3", "2000-01-01") and "AUC" in version["rationale"]


def test_the_report_says_what_a_reviewer_asks(proposals):
    page = (proposals / "one/report.md").read_text()
    for words in ("says the same as", "Holdout", "the live score", "![Weights](weights.png)", "nothing live was changed"):
        assert words in page, words


@pytest.mark.parametrize(
    "observations, words",
    [
        (history(accounts=40), "too few observations: 224, needs 1,000"),
        (history(accounts=400).where(slice(0, 0)), "No window of 30 days is over yet"),
    ],
)
def test_too_little_data_is_said_and_stops(observations, words, tmp_path, capsys):
    path = warehouse(tmp_path / "h.duckdb", observations)
    assert run(["train-weights", "--warehouse", str(path), "--out", str(tmp_path / "out")]) == TOO_LITTLE_DATA
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_wrong_input_is_named(tmp_path, capsys):
    assert run(["train-weights", "--warehouse", str(tmp_path / "none.duckdb")]) == 1
    assert "There is no warehouse" in capsys.readouterr().err
    path = warehouse(tmp_path / "h.duckdb", history(accounts=40))
    assert run(["train-weights", "--warehouse", str(path), "--horizon", "31"]) == 1
    assert "31 is no horizon of validation_horizons.csv. Take one of 30, 60." in capsys.readouterr().err
    with pytest.raises(ValueError, match="The version v2 exists already"):
        candidate.write(tmp_path, PROJECT / "seeds", "v2", "v2", {"nps": 10_000}, "", is_learned=False)
    with pytest.raises(ValueError, match="has no metric weather"):
        candidate.write(tmp_path, PROJECT / "seeds", "v2", "v3", {"weather": 10_000}, "", is_learned=False)


# Pairwise judgements

# T. L. Saaty, The Analytic Hierarchy Process (1980): relative distances of six cities from Philadelphia.
CITIES = ["cairo", "tokyo", "chicago", "san_francisco", "london", "montreal"]
DISTANCES = ["1/3 8 3 3 7", "9 3 3 9", "1/6 1/5 2", "1/3 6", "6"]
PUBLISHED = [0.263, 0.397, 0.033, 0.116, 0.164, 0.027]


def judgements(path, pairs):
    path.write_text("metric,other_metric,preference\n" + "".join(f"{','.join(pair)}\n" for pair in pairs))
    return path


def test_a_published_example_is_met(tmp_path):
    pairs = [(CITIES[i], CITIES[i + 1 + j], value) for i, line in enumerate(DISTANCES) for j, value in enumerate(line.split())]
    judged = ahp.weigh(*ahp.read(judgements(tmp_path / "distances.csv", pairs)))
    assert judged.metrics == CITIES
    assert np.abs(judged.weights - PUBLISHED).max() < 0.0015  # theirs have three decimals, by hand
    assert abs(judged.eigenvalue - 6.45) < 0.01
    assert abs(judged.consistency_ratio - 0.45 / 5 / 1.24) < 0.002


def test_judgements_without_contradiction_give_their_own_weights(tmp_path):
    path = judgements(tmp_path / "j.csv", [("nps", "csat_score", "2"), ("depth", "csat_score", "6"), ("nps", "depth", "1/3")])
    judged = ahp.weigh(*ahp.read(path))
    assert dict(zip(judged.metrics, judged.weights.round(9), strict=True)) == {
        "nps": round(2 / 9, 9), "csat_score": round(1 / 9, 9), "depth": round(6 / 9, 9),
    }  # fmt: skip
    assert judged.consistency_ratio < 1e-9
    assert run(["weigh", str(path), "--out", str(tmp_path / "out")]) == 0
    weights = {row["metric"]: row["weight"] for row in rows(tmp_path / "out/health_weights.csv")}
    assert (weights["nps"], weights["csat_score"], weights["depth"]) == ("0.2222", "0.1111", "0.6667")


@pytest.mark.parametrize(
    "pairs, words",
    [
        (
            [("nps", "csat_score", "9"), ("csat_score", "depth", "9"), ("depth", "nps", "9")],
            "contradict each other: consistency ratio",
        ),
        ([("nps", "csat_score", "9"), ("csat_score", "depth", "9")], "nps and depth are not compared"),
        ([("nps", "csat_score", "9"), ("csat_score", "nps", "2")], "line 3: csat_score and nps are judged twice"),
        ([("nps", "csat_score", "10")], "line 2: 10 is not between 1/9 and 9"),
        ([("nps", "csat_score", "more")], "line 2: 'more' is no number"),
        ([("nps", "nps", "1")], "line 2: name two different metrics"),
        ([], "there is no judgement in it"),
    ],
)
def test_judgements_that_cannot_be_used_are_named(pairs, words, tmp_path, capsys):
    path = judgements(tmp_path / "j.csv", pairs)
    assert run(["weigh", str(path), "--out", str(tmp_path / "out")]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_tool_reads_the_marts_of_a_real_build(tmp_path, dirty_house):
    path = tmp_path / "h.duckdb"
    dirty_house.execute(f"attach '{path}' as copied")
    for name in ("fct_churn_labels", "fct_health_drivers", "validation_horizons", "dim_accounts"):
        dirty_house.execute(f"create table copied.{name} as from {name}")
    dirty_house.execute("detach copied")
    observations, needs = data.read(path, 30)
    assert needs == data.Needs(1000, 50)
    expected = dirty_house.execute(
        "select count(*), sum(has_churned::int) from fct_churn_labels "
        "where basis = 'restated' and horizon_days = 30 and has_churned is not null"
    ).fetchone()
    assert (len(observations), observations.churned.sum()) == expected
    assert observations.x.shape == (len(observations), len(observations.metrics)) and not np.isnan(observations.x).all(0).any()
    assert os.path.exists(path)
