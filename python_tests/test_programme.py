"""The programme's marts equal a replay of their definitions (section 11) on a simulated company with every defect: with the seeds
as delivered, and with shorter windows that this company has lived."""

import datetime
import operator
from collections import defaultdict
from decimal import Decimal

import pytest
import warehouse
from lifelines import KaplanMeierFitter
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

DAY = datetime.timedelta(days=1)
SEEDS = warehouse.seed_rows()
PLAN = warehouse._plan(False)
MODELS = [node for node in PLAN[1] if node["path"].split("/")[1] == "programme"]


def rows(connection, query):
    result = connection.execute(query)
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


class Programme:
    """The programme's marts of a house, as built or with other seeds, and the rows that they rest on."""

    def __init__(self, connection, seeds):
        self.connection, self.seeds = connection, SEEDS | seeds
        connection.execute("begin")
        for node in PLAN[0] if seeds else ():
            if node["name"] in seeds:
                connection.execute(f"drop table {node['name']}; {warehouse._seed_sql(node, seeds[node['name']])}")
        for node in MODELS:
            connection.execute(f"create or replace table {node['name']} as {node['compiled_code']}")
        self.built = {node["name"]: rows(connection, f"from {node['name']}") for node in MODELS}
        connection.execute("rollback")
        (self.settings,) = self.seeds["programme_settings"]
        self.least = int(self.settings["min_cases"])
        self.started_on = datetime.date.fromisoformat(self.settings["programme_started_on"])
        ((self.as_of, self.over_on),) = connection.execute("select as_of, over_on from base_build_moment").fetchall()
        self.months = rows(connection, "from int_billing_months order by month_start")

    def read(self, query):
        return rows(self.connection, query)


@pytest.fixture(scope="module", params=["as delivered", "lived"])
def programme(request, dirty_house):
    if request.param == "as delivered":
        return Programme(dirty_house, {})
    ((as_of,),) = dirty_house.execute("select as_of from base_build_moment").fetchall()
    (settings,) = SEEDS["programme_settings"]
    settings = settings | {
        "programme_started_on": str(as_of - 60 * DAY), "compared_months": "1", "min_cases": "5", "retained_assumption": "half"
    }  # fmt: skip
    days = zip(SEEDS["kpi_checkpoints"], ("0", "30", "58", "140"), strict=True)
    return Programme(dirty_house, {
        "programme_settings": [settings],
        "kpi_checkpoints": [row | {"after_days": after} for row, after in days],
        "resource_measures": [row | {"by_day": "10"} for row in SEEDS["resource_measures"]],
        "programme_gates": [row | {"after_days": "50"} for row in SEEDS["programme_gates"]],
        "expansion_settings": [row | {"min_leads": "2"} for row in SEEDS["expansion_settings"]],
    })  # fmt: skip


def close(found, expected):
    if found is None or expected is None or isinstance(expected, str | bool | datetime.date):
        return found == expected
    return abs(float(found) - float(expected)) < 2e-6 * max(1, abs(float(expected)))


def compare(found, expected):
    """Each row of `found`, by its key, has the values of `expected`."""
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        for column, value in row.items():
            assert close(found[key][column], value), (key, column, found[key][column], value)


def wilson(successes, trials):
    return proportion_confint(successes, trials, method="wilson")


