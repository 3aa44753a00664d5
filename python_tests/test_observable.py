"""Milestones, time to value and risk rules speak only for the days that their streams cover.

Small companies by kind, each with its right values: a new case is an entry of `CASES`. Drawn companies are compared with a plain
replay of the definitions, night by night; EXAMPLES sets how many.
"""

import datetime
import json
import random
from collections import defaultdict

import company_strategy
import pytest
import warehouse

DAY = datetime.timedelta(days=1)
NEEDED = (
    "fct_milestones",
    "fct_time_to_value",
    "rpt_ttv_cohorts",
    "fct_risk_episodes",
    "fct_alerts",
    "fct_account_signals",
    "fct_interventions",
    "fct_sync_milestones",
    "fct_audit_log",
)


def day(text):
    return datetime.datetime.fromisoformat(text)


class Company:
    """Rows of raw streams, each loaded five minutes after it happened unless told otherwise."""

    def __init__(self):
        self.rows = {stream: [] for stream in warehouse.STREAMS}

    def add(self, stream, event_type, account, at, user=None, loaded_at=None, **payload):
        number = sum(len(rows) for rows in self.rows.values())
        self.rows[stream].append(
            {
                "event_id": f"e{number}",
                "event_type": event_type,
                "account_id": account,
                "user_id": user,
                "occurred_at": at,
                "loaded_at": loaded_at or at + datetime.timedelta(minutes=5),
                "payload": json.dumps(payload),
            }
        )
        return self

    def account(self, name, started, churned=None):
        self.add("crm", "account_created", name, day(started), product_category="general_saas")
        self.add("crm", "onboarding_started", name, day(started) + datetime.timedelta(hours=9))
        terms = {"subscription_id": name, "mrr": 100, "currency": "USD", "seats": 5, "term_end": "2027-01-01"}
        self.add("billing", "subscription_started", name, day(started), **terms)
        if churned:
            ends = {"subscription_id": name, "effective_on": churned, "reason": "price"}
            self.add("billing", "subscription_cancelled", name, day(churned) - DAY, **ends)
        return self

    def logins(self, name, first, last, every=1):
        at = day(first)
        while at <= day(last):
            self.add("product", "session_started", name, at + datetime.timedelta(hours=9), user=f"{name} user")
            at += every * DAY
        return self

    def heard(self, until):
        """A note of the CRM that is loaded at a moment, so that the build knows it."""
        return self.add("crm", "note_logged", "acme", day(until), loaded_at=day(until), note_id="n", sentiment=0)

    def build(self, **options):
        # One account with a session a week: whether it was observed is asked, not whether chance explains a fall.
        criteria = [row for row in warehouse.seed_rows()["risk_criteria"] if row["measure"] != "fall"]
        return warehouse.build(warehouse.raw_frames(self.rows), needed=NEEDED, seeds={"risk_criteria": criteria}, **options)


def set_up(company, name, on):
    """What M001 asks for."""
    at = day(on) + datetime.timedelta(hours=10)
    company.add("product", "user_invited", name, at, user=f"{name} user")
    return company.add("product", "seat_configured", name, at, user=f"{name} user")


def a_tracker_that_began_late():
    return (
        Company()
        .account("acme", "2024-01-08")
        .account("acorn", "2025-02-28")
        .account("brick", "2025-03-10")
        .logins("acme", "2025-03-03", "2025-06-30")
        .logins("brick", "2025-03-10", "2025-06-30")
    )


def a_tracker_that_stopped():
    company = (
        Company()
        .account("acme", "2025-03-03")
        .account("brick", "2025-04-28")
        .account("cedar", "2025-06-02")
        .account("delta", "2025-04-28", churned="2025-05-02")
        .logins("acme", "2025-03-03", "2025-05-01")
        .heard("2025-09-30 12:00")
    )
    return set_up(company, "acme", "2025-03-05")


def a_tracker_with_a_hole():
    return set_up(
        Company()
        .account("acme", "2025-03-03")
        .account("brick", "2025-04-20")
        .account("cedar", "2025-06-20")
        .logins("acme", "2025-03-03", "2025-04-25")
        .logins("acme", "2025-06-02", "2025-08-31"),
        "brick",
        "2025-06-05",
    )


