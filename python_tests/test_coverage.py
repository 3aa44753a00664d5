"""A stream speaks for the days it covers, absence needs a day that is over, and the clock is asked at the door alone.

A new case is a function that makes its rows and a row of `VALUES` with what is right.
"""

import datetime as dt
import itertools
import json
import random
import statistics
from decimal import Decimal

import pytest
import warehouse

DAY, SECOND = dt.timedelta(days=1), dt.timedelta(seconds=1)
BEYOND = dt.date(9999, 12, 31)
BEGIN = "2025-03-03"
NEEDED = ("int_measured_signals", "fct_stream_coverage", "fct_rejected_events", "rpt_stream_reconciliation")
_ids = itertools.count()


def moment(text):
    return dt.datetime.fromisoformat(text)


def days(first, last, step=1):
    """The days from the first to the last at 10:00."""
    day, last = moment(first + " 10:00"), moment(last + " 10:00")
    while day <= last:
        yield day
        day += step * DAY


def event(stream, kind, account, at, user=None, loaded=None, /, **payload):
    at = moment(at) if isinstance(at, str) else at
    return stream, {
        "event_id": f"e{next(_ids):06}",
        "event_type": kind,
        "account_id": account,
        "user_id": user,
        "occurred_at": at,
        "loaded_at": moment(loaded) if isinstance(loaded, str) else loaded or at,
        "payload": json.dumps(payload) if payload else None,
    }


def customer(account, began=BEGIN):
    at = moment(began + " 09:00")
    yield event("crm", "account_created", account, at, name=account)
    yield event("crm", "onboarding_started", account, at)
    terms = {"subscription_id": f"s-{account}", "mrr": 100, "currency": "USD", "seats": 5}
    yield event("billing", "subscription_started", account, at, **terms)


def note(at):
    yield event("crm", "note_logged", "acme", at, topic="call")


def sign_ins(account, first, last, step=1, kind="session_started", user="u1"):
    for day in days(first, last, step):
        yield event("product", kind, account, day, user)


def company(*parts):
    rows = {stream: [] for stream in warehouse.STREAMS}
    for stream, row in itertools.chain(customer("acme"), customer("brick"), *parts):
        rows[stream].append(row)
    return rows


def signal(name, day, account="acme"):
    return f"select {name} from int_measured_signals where account_id = '{account}' and date_day = '{day}'"


def nulls(name, account="acme"):
    return (
        f"select min(date_day)::varchar || ' ' || max(date_day)::varchar || ' ' || count(*) from int_measured_signals "
        f"where account_id = '{account}' and {name} is null"
    )


def covered(source, subject="any"):
    return (
        "select string_agg(observed_from::varchar || ' ' || coalesce(observed_until::varchar, '-') || ' ' || is_silent, ', ' "
        f"order by observed_from) from fct_stream_coverage where source = '{source}' and subject = '{subject}'"
    )


def refused(reason):
    return f"select count(*) from fct_rejected_events where reject_reason = '{reason}'"


EVERY_DAY = ("acme", BEGIN, "2025-05-01")
TO_THE_END = ("acme", BEGIN, "2025-06-30")


def tracker_gone_silent():
    return company(sign_ins(*EVERY_DAY), note("2025-09-30 09:00"))


def stray_events_after_the_silence():
    return company(sign_ins(*EVERY_DAY), sign_ins("acme", "2025-08-10", "2025-08-10"), note("2025-09-30 09:00"))


def silent_for_as_long_as_usual():
    return company(sign_ins(*EVERY_DAY), note("2025-05-09 09:00"))


def silent_for_a_day_longer():
    return company(sign_ins(*EVERY_DAY), note("2025-05-10 09:00"))


def customers_older_than_the_tracker():
    return company(customer("older", "2024-01-08"), sign_ins("older", BEGIN, "2025-06-30"))


def one_event_with_an_old_clock():
    return company(sign_ins(*TO_THE_END), [event("product", "session_started", "acme", "2001-01-01", "u1", "2025-05-01")])


def two_events_with_old_clocks():
    old = [event("product", "session_started", "acme", f"2001-01-0{day}", "u1", "2025-05-01") for day in (1, 2)]
    return company(sign_ins(*TO_THE_END), old)


def an_event_three_weeks_early():
    return company(sign_ins(*TO_THE_END), [event("product", "session_started", "acme", "2025-02-10", "u1", "2025-05-01")])


def product_not_connected():
    return company(note("2025-06-30 10:00"))