def month_actuals(it):
    """(actual, lower, upper) of each KPI and month that its mart tells."""
    starts = [month["month_start"] for month in it.months]
    lag = int(it.settings["compared_months"])
    told = {}
    for row in it.read(f"from rpt_revenue_retention where segment = 'all' and cohort = 'all' and window_months = {lag}"):
        for kpi in ("logo_churn", "net_retention"):
            told[kpi, row["month_start"]] = row[kpi], row[f"{kpi}_lower"], row[f"{kpi}_upper"]
    for row in it.read("from rpt_ttv_cohorts where cohort_key like 'month|%|primary|all|all'"):
        told["time_to_first_value", row["cohort_start"]] = row["median_days"], row["median_days_lower"], row["median_days_upper"]
    arpa = {row["month_start"]: row for row in it.read("from rpt_arr_waterfall where segment = 'all'")}
    for place, start in enumerate(starts[lag:]):
        before, after = arpa.get(starts[place]), arpa.get(start)
        if before and after and before["arpa_annual"] and min(before["end_accounts"], after["end_accounts"]) >= it.least:
            told["arpa_growth", start] = float(after["arpa_annual"] / before["arpa_annual"]) - 1, None, None
    due = defaultdict(lambda: defaultdict(list))
    for row in it.read("from fct_milestones"):
        for month in it.months if row["is_judged"] else ():
            if month["month_start"] <= row["due_on"] <= month["month_end"]:
                reached = row["achieved_at"] is not None and row["achieved_at"].date() <= month["month_end"]
                due[month["month_start"]][row["account_id"]].append(reached)
    for start, by_account in due.items():
        m, c, g = sum(map(len, by_account.values())), sum(map(sum, by_account.values())), len(by_account)
        share = c / m
        squares = sum((sum(each) - share * len(each)) ** 2 for each in by_account.values())
        effective = min(m, share * (1 - share) * m**2 * (g - 1) / (g * squares)) if squares else g
        if m >= it.least:
            told["milestone_completion", start] = share, *(wilson(share * effective, effective) if effective else (None, None))
    last = max(int(row["horizon_days"]) for row in it.seeds["expansion_horizons"])
    leads = it.read(f"from fct_expansion_leads where population = 'qualified' and band = 'all' and horizon_days = {last}")
    for month in it.months:
        over = [row["outcome"] for row in leads if row["window_ends_on"] <= month["month_end"]]
        closed = [outcome for outcome in over if outcome != "window_open"]
        if len(closed) >= int(it.seeds["expansion_settings"][0]["min_leads"]):
            grown = sum(outcome in ("won", "arr_grew") for outcome in closed)
            told["expansion_rate", month["month_start"]] = grown / len(closed), *wilson(grown, len(closed))
    told = {key: values for key, values in told.items() if {m["month_start"]: m["is_complete"] for m in it.months}[key[1]]}
    for row in it.read("from rpt_onboarding_retention where segment = 'all' and comparison = 'completed_onboarding'"):
        if row["assumption"] == it.settings["retained_assumption"] and not row["finding"].startswith("too"):
            values = row["retained_arr"], row["retained_arr_lower"], row["retained_arr_upper"]
            told["retained_arr", it.as_of.replace(day=1)] = values
    return {key: values for key, values in told.items() if values[0] is not None}


def test_kpis_by_month_are_those_of_the_marts(programme):
    told = month_actuals(programme)
    none = (None, None, None)
    compare(
        {(row["kpi"], row["month_start"]): row for row in programme.built["rpt_kpi_months"]},
        {
            (kpi["kpi"], month["month_start"]): dict(
                zip(("actual", "actual_lower", "actual_upper"), told.get((kpi["kpi"], month["month_start"]), none), strict=True)
            )
            for kpi in programme.seeds["kpis"]
            for month in programme.months
        },
    )
    assert len({kpi for kpi, _ in told}) >= (2 if programme.settings["compared_months"] == "12" else 5)


