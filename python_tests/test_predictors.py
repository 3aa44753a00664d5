"""What predicts equals statsmodels and plain replays, on drawn accounts and a simulated company; factors by lot show nothing."""

import datetime
import random
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
import warehouse
from lifelines import CoxTimeVaryingFitter
from scipy.stats import norm
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.multitest import multipletests

DAY = datetime.timedelta(days=1)
Z = norm.ppf(0.975)
MIN_AT_RISK = 10  # of milestone_settings
MODELS = ("rpt_predictors", "rpt_milestone_hazards")
TABLES = {
    "int_predictor_factors": "factor_kind varchar, factor varchar, account_id varchar, segment varchar, "
    "product_category varchar, landmark_on date, has_factor boolean",
    "fct_landmark_outcomes": "account_id varchar, landmark_on date, outcome varchar, horizon_days int, is_reached boolean",
    "int_onboarding_steps": "account_id varchar, onboarding_number int, segment varchar, milestone_id varchar, started_on date, "
    "reached_on date, waived_on date, followed_on date, churned_on date, is_followed boolean",
}


def judged(connection, **tables):
    """Make the models anew from these rows of their parents."""
    for table, columns in TABLES.items():
        connection.execute(f"create or replace table {table} ({columns})")
        if tables.get(table):
            names = [column.split()[0] for column in columns.split(", ")]
            connection.register("frame", pd.DataFrame(tables[table], columns=names, dtype=object))
            connection.execute(f"insert into {table} select * from frame")
    for model in MODELS:
        connection.execute(f"create or replace table {model} as {warehouse.model_sql(model)}")


def rows_of(connection, model):
    found = connection.execute(f"from {model}").df()
    found = found.set_index(found.columns[0])
    return found.astype(object).where(found.notna(), None)


def strata_of(connection):
    """{predictor_key: {(segment, category): [[with and reached, with and not], [without and reached, without and not]]}}."""
    outcomes = defaultdict(list)
    for account, landmark, *rest in connection.execute("from fct_landmark_outcomes").fetchall():
        outcomes[account, landmark].append(rest)
    found = defaultdict(lambda: defaultdict(lambda: np.zeros((2, 2))))
    for kind, factor, account, segment, category, landmark, has_factor in connection.execute(
        "select factor_kind, factor, account_id, segment, product_category, landmark_on, has_factor from int_predictor_factors"
    ).fetchall():
        for outcome, horizon, is_reached in outcomes[account, landmark]:
            found[f"{kind}|{factor}|{outcome}|{horizon}"][segment, category][1 - has_factor, 1 - is_reached] += 1
    return found


