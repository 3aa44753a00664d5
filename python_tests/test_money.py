"""Renewals, trials, support costs, ticket topics and surveys equal plain Python; their intervals are statsmodels'."""

import datetime
import random
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
import statsmodels.api as statsmodels
import warehouse
from statsmodels.stats import proportion
from test_expected_losses import table
from test_revenue import interval_of_a_ratio, interval_of_a_share

DAY = datetime.timedelta(days=1)
AS_OF = datetime.date(2025, 2, 14)
SEGMENTS = ("smb", "mid", "large")
MIN_AT_RISK, LEAD = 10, 90


def quarter_of(day):
    return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)


def last_day(quarter):
    return quarter_of(quarter + 95 * DAY) - DAY


def drawn_company():
    """Accounts with segment and start, their bands on Mondays, and renewals with every outcome."""
    rng = random.Random(31)
    accounts = {}
    for n in range(150):
        accounts[f"a{n:03d}"] = rng.choices(SEGMENTS, (60, 35, 4))[0], AS_OF - rng.randrange(500, 900) * DAY
    bands = {}
    monday = datetime.date(2022, 9, 5)
    while monday <= AS_OF:
        for name in accounts:
            if rng.random() < 0.8:
                bands[name, monday] = rng.choice(("green", "green", "yellow", "red"))
        monday += 7 * DAY
    renewals = []
    for name, (segment, _) in accounts.items():
        for term in range(rng.choice((1, 1, 2, 3))):
            ends = AS_OF + rng.randrange(-500, 260) * DAY
            due = Decimal(rng.randrange(-2000, 100_000)) / 10
            row = {"key": f"{name}|{term}", "account": name, "segment": segment, "ends": ends, "due": due}
            row |= dict.fromkeys(("renewed_on", "renewed", "notice", "gone", "kind"))
            past = ends + 31 * DAY < AS_OF
            decided = ["renewed_early", "renewed_on_time", "renewed_late", "lapsed", "churned"]
            kinds = decided if past else ["open", "notice_given"]
            row["outcome"] = rng.choices(kinds, (3, 4, 1, 1, 2) if past else (9, 1))[0]
            if row["outcome"].startswith("renewed"):
                shift = {"early": -rng.randrange(1, 150), "time": 0, "late": 20}[row["outcome"].rpartition("_")[2]]
                row |= {"renewed_on": ends + shift * DAY, "renewed": due * rng.choice((1, Decimal("1.2"), Decimal("0.9")))}
            elif row["outcome"] != "open":
                row |= {"gone": ends + DAY, "kind": rng.choice(("voluntary", "involuntary", "unknown"))}
                if row["outcome"] != "lapsed":
                    row["notice"] = ends - rng.randrange(0, 200) * DAY
            renewals.append(row)
    return accounts, bands, renewals


@pytest.fixture(scope="module")
def house():
    rng = random.Random(32)
    accounts, bands, renewals = drawn_company()
    probabilities = {}
    for name in accounts:
        for horizon in (30, 60, 90):
            p = Decimal(rng.randrange(1, 900)) / 1000 if name < "a140" else None
            probabilities[name, horizon] = p
    settings = {"min_at_risk": str(MIN_AT_RISK), "band_lead_days": str(LEAD), "source": "test"}
    with warehouse.seeded({"retention_settings": [settings]}) as connection:
        table(connection, "base_build_moment", "as_of date, over_on date", [(AS_OF, AS_OF)])
        table(
            connection, "dim_accounts", "account_id varchar, segment varchar, started_on date",
            [(name, *values) for name, values in accounts.items()],
        )  # fmt: skip
        table(
            connection, "int_shown_bands", "account_id varchar, score_date date, band varchar",
            [(*key, band) for key, band in bands.items()],
        )  # fmt: skip
        table(
            connection, "fct_renewals",
            "renewal_key varchar, account_id varchar, segment varchar, term_ends_on date, arr_up_for_renewal decimal(18, 2), "
            "outcome varchar, renewed_on date, renewed_arr decimal(18, 2), notice_on date, ends_on date, churn_kind varchar",
            [
                tuple(row[key] for key in (
                    "key", "account", "segment", "ends", "due", "outcome", "renewed_on", "renewed", "notice", "gone", "kind"
                ))
                for row in renewals
            ],
        )  # fmt: skip
        score_date = AS_OF - AS_OF.weekday() * DAY
        table(
            connection, "fct_churn_probabilities",
            "account_id varchar, score_date date, lead_gap_days integer, horizon_days integer, "
            "churn_probability decimal(18, 12), probability_lower decimal(18, 12), probability_upper decimal(18, 12)",
            [
                (name, score_date, 7, horizon, p, p and p / 2, p and (p + 1) / 2)
                for (name, horizon), p in probabilities.items()
            ],
        )  # fmt: skip
        for model in ("rpt_renewal_rates", "rpt_renewals_due"):
            connection.execute(f"create table {model} as {warehouse.model_sql(model)}")
        yield connection, accounts, bands, renewals, probabilities


