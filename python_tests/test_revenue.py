"""ARR by account and month equals a plain ledger of random subscriptions; retention also equals saas-metrics."""

import datetime
import random
from collections import defaultdict
from decimal import Decimal

import decisions
import duckdb
import numpy as np
import pandas as pd
import pytest
import saas_metrics
import statsmodels.api as statsmodels
import warehouse
from statsmodels.stats import proportion

AS_OF = datetime.date(2025, 3, 17)
FIRST = datetime.date(2023, 10, 20)
REPORTED = {"EUR": [(datetime.date(2024, 3, 31), Decimal("1.20")), (datetime.date(2024, 9, 2), Decimal("1.111111"))]}
RATES = {"USD": Decimal("1"), "EUR": Decimal("1.08"), "JPY": Decimal("0.0065")}
WINDOWS = (1, 3, 12)
MIN_AT_RISK = 4
MODELS = (
    "int_subscription_decisions", "int_subscription_terms", "int_subscription_periods", "int_billing_months",
    "int_arr_months", "fct_arr_movements", "rpt_arr_waterfall",
)  # fmt: skip
ORDER = {"subscription_started": 2, "subscription_changed": 3, "subscription_renewed": 4, "subscription_cancelled": 5}
SUBSCRIPTION = (
    "event_id", "event_type", "account_id", "document", "subscription_id", "effective_on", "term_ends_on", "seats", "mrr",
    "currency", "usage_cap", "variable_mrr", "reason", "business_order", "occurred_at", "loaded_at",
)  # fmt: skip


def history(rng, account, number, free):
    """The events of one subscription: started, then changed, renewed, cancelled and started again in any order."""
    at = datetime.datetime.combine(FIRST, datetime.time()) + datetime.timedelta(hours=rng.randrange(24 * 450))
    kind, currency = "subscription_started", rng.choice(list(RATES))
    while at.date() <= AS_OF:
        effective = at.date() + datetime.timedelta(days=rng.choice((0, 0, 1, 40, -40)))
        if kind != "subscription_cancelled":
            effective = max(FIRST, effective) if rng.random() < 0.2 else None
        mrr = Decimal(rng.choice((0, -1, 99, 100, 100, 250) if free else (99, 100, 250)))
        mrr += Decimal(rng.choice(("0", "0.01", "0.333333")))
        yield {
            "event_id": f"{rng.randrange(16**8):08x}", "event_type": kind, "account_id": account,
            "document": f"{account}-{number}", "subscription_id": str(number),
            "effective_on": effective, "reason": None, "term_ends_on": None, "seats": 1,
            "mrr": mrr, "currency": currency, "usage_cap": None, "variable_mrr": None, "business_order": ORDER[kind],
            "occurred_at": at, "loaded_at": at,
        }  # fmt: skip
        at += datetime.timedelta(hours=rng.choice((0, 1, 24, 24 * 20, 24 * 31, 24 * 120)))
        kind = rng.choice(("subscription_changed", "subscription_renewed", "subscription_cancelled"))


def month_ends():
    """Month number -> the day that ends it, from the first subscription's month on."""
    days = (FIRST + datetime.timedelta(days=n) for n in range((AS_OF - FIRST).days + 1))
    return {12 * day.year + day.month: day for day in days}


def cents(amount):
    return amount.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")


def reported_rate(currency, day):
    return next((rate for since, rate in reversed(REPORTED.get(currency, [])) if since <= day), RATES[currency])


def ledger(events, reported=False):
    """(account, month number) -> ARR at the end of the month, for every month that ends with terms; at the month's rates."""
    subscriptions, arr = defaultdict(list), {}
    for event in events:
        subscriptions[event["account_id"], event["document"]].append(event)
    for (account, _), own in subscriptions.items():
        timeline = decisions.timeline(own)
        for number, day in month_ends().items():
            event = decisions.held(timeline, day)
            if event:
                currency = event["currency"]
                amount = cents(12 * event["mrr"] * (reported_rate(currency, day) if reported else RATES[currency]))
                arr[account, number] = arr.get((account, number), 0) + amount
    return arr


