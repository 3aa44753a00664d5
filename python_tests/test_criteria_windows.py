"""Days, users and users with enough days in a sliding window equal plain Python, in milestones and risk rules, every night.

EXAMPLES sets how many.
"""

import datetime
import json
import random
from collections import defaultdict

import pytest
import warehouse
from test_observable import Coverage

DAY = datetime.timedelta(days=1)
START = datetime.datetime(2025, 1, 6, 10)
SEEDS = warehouse.seed_rows()
NEEDED = ("fct_milestones", "fct_risk_episodes")
NIGHTS = 4
LENGTH = 40
SUBJECTS = {"session_started": {"session_started"}, "role:core": {"dashboard_created", "report_viewed"}}


def criterion(rng):
    """A random criterion of events, with windows of one day and users of one day among them."""
    measure = rng.choice(("event_days", "event_users", "event_user_days", "event_user_days"))
    within = rng.choice(("", 1, 2, 3, 7, 30))
    longest = within or 12
    min_days = rng.randint(1, min(longest, 4)) if measure == "event_user_days" else ""
    most = min(longest, 6) if measure == "event_days" else 4
    operator, threshold = rng.choice(
        [(">=", n) for n in range(1, most + 1)]
        + [(">", n) for n in range(most)]
        + ([(">=", 1.5), (">", 0.5)] if most > 1 else [])
    )
    return {
        "measure": measure,
        "subject": rng.choice(sorted(SUBJECTS)),
        "operator": operator,
        "threshold": str(threshold),
        "within_days": str(within),
        "min_days": str(min_days),
        "sustained_days": "1",
        "holds_when_null": "false",
    }


def opinions(rng):
    """Seeds with 10 milestones, a criterion to enter and one to exit each, and a rule for each of these, some at certain ages."""
    milestones, journey, criteria, rules, rule_criteria = [], [], [], [], []
    activation = {"product_category": "general_saas", "milestone_id": "W0", "is_primary": "true"}
    for number in range(10):
        milestones.append(SEEDS["milestones"][0] | {"milestone_id": f"W{number}"})
        standing = {"milestone_id": f"W{number}", "persona": "", "deadline_days": "20", "weight": "0.1"}
        journey.append(SEEDS["journey_milestones"][0] | standing | {"journey": "general_saas"})
        for phase in ("entry", "exit"):
            row = criterion(rng)
            plain = {"needs_seats": "false", "by_persona": "false", "source": "test"}
            criteria.append(row | plain | {"milestone_id": f"W{number}", "phase": phase})
            from_day = rng.choice((0, 0, 5))
            ages = {"from_day": str(from_day), "to_day": rng.choice(("", str(from_day + 15)))}
            rules.append(SEEDS["risk_rules"][0] | {"rule_id": f"R{number} {phase}", "segment": "any", **ages})
            below = {"operator": rng.choice(("<", ">=")), "rule_id": f"R{number} {phase}", "label": "counted"}
            rule_criteria.append(row | below)
    roles = {"dashboard_created": "core", "report_viewed": "core", "session_started": "login"}
    plan = [row | {"role": roles.get(row["event_type"], ""), "product_category": "any"} for row in SEEDS["tracking_plan"]]
    plan += [
        SEEDS["tracking_plan"][0] | {"event_type": kind, "role": role}
        for kind, role in roles.items()
        if kind not in {row["event_type"] for row in plan}
    ]
    return {
        "milestones": milestones,
        "journey_milestones": journey,
        "milestone_criteria": criteria,
        "journeys": [{"product_category": "general_saas", "segment": "any", "journey": "general_saas"}],
        "activation_milestones": [SEEDS["activation_milestones"][0] | activation],
        "tracking_plan": plan,
        "risk_rules": rules,
        "risk_criteria": rule_criteria,
        "play_triggers": [],
        "resource_measures": [row | {"subject": "first_value"} for row in SEEDS["resource_measures"]],
        "published_effects": [],
    }