def no_product_stream():
    company = Company().account("acme", "2025-03-03").heard("2025-06-30 12:00")
    for number in range(20):
        company.add("support", "ticket_created", "acme", day("2025-03-03") + 5 * number * DAY, ticket_id=str(number))
    return company


def one_event_of_an_old_clock():
    company = a_tracker_that_began_late()
    loaded = {"loaded_at": day("2025-05-05")}
    company.add("product", "session_started", "acme", day("2024-01-09"), user="acme user", **loaded)
    return company


def due_on_the_12th(moment):
    company = Company().account("acme", "2025-05-05").account("brick", "2025-03-03").heard(moment)
    company.logins("brick", "2025-03-03", "2025-05-12")
    loaded_at = day(moment) - datetime.timedelta(minutes=5)
    return company.add("product", "session_started", "brick", day("2025-05-12 22:00"), user="u", loaded_at=loaded_at)


def a_loader_that_is_late():
    company = Company().account("acme", "2025-05-05").account("brick", "2025-03-03")
    for number in range(71):
        at = day("2025-03-03") + number * DAY
        night = at + DAY + datetime.timedelta(hours=3)
        company.add("product", "session_started", "brick", at + datetime.timedelta(hours=9), user="u", loaded_at=night)
    return company.heard("2025-05-14 12:00")


def weekly_logins(moment):
    return Company().account("acme", "2025-03-03").logins("acme", "2025-03-06", "2025-05-08", every=7).heard(moment)


def decided_in_the_dark():
    company = Company().account("acme", "2024-01-08").account("brick", "2024-01-08").account("cedar", "2024-01-08")
    company.add("crm", "milestone_confirmed", "acme", day("2024-01-10"), milestone_id="M001")
    company.add("crm", "milestone_waived", "brick", day("2024-01-10"), milestone_id="M001")
    company.add("crm", "milestone_confirmed", "cedar", day("2024-02-10"), milestone_id="M001")
    return company.logins("acme", "2025-03-03", "2025-06-30")


STATUS = "select account_id, status, days_late from fct_milestones where milestone_id = '{}' order by 1"
WAITS = "select account_id, outcome, entered_after_days, followed_days from fct_time_to_value where is_primary order by 1"
RISKS = "select distinct account_id from fct_risk_episodes where rule_id in ('setup_missed', 'milestone_overdue') order by 1"

