"""The curves of first value equal lifelines (Kaplan-Meier, delayed entry included) and exact fractions (cumulative incidence): on
random times to value, and on a simulated company."""

import datetime
import itertools
import random
import warnings
from collections import defaultdict
from fractions import Fraction

import duckdb
import numpy as np
import pandas as pd
import pytest
import warehouse
from lifelines import KaplanMeierFitter
from lifelines.exceptions import StatError
from lifelines.utils import median_survival_times, survival_table_from_events

DRAWS = 250
TOLERANCE = 1e-9  # the marts hold 10 decimals
Z = 1.959963984540054
KEY = ["cohort_period", "cohort_start", "persona", "segment", "product_category"]
TIMES = [
    "onboarding_number",
    "persona",
    "is_primary",
    "segment",
    "product_category",
    "started_on",
    "entered_after_days",
    "followed_days",
    "days_to_value",
    "outcome",
]


MIN_AT_RISK = 10  # of milestone_settings


def draw(rng):
    """Times to value of one random cohort: (day of entry, days followed, days to value or None, outcome)."""
    size = rng.choice((1, 1, 2, 3, 5, 12, 40, 150))
    longest = rng.choice((0, 1, 5, 13, 14, 29, 30, 60, 90, 200))  # few days make ties, and edges of the horizons
    share = rng.choice((0, 0.1, 0.5, 0.9, 1))
    late = rng.choice((0, 0, 0.1, 0.5, 0.9, 1))
    waits = []
    for _ in range(size):
        days = rng.randint(0, longest)
        entered = rng.randint(0, days) if rng.random() < late else 0
        # First value on a day that is not over comes after the days followed.
        value = days + (rng.random() < 0.1) if rng.random() < share else None
        ended = rng.choice(("churned", "censored", "waived")) if value is None else "activated"
        waits.append((entered, days, value, ended))
    return waits


def times_to_value(rng):
    """One table of times to value in which every draw is a persona of its own.

    Segments and categories cut a draw further, so the cohorts of all of them are sums of parts.
    """
    first_day, rows = datetime.date(2024, 12, 29), []
    for number in range(DRAWS):
        for wait in [*draw(rng), (None, None, None, "not_observable")]:
            started_on = first_day + datetime.timedelta(rng.choice((0, 0, 0, 5, 40)))
            place = rng.choice(("smb", "smb", "enterprise")), rng.choice(("api", "api", "hr_tech"))
            onboarding_number = rng.choice((1, 1, 1, 2))
            rows.append((onboarding_number, f"draw {number}", number % 3 == 0, *place, started_on, *wait))
    return pd.DataFrame(rows, columns=TIMES).convert_dtypes()


@pytest.fixture(scope="module")
def drawn():
    with duckdb.connect(":memory:") as connection:
        connection.register("drawn", times_to_value(random.Random(8)))
        connection.execute("create table fct_time_to_value as select * from drawn")
        connection.execute(f"create table milestone_settings as select {MIN_AT_RISK} as min_at_risk")
        for model in ("rpt_ttv_survival", "rpt_ttv_cohorts"):
            connection.execute(f"create table {model} as {warehouse.model_sql(model)}")
        yield connection


def cohorts_of(times):
    """The accounts of every cohort that has a curve: key columns -> [(day of entry, days followed, is activated, is churned)].

    An account counts by its first onboarding.
    """
    cohorts = defaultdict(list)
    for row in times[times.followed_days.notna() & (times.onboarding_number == 1)].itertuples():
        periods = [
            ("all", None),
            ("month", row.started_on.replace(day=1)),
            ("week", row.started_on - datetime.timedelta(row.started_on.weekday())),
        ]
        personas = [row.persona, "primary"] if row.is_primary else [row.persona]
        for (period, start), persona, segment, category in itertools.product(
            periods, personas, (row.segment, "all"), (row.product_category, "all")
        ):
            is_activated = not pd.isna(row.days_to_value) and row.days_to_value == row.followed_days
            is_churned = row.outcome == "churned"
            member = int(row.entered_after_days), int(row.followed_days), is_activated, is_churned
            cohorts[period, start, persona, segment, category].append(member)
    curves = {key: of_curve(accounts) for key, accounts in cohorts.items()}
    return {key: accounts for key, accounts in curves.items() if accounts}


def of_curve(accounts):
    """Those who enter before the first day on which nobody is at risk although somebody enters later."""
    last_entry = max(entered for entered, *_ in accounts)
    gaps = (day for day in range(last_entry) if not any(entered <= day <= followed for entered, followed, *_ in accounts))
    gap = next(gaps, last_entry + 1)
    return [account for account in accounts if account[0] < gap]


