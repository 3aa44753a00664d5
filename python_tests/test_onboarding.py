"""Set-up from before the clock counts, a milestone of a persona needs its person, a second onboarding is its own, and seats."""

import json
from datetime import datetime, timedelta

import pytest
import test_oracle
import warehouse


def event(source, event_type, occurred_at, payload=None, user_id=None, account_id="a"):
    """(source, row) of an account."""
    moment = datetime.fromisoformat(occurred_at)
    row = {"event_id": f"{event_type} {occurred_at}", "event_type": event_type, "account_id": account_id, "user_id": user_id}
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
        "select status, achieved_at, evidence_event_id from fct_milestones where account_id = 'a' and milestone_id = ?",
        [milestone_id],
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


def test_a_second_onboarding_is_a_row_of_its_own():
    """Lost before first value, back and onboarded anew; another product is one more, and a start sent again is none."""
    collaboration = event(
        "crm", "account_created", "2025-01-02 09:00:00", {"name": "A", "product_category": "collaboration"}
    )
    again = TERMS | {"subscription_id": "t"}
    every_day = [str(datetime(2025, 1, 2) + timedelta(days=day)) for day in range(180)]
    events = (
        collaboration,
        event("crm", "onboarding_started", "2025-01-06 09:00:00"),
        event("crm", "onboarding_started", "2025-01-08 09:00:00"),
        event("billing", "subscription_started", "2025-01-06 10:00:00", TERMS),
        event("product", "session_started", "2025-01-07 10:00:00", user_id="ann"),
        event("billing", "subscription_cancelled", "2025-03-20 10:00:00", {"subscription_id": "s", "effective_on": "2025-04-01"}),
        event("billing", "subscription_started", "2025-05-01 10:00:00", again),
        event("crm", "onboarding_started", "2025-05-01 11:00:00"),
        *(event("product", "session_started", f"2025-05-0{day} 10:00:00", user_id="ann") for day in range(1, 8)),
        *(event("product", "session_started", f"2025-05-0{day} 11:00:00", user_id="ben") for day in range(1, 8)),
        event("product", "channel_created", "2025-05-04 10:00:00", user_id="ben"),
        event("crm", "onboarding_started", "2025-06-01 11:00:00", {"product_category": "analytics"}),
        event("crm", "account_created", "2025-01-02 08:00:00", {"name": "B", "product_category": "analytics"}, account_id="b"),
        *(event("product", "session_started", day, user_id="eve", account_id="b") for day in every_day),
    )
    with built(*events) as connection:
        found = connection.execute(
            "select onboarding_number, product_category, started_on::text, outcome, days_to_value, followed_days"
            " from fct_time_to_value where is_primary and account_id = 'a' order by 1"
        ).fetchall()
        assert found == [
            (1, "collaboration", "2025-01-06", "churned", None, 85),
            (2, "collaboration", "2025-05-01", "activated", 3, 3),
            (3, "analytics", "2025-06-01", "censored", None, 28),
        ]
        assert milestone(connection, "M002")[0] == "achieved_late"


def test_seats_are_assigned_idle_and_replaced():
    """Two of four seats, one of which passes on; only ann is active."""
    events = (
        SIGN_UP,
        event("crm", "onboarding_started", "2025-02-20 09:00:00"),
        event("billing", "subscription_started", "2025-02-20 12:00:00", TERMS | {"seats": 4}),
        event("crm", "seat_assigned", "2025-03-01 09:00:00", user_id="ann"),
        event("crm", "seat_assigned", "2025-03-01 09:00:01", user_id="ben"),
        event("crm", "seat_released", "2025-03-10 09:00:00", user_id="ben"),
        event("crm", "seat_assigned", "2025-03-12 09:00:00", user_id="cai"),
        *(event("product", "session_started", f"2025-03-{day:02} 10:00:00", user_id="ann") for day in range(1, 32)),
    )
    with built(*events, as_of="2025-04-01") as connection:
        found = connection.execute(
            "select strftime(date_day, '%m-%d'), assigned_seats, assigned_seats_share::float, idle_assigned_seats_30d,"
            " replaced_seats_30d, idle_seats_30d from fct_account_signals where date_day::text in"
            " ('2025-02-28', '2025-03-09', '2025-03-11', '2025-03-30', '2025-04-01') order by 1"
        ).fetchall()
        assert found == [
            ("02-28", None, None, None, None, None),
            ("03-09", 2, 0.5, 1, None, 3),
            ("03-11", 1, 0.25, 0, None, 3),
            ("03-30", 2, 0.5, 1, None, 3),
            ("04-01", 2, 0.5, 1, 1, 3),
        ]