def sato(tables):
    """The difference of Mantel and Haenszel, and its error after Sato, term by term."""
    weights, differences, p, q = [], [], [], []
    for (a, c), (b, d) in tables:
        n1, n0 = a + c, b + d
        n = n1 + n0
        weights.append(n1 * n0 / n)
        differences.append(a / n1 - b / n0)
        p.append((n1**2 * b - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / n**2)
        q.append((a * d + b * c) / (2 * n))
    difference = np.average(differences, weights=weights)
    return difference, np.sqrt(max(difference * sum(p) + sum(q), 0)) / sum(weights)


def ratio_error(tables):
    """The error of the log risk ratio after Greenland and Robins."""
    top = sum(((a + c) * (b + d) * (a + b) - a * b * (a + b + c + d)) / (a + b + c + d) ** 2 for (a, c), (b, d) in tables)
    r = sum(a * (b + d) / (a + b + c + d) for (a, c), (b, d) in tables)
    s = sum(b * (a + c) / (a + b + c + d) for (a, c), (b, d) in tables)
    return np.sqrt(top / (r * s))


def e_value(ratio):
    ratio = max(ratio, 1 / ratio)
    return ratio + np.sqrt(ratio * (ratio - 1))


def check(row, strata):
    """A row of rpt_predictors against statsmodels and the formulas; returns its p."""
    total = sum(strata.values())
    assert [row.with_accounts, row.with_reached] == [total[0].sum(), total[0, 0]]
    assert [row.without_accounts, row.without_reached] == [total[1].sum(), total[1, 0]]
    tables = [table for table in strata.values() if table.sum(axis=1).all()]
    compared = sum(tables, np.zeros((2, 2))).sum(axis=1)
    assert [row.compared_with, row.compared_without, row.strata_compared] == [*compared, len(tables)]
    if min(compared) < MIN_AT_RISK:
        assert row.finding == "too_few_accounts" and row.risk_difference is None and row.e_value is None
        return None
    difference, error = sato(tables)
    assert float(row.risk_difference) == pytest.approx(difference, abs=2e-9)
    assert float(row.risk_difference_error) == pytest.approx(error, abs=1e-7)
    assert float(row.risk_difference_upper) == pytest.approx(difference + Z * error, abs=3e-7)
    stratified = StratifiedTable([table for table in tables if table.sum() > 1])
    if sum(table[:, 0].prod() > 0 or table[0, 0] > 0 for table in tables) and sum(table[1, 0] for table in tables):
        assert float(row.risk_ratio) == pytest.approx(stratified.riskratio_pooled, rel=1e-7)
        assert float(row.e_value) == pytest.approx(e_value(stratified.riskratio_pooled), abs=1e-5)
        spread = Z * ratio_error(tables)
        ends = sorted(np.exp(np.log(stratified.riskratio_pooled) + sign * spread) for sign in (-1, 1))
        bound = 1 if ends[0] <= 1 <= ends[1] else e_value(min(ends, key=lambda end: abs(np.log(end))))
        assert float(row.e_value_of_bound) == pytest.approx(bound, abs=1e-4)
    if all(table[:, 0].sum() == 0 or table[:, 1].sum() == 0 for table in tables):
        assert row.finding == "nothing_to_compare" and row.p_value is None
        return None
    assert float(row.p_value) == pytest.approx(stratified.test_null_odds(correction=False).pvalue, abs=1e-7)
    return row.p_value


def check_all(connection):
    """Every row, and the correction over each outcome and horizon; returns how many have a p."""
    found, strata = rows_of(connection, "rpt_predictors"), strata_of(connection)
    assert set(found.index) == set(strata)
    for row in found.itertuples():
        check(row, strata[row.Index])
    told = found[found["p_value"].notna()]
    for _, family in told.groupby(["outcome", "horizon_days"]):
        adjusted = multipletests(family["p_value"].astype(float), method="fdr_bh")[1]
        assert family["p_value_adjusted"].astype(float).tolist() == pytest.approx(adjusted.tolist(), abs=1e-9)
        assert set(family["family"]) == {len(family)}
        assert (family["finding"].isin(["more_with", "fewer_with"]).to_numpy() == (adjusted < 0.05)).all()
    return len(told)


def check_hazards(connection):
    """Rate ratios of person-time, day by day; returns how many there are."""
    steps = connection.execute("from int_onboarding_steps where onboarding_number = 1 and is_followed").df()
    found, told = rows_of(connection, "rpt_milestone_hazards"), 0
    for milestone, rows in steps.groupby("milestone_id"):
        strata = defaultdict(lambda: np.zeros((2, 2)))  # [after or before][churned or days]
        for row in rows.itertuples():
            last = min(row.followed_on, row.waived_on) if not pd.isna(row.waived_on) else row.followed_on
            age = (last - row.started_on).days
            reached = age if pd.isna(row.reached_on) else (row.reached_on - row.started_on).days
            for day in range(age + 1):
                is_before = int(day <= max(reached, 0))
                strata[row.segment, day // 7][is_before] += [day == age and row.churned_on <= last, 1]
        (churned_after, days_after), (churned_before, days_before) = sum(strata.values(), np.zeros((2, 2)))
        row = found.loc[milestone]
        counted = [row.churned_after, row.days_after, row.churned_before, row.days_before]
        assert counted == [churned_after, days_after, churned_before, days_before]
        r = sum(a * t0 / (t1 + t0) for (a, t1), (b, t0) in strata.values())
        s = sum(b * t1 / (t1 + t0) for (a, t1), (b, t0) in strata.values())
        v = sum((a + b) * t1 * t0 / (t1 + t0) ** 2 for (a, t1), (b, t0) in strata.values())
        has_few = churned_after + churned_before < MIN_AT_RISK or not r * s
        if has_few or abs(np.log(r / s)) + Z * np.sqrt(v / (r * s)) > np.log(1e6):
            assert row.rate_ratio is None
            continue
        told += 1
        assert float(row.rate_ratio) == pytest.approx(r / s, rel=1e-7)
        assert float(row.rate_ratio_upper) == pytest.approx(r / s * np.exp(Z * np.sqrt(v / (r * s))), rel=1e-6)
        assert float(row.p_value) == pytest.approx(2 * norm.cdf(-abs(r - s) / np.sqrt(v)), abs=1e-7)
    return told


def test_predictors_of_a_simulated_company_equal_the_libraries(dirty_house):
    assert check_all(dirty_house) >= 5
    check_hazards(dirty_house)


def drawn_step(rng, account, base, ratio):
    """A step of an account that churns at a daily rate, `ratio` times that from the day after the milestone on."""
    started_on = datetime.date(2024, 1, 1) + rng.randrange(100) * DAY
    reached = rng.randrange(0, 120) if rng.random() < 0.7 else None
    last = rng.randrange(0, 300)
    for day in range(last + 1):
        if rng.random() < base * (ratio if reached is not None and day > reached else 1):
            last, churned_on = day, started_on + day * DAY
            break
    else:
        churned_on = None
    reached_on = started_on + reached * DAY if reached is not None and reached <= last else None
    waived_on = started_on + rng.randrange(300) * DAY if reached_on is None and rng.random() < 0.05 else None
    return started_on, reached_on, waived_on, started_on + last * DAY, churned_on


def test_drawn_predictors_and_hazards_equal_the_libraries():
    rng = random.Random(6)
    factors, outcomes, steps = [], [], []
    for number in range(40):
        factor, size = f"F{number}", rng.choice((15, 60, 300))
        shares, chance = [rng.choice((0, 1, rng.random(), rng.random())) for _ in range(2)], rng.choice((0.1, 0.5, 0.9))
        for n in range(size):
            account, has_factor = f"{factor} {n}", rng.random() < chance
            landmark = datetime.date(2025, 1, 1) + rng.randrange(3) * DAY
            row = ("milestone", factor, account, rng.choice("sml"), rng.choice(("api", "hr")), landmark, has_factor)
            factors.append(row)
            for outcome in rng.sample([("retained", 90), ("expanded", 180)], rng.randint(0, 2)):
                outcomes.append((account, landmark, *outcome, rng.random() < shares[has_factor]))
    for number in range(4):
        for n in range(250):
            row = drawn_step(rng, n, 0.004, (1, 0.4, 2, 1)[number])
            steps.append((f"{n}", 1 + (rng.random() < 0.05), rng.choice("sm"), f"M{number}", *row, rng.random() < 0.95))
    with warehouse.seeded() as connection:
        judged(connection, int_predictor_factors=factors, fct_landmark_outcomes=outcomes, int_onboarding_steps=steps)
        assert check_all(connection) > 20
        assert check_hazards(connection) == 4
        findings = {finding for (finding,) in connection.execute("select finding from rpt_predictors").fetchall()}
        assert findings == {"more_with", "fewer_with", "no_association_shown", "too_few_accounts", "nothing_to_compare"}


def test_a_rate_ratio_is_near_to_coxs_hazard_ratio():
    """2,000 accounts that churn at 0.5 times the rate from the day after the milestone on: lifelines says about the same."""
    rng = random.Random(2)
    steps, periods = [], []
    for n in range(2000):
        started_on, reached_on, _, followed_on, churned_on = drawn_step(rng, n, 0.004, 0.5)
        steps.append((f"{n}", 1, "s", "M", started_on, reached_on, None, followed_on, churned_on, True))
        end = (followed_on - started_on).days + 1
        reached = end if reached_on is None else min((reached_on - started_on).days + 1, end)
        for start, stop, has_it in ((0, reached, 0), (reached, end, 1)):
            if start < stop:
                periods.append((n, start, stop, has_it, churned_on is not None and stop == end))
    with warehouse.seeded() as connection:
        judged(connection, int_onboarding_steps=steps)
        row = rows_of(connection, "rpt_milestone_hazards").loc["M"]
    frame = pd.DataFrame(periods, columns=["id", "start", "stop", "has_it", "churned"])
    fitted = CoxTimeVaryingFitter().fit(frame, id_col="id", event_col="churned", start_col="start", stop_col="stop")
    cox = float(np.exp(fitted.params_["has_it"]))
    print(float(row.rate_ratio), cox)
    assert float(row.rate_ratio) == pytest.approx(cox, rel=0.03)
    assert row.rate_ratio_lower <= 0.5 <= row.rate_ratio_upper


def test_a_factor_drawn_by_lot_shows_nothing_at_the_stated_rate():
    """100 books of 10 factors by lot: p is below 0.05 in about 5 % of 1,000 rows, and in about 5 % of books one is named."""
    rng = np.random.default_rng(1)
    low, named = [], []
    with warehouse.seeded() as connection:
        factors, outcomes = [], []
        for book in range(100):
            for account in range(200):
                segment, category, landmark = "sml"[account % 3], "ah"[account % 2], datetime.date(2025, 1, 1)
                key = f"{book} {account}"
                outcomes.append((key, landmark, "retained", 1 + book, rng.random() < 0.6 + 0.1 * (account % 3)))
                chance = 0.3 + 0.2 * (account % 3)  # segments differ in both: unadjusted, lots would look like causes
                factors += [
                    ("milestone", f"F{n}", key, segment, category, landmark, rng.random() < chance) for n in range(10)
                ]
        judged(connection, int_predictor_factors=factors, fct_landmark_outcomes=outcomes)
        found = rows_of(connection, "rpt_predictors")
    for _, family in found.groupby("horizon_days"):
        low += (family["p_value"].astype(float) < 0.05).tolist()
        named.append((family["finding"] != "no_association_shown").any())
    print(np.mean(low), np.mean(named))
    assert len(low) == 1000 and 0.03 < np.mean(low) < 0.07 and np.mean(named) <= 0.11
