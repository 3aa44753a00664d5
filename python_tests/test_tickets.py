"""Tickets: small lives with their right values, by kind, and drawn companies against a replay of definitions.md, section 4."""

import json
import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
import warehouse
from warehouse import raw_frames, seed_rows

KNOWN_AT = datetime(2025, 9, 30, 10)
STARTED_AT = datetime(2025, 3, 3, 9)
SHORT = {
    "opened": "tickets_opened_30d",
    "open": "tickets_open",
    "ours": "tickets_awaiting_us",
    "hours": "first_response_hours_30d",
    "breaches": "sla_breaches_30d",
    "rate": "sla_breach_rate_90d",
    "escalations": "tickets_escalated_30d",
    "reopenings": "tickets_reopened_30d",
    "replies": "replies_per_ticket_90d",
    "wishes": "expansion_requests_90d",
}
# What the replay below does not tell: the cases, the nights and test_oracle.py hold these.
MORE = {
    "oldest": "oldest_ticket_days",
    "age": "median_ticket_days",
    "median": "first_response_median_hours_30d",
    "business": "first_response_business_hours_30d",
    "solved": "tickets_solved_30d",
    "resolved_in": "resolution_median_hours_30d",
    "waited": "wait_median_hours_30d",
    "at_once": "first_contact_share_90d",
    "escalated": "escalated_ticket_share_90d",
    "reopened": "reopened_ticket_share_90d",
    "missed": "resolution_breaches_30d",
    "missed_rate": "resolution_breach_rate_90d",
}
ANSWER = {"author_role": "agent", "is_public": True}
SAYS = {
    "answered": ("ticket_replied", ANSWER),
    "noted": ("ticket_replied", {"author_role": "agent", "is_public": False}),
    "asked": ("ticket_replied", {"author_role": "customer", "is_public": True}),
    "bot": ("ticket_replied", {"author_role": "bot", "is_public": True}),
    "waits": ("ticket_on_hold", {"waiting_for": "customer"}),
    "third": ("ticket_on_hold", {"waiting_for": "third_party"}),
    "spam": ("ticket_closed", {"close_reason": "spam"}),
    "merged": ("ticket_merged", {"into_ticket_id": "u"}),
    **{kind: (f"ticket_{kind}", {}) for kind in
       ("created", "changed", "resumed", "escalated", "solved", "closed", "reopened", "deleted")},
}  # fmt: skip

