"""The marts of onboardings equal a replay of their definitions (section 7b) with lifelines and statsmodels, row for row, on a
simulated company with every defect; and the field guide's funnel of 1000 accounts."""

import datetime
import warnings
from collections import Counter, defaultdict
from fractions import Fraction

import duckdb
import pandas as pd
import warehouse
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times
from statsmodels.stats.proportion import proportion_confint
from test_survival import cohorts_of, fit

DAY = datetime.timedelta(days=1)
SEEDS = warehouse.seed_rows()
SETTINGS = SEEDS["onboarding_settings"][0]
GRACE = int(SETTINGS["funnel_grace_days"]) * DAY
BEHIND, STUCK = float(SETTINGS["behind_share"]), float(SETTINGS["stuck_share"])
LEAST = int(SEEDS["milestone_settings"][0]["min_at_risk"])
TURNS = {row["owner_role"]: row["turn"] for row in SEEDS["owner_turns"]}
OWNERS = {row["milestone_id"]: row["owner_role"] for row in SEEDS["milestones"]}
LATER = "a later onboarding has no like accounts"


def rows(connection, query):
    result = connection.execute(query)
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def read(connection):
    """What the replay starts from: the onboardings with their steps in order, and the moment of the build."""
    ((as_of, over_on),) = connection.execute("select as_of, over_on from base_build_moment").fetchall()
    onboardings = {}
    for row in rows(connection, "from int_onboardings order by account_id, onboarding_number"):
        onboardings[row["account_id"], row["onboarding_number"]] = row | {"steps": [], "arms": []}
    milestones = "from int_onboarding_milestones order by account_id, onboarding_number, due_on, milestone_id"
    for row in rows(connection, milestones):
        onboarding = onboardings[row["account_id"], row["onboarding_number"]]
        reached = row["achieved_at"] and row["achieved_at"].date()
        seen = row["complete_through"] if row["observed_until"] == as_of else row["observed_until"]
        onboarding["steps"].append(
            row | {
                "reached": reached if reached and reached <= onboarding["ended_on"] else None,
                "waived": row["waived_at"] and row["waived_at"].date(),
                "seen": seen if row["is_observable"] else over_on,
                "followed": row["is_observable"] and not (row["needs_seats"] and row["first_seats_on"] is None),
            }
        )  # fmt: skip
    assigned = set()
    for row in rows(connection, "from stg_crm__experiment_assignments order by occurred_at, loaded_at, event_id"):
        account, experiment = row["account_id"], row["experiment_id"]
        if (account, 1) not in onboardings or not experiment or not row["variant"] or (account, experiment) in assigned:
            continue
        assigned.add((account, experiment))
        number = max(
            [n for (a, n), it in onboardings.items() if a == account and it["started_at"] <= row["occurred_at"]], default=1
        )
        onboardings[account, number]["arms"].append(f"{experiment}: {row['variant']}")
    return onboardings, as_of


def passed(step):
    return step["reached"] or step["waived"]


def is_judged(step):
    return step["followed"] and not step["waived"]


def is_open(step):
    return is_judged(step) and not step["reached"]


def arrival(onboarding, earlier):
    return max([onboarding["started_on"], *(passed(step) for step in earlier if passed(step))])


def wait(onboarding, step, since):
    """(days, whether reached) of a wait for a step from a day on; None where it is not followed on that day."""
    until = min([onboarding["ended_on"], step["seen"], *([step["waived"]] if step["waived"] else [])])
    if not step["followed"] or until < since:
        return None
    is_reached = bool(step["reached"]) and step["reached"] <= until
    return max((min(until, step["reached"] or until) - since).days, 0), is_reached


def known(waits, day):
    return sum(days >= day or is_reached for days, is_reached in waits)


def curve(waits):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lifelines divides by zero where S is 0 or 1
        return KaplanMeierFitter().fit(*zip(*waits, strict=True))


def step_waits(onboardings):
    """Waits since the start and at the step of first onboardings, by kind, journey, segment or all, and milestone."""
    waits = defaultdict(list)
    for (_, number), onboarding in onboardings.items():
        if number > 1:
            continue
        for place, step in enumerate(onboarding["steps"]):
            earlier = onboarding["steps"][:place]
            since = {"start": onboarding["started_on"]}
            came = arrival(onboarding, earlier)
            if not any(map(is_open, earlier)) and not (step["reached"] and step["reached"] <= came):
                since["step"] = came
            for kind, day in since.items():
                found = wait(onboarding, step, day)
                for segment in (onboarding["segment"], "all") if found else ():
                    waits[kind, onboarding["journey"], segment, step["milestone_id"]].append(found)
    return waits