def built(seed, free):
    rng = random.Random(seed)
    accounts = [f"a{n:02d}" for n in range(60)]
    events = [
        event
        for account in accounts
        for n in range(rng.choice((0, 1, 1, 2, 4)))
        for event in history(rng, account, n, free)
    ]
    rng.shuffle(events)
    segment = {account: rng.choice(("smb", "enterprise")) for account in accounts}
    connection = duckdb.connect(":memory:")
    tables = {
        "events": pd.DataFrame(events, columns=SUBSCRIPTION),
        "rates": pd.DataFrame(RATES.items(), columns=["currency", "rate_to_reporting_currency"]),
        "accounts": pd.DataFrame(segment.items(), columns=["account_id", "segment"]),
        "reported_rates": pd.DataFrame(
            [(currency, day, rate) for currency, steps in REPORTED.items() for day, rate in steps],
            columns=["currency", "valid_from", "rate_to_reporting_currency"],
        ),
        "windows": pd.DataFrame({"window_months": WINDOWS}),
    }
    for name, frame in tables.items():
        connection.register(name, frame)
    connection.execute(f"create table base_build_moment as select date '{AS_OF}' as as_of, date '{AS_OF}' as over_on")
    connection.execute(
        "create table stg_billing__subscriptions as select * replace (cast(effective_on as date) as effective_on, "
        "cast(term_ends_on as date) as term_ends_on, cast(mrr as decimal(18, 6)) as mrr, "
        "cast(variable_mrr as decimal(18, 6)) as variable_mrr) from events"
    )
    connection.execute(
        "create table exchange_rates as select currency, cast(rate_to_reporting_currency as decimal(18, 6)) "
        "as rate_to_reporting_currency from rates"
    )
    connection.execute(
        "create table billing_settings as select 30 as lapse_grace_days, 0 as bridged_lapse_days, 30 as unpaid_after_days, "
        "90 as long_unpaid_after_days"
    )
    connection.execute(
        "create table reported_exchange_rates as select currency, cast(valid_from as date) as valid_from, "
        "cast(rate_to_reporting_currency as decimal(18, 6)) as rate_to_reporting_currency from reported_rates"
    )
    connection.execute(f"create table retention_settings as select {MIN_AT_RISK} as min_at_risk")
    connection.execute("create table retention_windows as select cast(window_months as integer) window_months from windows")
    connection.execute("create table int_account_completions (account_id varchar, completed_on date, returned_on date)")
    connection.execute("create table int_billing_signals (account_id varchar, date_day date, days_overdue bigint)")
    for table in ("int_accounts", "dim_accounts"):
        connection.execute(f"create table {table} as select *, 'api' as product_category from accounts")
    for model in (*MODELS, "rpt_revenue_retention", "rpt_retention_bridge", "rpt_quick_ratio"):
        connection.execute(f"create table {model} as {warehouse.model_sql(model)}")
    reported = [(*key, str(amount)) for key, amount in ledger(events, reported=True).items()]
    connection.register("reported", pd.DataFrame(reported, columns=["account_id", "month_number", "arr"]))
    return connection, ledger(events), segment


@pytest.fixture(scope="module", params=range(3))
def company(request):
    company = built(request.param, free=True)
    yield company
    company[0].close()


def first_months(arr):
    """Account -> the number of the first month that ends with ARR."""
    paying = [key for key, amount in arr.items() if amount]
    return {account: min(number for a, number in paying if a == account) for account, _ in paying}


def test_arr_is_that_of_the_ledger(company):
    connection, arr, _ = company
    rows = connection.execute("select account_id, month_number, arr from int_arr_months").fetchall()
    assert {(account, number): amount for account, number, amount in rows} == arr
    assert len(rows) == len(arr) > 200