def states_without_replies():
    tickets = []
    for number, day in enumerate(days("2025-06-10", "2025-06-14")):
        ticket = {"ticket_id": f"t{number}"}
        tickets.append(event("support", "ticket_created", "acme", day, **ticket, priority="high"))
        tickets.append(event("support", "ticket_solved", "acme", day + DAY / 48, **ticket))
    return company(tickets, sign_ins(*TO_THE_END))


def a_first_ticket_that_nobody_answered():
    return company([event("support", "ticket_created", "acme", "2025-06-10 10:00", ticket_id="t", priority="high")],
                   note("2025-06-30 10:00"))  # fmt: skip


def outage_in_the_middle():
    return company(sign_ins("acme", BEGIN, "2025-04-30"), sign_ins("acme", "2025-05-21", "2025-07-31"))


def back_for_a_day():
    return company(sign_ins("acme", BEGIN, "2025-06-30"), sign_ins("acme", "2025-08-01", "2025-08-01"))


def a_role_stops():
    core = sign_ins("acme", BEGIN, "2025-05-01", kind="record_created")
    return company(sign_ins(*TO_THE_END), core)


def a_rare_role_ends_with_its_stream():
    value = sign_ins("acme", "2025-04-01", "2025-04-20", step=10, kind="custom_report_built")
    return company(sign_ins(*EVERY_DAY), value, note("2025-06-30 10:00"))


def quiet_weekends():
    weekdays = [row for row in sign_ins("acme", BEGIN, "2025-06-27") if row[1]["occurred_at"].weekday() < 5]
    return company(weekdays, note("2025-06-30 00:31"))


def a_quiet_weekend_that_is_over():
    weekdays = [row for row in sign_ins("acme", BEGIN, "2025-06-30") if row[1]["occurred_at"].weekday() < 5]
    return company(weekdays)


def each_thursday_and_a_build_after_midnight():
    return company(sign_ins("acme", "2025-03-06", "2025-06-19", step=7), note("2025-06-26 00:31"))


def each_thursday_and_a_sign_in_after_midnight():
    return company(
        sign_ins("acme", "2025-03-06", "2025-06-19", step=7),
        [event("product", "session_started", "acme", f"2025-06-26 00:0{minute}", "u1") for minute in (1, 2)],
    )


def a_loader_that_is_a_day_late():
    """Each night at 02:00 the day before comes; the last night it did not."""
    late = [
        (stream, row | {"loaded_at": row["occurred_at"] + 16 * DAY / 24}) for stream, row in sign_ins("acme", BEGIN, "2025-06-28")
    ]
    return company(late, note("2025-06-30 09:00"))


def a_young_tracker():
    return company(sign_ins("acme", "2025-06-28", "2025-06-30"))


def surveys_twice_a_year():
    answers = [
        event("survey", "survey_answered", "acme", day, "u1", survey_id="s", kind="nps", score=9)
        for day in ("2025-03-05 10:00", "2025-08-05 10:00")
    ]
    return company(answers, sign_ins("acme", BEGIN, "2025-09-30"))


def events_without_users():
    return company(sign_ins("acme", BEGIN, "2025-06-20", user=None), note("2025-06-30 09:00"))


def users_since_may():
    return company(sign_ins("acme", BEGIN, "2025-04-30", user=None), sign_ins("acme", "2025-05-01", "2025-06-30"))


def one_load_clock_ahead():
    ahead = event("product", "session_started", "acme", "2025-06-01 09:00", "u1", "2099-06-01")
    return company(sign_ins(*TO_THE_END), [ahead])


def times_beyond_sense():
    rows = company(sign_ins(*TO_THE_END))
    for _, row in sign_ins("acme", "2025-06-01", "2025-06-05"):
        rows["product"].append(row)
    for row, (column, value) in zip(
        rows["product"][-5:],
        [
            ("loaded_at", "infinity"), ("loaded_at", "2200-01-01"), ("occurred_at", "infinity"),
            ("occurred_at", "-infinity"), ("loaded_at", "-infinity"),
        ],
        strict=True,
    ):  # fmt: skip
        row[column] = value
    return rows


