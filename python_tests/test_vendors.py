"""The vendors' connectors on small tables in a loader's shape, against what pandas takes from the tables on its own."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from warehouse import FileHouse

from onboarding_health import cli

pytestmark = pytest.mark.slow

CONNECTORS = Path(__file__).parents[1] / "connectors"
SCHEMAS = Path(__file__).parents[2] / "shared/data/vendor_schemas"
SYNCED = "2024-12-31 00:00:00"


def land(folder, **tables):
    """Write tables, given as lists of rows, as a loader's CSV files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        pd.DataFrame(rows, dtype=object).to_csv(folder / f"{name}.csv", index=False)


def connect(connector, source, raw, work, crosswalk=""):
    finished = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "build"],
        cwd=CONNECTORS / connector,
        env=os.environ
        | {
            "SOURCE": str(source),
            "RAW": str(raw),
            "CROSSWALK": str(crosswalk),
            "DBT_PROFILES_DIR": str(CONNECTORS / connector),
            "DBT_TARGET_PATH": str(work / "target" / connector),
            "DBT_LOG_PATH": str(work / "logs" / connector),
        },
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout
    assert " WARN=0 " in finished.stdout, finished.stdout


def events_of(raw, stream, connector):
    """A connector's events of a stream, with the payload's keys as columns."""
    events = pd.read_parquet(raw / stream / f"{connector}0.parquet")
    return pd.concat([events.drop(columns="payload"), pd.json_normalize(events.payload.map(json.loads))], axis=1)


def left_out(raw, connector):
    rows = pd.read_csv(raw / f"{connector}_left_out0.csv")
    return {(row.table_name, row.reason): row.row_count for row in rows.itertuples()}


def contract():
    """The payload keys of each event type that the house knows, by stream and type."""
    declared = pd.read_csv(CONNECTORS.parent / "seeds/shared/event_schemas.csv")
    known = pd.read_csv(CONNECTORS.parent / "seeds/shared/event_types.csv")
    keys = declared.groupby(["source", "event_type"]).payload_key.agg(set).to_dict()
    return {(row.source, row.event_type): keys.get((row.source, row.event_type), set()) for row in known.itertuples()}


def assert_is_of_the_contract(stream, events):
    keys = contract()
    assert events.event_id.is_unique
    for event_type, rows in events.groupby("event_type"):
        envelope = {"event_id", "event_type", "account_id", "user_id", "occurred_at", "loaded_at"}
        assert set(rows.columns[rows.notna().any()]) - envelope <= keys[stream, event_type], event_type