def test_movements_are_those_of_the_ledger(company):
    connection, arr, _ = company
    expected, numbers = {}, sorted(month_ends())
    for account in {account for account, _ in arr}:
        paid_before = False
        for number in numbers:
            before, after = arr.get((account, number - 1)), arr.get((account, number))
            start, end = before or 0, after or 0
            if not paid_before:
                kind = "new" if end else None
            elif before is None:
                kind = "reactivation" if after is not None else None
            elif after is None:
                kind = "churn"
            else:
                kind = "expansion" if end > start else "contraction" if end < start else "unchanged"
            if kind:
                paid_before = True
                expected[account, number] = (kind, start, end)
    rows = connection.execute(
        "select account_id, 12 * year(month_start) + month(month_start), movement, start_arr, end_arr from fct_arr_movements"
    ).fetchall()
    assert {row[:2]: row[2:] for row in rows} == expected
    assert {kind for kind, *_ in expected.values()} == {
        "new", "reactivation", "churn", "expansion", "contraction", "unchanged"
    }  # fmt: skip
    assert ("contraction", True) in {(kind, not end) for kind, _, end in expected.values()}
    assert min(arr.values()) < 0


def test_arr_as_reported_is_at_the_rates_of_its_month_and_the_rest_is_fx(company):
    connection, arr, segment = company
    reported = {(a, n): Decimal(amount) for a, n, amount in connection.execute("from reported").fetchall()}
    rows = connection.execute("select account_id, month_number, reported_arr from int_arr_months").fetchall()
    assert {(account, number): amount for account, number, amount in rows} == reported
    rows = connection.execute(
        "select segment, 12 * year(month_start) + month(month_start), start_arr, end_arr, reported_start_arr, fx_arr, "
        "reported_end_arr from rpt_arr_waterfall"
    ).fetchall()
    first = first_months(arr)
    for name, number, start, end, reported_start, fx, reported_end in rows:
        members = [account for account in first if name in ("all", segment[account])]
        assert reported_start == sum(reported.get((account, number - 1), 0) for account in members)
        assert reported_end == sum(reported.get((account, number), 0) for account in members)
        assert reported_start + end - start + fx == reported_end
    assert any(fx for *_, fx, _ in rows)


def test_a_later_rate_and_an_edit_of_the_current_one_move_no_closed_month(company):
    connection, *_ = company
    query = f"select * from ({warehouse.model_sql('int_arr_months')}) order by all"
    before = connection.execute(query).fetchall()
    for rate in (3, 4):
        connection.execute("delete from reported_exchange_rates where valid_from > date '2024-12-31'")
        connection.execute(
            f"insert into reported_exchange_rates values ('EUR', date '2025-03-01', {rate}), ('EUR', date '2026-01-01', 5)"
        )
        after = connection.execute(query).fetchall()
        edited = {row[1] for row, other in zip(after, before, strict=True) if row != other}
        assert edited == {12 * AS_OF.year + AS_OF.month}
        assert [row[:3] for row in after] == [row[:3] for row in before]
    connection.execute("delete from reported_exchange_rates where valid_from > date '2024-12-31'")


def test_the_waterfall_adds_up_for_each_segment_and_from_month_to_month(company):
    connection, arr, segment = company
    rows = connection.execute(
        "select segment, 12 * year(month_start) + month(month_start), start_arr, end_arr, start_accounts, end_accounts, "
        "start_accounts + new_accounts + reactivated_accounts - churned_accounts, "
        "start_arr + new_arr + reactivation_arr + expansion_arr - contraction_arr - churned_arr from rpt_arr_waterfall"
    ).fetchall()
    first = first_months(arr)
    for name, number, start, end, start_accounts, end_accounts, accounts, reached in rows:
        members = [account for account in first if name in ("all", segment[account])]
        begun = {n: [a for a in members if (a, n) in arr and n >= first[a]] for n in (number - 1, number)}
        assert start == sum(arr[account, number - 1] for account in begun[number - 1])
        assert end == reached == sum(arr[account, number] for account in begun[number])
        assert (start_accounts, end_accounts) == (len(begun[number - 1]), len(begun[number]))
        assert accounts == end_accounts
    assert {name for name, *_ in rows} == {"all", "smb", "enterprise"}


