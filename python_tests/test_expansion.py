"""Expansion scores and rates equal a plain replay of their definitions; intervals equal SciPy's; time never runs backwards."""

import datetime
import math
import random
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import company_strategy
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import warehouse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats import proportion

DAY = datetime.timedelta(days=1)
SIGNAL_COLUMNS = [row["signal"] for row in warehouse.seed_rows()["signals"] if row["category"] != "milestones"]


def short_seeds():
    """The seeds with a life short enough for small companies: everything that takes a quarter takes two or three weeks."""
    seeds = warehouse.seed_rows()
    quick = {"min_account_age_days": "20", "min_days_held": "14", "min_leads": "5", "min_agreeing": "3"}
    quick |= {"coverage_floor": "0.55"}
    return {
        "expansion_settings": [row | quick for row in seeds["expansion_settings"]],
        "expansion_signals": [
            row | {"lookback_days": "20" if row["lookback_days"] else ""} for row in seeds["expansion_signals"]
        ],
        "expansion_bands": [
            row | {"hands_over": str(row["band"] != "monitor").lower()} for row in seeds["expansion_bands"]
        ],
        "onboarding_retention_settings": [
            {"min_weight_share": "0.6", "by_day": "30", "follow_up_days": "45", "min_accounts": "5"}
        ],
        "expansion_horizons": [{"horizon_days": str(days), "description": "", "source": "test"} for days in (7, 30, 60)],
    }


SHORT = short_seeds()


def rounded(number, places):
    """Half a unit goes up."""
    return Decimal(math.floor(Fraction(number) * 10**places + Fraction(1, 2))) / 10**places


def rows(connection, query):
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def number(text):
    return None if text in (None, "") else Fraction(text)