def band_before(row, bands):
    lead = row["ends"] - LEAD * DAY
    if lead > AS_OF:
        return "ahead"
    ended = row["outcome"] in ("churned", "notice_given") and row["notice"] and row["notice"] <= lead
    if ended or any(row[key] and row[key] <= lead for key in ("renewed_on", "gone")):
        return "decided"
    return bands.get((row["account"], lead - lead.weekday() * DAY), "none")


def test_renewal_rates_are_what_plain_python_and_statsmodels_say(house):
    connection, accounts, bands, renewals, _ = house
    groups = defaultdict(lambda: defaultdict(list))
    for row in renewals:
        segment, started = accounts[row["account"]]
        values = {"all": "all", "segment": segment, "start_quarter": str(quarter_of(started)), "band": band_before(row, bands)}
        for group in values.items():
            groups[group][quarter_of(row["ends"])].append(row)
    expected = {}
    for group, by_quarter in groups.items():
        complete = [
            quarter for quarter, rows in by_quarter.items()
            if last_day(quarter) <= AS_OF and not any(row["outcome"] in ("open", "notice_given") for row in rows)
        ]  # fmt: skip
        periods = [("quarter", [quarter]) for quarter in by_quarter]
        periods += [("complete_quarters", sorted(complete))] if complete else []
        for period, quarters in periods:
            units = defaultdict(list)
            for quarter in quarters:
                for row in by_quarter[quarter]:
                    units[quarter, row["account"]].append(row)
            pairs = [(sum(r["due"] for r in rows), sum(r["renewed"] or 0 for r in rows)) for rows in units.values()]
            renewed = [any(r["renewed"] is not None for r in rows) for rows in units.values()]
            late = [any(r["outcome"] == "renewed_late" for r in rows) for rows in units.values()]
            on_time = sum(had and not was for had, was in zip(renewed, late, strict=True))
            n, due = len(units), sum(pair[0] for pair in pairs)
            rates = [None] * 12
            if set(quarters) <= set(complete) and n >= MIN_AT_RISK:
                rates[6:] = [
                    share for count in (sum(renewed), on_time)
                    for share in (count / n, *proportion.proportion_confint(count, n, method="wilson"))
                ]  # fmt: skip
                if due > 0:
                    kept = sum(min(pair) for pair in pairs)
                    rates[:6] = [
                        float(sum(pair[1] for pair in pairs) / due), *ratio_bounds(pairs),
                        float(kept / due), *(share_bounds(pairs) if kept >= 0 else (None, None)),
                    ]  # fmt: skip
            expected[*group, period, quarters[0]] = n, sum(renewed), on_time, due, rates
    names = ("net_renewal_rate", "gross_renewal_rate", "logo_renewal_rate", "on_time_renewal_rate")
    columns = ", ".join(f"{name}{end}" for name in names for end in ("", "_lower", "_upper"))
    rows = connection.execute(
        "select dimension, dimension_value, period, period_start, accounts, renewed_accounts, on_time_accounts, "
        f"arr_up_for_renewal, {columns}, missing_because from rpt_renewal_rates"
    ).fetchall()
    assert {row[:4] for row in rows} == set(expected)
    for *key, accounts_count, renewed, on_time, due, _, _, _, _, _, _, _, _, _, _, _, _, why in rows:
        assert expected[tuple(key)][:4] == (accounts_count, renewed, on_time, due)
        assert why is not None or None not in expected[tuple(key)][4][6:]
    told = 0
    for row in rows:
        rates = [None if rate is None else float(rate) for rate in row[8:20]]
        assert rates == pytest.approx(expected[row[:4]][4], abs=2e-6), row[:4]
        told += rates[0] is not None
    assert told > 10
    assert {row[1] for row in rows if row[0] == "band"} == {"green", "yellow", "red", "none", "decided", "ahead"}


