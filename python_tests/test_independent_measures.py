"""Measures by the trade's definitions, worked out by pandas from the tables of two drawn businesses, not from our SQL.

The first is shaped like mrr-playbook: what each customer pays for each plan in each month. The second is shaped like
fightchurn: subscriptions with terms, and what users do each day.
"""

import json
import random
from datetime import date, datetime, time, timedelta

import numpy as np
import pandas as pd
import pytest
import warehouse
from warehouse import raw_frames, seed_rows

DAY = timedelta(days=1)


def envelope(event_id, event_type, account_id, occurred_at, payload=None, user_id=None):
    return {
        "event_id": event_id, "event_type": event_type, "account_id": account_id, "user_id": user_id,
        "occurred_at": occurred_at, "loaded_at": occurred_at, "payload": None if payload is None else json.dumps(payload),
    }  # fmt: skip


def first_of(month):
    """The first day of a month of 2023 on, counted from 0."""
    return date(2023 + month // 12, month % 12 + 1, 1)


def account(account_id, day):
    moment = datetime.combine(day, time(8))
    return [
        envelope(f"c-{account_id}", "account_created", account_id, moment, {"name": account_id}),
        envelope(f"o-{account_id}", "onboarding_started", account_id, moment),
    ]


def settings(**changes):
    told = {**seed_rows()["retention_settings"][0], "min_at_risk": "1"}
    return {"billing_settings": [{**seed_rows()["billing_settings"][0], **changes}], "retention_settings": [told]}


# ---------------------------------------------------------------------------------------------------------------------
# Customers, plans and months
# ---------------------------------------------------------------------------------------------------------------------

MONTHS, OPEN_DAYS = 27, 17
PLANS = {"basic": 40, "team": 125.5, "addon": 9.99}


def drawn_revenue(rng):
    """What customers pay: a row per customer and plan, a column per month, 0 where they pay nothing for it."""
    table = {}
    for number in range(90):
        customer, month = f"c{number:02d}", rng.randrange(MONTHS)
        plan, seats, has_addon = rng.choice(("basic", "team")), rng.randrange(1, 9), False
        while month < MONTHS:
            for each in (plan, "addon") if has_addon else (plan,):
                table.setdefault((customer, each), [0] * MONTHS)[month] = round(PLANS[each] * seats, 2)
            month += 1
            what = rng.random()
            if what < 0.07:
                seats += rng.randrange(1, 4)
            elif what < 0.12:
                seats = max(1, seats - rng.randrange(1, 4))
            elif what < 0.16:
                plan = "team" if plan == "basic" else "basic"
            elif what < 0.22:
                has_addon = not has_addon
            elif what < 0.27:
                month += rng.choice((1, 2, 3, 6, MONTHS))
    return pd.DataFrame(list(table.values()), index=pd.MultiIndex.from_tuples(table, names=["customer", "plan"]))


def billed(revenue):
    """The events of a billing system that charges this: a subscription per customer and plan that changes on first days."""
    billing = []
    for (customer, plan), months in revenue.iterrows():
        before = 0
        for month, amount in months.items():
            first = first_of(month)
            event_id, at = f"{customer} {plan} {month}", datetime.combine(first, time(10))
            terms = {"subscription_id": plan, "plan": plan, "mrr": amount, "currency": "USD"}
            if amount and not before:
                billing.append(envelope(event_id, "subscription_started", customer, at, terms))
            elif before and not amount:
                end = {"subscription_id": plan, "effective_on": first.isoformat()}
                billing.append(envelope(event_id, "subscription_cancelled", customer, at - 5 * DAY, end))
            elif amount != before:
                billing.append(envelope(event_id, "subscription_changed", customer, at, terms))
            before = amount
    return billing


@pytest.fixture(scope="module")
def playbook():
    """ARR by customer and month as drawn, and the warehouse that was told of it."""
    revenue = drawn_revenue(random.Random(11))
    arr = (12 * revenue.groupby("customer").sum()).round(2)
    crm = [row for customer, first in arr.gt(0).idxmax(axis=1).items() for row in account(customer, first_of(first))]
    now = datetime.combine(first_of(MONTHS - 1), time(9)) + (OPEN_DAYS - 1) * DAY
    product = [envelope("now", "session_started", "c00", now, user_id="u")]
    connection = warehouse.build(
        raw_frames({"crm": crm, "billing": billed(revenue), "product": product}),
        seeds=settings(bridged_lapse_days="0"),  # mrr-playbook calls each month without revenue churn
        needed=("fct_arr_movements", "rpt_arr_waterfall", "rpt_revenue_retention"),
    )
    return arr, connection


def movements(arr):
    """A row per customer and month that begins or ends with revenue: mrr-playbook's name of what happened."""
    long = arr.rename_axis(columns="month").stack().rename("end_arr").reset_index()
    long["start_arr"] = long.groupby("customer").end_arr.shift(fill_value=0)
    has_paid = long.groupby("customer").start_arr.cummax() > 0
    change = (long.end_arr - long.start_arr).round(2)
    long["change"] = change.abs()
    long["movement"] = np.select(
        [(long.start_arr == 0) & ~has_paid, long.start_arr == 0, long.end_arr == 0, change > 0, change < 0],
        ["new", "reactivation", "churn", "expansion", "contraction"], "unchanged",
    )  # fmt: skip
    long["month"] = long.month.map(first_of)
    return long[(long.start_arr > 0) | (long.end_arr > 0)]


def test_movements_of_a_business_like_mrr_playbook(playbook):
    arr, connection = playbook
    expected = movements(arr)
    assert set(expected.movement.value_counts() > 20) == {True} and expected.movement.nunique() == 6
    found = connection.execute(
        "select account_id as customer, month_start as month, movement, start_arr::double as start_arr, "
        "end_arr::double as end_arr, is_complete from fct_arr_movements"
    ).df()
    found["month"] = found.month.dt.date
    assert set(found[~found.is_complete].month) == {first_of(MONTHS - 1)}
    both = expected.merge(found, on=["customer", "month"], how="outer", suffixes=("", "_found"))
    differing = both[
        (both.movement != both.movement_found) | ((both.end_arr - both.end_arr_found).abs() > 0.001)
        | ((both.start_arr - both.start_arr_found).abs() > 0.001)
    ]
    assert differing.empty, differing


def test_the_waterfall_of_a_business_like_mrr_playbook(playbook):
    arr, connection = playbook
    expected = movements(arr)
    found = connection.execute("select * from rpt_arr_waterfall where segment = 'all' order by month_start").df()
    assert found.month_start.dt.date.tolist() == [first_of(month) for month in range(MONTHS)]
    names = {"new": "new_arr", "reactivation": "reactivation_arr", "expansion": "expansion_arr",
             "contraction": "contraction_arr", "churn": "churned_arr"}  # fmt: skip
    amounts = expected.pivot_table(index="month", columns="movement", values="change", aggfunc="sum", fill_value=0)
    for movement, column in names.items():
        assert found[column].astype(float).to_numpy() == pytest.approx(amounts[movement].to_numpy(), abs=0.005), column
    assert found.end_arr.astype(float).to_numpy() == pytest.approx(arr.sum().to_numpy(), abs=0.005)
    paying = (arr > 0).sum()
    assert found.end_accounts.tolist() == paying.tolist()
    assert found.arpa_annual.astype(float).to_numpy() == pytest.approx((arr.sum() / paying).to_numpy(), abs=1e-6)


@pytest.mark.parametrize("months", [1, 3, 12])
def test_retention_of_a_business_like_mrr_playbook(playbook, months):
    """Of those who paid at the start: NRR, GRR with each at most its own start, and the share of logos that pay nothing now."""
    arr, connection = playbook
    found = connection.execute(
        "select * from rpt_revenue_retention where segment = 'all' and cohort = 'all' and window_months = ? order by month_start",
        [months],
    ).df()
    assert len(found) > 10 and found.month_start.dt.date.tolist() == [first_of(month) for month in range(months, MONTHS)]
    for row in found.itertuples():
        month = row.Index + months
        start, end = arr[month - months], arr[month]
        start, end = start[start > 0], end[start > 0]
        expected = {
            "start_accounts": len(start), "churned_accounts": (end == 0).sum(),
            "net_retention": end.sum() / start.sum(), "gross_retention": np.minimum(start, end).sum() / start.sum(),
            "logo_churn": (end == 0).mean(), "cancelled_arr_share": start[end == 0].sum() / start.sum(),
            "gross_arr_churn": (start - end).clip(lower=0).sum() / start.sum(),
        }  # fmt: skip
        said = {name: float(getattr(row, name)) for name in expected}
        assert said == pytest.approx(expected, abs=1e-6), row.month_start


# ---------------------------------------------------------------------------------------------------------------------
# Terms and daily events
# ---------------------------------------------------------------------------------------------------------------------

BEGINS, ENDS = date(2024, 1, 1), date(2024, 9, 30)
GRACE = 30
USES = {"record_created": 1.2, "record_updated": 2.0, "search_run": 0.8, "session_started": 0.5, "error_shown": 0.3}
INACTIVE = {"error_shown"}


def drawn_terms(rng):
    """(account, first day, last day, monthly fee, whether the customer gave notice of the end), as fightchurn's subscriptions."""
    for number in range(60):
        start = BEGINS + rng.randrange(240) * DAY * (number >= 10)
        fee, is_over = rng.choice((29, 49, 99)), False
        while start <= ENDS and not is_over:
            end = start + rng.choice((29, 30, 89)) * DAY
            goes = rng.random()
            is_over = goes < 0.12
            yield f"a{number:02d}", start, end, fee, is_over and rng.random() < 0.5
            if goes > 0.9:
                fee = rng.choice((29, 49, 99))
            start = end + (1 if rng.random() < 0.95 else rng.randrange(GRACE + 3, 70)) * DAY


def drawn_events(rng, starts):
    """Daily events of the accounts' users from their first day on: some users leave, some work on weekdays only."""
    for name, start in starts.items():
        for user in range(rng.randrange(1, 7)):
            day = start + rng.randrange(60) * DAY
            until, rate, is_weekday = day + rng.randrange(5, 250) * DAY, rng.choice((0.1, 0.5, 1)), rng.random() < 0.5
            while day <= min(until, ENDS):
                for event_type, often in USES.items():
                    for _ in range(int(rng.expovariate(1 / (often * rate)))):
                        if not is_weekday or day.weekday() < 5:
                            at = datetime.combine(day, time(9)) + timedelta(minutes=rng.randrange(600))
                            yield name, f"{name}-{user}", event_type, at
                day += DAY


@pytest.fixture(scope="module")
def fightchurn():
    """Terms and events as drawn, and the warehouse that was told of them."""
    rng = random.Random(5)
    terms = pd.DataFrame(drawn_terms(rng), columns=["account", "first", "last", "fee", "has_notice"])
    starts = terms.groupby("account")["first"].min()
    starts["now"] = ENDS
    said = [*drawn_events(rng, starts), ("now", "now-0", "session_started", datetime.combine(ENDS, time(23, 59, 59)))]
    events = pd.DataFrame(said, columns=["account", "user", "event_type", "at"])
    billing, ends = [], {}
    for n, row in enumerate(terms.itertuples(index=False)):
        payload = {"subscription_id": row.account, "mrr": row.fee, "currency": "USD", "term_end": row[2].isoformat()}
        event_type = "subscription_renewed" if ends.get(row.account) == row[1] - DAY else "subscription_started"
        ends[row.account] = row[2]
        billing.append(envelope(f"{n}", event_type, row.account, datetime.combine(row[1], time(7)), payload))
        if row.has_notice and row[2] - 3 * DAY <= ENDS:
            end = {"subscription_id": row.account, "effective_on": (row[2] + DAY).isoformat()}
            at = datetime.combine(row[2] - 3 * DAY, time(7))
            billing.append(envelope(f"{n} end", "subscription_cancelled", row.account, at, end))
    product = [envelope(f"e{n}", event_type, name, at, user_id=user)
               for n, (name, user, event_type, at) in enumerate(events.itertuples(index=False))]  # fmt: skip
    crm = [row for name, start in starts.items() for row in account(name, start)]
    connection = warehouse.build(
        raw_frames({"crm": crm, "billing": billing, "product": product}), seeds=settings(bridged_lapse_days="0"),
        needed=("fct_arr_movements", "rpt_revenue_retention", "int_usage_signals"),
    )
    return terms, events, connection


def is_live(terms, day):
    """The accounts with terms on a day: a term that nobody has renewed is over after its last day, once the grace is."""
    unsaid = ~terms.has_notice & (terms["last"] + (GRACE + 1) * DAY > ENDS) & (terms["last"] < day)
    last_of = terms.groupby("account")["last"].transform("max")
    return set(terms[(terms["first"] <= day) & ((terms["last"] >= day) | (unsaid & (terms["last"] == last_of)))].account)


def test_churn_of_a_business_like_fightchurn(fightchurn):
    """Accounts with terms at the start of a month that have none at its end, over those at the start."""
    terms, _, connection = fightchurn
    found = connection.execute(
        "select month_start, month_end, start_accounts, churned_accounts, logo_churn::double as logo_churn, window_months "
        "from rpt_revenue_retention where segment = 'all' and cohort = 'all' and window_months in (1, 3)"
    ).df()
    assert len(found) == 8 + 6 and found.churned_accounts.sum() > 20
    for row in found.itertuples():
        before = (pd.Timestamp(row.month_start) - pd.DateOffset(months=row.window_months - 1)).date() - DAY
        start, end = is_live(terms, before), is_live(terms, row.month_end.date())
        assert (row.start_accounts, row.churned_accounts) == (len(start), len(start - end)), row
        assert row.logo_churn == pytest.approx(len(start - end) / len(start), abs=1e-6)


def test_use_of_a_business_like_fightchurn(fightchurn):
    """Events per account in 30 days, MAU, and mean DAU over MAU, on each day of each account."""
    terms, events, connection = fightchurn
    starts = terms.groupby("account")["first"].min()
    found = connection.execute(
        "select account_id, date_day, events_30d, events_7d, active_users_1d as dau, active_users_7d as wau, "
        "active_users_30d as mau, dau_mau_30d::double as dau_mau, wau_mau_30d::double as wau_mau from int_usage_signals"
    ).df()
    days = events["at"].dt.normalize()
    compared = 0
    for name, rows in found.groupby("account_id"):
        rows = rows.set_index("date_day").sort_index()
        spine = pd.date_range(starts.get(name, ENDS), rows.index[-1])
        mine = events.account == name
        counted = days[mine].value_counts().reindex(spine, fill_value=0)
        active = mine & ~events.event_type.isin(INACTIVE)
        people = ["nobody", *events.user[active].unique()]
        seen = pd.crosstab(days[active], events.user[active]).reindex(index=spine, columns=people, fill_value=0).clip(upper=1)
        dau = seen.sum(axis=1)
        mau, wau = (seen.rolling(n, min_periods=1).max().sum(axis=1) for n in (30, 7))
        expected = pd.DataFrame({
            "events_30d": counted.rolling(30, min_periods=1).sum(), "events_7d": counted.rolling(7, min_periods=1).sum(),
            "dau": dau, "wau": wau, "mau": mau,
            "dau_mau": (dau.rolling(30, min_periods=1).mean() / mau).fillna(0), "wau_mau": (wau / mau).fillna(0),
        })  # fmt: skip
        assert (rows[expected.columns].astype(float) - expected.reindex(rows.index)).abs().max().max() < 1e-6, name
        compared += int(rows.notna().all(axis=1).sum())
    assert compared > 5000