# By case: how a query is answered.
VALUES = {
    tracker_gone_silent: [
        (covered("product"), "2025-03-03 2025-05-01 true"),
        (nulls("events_7d"), "2025-05-02 2025-09-30 152"),
        (nulls("active_users_30d"), "2025-05-02 2025-09-30 152"),
        (nulls("guided_task_share"), "2025-05-02 2025-09-30 152"),
        (
            "select sentence from fct_stream_coverage where source = 'product' and subject = 'any'",
            "Product events stopped on 2025-05-01: nothing is known of use since.",
        ),
        (signal("is_subscribed", "2025-09-30"), 1),
    ],
    stray_events_after_the_silence: [(covered("product"), "2025-03-03 2025-05-01 true")],
    silent_for_as_long_as_usual: [
        (covered("product"), "2025-03-03 2025-04-30 false"),
        (signal("logins_7d", "2025-05-09"), 7),
    ],
    silent_for_a_day_longer: [(covered("product"), "2025-03-03 2025-05-01 true")],
    customers_older_than_the_tracker: [
        (nulls("events_7d", "older"), "2024-01-08 2025-03-02 420"),
        (nulls("session_change_7d", "older"), "2024-01-08 2025-03-15 433"),
        (nulls("session_change_7d", "acme"), "2025-03-03 2025-06-30 120"),
        (signal("guided_task_share", "2025-06-30", "older"), None),
        (signal("guided_task_share", "2025-06-30"), 0),
        (signal("logins_7d", "2025-03-05", "older"), 3),
    ],
    one_event_with_an_old_clock: [
        (covered("product"), "2025-03-03 2025-06-29 false"),
        (signal("guided_task_share", "2025-06-30", "brick"), 0),
    ],
    two_events_with_old_clocks: [(covered("product"), "2025-03-03 2025-06-29 false")],
    an_event_three_weeks_early: [(covered("product"), "2025-03-03 2025-06-29 false")],
    product_not_connected: [
        (covered("product"), None),
        (nulls("events_7d"), "2025-03-03 2025-06-30 120"),
        (nulls("core_events_7d"), "2025-03-03 2025-06-30 120"),
        (
            "select sentence from fct_stream_coverage where source = 'product' and subject = 'any'",
            "Product events have never come: nothing is known of use.",
        ),
    ],
    states_without_replies: [
        (signal("sla_breaches_30d", "2025-06-30"), None),
        (signal("sla_breach_rate_90d", "2025-06-30"), None),
        (signal("replies_per_ticket_90d", "2025-06-30"), None),
        (signal("tickets_opened_30d", "2025-06-30"), 5),
        (covered("support", "ticket_replied"), None),
    ],
    a_first_ticket_that_nobody_answered: [(signal("sla_breaches_30d", "2025-06-30"), 1)],
    outage_in_the_middle: [
        (covered("product"), "2025-03-03 2025-04-30 false, 2025-05-21 2025-07-30 false"),
        (nulls("events_7d"), "2025-05-01 2025-05-20 20"),
        (signal("events_30d", "2025-05-22"), 10),
        (signal("session_change_7d", "2025-06-02"), None),
        (signal("session_change_7d", "2025-06-03"), 0),
        (signal("usage_growth_28d", "2025-07-14"), None),
        (signal("usage_growth_28d", "2025-07-15"), 0),
        (
            "select sentence from fct_stream_coverage where source = 'product' and subject = 'any' "
            "order by observed_from limit 1",
            "Product events stopped on 2025-04-30 and came back on 2025-05-21: nothing is known of use in between.",
        ),
    ],
    back_for_a_day: [(covered("product"), "2025-03-03 2025-06-30 true")],
    a_role_stops: [
        (covered("product", "role:core"), "2025-03-03 2025-05-01 true"),
        (nulls("core_events_7d"), "2025-05-02 2025-06-30 60"),
        (signal("events_7d", "2025-06-30"), 7),
    ],
    a_rare_role_ends_with_its_stream: [
        (covered("product", "role:value"), "2025-03-03 2025-05-01 true"),
        (nulls("value_events_30d"), "2025-05-02 2025-06-30 60"),
        (signal("value_events_30d", "2025-05-01"), 1),
    ],
    quiet_weekends: [
        (covered("product"), "2025-03-03 2025-06-26 false"),
        (signal("logins_7d", "2025-06-29"), 5),
        (signal("session_change_7d", "2025-06-30"), 0),
    ],
    a_quiet_weekend_that_is_over: [
        (covered("product"), "2025-03-03 2025-06-29 false"),
        (signal("logins_7d", "2025-06-29"), 5),
        (signal("active_users_1d", "2025-06-29"), 0),
    ],
    each_thursday_and_a_build_after_midnight: [
        (covered("product"), "2025-03-06 2025-06-25 false"),
        (signal("logins_7d", "2025-06-26"), 1),
        (signal("session_change_7d", "2025-06-26"), 0),
    ],
    each_thursday_and_a_sign_in_after_midnight: [
        (signal("logins_7d", "2025-06-26"), 2),
        (signal("logins_7d", "2025-06-25"), 1),
        (signal("session_change_7d", "2025-06-26"), 0),
    ],
    a_loader_that_is_a_day_late: [
        (covered("product"), "2025-03-03 2025-06-28 false"),
        (signal("logins_7d", "2025-06-30"), 7),
        (signal("session_change_7d", "2025-06-30"), 0),
        (signal("days_since_note", "2025-06-30"), None),
        (
            "select sentence from fct_stream_coverage where source = 'product' and subject = 'any'",
            "Product events are observed since 2025-03-03 and complete through 2025-06-28.",
        ),
    ],
    a_young_tracker: [
        (covered("product"), "2025-06-28 2025-06-29 false"),
        (signal("events_7d", "2025-06-27"), None),
        (signal("events_7d", "2025-06-30"), 3),
        (signal("session_change_7d", "2025-06-30"), None),
    ],
    surveys_twice_a_year: [
        (covered("survey"), "2025-03-05 2025-09-29 false"),
        (signal("nps_score_180d", "2025-09-30"), 9),
    ],
    events_without_users: [
        (nulls("active_users_7d"), "2025-03-03 2025-06-30 120"),
        (signal("events_7d", "2025-06-20"), 7),
        (covered("product", "users"), None),
    ],
    users_since_may: [
        (nulls("active_users_7d"), "2025-03-03 2025-04-30 59"),
        (covered("product", "users"), "2025-05-01 2025-06-29 false"),
    ],
    one_load_clock_ahead: [
        ("select as_of from base_build_moment", dt.date(2025, 6, 30)),
        (refused("future_load"), 1),
        (signal("logins_7d", "2025-06-05"), 7),
    ],
    times_beyond_sense: [
        ("select as_of from base_build_moment", dt.date(2025, 6, 30)),
        (refused("bad_time"), 5),
        (signal("logins_7d", "2025-06-05"), 7),
        (covered("product"), "2025-03-03 2025-06-29 false"),
    ],
}
# What is refused later still counts as raw.
COUNTED = "select count(*) from rpt_stream_reconciliation where raw_count <> staged_count + rejected_count"