def row(event_id, event_type, account_id, occurred_at, user_id=None, payload=None):
    return {
        "event_id": event_id,
        "event_type": event_type,
        "account_id": account_id,
        "user_id": user_id,
        "occurred_at": occurred_at,
        "loaded_at": occurred_at + datetime.timedelta(minutes=5),
        "payload": json.dumps(payload or {}),
    }


def company(rng):
    """The rows of three accounts: events at the edges of days, users that tie, events without a user; one account churns."""
    streams = defaultdict(list)
    for name in ("a", "b", "c"):
        streams["crm"].append(row(f"{name} created", "account_created", name, START - DAY))
        streams["crm"].append(row(f"{name} started", "onboarding_started", name, START))
        terms = {"subscription_id": f"{name}1", "mrr": 100, "currency": "USD", "seats": 5, "term_end": "2026-01-06"}
        streams["billing"].append(row(f"{name} subscribed", "subscription_started", name, START, None, terms))
        if name == "c":
            ends = {"subscription_id": "c1", "effective_on": "2025-02-05", "reason": "price"}
            at = datetime.datetime(2025, 2, 4, 12)
            streams["billing"].append(row("c cancelled", "subscription_cancelled", "c", at, None, ends))
        times, users = [], rng.randint(1, 5)
        busy = rng.choice((0.15, 0.4, 0.8))
        for number in range(LENGTH):
            for user in range(users):
                if rng.random() < busy:
                    day = datetime.datetime(2025, 1, 6) + number * DAY
                    at = rng.choice((0, 1, 3600 * 9, 3600 * 9, 86399, rng.randrange(86400)))
                    times.append((day + datetime.timedelta(seconds=at), f"{name}{user}"))
        for at, user in times:
            kind = rng.choice(("session_started", "session_started", "dashboard_created", "report_viewed"))
            user_id = user if rng.random() < 0.9 else None
            streams["product"].append(row(f"e{rng.randrange(16**9):09x}", kind, name, at, user_id))
            if rng.random() < 0.2:
                late = datetime.timedelta(days=rng.choice((1, 2, 9, 20)))
                streams["product"][-1]["loaded_at"] += late
    return streams


def by_night(streams):
    """The rows that each night brings."""
    end = datetime.datetime(2025, 1, 6) + LENGTH * DAY
    edges = [datetime.datetime(2025, 1, 20), datetime.datetime(2025, 1, 21, 12), datetime.datetime(2025, 2, 5), end]
    nights = [defaultdict(list) for _ in range(NIGHTS)]
    for stream, rows in streams.items():
        for event in rows:
            night = sum(event["loaded_at"] > edge for edge in edges[:-1])
            nights[night][stream].append(event)
    return nights


def amount(events, criterion, day):
    """What a criterion counts in the window that ends on a day, from (time, user) of its subject."""
    first = day - (int(criterion["within_days"]) - 1) * DAY if criterion["within_days"] else datetime.date.min
    seen = [(at.date(), user) for at, user in events if first <= at.date() <= day]
    if criterion["measure"] == "event_days":
        return len({date for date, _ in seen})
    needed = int(criterion["min_days"] or 1)
    users = {user for _, user in seen if user}
    return sum(len({date for date, who in seen if who == user}) >= needed for user in users)


def satisfies(value, criterion):
    threshold = float(criterion["threshold"])
    return {
        ">=": value >= threshold,
        ">": value > threshold,
        "<": value < threshold,
        "<=": value <= threshold,
    }[criterion["operator"]]


def reached_at(events, criterion):
    """The time of the first event that meets a milestone's criterion; None where none does."""
    counted = set()
    for number, (at, user) in enumerate(events):
        so_far = events[: number + 1]
        if criterion["measure"] != "event_user_days":
            value = amount(so_far, criterion, at.date())
        else:
            own = [event for event in so_far if event[1] == user]
            if user and amount(own, criterion, at.date()):
                counted.add(user)
            value = len(counted)
        if satisfies(value, criterion):
            return at
    return None


