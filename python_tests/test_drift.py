"""rpt_health_drift equals a computation in numpy, on random scores, metrics and churns; a book that only ages doesn't drift."""

import datetime
import random

import numpy as np
import pandas as pd
import pytest
import warehouse

TOLERANCE = 1e-9  # the mart holds 10 decimals
MONDAY, WEEKS, ACCOUNTS = datetime.date(2024, 1, 1), 30, 90
AS_OF = MONDAY + datetime.timedelta(7 * WEEKS + 2)
METRICS = ("coin", "constant", "peaked", "sliding", "uniform")
BANDS = ("red", "yellow", "green")
STEPS = ("account_dates", "values", "account_sums", "matches", "sums", "stability", "calibration", "measures")
MODELS = (*(f"int_drift_{step}" for step in STEPS), "rpt_health_drift")
KEY = ["model_version", "segment", "stage", "month", "measure", "subject"]


def draw_value(metric, week, rng):
    if metric == "coin":
        return float(rng.random() < 0.5)
    if metric == "constant":
        return 0.7
    if metric == "peaked":
        return round(rng.choice((0, 0, 0, 0.1, 0.2, 1)), 6)  # edges of buckets, and empty ones between
    shift = week / WEEKS if metric == "sliding" else 0
    return round(min(1, rng.random() * (1 - shift / 2) + shift / 2), 6)