def test_the_quick_ratio_is_that_of_the_ledger(company):
    """What each account gained and lost from month to month; the interval by the delta method on logarithms."""
    connection, arr, segment = company
    first, numbers = first_months(arr), sorted(month_ends())
    moves = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for account, begun in first.items():
        for number in numbers:
            if number >= begun:
                before = arr.get((account, number - 1), 0) if number > begun else 0
                change = arr.get((account, number), 0) - before
                if number == begun or (account, number - 1) not in arr:
                    moves[account, number][0] += change
                elif (account, number) not in arr:
                    moves[account, number][1] -= change
                else:
                    moves[account, number][change < 0] += abs(change)
    rows = connection.execute(
        "select segment, period, 12 * year(period_start) + month(period_start), is_complete, moved_accounts, gained_arr, "
        "lost_arr, quick_ratio, quick_ratio_lower, quick_ratio_upper from rpt_quick_ratio"
    ).fetchall()
    told = 0
    for name, period, number, is_complete, moved, gained_arr, lost_arr, *ratios in rows:
        months = range(number, number + (3 if period == "quarter" else 1))
        own = [
            [sum(moves[account, month][side] for month in months if (account, month) in moves) for side in (0, 1)]
            for account in first
            if name in ("all", segment[account])
        ]
        own = [pair for pair in own if any(pair)]
        gained, lost = (sum(pair[side] for pair in own) for side in (0, 1))
        assert (moved, gained_arr, lost_arr) == (len(own), gained, lost), (name, period, number)
        assert is_complete == (max(months) < max(numbers))
        wanted = [None] * 3
        if lost > 0 and len(own) >= MIN_AT_RISK:
            wanted = [float(gained / lost), None, None]
            if gained > 0:
                parts = [float(gain / gained - loss / lost) for gain, loss in own]
                factor = np.exp(1.959963984540054 * np.sqrt(len(own)) * np.std(parts, ddof=1))
                wanted[1:], told = [wanted[0] / factor, wanted[0] * factor], told + 1
        found = [None if ratio is None else float(ratio) for ratio in ratios]
        wanted = [None if ratio is None else pytest.approx(ratio, rel=1e-5, abs=2e-6) for ratio in wanted]
        assert found == wanted, (name, period, number)
    assert told > 10


def interval_of_a_ratio(pairs):
    """Of end over start: the slope of a regression through the origin, weighted so that it is the ratio of the sums, HC1."""
    start, end = (np.array([float(amount or 0) for amount in side]) for side in zip(*pairs, strict=True))
    fit = statsmodels.WLS(end, start, weights=1 / start).fit(cov_type="HC1", use_t=False)
    return fit.conf_int()[0]


def interval_of_a_share(pairs):
    """Of what is kept: Wilson's of the number of accounts of equal ARR that would tell as much; none below 0."""
    start, end = (np.array([float(amount or 0) for amount in side]) for side in zip(*pairs, strict=True))
    kept = np.minimum(start, end)
    share = kept.sum() / start.sum()
    if share < 0:
        return None, None
    counted = start.sum() ** 2 / (start**2).sum()
    variance = statsmodels.WLS(kept, start, weights=1 / start).fit(cov_type="HC0").bse[0] ** 2
    if variance > share * (1 - share) / counted + 1e-12:
        counted = share * (1 - share) / variance
    return proportion.proportion_confint(share * counted, counted, method="wilson")