def ratio_bounds(pairs):
    """test_revenue's interval asks for starts above 0: here a unit may have none or discounts, so by its formula."""
    if all(pair[0] > 0 for pair in pairs):
        return interval_of_a_ratio(pairs)
    due, renewed = (np.array([float(amount) for amount in side]) for side in zip(*pairs, strict=True))
    ratio = renewed.sum() / due.sum()
    spread = 1.959963984540054 * np.std(renewed - ratio * due, ddof=1) * len(due) ** 0.5 / due.sum()
    return ratio - spread, ratio + spread


def share_bounds(pairs):
    if all(pair[0] > 0 for pair in pairs):
        return interval_of_a_share(pairs)
    due, renewed = (np.array([float(amount) for amount in side]) for side in zip(*pairs, strict=True))
    kept = np.minimum(due, renewed)
    share = kept.sum() / due.sum()
    counted = due.sum() ** 2 / (due**2).sum()
    variance = ((kept - share * due) ** 2).sum() / due.sum() ** 2
    if variance > share * (1 - share) / counted:
        counted = share * (1 - share) / variance
    return proportion.proportion_confint(share * counted, counted, method="wilson")


def cents(amount):
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_renewals_due_are_what_plain_python_says(house):
    connection, _, _, renewals, probabilities = house
    names = ("gross_renewal_rate", "gross_renewal_rate_lower", "gross_renewal_rate_upper")
    rates = {
        row[0] if row[0] == "all" else row[1]: row[2:]
        for row in connection.execute(
            f"select dimension, dimension_value, {', '.join(names)} from rpt_renewal_rates "
            "where period = 'complete_quarters' and dimension in ('all', 'segment')"
        ).fetchall()
        if row[2] is not None
    }
    assert "all" in rates and "large" not in rates
    score_date = AS_OF - AS_OF.weekday() * DAY
    sums, bases = defaultdict(lambda: [0, Decimal(0), Decimal(0), Decimal(0), Decimal(0), 0, 0]), set()
    for row in renewals:
        if row["outcome"] not in ("open", "notice_given"):
            continue
        days = next((h for h in (30, 60, 90) if row["ends"] + DAY <= score_date + (7 + h) * DAY), None)
        p = probabilities.get((row["account"], days))
        known = (1 - p, (1 - p) / 2, 1 - p / 2) if p is not None else rates.get(row["segment"], rates["all"])
        bases.add((p is not None, row["segment"] in rates))
        parts = [cents(row["due"] * share) for share in known]
        for name in (row["segment"], "all"):
            found = sums[name, quarter_of(row["ends"])]
            if row["outcome"] == "notice_given":
                found[6] += 1
            elif row["ends"] < AS_OF:
                found[5] += 1
            else:
                found[0] += 1
                found[1] += row["due"]
                found[2] += parts[0]
                found[3] += min(parts[1:])
                found[4] += max(parts[1:])
    rows = connection.execute(
        "select segment, quarter_start, terms, arr_up_for_renewal, expected_renewed_arr, expected_renewed_arr_lower, "
        "expected_renewed_arr_upper, overdue_terms, notice_terms from rpt_renewals_due"
    ).fetchall()
    found = {row[:2]: [value or 0 for value in row[2:]] for row in rows}
    assert found == {key: pytest.approx(values, abs=Decimal("0.02")) for key, values in sums.items()}
    assert {(True, True), (False, True), (False, False)} <= bases and any(row[7] for row in rows)