@pytest.mark.parametrize("case", VALUES, ids=lambda case: case.__name__)
def test_each_case_has_its_right_value(case):
    with warehouse.build(frames(case()), needed=NEEDED) as connection:
        for query, value in [*VALUES[case], (COUNTED, 0)]:
            found = connection.execute(query).fetchone()[0]
            assert (Decimal(str(found)) if isinstance(found, Decimal) else found) == value, query


def frames(rows):
    """The frames of a company; times may be text that pandas cannot hold."""
    made = warehouse.raw_frames({stream: [] for stream in warehouse.STREAMS})
    for stream, found in rows.items():
        frame = made[stream].astype(object)
        for row in found:
            frame.loc[len(frame)] = {name: str(value) if isinstance(value, dt.datetime) else value for name, value in row.items()}
        made[stream] = frame
    return made


# The definitions read once more, in plain Python.


def stretches_of(event_days, rule, over):
    """The stretches that count of a subject's sorted event days: first and last event day, and whether open."""
    if not event_days:
        return []
    quiet = [(later - earlier).days - 1 for earlier, later in itertools.pairwise(event_days)]
    if rule["silent_after_days"] == "":
        limit = float("inf")
    elif len(event_days) < int(rule["min_days"]):
        limit = int(rule["sparse_after_days"])
    else:
        usual = statistics.median(quiet) if quiet else 0
        limit = max(int(rule["silent_after_days"]), float(rule["silent_after_gaps"]) * usual)
    found = [[event_days[0]]]
    for day, gap in zip(event_days[1:], quiet, strict=True):
        if gap > limit:
            found.append([])
        found[-1].append(day)
    most = max(len(stretch) for stretch in found)
    least = float(rule["min_stretch_share"]) * most
    if rule["silent_after_days"] != "":
        least = min(least, int(rule["silent_after_days"]))
    counted = [stretch for stretch in found if len(stretch) >= max(least, int(rule["min_stretch_days"]))]
    counted = counted or [[stretch for stretch in found if len(stretch) == most][-1]]
    return [(stretch[0], stretch[-1], (over - stretch[-1]).days <= limit) for stretch in counted]