def forecast(value, cohorts):
    """Days (earliest, median, latest) to first value of who still waits, how many had waited so long, or why there are none."""
    waited, n, days = int(value["followed_days"]), 0, {}
    for segment in (value["segment"], "all"):
        members = cohorts.get(("all", None, "primary", segment, value["product_category"]))
        if not members:
            continue
        survival = fit(members)[0]
        ends = sorted({followed for _, followed, *_ in members})
        ahead = [day for day in ends if day > waited]
        n = sum(entered <= ahead[0] <= followed for entered, followed, *_ in members) if ahead else 0
        if segment != "all" and n < LEAST:
            continue
        so_far = survival[survival.index <= waited].iloc[-1]
        for name, level in (("earliest", 0.75), ("median", 0.5), ("latest", 0.25)):
            day = next((day for day in ahead if survival[day] <= level * so_far + 1e-9), None)
            if day is not None:
                at_risk = sum(entered <= day <= followed for entered, followed, *_ in members)
                since = sum(waited < followed < day and activated for _, followed, activated, _ in members)
                days[name] = day, at_risk + since
        break
    if n < LEAST:
        return {}, None, f"too few like accounts have waited so long: {n}, needs {LEAST}"
    if "median" not in days:
        return {}, None, "not half of the like accounts that waited so long have reached it so far"
    if days["median"][1] < LEAST:
        return {}, None, "too few like accounts are known until half of them have reached it"
    return {name: day for name, (day, number) in days.items() if number >= LEAST}, n, None


def replay_onboardings(connection):
    """fct_onboardings by its definition: {(account, number): row}."""
    onboardings, as_of = read(connection)
    waits = step_waits(onboardings)
    curves = {key: curve(found) for key, found in waits.items()}
    values = {
        (row["account_id"], row["onboarding_number"]): row for row in rows(connection, "from fct_time_to_value where is_primary")
    }
    cohorts = cohorts_of(connection.execute("from fct_time_to_value").df())
    completed = set(connection.execute("select account_id, completed_on from int_account_completions").fetchall())
    guided = {
        (account, day): share
        for account, day, share in connection.execute(
            "select account_id, date_day, guided_task_share from fct_account_signals"
        ).fetchall()
    }
    expected = {}
    for (account, number), onboarding in onboardings.items():
        steps, start, end = onboarding["steps"], onboarding["started_on"], onboarding["ended_on"]
        counted = [step for step in steps if not step["waived"] and (step["followed"] or step["reached"])]
        due = [step for step in counted if step["reached"] or (step["due_on"] < end and step["due_on"] <= step["seen"])]
        place = next((place for place, step in enumerate(steps) if is_open(step)), None)
        unseen = any(not step["followed"] and not passed(step) for step in steps)
        has_ended = onboarding["churned_on"] is not None
        row = dict.fromkeys(
            ("state_missing_because", "completed_on", "turn", "days_since_start", "days_at_step", "like_accounts", "peers",
             "peers_reached_share", "peers_moved_on_share", "peers_at_step", "current_step", "current_milestone_id",
             "current_due_on", "forecast_on", "forecast_earliest_on", "forecast_latest_on", "forecast_accounts", "state")
        )  # fmt: skip
        row |= {
            "variant": "; ".join(sorted(onboarding["arms"])) or None, "started_on": start, "as_of": as_of,
            "journey": onboarding["journey"], "ended_on": end if has_ended else None,
            "ended_because": ("completed" if (account, onboarding["churned_on"]) in completed else "churned")
            if has_ended else None,
            "steps": len(counted), "steps_reached": sum(bool(step["reached"]) for step in counted),
            "progress": share(counted, [step for step in counted if step["reached"]]),
            "on_time_share": share(due, [step for step in due if step["reached"] and step["reached"] <= step["due_on"]]),
            "guided_task_share": guided.get((account, end)),
        }  # fmt: skip
        if place is not None:
            step = steps[place]
            came, until = arrival(onboarding, steps[:place]), min(end, step["seen"])
            row |= {"current_step": place + 1, "current_milestone_id": step["milestone_id"], "current_due_on": step["due_on"]}
            row["days_at_step"] = (until - came).days if until >= came else None
        if place is None and not unseen:
            row |= {"state": "completed", "completed_on": max(map(passed, filter(passed, steps)), default=None)}
        elif has_ended:
            row["state"] = "ended"
        elif place is None:
            row["state"] = "not_observed"
        else:
            row["turn"] = TURNS[OWNERS[step["milestone_id"]]]
            row["days_since_start"] = (until - start).days if until >= start else None
            row |= pace(row, onboarding, number, waits, curves)
        value = values.get((account, number), {"outcome": None, "activated_on": None})
        row |= {"first_value_on": value["activated_on"]} | first_value(value, has_ended, number, start, cohorts)
        expected[account, number] = row
    return expected