def test_support_costs_and_their_differences_are_those_of_statsmodels():
    """A ratio over accounts is the slope through the origin, its error HC1's; two groups are independent."""
    rng = random.Random(33)
    accounts = {f"a{n:03d}": rng.choice(SEGMENTS[:2]) for n in range(120)}
    quarter = datetime.date(2024, 10, 1)
    bands = {name: rng.choice(("green", "yellow", "red", None)) for name in accounts}
    work = {name: (rng.randrange(1, 93), Decimal(rng.choice((0, 0, 15, 24, 96, 300)))) for name in accounts}
    with warehouse.seeded() as connection:
        table(connection, "base_build_moment", "over_on date", [(AS_OF,)])
        table(connection, "dim_accounts", "account_id varchar, segment varchar", list(accounts.items()))
        table(
            connection, "int_shown_bands", "account_id varchar, score_date date, band varchar",
            [(name, datetime.date(2024, 9, 30), band) for name, band in bands.items() if band],
        )  # fmt: skip
        table(
            connection, "int_support_work",
            "account_id varchar, quarter_start date, observed_days bigint, cost decimal(18, 2)",
            [(name, quarter, *value) for name, value in work.items()],
        )  # fmt: skip
        columns = "annual_cost_per_account", "difference_to_best_band"
        rows = connection.execute(
            f"select segment, band, {', '.join(name + end for name in columns for end in ('', '_lower', '_upper'))} "
            f"from ({warehouse.model_sql('rpt_support_costs')})"
        ).fetchall()
    fits = {}
    for segment in ("smb", "mid", "all"):
        for band in ("green", "yellow", "red", "none", "all"):
            own = [
                work[name] for name, of in accounts.items()
                if segment in (of, "all") and band in (bands[name] or "none", "all")
            ]  # fmt: skip
            days, cost = (np.array([float(value) for value in side]) for side in zip(*own, strict=True))
            fit = statsmodels.WLS(cost, days, weights=1 / days).fit(cov_type="HC1", use_t=False)
            fits[segment, band] = 365 * fit.params[0], 365 * fit.bse[0], len(own)
    assert {row[:2] for row in rows} == set(fits)
    compared = 0
    for segment, band, *found in rows:
        (mean, error, n), (best, best_error, best_n) = fits[segment, band], fits[segment, "green"]
        wanted, z = [None] * 6, 1.959963984540054
        if n >= MIN_AT_RISK:
            wanted[:3] = mean, mean - z * error, mean + z * error
            if band not in ("green", "all") and best_n >= MIN_AT_RISK:
                spread, compared = z * (error**2 + best_error**2) ** 0.5, compared + 1
                wanted[3:] = mean - best, mean - best - spread, mean - best + spread
        assert [None if value is None else float(value) for value in found] == pytest.approx(wanted, abs=0.0051), (segment, band)
    assert compared >= 6


def test_trial_conversion_is_that_of_closed_trials():
    rng = random.Random(34)
    trials = []
    for number in range(90):
        trial_on = AS_OF - rng.randrange(250) * DAY
        paid = trial_on + rng.choice((0, 14, 30, 31, 90, 91)) * DAY if rng.random() < 0.6 else None
        trials.append((f"a{number}", rng.choice(("api", "api", "analytics")), trial_on, paid if paid and paid <= AS_OF else None))
    with warehouse.seeded() as connection:
        table(connection, "base_build_moment", "over_on date", [(AS_OF,)])
        columns = "account_id varchar, product_category varchar, trial_on date, paid_on date"
        table(connection, "int_trials", columns, trials)
        rows = connection.execute(
            "select dimension, dimension_value, window_days, trials, closed_trials, converted_trials, conversion_rate, "
            f"conversion_rate_lower, conversion_rate_upper from ({warehouse.model_sql('rpt_trial_conversion')})"
        ).fetchall()
    windows = [int(row["window_days"]) for row in warehouse.seed_rows()["trial_windows"]]
    for dimension, value, window, count, closed, converted, *rates in rows:
        own = [
            (trial_on, paid) for _, category, trial_on, paid in trials
            if value in ("all", category, str(quarter_of(trial_on)))
        ]  # fmt: skip
        over = [(trial_on, paid) for trial_on, paid in own if trial_on + window * DAY <= AS_OF]
        won = sum(paid is not None and paid <= trial_on + window * DAY for trial_on, paid in over)
        assert (count, closed, converted) == (len(own), len(over), won), (dimension, value, window)
        wanted = [None] * 3
        if len(over) >= MIN_AT_RISK:
            wanted = [won / len(over), *proportion.proportion_confint(won, len(over), method="wilson")]
        assert [None if rate is None else float(rate) for rate in rates] == pytest.approx(wanted, abs=2e-6)
    assert {row[2] for row in rows} == set(windows) and {row[0] for row in rows} == {"all", "category", "quarter"}