def test_retention_is_that_of_the_ledger(company):
    connection, arr, segment = company
    first = first_months(arr)
    rows = connection.execute(
        "select segment, cohort, window_months, 12 * year(month_start) + month(month_start), start_accounts, "
        "churned_accounts, start_arr, end_arr, kept_arr, churned_arr, start_arpa_annual, end_arpa_annual, net_retention, "
        "gross_retention, logo_churn, annual_logo_churn, logo_churn_lower, logo_churn_upper, net_retention_lower, "
        "net_retention_upper, gross_retention_lower, gross_retention_upper, annual_logo_churn_lower, annual_logo_churn_upper, "
        "annual_cancelled_arr_share, annual_cancelled_arr_share_lower, annual_cancelled_arr_share_upper, missing_because "
        "from rpt_revenue_retention"
    ).fetchall()
    ends = month_ends()
    seen, told = set(), 0
    for name, cohort, window, number, *measured in rows:
        seen.add((name, cohort, window, number))
        pairs = [
            (amount, arr.get((account, number)))
            for (account, month), amount in arr.items()
            if month == number - window
            and amount > 0
            and name in ("all", segment[account])
            and (cohort == "all" or cohort == f"{(first[account] - 1) // 12}-{(first[account] - 1) % 12 + 1:02d}-01")
        ]
        start, end = sum(a for a, _ in pairs), sum(b or 0 for _, b in pairs)
        kept, lost = sum(min(a, b or 0) for a, b in pairs), [a for a, b in pairs if b is None]
        assert measured[:6] == [len(pairs), len(lost), start, end, kept, sum(lost)]
        days = (ends[number] - ends[number - window]).days
        share, paying = len(lost) / len(pairs), len(pairs) - len(lost)
        arpa = [float(start / len(pairs)), float(end / paying) if paying else None]
        rates = [None] * 15
        if len(pairs) >= MIN_AT_RISK:
            yearly = 1 - (1 - share) ** (365 / days) if number < max(ends) else None
            logos = proportion.proportion_confint(len(lost), len(pairs), method="wilson")
            rates = [float(end / start), float(kept / start), share, yearly, *logos]
            rates += [*interval_of_a_ratio(pairs), *interval_of_a_share(pairs)]
            # What is lost at once is the complement of what would be kept if the others kept all.
            upper, lower = interval_of_a_share([(amount, None if after is None else amount) for amount, after in pairs])
            shares = [*logos, float(sum(lost) / start), 1 - lower, 1 - upper]
            yearly_shares = [1 - (1 - each) ** (365 / days) for each in shares]
            rates += yearly_shares if number < max(ends) else [None] * 5
            told += 1
        found = [None if value is None else float(value) for value in measured[6:-1]]
        assert found == pytest.approx([*arpa, *rates], abs=2e-6), (name, cohort, window, number)
        missing = f"too few accounts: {len(pairs)}, needs {MIN_AT_RISK}" if len(pairs) < MIN_AT_RISK else None
        assert measured[-1] == missing
    assert ("all", "all", 12, max(ends)) in seen and 50 < told < len(seen) - 50


