"""The test of falls equals SciPy, and finds no more than the stated share of false alarms where nothing fell."""

import datetime

import numpy as np
import pandas as pd
import pytest
import warehouse
from scipy import stats

DAY = datetime.timedelta(days=1)
FIRST = datetime.date(2024, 1, 1)
SETTINGS = warehouse.seed_rows()["risk_settings"][0]
ALPHA = {row["rule_id"]: float(row["threshold"]) for row in warehouse.seed_rows()["risk_criteria"] if row["measure"] == "fall"}


def falls(weeks, **settings):
    """int_risk_falls of weeks (day, account, week before the day) of sessions; the days are too far apart to meet."""
    rows = [
        (f"a{account:05}", FIRST + (60 * day - 7 * week) * DAY, 1000, 1, int(weeks[day, account, week]))
        for day, account, week in np.ndindex(weeks.shape)
        if weeks[day, account, week] >= 0
    ]
    with warehouse.seeded({"risk_settings": [SETTINGS | settings]}) as connection:
        names = ("account_id", "date_day", "account_age_days", "is_subscribed", "sessions_7d")
        frame = pd.DataFrame(rows, columns=names)
        connection.register("frame", frame)
        connection.execute(
            "create table int_measured_signals as select account_id, date_day::date as date_day, account_age_days::bigint as "
            "account_age_days, is_subscribed::bigint as is_subscribed, sessions_7d::bigint as sessions_7d from frame"
        )
        connection.execute(
            "create table base_signal_coverage as select distinct 'sessions_7d' as signal, date_day, date '2000-01-01' "
            "as observed_since from int_measured_signals"
        )
        found = connection.execute(warehouse.model_sql("int_risk_falls")).df()
    found["day"] = (pd.to_datetime(found.date_day) - pd.Timestamp(FIRST)).dt.days // 60
    found["account"] = found.account_id.str[1:].astype(int)
    return found.astype({name: float for name in ("expected_share", "p_value", "false_discovery_rate")})


def expected(day, least, exact_up_to, book_from):
    """p and F by account of one day's weeks (account, week), the first of which is the one tested."""
    day = {account: weeks for account, weeks in enumerate(day) if (weeks >= 0).all()}
    k, n = np.array([w[0] for w in day.values()]), np.array([w.sum() for w in day.values()])
    if not day or not n.sum():
        return {}
    share = round(k.sum() / n.sum() + 1e-12, 6) if len(day) >= book_from else round(1 / len(next(iter(day.values()))) + 1e-12, 6)
    tests = {}
    for account, some, total in zip(day, k, n, strict=True):
        if total >= least:
            p = stats.binom.cdf(some, total, share) if some < total * share else 1.0
            if some < total * share and total > exact_up_to:
                p = stats.norm.cdf((some + 0.5 - total * share) / np.sqrt(total * share * (1 - share)))
            tests[account] = round(p, 9)
    adjusted = stats.false_discovery_control(list(tests.values()), method="bh") if tests else []
    return {account: (p, rate) for (account, p), rate in zip(tests.items(), adjusted, strict=True)}


@pytest.mark.parametrize("seed", range(6))
def test_falls_equal_scipy(seed):
    rng = np.random.default_rng(seed)
    shape = (8, int(rng.choice((3, 25, 60))), 5)
    weeks = rng.poisson(rng.gamma(1, 30, shape[:2])[:, :, None] * rng.choice((0.1, 1, 1), shape), shape)
    weeks[rng.random(shape) < 0.03] = -1
    exact_up_to = int(rng.choice((20, 500)))
    found = falls(weeks, exact_up_to=str(exact_up_to), min_sessions="10")
    wanted = {
        (day, account): values
        for day, accounts in enumerate(weeks)
        for account, values in expected(accounts, 10, exact_up_to, int(SETTINGS["warn_from_accounts"])).items()
    }
    assert set(zip(found.day, found.account, strict=True)) == set(wanted)
    for row in found.itertuples():
        p, rate = wanted[row.day, row.account]
        assert row.p_value == pytest.approx(p, abs=2e-9)
        assert row.false_discovery_rate == pytest.approx(rate, abs=2e-6)


def test_chance_and_christmas_raise_no_more_false_alarms_than_stated():
    """400 days of 40 accounts that never fall, in half of them a week in which everybody does; every alarm is a false one."""
    rng = np.random.default_rng(14)
    usual = rng.gamma(1.5, 25, (400, 40))[:, :, None] * np.ones(5)
    usual[::2, :, 0] *= 0.35
    found = falls(rng.poisson(usual))
    for alpha in sorted(set(ALPHA.values())):
        days = found[found.false_discovery_rate < alpha].day.nunique()
        assert stats.binomtest(days, 400, alpha, alternative="greater").pvalue > 0.01, days
    naive = found[found.p_value < 0.05]
    assert naive.day.nunique() > 200  # Without the correction most days have an alarm.


def test_a_real_fall_is_found_and_the_rate_holds():
    """Of 40 accounts with 200 sessions 4 lose two thirds: found, with no more than the stated share of others."""
    rng = np.random.default_rng(15)
    usual = np.full((100, 40, 5), 40.0)
    usual[:, :4, 0] /= 3
    found = falls(rng.poisson(usual))
    alarms = found[found.false_discovery_rate < ALPHA["sessions_fell"]]
    true = alarms.account < 4
    assert true.sum() > 0.9 * 400
    assert (~true).groupby(alarms.day).mean().reindex(range(100), fill_value=0).mean() <= ALPHA["sessions_fell"]