def test_the_scorecard_compares_each_target_with_the_month_that_was_over(programme):
    told = month_actuals(programme)
    kpis = {row["kpi"]: row for row in programme.seeds["kpis"]}
    after = {row["checkpoint"]: int(row["after_days"]) for row in programme.seeds["kpi_checkpoints"]}
    expected = {}
    for row in programme.seeds["kpi_targets"]:
        kpi, target = kpis[row["kpi"]], float(row["target"])
        day = programme.started_on + after[row["checkpoint"]] * DAY
        over = [month for month in programme.months if month["is_complete"] and month["month_end"] <= day <= programme.over_on]
        actual = told.get((row["kpi"], over[-1]["month_start"]), (None,))[0] if over else None
        status = "unknown"
        if actual is not None:
            better = (float(actual) - target) * (-1 if kpi["better"] == "lower" else 1)
            status = "met" if better >= 0 else "near" if better >= -float(kpi["near_margin"]) else "missed"
        latest = max((month for name, month in told if name == row["kpi"]), default=None)
        expected[row["kpi"], row["checkpoint"]] = {
            "checkpoint_on": day, "actual": actual, "status": status, "target": target, "owner_role": kpi["owner_role"],
            "latest_actual": told[row["kpi"], latest][0] if latest else None,
        }  # fmt: skip
    compare({(row["kpi"], row["checkpoint"]): row for row in programme.built["rpt_kpi_scorecard"]}, expected)
    if programme.settings["compared_months"] == "1":
        assert {row["status"] for row in expected.values()} >= {"met", "missed", "unknown"}


def monday(day):
    return day - day.weekday() * DAY


def test_service_levels(programme):
    levels = {row["level"]: row for row in programme.seeds["service_levels"]}
    weeks = defaultdict(list)
    limit = datetime.timedelta(minutes=int(levels["events_staged"]["within_minutes"]))
    for row in programme.read("select source, occurred_at, loaded_at from base_events where reject_reason is null"):
        in_time = row["loaded_at"] - row["occurred_at"] <= limit
        for subject in (row["source"], "all"):
            weeks["events_staged", subject, monday(row["occurred_at"].date())].append(in_time)
    drops = {
        row["rule_id"] for row in programme.seeds["risk_criteria"] if (row["measure"], row["subject"]) == ("health_score", "drop")
    }
    opened = {row["risk_signal_id"]: row["opened_on"] for row in programme.read("from fct_interventions")}
    ((tasks_from,),) = programme.connection.execute("select tasks_from from base_build_moment").fetchall()
    for row in programme.read("from fct_risk_episodes"):
        if row["rule_id"] in drops and row["first_seen_on"] >= tasks_from and row["risk_signal_id"] in opened:
            key = "task_after_drop", row["rule_id"], monday(row["first_seen_on"])
            weeks[key].append(opened[row["risk_signal_id"]] == row["first_seen_on"])
    expected = {(level, "all", None): {"n": None, "share": None, "status": "unknown"} for level in ("recompute", "sync_success")}
    for (level, subject, week), kept in weeks.items():
        is_told = week + 6 * DAY <= programme.over_on and len(kept) >= programme.least
        share, target = (sum(kept) / len(kept) if is_told else None), float(levels[level]["min_share"])
        status = "missed" if is_told and share < target else "met" if is_told and level != "task_after_drop" else "unknown"
        lower, upper = wilson(sum(kept), len(kept)) if is_told else (None, None)
        expected[level, subject, week] = {
            "n": len(kept), "in_time": sum(kept), "share": share, "share_lower": lower, "share_upper": upper, "status": status
        }  # fmt: skip
    assert {level for level, _, _ in expected} == set(levels)
    compare({(row["level"], row["subject"], row["week_start"]): row for row in programme.built["rpt_service_levels"]}, expected)


def test_the_return_is_that_of_the_inputs(programme):
    scenarios = ("low", "likely", "high")
    columns = {row["input"]: {name: float(row[name]) for name in scenarios} for row in programme.seeds["programme_roi_inputs"]}
    cases = {(scenario, "none", None): {name: row[scenario] for name, row in columns.items()} for scenario in scenarios}
    for moved, row in columns.items():
        for to in ("low", "high"):
            if row[to] != row["likely"]:
                cases["likely", moved, to] = {name: other[to if name == moved else "likely"] for name, other in columns.items()}
    published = {row["part"]: float(row["published_benefit"] or 0) for row in programme.seeds["programme_roi_claims"]}
    expected = {}
    for case, value in cases.items():
        arr = value["accounts"] * value["arr_per_account"]
        parts = {
            "retained_arr": arr * value["churn_points"], "renewals_pulled_in": value["renewals_pulled_in"],
            "expansion": arr * value["expansion_points"],
            "support_saved": value["accounts"] * value["support_cost"] * value["support_share_saved"],
        }  # fmt: skip
        total = sum(parts.values())
        for part, benefit in parts.items():
            expected[*case, part] = {"benefit": benefit, "gross_roi": benefit / value["investment"], "net_roi": None}
        expected[*case, "total"] = {
            "benefit": total, "gross_roi": total / value["investment"], "net_roi": total / value["investment"] - 1,
            "payback_months": 12 * value["investment"] / total, "published_benefit": sum(published.values()),
        }  # fmt: skip
    key = ("scenario", "moved_input", "moved_to", "part")
    found = {tuple(row[column] for column in key): row for row in programme.built["rpt_programme_roi"]}
    compare(found, expected)
    assert float(found["likely", "none", None, "total"]["published_gross_roi"]) == 5.2
    assert float(found["likely", "none", None, "retained_arr"]["benefit"]) == 1_500_000