def draw(seed):
    """Frames of the models that those of drift read; two versions, one of which begins late, two stages, and a candidate."""
    rng = random.Random(seed)
    scores, metrics, accounts, predictions = [], [], [], []
    for number in range(ACCOUNTS):
        account, first = f"a{number:03}", rng.randrange(WEEKS // 2)
        segment = "smb" if number % 3 else "enterprise" if number % 2 else "mid_market"
        last = rng.choice((WEEKS, WEEKS, rng.randrange(first, WEEKS)))
        churned_on = None
        if last < WEEKS:
            churned_on = MONDAY + datetime.timedelta(7 * last + rng.randrange(7))
        accounts.append((account, MONDAY + datetime.timedelta(7 * first - rng.randrange(40)), churned_on))
        days = [MONDAY + datetime.timedelta(7 * week) for week in range(first, last)]
        for day in [*days, MONDAY + datetime.timedelta(7 * last + 2)]:
            week = (day - MONDAY).days // 7
            version = "v2" if segment == "smb" and week >= WEEKS // 3 else "v1"
            status = rng.choice(("scored",) * 6 + ("too_early", "too_little_data"))
            if churned_on and day >= churned_on:
                status = "churned"
            score = round(100 * draw_value("sliding", week, rng), 2) if status == "scored" else None
            band = None if score is None else BANDS[int(score >= 50) + int(score >= 70)]
            coverage = round(rng.random(), 4) if status in ("scored", "too_little_data") else None
            stage = "young" if week - first < 6 else "old"
            row = account, day, version, segment, stage, status, score, band, coverage
            scores += [("live", *row), ("idea", *row[:6], 100, "green", 1)]
            if coverage is not None:
                for metric in METRICS:
                    value_status = rng.choice(("observed",) * 4 + ("imputed", "dropped"))
                    value = None if value_status == "dropped" else draw_value(metric, week, rng)
                    metrics.append(("live", account, day, metric, value_status, value))
                    metrics.append(("idea", account, day, metric, "observed", 1))
            if score is not None and week % 5 == number % 2:
                split = rng.choice(("train", "none")) if week < WEEKS / 2 else rng.choice(("validation", "holdout", "none"))
                for horizon, basis, predictor in ((30, "restated", "score"), (60, "restated", "score"),
                                                  (30, "known_then", "score"), (30, "restated", "coin")):  # fmt: skip
                    probability = rng.choice((None,) * (horizon == 60) + (round(0.5 * rng.random(), 12),))
                    churned = int(rng.random() < 0.2 + week / WEEKS / 4)
                    predictions.append((basis, predictor, account, day, horizon, version, segment, split, churned, probability))
    names = ["track", "account_id", "score_date", "model_version", "segment", "stage", "status", "score", "band", "coverage"]
    return {
        "int_health_scores": pd.DataFrame(scores, columns=names),
        "int_health_metrics": pd.DataFrame(
            metrics, columns=["track", "account_id", "score_date", "metric", "value_status", "normalised_value"]
        ),
        "int_health_predictions": pd.DataFrame(
            predictions,
            columns=["basis", "predictor", "account_id", "score_date", "horizon_days", "model_version", "segment", "split"]
            + ["churned", "churn_probability"],
        ),
        "int_accounts": pd.DataFrame(accounts, columns=["account_id", "started_on", "churned_on"]),
        "int_account_completions": pd.DataFrame(
            [(account, end) for account, _, end in accounts if end and end.day % 5 == 0], columns=["account_id", "completed_on"]
        ),
        "base_build_moment": pd.DataFrame({"as_of": [AS_OF]}),
    }


TYPES = {
    "score_date": "date",
    "started_on": "date",
    "churned_on": "date",
    "completed_on": "date",
    "as_of": "date",
    "score": "decimal(9, 2)",
    "coverage": "decimal(9, 4)",
    "horizon_days": "integer",
    "churned": "integer",
    "churn_probability": "decimal(18, 12)",
    "normalised_value": "decimal(18, 6)",
}


def built(frames, settings, thresholds):
    with warehouse.seeded({"drift_settings": [settings], "drift_thresholds": thresholds}) as connection:
        for table, frame in frames.items():
            connection.register("frame", frame)
            columns = ", ".join(f"{name}::{TYPES.get(name, 'varchar')} as {name}" for name in frame)
            connection.execute(f"create table {table} as select {columns} from frame")
        for model in MODELS:
            connection.execute(f"create table {model} as {warehouse.model_sql(model)}")
        rows = connection.execute("from rpt_health_drift").df()
    return rows.set_index(KEY, verify_integrity=True)


def psi(values, reference, weights, buckets, smoothing):
    edges = np.arange(buckets + 1)
    counts = [
        np.histogram(np.floor(np.round(np.array(side) * buckets, 9)).clip(0, buckets - 1), edges, weights=weight)[0]
        for side, weight in ((values, None), (reference, weights * len(reference)))
    ]
    seen = (counts[0] + counts[1]) > 0
    p, q = ((count[seen] + smoothing) / (count[seen].sum() + smoothing * seen.sum()) for count in counts)
    return ((p - q) * np.log(p / q)).sum(), seen.sum()


def windows(judged, settings):
    """The rows of each age from its reference window on, with whether they are of it; None = of no window that is over."""
    for _, rows in judged.groupby("age_band"):
        counts = rows[rows["status"] == "scored"].groupby("score_date").size()
        dates = counts.index[counts >= int(settings["min_age_accounts"])]
        end = min(dates) + datetime.timedelta(7 * int(settings["reference_weeks"]) - 1) if len(dates) else None
        if end and end <= AS_OF:
            rows = rows[rows["score_date"] >= min(dates)]
            yield rows.assign(is_reference=rows["score_date"] <= end)
        else:
            yield rows.assign(is_reference=False)


def expected(frames, settings):
    """{key: (drift, noise before its multiple, counts of accounts)} of every row that has two sides and a drift."""
    horizon = datetime.timedelta(int(settings["churn_horizon_days"]))
    buckets = int(settings["bucket_count"])
    scores = frames["int_health_scores"].query("track == 'live' and status != 'churned'")
    scores = scores[[day.weekday() == 0 for day in scores["score_date"]]]
    scores = scores.merge(frames["int_accounts"], on="account_id")
    ages = zip(scores["score_date"], scores["started_on"], strict=True)
    scores["age_band"] = [(day - start).days // int(settings["age_band_days"]) for day, start in ages]
    metrics = frames["int_health_metrics"].query("track == 'live'")
    found = {}
    for (version, stage), judged in scores.groupby(["model_version", "stage"]):
        judged = pd.concat(windows(judged, settings))
        for segment in ("all", "smb", "mid_market", "enterprise"):
            own = judged if segment == "all" else judged[judged["segment"] == segment]
            reference, current = own[own["is_reference"]], own[~own["is_reference"]]
            for month, rows in current.groupby([day.replace(day=1) for day in current["score_date"]]):
                for measure, subject, drift, noise, sides in compare(rows, reference, metrics, buckets, horizon, settings):
                    found[version, segment, stage, pd.Timestamp(month), measure, subject] = drift, noise, sides
    return found | dict(calibration(frames["int_health_predictions"]))


def calibration(predictions):
    """Gaps between churn and its prediction by month, of what is not training, less the gap in training."""
    rows = predictions[(predictions["basis"] == "restated") & (predictions["predictor"] == "score")]
    rows = rows.dropna(subset="churn_probability")
    for (version, horizon), judged in rows.groupby(["model_version", "horizon_days"]):
        for segment in ("all", "smb", "mid_market", "enterprise"):
            own = judged if segment == "all" else judged[judged["segment"] == segment]
            train, rest = own[own["split"] == "train"], own[own["split"] != "train"]
            for month, seen in rest.groupby([day.replace(day=1) for day in rest["score_date"]]):
                if len(train):
                    sides = seen, train
                    gap, fitted = (side["churned"].mean() - side["churn_probability"].mean() for side in sides)
                    spread = sum((s["churn_probability"] * (1 - s["churn_probability"])).sum() / len(s) ** 2 for s in sides)
                    key = version, segment, "all", pd.Timestamp(month), "calibration", f"{horizon} days"
                    accounts = tuple(side["account_id"].nunique() for side in sides)
                    yield key, (gap - fitted, np.sqrt(spread), (*accounts, 0))


def completes(scores, horizon):
    """Whether the account of each score completes within the horizon."""
    dated = zip(scores["churned_on"], scores["score_date"], strict=True)
    return np.array([not pd.isna(end) and end.day % 5 == 0 and end <= day + horizon for end, day in dated], dtype=bool)


def matched(rows, reference):
    """The rows x of ages that both sides have, the weights of those of the reference, the variance of a mean, the accounts."""
    ages = set(rows["age_band"]) & set(reference["age_band"])
    kept, past = (side[side["age_band"].isin(ages)] for side in (rows, reference))
    weights = past["age_band"].map(kept["age_band"].value_counts(normalize=True) / past["age_band"].value_counts())
    weights = weights.to_numpy(float)
    n, m = (side["account_id"].nunique() for side in (kept, past))
    variance = (1 / n if n else 0) + (pd.Series(weights).groupby(past["account_id"].to_numpy()).sum() ** 2).sum()
    return kept["x"].to_numpy(float), past["x"].to_numpy(float), weights, variance, (n, m, rows["account_id"].nunique() - n)


def compare(rows, reference, metrics, buckets, horizon, settings):
    def both(function):
        return [function(side) for side in (rows, reference)]

    def proportion(measure, subject, sides):
        x, y, weights, variance, accounts = matched(*sides)
        if accounts[0]:
            q = round((weights * y).sum(), 12)  # exactly 0 or 1 where all are
            yield measure, subject, x.mean() - q, np.sqrt(q * (1 - q) * variance), accounts

    def churns(side, band):
        known = side[(side["band"] == band) & (side["score_date"] + horizon <= AS_OF) & ~completes(side, horizon)]
        ends = zip(known["churned_on"], known["score_date"], strict=True)
        return known.assign(x=[float(not pd.isna(end) and end <= day + horizon) for end, day in ends])

    for subject in ("score", *METRICS):
        judged = both(lambda side: side[side["coverage"].notna()])
        if subject == "score":
            observed = [side.assign(x=side["score"] / 100).dropna(subset="score") for side in judged]
            coverage = [side.assign(x=side["coverage"]) for side in judged]
        else:
            own = metrics[metrics["metric"] == subject][["account_id", "score_date", "value_status", "normalised_value"]]
            joined = [side.merge(own, on=["account_id", "score_date"]) for side in judged]
            coverage = [side.assign(x=(side["value_status"] == "observed").astype(float)) for side in joined]
            observed = [side[side["value_status"] == "observed"].assign(x=lambda s: s["normalised_value"]) for side in joined]
        yield from proportion("coverage", subject, coverage)
        x, y, weights, variance, accounts = matched(*observed)
        if accounts[0]:
            value, seen = psi(x, y, weights, buckets, float(settings["smoothing"]))
            yield "psi", subject, value, (seen - 1) * variance, accounts
            if len(set(y)) > 1:
                mean = (weights * y).sum()
                deviation = np.sqrt((weights * (y - mean) ** 2).sum())
                yield "mean_shift", subject, (x.mean() - mean) / deviation, np.sqrt(variance), accounts
    for status in ("too_early", "too_little_data"):
        flagged = both(lambda side, s=status: side.assign(x=(side["status"] == s).astype(float)))
        yield from proportion("status_share", status, flagged)
    for band in BANDS:
        yield from proportion("churn_rate", band, both(lambda side, b=band: churns(side, b)))


@pytest.mark.parametrize("seed", range(4))
def test_drift_equals_numpy(seed):
    rng = random.Random(f"settings {seed}")
    settings = {
        "reference_weeks": str(rng.choice((2, 4, 7))),
        "min_accounts": str(rng.choice((3, 8))),
        "min_age_accounts": str(rng.choice((1, 3, 6))),
        "age_band_days": str((28, 45, 80, 400)[seed]),
        "bucket_count": str(rng.choice((2, 5, 10, 13))),
        "smoothing": rng.choice(("0.5", "1", "0.01")),
        "churn_horizon_days": str(rng.choice((7, 20, 45))),
    }
    thresholds = [row | {"noise_multiple": str(rng.choice((0, 1, 2)))} for row in warehouse.seed_rows()["drift_thresholds"]]
    frames = draw(seed)
    rows, wanted = built(frames, settings, thresholds), expected(frames, settings)
    limits = {row["measure"]: {name: float(row[name] or "inf") for name in row if name != "measure"} for row in thresholds}
    assert len(wanted) > 300 and wanted.keys() <= set(rows.index)
    for key, row in rows.iterrows():
        if key not in wanted:
            assert pd.isna(row["drift"]) and row["status"] in ("too_few_accounts", "no_spread", "no_reference"), key
            continue
        drift, noise, sides = wanted[key]
        limit = limits[key[4]]
        noise *= limit["noise_multiple"]
        assert (row["accounts"], row["reference_accounts"], row["unmatched_accounts"]) == sides, key
        assert abs(float(row["drift"]) - drift) < TOLERANCE, (key, row["drift"], drift)
        assert abs(float(row["noise"]) - noise) < TOLERANCE, (key, row["noise"], noise)
        if min(sides[:2]) < int(settings["min_accounts"]):
            assert row["status"] == "too_few_accounts" and pd.isna(row["level"]), key
        else:
            beyond = [name for name in ("warn", "alert") if round(abs(drift), 10) >= max(limit[f"{name}_at"], round(noise, 10))]
            assert row["level"] == (beyond or ["ok"])[-1], key
            whose = key[1] if key[2] == "all" else f"{key[1]}, {key[2]},"
            assert row["finding"].startswith(f"{key[5]} of {whose} in {key[3]:%Y-%m}: "), key
    assert {"young", "old", "all"} == {key[2] for key in wanted}
    levels = set(rows["level"].dropna())
    assert levels == {"ok", "warn", "alert"} and set(rows["status"]) >= {"compared", "too_few_accounts", "no_spread"}


def book(event, seed):
    """Accounts that start all year and whose one metric falls with their age; from the autumn on what `event` does happens."""
    rng = np.random.default_rng(seed)
    weeks, scores, metrics, accounts = 75, [], [], []
    monday = AS_OF - datetime.timedelta(7 * weeks + 2)
    for number in range(400):
        account, first, level = f"a{number:03}", int(rng.integers(weeks - 4)), rng.normal(0, 0.05)
        accounts.append((account, monday + datetime.timedelta(7 * first), None))
        for week in range(first + 1, weeks + 1):
            day, is_late = monday + datetime.timedelta(7 * week), week > 60
            value = 0.15 + 0.7 * 0.5 ** ((week - first) / 12) + level + rng.normal(0, 0.05)
            if is_late and event == "behaviour changes":
                value *= 0.6
            if is_late and event == "tracker counts nothing":
                value = 0
            is_observed = not (is_late and event == "tracker is silent" and number % 2)
            value = round(float(np.clip(value, 0, 1)), 6)
            scores.append(("live", account, day, "v1", "smb", "all ages", "scored", round(100 * value, 2), "green", 1))
            status = "observed" if is_observed else "imputed"
            metrics.append(("live", account, day, "momentum", status, value))
    frames = draw(0)
    tables = {"int_health_scores": scores, "int_health_metrics": metrics, "int_accounts": accounts}
    empty = {name: frames[name].head(0) for name in ("int_health_predictions", "int_account_completions")}
    return frames | {name: pd.DataFrame(rows, columns=frames[name].columns) for name, rows in tables.items()} | empty


@pytest.mark.parametrize(
    ("event", "age_band_days", "measures"),
    [
        ("nothing", "28", set()),
        ("nothing", "3650", {"psi", "mean_shift"}),  # what comparing a stage as one would say
        ("behaviour changes", "28", {"psi", "mean_shift"}),
        ("tracker counts nothing", "28", {"psi", "mean_shift"}),
        ("tracker is silent", "28", {"coverage"}),
    ],
)
def test_a_book_that_only_ages_does_not_drift_and_one_that_changes_does(event, age_band_days, measures):
    seeds = warehouse.seed_rows()
    settings = seeds["drift_settings"][0] | {"age_band_days": age_band_days}
    rows = built(book(event, 1), settings, seeds["drift_thresholds"]).reset_index()
    momentum = rows[(rows["subject"] == "momentum") & (rows["segment"] == "all")]
    last = momentum[momentum["month"] == momentum["month"].max()]
    assert set(last["status"]) <= {"compared"} and set(last[last["level"] != "ok"]["measure"]) == measures
    if event == "nothing" and not measures:
        assert set(momentum["level"].dropna()) == {"ok"} and (momentum["unmatched_accounts"] > 0).any()