def test_ticket_topics_and_what_followed_are_what_plain_python_says():
    rng = random.Random(35)
    accounts = {f"a{n:03d}": rng.choice(SEGMENTS[:2]) for n in range(140)}
    quarters = [datetime.date(2024, month, 1) for month in (4, 7, 10)]
    follow = int(warehouse.seed_rows()["support_settings"][0]["topic_follow_days"])
    observed = {(name, quarter) for name in accounts for quarter in quarters if rng.random() < 0.8}
    periods, completed, tickets = [], {}, []
    for name in accounts:
        begins = datetime.date(2024, 1, 1)
        for _ in range(2):
            begins += rng.randrange(120) * DAY
            ends = begins + rng.randrange(30, 300) * DAY if rng.random() < 0.6 else None
            periods.append((name, begins, ends))
            begins = ends or begins
        if rng.random() < 0.1:
            day = datetime.date(2024, 5, 1) + rng.randrange(250) * DAY
            completed[name] = day, rng.choice((None, day + 40 * DAY))
        for _ in range(rng.choice((0, 1, 2, 6))):
            topic, day = rng.choice(("defect", "how_to", "other", "not_told")), quarters[0] + rng.randrange(275) * DAY
            outcome = rng.choice(("breached", "in_time", "in_time", "not_due"))
            tickets.append((name, topic, day, outcome, rng.random() < 0.8, rng.random() < 0.2))
    with warehouse.seeded() as connection:
        table(connection, "base_build_moment", "over_on date", [(AS_OF,)])
        table(connection, "dim_accounts", "account_id varchar, segment varchar", list(accounts.items()))
        table(connection, "int_support_work", "account_id varchar, quarter_start date", sorted(observed))
        table(connection, "int_subscription_periods", "account_id varchar, starts_on date, ends_on date", periods)
        columns = "account_id varchar, completed_on date, returned_on date"
        table(connection, "int_account_completions", columns, [(name, *days) for name, days in completed.items()])
        columns = "account_id varchar, topic varchar, created_on date, reply_outcome varchar, is_solved boolean, "
        columns += "is_reopened boolean, first_reply_hours decimal(18, 6)"
        table(connection, "int_ticket_topics", columns, [(*ticket, 1) for ticket in tickets])
        rows = connection.execute(
            "select topic, segment, quarter_start, accounts, topic_accounts, tickets, judged_tickets, breached_tickets, "
            "solved_tickets, reopened_tickets, followed_topic_accounts, churned_topic_accounts, followed_accounts, "
            "churned_accounts, breached_share_lower, breached_share_upper, difference_to_others, difference_to_others_lower, "
            f"difference_to_others_upper from ({warehouse.model_sql('rpt_ticket_topics')})"
        ).fetchall()

    def has_terms(name, day):
        return any(who == name and begins <= day and (ends is None or ends > day) for who, begins, ends in periods)

    def fate(name, quarter):
        """1 left, 0 stayed, None not followed."""
        end = last_day(quarter)
        later = end + follow * DAY
        done, back = completed.get(name, (None, None))
        if later > AS_OF or not has_terms(name, end) or (done and done <= later and not (back and back <= later)):
            return None
        return int(not has_terms(name, later))

    compared, keys = 0, set()
    for topic, segment, quarter, *found in rows:
        keys.add((topic, segment, quarter))
        book = [name for name, of in accounts.items() if segment in (of, "all") and (name, quarter) in observed]
        own = [each for each in tickets if each[0] in book and each[1] == topic and quarter_of(each[2]) == quarter]
        about = {each[0] for each in own}
        breached, judged = (sum(each[3] in kinds for each in own) for kinds in (("breached",), ("breached", "in_time")))
        fates = {name: fate(name, quarter) for name in book}
        groups = [[value for name, value in fates.items() if (name in about) == of and value is not None] for of in (1, 0)]
        counts = [
            len(book), len(about), len(own), judged, breached,
            sum(each[4] for each in own), sum(each[4] and each[5] for each in own),
            len(groups[0]), sum(groups[0]), len(groups[0]) + len(groups[1]), sum(groups[0]) + sum(groups[1]),
        ]  # fmt: skip
        assert found[:11] == counts, (topic, segment, quarter)
        wanted = [None] * 5
        if judged >= MIN_AT_RISK:
            wanted[:2] = proportion.proportion_confint(breached, judged, method="wilson")
        if min(map(len, groups)) >= MIN_AT_RISK:
            compared += 1
            (lost, n), (others_lost, others) = ((sum(group), len(group)) for group in groups)
            wanted[2] = lost / n - others_lost / others
            wanted[3:] = proportion.confint_proportions_2indep(lost, n, others_lost, others, method="newcomb", compare="diff")
        assert [None if value is None else float(value) for value in found[11:]] == pytest.approx(wanted, abs=2e-6)
    expected = {(each[1], quarter_of(each[2]), each[0]) for each in tickets}
    expected = {(topic, of, q) for topic, q, name in expected if (name, q) in observed for of in ("all", accounts[name])}
    assert keys == expected and compared >= 8