def replay(connection, seeds):
    """(indicators, scores) by account, score date (and indicator), from the daily signals and the seeds alone."""
    seeds = warehouse.seed_rows() | seeds
    (rule,) = seeds["expansion_settings"]
    signals = defaultdict(dict)
    for row in rows(connection, "select * from fct_account_signals"):
        signals[row["account_id"]][row["date_day"]] = row
    completed = {
        (row["account_id"], row["date_day"])
        for row in rows(
            connection,
            "select signals.account_id, date_day from fct_account_signals as signals "
            "inner join int_account_completions as completions on signals.account_id = completions.account_id "
            "and date_day >= completed_on and (returned_on is null or date_day < returned_on)",
        )
    }
    bands = sorted(seeds["expansion_bands"], key=lambda band: number(band["lower_edge"]))
    indicators, scores = {}, {}
    for account, days in signals.items():
        last, held, run = max(days), {}, None
        for day in sorted(day for day in days if day.isoweekday() == 1 or day == last):
            today = days[day]
            values = {}
            for indicator in sorted(seeds["expansion_indicators"], key=lambda row: row["indicator"]):
                name = indicator["indicator"]
                choices = sorted(
                    (row for row in seeds["expansion_signals"] if row["indicator"] == name),
                    key=lambda row: int(row["choice"]),
                )
                found = [read(choice, today, days, day) for choice in choices]
                signal, value, rises = next((one for one in found if one[1] is not None), found[0])
                points = None
                if value is not None:
                    points = max(
                        number(step["points"])
                        for step in seeds["expansion_rubrics"]
                        if step["indicator"] == name
                        and step["signal"] == signal
                        and (step["from_value"] == "" or value >= number(step["from_value"]))
                        and (step["to_value"] == "" or value < number(step["to_value"]))
                        and (step["trend"] == "any" or rises)
                    )
                agrees = points is not None and points >= number(rule["agree_points"])
                held[name] = held.get(name) or day if agrees else None
                values[name] = (number(indicator["weight"]), points, indicator["is_core"] == "true", agrees)
                indicators[account, day, name] = [signal, value, rises, points, agrees, held[name]]
            observed = sum(weight for weight, points, *_ in values.values() if points is not None)
            coverage = rounded(observed / sum(weight for weight, *_ in values.values()), 4)
            total, before, parts = Fraction(0), Decimal(0), {}
            for name, (weight, points, *_) in values.items():
                total += weight * (points or 0)
                up_to = rounded(total / observed, 2) if observed else None
                parts[name] = up_to - before if observed else None
                before = up_to
            for name, part in parts.items():
                indicators[account, day, name].append(part)
            if today["is_subscribed"] is None:
                status = "not_subscribed"
            elif not today["is_subscribed"]:
                status = "completed" if (account, day) in completed else "churned"
            elif today["account_age_days"] < int(rule["min_account_age_days"]):
                status = "too_early"
            elif coverage < number(rule["coverage_floor"]) or not observed:
                status = "too_little_data"
            else:
                status = "scored"
            score = band = agreeing = persisted = core = lasting = None
            qualification = status
            if status == "scored":
                score = rounded(total / observed, 2)
                band = [row for row in bands if score >= number(row["lower_edge"])][-1]
                agreeing = sum(agrees for *_, agrees in values.values())
                ages = sorted(((day - since).days for since in held.values() if since), reverse=True)
                needed = int(rule["min_agreeing"])
                persisted = ages[needed - 1] if len(ages) >= needed else None
                core_points = sum(parts[name] for name, value in values.items() if value[2])
                core = rounded(Fraction(core_points) / Fraction(score), 6) if score else None
                lasting = [name for name, since in held.items() if since and (day - since).days >= int(rule["min_days_held"])]
                lasting = rounded(Fraction(sum(parts[name] for name in lasting)) / Fraction(score), 6) if score else None
                if band["hands_over"] != "true":
                    qualification = "low_band"
                elif agreeing < needed:
                    qualification = "too_few_agree"
                elif (persisted or 0) < int(rule["min_days_held"]):
                    qualification = "not_held"
                elif (lasting or 0) < number(rule["min_held_share"]):
                    qualification = "too_little_held"
                elif (core or 0) < number(rule["min_core_share"]):
                    qualification = "too_little_core"
                else:
                    qualification = "qualified"
                band = band["band"]
            state = band if qualification == "qualified" else None
            run = run if state and run and run[0] == state else (state, day)
            scores[account, day] = [
                status, None if not today["is_subscribed"] else coverage, score, band, agreeing, persisted, lasting,
                core, triggers(seeds, today), qualification, run[1] if state else None,
            ]  # fmt: skip
    return indicators, scores


def read(choice, today, days, day):
    """Signal, value (a Fraction or None) and whether it rises, of one row of expansion_signals."""
    signal = choice["signal"]
    now = today[signal] if today["is_subscribed"] == 1 else None
    earlier = days.get(day - int(choice["lookback_days"] or 0) * DAY, {}).get(signal) if choice["lookback_days"] else None
    rises = now is not None and earlier is not None and now > earlier
    if choice["measure"] == "level":
        return signal, None if now is None else Fraction(now), rises
    if now is None or not earlier:
        return signal, None, rises
    return signal, Fraction(rounded(Fraction(now - earlier) / Fraction(earlier), 6)), rises