def fit(accounts):
    """lifelines' survival, free of floating error, its interval and its event table, by day.

    Whoever enters on a day is at risk on it; lifelines wants an earlier time to say so. No interval where it refuses the data, as
    nobody was at risk after an early day; its event table still holds.
    """
    entered, followed, is_activated, _ = zip(*accounts, strict=True)
    entered = [max(day - 0.5, 0) for day in entered]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lifelines divides by zero where S is 0 or 1
        try:
            fitter = KaplanMeierFitter().fit(followed, is_activated, entry=entered)
        except StatError:
            events = survival_table_from_events(followed, is_activated, entered)
            survival = (1 - events["observed"] / events["at_risk"]).cumprod()
            return survival.round(12), None, events
    survival = fitter.survival_function_["KM_estimate"].round(12)
    return survival, fitter.confidence_interval_, fitter.event_table


def incidence(accounts):
    """{day: (cumulative incidence of activation, share still waiting)} after each day, in exact fractions (section 7)."""
    waiting, activated, shares = Fraction(1), Fraction(0), {}
    for day in range(max(followed for _, followed, *_ in accounts) + 1):
        at_risk = sum(entered <= day <= followed for entered, followed, *_ in accounts)
        ending = [account for account in accounts if account[1] == day]
        activations, churns = (int(sum(account[place] for account in ending)) for place in (2, 3))
        if at_risk:
            activated += waiting * Fraction(activations, at_risk)
            waiting *= 1 - Fraction(activations + churns, at_risk)
        shares[day] = activated, waiting
    return shares


def test_a_gap_is_waited_through():
    """Definitions, section 7, Gaps: of 20 accounts 6 reach value on day 12, seen of 3 after a gap of days 10 to 15."""
    place = (1, "user", True, "smb", "api", datetime.date(2025, 1, 6))
    days = [12] * 3 + [16] * 3 + [None] * 14
    waits = [(*place, 0, day or 40, day, "activated" if day else "censored") for day in days]
    with duckdb.connect(":memory:") as connection:
        connection.register("waits", pd.DataFrame(waits, columns=TIMES).convert_dtypes())
        connection.execute("create table fct_time_to_value as from waits")
        connection.execute(f"create table curve as {warehouse.model_sql('rpt_ttv_survival')}")
        query = "select day, activated_share::double from curve where cohort_key = 'all||primary|all|all'"
        shares = dict(connection.execute(query).fetchall())
    fitter = KaplanMeierFitter().fit([day or 40 for day in days], [day is not None for day in days])
    assert shares[16] == pytest.approx(1 - fitter.predict(16)) == pytest.approx(0.3)
    # Delayed re-entry: a spell until the gap and one after it.
    seen = [(0, day or 40, bool(day)) for day in [12] * 3 + [None] * 7]
    unseen = [(0, 9, False)] * 10 + [(15, day or 40, bool(day)) for day in [16] * 3 + [None] * 7]
    entered, followed, is_activated = zip(*seen, *unseen, strict=True)
    fitter = KaplanMeierFitter().fit(followed, is_activated, entry=entered)
    assert 1 - fitter.predict(16) == pytest.approx(0.423529, abs=1e-6)


def incidence_interval(accounts, day):
    """The interval of the cumulative incidence on a day; nan where all have activated. With the two ends swapped, of churn.

    By Marubini and Valsecchi's variance (as lifelines', which knows no ties and no late entry) and the complementary log-log.
    """
    waiting, activated, rows = 1.0, 0.0, []
    for t in range(day + 1):
        at_risk = sum(entered <= t <= followed for entered, followed, *_ in accounts)
        activations = sum(a for _, followed, a, _ in accounts if followed == t)
        churns = sum(c for _, followed, _, c in accounts if followed == t)
        if at_risk:
            before, activated = waiting, activated + waiting * activations / at_risk
            waiting *= 1 - (activations + churns) / at_risk
            rows.append((at_risk, activations, activations + churns, before, activated))
    variance = 0.0
    for at_risk, activations, ends, before, share in rows:
        if ends < at_risk:
            variance += (activated - share) ** 2 * ends / (at_risk * (at_risk - ends))
        variance += before**2 * activations * (at_risk - activations) / at_risk**3
        variance -= 2 * (activated - share) * before * activations / at_risk**2
    if activated == 0:
        return 0, 0
    if activated > 1 - 1e-11:
        return np.nan, np.nan
    spread = Z * np.sqrt(max(variance, 0)) / abs(activated * np.log(activated))
    return activated ** np.exp(spread), activated ** np.exp(-spread)