def share(all_steps, some):
    weight = sum(step["weight"] for step in all_steps)
    return float(sum(step["weight"] for step in some) / weight) if weight else None


def pace(row, onboarding, number, waits, curves):
    if number > 1:
        return {"state_missing_because": LATER}
    if row["days_since_start"] is None:
        return {"state_missing_because": "its first day is not over"}
    place = onboarding["journey"], onboarding["segment"], row["current_milestone_id"]
    peers = known(waits["start", *place], row["days_since_start"])
    found = {"like_accounts": "journey and segment"}
    if peers < LEAST:
        place = onboarding["journey"], "all", row["current_milestone_id"]
        found = {"like_accounts": "journey"}
        peers = known(waits["start", *place], row["days_since_start"])
    found["peers"] = peers
    moved_on = None
    if row["days_at_step"] is not None:
        found["peers_at_step"] = known(waits["step", *place], row["days_at_step"])
        if found["peers_at_step"] >= LEAST:
            moved_on = 1 - curves["step", *place].predict(row["days_at_step"])
            found["peers_moved_on_share"] = moved_on
    if peers < LEAST:
        return found | {"state_missing_because": f"too few like accounts: {peers}, needs {LEAST}"}
    reached = found["peers_reached_share"] = 1 - curves["start", *place].predict(row["days_since_start"])
    is_stuck = moved_on is not None and moved_on >= STUCK - 1e-9
    return found | {"state": "stuck" if is_stuck else "behind" if reached >= BEHIND - 1e-9 else "on_track"}


def first_value(value, has_ended, number, start, cohorts):
    reasons = {
        "first value is reached": value["outcome"] == "activated",
        "the onboarding has ended": has_ended,
        "the journey has no first value": value["outcome"] is None,
        "first value is waived": value["outcome"] == "waived",
        "first value is not observed": value["outcome"] == "not_observable",
        LATER: number > 1,
        "its first day is not over": value.get("followed_days") is None,
    }
    why = next((why for why, holds in reasons.items() if holds), None)
    days, n = {}, None
    if why is None:
        days, n, why = forecast(value, cohorts)
    columns = {"forecast_on": "median", "forecast_earliest_on": "earliest", "forecast_latest_on": "latest"}
    told = {column: start + days[name] * DAY for column, name in columns.items() if name in days}
    return told | {"forecast_accounts": n, "forecast_missing_because": why}


def sliced(onboardings):
    """{(dimension, value, journey): [(onboarding, its steps)]} of first onboardings."""
    slices = defaultdict(list)
    for (_, number), it in onboardings.items():
        if number > 1:
            continue
        monday = it["started_on"] - it["started_on"].weekday() * DAY
        named = {
            "all": "all", "month": f"{it['started_on'].replace(day=1)}", "week": f"{monday}", "segment": it["segment"],
            "category": it["product_category"], "variant": "; ".join(sorted(it["arms"])) or "none",
        }  # fmt: skip
        for dimension, value in named.items():
            slices[dimension, value, it["journey"]].append((it, it["steps"]))
        for persona in {step["persona"] for step in it["steps"]} - {None}:
            own = [step for step in it["steps"] if step["persona"] == persona]
            slices["persona", persona, it["journey"]].append((it, own))
    return slices


def is_done(step):
    return bool(is_judged(step) and step["reached"] and step["reached"] <= step["due_on"] + GRACE)


def has_lived(step):
    return step["due_on"] + GRACE <= step["seen"]


def interval(successes, trials):
    return proportion_confint(successes, trials, method="wilson")


