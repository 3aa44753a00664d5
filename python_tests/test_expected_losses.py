"""What is at stake equals plain Python, and a score that tells nothing of churn gives everybody about the base rate."""

import datetime
import random
import re
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import warehouse

DAY = datetime.timedelta(days=1)
FIRST = datetime.date(2024, 1, 1)


def table(connection, name, columns, rows):
    """Create a table; columns are 'name type' joined by commas."""
    connection.execute(f"create table {name} ({columns})")
    names = [column.split()[0] for column in re.split(r", (?=[a-z])", columns)]
    connection.register("drawn_rows", pd.DataFrame(rows, columns=names, dtype=object))
    connection.execute(f"insert into {name} from drawn_rows")


def test_stakes_and_their_weeks_are_what_plain_python_says():
    rng, scores, periods, arr = random.Random(5), [], [], {}
    for number in range(60):
        account_id = f"a-{number}"
        for _ in range(rng.choice((0, 1, 2))):
            starts = FIRST + rng.randrange(100) * DAY
            ends = rng.choice((None, starts + rng.randrange(1, 200) * DAY))
            notice = ends - rng.randrange(30) * DAY if ends and rng.random() < 0.5 else None
            periods.append((account_id, starts, ends, rng.choice((None, starts + rng.randrange(400) * DAY)), notice))
        for week in range(14):
            date, status = FIRST + 7 * week * DAY, rng.choice(("scored", "scored", "too_early", "churned", "completed"))
            score = Decimal(rng.randrange(10001)) / 100 if status != "too_early" else None
            version = rng.choice(("v1", "v1", "v2", "v3"))
            scores.append(
                (account_id, rng.choice(("smb", "mid")), date, rng.choice(("live", "live", "idea")), status, version, score)
            )
            if rng.random() < 0.9:
                arr[account_id, date] = Decimal(rng.randrange(10**7)) / 100
    curve = {(version, b): Decimal(rng.randrange(1, 10**6)) / 10**6 for version in ("v1", "v2") for b in range(1, 11)}
    learned = {"v1": (50, Decimal("0.04")), "v2": (49, Decimal("0.3"))}
    curves = [
        ("restated", horizon, version, "score", fold, b, *learned[version], p if (horizon, fold) == (90, 0) else p / 2)
        for (version, b), p in curve.items()
        for horizon, fold in ((90, 0), (90, 1), (30, 0))
    ]
    with warehouse.seeded() as connection:
        table(
            connection, "int_health_scores",
            "account_id varchar, segment varchar, score_date date, track varchar, status varchar, model_version varchar, "
            "score decimal(18, 2)", scores,
        )  # fmt: skip
        table(
            connection, "int_subscription_periods",
            "account_id varchar, starts_on date, ends_on date, term_ends_on date, notice_on date", periods,
        )  # fmt: skip
        table(
            connection, "int_measured_signals", "account_id varchar, date_day date, arr decimal(18, 2)",
            [(*key, value) for key, value in arr.items()],
        )  # fmt: skip
        table(
            connection, "int_churn_curves",
            "basis varchar, horizon_days int, model_version varchar, predictor varchar, left_out_fold int, bin int, "
            "training_churners bigint, base_rate decimal(18, 12), churn_probability decimal(18, 12)", curves,
        )  # fmt: skip
        for model in ("int_expected_losses", "rpt_expected_losses"):
            connection.execute(f"create table {model} as {warehouse.model_sql(model)}")
        query = "select account_id, score_date, is_at_risk, arr_at_stake, expected_arr_loss, stake_basis from int_expected_losses"
        found = {row[:2]: row[2:] for row in connection.execute(query).fetchall()}
        query = "select score_date, segment, accounts, accounts_at_risk, unknown_accounts, expected_arr_loss "
        query += "from rpt_expected_losses"
        weeks = {row[:2]: row[2:] for row in connection.execute(query).fetchall()}
    expected, sums = {}, defaultdict(list)
    for account_id, segment, date, track, status, version, score in scores:
        if track != "live" or status in ("churned", "completed"):
            continue
        churners, base = learned.get(version, (0, None))
        p = curve[version, min(int(score // 10) + 1, 10)] if status == "scored" and churners else base
        p, worth = p if churners >= 50 else None, arr.get((account_id, date))
        bound = any(
            name == account_id and starts <= date and (not ends or ends > date)
            and term and term > date + 97 * DAY and (not notice or notice > date)
            for name, starts, ends, term, notice in periods
        )  # fmt: skip
        stake = None if p is None or worth is None else (p * worth).quantize(Decimal("0.01"), ROUND_HALF_UP)
        basis = "churn probability x ARR" if status == "scored" else "base rate x ARR, the account has no score"
        basis = "no subscription was ever recorded" if worth is None else basis
        basis = "too few churners to learn from" if p is None else basis
        expected[account_id, date] = not bound, stake, Decimal(0) if bound else stake, basis
        for name in (segment, "all"):
            sums[date, name].append(expected[account_id, date])
    assert found == expected
    assert {row[3] for row in found.values()} >= {"churn probability x ARR", "too few churners to learn from"}
    assert {row[0] for row in found.values()} == {True, False}
    assert weeks == {
        key: (
            len(rows), sum(row[0] for row in rows), sum(row[2] is None for row in rows),
            sum((row[2] for row in rows if row[2] is not None), Decimal(0))
            if any(row[2] is not None for row in rows if row[0]) or not any(row[0] for row in rows)
            else None,
        )
        for key, rows in sums.items()
    }  # fmt: skip


def test_a_score_without_relation_to_churn_gives_about_the_base_rate():
    """40 books of 400 accounts, five dates each: the interval holds the book's rate, and nobody else's accounts do better."""
    rng, rows = np.random.default_rng(11), []
    for book in range(40):
        for account in range(400):
            for bin_number, churned in zip(rng.integers(1, 11, 5), rng.random(5) < 0.05, strict=True):
                rows.append(("restated", 30, f"v{book}", "score", 10, int(bin_number), 1 + account % 5, int(churned)))
    columns = "basis varchar, horizon_days int, model_version varchar, predictor varchar, prior_weight int, bin int, fold int"
    with warehouse.seeded() as connection:
        table(connection, "int_health_predictors", f"{columns}, churned int", rows)
        connection.execute(
            "create table int_health_scores (model_version varchar, status varchar, track varchar, score decimal(18, 2))"
        )
        connection.execute(f"create table int_churn_curves as {warehouse.model_sql('int_churn_curves')}")
        held, spread = connection.execute("""
            select avg(if(0.05 between probability_lower and probability_upper, 1, 0)), avg(abs(churn_probability - 0.05))
            from int_churn_curves where left_out_fold = 0
        """).fetchone()
        ours, base = connection.execute("""
            select avg((churned - churn_probability) ** 2), avg((churned - base_rate) ** 2)
            from int_health_predictors
            inner join int_churn_curves using (basis, horizon_days, model_version, predictor, bin)
            where left_out_fold = fold
        """).fetchone()
    assert held > 0.85 and spread < 0.015
    assert ours > base