def epoch(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def stripe_tables():
    """Customers that pay in dollars, yen and dinars, by month, quarter and year, with all that happens to a subscription."""
    subscription = dict.fromkeys(
        ["trial_start", "trial_end", "cancel_at", "cancel_at_period_end", "current_period_end", "canceled_at", "ended_at",
         "pause_collection_behavior", "cancellation_feedback"]
    )  # fmt: skip
    subscription |= {"livemode": True, "_fivetran_synced": SYNCED}

    def sub(id, customer, start, status="active", **given):
        return subscription | {"id": id, "customer_id": customer, "status": status, "created": start, "start_date": start} | given

    january = "2024-01-10 09:00:00"
    versions = {
        "paused": [("2024-01-10", "2024-04-01", {}), ("2024-04-01", "2024-06-01", {"pause_collection_behavior": "void"}),
                   ("2024-06-01", "9999-12-31", {})],
        "restored": [("2024-01-10", "2024-03-05", {}),
                     ("2024-03-05", "2024-03-20",
                      {"cancel_at_period_end": True, "current_period_end": "2024-04-10 09:00:00",
                       "canceled_at": "2024-03-05 00:00:00"}),
                     ("2024-03-20", "9999-12-31", {})],
    }  # fmt: skip
    history = [
        sub(f"sub_{name}", "cus_1", january, _fivetran_start=start, _fivetran_end=end, **changes)
        for name, rows in versions.items()
        for start, end, changes in rows
    ]
    subscriptions = [
        sub("sub_plain", "cus_1", epoch(january)),
        sub("sub_year", "cus_1", january),
        sub("sub_yen", "cus_2", january),
        sub("sub_dinar", "cus_2", january),
        sub("sub_metered", "cus_2", january),
        sub("sub_trial", "cus_2", january, "trialing", trial_start=january, trial_end="2025-01-09 09:00:00"),
        sub("sub_tried", "cus_2", january, trial_start=january, trial_end="2024-01-24 09:00:00"),
        sub("sub_left_in_trial", "cus_2", january, "canceled", trial_start=january, trial_end="2024-01-24 09:00:00",
            canceled_at="2024-01-20 09:00:00", ended_at="2024-01-20 09:00:00"),
        sub("sub_never", "cus_2", january, "incomplete_expired"),
        sub("sub_period_end", "cus_3", january, "canceled", cancel_at_period_end=True, canceled_at="2024-05-02 10:00:00",
            ended_at="2024-05-10 09:00:00", cancellation_feedback="pricing"),
        sub("sub_percent", "cus_3", january),
        sub("sub_amount", "cus_3", january),
        sub("sub_once", "cus_3", january),
        sub("sub_upgraded", "cus_3", january),
        sub("sub_tiers", "cus_3", january),
        sub("sub_grown", "cus_3", january),
        sub("sub_paused_now", "cus_3", january, pause_collection_behavior="keep_as_draft"),
        sub("sub_test", "cus_3", january, livemode=False),
    ]  # fmt: skip
    prices = [
        ("month", "usd", 2999, "month", 1, "licensed"),
        ("year", "usd", 29990, "year", 1, "licensed"),
        ("quarter", "usd", 9000, "month", 3, "licensed"),
        ("yen", "jpy", 5000, "month", 1, "licensed"),
        ("dinar", "kwd", 5120, "month", 1, "licensed"),
        ("metered", "usd", 10, "month", 1, "metered"),
        ("setup", "usd", 100000, None, None, None),
        ("tiers", "usd", None, "month", 1, "licensed"),
    ]
    items = [
        ("sub_plain", "month", 3), ("sub_plain", "setup", 1), ("sub_year", "year", 2), ("sub_yen", "yen", 4),
        ("sub_dinar", "dinar", 1), ("sub_metered", "metered", None), ("sub_metered", "quarter", 1), ("sub_trial", "month", 1),
        ("sub_tried", "month", 1), ("sub_left_in_trial", "month", 1), ("sub_never", "month", 1), ("sub_period_end", "month", 2),
        ("sub_percent", "month", 1), ("sub_amount", "quarter", 1), ("sub_once", "month", 1), ("sub_upgraded", "month", 1),
        ("sub_upgraded", "quarter", 1), ("sub_upgraded", "month", 5), ("sub_tiers", "tiers", 1), ("sub_paused_now", "month", 1),
        ("sub_test", "month", 1), ("sub_paused", "month", 2), ("sub_restored", "month", 1),
    ]  # fmt: skip
    items = [
        {"id": f"si_{n}", "subscription_id": sub, "plan_id": price, "quantity": quantity, "created": january,
         "_fivetran_deleted": False, "_fivetran_synced": SYNCED}
        for n, (sub, price, quantity) in enumerate(items)
    ]  # fmt: skip
    items[16] |= {"created": "2024-03-01 00:00:00"}
    items += [
        {"id": "si_grown", "subscription_id": "sub_grown", "plan_id": "month", "quantity": quantity, "created": january,
         "_fivetran_deleted": False, "_fivetran_start": start, "_fivetran_end": end, "_fivetran_synced": SYNCED}
        for quantity, start, end in [(1, "2024-01-12", "2024-06-14 23:59:59.999"), (3, "2024-06-15", "9999-12-31 23:59:59.999")]
    ]  # fmt: skip
    items[17] |= {"created": "2024-04-01 00:00:00", "_fivetran_deleted": True, "_fivetran_synced": "2024-08-01 00:00:00"}
    invoice = dict.fromkeys(
        ["due_date", *(f"status_transitions_{at}_at" for at in ("paid", "voided", "marked_uncollectible"))]
    ) | {"livemode": True, "is_deleted": False, "currency": "usd", "customer_id": "cus_1", "total": 11990}
    day = "2024-02-10 09:00:00"
    invoices = [
        {"id": "in_paid", "status": "paid", "status_transitions_paid_at": "2024-02-12 09:00:00"},
        {"id": "in_yen", "status": "open", "currency": "jpy", "customer_id": "cus_2", "total": 5500, "due_date": "2024-03-10"},
        {"id": "in_credited", "status": "paid", "status_transitions_paid_at": "2024-02-20 09:00:00"},
        {"id": "in_void", "status": "void", "status_transitions_voided_at": "2024-02-11 09:00:00"},
        {"id": "in_lost", "status": "uncollectible", "status_transitions_marked_uncollectible_at": "2024-06-11 09:00:00"},
        {"id": "in_draft", "status": "draft"},
        {"id": "in_deleted", "status": "open", "is_deleted": True},
        {"id": "in_test", "status": "open", "livemode": False},
    ]
    discounts = [
        ("half", "sub_percent", None, "2024-01-10", "2024-07-10"), ("three", "sub_amount", None, "2024-01-10", None),
        ("once", "sub_once", None, "2024-01-10", None), ("half", None, "cus_1", "2024-05-01", None),
    ]  # fmt: skip
    return {
        "customer": [
            {"id": "cus_1", "name": "One Ltd", "email": "a@one.example", "livemode": True, "metadata": '{"account_id": "A1"}'},
            {"id": "cus_2", "name": "Two", "email": "b@two.example", "livemode": True, "metadata": "{}"},
            {"id": "cus_3", "name": "Three", "email": None, "livemode": True, "metadata": None},
        ],
        "subscription": subscriptions,
        "subscription_history": history,
        "subscription_item": items,
        "price": [
            {"id": id, "currency": currency, "type": "recurring" if interval else "one_time", "unit_amount": amount,
             "recurring_interval": interval, "recurring_interval_count": count, "recurring_usage_type": usage}
            for id, currency, amount, interval, count, usage in prices
        ],
        "discount": [
            {"id": f"di_{n}", "coupon_id": coupon, "subscription_id": sub, "customer_id": customer, "start": start, "end": end}
            for n, (coupon, sub, customer, start, end) in enumerate(discounts)
        ],
        "coupon": [
            {"id": "half", "duration": "repeating", "percent_off": 50, "amount_off": None, "currency": None},
            {"id": "three", "duration": "forever", "percent_off": None, "amount_off": 300, "currency": "usd"},
            {"id": "once", "duration": "once", "percent_off": 100, "amount_off": None, "currency": None},
        ],
        "invoice": [invoice | {"created": day, "status_transitions_finalized_at": day} | given for given in invoices],
        "credit_note": [
            {"id": "cn_1", "invoice_id": "in_credited", "type": "pre_payment", "status": "issued", "total": 1990,
             "created": "2024-02-15 09:00:00"},
            {"id": "cn_2", "invoice_id": "in_paid", "type": "post_payment", "status": "issued", "total": 500,
             "created": "2024-03-15 09:00:00"},
        ],
        "charge": [{"id": "ch_1", "invoice_id": "in_paid"}],
        "refund": [
            {"id": "re_1", "charge_id": "ch_1", "amount": 500, "status": "succeeded", "created": "2024-03-15 09:00:00"},
            {"id": "re_2", "charge_id": "ch_1", "amount": 500, "status": "failed", "created": "2024-03-14 09:00:00"},
        ],
    }  # fmt: skip


def stripe_mrr(tables, day):
    """Each subscription's MRR late on a day, read from the tables one subscription at a time; None where no price says it."""
    day = pd.Timestamp(day) + pd.Timedelta(hours=23)
    price = {row["id"]: row for row in tables["price"]}
    coupon = {row["id"]: row for row in tables["coupon"]}
    latest = {row["id"]: row for row in tables["subscription"] + tables["subscription_history"]}

    def holds(start, end):
        return (pd.isna(start) or pd.Timestamp(start) <= day) and (pd.isna(end) or day < pd.Timestamp(end))

    found = {}
    for id, row in latest.items():
        start = row["trial_end"] or row["start_date"]
        start = pd.Timestamp(start) if isinstance(start, str) else pd.Timestamp(start, unit="s")
        end = row["ended_at"]
        if not row["livemode"] or row["status"] in ("trialing", "incomplete_expired") or not holds(start, end):
            continue
        if end and pd.Timestamp(end) <= start:
            continue
        own = [item for item in tables["subscription_item"] if item["subscription_id"] == id]
        first = min(item["created"] for item in own)
        total, months = 0.0, 1
        for item in own:
            begun = None if item["created"] == first else item["created"]
            later = [each["_fivetran_start"] for each in own if each["id"] == item["id"] and each is not item]
            if later and later[0] < item["_fivetran_start"]:
                begun, later = item["_fivetran_start"], []
            over = item["_fivetran_synced"] if item["_fivetran_deleted"] else (later or [None])[0]
            if not holds(begun, over):
                continue
            of = price[item["plan_id"]]
            if of["type"] == "one_time" or of["recurring_usage_type"] == "metered":
                continue
            units = {"jpy": 1, "kwd": 1000}.get(of["currency"], 100)
            months = of["recurring_interval_count"] * {"month": 1, "year": 12}[of["recurring_interval"]]
            total = None if of["unit_amount"] is None else total + of["unit_amount"] / units * item["quantity"] / months
        for kind in ("subscription_id", "customer_id"):
            key = {"subscription_id": id, "customer_id": row["customer_id"]}[kind]
            used = [each for each in tables["discount"] if each[kind] == key and coupon[each["coupon_id"]]["duration"] != "once"]
            for each in used:
                if total is not None and holds(each["start"], each["end"]):
                    cut = coupon[each["coupon_id"]]
                    total = total * (1 - (cut["percent_off"] or 0) / 100) - (cut["amount_off"] or 0) / 100 / months
            if used:
                break
        paused = [
            version for version in tables["subscription_history"]
            if version["id"] == id and version["pause_collection_behavior"]
            and holds(version["_fivetran_start"], version["_fivetran_end"])
        ]  # fmt: skip
        if paused or (row["pause_collection_behavior"] and holds(SYNCED, None)):
            total = 0.0
        found[id] = total
    return found


@pytest.fixture(scope="module")
def stripe(tmp_path_factory):
    work = tmp_path_factory.mktemp("stripe")
    tables = stripe_tables()
    land(work / "source", **tables)
    connect("stripe", work / "source", work / "raw", work)
    assert left_out(work / "raw", "stripe") == {
        ("subscription", "test mode"): 1, ("invoice", "draft"): 1, ("invoice", "deleted"): 1, ("invoice", "test mode"): 1,
        ("credit_note", "after the payment, void or without its invoice"): 1,
    }  # fmt: skip
    return tables, events_of(work / "raw", "billing", "stripe")


@pytest.mark.parametrize("day", ["01-15", "02-28", "03-10", "04-15", "05-12", "07-30", "12-31"])
def test_stripe_has_one_mrr_as_pandas_counts_it(stripe, day):
    tables, events = stripe
    day = f"2024-{day}"
    terms = events[events.event_type.isin(["subscription_started", "subscription_changed"])]
    ended = events[events.event_type == "subscription_cancelled"]
    until = pd.Timestamp(day) + pd.Timedelta(hours=23)
    known = terms[terms.occurred_at <= until].sort_values("occurred_at").drop_duplicates("subscription_id", keep="last")
    over = ended[pd.to_datetime(ended.effective_on) <= until].merge(known, on="subscription_id")
    over = over[over.occurred_at_y < over.occurred_at_x].subscription_id
    found = known[~known.subscription_id.isin(over)].set_index("subscription_id").mrr
    expected = pd.Series(stripe_mrr(tables, day), dtype=float)
    pd.testing.assert_series_equal(found.sort_index(), expected.sort_index(), check_names=False, atol=1e-6)


def test_stripe_events(stripe):
    tables, events = stripe
    assert_is_of_the_contract("billing", events)
    assert events.event_type.value_counts().to_dict() == {
        "trial_started": sum(bool(row["trial_start"]) for row in tables["subscription"]),
        "subscription_started": 16,
        "subscription_changed": 3 + 1 + 2 + 1 + 3 + 1 + 1,
        "subscription_cancelled": 2,
        "invoice_issued": 5,
        "invoice_credited": 1,
        "invoice_paid": 2,
        "invoice_refunded": 1,
        "invoice_voided": 1,
        "invoice_written_off": 1,
    }
    assert set(events.currency.dropna()) == {"USD", "JPY", "KWD"}
    invoices = pd.DataFrame(tables["invoice"]).set_index("id")
    issued = events[events.event_type == "invoice_issued"].set_index("invoice_id")
    assert issued.amount.to_dict() == {
        id: row.total / (1 if row.currency == "jpy" else 100) for id, row in invoices.loc[issued.index].iterrows()
    }
    assert issued.due_on.to_dict() == dict.fromkeys(issued.index, "2024-02-10") | {"in_yen": "2024-03-10"}
    amounts = events.groupby("event_type").amount.sum()
    assert (amounts["invoice_credited"], amounts["invoice_refunded"]) == (19.9, 5.0)
    assert amounts["invoice_paid"] == pytest.approx(119.9 + 119.9 - 19.9)


def test_stripe_cancellations_and_accounts(stripe):
    _, events = stripe
    ended = events[events.event_type == "subscription_cancelled"].set_index("subscription_id")
    assert ended.effective_on.to_dict() == {"sub_period_end": "2024-05-10", "sub_restored": "2024-04-10"}
    assert ended.occurred_at["sub_period_end"] == pd.Timestamp("2024-05-02 10:00")
    assert ended.reason.to_dict() == {"sub_period_end": "pricing", "sub_restored": None}
    restored = events.query("subscription_id == 'sub_restored' and event_type == 'subscription_changed'")
    assert list(restored.occurred_at) == [pd.Timestamp("2024-03-20"), pd.Timestamp("2024-05-01")]
    assert set(events.account_id) == {"A1", "cus_2", "cus_3"}


def zendesk_tables():
    """Ten tickets, one with a priority, and all that happens to a ticket."""
    tickets = [
        {"id": n, "organization_id": 10, "requester_id": 1, "submitter_id": 1, "assignee_id": 7, "status": "open",
         "priority": None, "type": None, "created_at": f"2024-02-{n - 90:02} 08:00:00",
         "updated_at": "2024-03-01 00:00:00", "merged_ticket_ids": "[]", "_fivetran_deleted": False, "_fivetran_synced": SYNCED}
        for n in range(101, 111)
    ]  # fmt: skip
    by_id = {ticket["id"]: ticket for ticket in tickets}
    by_id[101] |= {"priority": "high", "status": "closed"}
    by_id[102] |= {"status": "solved", "updated_at": "2024-02-20 00:00:00"}
    by_id[103] |= {"status": "deleted", "updated_at": "2024-02-21 00:00:00"}
    by_id[104] |= {"_fivetran_deleted": True}
    by_id[105] |= {"merged_ticket_ids": "[106]"}
    by_id[106] |= {"status": "closed", "updated_at": "2024-02-18 00:00:00"}
    by_id[107] |= {"organization_id": 20}
    by_id[108] |= {"organization_id": None, "requester_id": 2, "submitter_id": 7}
    by_id[109] |= {"organization_id": None, "requester_id": 3, "submitter_id": 3}
    by_id[110] |= {"created_at": epoch("2024-02-20 08:00:00")}
    life = [
        ("status", "new", "02-11 08:00:00"), ("priority", "low", "02-11 08:00:00"), ("status", "open", "02-11 09:00:00"),
        ("status", "open", "02-11 09:30:00"), ("status", "pending", "02-11 10:00:00"), ("status", "hold", "02-12 10:00:00"),
        ("status", "open", "02-13 10:00:00"), ("priority", "high", "02-13 11:00:00"), ("status", "solved", "02-14 10:00:00"),
        ("status", "open", "02-15 10:00:00"), ("status", "solved", "02-16 10:00:00"), ("status", "closed", "02-20 10:00:00"),
    ]  # fmt: skip
    history = [{"ticket_id": 101, "field_name": field, "value": value, "updated": f"2024-{at}"} for field, value, at in life]
    history += [
        {"ticket_id": 107, "field_name": "organization_id", "value": 10, "updated": "2024-02-17 08:00:00"},
        {"ticket_id": 107, "field_name": "organization_id", "value": 20, "updated": "2024-02-19 08:00:00"},
    ]
    comments = [
        (1, 101, 1, "2024-02-11 08:00:00", True, False), (2, 101, 7, "2024-02-11 09:00:00", False, False),
        (3, 101, 7, "2024-02-11 10:00:00", True, False), (4, 101, 1, "2024-02-12 10:00:00", True, False),
        (5, 107, -1, "2024-02-17 08:00:05", True, False), (6, 107, 7, "2024-02-20 08:00:00", True, False),
        (7, 108, 7, "2024-02-18 08:00:00", True, False), (8, 110, 7, "2024-02-21 08:00:00", True, True),
    ]  # fmt: skip
    return {
        "ticket": tickets,
        "ticket_field_history": history,
        "ticket_comment": [
            dict(zip(["id", "ticket_id", "user_id", "created", "public", "_fivetran_deleted"], row, strict=True))
            for row in comments
        ],
        "user": [
            {"id": 1, "organization_id": 10, "role": "end-user"},
            {"id": 2, "organization_id": 20, "role": "end-user"},
            {"id": 3, "organization_id": None, "role": "end-user"},
            {"id": 7, "organization_id": None, "role": "agent"},
        ],
        "organization": [{"id": 10, "external_id": "A1", "name": "One"}, {"id": 20, "external_id": None, "name": "Two"}],
    }


@pytest.fixture(scope="module")
def zendesk(tmp_path_factory):
    work = tmp_path_factory.mktemp("zendesk")
    tables = zendesk_tables()
    land(work / "source", **tables)
    connect("zendesk", work / "source", work / "raw", work)
    assert left_out(work / "raw", "zendesk") == {("ticket_comment", "deleted"): 1, ("ticket_comment", "the ticket itself"): 2}
    return tables, events_of(work / "raw", "support", "zendesk")


def test_zendesk_keeps_every_ticket_and_its_priority(zendesk):
    tables, events = zendesk
    assert_is_of_the_contract("support", events)
    created = events[events.event_type == "ticket_created"].set_index("ticket_id")
    tickets = pd.DataFrame(tables["ticket"]).set_index("id")
    assert sorted(created.index) == sorted(map(str, tickets.index))
    assert created.priority.value_counts().to_dict() == {"low": 1, "normal": tickets.priority.isna().sum()}
    assert created.occurred_at["110"] == pd.Timestamp("2024-02-20 08:00")
    assert created.created_by.value_counts().to_dict() == {"customer": 9, "agent": 1}


def test_zendesk_states_follow_history_and_the_overwritten_row(zendesk):
    _, events = zendesk
    life = events[(events.ticket_id == "101") & ~events.event_type.isin(["ticket_created", "ticket_replied"])]
    assert list(life.sort_values("occurred_at").event_type) == [
        "ticket_on_hold", "ticket_on_hold", "ticket_resumed", "ticket_changed", "ticket_solved", "ticket_reopened",
        "ticket_solved", "ticket_closed",
    ]  # fmt: skip
    assert list(life.sort_values("occurred_at").waiting_for.dropna()) == ["customer", "third_party"]
    assert list(life.priority.dropna()) == ["high"]
    last = events[events.event_type.isin(["ticket_solved", "ticket_closed", "ticket_deleted", "ticket_merged"])]
    last = {row.ticket_id: (row.event_type, str(row.occurred_at.date())) for row in last.sort_values("event_type").itertuples()}
    assert last == {
        "101": ("ticket_solved", "2024-02-16"),
        "102": ("ticket_solved", "2024-02-20"),
        "103": ("ticket_deleted", "2024-02-21"),
        "104": ("ticket_deleted", "2024-12-31"),
        "106": ("ticket_merged", "2024-02-18"),
    }
    assert events.set_index("event_type").into_ticket_id["ticket_merged"] == "105"


def test_zendesk_replies_and_accounts(zendesk):
    _, events = zendesk
    replies = events[events.event_type == "ticket_replied"].sort_values("occurred_at")
    assert list(zip(replies.ticket_id, replies.author_role, replies.is_public, strict=True)) == [
        ("101", "agent", False), ("101", "agent", True), ("101", "customer", True), ("107", "bot", True), ("107", "agent", True),
    ]  # fmt: skip
    accounts = events.groupby("ticket_id").account_id.agg(lambda ids: sorted(set(ids.dropna())))
    expected = dict.fromkeys(map(str, range(101, 111)), ["A1"])
    assert accounts.to_dict() == expected | {"107": ["20", "A1"], "108": ["20"], "109": []}
    moved = events[events.ticket_id == "107"].sort_values("occurred_at")
    assert list(moved.account_id) == ["A1", "A1", "20", "20"]


def test_zendesk_reads_the_tables_that_a_loader_wrote(tmp_path):
    if not SCHEMAS.is_dir():
        pytest.skip(f"no {SCHEMAS}: the data for development is not here")
    source = tmp_path / "source"
    source.mkdir()
    for path in (SCHEMAS / "zendesk").glob("*_data.csv"):
        (source / path.name.replace("_data", "")).write_bytes(path.read_bytes())
    connect("zendesk", source, tmp_path / "raw", tmp_path)
    events = events_of(tmp_path / "raw", "support", "zendesk")
    tickets = pd.read_csv(source / "ticket.csv")
    created = events[events.event_type == "ticket_created"]
    assert len(created) == len(tickets) == 10 and created.priority.notna().all()
    assert set(events[events.event_type == "ticket_deleted"].ticket_id) == set(
        tickets[tickets.status == "deleted"].id.astype(str)
    )
    assert (events.event_type == "ticket_replied").sum() == len(pd.read_csv(source / "ticket_comment.csv"))
    assert events.set_index("event_type").ticket_id["ticket_merged"] == "1967"


COMPANY = "salesforce+zendesk+stripe+segment"


def land_company(folder):
    """A small company in the shapes of four vendors: two customers that are sure, two of one name, and strangers."""
    accounts = [
        {"id": "001A", "name": "Alpha, Inc.", "website": "https://www.alpha.example/home", "product_category__c": "analytics"},
        {"id": "001B", "name": "Beta GmbH", "website": "beta.example", "product_category__c": "analytics"},
        {"id": "001C", "name": "Gamma", "website": None, "product_category__c": None},
        {"id": "001D", "name": "Gamma Ltd", "website": None, "product_category__c": None},
        {"id": "001E", "name": "Alpha old", "website": None, "is_deleted": True, "master_record_id": "001A"},
        {"id": "001F", "name": "Mistake", "website": None, "is_deleted": True},
    ]
    history = [("Prospecting", 900, "2024-01-20"), ("Prospecting", 900, "2024-01-25"), ("Negotiation", 1200, "2024-02-10")]
    land(
        folder / "salesforce",
        account=[
            {"is_deleted": False, "master_record_id": None, "created_date": "2024-01-05T00:00:00Z", "number_of_employees": 50,
             "last_modified_date": "2024-03-01 00:00:00", "owner_id": "005"} | row
            for row in accounts
        ],
        user=[{"id": "005", "name": "Owner"}],
        contact=[
            {"id": "003A", "account_id": "001A", "email": "U1@alpha.example", "persona__c": "end_user",
             "created_date": "2024-01-05 00:00:00", "is_deleted": False},
            {"id": "003B", "account_id": "001B", "email": "gone@beta.example", "persona__c": None,
             "created_date": "2024-01-05 00:00:00", "is_deleted": True, "last_modified_date": "2024-02-05 00:00:00"},
        ],
        opportunity=[
            {"id": "006A", "account_id": "001A", "type": "Upsell", "stage_name": "Closed Won", "amount": 1200,
             "close_date": "2024-03-10", "is_deleted": False, "created_date": "2024-01-20 00:00:00",
             "last_modified_date": "2024-03-10 00:00:00"},
            {"id": "006B", "account_id": "001A", "type": "Upsell", "stage_name": "Closed Lost", "amount": 1,
             "close_date": "2024-03-10", "is_deleted": True, "created_date": "2024-01-20 00:00:00",
             "last_modified_date": "2024-03-10 00:00:00"},
        ],
        opportunity_history=[
            {"id": "006A", "stage_name": stage, "amount": amount, "close_date": "2024-03-10", "_fivetran_start": at}
            for stage, amount, at in history
        ],
    )  # fmt: skip
    land(
        folder / "stripe",
        customer=[
            {"id": "cus_a", "name": "Alpha", "email": "pay@alpha.example", "metadata": "{}"},
            {"id": "cus_b", "name": "B", "email": "b@gmail.com", "metadata": '{"account_id": "001B"}'},
            {"id": "cus_g", "name": "GAMMA", "email": "g@gmail.com", "metadata": "{}"},
            {"id": "cus_n", "name": "Nobody", "email": "n@gmail.com", "metadata": "{}"},
        ],
        subscription=[
            {"id": f"sub_{customer}", "customer_id": customer, "status": "active", "created": epoch("2024-01-10T09:00:00"),
             "_fivetran_synced": "2024-03-31 23:00:00"}
            for customer in ("cus_a", "cus_b", "cus_g", "cus_n")
        ],
        subscription_item=[
            {"id": f"si_{customer}", "subscription_id": f"sub_{customer}", "plan_id": price, "quantity": quantity}
            for customer, price, quantity in [
                ("cus_a", "year", 2), ("cus_b", "month", 3), ("cus_g", "month", 1), ("cus_n", "month", 1),
            ]
        ],
        price=[
            {"id": "month", "currency": "usd", "type": "recurring", "unit_amount": 3000, "recurring_interval": "month"},
            {"id": "year", "currency": "usd", "type": "recurring", "unit_amount": 36000, "recurring_interval": "year"},
        ],
    )  # fmt: skip
    tickets = {10: 3, 20: 2, 30: 1, 40: 1}
    land(
        folder / "zendesk",
        organization=[
            {"id": 10, "name": "Alpha support", "external_id": None}, {"id": 20, "name": "x", "external_id": "001B"},
            {"id": 30, "name": "Delta", "external_id": None}, {"id": 40, "name": "Gamma", "external_id": None},
        ],
        domain_name=[
            {"organization_id": 10, "domain_name": "alpha.example"}, {"organization_id": 40, "domain_name": "gmail.com"},
        ],
        ticket=[
            {"id": 100 * org + n, "organization_id": org, "requester_id": 1, "status": "open", "priority": None,
             "created_at": f"2024-02-{10 + n} 10:00:00", "updated_at": f"2024-02-{10 + n} 10:00:00"}
            for org, count in tickets.items() for n in range(count)
        ],
    )  # fmt: skip
    days = pd.date_range("2024-01-10", "2024-03-31").strftime("%Y-%m-%d")
    calls = [(user, "session_started", day) for user in ("u1", "u2") for day in days]
    calls += [("u1", "dataset_ingested", "2024-01-15"), ("u1", "dashboard_created", "2024-01-18")]
    calls += [("u2", "dataset_ingested", "2024-01-20"), ("u2", "dashboard_created", "2024-02-01")]
    calls += [("u3", "session_started", "2024-02-01")]
    land(
        folder / "segment",
        tracks=[
            {"id": f"t{n}", "event": event, "event_text": event, "user_id": user, "anonymous_id": None,
             "timestamp": f"{day} 12:00:00", "received_at": f"{day} 12:00:05",
             "context_group_id": "g_alpha" if user == "u1" else None}
            for n, (user, event, day) in enumerate(calls)
        ],
        identifies=[
            {"id": "i1", "user_id": "u1", "anonymous_id": "anon1", "email": "u1@alpha.example",
             "timestamp": "2024-01-10 11:00:00", "received_at": "2024-01-10 11:00:00"},
        ],
        groups=[
            {"id": f"g{n}", "user_id": user, "group_id": group, "name": name, "website": website,
             "timestamp": "2024-01-10 11:00:00", "received_at": "2024-01-10 11:00:00"}
            for n, (user, group, name, website) in enumerate([
                ("u1", "g_alpha", "Alpha", "http://alpha.example"), ("u2", "001B", None, None), ("u3", "g_beta", "Beta", None),
            ])
        ],
    )  # fmt: skip
    return calls


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    work = tmp_path_factory.mktemp("company")
    calls = land_company(work / "source")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", os.environ.copy())
        assert cli._connect(COMPANY, work / "source", work / "raw") == work / "raw"
    house = FileHouse(("dim_accounts", "fct_time_to_value", "int_tickets", "fct_rejected_events"))
    assert house.build(work / "raw").problem is None
    return house.connection, work / "raw", calls


def test_crosswalk_links_what_is_sure_and_lists_the_rest(company):
    _, raw, _ = company
    links = pd.read_csv(raw / "crosswalk_links0.csv").set_index("vendor_id")
    known = links.astype(object).where(links.notna(), None)
    found = {id: (row.status, row.evidence, row.account_id) for id, row in known.iterrows()}
    assert found == {
        "cus_a": ("linked", "domain and name", "001A"),
        "cus_b": ("linked", "id", "001B"),
        "cus_g": ("ambiguous", None, None),
        "cus_n": ("unmatched", None, None),
        "10": ("linked", "domain", "001A"),
        "20": ("linked", "id", "001B"),
        "30": ("unmatched", None, None),
        "40": ("ambiguous", None, None),
        "g_alpha": ("linked", "domain and name", "001A"),
        "001B": ("linked", "id", "001B"),
        "g_beta": ("proposed", "name", None),
    }
    assert links.candidates[["cus_g", "40", "g_beta"]].tolist() == ["001C | 001D", "001C | 001D", "001B"]
    coverage = pd.read_csv(raw / "crosswalk_coverage0.csv").set_index("vendor")
    assert coverage.record_count.to_dict() == links.groupby("vendor").size().to_dict()
    assert coverage.linked_count.to_dict() == links[links.status == "linked"].groupby("vendor").size().to_dict()
    assert pd.read_csv(raw / "crosswalk_people0.csv").values.tolist() == [["003A", "u1"]]


def test_salesforce_events(company):
    _, raw, _ = company
    events = events_of(raw, "crm", "salesforce")
    assert_is_of_the_contract("crm", events)
    assert_is_of_the_contract("crm", events_of(raw, "crm", "segment"))
    assert events.event_type.value_counts().to_dict() == {
        "account_created": 5, "account_merged": 1, "contact_added": 2, "contact_removed": 1, "opportunity_stage_changed": 3,
    }  # fmt: skip
    assert left_out(raw, "salesforce") == {("account", "deleted and not merged"): 1, ("opportunity", "deleted"): 1}
    won = events[events.event_type == "opportunity_stage_changed"].sort_values("occurred_at")
    assert list(zip(won.stage, won.amount, won.kind, strict=True)) == [
        ("prospecting", 900.0, "expansion"), ("negotiation", 1200.0, "expansion"), ("closed_won", 1200.0, "expansion"),
    ]  # fmt: skip
    assert set(events[events.event_type == "contact_added"].user_id) == {"u1", "003B"}


def test_the_company_is_the_same_in_the_marts(company):
    connection, _, calls = company
    query = connection.execute
    accounts = query("select account_id, product_category, owner_id from dim_accounts order by account_id").fetchall()
    assert accounts == [
        ("001A", "analytics", "Owner"), ("001B", "analytics", "Owner"),
        ("001C", "general_saas", "Owner"), ("001D", "general_saas", "Owner"),
    ]  # fmt: skip
    arr = dict(query("select account_id, arr from dim_accounts where arr > 0").fetchall())
    assert arr == {"001A": 12 * 2 * 360 / 12, "001B": 12 * 3 * 30}
    tickets = dict(query("select account_id, count(*) from int_tickets group by account_id").fetchall())
    assert tickets == {"001A": 3, "001B": 2}
    first = {}
    for user, event, day in sorted(calls, key=lambda call: call[2]):
        if event == "dashboard_created":
            first.setdefault({"u1": "001A", "u2": "001B"}[user], pd.Timestamp(day))
    found = query("select account_id, activated_on from fct_time_to_value where activation_milestone_id = 'M010'").fetchall()
    assert {account: pd.Timestamp(day) for account, day in found if day} == first
    refused = dict(
        query("select source, count(*) from fct_rejected_events where reject_reason = 'no_account' group by source").fetchall()
    )
    strangers = {"support": 2, "billing": 2, "crm": 1, "product": 1}
    assert refused == strangers