# Never silent, so that what coverage makes null stays out of this.
COVERAGE = [{**each, "silent_after_days": ""} for each in seed_rows()["coverage_rules"]]
# kind: {case: (what happens, what the account's signals are at the end of 2025-09-30)}. A step is a day and time of 2025,
# what it says, and what else it carries: a priority, a topic, @2 for the case's other account, #u for its other ticket.
CASES = {
    "the latest decision wins": {
        "raised by an upsert": (
            "09-10 10:00 created low; 09-10 10:05 created urgent; 09-10 20:00 answered; 09-10 21:00 solved",
            "opened 1, open 0, breaches 1, rate 1, hours 10",
        ),
        "raised": ("09-10 10:00 created low; 09-10 10:05 changed urgent; 09-10 20:00 answered", "breaches 1"),
        "raised after the answer": (
            "09-10 10:00 created low; 09-10 20:00 answered; 09-10 20:05 changed urgent", "breaches 0, rate 0",
        ),
        "raised long after its new target": (
            "09-30 01:00 created low; 09-30 08:00 changed urgent", "breaches 1",
        ),
        "raised and answered in between": (
            "09-30 01:00 created low; 09-30 07:00 answered; 09-30 08:00 changed urgent", "breaches 0",
        ),
        "lowered after the breach": ("09-30 01:00 created urgent; 09-30 09:00 changed low", "breaches 0, rate null"),
        "lowered after a late answer": (
            "09-10 01:00 created urgent; 09-10 04:00 answered; 09-10 05:00 changed low", "breaches 1",
        ),
        "lowered after it was over": (
            "09-10 01:00 created urgent; 09-10 04:00 solved; 09-10 05:00 changed low", "breaches 1",
        ),
        "back to what it was": (
            "09-10 01:00 created urgent; 09-10 01:10 changed low; 09-10 01:20 changed urgent; 09-10 03:00 answered",
            "breaches 1",
        ),
        "an upsert sends it five times": (
            "09-10 10:00 created low; 09-10 11:00 created low; 09-10 12:00 created low; 09-10 13:00 solved;"
            "09-10 14:00 created low; 09-10 15:00 created low",
            "opened 1, open 0, ours 0, breaches 0, rate null",
        ),
        "an upsert does not repeat the priority": (
            "09-10 10:00 created low; 09-10 11:00 created; 09-11 08:00 answered", "breaches 0, rate 0",
        ),
        "never a priority": ("09-10 10:00 created; 09-10 22:00:01 answered", "breaches 1"),
        "never a priority and on its target": ("09-10 10:00 created; 09-10 22:00 answered", "breaches 0, rate 0"),
        "a wish that is taken back": ("09-10 10:00 created wish; 09-10 11:00 changed no_wish", "wishes 0"),
        "a wish that is seen later": ("09-10 10:00 created; 09-10 11:00 changed wish; 09-11 11:00 changed", "wishes 1"),
        "a change of type and assignee": (
            "09-10 10:00 created; 09-10 10:30 answered; 09-10 11:00 changed", "opened 1, open 1, ours 0, breaches 0",
        ),
    },
    "within one second": {
        "created, answered, solved": (
            "09-10 10:00 created; 09-10 10:00 answered; 09-10 10:00 solved", "open 0, ours 0, breaches 0, rate 0, hours 0",
        ),
        "stamped in fractions the other way": (
            "09-10 10:00:00.9 created; 09-10 10:00:00.5 answered; 09-10 10:00:00.1 solved",
            "open 0, breaches 0, rate 0, hours 0",
        ),
        "answered and solved": (
            "09-10 10:00 created; 09-10 11:00 solved; 09-10 11:00 answered", "open 0, ours 0, hours 1",
        ),
        "reopened by the customer's reply": (
            "09-10 10:00 created; 09-10 11:00 solved; 09-10 12:00 reopened; 09-10 12:00 asked", "open 1, ours 1",
        ),
        "solved, then reopened a second later": (
            "09-10 10:00 created; 09-10 11:00:00.9 solved; 09-10 11:00:01 reopened", "open 1, ours 1, reopenings 1",
        ),
        "reopened and solved again": (
            "09-10 10:00 created; 09-10 11:00 solved; 09-10 12:00 reopened; 09-10 12:00 solved", "open 0, reopenings 1",
        ),
        "raised at the answer": (
            "09-10 10:00 created low; 09-10 20:00 changed urgent; 09-10 20:00 answered", "breaches 1",
        ),
        "created and deleted": ("09-10 10:00 created; 09-10 10:00 deleted", "opened 0, open 0"),
    },
    "the life of a ticket": {
        "closed after solved": (
            "09-10 10:00 created; 09-10 10:30 answered; 09-10 12:00 solved; 09-20 12:00 closed", "open 0, breaches 0, rate 0",
        ),
        "closed without being solved": ("09-10 10:00 created; 09-10 10:30 answered; 09-12 10:00 closed", "open 0, ours 0"),
        "closed unanswered before it was due": ("09-10 10:00 created; 09-10 11:00 closed", "open 0, breaches 0, rate null"),
        "closed unanswered after it was due": ("09-10 10:00 created; 09-10 23:00 closed", "open 0, breaches 1, rate 1"),
        "solved just when it was due": ("09-10 10:00 created; 09-10 22:00 solved", "breaches 0, rate null"),
        "solved before it was due and reopened after": (
            "09-10 10:00 created; 09-10 11:00 solved; 09-12 10:00 reopened; 09-12 11:00 answered",
            "open 1, ours 0, breaches 0, rate null, reopenings 1",
        ),
        "solved and reopened before it was due": (
            "09-10 10:00 created; 09-10 11:00 solved; 09-10 12:00 reopened", "open 1, ours 1, breaches 1",
        ),
        "closed and reopened": ("09-10 10:00 created; 09-10 11:00 closed; 09-12 10:00 reopened", "open 1, ours 1"),
        "waits for the customer": ("09-10 10:00 created; 09-10 10:30 answered", "open 1, ours 0"),
        "held for the customer": ("09-10 10:00 created; 09-10 10:30 answered; 09-11 10:00 waits", "open 1, ours 0"),
        "held for a third party": ("09-10 10:00 created; 09-10 10:30 answered; 09-11 10:00 third", "open 1, ours 1"),
        "the customer answers a hold": (
            "09-10 10:00 created; 09-10 10:30 answered; 09-11 10:00 waits; 09-12 10:00 asked", "open 1, ours 1",
        ),
        "a hold that ends": ("09-10 10:00 created; 09-11 10:00 waits; 09-12 10:00 resumed", "open 1, ours 1"),
        "a note is no answer": ("09-10 10:00 created; 09-10 10:30 noted", "open 1, ours 1, breaches 1, replies 1"),
        "an escalation changes no turn": (
            "09-10 10:00 created; 09-10 10:30 answered; 09-10 11:00 escalated", "ours 0, escalations 1",
        ),
        "a hold stops no clock": ("09-10 10:00 created; 09-10 10:30 waits", "open 1, ours 0, breaches 1"),
        "held after it was solved": ("09-10 10:00 created; 09-10 11:00 solved; 09-12 10:00 third", "open 1, ours 1"),
        "thanks after it was solved": ("09-10 10:00 created; 09-10 11:00 solved; 09-12 10:00 asked", "open 0, ours 0"),
        "deleted": (
            "09-10 10:00 created wish; 09-10 10:10 escalated; 09-10 11:00 deleted",
            "opened 0, open 0, ours 0, breaches 0, escalations 0, wishes 0, rate null",
        ),
        "answered late and deleted": (
            "09-10 10:00 created; 09-12 11:00 answered; 09-13 10:00 deleted", "breaches 0, hours null, replies null",
        ),
        "closed as spam": (
            "09-10 10:00 created; 09-10 11:00 escalated; 09-11 12:00 spam",
            "opened 0, open 0, breaches 0, rate null, escalations 0, solved 0, resolved_in null",
        ),
        "closed as spam by mistake": (
            "09-10 10:00 created; 09-10 11:00 spam; 09-10 12:00 reopened", "opened 1, open 1, breaches 1",
        ),
        "deleted and restored": (
            "09-10 10:00 created; 09-10 11:00 deleted; 09-12 10:00 reopened", "opened 1, open 1, ours 1, breaches 0",
        ),
        "restored and deleted again": (
            "09-10 10:00 created; 09-10 11:00 deleted; 09-12 10:00 reopened; 09-13 10:00 deleted", "opened 0, open 0",
        ),
        "only touched after it was deleted": (
            "09-10 10:00 created; 09-10 11:00 deleted; 09-12 10:00 resumed; 09-12 11:00 asked", "opened 0, open 0",
        ),
        "merged": (
            "09-10 10:00 created; 09-10 10:05 created #u; 09-10 10:30 merged; 09-10 10:40 answered #u; 09-10 12:00 solved #u",
            "opened 1, open 0, breaches 0, rate 0",
        ),
        "merged into itself": ("09-10 10:05 created #u; 09-10 10:30 merged #u", "opened 1, open 1, ours 1, breaches 1"),
        "merged into a ticket of another account": (
            "09-10 10:00 created; 09-10 10:05 created #u @2; 09-10 10:30 merged; 09-10 10:40 answered #u @2",
            "opened 0, open 0, breaches 0; @2 opened 1, open 1, ours 0, breaches 0",
        ),
        "merged and taken out again": (
            "09-10 10:00 created; 09-10 10:30 merged; 09-10 11:00 reopened; 09-10 11:30 answered", "opened 1, open 1, rate 0",
        ),
        "a duplicate that is solved": (
            "09-10 10:00 created; 09-10 10:05 created #u; 09-10 10:30 answered #u; 09-10 10:30:01 solved;"
            "09-10 12:00 solved #u",
            "opened 2, open 0, breaches 0, rate 0",
        ),
    },
    "which account": {
        "the same id in two help desks": (
            "09-10 10:00 created; 09-11 10:00 created @2; 09-11 10:30 answered @2; 09-11 11:00 solved @2",
            "opened 1, open 1, breaches 1; @2 opened 1, open 0, breaches 0, rate 0",
        ),
        "moved": (
            "09-10 10:00 created; 09-10 11:00 answered @2; 09-10 12:00 solved @2",
            "opened 0, open 0, breaches 0, rate null; @2 opened 1, open 0, breaches 0, rate 0, hours 1",
        ),
        "moved back": (
            "09-10 10:00 created; 09-10 11:00 answered @2; 09-10 12:00 escalated",
            "opened 1, open 1, ours 0, breaches 0, hours 1; @2 opened 0, open 0, breaches 0",
        ),
        "moved and changed in one second": (
            "09-10 10:00 created; 09-10 11:00 changed; 09-10 11:00 answered @2", "opened 0; @2 opened 1, ours 0",
        ),
        "moved and deleted there": (
            "09-10 10:00 created; 09-11 11:00 deleted @2", "opened 0, breaches 0; @2 opened 0, breaches 0",
        ),
        "moved out of scope": ("09-10 10:00 created; 09-11 11:00 changed @internal", "opened 0, open 0, breaches 0"),
        "moved from out of scope": (
            "09-10 10:00 created @internal; 09-11 11:00 changed", "opened 1, open 1, ours 1, breaches 1",
        ),
        "from before the account's first day": ("03-02 10:00 created; 09-11 11:00 reopened", "open 0, reopenings 0"),
    },
    "replies": {
        "one forgotten ticket": (
            "09-01 00:00 created #a; 09-01 00:00 created #b; 09-01 00:00 created #c; 09-01 00:00 created #d;"
            "09-01 00:00 created; 09-01 01:00 answered #a; 09-01 01:00 answered #b; 09-01 01:00 answered #c;"
            "09-01 01:00 answered #d; 09-05 00:00 answered",
            "hours 20, median 1",
        ),
        "over a weekend": ("09-05 16:00 created; 09-08 10:00 answered", "hours 66, median 66, business 2"),
        "before the desk opens": ("09-10 05:00 created; 09-10 09:30 answered", "median 4.5, business 0.5"),
        "a machine answers first": (
            "09-10 10:00 created; 09-10 10:01 bot; 09-10 12:00 answered", "hours 2, median 2, replies 1, ours 0",
        ),
        "a machine alone": ("09-10 10:00 created; 09-10 10:01 bot", "hours null, median null, ours 1, breaches 1, replies 0"),
        "opened by an agent": (
            "09-10 10:00 created by_agent; 09-12 10:00 answered; 09-12 11:00 solved",
            "opened 1, hours null, median null, business null, breaches 0, rate null, solved 1, at_once null",
        ),
    },
    "until it is solved": {
        "two answers": (
            "09-10 10:00 created; 09-10 11:00 answered; 09-10 12:00 asked; 09-10 15:00 answered; 09-11 10:00 solved",
            "solved 1, resolved_in 24, waited 4, at_once 0, reopened 0, oldest null, age null",
        ),
        "one answer": (
            "09-10 10:00 created; 09-10 11:00 answered; 09-11 10:00 solved; 09-20 10:00 closed",
            "solved 1, resolved_in 24, waited 1, at_once 1",
        ),
        "too lately to say": ("09-25 10:00 created; 09-25 11:00 answered; 09-25 12:00 solved", "solved 1, at_once null"),
        "without an answer": ("09-10 10:00 created; 09-11 10:00 closed", "solved 1, resolved_in 24, waited 24, at_once null"),
        "reopened and solved again": (
            "09-10 10:00 created; 09-10 11:00 answered; 09-10 12:00 solved; 09-12 12:00 reopened; 09-13 10:00 solved",
            "solved 1, resolved_in 72, waited 23, at_once 0, reopened 1",
        ),
        "reopened after the days of a first contact": (
            "09-10 10:00 created; 09-10 11:00 answered; 09-10 12:00 solved; 09-18 12:00 reopened",
            "solved 0, resolved_in null, at_once 1, reopened 1, oldest 20",
        ),
        "one of two": (
            "09-10 10:00 created; 09-10 11:00 solved; 09-12 10:00 reopened; 09-13 10:00 reopened; 09-14 10:00 solved;"
            "09-15 10:00 reopened; 09-11 10:00 created #u; 09-11 12:00 solved #u",
            "solved 1, reopened 0.5, reopenings 1",
        ),
        "escalated twice": (
            "09-10 10:00 created; 09-10 11:00 escalated; 09-11 11:00 escalated; 09-11 12:00 created #u",
            "escalations 1, escalated 0.5",
        ),
        "a backlog": (
            "09-10 10:00 created; 09-20 10:00 created #u; 09-26 10:00 created #v; 09-27 10:00 created #w; 09-28 10:00 solved",
            "open 3, oldest 10, age 4",
        ),
    },
    "until the resolution target": {
        "solved in time": ("09-10 10:00 created high; 09-11 09:00 solved", "missed 0, missed_rate 0"),
        "solved just in time": ("09-10 10:00 created high; 09-11 10:00 solved; 09-20 10:00 closed", "missed 0, missed_rate 0"),
        "solved late": ("09-10 10:00 created high; 09-11 10:00:01 solved", "missed 1, missed_rate 1"),
        "never solved": ("09-10 10:00 created high", "missed 1, missed_rate 1"),
        "not yet due": ("09-29 11:00 created high", "missed 0, missed_rate null"),
        "solved and reopened": (
            "09-10 10:00 created high; 09-10 16:00 solved; 09-20 10:00 reopened; 09-21 03:00 solved", "missed 0, missed_rate 0",
        ),
        "reopened beyond what was left": (
            "09-10 10:00 created high; 09-10 16:00 solved; 09-20 10:00 reopened; 09-21 05:00 solved", "missed 1, missed_rate 1",
        ),
        "reopened of late": (
            "09-10 10:00 created high; 09-10 16:00 solved; 09-30 09:00 reopened", "missed 0, missed_rate null",
        ),
        "held for the customer": (
            "09-10 10:00 created high; 09-10 20:00 waits; 09-15 20:00 asked; 09-16 09:00 solved", "missed 0, missed_rate 0",
        ),
        "held for a third party": (
            "09-10 10:00 created high; 09-10 20:00 third; 09-15 20:00 asked; 09-16 09:00 solved", "missed 1, missed_rate 1",
        ),
        "raised": (
            "09-10 10:00 created low; 09-11 10:00 changed urgent; 09-11 11:00 solved", "missed 1, missed_rate 1",
        ),
        "lowered in time": ("09-10 10:00 created urgent; 09-10 17:00 changed low; 09-12 10:00 solved", "missed 0, missed_rate 0"),
        "lowered too late": (
            "09-10 10:00 created urgent; 09-10 19:00 changed low; 09-12 10:00 solved", "missed 1, missed_rate 1",
        ),
        "raised once it was solved": (
            "09-10 10:00 created low; 09-11 10:00 solved; 09-11 11:00 changed urgent", "missed 0, missed_rate 0",
        ),
        "raised once it was solved, then reopened": (
            "09-10 10:00 created low; 09-11 10:00 solved; 09-11 11:00 changed urgent; 09-12 10:00 reopened",
            "missed 1, missed_rate 1",
        ),
        "closed as spam": ("09-10 10:00 created high; 09-20 10:00 spam", "missed 0, missed_rate null"),
        "closed unanswered": ("09-10 10:00 created high; 09-10 12:00 closed", "missed 0, missed_rate 0"),
        "opened by an agent": ("09-10 10:00 created by_agent; 09-20 10:00 solved", "missed 1, missed_rate 1"),
        "no beginning": ("09-12 11:00 reopened", "missed 0, missed_rate null"),
    },
    "no beginning in the extract": {
        "reply and solving alone": (
            "09-10 10:30 answered; 09-10 11:00 solved", "opened 0, open 0, breaches 0, hours null, replies null",
        ),
        "reopened": ("09-12 11:00 reopened", "opened 0, open 1, ours 1, breaches 0, reopenings 0"),
        "reopened and answered": ("09-12 11:00 reopened; 09-12 12:00 answered", "open 1, ours 0, hours null, replies null"),
        "held for the customer": ("09-12 11:00 waits", "open 1, ours 0"),
        "held and solved": ("09-12 11:00 third; 09-14 11:00 solved", "open 0, ours 0"),
        "asked before it was reopened": ("09-11 11:00 asked; 09-12 11:00 resumed; 09-13 10:00 waits", "open 1, ours 0"),
        "deleted": ("09-12 11:00 reopened; 09-13 11:00 deleted", "open 0"),
        "on two accounts": ("09-12 11:00 reopened; 09-13 11:00 solved @2", "open 1; @2 open 0"),
        "ambiguous": (
            "09-10 10:00 created @2; 09-10 10:00 created @internal; 09-12 11:00 reopened", "opened 0, open 1; @2 opened 1",
        ),
    },
    "the clock": {
        "not yet due": ("09-30 09:30 created high", "breaches 0, rate null"),
        "due by now": ("09-30 05:59 created high", "breaches 1, rate 1"),
        "due this very moment": ("09-30 06:00 created high", "breaches 0, rate null"),
        "answered late a moment ago": ("09-30 05:00 created high; 09-30 09:59 answered", "breaches 1, rate 1"),
        "due yesterday": ("09-29 09:00 created high", "breaches 1, rate 1"),
        "31 days ago": ("08-30 10:00 created high", "breaches 0, rate 1, opened 0, open 1"),
    },
}  # fmt: skip