def triggers(seeds, today):
    if today["is_subscribed"] != 1:
        return None
    compare = {">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, "<": lambda a, b: a < b}
    held = sorted(
        row["trigger"]
        for row in seeds["expansion_triggers"]
        if today[row["signal"]] is not None
        and compare[row["operator"]](Fraction(today[row["signal"]]), number(row["threshold"]))
    )
    return ",".join(held) or None


def assert_as_replayed(connection, seeds):
    """Compare every row; return the scores."""
    indicators, scores = replay(connection, seeds)
    found = {
        (row.pop("account_id"), row.pop("score_date"), row.pop("indicator")): list(row.values())
        for row in rows(
            connection,
            "select account_id, score_date, indicator, signal, indicator_value, is_rising, points, agrees, held_since, "
            "contribution from int_expansion_indicators",
        )
    }
    assert found == indicators
    found = {
        (row.pop("account_id"), row.pop("score_date")): list(row.values())
        for row in rows(
            connection,
            "select account_id, score_date, status, coverage, score, band, indicators_agreeing, days_persisted, "
            "held_share, core_share, triggers, qualification, qualified_since from int_expansion_scores",
        )
    }
    assert found == scores
    return scores


@pytest.mark.slow
def test_scores_equal_the_replay_on_random_companies():
    seen = set()
    for seed in range(8):
        company = company_strategy.random_company(seed, n_accounts=6, n_days=150, churn=0.3, support=3.0)
        with warehouse.build(warehouse.raw_frames(company), seeds=SHORT) as connection:
            scores = assert_as_replayed(connection, SHORT)
        seen |= {row[9] for row in scores.values()}
    assert seen >= {"too_early", "too_little_data", "churned", "not_subscribed", "low_band", "qualified"}


@pytest.fixture(scope="module")
def short_house(dirty_company):
    """The simulated company, judged by the short seeds."""
    with warehouse.build(dirty_company[0], seeds=SHORT) as connection:
        yield connection


def test_scores_equal_the_replay_on_the_simulated_company(short_house):
    scores = assert_as_replayed(short_house, SHORT)
    assert {row[9] for row in scores.values()} >= {"qualified", "not_held", "low_band", "too_few_agree"}
    assert {row[8] for row in scores.values()} >= {"renewal_ahead", "usage_near_cap"}


def wilson(successes, trials):
    interval = binomtest(successes, trials).proportion_ci(0.95, "wilson")
    return interval.low, interval.high


def test_rates_equal_those_counted_from_scores_and_opportunities(short_house):
    as_of = short_house.execute("select as_of from base_build_moment").fetchone()[0]
    accounts = {row["account_id"]: row for row in rows(short_house, "select * from dim_accounts")}
    arr = {
        (row["account_id"], row["date_day"]): row["arr"]
        for row in rows(short_house, "select account_id, date_day, arr from fct_account_signals")
    }
    changes = defaultdict(list)
    for row in rows(short_house, "select * from stg_crm__opportunities where kind = 'expansion'"):
        changes[row["opportunity_id"]].append(row)
    ended = defaultdict(list)
    for history in changes.values():
        history.sort(key=lambda row: (row["occurred_at"], row["loaded_at"], row["event_id"]))
        stage = history[-1]["stage"]
        if stage in ("closed_won", "closed_lost"):
            first = next(row for row in history if row["stage"] == stage)
            ended[history[-1]["account_id"]].append((stage, history[0]["occurred_at"].date(), first["occurred_at"].date()))
    first_dates = {}
    for row in rows(
        short_house,
        "select account_id, score_date, band, is_qualified from int_expansion_scores where status = 'scored' order by 2",
    ):
        for population in ("scored", "qualified") if row["is_qualified"] else ("scored",):
            for band in (row["band"], "all"):
                first_dates.setdefault((row["account_id"], population, band), row["score_date"])
    leads = defaultdict(list)
    for (account, population, band), day in first_dates.items():
        for horizon in (7, 30, 60):
            end, gone = day + horizon * DAY, accounts[account]["churned_on"]
            own = [(stage, (closed - day).days) for stage, opened, closed in ended[account] if day < opened and closed <= end]
            won = sorted(days for stage, days in own if stage == "closed_won")
            if end > as_of:
                outcome, added = "open", None
            else:
                final = Decimal(0) if gone and gone <= end else arr[account, end]
                added = max(final - arr[account, day], Decimal(0))
                outcome = ("won" if won else "grew") if added else "false"
            for segment in (accounts[account]["segment"], "all"):
                leads[population, band, segment, horizon].append((outcome, won[0] if won else None, added, len(won), len(own)))
    found = rows(short_house, "select * from rpt_expansion")
    assert {(row["population"], row["band"], row["segment"], row["horizon_days"]) for row in found} == set(leads)
    for row in found:
        members = leads[row["population"], row["band"], row["segment"], row["horizon_days"]]
        closed = [member for member in members if member[0] != "open"]
        won = [member for member in closed if member[0] == "won"]
        failed = [member for member in closed if member[0] == "false"]
        assert [row["leads"], row["closed_leads"], row["won_leads"], row["false_positives"]] == [
            len(members), len(closed), len(won), len(failed)
        ]  # fmt: skip
        if not closed:
            assert row["finding"] == "too_young" and row["expansion_rate"] is row["arr_added"] is row["lead_to_win_rate"] is None
            continue
        for name, count in (
            ("lead_to_win_rate", len(won)), ("expansion_rate", len(closed) - len(failed)), ("false_positive_rate", len(failed))
        ):  # fmt: skip
            measured = [float(row[key]) for key in (name, f"{name}_lower", f"{name}_upper")]
            assert measured == pytest.approx([count / len(closed), *wilson(count, len(closed))], abs=1e-9)
        wins, ends = sum(member[3] for member in closed), sum(member[4] for member in closed)
        assert [row["won_opportunities"], row["won_opportunities"] + row["lost_opportunities"]] == [wins, ends]
        assert row["win_rate"] is None if not ends else float(row["win_rate"]) == pytest.approx(wins / ends, abs=1e-9)
        assert row["arr_added"] == sum(member[2] for member in closed)
        days = sorted(member[1] if member[0] == "won" else math.inf for member in closed)
        middle = days[len(days) // 2]
        assert row["median_days_to_win"] == (None if middle == math.inf else middle)
        assert (row["finding"] == "too_few_leads") == (len(closed) < 5)
    assert {row["finding"] for row in found} >= {"too_young", "too_few_leads", "measured", "as_expected"}
    assert any(row["won_leads"] for row in found) and any(row["arr_grew_leads"] for row in found)


@pytest.fixture(scope="module")
def scoring():
    """Seeds, and the tables that the scores are made from, empty."""
    with warehouse.seeded(SHORT) as connection:
        types = {"account_id": "varchar", "date_day": "date"} | dict.fromkeys(SIGNAL_COLUMNS, "decimal(18, 6)")
        types |= {"account_age_days": "bigint", "is_subscribed": "integer", "arr": "decimal(18, 2)"}
        columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
        connection.execute(f"create table int_measured_signals ({columns})")
        connection.execute("create table int_accounts (account_id varchar, segment varchar, ended_on date)")
        connection.execute("create table int_account_completions (account_id varchar, completed_on date, returned_on date)")
        yield connection


STEPS = {
    "module_coverage_30d": [Fraction(n, 10) for n in range(11)],
    "usage_growth_28d": [Fraction(n, 20) for n in range(-4, 10)],
    "seats": [Fraction(n) for n in (5, 9, 10, 11, 12, 13, 20)],
    "configuration_maturity": [Fraction(n, 8) for n in range(9)],
    "nps_180d": [Fraction(n) for n in (-50, 0, 29, 30, 50, 69, 70, 71, 100)],
    "csat_score_90d": [Fraction(n, 4) for n in range(4, 21)],
    "expansion_requests_90d": [Fraction(n) for n in range(5)],
}


@settings(max_examples=warehouse.examples(25), deadline=None, derandomize=True)
@given(
    drawn=st.fixed_dictionaries(
        {
            name: st.one_of(st.none(), st.tuples(*[st.integers(0, len(values) - 1)] * 2))
            for name, values in STEPS.items()
        }
    ),
    step=st.integers(1, 6),
)
def test_a_better_value_never_lowers_the_score(scoring, drawn, step):
    day = datetime.date(2025, 6, 2)
    table = []
    for account in ("as drawn", *STEPS):
        now, then = ({"account_id": account, "date_day": when, "account_age_days": 200, "is_subscribed": 1, "arr": 1}
                     for when in (day, day - 20 * DAY))  # fmt: skip
        for name, places in drawn.items():
            if places is None:
                continue
            values = STEPS[name]
            place = min(places[0] + (step if account == name else 0), len(values) - 1)
            now[name], then[name] = float(values[place]), float(values[places[1]])
        table += [now, then]
    frame = pd.DataFrame(table).astype({name: "float64" for name in STEPS if drawn[name]})
    scoring.execute("delete from int_measured_signals; delete from int_accounts")
    scoring.register("drawn", frame)
    scoring.execute("insert into int_measured_signals by name select * replace (cast(date_day as date) as date_day) from drawn")
    scoring.execute("insert into int_accounts select distinct account_id, 'smb', cast(null as date) from drawn")
    for model in ("int_expansion_indicators", "int_expansion_scores"):
        scoring.execute(f"create or replace table {model} as {warehouse.model_sql(model)}")
    found = dict(scoring.execute(
        f"select account_id, score from int_expansion_scores where score_date = date '{day}'"
    ).fetchall())  # fmt: skip
    base = found.pop("as drawn")
    assert len(found) == len(STEPS)
    for name, score in found.items():
        assert (score is None) == (base is None), name
        assert base is None or score >= base, name


def test_the_rubric_of_each_signal_spans_0_to_100():
    steps = warehouse.seed_rows()["expansion_rubrics"]
    for row in warehouse.seed_rows()["expansion_signals"]:
        points = [number(s["points"]) for s in steps if (s["indicator"], s["signal"]) == (row["indicator"], row["signal"])]
        assert (min(points), max(points)) == (0, 100)


def test_later_events_change_no_score(dirty_company):
    """A build at a moment says the same whether or not the rows that were loaded after it are there."""
    frames = {
        stream: frame[frame["loaded_at"].notna() & frame["occurred_at"].notna()]
        for stream, frame in dirty_company[0].items()
    }
    last = max(frame["loaded_at"].max() for frame in frames.values()).to_pydatetime()
    known_at = last - 25 * DAY
    early = {stream: frame[frame["loaded_at"] <= known_at] for stream, frame in frames.items()}
    moment = {"as_of": known_at.date(), "known_at": known_at}
    with (
        warehouse.build(early, seeds=SHORT, **moment) as then,
        warehouse.build(frames, seeds=SHORT, **moment) as replayed,
    ):
        for model in (
            "int_expansion_scores", "fct_expansion_scores", "fct_expansion_handoffs", "fct_expansion_leads", "rpt_expansion",
            "rpt_onboarding_retention",
        ):  # fmt: skip
            query = f"select * from {model} order by all"
            assert then.execute(query).fetchall() == replayed.execute(query).fetchall() != [], model


def retained_of(connection, members):
    """Rows of rpt_onboarding_retention from members (comparison, onboarding, start and kept ARR) of experiments."""
    frame = pd.DataFrame(members, columns=["comparison", "onboarding", "start_arr", "kept_arr"])
    connection.register("members", frame)
    connection.execute(
        "create or replace table int_onboarding_retention as select comparison, true as is_randomised, "
        "cast(row_number() over () as varchar) as account_id, 'smb' as segment, onboarding, date '2025-12-31' as window_ends_on, "
        "true as is_over, cast(start_arr as decimal(18, 2)) as start_arr, cast(kept_arr as decimal(18, 2)) as kept_arr, "
        "kept_arr > 0 as is_retained from members"
    )
    found = rows(connection, f"select * from ({warehouse.model_sql('rpt_onboarding_retention')}) where segment = 'all'")
    return {row["comparison"]: row for row in found}


def drawn_arm(rng, accounts, size_matters):
    """Start and kept ARR of accounts of very different sizes; of the larger ones more, or fewer, leave."""
    start = np.round(np.exp(rng.normal(9, 1, accounts)), 2)
    leaving = 1 / (1 + np.exp(1.5 - size_matters * (np.log(start) - 9)))
    kept = np.where(rng.random(accounts) < leaving, 0, start * np.where(rng.random(accounts) < 0.2, 0.6, 1))
    return start, np.round(kept, 2)


def test_the_interval_of_kept_arr_is_that_of_its_parts():
    """Linearised variances by statsmodels (weighted least squares, HC0), Wilson's intervals by statsmodels."""
    rng, members, expected = np.random.default_rng(3), [], {}
    for number in range(30):
        limits, shares = [], []
        for onboarding in ("with", "without"):
            start, kept = drawn_arm(rng, int(rng.choice((1, 2, 10, 200))), rng.choice((-1, 0, 2)))
            if number < 5:
                kept = start * (number % 2)
            members += [(f"e{number}", onboarding, *pair) for pair in zip(start, kept, strict=True)]
            fit = sm.WLS(kept / start, np.ones(len(start)), weights=start).fit(cov_type="HC0")
            share, variance = fit.params[0], fit.bse[0] ** 2
            effective = start.sum() ** 2 / (start**2).sum()
            if variance > 1e-20:
                effective = min(effective, share * (1 - share) / variance)
            limits.append(proportion.proportion_confint(share * effective, effective, method="wilson"))
            shares.append(share)
        (low, high), (other_low, other_high), (p, q) = *limits, shares
        expected[f"e{number}"] = [p - q, p - q - math.hypot(p - low, other_high - q), p - q + math.hypot(high - p, q - other_low)]
    with warehouse.seeded() as connection:
        found = retained_of(connection, members)
    for name, values in expected.items():
        columns = ("gross_retention_difference", "gross_difference_lower", "gross_difference_upper")
        assert [float(found[name][column]) for column in columns] == pytest.approx(values, abs=1e-8)
        amount = float(found[name]["with_arr"]) * values[0]
        assert float(found[name]["retained_arr"]) == pytest.approx(amount, abs=0.01 + 1e-8 * abs(amount))


@pytest.mark.parametrize("size_matters", (-1, 0, 1))
def test_the_interval_of_kept_arr_holds_the_truth(size_matters):
    """In 19 of 20 of 400 companies of 80 and 60 accounts where large accounts leave, in more where small ones do."""
    rng, members = np.random.default_rng(5), []
    for number in range(400):
        for onboarding, accounts in (("with", 80), ("without", 60)):
            pairs = zip(*drawn_arm(rng, accounts, size_matters), strict=True)
            members += [(f"e{number}", onboarding, *pair) for pair in pairs]
    with warehouse.seeded() as connection:
        found = retained_of(connection, members)
    held = [row["gross_difference_lower"] <= 0 <= row["gross_difference_upper"] for row in found.values()]
    assert len(held) == 400 and sum(held) / 400 >= 0.93


def retained(connection, groups):
    """Rows of rpt_onboarding_retention from groups (onboarding, accounts, retained, ARR of an account)."""
    table = ", ".join(f"('{name}', {accounts}, {kept}, {arr})" for name, accounts, kept, arr in groups)
    connection.execute(
        f"create or replace table int_onboarding_retention as "
        f"with groups as (select * from (values {table}) as t (onboarding, accounts, kept, arr)), "
        f"members as (select *, unnest(range(accounts)) as n from groups) "
        f"select 'completed_onboarding' as comparison, false as is_randomised, onboarding || n as account_id, "
        f"'smb' as segment, onboarding, date '2025-12-31' as window_ends_on, true as is_over, "
        f"cast(arr as decimal(18, 2)) as start_arr, n < kept as is_retained, "
        f"cast(case when n < kept then arr else 0 end as decimal(18, 2)) as kept_arr from members"
    )
    return rows(
        connection, f"select * from ({warehouse.model_sql('rpt_onboarding_retention')}) where segment = 'all' order by assumption"
    )


def test_three_points_of_a_thousand_accounts_are_one_and_a_half_million():
    with warehouse.seeded() as connection:
        groups = [("with", 1000, 950, 50000), ("without", 1000, 920, 50000)]
        found = {row["assumption"]: row for row in retained(connection, groups)}
    assert float(found["upper_bound"]["gross_retention_difference"]) == pytest.approx(0.03, abs=1e-12)
    assert found["upper_bound"]["retained_arr"] == Decimal(1_500_000)
    assert found["half"]["retained_arr"] == Decimal(750_000)


def test_intervals_of_equal_accounts_equal_scipys():
    rng = random.Random(7)
    with warehouse.seeded() as connection:
        for _ in range(40):
            n, m = rng.choice((1, 2, 30, 400)), rng.choice((1, 3, 50, 900))
            a, b = rng.randint(0, n), rng.randint(0, m)
            arr, churn, days = 100, 0.08, 180
            found = {row["assumption"]: row for row in retained(connection, [("with", n, a, arr), ("without", m, b, arr)])}
            (low, high), (other_low, other_high), p, q = wilson(a, n), wilson(b, m), a / n, b / m
            lower = p - q - math.hypot(p - low, other_high - q)
            upper = p - q + math.hypot(high - p, q - other_low)
            row = found["upper_bound"]
            for kind in ("logo", "gross"):
                names = (f"{kind}_retention_difference", f"{kind}_difference_lower", f"{kind}_difference_upper")
                assert [float(row[name]) for name in names] == pytest.approx([p - q, lower, upper], abs=1e-9)
            amounts = [float(row[name]) for name in ("retained_arr", "retained_arr_lower", "retained_arr_upper")]
            assert amounts == pytest.approx([x * n * arr for x in (p - q, lower, upper)], abs=0.006)
            base = found["published_baseline"]
            kept = (1 - churn) ** (days / 365)
            assert float(base["counterfactual_gross_retention"]) == pytest.approx(kept, abs=1e-9)
            amounts = [float(base[name]) for name in ("retained_arr", "retained_arr_lower", "retained_arr_upper")]
            assert amounts == pytest.approx([(x - kept) * n * arr for x in (p, low, high)], abs=0.006)
            expected = (
                "too_few_with" if n < 30 else "too_few_without" if m < 30
                else "retains" if lower > 0 else "loses" if upper < 0 else "no_clear_difference"
            )  # fmt: skip
            assert row["finding"] == expected


def test_groups_equal_those_counted_from_milestones_and_arr(short_house):
    as_of = short_house.execute("select as_of from base_build_moment").fetchone()[0]
    (rule,) = SHORT["onboarding_retention_settings"]
    arr = {
        (row["account_id"], row["date_day"]): row["arr"] or 0
        for row in rows(short_house, "select account_id, date_day, arr from fct_account_signals")
    }
    expected = {}
    milestones = defaultdict(list)
    observable = "select * from fct_milestones semi join int_milestone_achievements as judged on {} and judged.is_observable"
    same = "fct_milestones.account_id = judged.account_id and fct_milestones.milestone_id = judged.milestone_id"
    for row in rows(short_house, observable.format(same)):
        milestones[row["account_id"]].append(row)
    starts = dict(short_house.execute("select account_id, started_on from dim_accounts").fetchall())
    for account, plan in milestones.items():
        landmark = starts[account] + 30 * DAY
        if not arr.get((account, landmark)):
            continue
        weight = sum(row["weight"] for row in plan if row["waived_at"] is None)
        reached = sum(row["weight"] for row in plan if row["achieved_at"] and row["achieved_at"].date() <= landmark)
        expected["completed_onboarding", account] = (
            "with" if rounded(Fraction(reached) / Fraction(weight), 6) >= number(rule["min_weight_share"]) else "without",
            arr[account, landmark],
            (arr.get((account, landmark + 45 * DAY), 0) if landmark + 45 * DAY <= as_of else None),
        )
    assigned = {}
    for row in rows(short_house, "select * from stg_crm__experiment_assignments order by occurred_at, loaded_at, event_id"):
        if row["account_id"] in starts:
            assigned.setdefault(row["account_id"], row)
    for account, row in assigned.items():
        day = row["occurred_at"].date()
        if day <= as_of:
            expected["guided-setup", account] = (
                {"treatment": "with", "control": "without"}[row["variant"]],
                next((arr[account, on] for on in (day + n * DAY for n in range(31)) if arr.get((account, on), 0) > 0), 0),
                (arr.get((account, day + 75 * DAY), 0) if day + 75 * DAY <= as_of else None),
            )
    found = short_house.execute(
        "select comparison, account_id, onboarding, start_arr, end_arr from int_onboarding_retention"
    ).fetchall()
    assert {row[:2]: row[2:] for row in found} == expected
    assert len(found) == len(expected) > 100
    assert {row[2] for row in found} == {"with", "without"} and any(row[4] == 0 for row in found)