def test_the_bridge_from_the_waterfall_to_retention_closes_to_the_cent(company):
    """Its sums are those of rpt_arr_waterfall, its others and what cancels out those of the ledger, account by account."""
    connection, arr, segment = company
    first = first_months(arr)
    waterfall = {
        row[:2]: row[2:]
        for row in connection.execute(
            "select segment, 12 * year(month_start) + month(month_start), start_arr, new_arr + reactivation_arr + expansion_arr, "
            "contraction_arr + churned_arr, end_arr from rpt_arr_waterfall"
        ).fetchall()
    }
    rows = connection.execute(
        "select segment, cohort, window_months, 12 * year(month_start) + month(month_start), waterfall_start_arr, "
        "others_start_arr, start_arr, waterfall_gained_arr, others_gained_arr, waterfall_lost_arr, others_lost_arr, netted_arr, "
        "expansion_arr, lost_arr, end_arr, others_end_arr, waterfall_end_arr from rpt_retention_bridge"
    ).fetchall()
    for name, cohort, window, number, *amounts in rows:
        (
            all_start, others_start, start, all_gained, others_gained, all_lost, others_lost, netted, expansion, lost, end,
            others_end, all_end,
        ) = amounts  # fmt: skip
        assert all_gained - others_gained - netted == expansion
        assert all_lost - others_lost - netted == lost
        assert start + expansion - lost == end
        assert others_start + others_gained - others_lost == others_end
        if cohort == "all":
            months = [waterfall.get((name, month), (0, 0, 0, 0)) for month in range(number - window + 1, number + 1)]
            assert all_gained == sum(month[1] for month in months)
            assert all_lost == sum(month[2] for month in months)
            assert all_start == (months[0][0] if (name, number - window + 1) in waterfall else all_start)
            assert all_end == (months[-1][3] if (name, number) in waterfall else all_end)
        expected = [0, 0, 0]
        for account in first:
            joined = f"{(first[account] - 1) // 12}-{(first[account] - 1) % 12 + 1:02d}-01"
            if name not in ("all", segment[account]) or cohort not in ("all", joined):
                continue
            ends = [arr.get((account, month)) for month in range(number - window, number + 1)]
            gained = fallen = 0
            for before, after in zip(ends, ends[1:], strict=False):
                if before is None or after is None:
                    gained, fallen = gained + (after or 0), fallen + (before or 0)
                else:
                    gained, fallen = gained + max(after - before, 0), fallen + max(before - after, 0)
            if (ends[0] or 0) > 0:
                expected[2] += min(gained, fallen)
            else:
                expected[0] += ends[0] or 0
                expected[1] += ends[-1] or 0
        assert [others_start, others_end, netted] == expected
    assert len(rows) == connection.execute("select count(*) from rpt_revenue_retention").fetchone()[0] > 100


def test_saas_metrics_finds_the_same():
    """It knows no pauses, so that its company has none."""
    connection, arr, _ = built(3, free=False)
    lines = pd.DataFrame(
        [
            {"customer_id": account, "period": f"{(n - 1) // 12}-{(n - 1) % 12 + 1:02d}-01", "revenue": str(amount)}
            for (account, n), amount in arr.items()
        ]
    )
    report = saas_metrics.analyze(lines, allow_warnings=True)
    ours = connection.execute(
        "select strftime(month_start, '%Y-%m'), start_arr, new_arr, reactivation_arr, expansion_arr, contraction_arr, "
        "churned_arr, end_arr, start_accounts, churned_accounts from rpt_arr_waterfall where segment = 'all'"
    ).fetchall()
    names = ("beginning", "new_logo", "reactivation", "expansion", "contraction", "churn", "ending")
    theirs = {f"{row.period_end:%Y-%m}": [abs(getattr(row, name)) for name in names] for row in report.waterfall.itertuples()}
    assert {row[0]: [float(amount) for amount in row[1:8]] for row in ours} == {
        month: pytest.approx(amounts, abs=0.005) for month, amounts in theirs.items()
    }
    retention = connection.execute(
        "select strftime(month_start, '%Y-%m'), window_months, cast(net_retention as double), "
        "cast(gross_retention as double), cast(logo_churn as double) from rpt_revenue_retention "
        "where segment = 'all' and cohort = 'all'"
    ).fetchall()
    theirs = {f"{row.period_end:%Y-%m}": row for row in report.metrics.itertuples()}
    compared = 0
    for month, window, net, gross, lost in retention:
        if window == 12 and net is not None:
            known, compared = theirs[month], compared + 1
            assert [net, gross, 1 - lost] == pytest.approx(
                [known.nrr_12m, known.grr_12m, known.logo_retention_12m], abs=1e-6
            )
        elif window == 1 and net is not None:
            assert lost == pytest.approx(theirs[month].logo_churn_rate, abs=1e-6)
    known_months = {month for month, row in theirs.items() if row.nrr_12m == row.nrr_12m}
    assert {month for month, window, *_ in retention if window == 12} == known_months != set()
    assert compared > 3