def row(event_id, event_type, account_id, occurred_at, payload=None, loaded_at=None):
    return {
        "event_id": event_id, "event_type": event_type, "account_id": account_id, "user_id": None,
        "occurred_at": occurred_at, "loaded_at": loaded_at or occurred_at,
        "payload": None if payload is None else json.dumps(payload),
    }  # fmt: skip


def account_rows(account_id, started_at=STARTED_AT, is_internal=False):
    return [
        row(f"c-{account_id}", "account_created", account_id, started_at, {"name": account_id, "is_internal": is_internal}),
        row(f"o-{account_id}", "onboarding_started", account_id, started_at),
    ]


def steps(text):
    """[(moment, event type, account suffix, payload without the ticket, ticket)] of a case's text."""
    for step in text.split(";"):
        day, at, says, *rest = step.split()
        event_type, payload = SAYS[says]
        payload, account, ticket = dict(payload), "", "t"
        for word in rest:
            if word.startswith("@"):
                account = word[1:]
            elif word.startswith("#"):
                ticket = word[1:]
            elif word == "by_agent":
                payload["created_by"] = "agent"
            elif word in ("wish", "no_wish"):
                payload["is_expansion_request"] = word == "wish"
            else:
                payload["priority"] = word
        moment = datetime.fromisoformat(f"2025-{day} {at}:00" if at.count(":") == 1 else f"2025-{day} {at.ljust(15, '0')}"
                                        if "." in at else f"2025-{day} {at}")  # fmt: skip
        yield moment, event_type, account, payload, ticket