def expected_days(rows, known_at, as_of):
    """(source, subject, day) -> first day of its stretch, as base_observed_days should hold it."""
    seeds = warehouse.seed_rows()
    rules = {(row["source"], row["subject"]): row for row in seeds["coverage_rules"]}
    roles = {row["event_type"]: row["role"] for row in seeds["tracking_plan"]}
    over = min(as_of, (known_at + SECOND).date() - DAY)
    expected = {}
    for source in warehouse.STREAMS:
        events = sorted(rows[source], key=lambda row: row["occurred_at"])
        days_of = {"any": {row["occurred_at"].date() for row in events}}
        types = [row["event_type"] for row in seeds["event_types"] if row["source"] == source]
        if source == "product":
            types += list(roles)
            days_of["users"] = {row["occurred_at"].date() for row in events if row["user_id"]}
            for role in set(roles.values()) - {""}:
                days_of[f"role:{role}"] = {row["occurred_at"].date() for row in events if roles.get(row["event_type"]) == role}
        for kind in types:
            days_of[kind] = {row["occurred_at"].date() for row in events if row["event_type"] == kind}
        stream = stretches_of(sorted(days_of["any"]), rules[source, "any"], over)
        for subject, event_days in days_of.items():
            rule = rules.get((source, subject), rules[source, "any"])
            own = stretches_of(sorted(event_days), rule, over)
            first = own[0][0] if own else BEYOND
            before = [row for row in events if row["occurred_at"].date() < first]
            is_early = len({row["account_id"] for row in before}) < int(rule["never_seen_accounts"])
            is_early |= len(before) < int(rule["never_seen_events"])
            if stream and is_early and subject != "any":
                own = [(min(first, stream[0][0]), own[0][1] if own else None, own[0][2] if own else True), *own[1:]]
            for (begin, end, is_open), (from_, until, goes_on) in itertools.product(own, stream):
                last = min(as_of if is_open else end, as_of if goes_on else until)
                since = max(begin, from_)
                for number in range((last - since).days + 1):
                    expected[source, subject, since + number * DAY] = since
    return expected


def random_rows(seed):
    """Streams that come and go: each event type lives for some stretches, at its own pace, in few or many accounts."""
    rng = random.Random(seed)
    accounts = [f"a{number}" for number in range(rng.choice((1, 3, 25)))]
    rows = {stream: [] for stream in warehouse.STREAMS}
    for account in accounts:
        for stream, row in customer(account):
            rows[stream].append(row)
    kinds = {
        "product": ["session_started", "record_created", "custom_report_built", "user_invited", "unplanned"],
        "support": ["ticket_created", "ticket_solved", "ticket_replied"],
        "crm": ["note_logged"],
        "survey": ["survey_answered"],
    }
    payloads = {
        "ticket_created": {"ticket_id": "t", "priority": "high"},
        "ticket_solved": {"ticket_id": "t"},
        "ticket_replied": {"ticket_id": "t", "author_role": "agent", "is_public": True},
        "survey_answered": {"survey_id": "s", "kind": "nps", "score": 9},
    }
    last = moment("2025-12-31 10:00")
    for stream, kind in [(stream, kind) for stream, found in kinds.items() for kind in found]:
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            day = moment(BEGIN + " 10:00") + rng.randrange(0, 280) * DAY
            end = day + rng.choice((0, 1, 5, 40, 300)) * DAY
            pace = rng.choice((1, 1, 2, 7, 30))
            while day <= min(end, last):
                user = rng.choice((None, "u1"))
                rows[stream].append(event(stream, kind, rng.choice(accounts), day, user, **payloads.get(kind, {}))[1])
                day += rng.randrange(1, 2 * pace) * DAY
    for stream in rng.sample(sorted(kinds), 2):  # old clocks
        if rows[stream]:
            row = rng.choice(rows[stream])
            at = moment(f"20{rng.randrange(10, 20)}-01-01")
            rows[stream].append(row | {"event_id": f"old{next(_ids)}", "occurred_at": at})
    return rows


@pytest.mark.parametrize("seed", range(12))
def test_observed_days_are_those_of_an_independent_reading(seed):
    rows = random_rows(seed)
    with warehouse.build(warehouse.raw_frames(rows), needed=("base_observed_days",)) as connection:
        known_at, as_of = connection.execute("select known_at, as_of from base_build_moment").fetchone()
        found = connection.execute("select source, subject, date_day, observed_since from base_observed_days").fetchall()
    accepted = {(source, subject, day): since for source, subject, day, since in found}
    assert len(accepted) == len(found)
    assert accepted == expected_days(rows, known_at, as_of)