def median_of(waits):
    """(median, lower, upper, None) of Kaplan and Meier, or three None and why there is no median."""
    left, half = Fraction(1), None
    for day in sorted({days for days, _ in waits}):
        left *= 1 - Fraction(sum(wait == (day, True) for wait in waits), sum(days >= day for days, _ in waits))
        if left <= Fraction(1, 2):
            half = day
            break
    if half is None:
        return None, None, None, "not half of them have reached it so far"
    if known(waits, half) < LEAST:
        return None, None, None, f"too few accounts: {known(waits, half)}, needs {LEAST}"
    fitter = curve(waits)
    nobody_is_left = fitter.survival_function_["KM_estimate"] <= 1e-12
    bounds = fitter.confidence_interval_.mask(nobody_is_left, 0.0).fillna(1.0)  # lifelines has none there, nor before an event
    lower, upper = (None if bound == float("inf") else int(bound) for bound in median_survival_times(bounds).iloc[0])
    return half, lower, upper, None


def replay_funnel(connection, onboardings):
    stops = dict(((account, milestone), seen) for account, milestone, seen in connection.execute(
        "select account_id, milestone_id, seen from int_onboarding_stops").fetchall())  # fmt: skip
    expected = {}
    for (dimension, value, journey), members in sliced(onboardings).items():
        for place in range(len(members[0][1])):
            counts, waits, seen = Counter(), [], Counter()
            for onboarding, steps in members:
                earlier, step = steps[:place], steps[place]
                if all(is_judged(before) and before["reached"] for before in earlier):
                    waits.append(wait(onboarding, step, arrival(onboarding, earlier)))
                if not all(map(is_done, earlier)):
                    continue
                if not all(map(has_lived, steps[: place + 1])):
                    counts["not_lived"] += 1
                elif not is_judged(step):
                    counts["left_out"] += 1
                else:
                    counts["entered"] += 1
                    counts["reached"] += is_done(step)
                    if not is_done(step) and (found := stops.get((onboarding["account_id"], step["milestone_id"]))):
                        seen[found] += 1
            waits = [found for found in waits if found]
            n, reached = counts["entered"], counts["reached"]
            why = f"too few accounts: {n}, needs {LEAST}"
            if n == 0:
                why = "no account has had the days to do it" if counts["not_lived"] else "no account came so far"
            lower, upper = interval(reached, n) if n >= LEAST else (None, None)
            median, low, high, no_median = median_of(waits)
            most = min(seen, key=lambda text: (-seen[text], text), default=None)
            expected[f"{dimension}|{value}|{journey}|{place + 1}"] = {
                "milestone_id": members[0][1][place]["milestone_id"], "entered": n, "reached": reached, "dropped": n - reached,
                "left_out": counts["left_out"], "not_lived": counts["not_lived"],
                "conversion": reached / n if n >= LEAST else None, "conversion_lower": lower, "conversion_upper": upper,
                "conversion_missing_because": None if n >= LEAST else why, "waited": len(waits), "median_days": median,
                "median_days_lower": low, "median_days_upper": high, "median_missing_because": no_median,
                "seen_before_stopping": most, "seen_before_stopping_accounts": seen[most] if most else None,
                "dropped_with_evidence": sum(seen.values()),
            }  # fmt: skip
    return expected


def outcome(onboarding, step):
    left_on = onboarding["churned_on"]
    if step["waived"]:
        return "waived"
    if not step["is_observable"]:
        return "not_observable"
    if not step["followed"]:
        return "without_seats"
    if left_on and left_on <= step["due_on"]:
        return "left_before_due"
    if step["due_on"] > step["seen"]:
        return "not_yet_lived"
    if not step["reached"]:
        return "overdue"
    return "on_time" if step["reached"] <= step["due_on"] else "late"


def replay_heatmap(onboardings):
    cells = defaultdict(Counter)
    for (dimension, value, _), members in sliced(onboardings).items():
        for onboarding, steps in members if dimension != "persona" else ():
            for step in steps:
                cells[f"{dimension}|{value}|{step['milestone_id']}"][outcome(onboarding, step)] += 1
    expected = {}
    kinds = ("on_time", "late", "overdue", "not_yet_lived", "left_before_due", "without_seats", "not_observable", "waived")
    for key, counts in cells.items():
        judged = counts["on_time"] + counts["late"] + counts["overdue"]
        row = {kind: counts[kind] for kind in kinds} | {"judged": judged, "accounts": counts.total(), "missing_because": None}
        if judged < LEAST:
            row["missing_because"] = f"too few accounts: {judged}, needs {LEAST}"
            if not judged and counts["not_yet_lived"]:
                row["missing_because"] = "no account has lived the deadline"
        for name, number in (("on_time", counts["on_time"]), ("completed", counts["on_time"] + counts["late"])):
            bounds = interval(number, judged) if judged >= LEAST else (None, None)
            row[f"{name}_share"] = number / judged if judged >= LEAST else None
            row[f"{name}_share_lower"], row[f"{name}_share_upper"] = bounds
        expected[key] = row
    return expected


