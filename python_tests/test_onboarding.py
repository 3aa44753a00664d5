"""Set-up from before the clock counts, a milestone of a persona needs its person, and a second onboarding is its own."""

import json
from datetime import datetime

import pytest
import test_oracle
import warehouse


def event(source, event_type, occurred_at, payload=None, user_id=None):
    """(source, row) of the account."""
    moment = datetime.fromisoformat(occurred_at)
    row = {"event_id": f"{event_type} {occurred_at}", "event_type": event_type, "account_id": "a", "user_id": user_id}
    return source, row | {
        "occurred_at": moment,
        "loaded_at": moment,
        "payload": None if payload is None else json.dumps(payload),
    }


def built(*events, seeds=None, as_of="2025-06-30"):
    """A build of the account's events that equals the replay."""
    streams = {source: [] for source in ("product", "crm", "support", "billing", "survey")}
    for source, row in events:
        streams[source].append(row)
    last = datetime.fromisoformat(as_of)
    company = streams, last.date(), last.replace(hour=23)
    test_oracle.compare(company, seeds or warehouse.seed_rows())
    return warehouse.build(
        warehouse.raw_frames(streams), seeds=seeds, as_of=company[1], known_at=company[2], needed=test_oracle.NEEDED
    )


def milestone(connection, milestone_id):
    return connection.execute(
        "select status, achieved_at, evidence_event_id from fct_milestones where milestone_id = ?", [milestone_id]
    ).fetchone()


TERMS = {"subscription_id": "s", "mrr": 100, "currency": "USD", "seats": 2}
SIGN_UP = event("crm", "account_created", "2025-01-02 09:00:00", {"name": "A", "product_category": "general_saas"})


def test_set_up_before_the_start_is_reached_at_the_start():
    """The clock starts at the contract; the trial of a month before has done the set-up and the first use."""
    events = (
        SIGN_UP,
        event("billing", "trial_started", "2025-01-02 10:00:00"),
        event("product", "user_invited", "2025-01-05 10:00:00", user_id="ann"),
        event("product", "seat_configured", "2025-01-06 10:00:00", user_id="ann"),
        event("product", "session_started", "2025-01-07 10:00:00", user_id="ben"),
        event("product", "record_created", "2025-01-07 11:00:00", user_id="ben"),
        event("billing", "subscription_started", "2025-02-01 12:00:00", TERMS),
    )
    contract_first = warehouse.seed_rows() | {
        "onboarding_starts": [
            {"event_type": "subscription_started", "preference": "1"},
            {"event_type": "account_created", "preference": "2"},
        ]
    }
    start = datetime(2025, 2, 1, 12)
    with built(*events, seeds=contract_first) as connection:
        assert milestone(connection, "M001") == ("achieved", start, "seat_configured 2025-01-06 10:00:00")
        assert milestone(connection, "M005") == ("achieved", start, "record_created 2025-01-07 11:00:00")
        times = connection.execute(
            "select persona, outcome, days_to_value, followed_days from fct_time_to_value order by persona"
        ).fetchall()
        assert times == [("admin", "activated", 0, 0), ("end_user", "activated", 0, 0)]


@pytest.mark.parametrize(
    "contacts, reached_on",
    [("ann ben", "2025-03-09"), ("ann", "2025-03-09"), ("ben", "2025-03-03"), ("", "2025-03-03")],
)
def test_an_admin_does_not_reach_the_milestone_of_an_end_user(contacts, reached_on):
    """Half of the seats, and one of the team itself; who is no contact counts as anybody."""
    personas = {"ann": "admin", "ben": "end_user"}
    events = (
        SIGN_UP,
        event("billing", "subscription_started", "2025-02-01 12:00:00", TERMS),
        *(
            event("crm", "contact_added", f"2025-02-01 13:00:0{number}", {"persona": personas[name]}, name)
            for number, name in enumerate(contacts.split())
        ),
        event("crm", "onboarding_started", "2025-03-01 09:00:00"),
        event("product", "session_started", "2025-03-03 09:00:00", user_id="ann"),
        *(event("product", "record_created", f"2025-03-03 1{hour}:00:00", user_id="ann") for hour in range(5)),
        event("product", "record_created", "2025-03-09 10:00:00", user_id="ben"),
    )
    with built(*events) as connection:
        status, achieved_at, _ = milestone(connection, "M005")
        assert (status, str(achieved_at.date())) == ("achieved", reached_on)