def build_and_compare(house, rows, clock, needed):
    """Build the next night, and compare with a full build of all rows so far."""
    house.clock = clock
    house.build()
    with warehouse.build(warehouse.raw_frames(rows), needed=needed, clock=clock) as whole:
        for name in needed:
            query = f"select * from {name} order by all"
            assert house.connection.execute(query).fetchall() == whole.execute(query).fetchall(), (name, clock)
        return whole.execute("select as_of from base_build_moment").fetchone()[0]


def test_a_load_ahead_of_the_clock_is_judged_again_until_its_time_comes():
    """It comes, waits, comes true between other loads, and where it is taken out nothing is left of it."""
    needed = ("int_measured_signals", "fct_rejected_events")
    rows = company(sign_ins("acme", BEGIN, "2025-04-01"))
    ahead = event("product", "record_created", "acme", "2025-04-02 10:00", "u1", "2025-04-05 12:00")[1]
    far = event("product", "record_created", "acme", "2025-04-02 10:00", "u1", "2099-04-05")[1]
    house = warehouse.Nightly(needed=needed)
    rows["product"] += [ahead, far]
    house.load(warehouse.raw_frames(rows))
    refused_loads = "select count(*) from fct_rejected_events where reject_reason = 'future_load'"
    for clock, arriving, still_ahead in (
        ("2025-04-02 03:00", [], 2),
        ("2025-04-03 03:00", list(sign_ins("acme", "2025-04-02", "2025-04-02")), 2),
        ("2025-04-05 11:50", [], 1),  # within what a clock may run ahead
        ("2025-04-07 03:00", list(sign_ins("acme", "2025-04-05", "2025-04-06")), 1),
    ):
        new = {stream: [row for source, row in arriving if source == stream] for stream in warehouse.STREAMS}
        house.load(warehouse.raw_frames(new))
        for stream in rows:
            rows[stream] += new[stream]
        build_and_compare(house, rows, moment(clock), needed)
        assert house.connection.execute(refused_loads).fetchone()[0] == still_ahead
    house.connection.execute("delete from raw.product_events where loaded_at > '2099-01-01'")
    rows["product"].remove(far)
    build_and_compare(house, rows, moment("2025-04-07 03:00"), needed)
    assert house.connection.execute(refused_loads).fetchone()[0] == 0


def test_a_clock_that_was_wrong_leaves_nothing_behind():
    needed = ("int_measured_signals", "fct_rejected_events")
    rows = company(sign_ins("acme", BEGIN, "2025-04-01"))
    rows["product"].append(event("product", "record_created", "acme", "2025-04-01", "u1", "2031-01-01")[1])
    house = warehouse.Nightly(needed=needed)
    house.load(warehouse.raw_frames(rows))
    assert build_and_compare(house, rows, moment("2031-02-01 00:00"), needed) == dt.date(2031, 1, 1)
    assert build_and_compare(house, rows, moment("2025-04-02 03:00"), needed) == dt.date(2025, 4, 1)


def test_a_stream_that_stops_and_comes_back_is_the_same_night_by_night():
    """Builds after midnight and at noon of a stream that is late, stops for two weeks and comes back."""
    needed = ("int_measured_signals", "fct_stream_coverage")
    parts = [
        *sign_ins("acme", BEGIN, "2025-03-25"),
        *sign_ins("brick", "2025-03-20", "2025-03-27", step=2, kind="record_created"),
        *sign_ins("acme", "2025-04-12", "2025-04-24"),
        *(row for day in days(BEGIN, "2025-04-26") for row in note(day - 9 * DAY / 24)),
    ]
    rows = company()
    house = warehouse.Nightly(needed=needed)
    house.load(warehouse.raw_frames(rows))
    arrivals = sorted(parts, key=lambda part: part[1]["loaded_at"])
    for clock in (
        "2025-03-26 00:31", "2025-03-26 14:00", "2025-03-28 00:31", "2025-04-04 14:00", "2025-04-05 14:00",
        "2025-04-13 00:31", "2025-04-18 14:00", "2025-04-26 00:31",
    ):  # fmt: skip
        new = {stream: [] for stream in warehouse.STREAMS}
        while arrivals and arrivals[0][1]["loaded_at"] <= moment(clock):
            stream, row = arrivals.pop(0)
            new[stream].append(row)
        for stream in rows:
            rows[stream] += new[stream]
        house.load(warehouse.raw_frames(new))
        build_and_compare(house, rows, moment(clock), needed)