@pytest.fixture(scope="module")
def lives():
    """{(kind, case, order of the ids, account suffix): its signals on the last day}: every case with three orders of ids."""
    rng = random.Random(7)
    crm, support, wanted = [], [], {}
    for kind, cases in CASES.items():
        for case, (text, _) in cases.items():
            for order in ("rising", "falling", "mixed"):
                name = f"{kind} {case} {order}"
                for suffix in ("", "2", "internal"):
                    crm += account_rows(f"{name}{suffix}", is_internal=suffix == "internal")
                    wanted[f"{name}{suffix}"] = (kind, case, order, suffix)
                rows = list(steps(text))
                numbers = list(range(len(rows)))
                {"rising": list, "falling": list.reverse, "mixed": rng.shuffle}[order](numbers)
                for number, (moment, event_type, suffix, payload, ticket) in zip(numbers, rows, strict=True):
                    ids = {key: f"{name} {value}" for key, value in {"ticket_id": ticket, **payload}.items()
                           if key.endswith("ticket_id")}  # fmt: skip
                    support.append(row(f"{number} {name}", event_type, f"{name}{suffix}", moment, {**payload, **ids}))
    # The stream began before all this, with each kind of event.
    crm += account_rows("first")
    support += [row("f1", "ticket_created", "first", STARTED_AT, {"ticket_id": "f"}),
                row("f2", "ticket_replied", "first", STARTED_AT, {"ticket_id": "f", **ANSWER}),
                row("f3", "ticket_solved", "first", STARTED_AT, {"ticket_id": "f"})]  # fmt: skip
    rng.shuffle(support)
    product = [row("clock", "session_started", "first", KNOWN_AT)]
    frames = raw_frames({"crm": crm, "support": support, "product": product})
    with warehouse.build(frames, needed=("int_support_signals",)) as connection:
        columns = ", ".join((SHORT | MORE).values())
        found = connection.execute(
            f"select account_id, {columns} from int_support_signals where date_day = '{KNOWN_AT.date()}'"
        ).fetchall()
    return {wanted[account_id]: dict(zip(SHORT | MORE, values, strict=True)) for account_id, *values in found
            if account_id in wanted}  # fmt: skip


