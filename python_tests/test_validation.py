"""The validation marts equal scikit-learn and plain numpy, on random observations with ties and on a simulated company."""

import datetime
import itertools
import random
import zlib

import numpy as np
import pandas as pd
import pytest
import warehouse
from scipy import stats
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss, recall_score, roc_auc_score, roc_curve
from statsmodels.stats.multitest import multipletests

TOLERANCE = 1e-9  # the marts hold 12 decimals, lift and counts fewer
Z = 1.959963984540054
DRAWS = 60
KEY = ["basis", "model_version", "segment", "horizon_days", "split", "population", "predictor"]
MARTS = ("rpt_health_lift", "rpt_health_calibration", "rpt_health_validation")
STEPS = ("cohorts", "members", "left_out", "placements", "areas", "differences", "losses")
MODELS = ("int_health_predictors", "int_churn_curves", "int_health_predictions")
MODELS += (*(f"int_validation_{step}" for step in STEPS), *MARTS)
KEYS = ["basis", "account_id", "score_date", "horizon_days"]
DAY = datetime.timedelta(days=1)


def observations(rng):
    """Random outcomes and drivers in which every draw is a model version of its own."""
    outcomes, drivers = [], []
    for draw in range(DRAWS):
        size = rng.choice((1, 2, 3, 8, 30, 150))
        accounts = rng.choice((1, 2, size, max(1, size // 3)))
        step = rng.choice((0.01, 0.01, 5, 50))  # large steps make ties
        rate = rng.choice((0, 0.1, 0.5, 0.5, 1))
        pull = rng.choice((0, 20, 40))
        splits = rng.choice((["none", "train", "validation", "holdout"], ["train"], ["holdout", "none"]))
        dates, seen = rng.choice((1, 1, 4, size)), set()
        for number in range(size):
            has_churned = rng.random() < rate
            score = round(min(100, max(0, rng.gauss(60 - pull * has_churned, 20))) / step) * step
            account_id, score_date = f"a{rng.randrange(accounts)}", datetime.date(2024, 1, 1) + number % dates * DAY
            score_date += 1000 * draw * DAY  # a driver belongs to one draw
            while (account_id, score_date) in seen:
                account_id += "+"
            seen.add((account_id, score_date))
            outcome = "churned" if has_churned else "retained"
            if rng.random() < 0.1:
                outcome = rng.choice(("window_open", "churned_in_gap"))
            outcomes.append(
                (account_id, score_date, rng.choice((30, 60)), f"v{draw}", rng.choice(("smb", "mid")), round(score, 2))
                + (outcome, {"churned": True, "retained": False}.get(outcome), rng.random() < 0.3, rng.choice(splits))
                + (score_date + 40 * DAY, rng.choice(("any", "young")))
            )
            drivers.append(
                (account_id, score_date, "dau_mau", rng.choice(("observed", "observed", "imputed", "dropped")))
                + (round(rng.choice((rng.random(), 0, 1, 0.5)), 6),)
            )
    columns = ["account_id", "score_date", "horizon_days", "model_version", "segment", "score", "outcome"]
    columns += ["has_churned", "is_treated", "split", "window_ends_on", "compared_stage"]
    outcomes = pd.DataFrame(outcomes, columns=columns).astype({"has_churned": "boolean"})
    outcomes["fold"] = [1 + zlib.crc32(name.encode()) % 5 for name in outcomes.account_id]
    drivers = pd.DataFrame(drivers, columns=["account_id", "score_date", "metric", "value_status", "normalised"])
    return outcomes, drivers


@pytest.fixture(scope="module")
def drawn():
    horizons = [row | {"min_observations": "20", "min_churners": "3"} for row in warehouse.seed_rows()["validation_horizons"]]
    with warehouse.seeded({"validation_horizons": horizons}) as connection:
        validate(connection, *observations(random.Random(7)))
        yield connection


def validate(connection, outcomes, drivers):
    """Build the validation marts over these outcomes and drivers."""
    connection.register("outcomes", outcomes)
    connection.register("drivers", drivers)
    connection.execute(
        "create table int_health_outcomes as select 'restated' as basis, * replace (score::decimal(18, 2) as score, "
        "score_date::date as score_date, window_ends_on::date as window_ends_on), "
        "case when score < 50 then 'red' else 'green' end as band from outcomes;"
        "create table int_health_published (account_id varchar, score_date date, model_version varchar, "
        "status varchar, components varchar);"
        "create table int_health_drivers as select * replace (normalised::decimal(18, 6) as normalised, "
        "score_date::date as score_date), 'live' as track from drivers;"
        "create table int_health_scores as select distinct account_id, score_date, 'idea' as track, model_version, "
        "'scored' as status, (hash(account_id, score_date) % 10001 / 100)::decimal(18, 2) as score, "
        "if(hash(score_date, account_id) % 2 = 0, 'red', 'green') as band from int_health_outcomes"
    )
    for model in MODELS:
        connection.execute(f"create table {model} as {warehouse.model_sql(model)}")


def expected_cohorts(outcomes, drivers, candidates, todays_bins):
    """The labelled observations of every cohort, from outcomes, drivers and candidates by pandas alone: key -> frame."""
    labelled = outcomes[outcomes.has_churned.notna()].copy()
    labelled["churned"] = labelled.has_churned.astype(int)
    labelled["high_risk"] = np.nan
    red = (labelled.band == "red").astype(float)
    scores = labelled.assign(predictor="score", value=labelled.score.astype(float), high_risk=red)
    metrics = drivers[drivers.value_status == "observed"]
    metrics = labelled.merge(metrics, on=["account_id", "score_date"])
    metrics = metrics.assign(predictor=metrics.metric, value=metrics.normalised.astype(float).mul(100).round(6))
    ideas = labelled.drop(columns=["score", "band"]).merge(candidates, on=["account_id", "score_date"])
    red = (ideas.band == "red").astype(float)
    ideas = ideas.assign(predictor="candidate " + ideas.track, value=ideas.score.astype(float), high_risk=red)
    rows = pd.concat([scores, ideas, metrics], ignore_index=True)
    rows["bin"] = np.minimum(np.floor(rows.value.round(6) / 10) + 1, 10).astype(int)
    rows["probability"] = rows["base"] = np.nan
    for (basis, version, _, predictor), group in rows.groupby(["basis", "model_version", "horizon_days", "predictor"]):
        for fold, own in group.groupby("fold"):
            train = group[group.fold != fold]
            if train.empty:
                continue
            base = (train.churned.sum() + 0.5) / (len(train) + 1)
            used = set(group.bin) | (set(todays_bins.get(version, ())) if predictor == "score" and basis == "restated" else set())
            smooth = {}
            for number in used:
                inside = train[train.bin == number]
                smooth[number] = inside.churned.sum() + 10 * base, len(inside) + 10
            numbers = np.array(sorted(smooth))
            churn, weight = np.array([smooth[number] for number in numbers]).T
            curve = IsotonicRegression(increasing=False).fit(numbers, churn / weight, sample_weight=weight)
            rows.loc[own.index, "probability"] = curve.predict(own.bin)
            rows.loc[own.index, "base"] = base
    cohorts = {}
    for (basis, version, horizon, predictor), group in rows.groupby(KEY[:2] + ["horizon_days", "predictor"]):
        for segment, split, population in itertools.product(
            ["all", *group.segment.unique()], ["all", *set(group.split) - {"none"}], ["all", "untreated"]
        ):
            chosen = group[
                ((group.segment == segment) | (segment == "all"))
                & ((group.split == split) | (split == "all"))
                & (~group.is_treated | (population == "all"))
            ]
            if len(chosen):
                cohorts[basis, version, segment, horizon, split, population, predictor] = chosen
    return cohorts


def is_banded(key):
    """Whether the predictor is a whole score, of the live version or a candidate."""
    return key[-1] == "score" or key[-1].startswith("candidate ")


def groups_of(cohort):
    """Values and labels of each group of accounts that are compared, those of a score date and stage, as arrays."""
    account, value, churned = pd.factorize(cohort.account_id)[0], cohort.value.to_numpy(), cohort.churned.to_numpy()
    for rows in cohort.groupby(["score_date", "compared_stage"]).indices.values():
        yield value[rows], churned[rows], account[rows]


def pairs_of(cohort):
    """Every churner beside every other of its group: how it is placed (1, tie 0.5, 0), and the accounts of the two."""
    kernels, first, second = [], [], []
    for value, churned, account in groups_of(cohort):
        ours, theirs = value[churned == 1][:, None], value[churned == 0][None, :]
        kernel = (ours < theirs) + 0.5 * (ours == theirs)
        kernels.append(kernel.ravel())
        first.append(np.repeat(account[churned == 1], kernel.shape[1]))
        second.append(np.tile(account[churned == 0], kernel.shape[0]))
    return np.concatenate(kernels), np.concatenate(first), np.concatenate(second)


def delong(value, churned):
    """DeLong's variance of the AUC of independent observations."""
    churners, others = value[churned == 1], value[churned == 0]
    kernel = (churners[:, None] < others[None, :]) + 0.5 * (churners[:, None] == others[None, :])
    first, second = kernel.mean(1), kernel.mean(0)
    return np.var(first, ddof=1) / len(first) + np.var(second, ddof=1) / len(second)


def clustered(kernel, first, second):
    """Obuchowski's variance of the area of these pairs, accounts as clusters; nan where a side has one account only."""
    size = max(first.max(), second.max()) + 1
    x, y = (np.bincount(place, kernel - kernel.mean(), size) for place in (first, second))
    as_churner, as_other = np.bincount(first, minlength=size) > 0, np.bincount(second, minlength=size) > 0
    i10, i01, i = as_churner.sum(), as_other.sum(), (as_churner | as_other).sum()
    if min(i10, i01) < 2:
        return np.nan
    parts = i10 / (i10 - 1) * (x**2).sum() + i01 / (i01 - 1) * (y**2).sum() + 2 * i / (i - 1) * (x * y).sum()
    return parts / len(kernel) ** 2


def jackknife(kernel, first, second):
    """Variance of the area by leaving out one account after the other."""
    names = np.unique(np.concatenate([first, second]))
    areas = np.array([kernel[(first != name) & (second != name)].mean() for name in names])
    return (len(names) - 1) / len(names) * ((areas - areas.mean()) ** 2).sum()


def near(found, expected):
    return abs(float(found) - expected) < TOLERANCE


@pytest.fixture(scope="module", params=["drawn", "dirty_house"])
def world(request):
    """The connection, the cohorts by pandas, and the rows of rpt_health_validation by the same keys."""
    connection = request.getfixturevalue(request.param)
    outcomes = connection.execute("from int_health_outcomes").df().astype({"has_churned": "boolean"})
    drivers = "select account_id, score_date, metric, value_status, normalised from int_health_drivers where track = 'live'"
    candidates = (
        "select account_id, score_date, track, score, band from int_health_scores "
        "where track <> 'live' and track not in (select track from scorecards) and status = 'scored'"
    )
    bins = "select distinct model_version, least(floor(score / 10) + 1, 10)::int as bin from int_health_scores "
    bins = connection.execute(bins + "where track = 'live' and status = 'scored'").df()
    bins = bins.groupby("model_version").bin.agg(list).to_dict()
    expected = expected_cohorts(outcomes, connection.execute(drivers).df(), connection.execute(candidates).df(), bins)
    rows = {tuple(row[KEY]): row for _, row in connection.execute("from rpt_health_validation").df().iterrows()}
    assert expected.keys() <= rows.keys()
    assert all(rows[key].observations == 0 for key in rows.keys() - expected.keys())
    return connection, expected, rows


def test_discrimination(world):
    for key, cohort in world[1].items():
        row, churned = world[2][key], cohort.churned.to_numpy()
        assert (row.observations, row.accounts, row.churners) == (
            len(cohort), cohort.account_id.nunique(), churned.sum(),
        )  # fmt: skip
        assert near(row.base_rate, churned.mean())
        kernel, first, second = pairs_of(cohort)
        assert row.pairs == len(kernel)
        if not len(kernel):
            assert all(map(pd.isna, (row.auc, row.auc_standard_error, row.auc_lower, row.auc_upper, row.ks))), key
            continue
        area = kernel.mean()
        assert near(row.auc, area), key
        two_sided = [(v, c) for v, c, _ in groups_of(cohort) if len(set(c)) == 2]
        weights = [c.sum() * (1 - c).sum() for _, c in two_sided]
        assert near(area, np.average([roc_auc_score(c, -v) for v, c in two_sided], weights=weights))
        assert near(row.ks, separation(cohort, len(kernel))), key
        if len(two_sided) == 1:
            false_share, true_share, _ = roc_curve(two_sided[0][1], -two_sided[0][0], drop_intermediate=False)
            assert near(row.ks, np.abs(true_share - false_share).max()), key
        variance = clustered(kernel, first, second)
        if np.isnan(variance):
            assert pd.isna(row.auc_standard_error) and pd.isna(row.auc_lower) and pd.isna(row.auc_upper), key
            continue
        # A variance near 0 loses digits under the root, so the variances are compared.
        assert near(float(row.auc_standard_error) ** 2, max(variance, 0)), key
        error = float(row.auc_standard_error)
        assert near(row.auc_lower, max(area - Z * error, 0)) and near(row.auc_upper, min(area + Z * error, 1)), key
        if len(two_sided) == 1 and cohort.account_id.is_unique:
            assert near(error**2, delong(*two_sided[0])), key


def test_a_candidate_is_compared_on_the_same_accounts(world):
    tried = 0
    for key, cohort in world[1].items():
        row = world[2][key]
        if not key[-1].startswith("candidate "):
            assert pd.isna(row.auc_difference), key
            continue
        scores = world[1][(*key[:-1], "score")].set_index(["account_id", "score_date", "segment", "split"]).value
        own = cohort.assign(value=scores.reindex(pd.MultiIndex.from_frame(cohort[scores.index.names])).to_numpy())
        (kernel, first, second), (other, *_) = pairs_of(cohort), pairs_of(own)
        if not len(kernel):
            assert pd.isna(row.auc_difference), key
            continue
        difference = kernel - other
        assert near(row.auc_difference, difference.mean()), key
        size = max(first.max(), second.max()) + 1
        excess = difference - difference.mean()
        added = np.bincount(first, excess, size) + np.bincount(second, excess, size)
        count = len(set(first) | set(second))
        if count > 1:
            error = np.sqrt(count / (count - 1) * (added**2).sum()) / len(kernel)
            assert near(row.auc_difference_lower, difference.mean() - Z * error), key
            assert near(row.auc_difference_upper, difference.mean() + Z * error), key
            tried += error > 0
    assert tried > 5


def test_cohorts_are_corrected_for_as_statsmodels_does(world):
    rows = pd.DataFrame(world[2].values())
    judged = rows[rows.adjusted_p_value.notna()]
    assert len(judged) > 20 or rows.churners.max() < 50
    assert (rows.adjusted_p_value.notna() == rows.auc_standard_error.notna() & ~rows.finding.str.startswith("too_")).all()
    for _, family in judged.groupby(["basis", "horizon_days", "split", "population"]):
        error, distance = family.auc_standard_error.astype(float), family.auc.astype(float).sub(0.5).abs()
        chance = np.where(error > 0, 2 * stats.norm.sf(distance / error.where(error > 0)), (distance == 0).astype(float))
        assert np.abs(multipletests(chance, method="fdr_bh")[1] - family.adjusted_p_value.astype(float)).max() < 1e-6
    chance = judged.adjusted_p_value.astype(float) >= 0.05
    assert (chance == (judged.finding == "does_not_predict")).all()


def test_what_is_asked_of_a_part_of_the_book(world):
    lifts = [3, 2, *[(10 - 5.1) / 7] * 7, 0.1]
    for key, cohort in world[1].items():
        row, churners = world[2][key], cohort.churned.sum()
        if not churners:
            assert pd.isna(row.wanted_recall)
            continue
        for share, wanted in ((0.2, row.wanted_recall), (cohort.high_risk.mean(), row.wanted_high_risk_recall)):
            if np.isnan(share):
                assert pd.isna(wanted)
                continue
            asked = np.interp(share * 10, range(11), np.cumsum([0, *lifts]) / 10)
            assert near(wanted, min(asked, share * len(cohort) / churners)), key


def separation(cohort, pairs):
    """The largest difference of the two distributions within the groups, each with the weight of its pairs."""
    values = np.sort(cohort.value.unique())
    total = np.zeros(len(values))
    for value, churned, _ in groups_of(cohort):
        m, n = churned.sum(), (1 - churned).sum()
        if m * n:
            share = [np.searchsorted(np.sort(value[churned == kind]), values, side="right") for kind in (1, 0)]
            total += m * n * (share[0] / m - share[1] / n)
    return np.abs(total).max() / pairs


def drawn_history(rng, accounts=150, dates=6, pull=0.0):
    """Accounts on many dates, each with a level of its own; how many churn goes with the date, not the score, unless pulled."""
    level, rows = rng.normal(0, 1, accounts), []
    for date in range(dates):
        value = np.round(level + rng.normal(0, 0.5, accounts) + 2 * date, 1)
        churned = rng.random(accounts) < rng.uniform(0.02, 0.4) * np.where(level < 0, 1 + pull, 1 - pull)
        rows += [(f"a{i}", date, "any", value[i], int(churned[i])) for i in range(accounts)]
    return pd.DataFrame(rows, columns=["account_id", "score_date", "compared_stage", "value", "churned"])


@pytest.mark.parametrize("pull", (0, 0.7))
def test_the_error_of_the_area_is_the_jackknifes(pull):
    ratios = []
    for seed in range(8):
        pairs = pairs_of(drawn_history(np.random.default_rng(seed), pull=pull))
        ratios.append(clustered(*pairs) / jackknife(*pairs))
    assert min(ratios) > 0.93 and max(ratios) < 1.07


def test_a_score_that_tells_nothing_within_a_date_is_held_to_tell_nothing():
    """Pooled over dates the same scores sort well or badly, as the dates happen to; within them one interval in 20 errs."""
    misses, pooled, draws = 0, [], 200
    for seed in range(draws):
        history = drawn_history(np.random.default_rng(1000 + seed))
        pairs = pairs_of(history)
        misses += abs(pairs[0].mean() - 0.5) > Z * np.sqrt(clustered(*pairs))
        pooled.append(roc_auc_score(history.churned, -history.value))
    assert 0.02 * draws < misses < 0.09 * draws
    assert np.std(pooled) > 0.06


def expected_at_worst(cohort, share):
    """Churners in the worst part of each group: the mean over all orders of the tied, a part of one observation pro rata."""
    found = 0
    for value, churned, _ in groups_of(cohort):
        order = np.argsort(value)
        _, place, sizes = np.unique(value[order], return_inverse=True, return_counts=True)
        rates = (np.bincount(place, churned[order]) / sizes)[place]
        found += np.interp(share * len(value), np.arange(len(value) + 1), np.concatenate([[0], rates.cumsum()]))
    return found


def test_worst_part(world):
    for key, cohort in world[1].items():
        row, churned = world[2][key], cohort.churned.to_numpy()
        count, hits = 0.2 * len(cohort), expected_at_worst(cohort, 0.2)
        assert near(row.worst_observations, count)
        assert near(row.precision_at_worst, hits / count), key
        assert pd.isna(row.recall_at_worst) if churned.sum() == 0 else near(row.recall_at_worst, hits / churned.sum())
        red = cohort.high_risk.to_numpy()
        if np.isnan(red).any():
            assert pd.isna(row.high_risk_observations) and pd.isna(row.recall_of_high_risk)
        else:
            assert row.high_risk_observations == red.sum()
            recall = recall_score(churned, red, zero_division=np.nan)
            assert pd.isna(row.recall_of_high_risk) if np.isnan(recall) else near(row.recall_of_high_risk, recall)


def test_probabilities(world):
    for key, cohort in world[1].items():
        row, churned, probability = world[2][key], cohort.churned.to_numpy(), cohort.probability.to_numpy()
        if np.isnan(probability).any():
            assert pd.isna(row.log_loss) and pd.isna(row.brier_score), key
            continue
        assert near(row.log_loss, log_loss(churned, probability, labels=[0, 1])), key
        assert near(row.brier_score, brier_score_loss(churned, probability, labels=[0, 1])), key
        assert near(row.base_brier_score, brier_score_loss(churned, cohort.base.to_numpy(), labels=[0, 1])), key


def test_lift(world):
    lift = {key: table for key, table in world[0].execute("from rpt_health_lift order by bucket").df().groupby(KEY)}
    assert lift.keys() == set(filter(is_banded, world[1]))
    for key, table in lift.items():
        cohort = world[1][key]
        size, captured = len(cohort), expected_at_worst(cohort, np.arange(11) / 10)
        assert list(table.bucket) == list(range(1, 11))
        assert np.abs(table.observations.astype(float) - size / 10).max() < 1e-6
        assert np.abs(table.churners.astype(float) - np.diff(captured)).max() < 1e-6, key
        if cohort.churned.sum():
            rates = np.diff(captured) / (size / 10) / cohort.churned.mean()
            assert np.abs(table.lift.astype(float) - rates).max() < 1e-7, key
            assert np.abs(table.captured_share.astype(float) - captured[1:] / captured[-1]).max() < TOLERANCE, key
        else:
            assert table.lift.isna().all()


def test_reliability(world):
    tables = {key: table for key, table in world[0].execute("from rpt_health_calibration").df().groupby(KEY)}
    for key, cohort in world[1].items():
        if not is_banded(key) or cohort.probability.isna().any():
            assert key not in tables
            continue
        table = tables.pop(key).set_index("bin")
        groups = cohort.groupby("bin")
        assert (table.observations == groups.size().reindex(table.index)).all() and len(table) == groups.ngroups
        for number, group in groups:
            row, rate, count = table.loc[number], group.churned.mean(), len(group)
            assert near(row.observed_rate, rate) and near(row.predicted_rate, group.probability.mean())
            # Wilson: the rates p with (rate - p) ** 2 = z ** 2 * p * (1 - p) / n.
            low, high = sorted(np.roots([1 + Z**2 / count, -2 * rate - Z**2 / count, rate**2]).real)
            assert near(row.observed_lower, max(low, 0)) and near(row.observed_upper, min(high, 1)), key
    assert not tables


def test_the_draws_meet_the_edges(drawn):
    queries = {
        "one class only": "auc is null and observations > 5",
        "everybody churned": "churners = observations and observations > 5",
        "nobody churned": "churners = 0 and observations > 5",
        "one account with churners only": "auc is not null and auc_standard_error is null",
        "accounts that stand often": "accounts < observations and auc_standard_error > 0",
        "each account once": "accounts = observations and auc_standard_error > 0",
        "nobody in another fold": "log_loss is null and observations > 0",
        "nothing labelled": "observations = 0",
    }
    for edge, condition in queries.items():
        found = drawn.execute(f"select count(*) from rpt_health_validation where {condition}").fetchone()[0]
        assert found >= 3, edge


# Outcomes


@pytest.fixture(scope="module")
def history():
    """Random scores, terms of accounts that leave and may come back, and tasks."""
    rng, first = random.Random(11), datetime.date(2024, 1, 1)
    as_of, periods, scores, tasks = first + 400 * DAY, [], [], []
    for number in range(160):
        account_id, start = f"a-{number}", rng.choice((0, 0, rng.randrange(380)))
        for _ in range(rng.choice((1, 1, 2))):
            end = start + rng.choice((999, rng.randrange(1, 300)))
            ends_on = first + end * DAY if end <= 400 else None
            term_ends_on = first + rng.randrange(start, start + 365) * DAY if rng.random() < 0.3 else None
            notice_on = ends_on - rng.randrange(40) * DAY if ends_on and rng.random() < 0.5 else None
            periods.append((account_id, first + start * DAY, ends_on, term_ends_on, notice_on))
            for day in range(start, min(end, 401)):
                date = first + day * DAY
                if date.weekday() == 0 or day == 400:
                    status = rng.choice(("scored", "scored", "scored", "too_early"))
                    scores.append((account_id, date, "v1", "smb", status, 50 if status == "scored" else None))
            start = end + rng.choice((5, 30, 100))
            if start > 400:
                break
        tasks += [(account_id, first + rng.randrange(400) * DAY) for _ in range(rng.choice((0, 1, 3)))]
    return as_of, periods, scores, tasks


def stage_of(score):
    """Half of the accounts are young throughout."""
    return "young" if int(score[0][2:]) % 2 else "old"


def outcomes_of(as_of, periods, scores, tasks):
    """The rows of int_health_outcomes over these tables, by account, date and horizon."""
    with warehouse.seeded() as connection:
        for name, columns, types, rows in (
            ("base_build_moment", "as_of", "date", [(as_of,)]),
            ("int_treated_days", "account_id, treated_on", "varchar, date", sorted(set(tasks))),
            ("int_accounts", "account_id, segment", "varchar, varchar", sorted({(row[0], "smb") for row in periods})),
            (
                "int_subscription_periods",
                "account_id, starts_on, ends_on, term_ends_on, notice_on",
                "varchar, date, date, date, date",
                periods,
            ),
            ("int_account_completions", "account_id, completed_on", "varchar, date", []),
            (
                "int_health_scores",
                "account_id, score_date, model_version, segment, status, track, score, band, stage",
                "varchar, date, varchar, varchar, varchar, varchar, decimal(18,2), varchar, varchar",
                [(*score[:-1], "live", score[-1], "red", stage_of(score)) for score in scores],
            ),
            (
                "int_health_published",
                "account_id, score_date, model_version, status, score, band",
                "varchar, date, varchar, varchar, decimal(18,2), varchar",
                [(*score[:3], score[4], score[5] and score[5] + 1, "red") for score in scores if score[1].day % 4],
            ),
        ):
            declared = ", ".join(
                map(" ".join, zip(columns.split(", "), types.split(", ", columns.count(",")), strict=True))
            )
            connection.execute(f"create table {name} ({declared})")
            connection.register("drawn_rows", pd.DataFrame(rows, columns=columns.split(", "), dtype=object))
            connection.execute(f"insert into {name} from drawn_rows")
        table = connection.execute(warehouse.model_sql("int_health_outcomes")).df()
    for column in ("score_date", "window_ends_on"):
        table[column] = table[column].dt.date
    return table.astype(object).where(table.notna(), None).set_index(KEYS).sort_index()


@pytest.fixture(scope="module")
def outcomes(history):
    return outcomes_of(*history)


def label(periods, date, gap, end):
    """What a closed window saw."""
    begun = [period for period in periods if period[1] <= end]
    left = None if any(ends is None for _, _, ends, *_ in begun) else max(ends for _, _, ends, *_ in begun)
    for _, starts, ends, term, notice in begun:
        covers = starts <= date and (ends is None or ends > date)
        if covers and term and term > end and (notice is None or notice > date):
            return "not_at_risk"
    if left is None or left > end:
        return "retained"
    return "churned_in_gap" if left <= gap else "churned"


def test_outcomes_are_what_plain_python_says(history, outcomes):
    as_of, periods, scores, tasks = history
    monday, expected = datetime.date(2000, 1, 3), {}
    for account_id, date, _, _, status, _ in scores:
        for horizon in (30, 60, 90):
            weeks = -(-horizon // 7)
            if status != "scored" or (date - monday).days % (7 * weeks):
                continue
            gap, end = date + 7 * DAY, date + (7 + horizon) * DAY
            outcome = label([period for period in periods if period[0] == account_id], date, gap, end)
            if end > as_of:
                outcome = "window_open"
            treated = any(name == account_id and date < day <= gap for name, day in tasks)
            expected["restated", account_id, date, horizon] = outcome, treated, 50
            if date.day % 4:
                expected["known_then", account_id, date, horizon] = outcome, treated, 51
    found = {key: (row.outcome, row.is_treated, row.score) for key, row in outcomes.iterrows()}
    assert found == expected
    assert {outcome for outcome, *_ in found.values()} == {
        "window_open", "not_at_risk", "churned_in_gap", "churned", "retained"
    }  # fmt: skip


def test_an_account_is_compared_with_its_stage_where_enough_of_it_have_a_label(history, outcomes):
    rows = outcomes.reset_index()
    stages = {row[:2]: stage_of(row) for row in history[2]}
    rows["stage"] = [stages[row.account_id, row.score_date] for row in rows.itertuples()]
    groups = rows.groupby(["basis", "horizon_days", "score_date", "stage"])
    counts = groups.has_churned.transform("count")
    assert (rows.compared_stage == rows.stage.where(counts >= 30, "any")).all()
    assert set(rows.compared_stage) == {"any", "young", "old"}


def test_windows_of_an_account_never_overlap(outcomes):
    for (_, _, horizon), rows in outcomes.reset_index().groupby(["basis", "account_id", "horizon_days"]):
        dates = sorted(rows.score_date)
        assert all((later - earlier).days >= horizon for earlier, later in itertools.pairwise(dates))


def test_no_account_stands_on_two_sides_and_no_holdout_precedes_its_training(outcomes):
    rows = outcomes.reset_index()
    assert (rows.groupby(["basis", "account_id", "horizon_days"]).account_split.nunique() == 1).all()
    for _, table in rows[rows.outcome != "window_open"].groupby(["basis", "horizon_days"]):
        days = table.groupby("split").score_date.agg(["min", "max"])
        assert set(days.index) >= {"train", "holdout"}
        assert days.loc["train", "max"] < days.loc["holdout", "min"]
        share = (table.score_date <= days.loc["train", "max"]).mean()
        assert share <= 0.7


def test_labels_change_no_split_and_no_score(history, outcomes):
    as_of, periods, scores, tasks = history
    rng = random.Random(3)
    others = [(*row[:2], None if row[2] and rng.random() < 0.5 else row[2], *row[3:]) for row in periods]
    other = outcomes_of(as_of, others, scores, tasks)
    assert (outcomes.outcome != other.outcome).sum() > 20
    kept = [column for column in outcomes if column not in ("outcome", "has_churned", "is_treated", "compared_stage")]
    pd.testing.assert_frame_equal(outcomes[kept], other[kept])


def test_what_happens_after_a_closed_window_changes_nothing(history):
    as_of, periods, scores, tasks = history
    early = as_of - 100 * DAY

    def by_then(day):
        return day if day and day <= early else None

    before = [
        (name, starts, by_then(ends), term, by_then(notice)) for name, starts, ends, term, notice in periods if starts <= early
    ]
    known = outcomes_of(
        early, before, [row for row in scores if row[1] <= early], [row for row in tasks if row[1] <= early]
    )
    later = outcomes_of(*history)
    closed = known[known.outcome != "window_open"]
    columns = ["outcome", "is_treated", "score", "model_version"]
    assert len(closed) > 100
    pd.testing.assert_frame_equal(closed[columns], later.loc[closed.index, columns])


def test_tasks_at_random_times_without_effect_move_no_verdict():
    """20 books of 150 accounts, each with a level that the score tells; a treatment "before it left" would seem to help."""
    rng, first, books = np.random.default_rng(3), datetime.date(2024, 1, 8), 20
    dates = [day for day in (first + n * DAY for n in range(400)) if (day - datetime.date(2000, 1, 3)).days % 35 == 0]
    periods, scores, tasks = [], [], []
    for number in range(150 * books):
        level, account_id = rng.normal(), f"a-{number}"
        leaves = int(rng.exponential(500 * np.exp(0.6 * level)))
        periods.append((account_id, first, first + leaves * DAY if leaves <= 450 else None, None, None))
        followed = min(leaves, 450)
        tasks += [(account_id, first + int(day) * DAY) for day in rng.integers(0, followed + 1, rng.poisson(followed / 30))]
        for date in dates:
            if (date - first).days < leaves:
                score = float(np.clip(50 + 15 * level + rng.normal(0, 15), 0, 100).round(2))
                scores.append((account_id, date, "v1", "smb", "scored", score))
    days = {}
    for account_id, day in tasks:
        days.setdefault(account_id, []).append(day)
    rows = outcomes_of(first + 450 * DAY, periods, scores, tasks).reset_index()
    rows = rows[(rows.basis == "restated") & (rows.horizon_days == 30) & rows.has_churned.notna()]
    ends = {row[0]: row[2] for row in periods}
    rows["book"] = rows.account_id.str[2:].astype(int) % books
    rows["churned"], rows["value"] = rows.has_churned.astype(int), rows.score.astype(float)
    rows["before_leaving"] = [
        any(
            row.score_date < day <= row.window_ends_on and day < (ends[row.account_id] or day + DAY)
            for day in days.get(row.account_id, ())
        )
        for row in rows.itertuples()
    ]  # fmt: skip
    moved, excess, naive = 0, [], []
    for _, book in rows.groupby("book"):
        for flag, found in (("is_treated", excess), ("before_leaving", naive)):
            treated = book[flag].astype(bool)
            difference = book.churned[treated].mean() - book.churned[~treated].mean()
            found.append(difference / np.sqrt(book.churned.var() * (1 / treated.sum() + 1 / (~treated).sum())))
        everyone, untreated = pairs_of(book), pairs_of(book[~book.is_treated.astype(bool)])
        error = np.sqrt(clustered(*untreated))
        moved += abs(everyone[0].mean() - untreated[0].mean()) > Z * error or abs(excess[-1]) > Z
    assert moved <= 3 and abs(np.mean(excess)) < 0.7
    assert np.mean(naive) < -2, "a treatment before the account left seems to keep accounts, so the placebo can fail"


@pytest.mark.parametrize(("is_told", "finding"), [(True, "does_not_predict"), (False, "predicts")])
def test_what_only_the_contract_term_tells_does_not_predict(is_told, finding):
    """A third pays by the month, is used little and leaves by chance; the others are bound for two years and used much."""
    rng, first = random.Random(5), datetime.date(2024, 1, 1)
    as_of, periods, scores = first + 300 * DAY, [], []
    for number in range(900):
        is_monthly, start, end = number % 3 == 0, first + rng.randrange(20) * DAY, None
        term = start + (30 if is_monthly else 730) * DAY
        while is_monthly and end is None and term <= as_of:
            end = term if rng.random() < 0.15 else None
            term += 30 * DAY
        periods.append((f"a-{number}", start, end, term if is_told and not is_monthly else None, None))
        for day in range(300):
            date = first + day * DAY
            is_sampled = (date - datetime.date(2000, 1, 3)).days % 35 == 0
            if is_sampled and start <= date and (end is None or date < end):
                score = min(100, max(0, round(rng.gauss(35 if is_monthly else 75, 10), 2)))
                scores.append((f"a-{number}", date, "v1", "smb", "scored", score))
    outcomes = outcomes_of(as_of, periods, scores, [("nobody", first)]).reset_index().drop(columns="band")
    drivers = pd.DataFrame(columns=["account_id", "score_date", "metric", "value_status", "normalised"], dtype=object)
    with warehouse.seeded() as connection:
        validate(connection, outcomes.astype({"has_churned": "boolean", "score": float}), drivers)
        row = connection.execute(
            "select finding, not_at_risk, observations, accounts, (select count(*) from int_health_outcomes where outcome = "
            "'not_at_risk' and basis = 'restated' and horizon_days = 30) from rpt_health_validation where basis = 'restated' "
            "and predictor = 'score' and segment = 'all' and split = 'all' and population = 'all' and horizon_days = 30"
        ).fetchone()
    assert row[0].startswith(finding)
    assert row[1] == row[4] and (row[1] > 1000) == is_told
    assert row[3] <= 300 if is_told else row[3] > 800