def compare(built, expected):
    assert built.keys() == expected.keys() and built
    for key, row in expected.items():
        for column, value in row.items():
            found = built[key][column]
            if isinstance(value, float):
                assert found is not None and abs(float(found) - value) < 1e-6, (key, column, found, value)
            elif found is not None and value is not None and not isinstance(value, str | datetime.date):
                assert float(found) == float(value), (key, column, found, value)
            else:
                assert found == value, (key, column, found, value)


def by_key(connection, mart, *key):
    return {tuple(row[name] for name in key) if len(key) > 1 else row[key[0]]: row for row in rows(connection, f"from {mart}")}


def test_onboardings(dirty_house):
    built = by_key(dirty_house, "fct_onboardings", "account_id", "onboarding_number")
    compare(built, replay_onboardings(dirty_house))
    states = Counter(row["state"] for row in built.values())
    assert set(states) >= {"completed", "ended", "on_track", "behind", "stuck"}, states
    assert sum(row["forecast_on"] is not None for row in built.values()) >= 5


def test_funnel(dirty_house):
    expected = replay_funnel(dirty_house, read(dirty_house)[0])
    compare(by_key(dirty_house, "rpt_onboarding_funnel", "funnel_key"), expected)
    assert sum(row["conversion"] is not None for row in expected.values()) >= 20
    assert sum(row["median_days"] is not None for row in expected.values()) >= 10


def test_heatmap(dirty_house):
    expected = replay_heatmap(read(dirty_house)[0])
    compare(by_key(dirty_house, "rpt_milestone_heatmap", "heatmap_key"), expected)
    assert sum(row["on_time_share"] is not None for row in expected.values()) >= 20


def test_the_field_guides_funnel():
    """Of 1000 accounts 1000, 800, 500 and 600 reach the steps; 450 of the 600 did all before, so the funnel never widens."""
    start, rows_of_steps = datetime.date(2024, 1, 1), []
    names = ("sign_up", "tutorial", "import", "activation")
    for number in range(1000):
        reaches = True, number < 800, number < 500, number < 450 or number >= 850
        for step, (name, reached) in enumerate(zip(names, reaches, strict=True), 1):
            reached_on = start + step * DAY if reached else None
            rows_of_steps.append({
                "account_id": f"a{number}", "onboarding_number": 1, "journey": "j", "segment": "smb", "product_category": "api",
                "variant": "none", "started_on": start, "churned_on": None, "ended_on": start + 100 * DAY,
                "milestone_id": f"M{step}", "milestone": name, "persona": "admin", "due_on": start + 7 * step * DAY,
                "is_observable": True, "is_followed": True, "is_judged": True, "waived_on": None, "reached_on": reached_on,
                "seen_until": start + 100 * DAY, "step_number": step, "followed_on": start + 100 * DAY,
                "is_open": not reached, "passed_on": reached_on,
            })  # fmt: skip
    steps = pd.DataFrame(rows_of_steps)
    dates = [column for column in steps.columns if column.endswith("_on") or column == "seen_until"]
    kept = ", ".join(column for column in steps.columns if column not in dates)
    with duckdb.connect(":memory:") as connection:
        connection.register("drawn", steps)
        cast = ", ".join(f"{column}::date as {column}" for column in dates)
        connection.execute(f"create table int_onboarding_steps as select {kept}, {cast} from drawn")
        connection.execute("create table int_onboarding_stops (account_id varchar, milestone_id varchar, seen varchar)")
        connection.execute(f"create table milestone_settings as select {LEAST} as min_at_risk")
        connection.execute("create table onboarding_settings as select 30 as funnel_grace_days")
        for model in ("int_onboarding_slices", "int_onboarding_step_curves", "rpt_onboarding_funnel"):
            connection.execute(f"create table {model} as {warehouse.model_sql(model)}")
        for dimension in ("all", "month", "segment", "persona"):
            found = connection.execute(
                "select milestone, entered, reached, conversion, median_days from rpt_onboarding_funnel "
                f"where dimension = '{dimension}' order by step_number"
            ).fetchall()
            assert [(*row[:3], float(row[3]), row[4]) for row in found] == [
                ("sign_up", 1000, 1000, 1.0, 1),
                ("tutorial", 1000, 800, 0.8, 1),
                ("import", 800, 500, 0.625, 1),
                ("activation", 500, 450, 0.9, 1),
            ], dimension
