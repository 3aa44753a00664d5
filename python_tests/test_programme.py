"""The programme's marts equal a replay of their definitions (section 11) on a simulated company with every defect: with the seeds
as delivered, and with shorter windows that this company has lived."""

import datetime
from collections import defaultdict

import pytest
import warehouse
from statsmodels.stats.proportion import proportion_confint

DAY = datetime.timedelta(days=1)
SEEDS = warehouse.seed_rows()
PLAN = warehouse._plan(False)
MODELS = [node for node in PLAN[1] if node["path"].split("/")[1] == "programme"]
JUDGED = ("achieved", "achieved_late", "overdue")


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
        for month in it.months if row["status"] in JUDGED else ():
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