class Replay:
    """What the rows that were loaded say, in plain Python."""

    def __init__(self, rows, seeds):
        self.seeds = seeds
        loads = [event["loaded_at"] for events in rows.values() for event in events]
        self.as_of = max(loads).date()
        self.ended = {name: self.as_of for name in ("a", "b", "c")}
        if any(event["event_id"] == "c cancelled" for event in rows["billing"]):
            self.ended["c"] = min(self.as_of, datetime.date(2025, 2, 5))
        self.rows = rows["product"]

    def events(self, account, subject):
        return sorted(
            (
                (event["occurred_at"], event["user_id"])
                for event in self.rows
                if event["account_id"] == account
                and event["event_type"] in SUBJECTS[subject]
                and START.date() <= event["occurred_at"].date() <= self.ended[account]
            ),
            key=lambda event: event[0],
        )

    def milestones(self):
        """{(account, milestone, phase): when it was reached, the start at the earliest}."""
        found = {
            (account, criterion["milestone_id"], criterion["phase"]): reached_at(
                self.events(account, criterion["subject"]), criterion
            )
            for account in self.ended
            for criterion in self.seeds["milestone_criteria"]
        }
        return {key: at and max(at, START) for key, at in found.items()}

    def risk_values(self, coverage):
        """{(rule, account, day): the value} of the ages at which the rule asks, where its subject is observed."""
        rules = {rule["rule_id"]: rule for rule in self.seeds["risk_rules"]}
        found = {}
        for criterion in self.seeds["risk_criteria"]:
            rule = rules[criterion["rule_id"]]
            for account, ended in self.ended.items():
                events = self.events(account, criterion["subject"])
                last_age = int(rule["to_day"] or 10_000)
                for age in range(int(rule["from_day"]), min(last_age, (ended - START.date()).days) + 1):
                    day = START.date() + age * DAY
                    window_from = day - (int(criterion["within_days"]) - 1) * DAY if criterion["within_days"] else START.date()
                    since = coverage.observed_since({("product", criterion["subject"])}, day)
                    needed_from = max(START.date(), window_from) if criterion["operator"] == "<" else day
                    if since is None or since > needed_from:
                        continue
                    value = amount(events, criterion, day)
                    if day > coverage.complete["product"]:
                        value = max(value, amount(events, criterion, coverage.complete["product"]))
                    found[rule["rule_id"], account, day] = value
        return found


def compare(connection, rows, seeds):
    """Assert that milestones, their evidence and the values of risk rules are those of the rows; return how many were reached."""
    replay = Replay(rows, seeds)
    found = connection.execute(
        "select account_id, milestone_id, 'entry', entered_at, null from fct_milestones union all "
        "select account_id, milestone_id, 'exit', achieved_at, evidence_event_id from fct_milestones"
    ).fetchall()
    expected = replay.milestones()
    assert {(account, milestone, phase): at for account, milestone, phase, at, _ in found} == expected
    times = {event["event_id"]: event["occurred_at"] for event in replay.rows}
    assert all(max(times[event_id], START) == at for _, _, phase, at, event_id in found if at and phase == "exit")
    values = replay.risk_values(Coverage(connection, {**SEEDS, **seeds}))
    numbers = dict(connection.execute("select rule_id, condition_number from int_risk_conditions").fetchall())
    rows_found = connection.execute(
        "select condition_number, account_id, date_day, criterion_value from int_risk_event_values"
    ).fetchall()
    found = {(number, account, day): value for number, account, day, value in rows_found}
    assert len(found) == len(rows_found)
    assert found.keys() >= {(numbers[rule], account, day) for rule, account, day in values}
    for (rule, account, day), value in values.items():
        assert found[numbers[rule], account, day] == value, (rule, account, day)
    return sum(at is not None for at in expected.values())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(warehouse.examples(3)))