def test_the_gates_of_the_pilot(programme):
    told = month_actuals(programme)
    expected = {}
    for row in programme.seeds["programme_gates"]:
        day = programme.started_on + int(row["after_days"]) * DAY
        actual = None
        if row["gate"] == "milestone_completion":
            over = [month["month_start"] for month in programme.months if month["is_complete"] and month["month_end"] <= day]
            actual = told.get((row["gate"], over[-1]), (None,))[0] if over else None
        else:
            scores = defaultdict(list)
            for score in programme.read("from fct_account_health where status = 'scored'"):
                if score["score_date"].weekday() == 0:
                    scores[score["score_date"]].append(float(score["score"]))
            pair = [max((date for date in scores if date <= limit), default=None) for limit in (programme.started_on, day)]
            if None not in pair and min(len(scores[date]) for date in pair) >= programme.least:
                first, last = (sum(scores[date]) / len(scores[date]) for date in pair)
                actual = last / first - 1
        actual = None if day > programme.over_on else actual
        status = "unknown" if actual is None else "met" if float(actual) >= float(row["min_value"]) else "missed"
        expected[row["gate"]] = {"gate_on": day, "actual": actual, "status": status}
    found = {row["gate"]: row for row in programme.built["rpt_pilot_gates"]}
    decision = found.pop("decision")["status"]
    compare(found, expected)
    statuses = {row["status"] for row in expected.values()}
    assert decision == ("missed" if "missed" in statuses else "unknown" if "unknown" in statuses else "met")
    assert programme.settings["compared_months"] == "12" or "unknown" not in statuses


def members(it, dimension, segment, group):
    """The accounts of a cell of the benchmarks."""
    categories = {
        row["product_category"]
        for row in it.seeds["benchmark_groups"]
        if (row["dimension"], row["benchmark_group"]) == (dimension, group)
    }
    accounts = it.read("from dim_accounts")
    return {
        row["account_id"] for row in accounts if row["product_category"] in categories and segment in ("all", row["segment"])
    }  # fmt: skip


def own_waits(it, mine, by_day):
    """Median days to first value of a year's accounts, and the share with it by a day, by lifelines; None where too few tell."""
    last = max(month["month_number"] for month in it.months if month["is_complete"])
    year = [month for month in it.months if last - int(it.settings["compared_months"]) < month["month_number"] <= last]
    waits = [
        (int(row["followed_days"]), row["days_to_value"] == row["followed_days"])
        for row in it.read("from fct_time_to_value where onboarding_number = 1 and is_primary and entered_after_days = 0")
        if row["account_id"] in mine and year[0]["month_start"] <= row["started_on"] <= year[-1]["month_end"]
        and row["followed_days"] is not None
    ]  # fmt: skip
    if not waits:
        return None, None

    def known(day):
        return sum(days >= day or is_event for days, is_event in waits) >= it.least

    survival = KaplanMeierFitter().fit(*zip(*waits, strict=True)).survival_function_.iloc[:, 0]
    median = next((int(day) for day in survival.index if survival[day] <= 0.5 + 1e-9), None)
    at = survival[survival.index <= by_day].iloc[-1]
    is_told = by_day and known(by_day) and (max(waits)[0] >= by_day or at == 0)
    return (median if median is not None and known(median) else None), (1 - at if is_told else None)