def known_at(accounts, day, counts_churn):
    """Accounts of which it is known what became of them by a day.

    On the first day of the curve from then on at risk, or ended before; of a curve that ends before, all that ended.
    """
    ended = [followed for _, followed, a, c in accounts if a or (c and counts_churn)]
    days = [followed for _, followed, *_ in accounts if followed >= day]
    if not days:
        return len(ended)
    at_risk = sum(entered <= min(days) <= followed for entered, followed, *_ in accounts)
    return at_risk + sum(followed < min(days) for followed in ended)


@pytest.fixture(scope="module", params=["drawn", "dirty_house"])
def cohorts(request):
    """Cohorts to compare: the accounts, lifelines' fit, the row of rpt_ttv_cohorts and the curve of rpt_ttv_survival.

    All that no period, segment or category cuts, and a sample of the others.
    """
    connection = request.getfixturevalue(request.param)
    table = connection.execute("from rpt_ttv_cohorts").df().set_index("cohort_key", verify_integrity=True)
    curves = dict(iter(connection.execute("from rpt_ttv_survival order by day").df().groupby("cohort_key")))
    expected = cohorts_of(connection.execute("from fct_time_to_value").df())
    keys = {
        (row.cohort_period, None if pd.isna(row.cohort_start) else row.cohort_start, *row[KEY[2:]]): key
        for key, row in table.iterrows()
    }
    assert keys.keys() == expected.keys() and curves.keys() == set(table.index)
    whole = [key for key in keys if (key[0], *key[3:]) == ("all", "all", "all")]
    chosen = whole + random.Random(7).sample(sorted(keys.keys() - set(whole), key=str), 100)
    return [(keys[key], expected[key], fit(expected[key]), table.loc[keys[key]], curves[keys[key]]) for key in chosen]


def test_curve(cohorts):
    for key, accounts, (survival, interval, events), _, curve in cohorts:
        days = curve["day"].to_numpy()
        assert set(days) == {followed for _, followed, *_ in accounts}, key
        events = events.loc[days]
        assert (curve["at_risk"].to_numpy() == events["at_risk"]).all(), key
        assert (curve["activated"].to_numpy() == events["observed"]).all(), key
        assert (curve["censored"].to_numpy() + curve["churned"].to_numpy() == events["censored"]).all(), key
        assert curve["churned"].sum() == sum(is_churned for *_, is_churned in accounts), key
        shares = incidence(accounts)
        found = curve[["activated_share", "waiting_share"]].astype(float).to_numpy()
        assert np.abs(found - np.array([shares[day] for day in days], dtype=float)).max() < TOLERANCE, key
        found = curve["churned_share"].astype(float).to_numpy()
        assert np.abs(found - np.array([1 - sum(shares[day]) for day in days], dtype=float)).max() < TOLERANCE, key
        churning = [(entered, followed, churned, activated) for entered, followed, activated, churned in accounts]
        for outcome, ending, step in (("activated", accounts, 1), ("churned", churning, 5)):
            bounds = np.array([incidence_interval(ending, day) for day in days[::step]], dtype=float)
            found = curve[[f"{outcome}_share_lower", f"{outcome}_share_upper"]].astype(float).to_numpy()[::step]
            assert (np.isnan(found) == np.isnan(bounds)).all(), (key, outcome)
            # A variance near 0 loses digits under the root.
            assert np.nan_to_num(np.abs(found - bounds)).max() < 1e-7, (key, outcome)
        expected = survival.loc[days].to_numpy()
        assert np.abs(curve["survival"].astype(float) - expected).max() < TOLERANCE, key
        if interval is None:
            continue
        for column, bounds in zip(("survival_lower", "survival_upper"), interval.loc[days].to_numpy().T, strict=True):
            bounds = np.where(expected == 0, np.nan, np.where(expected == 1, 1, bounds))
            found = curve[column].astype(float).to_numpy()
            assert (np.isnan(found) == np.isnan(bounds)).all(), (key, column)
            assert np.nan_to_num(np.abs(found - bounds)).max() < TOLERANCE, (key, column)