def test_survey_scores_are_what_plain_python_and_cluster_robust_errors_say():
    rng = random.Random(36)
    accounts = {f"a{n:02d}": rng.choice(SEGMENTS[:2]) for n in range(60)}
    scales = {row["kind"]: row for row in warehouse.seed_rows()["survey_scales"]}
    surveys = []
    for number in range(500):
        name, kind = rng.choice(list(accounts)), rng.choice(("nps", "csat", "integration_ease"))
        sent = AS_OF - rng.randrange(150) * DAY if rng.random() < 0.95 else None
        answered = (sent or AS_OF - 60 * DAY) + rng.choice((0, 5, 30, 31)) * DAY if rng.random() < 0.6 or not sent else None
        score = rng.randrange(int(scales[kind]["lowest"]), int(scales[kind]["highest"]) + 1) if answered else None
        surveys.append((name, str(number), kind, "u", sent, rng.choice((None, "M003", "M007")), answered, score))
    with warehouse.seeded() as connection:
        table(connection, "base_build_moment", "over_on date", [(AS_OF,)])
        table(connection, "dim_accounts", "account_id varchar, segment varchar", list(accounts.items()))
        columns = "account_id varchar, survey_id varchar, kind varchar, user_id varchar, sent_on date, milestone_id varchar, "
        table(connection, "int_surveys", columns + "answered_on date, score decimal(18, 6)", surveys)
        rows = connection.execute(
            "select kind, milestone_id, segment, quarter_start, sent_surveys, closed_surveys, in_time_answers, answers, "
            "top_answers, response_rate, response_rate_lower, response_rate_upper, top_box_share, top_box_share_lower, "
            "top_box_share_upper, "
            f"mean_score, mean_score_lower, mean_score_upper from ({warehouse.model_sql('rpt_survey_scores')})"
        ).fetchall()

    def clustered(values, clusters):
        """Mean and variance of values, clustered by account."""
        values = np.array(values, dtype=float)
        if len(set(clusters)) < 2 or np.ptp(values) == 0:
            return values.mean(), None if len(set(clusters)) < 2 else 0.0
        groups = np.unique(clusters, return_inverse=True)[1]
        fit = statsmodels.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=False)
        return values.mean(), fit.bse[0] ** 2

    def share_with_bounds(values, clusters):
        share, variance = clustered(values, clusters)
        size = min(len(values), share * (1 - share) / variance) if variance and 0 < share < 1 else len(set(clusters))
        return share, *proportion.proportion_confint(share * size, size, method="wilson")

    told, z = 0, 1.959963984540054
    for kind, milestone, segment, quarter, *found in rows:
        own = [
            each for each in surveys
            if each[2] == kind and milestone in (each[5] or "none", "all") and segment in (accounts[each[0]], "all")
            and quarter_of(each[4] or each[6]) == quarter
        ]  # fmt: skip
        days, top = int(scales[kind]["answer_days"]) * DAY, 9 if kind == "nps" else 4
        closed = [each for each in own if each[4] and each[4] + days <= AS_OF]
        in_time = [bool(each[6] and each[6] <= each[4] + days) for each in closed]
        answered = [each for each in own if each[7] is not None]
        tops = [each[7] >= top for each in answered]
        assert found[:5] == [sum(each[4] is not None for each in own), len(closed), sum(in_time), len(answered), sum(tops)]
        wanted = [None] * 9
        if len(closed) >= MIN_AT_RISK:
            wanted[:3] = share_with_bounds(in_time, [each[0] for each in closed])
        if len(answered) >= MIN_AT_RISK:
            names, told = [each[0] for each in answered], told + 1
            wanted[3:6] = share_with_bounds(tops, names)
            mean, variance = clustered([each[7] for each in answered], names)
            wanted[6:] = mean, mean - z * variance**0.5, mean + z * variance**0.5
        assert [None if value is None else float(value) for value in found[5:]] == pytest.approx(wanted, abs=2e-6), found
    assert told > 10 and {row[1] for row in rows} == {"M003", "M007", "none", "all"}