def test_benchmarks(programme):
    """Kaplan-Meier by lifelines, revenue and bands counted anew, for each cell that is published or not."""
    seeds, lag = programme.seeds, int(programme.settings["compared_months"])
    last = max(month["month_number"] for month in programme.months if month["is_complete"])
    arr = {(row["account_id"], row["month_number"]): float(row["arr"]) for row in programme.read("from int_arr_months")}
    shown = programme.read("from fct_current_health where status = 'scored'")
    key = ("dimension", "segment", "benchmark_group", "metric")
    published = {tuple(row[column] for column in key): row for row in seeds["benchmarks"]}
    metrics = {(dimension, metric) for dimension, _, _, metric in published}
    groups = {(row["dimension"], row["benchmark_group"]) for row in seeds["benchmark_groups"]}
    expected = {}
    for dimension, segment, group in {(d, s, g) for d, s, _, _ in published for dimension, g in groups if dimension == d}:
        mine = members(programme, dimension, segment, group)
        by_day = int(published.get((dimension, segment, group, "activated_share"), {"by_day": 0})["by_day"])
        values = dict(zip(("time_to_first_value", "activated_share"), own_waits(programme, mine, by_day), strict=True))
        firsts = {name: value for (name, month), value in arr.items() if month == last - lag and name in mine and value > 0}
        pairs = [(first, arr.get((name, last), 0.0)) for name, first in firsts.items()]
        is_told, start = len(pairs) >= programme.least, sum(first for first, _ in pairs)
        values["net_retention"] = sum(end for _, end in pairs) / start if is_told else None
        values["expansion_share"] = sum(max(end - first, 0) for first, end in pairs) / start if is_told else None
        bands = [row["band"] for row in shown if row["account_id"] in mine]
        for row in seeds["benchmark_metrics"]:
            if row["band"]:
                values[row["metric"]] = bands.count(row["band"]) / len(bands) if len(bands) >= programme.least else None
        for metric, value in values.items():
            if (dimension, metric) in metrics:
                row = published.get((dimension, segment, group, metric))
                figures = {column: row and float(row[column]) for column in ("published_from", "published_to")}
                expected[dimension, segment, group, metric] = {"own": value} | figures
    compare({tuple(row[column] for column in key): row for row in programme.built["rpt_benchmarks"]}, expected)
    told = {metric for *_, metric in (name for name, row in expected.items() if row["own"] is not None)}
    assert told >= {"green_share", "net_retention" if lag == 1 else "time_to_first_value"}


OPERATORS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}


def first_values(it):
    """The primary activation milestone by product category."""
    firsts = [row for row in it.seeds["activation_milestones"] if row["is_primary"] == "true"]
    return {row["product_category"]: row["milestone_id"] for row in firsts}


def replay_stages(it):
    """By account its live score dates in order, each with the criteria of each stage that hold or not."""
    orders = {row["stage"]: int(row["stage_order"]) for row in it.seeds["maturity_stages"]}
    primary = first_values(it)
    category = {row["account_id"]: row["product_category"] for row in it.read("from dim_accounts")}
    milestones = {(row["account_id"], row["milestone_id"]): row for row in it.read("from int_milestone_achievements")}
    health = it.read("from fct_account_health where status not in ('churned', 'completed') order by score_date")
    signals = {(row["account_id"], row["date_day"]): row for row in it.read("""
        select signals.* from fct_account_signals as signals
        inner join fct_account_health as health on signals.account_id = health.account_id and date_day = score_date
    """)}  # fmt: skip

    def value(criterion, account, date, score):
        if criterion["measure"] == "signal":
            return signals[account, date][criterion["subject"]]
        if criterion["measure"] == "health_score":
            return score["score"] if score["status"] == "scored" else None
        subject = primary.get(category[account]) if criterion["subject"] == "first_value" else criterion["subject"]
        milestone = milestones.get((account, subject))
        if milestone is None or not milestone["is_observable"]:
            return None
        if milestone["achieved_at"] and milestone["achieved_at"].date() <= date:
            return 1
        return None if milestone["waived_at"] and milestone["waived_at"].date() <= date else 0

    dates = defaultdict(dict)
    for score in health:
        account, date = score["account_id"], score["score_date"]
        held = defaultdict(list)
        for row in it.seeds["maturity_criteria"]:
            found = value(row, account, date, score)
            is_true = found is not None and OPERATORS[row["operator"]](found, Decimal(row["threshold"]))
            held[orders[row["stage"]]].append(row["holds_when_null"] == "true" if found is None else is_true)
        dates[account][date] = held
    return dates