@pytest.mark.parametrize("order", ["rising", "falling", "mixed"])
@pytest.mark.parametrize(("kind", "case"), [(kind, case) for kind, cases in CASES.items() for case in cases])
def test_a_life_has_its_right_signals(lives, kind, case, order):
    for part in CASES[kind][case][1].split(";"):
        words = part.strip()
        suffix = ""
        if words.startswith("@"):
            suffix, words = words[1:].split(" ", 1)
        expected = dict(pair.split() for pair in words.split(", "))
        signals = lives[kind, case, order, suffix]
        found = {name: signals[name] for name in expected}
        assert found == {name: None if value == "null" else Decimal(value) for name, value in expected.items()}


def test_a_priority_without_a_target_keeps_its_ticket():
    schemas = [
        {**each, "allowed_values": each["allowed_values"] and each["allowed_values"] + "|lowest"}
        if each["payload_key"] == "priority" else each
        for each in seed_rows()["event_schemas"]
    ]  # fmt: skip
    support = [
        row("1", "ticket_created", "a", datetime(2025, 9, 1), {"ticket_id": 1, "priority": "lowest"}),
        row("2", "ticket_replied", "a", datetime(2025, 9, 9), {"ticket_id": 1, **ANSWER}),
    ]
    frames = raw_frames({"crm": account_rows("a"), "support": support})
    with warehouse.build(frames, seeds={"event_schemas": schemas}, needed=("int_support_signals",)) as connection:
        found = connection.execute(
            "select tickets_opened_30d, tickets_open, sla_breaches_30d, sla_breach_rate_90d, first_response_hours_30d"
            " from int_support_signals where date_day = '2025-09-09'"
        ).fetchall()
    assert found == [(1, 1, 0, None, 192)]


def test_a_help_desk_that_exports_no_replies_breaches_nothing():
    crm, support = account_rows("a"), []
    for n in range(5):
        at = datetime(2025, 9, 1 + n, 10)
        support.append(row(f"c{n}", "ticket_created", "a", at, {"ticket_id": n}))
        support.append(row(f"s{n}", "ticket_solved", "a", at + timedelta(days=2), {"ticket_id": n}))
    product = [row("clock", "session_started", "a", KNOWN_AT)]
    query = (
        "select tickets_opened_30d, sla_breaches_30d, sla_breach_rate_90d, first_response_hours_30d, replies_per_ticket_90d"
        " from int_support_signals where date_day = '2025-09-30'"
    )
    answers = []
    for replies in ([], [row("r", "ticket_replied", "a", datetime(2025, 9, 1, 12), {"ticket_id": 0, **ANSWER})]):
        frames = raw_frames({"crm": crm, "support": support + replies, "product": product})
        with warehouse.build(frames, needed=("int_support_signals",)) as connection:
            answers += connection.execute(query).fetchall()
    assert answers == [(5, None, None, None, None), (5, 4, Decimal("0.8"), 2, Decimal("0.2"))]


@pytest.mark.parametrize(
    ("clock", "pauses", "breaches"),
    [("always", "false", 2), ("always", "true", 1), ("business", "false", 1), ("business", "true", 0)],
)
def test_a_target_runs_on_the_clock_of_the_desk(clock, pauses, breaches):
    """Four hours: from Friday 16:00 to Monday 10:00, 2 of business, and on a day held for the customer from 10:00 to 16:00."""
    targets = [each | {"clock": clock, "pauses_on_customer": pauses} for each in seed_rows()["sla_targets"]]
    support = [
        row(str(place), event_type, "a", moment, {**payload, "ticket_id": f"{case}{ticket}"})
        for place, (case, moment, event_type, _, payload, ticket) in enumerate(
            (case, *step)
            for case, text in enumerate((
                "09-05 16:00 created high; 09-08 10:00 answered",
                "09-10 09:00 created high; 09-10 10:00 waits; 09-10 16:00 asked; 09-10 17:00 answered",
            ))
            for step in steps(text)
        )
    ]  # fmt: skip
    frames = raw_frames({"crm": account_rows("a"), "support": support})
    with warehouse.build(frames, seeds={"sla_targets": targets}, needed=("int_support_signals",)) as connection:
        found = connection.execute("select max(sla_breaches_30d) from int_support_signals").fetchall()
    assert found == [(breaches,)]


def test_tickets_of_a_locked_out_account_are_many_per_user():
    """Locked out is nobody active and 5 tickets; a busy one has 2 users; gone has neither users nor tickets."""
    accounts = ("locked", "busy", "quiet", "gone")
    crm = [each for name in accounts for each in account_rows(name)]
    support = [row(f"t{n}{name}", "ticket_created", name, datetime(2025, 9, 20), {"ticket_id": f"{n}{name}"})
               for name in ("locked", "busy") for n in range(5)]  # fmt: skip
    product = [row(f"p{n}{name}", "session_started", name, datetime(2025, 9, 25)) | {"user_id": f"{n}{name}"}
               for name in ("busy", "quiet") for n in range(2)]  # fmt: skip
    product.append(row("clock", "session_started", "busy", KNOWN_AT) | {"user_id": "0busy"})
    support.append(row("early", "ticket_created", "locked", STARTED_AT, {"ticket_id": "early"}))
    product.append(row("old", "session_started", "locked", STARTED_AT) | {"user_id": "locked"})
    frames = raw_frames({"crm": crm, "support": support, "product": product})
    with warehouse.build(frames, seeds={"coverage_rules": COVERAGE}, needed=("int_measured_signals",)) as connection:
        found = connection.execute(
            "select account_id, tickets_per_user_30d from int_measured_signals where date_day = '2025-09-30'"
        ).fetchall()
    assert dict(found) == {"locked": 5, "busy": Decimal("2.5"), "quiet": 0, "gone": None}