CASES = {
    "customers older than the tracker": (
        a_tracker_that_began_late,
        {
            STATUS.format("M001"): [
                ("acme", "not_observable", None), ("acorn", "not_observable", None), ("brick", "overdue", 105),
            ],
            WAITS: [("acme", "not_observable", None, None), ("acorn", "censored", 3, 121), ("brick", "censored", 0, 111)],
            RISKS: [("brick",)],
            "select count(*) from fct_account_signals where account_id = 'acme' and milestone_completion_due is not null": [(0,)],
        },
    ),
    "an old clock moves no beginning": (
        one_event_of_an_old_clock,
        {
            STATUS.format("M001"): [
                ("acme", "not_observable", None), ("acorn", "not_observable", None), ("brick", "overdue", 105),
            ],
            RISKS: [("brick",)],
        },
    ),
    "a tracker that stopped": (
        a_tracker_that_stopped,
        {
            STATUS.format("M001"): [
                ("acme", "achieved", 0), ("brick", "not_observable", None), ("cedar", "not_observable", None),
                ("delta", "not_applicable", None),
            ],
            STATUS.format("M005"): [
                ("acme", "overdue", 45), ("brick", "not_observable", None), ("cedar", "not_observable", None),
                ("delta", "not_applicable", None),
            ],
            WAITS: [
                ("acme", "censored", 0, 59), ("brick", "censored", 0, 3), ("cedar", "not_observable", None, None),
                ("delta", "censored", 0, 3),
            ],
            "select max(last_seen_on) <= '2025-05-01' and count(*) > 0 from fct_risk_episodes": [(True,)],
            "select distinct cleared_by from fct_risk_episodes where cleared_by <> 'out_of_window'": [("not_observed",)],
            "select count(*) from fct_alerts where alert_kind = 'risk_cleared'": [(0,)],
            "select count(*) from fct_account_signals where date_day > '2025-05-01' and milestone_completion_due < 1": [(0,)],
            "select count(*) from fct_interventions where status in ('open', 'overdue')": [(0,)],
            "select count(*) from fct_sync_milestones where status = 'not_observable'": [(12,)],
            "select count(*) from fct_audit_log where after_value = 'not_observable'": [(12,)],
        },
    ),
    "a tracker with a hole": (
        a_tracker_with_a_hole,
        {
            STATUS.format("M001"): [("acme", "overdue", 174), ("brick", "not_observable", None), ("cedar", "overdue", 65)],
            "select max(milestone_completion_due) from fct_account_signals where account_id = 'acme'": [(0,)],
            "select achieved_at::date from fct_milestones where account_id = 'brick' and milestone_id = 'M001'": [
                (datetime.date(2025, 6, 5),)
            ],
            WAITS: [("acme", "censored", 0, 180), ("brick", "censored", 0, 132), ("cedar", "censored", 0, 71)],
            "select days_to_value, reached_in_or_after_gap from fct_time_to_value where persona = 'admin' order by account_id": [
                (None, None), (46, True), (None, None),
            ],
        },
    ),
    "no product stream": (
        no_product_stream,
        {
            "select distinct status from fct_milestones where milestone_id <> 'M008'": [("not_observable",)],
            "select status from fct_milestones where milestone_id = 'M008'": [("overdue",)],
            WAITS: [("acme", "not_observable", None, None)],
            "select count(*) from rpt_ttv_cohorts": [(0,)],
        },
    ),
    "the due day is over at midnight": (
        lambda: due_on_the_12th("2025-05-13 00:31"),
        {"select status, days_late from fct_milestones where account_id = 'acme' and milestone_id = 'M001'": [("overdue", 1)]},
    ),
    "a due day that is not over": (
        lambda: due_on_the_12th("2025-05-12 23:58"),
        {"select status from fct_milestones where account_id = 'acme' and milestone_id = 'M001'": [("pending",)]},
    ),
    "what was done today counts today": (
        lambda: set_up(due_on_the_12th("2025-05-13 12:00"), "acme", "2025-05-13"),
        {"select status from fct_milestones where account_id = 'acme' and milestone_id = 'M001'": [("achieved_late",)]},
    ),
    "a loader that is a day late": (
        a_loader_that_is_late,
        {
            "select status, days_late from fct_milestones where account_id = 'acme' and milestone_id = 'M001'": [("overdue", 2)],
            "select status from fct_milestones where account_id = 'acme' and milestone_id = 'M005'": [("not_due",)],
        },
    ),
    "a weekly login that did not come yet": (
        lambda: weekly_logins("2025-05-15 00:31"),
        {"select count(*) from fct_risk_episodes where rule_id = 'sessions_fell'": [(0,)]},
    ),
    "a weekly login that did not come": (
        lambda: weekly_logins("2025-05-16 00:31"),
        {"select first_seen_on from fct_risk_episodes where rule_id = 'sessions_fell'": [(datetime.date(2025, 5, 15),)]},
    ),
    "decided where nobody could see it": (
        decided_in_the_dark,
        {STATUS.format("M001"): [("acme", "achieved", 0), ("brick", "waived", None), ("cedar", "not_observable", None)]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_case(case):
    make, answers = CASES[case]
    with make().build() as connection:
        for query, answer in answers.items():
            assert connection.execute(query).fetchall() == answer, query


class Coverage:
    """What the build says of its streams, day by day, and what the definitions make of it for milestones and signals."""

    def __init__(self, connection, seeds):
        self.seeds = seeds
        self.since = defaultdict(dict)
        for source, subject, date, since in connection.execute(
            "select source, subject, date_day, observed_since from base_observed_days"
        ).fetchall():
            self.since[source, subject][date] = since
        self.complete = dict(connection.execute("select source, complete_through from base_stream_watermarks").fetchall())
        self.as_of, self.over = connection.execute("select as_of, over_on from base_build_moment").fetchone()
        self.observers = {row["signal"]: row["observed_by"] for row in seeds["signals"]}

    def subjects_of_event(self, subject):
        if subject.startswith("role:"):
            return {("product", subject)}
        closed = {(row["source"], subject) for row in self.seeds["event_types"] if row["event_type"] == subject}
        is_planned = any(row["event_type"] == subject for row in self.seeds["tracking_plan"])
        return closed | ({("product", subject)} if is_planned else set())

    def subjects_of_signal(self, signal):
        parts = [part.strip() for part in self.observers[signal].split(";") if part.strip()]
        return {tuple(f"{part} any".split(" ")[:2]) for part in parts}

    def subjects(self, milestone_id):
        found = set()
        for row in self.seeds["milestone_criteria"]:
            if (row["milestone_id"], row["phase"], row["holds_when_null"]) == (milestone_id, "exit", "false"):
                is_signal = row["measure"] == "signal"
                found |= (self.subjects_of_signal if is_signal else self.subjects_of_event)(row["subject"])
        return found

    def observed_since(self, subjects, date):
        """The first day of the stretch in which all subjects are observed; None where one is not."""
        days = [self.since[subject].get(date) for subject in subjects]
        return None if None in days else max(days, default=datetime.date.min)

    def stretch(self, subjects, date):
        """The first and last day of the stretch that holds a day; None where they are not observed."""
        since = self.observed_since(subjects, date)
        if since is None:
            return None
        last = date
        while last < self.as_of and self.observed_since(subjects, last + DAY) == since:
            last += DAY
        return since, last

    def last_seen(self, subjects):
        """The last day up to the build's on which all subjects are observed, whatever gaps lie before; None: there is none."""
        days = set.intersection(*(set(self.since[subject]) for subject in subjects)) if subjects else {self.as_of}
        return max(days, default=None)

    def complete_through(self, subjects):
        return min((self.complete[source] for source, _ in subjects), default=self.over)


def whole(date):
    return date and date.date()


def replayed(connection, seeds):
    """{(account, milestone): (status, days late, completion's first, last and second first day, time to value)}."""
    coverage, found = Coverage(connection, seeds), {}
    query = """
        select account_id, milestone_id, started_on, ended_on, churned_on, due_on, needs_seats, first_seats_on, entered_at,
            achieved_at, waived_at
        from int_milestone_achievements"""
    for row in connection.execute(query).fetchall():
        account, milestone, started, ended, churned, due, needs_seats, seats, entered, achieved, waived = row
        achieved, waived = whole(achieved), whole(waived)
        subjects = coverage.subjects(milestone)
        complete = coverage.complete_through(subjects)
        stretch = coverage.stretch(subjects, min(due, coverage.as_of))
        is_observable = stretch is not None and stretch[0] <= started
        last_seen = coverage.last_seen(subjects)
        no_seats = needs_seats and seats is None
        if waived:
            status = "waived"
        elif achieved and achieved <= due:
            status = "achieved"
        elif churned and churned <= due:
            status = "not_applicable"
        elif not is_observable:
            status = "not_observable"
        elif achieved:
            status = "achieved_late"
        elif no_seats:
            status = "not_applicable"
        elif ended > due and due <= complete:
            status = "overdue"
        else:
            status = "pending" if entered else "not_due"
        late = None
        if status in ("achieved", "achieved_late"):
            late = max((achieved - due).days, 0)
        elif status == "overdue":
            late = (min(ended, coverage.last_seen(subjects)) - due).days
        expected = set()
        for number in range((ended - started).days + 1):
            date = started + number * DAY
            is_reached = bool(achieved and achieved <= date)
            is_due = date > due and not no_seats and not (needs_seats and seats > date)
            is_seen = is_observable and date <= last_seen and (achieved or due <= complete)
            if is_reached or (is_due and is_seen and not (waived and waived <= date)):
                expected.add(date)
        found[account, milestone] = (status, late, expected, achieved, wait(coverage, subjects, row))
    return found


def wait(coverage, subjects, row):
    """(outcome, days to value, entered after, followed) of the wait for a milestone."""
    _, _, started, ended, churned, due, _, _, _, achieved, waived = row
    achieved, waived, complete = whole(achieved), whole(waived), coverage.complete_through(subjects)
    days = (started + number * DAY for number in range((ended - started).days + 1))
    entered = next((date for date in days if coverage.observed_since(subjects, date) is not None), None)
    if entered is None or entered > due or (achieved and achieved < entered):
        return "not_observable", None, None, None
    last = coverage.last_seen(subjects)
    followed_to = min(ended, complete if last == coverage.as_of else last)
    is_waived = waived and waived <= followed_to
    followed_to = waived if is_waived else followed_to
    activated = achieved if achieved and achieved <= last else None
    outcome = "churned" if churned and churned <= followed_to else "censored"
    outcome = "activated" if activated else "waived" if is_waived else outcome
    value = (activated - started).days if activated else None
    if followed_to < entered:
        return outcome, value, None, None
    return outcome, value, (entered - started).days, (min(followed_to, activated or followed_to) - started).days


SEEN = defaultdict(int)


def compare(connection, seeds):
    """Assert that statuses, completion and times to value of a build are those of the replay."""
    expected = replayed(connection, seeds)
    found = connection.execute("select account_id, milestone_id, status, days_late from fct_milestones").fetchall()
    assert {(account, milestone): rest for account, milestone, *rest in found} == {
        key: [status, late] for key, (status, late, *_) in expected.items()
    }
    waits = connection.execute(
        "select account_id, activation_milestone_id, outcome, days_to_value, entered_after_days, followed_days "
        "from fct_time_to_value where account_id not in (select account_id from fct_time_to_value where onboarding_number > 1)"
    ).fetchall()
    for account, milestone, *rest in waits:
        assert tuple(rest) == expected[account, milestone][4], (account, milestone)
        SEEN[rest[0]] += 1
        SEEN["enters late"] += bool(rest[2])
    weights = {(row["journey"], row["milestone_id"]): float(row["weight"]) for row in seeds["journey_milestones"]}
    journeys = dict(connection.execute("select account_id, journey from int_accounts").fetchall())
    query = "select account_id, date_day, milestone_completion_due from int_milestone_signals"
    for account, date, completion in connection.execute(query).fetchall():
        parts = [
            (weights[journeys[account], milestone], bool(achieved and achieved <= date))
            for (owner, milestone), (_, _, dates, achieved, _) in expected.items()
            if owner == account and date in dates
        ]
        total = sum(weight for weight, _ in parts)
        reached = sum(weight for weight, is_reached in parts if is_reached)
        right = round(reached / total, 6) if total else None
        assert (completion is None) == (right is None), (account, date)
        assert completion is None or abs(float(completion) - right) < 2e-6, (account, date)
    for status, *_ in expected.values():
        SEEN[status] += 1


SEEDS = warehouse.seed_rows()
REPLAYED = ("fct_milestones", "fct_time_to_value", "int_milestone_signals")


@pytest.mark.parametrize("seed", range(warehouse.examples(3)))
def test_a_drawn_company_equals_the_replay(seed):
    company = company_strategy.random_company(seed, n_accounts=5, n_days=130, outages=0.4, activity=1.5, merges=0)
    with warehouse.build(warehouse.raw_frames(company), needed=REPLAYED) as connection:
        compare(connection, SEEDS)


def test_the_drawn_companies_meet_the_kinds():
    kinds = {"not_observable", "overdue", "achieved", "achieved_late", "not_applicable", "activated", "censored", "enters late"}
    assert kinds <= {kind for kind, count in SEEN.items() if count}, dict(SEEN)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_every_night_equals_a_full_rebuild(seed):
    """A stream that falls silent, speaks again and comes late restates what was said of the days between."""
    rng = random.Random(seed)
    company = company_strategy.random_company(seed, n_accounts=4, n_days=100, outages=0.6, activity=1.5, merges=0)
    loads = sorted(
        row["loaded_at"] for rows in company.values() for row in rows if row["loaded_at"] and row["loaded_at"].year < 2099
    )
    edges = [loads[len(loads) * share // 10] for share in sorted(rng.sample(range(4, 10), 4))] + [datetime.datetime.max]
    house, so_far = warehouse.Nightly(needed=REPLAYED), {stream: [] for stream in warehouse.STREAMS}
    for edge, before in zip(edges, [datetime.datetime.min, *edges], strict=False):
        night = {
            stream: [row for row in rows if before < (row["loaded_at"] or loads[0]) <= edge] for stream, rows in company.items()
        }
        house.load(warehouse.raw_frames(night))
        for stream in warehouse.STREAMS:
            so_far[stream] += night[stream]
        house.build()
        compare(house.connection, SEEDS)
        with warehouse.build(warehouse.raw_frames(so_far), needed=REPLAYED) as whole_build:
            for table in REPLAYED:
                query = f"select * from {table} order by all"
                assert house.connection.execute(query).fetchall() == whole_build.execute(query).fetchall(), table