def test_maturity_of_accounts(programme):
    dates = replay_stages(programme)
    stages = {int(row["stage_order"]): row for row in programme.seeds["maturity_stages"]}
    names = {0: "none"} | {order: row["stage"] for order, row in stages.items()}
    expected = {}
    for account in programme.read("from dim_accounts"):
        reached = {
            date: next((order - 1 for order in sorted(held) if not all(held[order])), max(held))
            for date, held in dates.get(account["account_id"], {}).items()
        }
        last = max(reached, default=None)
        stage = reached[last] if last else 0
        others = [date for date, order in reached.items() if order != stage]
        since = min((date for date in reached if not others or date > max(others)), default=None)
        ahead = None if account["churned_on"] else stages.get(stage + 1)
        due = ahead and account["started_on"] + int(ahead["by_day"]) * DAY
        held = dates[account["account_id"]][last][stage + 1] if last and ahead else None
        expected[account["account_id"]] = {
            "stage": names[stage], "measured_on": last, "since_on": since, "next_stage": ahead and ahead["stage"],
            "highest_stage": names[max(reached.values(), default=0)], "checkpoint_on": due,
            "is_late": ahead and account["observed_until"] > due, "requirements": held and len(held),
            "requirements_met": held and sum(held),
        }  # fmt: skip
    compare({row["account_id"]: row for row in programme.built["fct_account_maturity"]}, expected)
    assert len({row["stage"] for row in expected.values()}) >= 4


def test_maturity_of_the_programme(programme):
    evidence = {
        "guided_tasks": "fct_onboardings where guided_task_share > 0", "tasks": "fct_interventions where status = 'completed'",
        "activations": "fct_time_to_value where is_primary and outcome = 'activated'", "alerts": "fct_alerts",
        "scores": "fct_current_health where status = 'scored'", "handoffs": "fct_expansion_handoffs",
        "experiments": "int_experiment_arms", "deliveries": "rpt_sync_deliveries where acknowledged > 0",
    }  # fmt: skip
    rows_of = {name: len(programme.read(f"from {query}")) for name, query in evidence.items()}
    orders = {row["stage"]: int(row["stage_order"]) for row in programme.seeds["maturity_stages"]}
    expected, missing = {}, []
    for row in programme.seeds["programme_capabilities"]:
        is_in_place = rows_of[row["evidence"]] >= int(row["min_rows"]) if row["evidence"] else row["is_declared"] == "true"
        missing += [] if is_in_place else [orders[row["stage"]]]
        expected[row["capability"]] = {"is_in_place": is_in_place, "row_count": rows_of.get(row["evidence"])}
    stage = min(missing, default=max(orders.values()) + 1) - 1
    for row in expected.values():
        row["programme_stage"] = {order: name for name, order in orders.items()}.get(stage, "none")
    compare({row["capability"]: row for row in programme.built["rpt_programme_maturity"]}, expected)


def quarter_of(day):
    return day.year * 4 + (day.month - 1) // 3