def test_tickets_that_wait_for_the_customer_are_no_risk():
    crm, support = account_rows("answered") + account_rows("waiting"), []
    for account in ("answered", "waiting"):
        for n in range(8):
            at = datetime(2025, 9, 1 + n, 10)
            support.append(row(f"{account}{n}", "ticket_created", account, at, {"ticket_id": n}))
            if account == "answered":
                reply = {"ticket_id": n, **ANSWER}
                support.append(row(f"r{n}", "ticket_replied", account, at + timedelta(minutes=30), reply))
    product = [row("clock", "session_started", "answered", KNOWN_AT)]
    frames = raw_frames({"crm": crm, "support": support, "product": product})
    with warehouse.build(frames, needed=("fct_risk_episodes",)) as connection:
        found = connection.execute(
            "select account_id, first_seen_on from fct_risk_episodes where rule_id = 'tickets_piled_up'"
        ).fetchall()
    assert found == [("waiting", date(2025, 9, 8))]


# The replay: written from definitions.md, not from the SQL.

ORDER = {each["event_type"]: int(each["business_order"]) for each in seed_rows()["event_types"]
         if each["source"] == "support"}  # fmt: skip
OPENS = ("ticket_reopened", "ticket_on_hold", "ticket_resumed")
ENDS = ("ticket_solved", "ticket_closed", "ticket_merged", "ticket_deleted")


def half_up(value, places=6):
    if value is None:
        return None
    return Decimal(floor(value * 10**places + Fraction(1, 2) + Fraction(1, 10**6))) / 10**places


def ratio(numerator, denominator):
    return half_up(Fraction(numerator) / denominator) if denominator else None


def documents(events, survivor):
    """The events of each ticket in business order: {(account that began it or its own, id): [event]}."""
    begun = defaultdict(set)
    for event in events:
        if event["event_type"] == "ticket_created":
            begun[event["payload"]["ticket_id"]].add(event["account_id"])
    found = defaultdict(list)
    for event in events:
        ticket, account = event["payload"]["ticket_id"], event["account_id"]
        family = {other for other in begun[ticket] if survivor[other] == survivor[account]}
        if account not in begun[ticket]:
            if len(family) == 1:
                (account,) = family
            elif len(begun[ticket]) == 1:
                (account,) = begun[ticket]
        found[account, ticket].append(event)
    for own in found.values():
        own.sort(key=lambda e: (e["occurred_at"].replace(microsecond=0), ORDER[e["event_type"]], e["occurred_at"],
                                e["loaded_at"], e["event_id"]))  # fmt: skip
    return found


