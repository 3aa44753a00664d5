"""What people write of people stays in the raw rows: no other table, mart or payload holds it."""

import json
from datetime import datetime, timedelta

import warehouse

START = datetime(2025, 3, 3, 9)
PERSON = "Vq3x"
WRITTEN = f"call {PERSON} of {PERSON}@customer.example"
# Each key of the contract in which a person may be named. A key that is new there and free of form belongs here.
EVENTS = [
    ("crm", "account_created", {"name": "Acme", "owner": f"{PERSON}@house.example", "country": "FR"}),
    ("crm", "contact_added", {"email": f"{PERSON}@customer.example", "persona": "admin"}),
    ("billing", "subscription_started", {"subscription_id": "s1", "plan": "pro", "mrr": 100, "currency": "EUR"}),
    ("crm", "health_overridden", {"band": "green", "reason": WRITTEN, "expires_on": "2025-07-01"}),
    ("crm", "milestone_waived", {"milestone_id": "M001", "reason": WRITTEN}),
    ("crm", "milestone_confirmed", {"milestone_id": "M002", "reason": WRITTEN}),
    ("crm", "task_completed", {"task_id": "TASK", "outcome": WRITTEN}),
    ("crm", "note_logged", {"sentiment": 1, "topic": WRITTEN}),
    ("support", "ticket_created", {"ticket_id": "t1", "priority": "high", "topic": WRITTEN, "assignee": WRITTEN}),
    ("billing", "subscription_cancelled", {"subscription_id": "s1", "reason": WRITTEN, "effective_on": "2025-06-20"}),
]  # fmt: skip


def company(task_id="none", completed_at=START):
    """The events of one account, which is used for some days and then only at the end, which is the moment of the build."""
    events = {stream: [] for stream in warehouse.STREAMS}
    told = [(START + timedelta(days=day), *event) for day, event in enumerate(EVENTS)]
    told += [(START + timedelta(days=day), "product", "login", {}) for day in (*range(30), 110)]
    for number, (moment, stream, event_type, payload) in enumerate(told):
        moment = completed_at if event_type == "task_completed" else moment
        text = json.dumps(payload).replace("TASK", task_id)
        row = {"event_id": f"e{number}", "event_type": event_type, "account_id": "a", "user_id": "u1", "payload": text}
        events[stream].append(row | {"occurred_at": moment, "loaded_at": moment})
    return warehouse.raw_frames(events)


def test_what_people_write_of_people_stays_in_the_raw_rows():
    with warehouse.build(company(), needed=("fct_interventions",)) as first:
        task = first.execute("select task_id, opened_at from fct_interventions order by opened_at limit 1").fetchone()
    assert task is not None, "no task that could be completed"
    with warehouse.build(company(task[0], task[1] + timedelta(hours=1))) as built:
        outcomes = built.execute("select distinct outcome from fct_interventions where outcome is not null").fetchall()
        texts = built.execute(
            "select table_name, column_name from information_schema.columns where table_schema = 'main' and data_type = 'VARCHAR'"
        ).fetchall()
        found = {
            (table, column)
            for table, column in texts
            if built.execute(f"select count(*) from {table} where {column} ilike '%{PERSON}%'").fetchone()[0]
        }
        topics = built.execute("select topic, sum(tickets) from rpt_ticket_topics where segment = 'all' group by all").fetchall()
        rejected = built.execute("select source, event_id, reject_reason, rejected_key from fct_rejected_events").fetchall()
        owner, overrides = built.execute(
            "select max(owner_id), count(*) from fct_current_health, fct_health_overrides"
        ).fetchone()
    assert rejected == [] and outcomes == [("other",)] and owner.startswith("owner-") and overrides == 1
    assert topics == [("other", 1)]
    assert found and all(table.startswith("base_") and column == "payload" for table, column in found), sorted(found)