def quarter_counts(it):
    """(accounts, reached) by measure, segment or all, and quarter; and the last day of each quarter."""
    primary = first_values(it)
    counts, starts = defaultdict(lambda: [0, 0]), set()
    for row in it.read("from int_onboarding_steps where onboarding_number = 1 and is_followed"):
        starts.add(quarter_of(row["started_on"]))
        for measure in it.seeds["resource_measures"]:
            subject = primary.get(row["product_category"]) if measure["subject"] == "first_value" else measure["subject"]
            day = row["started_on"] + int(measure["by_day"]) * DAY
            is_reached = row["reached_on"] is not None and row["reached_on"] <= day
            is_waived = row["waived_on"] is not None and row["waived_on"] <= day
            if row["milestone_id"] == subject and row["seen_until"] >= day and (is_reached or not is_waived):
                for segment in (row["segment"], "all"):
                    count = counts[measure["measure"], segment, quarter_of(row["started_on"])]
                    count[0], count[1] = count[0] + 1, count[1] + is_reached
    return counts, {start: datetime.date((start + 1) // 4, (start + 1) % 4 * 3 + 1, 1) - DAY for start in starts}


def test_resource_rules(programme):
    counts, ends = quarter_counts(programme)
    days = {row["measure"]: int(row["by_day"]) for row in programme.seeds["resource_measures"]}

    def known(measure, segment, quarter):
        """The counts of a quarter that is complete and has enough accounts."""
        n, reached = counts.get((measure, segment, quarter), (0, 0))
        is_complete = quarter in ends and ends[quarter] + days[measure] * DAY <= programme.over_on
        return (n, reached) if is_complete and n >= programme.least else None

    expected = {}
    segments = [row["segment"] for row in programme.seeds["size_classes"]]
    for rule in programme.seeds["resource_rules"]:
        measure, span = rule["measure"], int(rule["quarters"])

        def has(segment, quarter, what, measure=measure, span=span):
            """Whether it holds in each of the last quarters; None where one is not known."""
            found = [what(segment, quarter - back) for back in range(span)] if known(measure, segment, quarter) else [None]
            return None if None in found else all(found)

        def is_flat(segment, quarter, measure=measure, rule=rule):
            now, before = known(measure, segment, quarter), known(measure, segment, quarter - 1)
            return now and before and now[1] / now[0] - before[1] / before[0] <= float(rule["tolerance"]) + 1e-9

        def lags(segment, quarter, measure=measure, rule=rule):
            now = known(measure, segment, quarter)
            return now and wilson(now[1], now[0])[1] < float(rule["baseline"])

        for quarter in ends:
            lagging = {name: has(name, quarter, lags) for name in segments} if rule["kind"] == "lagging" else {}
            told, behind = [found for found in lagging.values() if found is not None], sum(map(bool, lagging.values()))
            for segment in [*segments, "all"]:
                now, before = known(measure, segment, quarter), known(measure, segment, quarter - 1)
                is_fired = has(segment, quarter, is_flat) if rule["kind"] == "stalled" and now else None
                if rule["kind"] == "lagging" and now and behind >= int(rule["min_segments"]):
                    is_fired = segment == "all" or bool(lagging[segment])
                elif rule["kind"] == "lagging" and now and len(told) >= int(rule["min_segments"]):
                    is_fired = False
                change = confint_proportions_2indep(*now[::-1], *before[::-1], method="newcomb") if now and before else None
                later = known(measure, segment, quarter + int(rule["forecast_quarters"])) if is_fired else None
                rate = now and now[1] / now[0]
                expected[rule["rule"], segment, ends[quarter]] = {
                    "rate": rate, "rate_lower": now and wilson(now[1], now[0])[0], "change_lower": change and change[0],
                    "change_upper": change and change[1], "is_fired": is_fired,
                    "forecast_rate": rate + float(rule["forecast_change"]) if is_fired else None,
                    "actual_rate": later and later[1] / later[0],
                }  # fmt: skip
    found = {(row["rule"], row["segment"], row["quarter_end"]): row for row in programme.built["rpt_resource_rules"]}
    compare(found, expected)
    assert programme.settings["compared_months"] == "12" or {row["is_fired"] for row in expected.values()} == {True, False, None}