def read_ticket(own, spans, survivor, heard_until):
    """(account, facts) of a ticket's events: facts are (kind, day, quantity), a kind counting what happened on a day."""
    account = survivor[own[-1]["account_id"]]
    types = [event["event_type"] for event in own]
    began = types.index("ticket_created") if "ticket_created" in types else next(
        (place for place, kind in enumerate(types) if kind in OPENS), None)  # fmt: skip
    if began is None or account not in spans:
        return None
    if not spans[account][0] <= own[began]["occurred_at"].date() <= spans[account][1]:
        return None
    is_gone = False
    for event in own:
        payload = event["payload"]
        is_spam, into = payload.get("close_reason") == "spam", payload.get("into_ticket_id", payload["ticket_id"])
        if event["event_type"] == "ticket_deleted" or is_spam or into != payload["ticket_id"]:
            is_gone = True
        elif event["event_type"] == "ticket_reopened":
            is_gone = False
    if is_gone:
        return None

    has_creation = own[began]["event_type"] == "ticket_created"
    is_open, is_ours = True, True
    states, facts, wish = [], [], False
    for event in own[began:]:
        kind, payload, day = event["event_type"], event["payload"], event["occurred_at"].date()
        is_self_merge = kind == "ticket_merged" and payload["into_ticket_id"] == payload["ticket_id"]
        if kind in OPENS:
            is_open = is_ours = True
        if kind == "ticket_on_hold":
            is_ours = payload["waiting_for"] == "third_party"
        if kind == "ticket_replied" and payload["author_role"] == "customer":
            is_ours = True
        elif kind == "ticket_replied" and payload["author_role"] == "agent" and payload["is_public"]:
            is_ours = False
        if kind in ENDS and not is_self_merge:
            is_open = False
        states.append((is_open, is_ours))
        facts += [("state", day, (is_open, is_open and is_ours))]
        if has_creation:
            if kind in ("ticket_escalated", "ticket_reopened", "ticket_replied") and payload.get("author_role") != "bot":
                facts.append((kind, day, 1))
            wish = payload.get("is_expansion_request", wish)
    if not has_creation:
        return account, facts

    life = own[began:]
    created_at, is_agents = life[0]["occurred_at"], life[0]["payload"].get("created_by") == "agent"
    facts.append(("opened", created_at.date(), 1))
    if wish:
        facts.append(("wish", created_at.date(), 1))
    reply = next((place for place, event in enumerate(life) if event["event_type"] == "ticket_replied"
                  and event["payload"]["author_role"] == "agent" and event["payload"]["is_public"]), None)  # fmt: skip
    if is_agents:
        return account, facts
    replied_at = None
    if reply is not None:
        replied_at = max(event["occurred_at"] for event in life[: reply + 1])
        facts.append(("wait", replied_at.date(), (replied_at - created_at) // timedelta(microseconds=1)))
    until = reply
    if reply is None:
        until = 1 + max(place for place, (is_open, _) in enumerate(states) if is_open)
    targets = {each["priority"]: int(each["first_response_hours"]) for each in seed_rows()["sla_targets"]}
    (priority,) = (each["priority"] for each in seed_rows()["sla_targets"] if each["is_default"] == "true")
    set_at = created_at
    for place, event in enumerate(life[:until]):
        told = event["payload"].get("priority")
        if told and told != priority:
            priority, set_at = told, event["occurred_at"] if place else created_at
    due_at = created_at + timedelta(hours=targets[priority])
    breach_at = max(due_at, set_at)
    if replied_at is not None and replied_at <= due_at:
        facts.append(("in_time", replied_at.date(), 1))
        return account, facts
    (*_, (is_open, _)) = (state for state, event in zip(states, life, strict=True) if event["occurred_at"] <= breach_at)
    if is_open and (replied_at is not None or breach_at < heard_until):
        facts.append(("breached", breach_at.date(), 1))
    return account, facts


def replay(events, spans, survivor, heard_until):
    """{(account, day): signals by short name} of the spans {account: (first day, last day)}."""
    facts = defaultdict(list)
    for own in documents(events, survivor).values():
        found = read_ticket(own, spans, survivor, heard_until)
        if found:
            facts[found[0]].append(found[1])
    signals = {}
    for account, (first, last) in spans.items():
        of_tickets = facts[account]
        for d in (first + timedelta(days=n) for n in range((last - first).days + 1)):

            def numbers(kind, days, d=d, of_tickets=of_tickets):
                return [n for own in of_tickets for name, day, n in own if name == kind and 0 <= (d - day).days < days]

            def tickets_with(kind, d=d, of_tickets=of_tickets):
                return sum(any(name == kind and 0 <= (d - day).days < 30 for name, day, _ in own) for own in of_tickets)

            states = [[n for name, day, n in own if name == "state" and day <= d][-1:] for own in of_tickets]
            states = [state for found in states for state in found]
            waits, breaches = numbers("wait", 30), len(numbers("breached", 90))
            signals[account, d] = {
                "opened": len(numbers("opened", 30)),
                "open": sum(is_open for is_open, _ in states),
                "ours": sum(is_ours for _, is_ours in states),
                "hours": ratio(sum(waits), 3_600_000_000 * len(waits)),
                "breaches": len(numbers("breached", 30)),
                "rate": ratio(breaches, breaches + len(numbers("in_time", 90))),
                "escalations": tickets_with("ticket_escalated"),
                "reopenings": tickets_with("ticket_reopened"),
                "replies": ratio(len(numbers("ticket_replied", 90)), len(numbers("opened", 90))),
                "wishes": len(numbers("wish", 90)),
            }
    return signals


class Companies:
    """Drawn companies with accounts a to d each, of which one may be merged, one is internal and one may churn; their tickets."""

    def __init__(self, seed, count):
        self.rng = random.Random(seed)
        self.first = datetime(2025, 3, 3, 9)
        self.days = self.rng.randrange(30, 60)
        self.last = self.first + timedelta(days=self.days)
        self.rows = defaultdict(list)
        self.spans, self.survivor = {}, {"first": "first"}
        # The stream begins with every kind of event, so that all is observed from the accounts' first day on.
        self.rows["crm"] = account_rows("first", self.first, is_internal=True)
        for minutes, kind, payload in ((9, "created", {}), (8, "replied", ANSWER), (7, "solved", {})):
            at = self.first - timedelta(minutes=minutes)
            self.rows["support"].append(row(f"f{kind}", f"ticket_{kind}", "first", at, {"ticket_id": "f", **payload}))
        for number in range(count):
            self.company(f"{number}.")
        self.rows["product"] = [row("clock", "session_started", "first", self.last)]

    def company(self, name):
        rng = self.rng
        a, b, c, d = accounts = [name + letter for letter in "abcd"]
        self.survivor |= {account: account for account in accounts}
        started = {account: self.first + timedelta(days=rng.choice((0, 0, 3, 10))) for account in (a, b, c)}
        for account in accounts:
            self.rows["crm"] += account_rows(account, started.get(account, self.first), is_internal=account == d)
        if rng.random() < 0.4:
            self.survivor[c] = b
            merged_at = self.first + timedelta(days=rng.randrange(11, 19), hours=1)
            self.rows["crm"].append(row(f"merge {name}", "account_merged", c, merged_at, {"into_account_id": b}))
            started[b] = min(started[b], started.pop(c))
        self.spans |= {account: (began.date(), self.last.date()) for account, began in started.items()}
        if rng.random() < 0.4:
            terms = {"subscription_id": a, "mrr": 100, "currency": "USD", "seats": 5}
            ends = started[a] + timedelta(days=rng.randrange(5, self.days - 12))
            end = {"subscription_id": a, "effective_on": ends.date().isoformat(), "reason": "price"}
            self.rows["billing"].append(row(f"s1 {name}", "subscription_started", a, started[a], terms))
            self.rows["billing"].append(row(f"s2 {name}", "subscription_cancelled", a, ends, end))
            self.spans[a] = (started[a].date(), ends.date())
        for number in range(rng.randrange(4, 40)):
            self.rows["support"] += self.ticket(name, number)

    def ticket(self, name, number):
        rng = self.rng
        ticket_id = rng.choice((rng.randrange(6), rng.randrange(6, 60)))
        account = rng.choice("aaabbcd")
        at = self.first + timedelta(days=rng.randrange(-2, self.days), hours=rng.choice((0, 0, 1, 13)))
        kinds = ["ticket_created"] if rng.random() < 0.85 else []
        kinds += rng.choices(
            ("ticket_created", "ticket_changed", "ticket_on_hold", "ticket_resumed", "ticket_replied", "ticket_escalated",
             "ticket_solved", "ticket_closed", "ticket_reopened", "ticket_merged", "ticket_deleted"),
            (1, 3, 2, 1, 6, 1, 4, 1, 2, 0.7, 0.7), k=rng.randrange(0, 7),
        )  # fmt: skip
        for place, kind in enumerate(kinds):
            payload = {"ticket_id": f"{name}{ticket_id}"}
            if kind in ("ticket_created", "ticket_changed"):
                payload |= {"priority": rng.choice(("low", "normal", "high", "urgent", None))} if rng.random() < 0.7 else {}
                payload |= {"is_expansion_request": rng.random() < 0.5} if rng.random() < 0.4 else {}
            if kind == "ticket_created" and rng.random() < 0.3:
                payload["created_by"] = rng.choice(("agent", "customer"))
            if kind == "ticket_closed" and rng.random() < 0.4:
                payload["close_reason"] = rng.choice(("spam", "other"))
            if kind == "ticket_on_hold":
                payload["waiting_for"] = rng.choice(("customer", "third_party"))
            if kind == "ticket_replied":
                payload |= {"author_role": rng.choice(("agent", "agent", "customer", "bot")), "is_public": rng.random() < 0.8}
            if kind == "ticket_merged":
                payload["into_ticket_id"] = f"{name}{rng.choice((ticket_id, rng.randrange(60)))}"
            if rng.random() < 0.1:
                account = rng.choice("abcd")
            late = timedelta(seconds=rng.choice((0, 0, 0, 5, 7200, 86400, 3 * 86400)))
            occurred_at = min(at, self.last)
            loaded_at = min(occurred_at + late, self.last)
            event_id = f"{rng.randrange(10**6):06d} {name}{number}.{place}"
            yield row(event_id, kind, name + account, occurred_at, payload, loaded_at)
            at += timedelta(microseconds=rng.choice((0, 0, 1, 300_000, 999_999, 1_000_000)))
            if rng.random() < 0.5:
                at += timedelta(minutes=rng.choice((1, 59, 60, 240, 719, 720, 1440, 5000)))

    def told(self):
        """The support events as the replay reads them."""
        return [{**each, "payload": {key: value for key, value in json.loads(each["payload"]).items() if value is not None}}
                for each in self.rows["support"]]  # fmt: skip


def support_signals(connection, names=SHORT):
    columns = ", ".join(names.values())
    rows = connection.execute(f"select account_id, date_day, {columns} from int_support_signals").fetchall()
    found = {(account, day): dict(zip(names, values, strict=True)) for account, day, *values in rows}
    assert len(found) == len(rows)
    return found


def test_drawn_tickets_have_the_signals_of_a_replay():
    companies = Companies(1, 150)
    frames = raw_frames(companies.rows)
    with warehouse.build(frames, seeds={"coverage_rules": COVERAGE}, needed=("int_support_signals",)) as connection:
        found = support_signals(connection)
        heard = "select heard_until from base_stream_watermarks where source = 'support'"
        ((heard_until,),) = connection.execute(heard).fetchall()
    expected = replay(companies.told(), companies.spans, companies.survivor, heard_until)
    assert found.keys() == expected.keys()
    for key, signals in expected.items():
        assert found[key] == signals, key
    drawn = {name: {signals[name] for signals in expected.values()} for name in SHORT}
    assert all(len(values) > 2 for values in drawn.values()), drawn


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loaded", "shipped"), [(0, 0), (1, 0), (0, 2)], ids=["in time", "loaded a day late", "shipped two days late"]
)
def test_nights_of_drawn_tickets_are_those_of_a_full_rebuild(loaded, shipped):
    """Nights, also builds some hours apart; each build is the one of the same rows from scratch."""
    companies = Companies(2 + loaded + shipped, 25)
    rows = []
    for stream, own in companies.rows.items():
        is_late = stream == "support"
        for each in own:
            loaded_at = each["loaded_at"] + timedelta(days=loaded * is_late)
            rows.append((loaded_at + timedelta(days=shipped * is_late), stream, {**each, "loaded_at": loaded_at}))
    days = sorted(companies.rng.sample(range(1, companies.days), 4))
    moments = [companies.first + timedelta(days=day, hours=hours) for day in days for hours in (0, 6)]
    moments += [companies.last, companies.last + timedelta(hours=14), companies.last + timedelta(days=3)]
    nightly = warehouse.Nightly(needed=("int_support_signals",))
    known, previous = defaultdict(list), datetime.min
    for moment in moments:
        fresh = defaultdict(list)
        for arrives_at, stream, each in rows:
            if previous < arrives_at <= moment:
                fresh[stream].append(each)
        fresh["product"].append(row(f"clock {moment}", "session_started", "first", moment))
        for stream, own in fresh.items():
            known[stream] += own
        nightly.load(raw_frames(fresh))
        nightly.build()
        with warehouse.build(raw_frames(known), needed=("int_support_signals",)) as connection:
            expected, found = (support_signals(each, SHORT | MORE) for each in (connection, nightly.connection))
        assert found.keys() == expected.keys(), moment
        for key, signals in expected.items():
            assert found[key] == signals, (moment, key)
        previous = moment


@pytest.mark.parametrize("rules", [seed_rows()["coverage_rules"], COVERAGE], ids=["may fall silent", "never silent"])
@pytest.mark.parametrize(
    ("heard_again_at", "next_build"),
    [(datetime(2025, 3, 12, 18), datetime(2025, 3, 14, 6)), (datetime(2025, 3, 14, 18), datetime(2025, 3, 15, 2))],
    ids=["the same day", "a day later"],
)
def test_a_ticket_is_breached_once_the_late_stream_is_heard_beyond_its_target(rules, heard_again_at, next_build):
    began = datetime(2025, 3, 3, 9)
    mornings = [began + timedelta(days=n) for n in range(9)]
    rows = {
        "crm": account_rows("a", began) + account_rows("busy", began),
        "product": [row(f"p{n}", "session_started", "busy", began + timedelta(days=n)) for n in range(11)],
        "support": [
            each
            for at in [*mornings, datetime(2025, 3, 12, 11)]
            for each in (
                row(f"c{at}", "ticket_created", "busy", at, {"ticket_id": str(at)}),
                row(f"r{at}", "ticket_replied", "busy", at, {"ticket_id": str(at), **ANSWER}),
            )
        ] + [row("t", "ticket_created", "a", datetime(2025, 3, 11, 13), {"ticket_id": "t", "priority": "low"})],
    }  # fmt: skip
    rows["product"].append(row("clock", "session_started", "busy", datetime(2025, 3, 14, 2)))
    later = {
        "product": [row("clock 2", "session_started", "busy", next_build)],
        "support": [row("heard", "ticket_created", "busy", heard_again_at, {"ticket_id": "heard"})],
    }
    nightly = warehouse.Nightly(seeds={"coverage_rules": rules}, needed=("int_support_signals",))
    query = "select max(sla_breaches_30d) from int_support_signals where account_id = 'a' and date_day = '2025-03-12'"
    breaches = []
    for fresh in (rows, later):
        nightly.load(raw_frames(fresh))
        nightly.build()
        breaches += nightly.connection.execute(query).fetchone()
    assert breaches == [0, 1]