def test_cohort(cohorts):
    for key, accounts, (survival, interval, _), row, curve in cohorts:
        assert row.accounts == len(accounts), key
        assert row.activated == sum(activated for _, _, activated, _ in accounts), key
        assert row.activated + row.churned + row.censored == len(accounts), key
        assert row.followed_days == max(followed for _, followed, *_ in accounts), key
        why = []
        for horizon in (14, 30, 90):
            shares, curve_ends = incidence(accounts), survival.index.max() < horizon
            last = max(day for day in shares if day <= horizon)
            for name, told, share, counts_churn in (
                ("", "", float(shares[last][0]), True),
                ("_if_all_stayed", " if all had stayed", 1 - survival[survival.index <= horizon].iloc[-1], False),
            ):
                known, column = known_at(accounts, horizon, counts_churn), f"activated_share{name}_{horizon}d"
                assert row[f"at_risk{name}_{horizon}d"] == known, (key, column)
                waits = shares[last][1] if counts_churn else survival.iloc[-1]
                unknown = "too few at risk" if known < MIN_AT_RISK else ""
                unknown = "not followed so long" if curve_ends and waits > 0 else unknown
                if unknown:
                    why.append(f"by day {horizon}{told} {unknown}")
                    assert row[[column, f"{column}_lower", f"{column}_upper"]].isna().all(), (key, column)
                    continue
                assert abs(float(row[column]) - share) < TOLERANCE, (key, column)
                at = curve[curve["day"] <= horizon].tail(1)
                for bound, other in (("lower", "upper"), ("upper", "lower")):
                    read = at[f"activated_share_{bound}"] if counts_churn else 1 - at[f"survival_{other}"].astype(float)
                    read, found = (float(read.iloc[0]) if len(at) else 0.0), float(row[f"{column}_{bound}"])
                    assert (np.isnan(read) and np.isnan(found)) or abs(read - found) < TOLERANCE, (key, column)
        for column, share in (("days_to_25_percent", 0.75), ("median_days", 0.5), ("days_to_75_percent", 0.25)):
            reached = survival.index[survival <= share]
            known = known_at(accounts, reached[0], False) if len(reached) else 0
            assert row[column] == reached[0] if known >= MIN_AT_RISK else pd.isna(row[column]), (key, column)
            if column != "median_days":
                continue
            assert row.at_risk_median == known if len(reached) else pd.isna(row.at_risk_median), key
            if known < MIN_AT_RISK:
                why.append("median too few at risk" if len(reached) else "median not reached so far")
                assert pd.isna(row.median_days_lower) and pd.isna(row.median_days_upper), key
            elif interval is not None and survival.min() > 0:
                bounds = median_survival_times(interval).iloc[0]
                for name, bound in zip(("median_days_lower", "median_days_upper"), bounds, strict=True):
                    assert (pd.isna(row[name]) and np.isinf(bound)) or row[name] == bound, (key, name, bound)
        assert (None if pd.isna(row.missing_because) else row.missing_because) == ("; ".join(why) or None), key


def test_the_draws_meet_the_edges(drawn):
    queries = {
        "a single account": "rpt_ttv_cohorts where accounts = 1",
        "all activated": "rpt_ttv_cohorts where activated = accounts and accounts > 5",
        "activated and churned on one day": "rpt_ttv_survival where activated > 1 and churned > 1",
        "nobody waits though some churned": "rpt_ttv_survival where waiting_share = 0 and survival > 0",
        "all censored": "rpt_ttv_cohorts where activated = 0 and accounts > 5",
        "too few at risk": "rpt_ttv_cohorts where missing_because like '%too few at risk%' and accounts > 9",
        "a median and both its bounds": "rpt_ttv_cohorts where median_days_upper > median_days_lower",
        "half of the accounts exactly": "rpt_ttv_survival where survival = 0.5",
        "activated on the first day": "rpt_ttv_survival where day = 0 and activated > 0",
        "activated and censored on one day": "rpt_ttv_survival where activated > 1 and censored > 1",
        "nobody left": "rpt_ttv_survival where survival = 0",
        "somebody enters when some have left": """(select at_risk, lag(at_risk - activated - churned - censored) over (
            partition by cohort_key order by day) as remaining from rpt_ttv_survival) where at_risk > remaining""",
        "a curve that ends before all have entered": """(select cohort_key, sum(activated + churned + censored) as accounts
            from rpt_ttv_survival where cohort_key like 'all%|all|all' group by cohort_key) as curves
            inner join (select persona, count(*) as accounts from fct_time_to_value
            where followed_days is not null and onboarding_number = 1 group by persona) as waits
            on cohort_key = 'all||' || persona || '|all|all'
            and curves.accounts < waits.accounts""",
        "a cohort without a curve": """(select persona from fct_time_to_value
            where followed_days is not null and onboarding_number = 1 group by persona)
            where 'all||' || persona || '|all|all' not in (select cohort_key from rpt_ttv_survival)""",
    }
    for edge, query in queries.items():
        assert drawn.execute(f"select count(*) from {query}").fetchone()[0] >= 5, edge