def test_every_night_equals_plain_python(seed):
    rng = random.Random(seed)
    seeds, nights = opinions(rng), by_night(company(rng))
    house, so_far, reached = warehouse.Nightly(seeds, needed=NEEDED), {stream: [] for stream in warehouse.STREAMS}, []
    for night in nights:
        house.load(warehouse.raw_frames(night))
        for stream in warehouse.STREAMS:
            so_far[stream] += night[stream]
        house.build()
        reached.append(compare(house.connection, so_far, seeds))
    assert 10 < reached[-1] < 58, "the criteria are all met or none is, and prove nothing"


def built(events, **criterion):
    """fct_milestones of one account with one milestone whose criterion is given, and events [(day, second, user)]."""
    criterion = {"subject": "session_started", "operator": ">=", "within_days": "", "min_days": ""} | criterion
    seeds = opinions(random.Random(0))
    exits = [row for row in seeds["milestone_criteria"] if row["phase"] == "exit"]
    seeds["milestone_criteria"] = [exits[0] | criterion, *exits[1:]]
    streams = {"crm": company(random.Random(0))["crm"], "product": []}
    for number, (day, second, user) in enumerate(events):
        at = datetime.datetime(2025, 1, 6) + day * DAY + datetime.timedelta(seconds=second)
        streams["product"].append(row(f"e{number}", "session_started", "a", at, user))
    with warehouse.build(warehouse.raw_frames(streams), seeds=seeds, needed=("fct_milestones",)) as connection:
        query = "select evidence_event_id from fct_milestones where account_id = 'a' and milestone_id = 'W0'"
        return connection.execute(query).fetchone()[0]


ADOPTED = {"measure": "event_user_days", "within_days": "7", "min_days": "3"}
CASES = {
    "a user adopts with the third day within seven": (
        {**ADOPTED, "threshold": "1"}, [(0, 5, "u"), (3, 5, "u"), (6, 5, "u"), (6, 9, "u")], "e2",
    ),
    "the eighth day is outside": ({**ADOPTED, "threshold": "1"}, [(0, 5, "u"), (3, 5, "u"), (7, 5, "u")], None),
    "a day counts once": ({**ADOPTED, "threshold": "1"}, [(0, 5, "u"), (0, 6, "u"), (0, 7, "u"), (1, 5, "u")], None),
    "days of two users are not one user's": (
        {**ADOPTED, "threshold": "1"}, [(0, 5, "u"), (1, 5, "v"), (2, 5, "u"), (3, 5, "v")], None,
    ),
    "each user has a window of the user's own": (
        {**ADOPTED, "threshold": "2"},
        [(0, 5, "u"), (1, 5, "u"), (2, 5, "u"), (20, 5, "v"), (21, 5, "v"), (25, 5, "v"), (26, 5, "v")], "e5",
    ),
    "users of an operator above": (
        {**ADOPTED, "operator": ">", "threshold": "1"},
        [(d, 5, u) for u in "uv" for d in (0, 1, 2)], "e5",
    ),
    "users within one day": (
        {"measure": "event_users", "within_days": "1", "threshold": "2"},
        [(0, 5, "u"), (1, 5, "v"), (2, 5, "v"), (2, 6, "u")], "e3",
    ),
    "users within two days, one comes back as the other leaves": (
        {"measure": "event_users", "within_days": "2", "threshold": "2"},
        [(0, 5, "u"), (2, 5, "v"), (4, 5, "u"), (5, 5, "v")], "e3",
    ),
    "users ever": ({"measure": "event_users", "threshold": "2"}, [(0, 5, "u"), (30, 5, None), (30, 6, "v")], "e2"),
    "days within a window": (
        {"measure": "event_days", "within_days": "3", "threshold": "3"},
        [(0, 5, "u"), (1, 5, None), (3, 5, "u"), (4, 5, "v"), (5, 5, None), (5, 6, "u")], "e4",
    ),
    "days ever": (
        {"measure": "event_days", "threshold": "3"}, [(0, 5, "u"), (10, 5, "u"), (10, 6, "u"), (30, 5, None)], "e3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_case(case):
    criterion, events, expected = CASES[case]
    assert built(events, **criterion) == expected
