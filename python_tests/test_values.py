"""Values at the edges: what is accepted passes through every model, what is not is refused with its key."""

import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import warehouse

START = datetime(2025, 3, 3, 9)
SCHEMAS = warehouse.seed_rows()["event_schemas"]
RULES = [
    node for node in warehouse.compiled()["nodes"].values() if (node.get("test_metadata") or {}).get("name") == "rules_hold"
]
PRICE = {"subscription_id": "s", "mrr": 1, "currency": "USD"}
DEAL = {"opportunity_id": "o", "stage": "won", "currency": "USD"}
BILL = {"invoice_id": "i", "amount": 1, "currency": "USD", "due_on": "2025-04-01"}


def event(number, event_type, payload, account_id="a1", hours=None, **columns):
    """A row of the envelope; the payload is text, or what becomes text."""
    moment = START + timedelta(hours=number if hours is None else hours)
    text = payload if isinstance(payload, str) or payload is None else json.dumps(payload)
    row = {"event_id": f"e{number:05d}", "event_type": event_type, "account_id": account_id, "user_id": None}
    return row | {"occurred_at": moment, "loaded_at": moment, "payload": text} | columns


def reasons(stream, rows):
    """What became of the rows of a stream: (reason, key) by row."""
    with warehouse.build(warehouse.raw_frames({stream: rows}), needed=("base_events",)) as built:
        found = built.execute("select reject_reason, rejected_key from base_events order by event_id").fetchall()
    assert len(found) == len(rows)
    return found


FINE = (None, None)
# By kind: the stream, the type, the payload, and the key that is refused; None where nothing is.
VALUES = {
    "survey scores": [
        ("survey", "survey_answered", {"survey_id": "v", "kind": kind, "score": score}, key)
        for kind, score, key in [
            *[("nps", score, None) for score in (0, 10, "7", 6.5)],
            *[("nps", score, "score") for score in (-1, 11, 100, 10.000001, "x")],
            *[("csat", score, None) for score in (1, 5, 2.5)],
            *[("csat", score, "score") for score in (0, 0.999999, 5.1, 9, -3)],
            ("mood", 3, "kind"),
        ]
    ],
    "numbers": [
        *[("crm", "opportunity_stage_changed", f'{{"opportunity_id":"o","stage":"w","amount":{text}}}', key) for text, key in [
            *[(text, None) for text in ("1", "-0", "1.50", "1e3", "1E+3", "1e-7", '"1"', '" 1 "', '"\\t1\\n"', '"-0.5"')],
            *[(text, None) for text in ("null", '" "')],
            *[(text, "amount") for text in ('"1_000"', '" 1e400"', "1e400", '"NaN"', '"inf"', '"Infinity"', '"0x1F"')],
            *[(text, "amount") for text in ('"+1"', '".5"', '"5."', '"007"', '"1,5"', '"1 000"', '"1d"', "true", "[1]")],
            *[(text, "amount") for text in ("10000000000.01", "1e11", "-1e11", "123456789012345678901234567890")],
        ]],
        *[("crm", "account_updated", {"employees": value}, key) for value, key in [
            (0, None), (10000000, None), ("12", None), (12.0, None),
            (-1, "employees"), (10000001, "employees"), (2.5, "employees"), (1e15, "employees"),
        ]],
        *[("crm", "note_logged", {"sentiment": value}, key) for value, key in [
            (1, None), (-1, None), (1.000001, "sentiment"), (-2, "sentiment"),
        ]],
    ],
    "money counts in the reporting currency": [
        ("billing", "subscription_started", PRICE | {"mrr": mrr, "currency": currency}, key)
        for mrr, currency, key in [
            (1e9, "USD", None), (-1e9, "USD", None), (1.1e9, "USD", "mrr"), (9e8, "EUR", None), (1e9, "EUR", "mrr"),
            (5e10, "INR", None), (9e10, "INR", "mrr"),
        ]
    ],
    "days": [
        *[("billing", "invoice_issued", BILL | {"due_on": day}, key) for day, key in [
            *[(day, None) for day in ("1900-01-01", "2199-12-31", "2025-01-05T10:00:00Z", " 2025-01-05\n")],
            *[(day, "due_on") for day in ("1899-12-31", "2200-01-01", "9999-12-31", "10000-01-01", "infinity", "epoch")],
        ]],
        ("billing", "subscription_started", PRICE | {"term_end": "9999-12-31"}, "term_end"),
        ("billing", "subscription_cancelled", {"subscription_id": "s", "effective_on": "0202-01-01"}, "effective_on"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_values_are_taken_or_refused_with_their_key(kind):
    for stream in {row[0] for row in VALUES[kind]}:
        cases = [row for row in VALUES[kind] if row[0] == stream]
        rows = [event(number, event_type, payload) for number, (_, event_type, payload, _) in enumerate(cases)]
        expected = [("mistyped_key", key) if key else FINE for *_, key in cases]
        found = reasons(stream, rows)
        assert found == expected, [(case, got) for case, got, want in zip(cases, found, expected, strict=True) if got != want]


PAYLOADS = [
    *[(text, None) for text in ("{}", ' {"a":1} ', '\t{"a":1}\r\n', '{"a":"NaN, }"}', '{"a":"\\",}"}', '{"a":{"b":1,"b":2}}')],
    *[(text, None) for text in ('{"a":1,"A":2}', '{"a":"\\ud83d\\ude00"}', '{"a":1e400}', None, "", " \t\n")],
    *[(text, "invalid_json") for text in ('{"a":1,}', '{"a":[1,]}', '{"a":[1, ]}', '{"a":1 , }', "{,}", '{"a":1,,"b":2}')],
    *[(text, "invalid_json") for text in ('{"a":NaN}', '{"a":Infinity}', '{"a":-inf}', '{"a":[nan]}', '{"a":1_0}', '{"a":+1}')],
    *[(text, "invalid_json") for text in ('{"a":1,"a":2}', '{"a":1,"b":2,"a":null}', '{"":1,"":1}', "[1]", "1", "null")],
    *[(text, "invalid_json") for text in ('{"a":"\\ud83d"}', '{"a":"\\u0000"}', '{"a":1', '{"a":1}x', '{"a":1}{}', "{'a':1}")],
]  # fmt: skip


@pytest.mark.parametrize("stream", ["crm", "product"])
def test_json_is_what_the_standard_says_on_every_stream(stream):
    rows = [event(number, "note_logged", text) for number, (text, _) in enumerate(PAYLOADS)]
    found = [reason for reason, _ in reasons(stream, rows)]
    assert found == [reason for _, reason in PAYLOADS]


def test_tabs_and_line_ends_are_blanks():
    spaces = "\t\n\r\v\f \u0085\u00a0\u2003\u2028\u3000"
    rows = [
        event(0, f"{spaces}account_created\t", {"name": f"{spaces}A\tB{spaces}", "owner": "\t\n"}, f"\na1{spaces}"),
        event(1, "account_updated", {"plan": "\r\n", "industry": "\u200bx"}, "a1"),
        event(2, "note_logged", None, "\t \n"),
        event(3, "\r\n", None, "a1"),
        event(4, "account_created", None, "a2", event_id="\t"),
    ]
    frames = warehouse.raw_frames({"crm": rows})
    with warehouse.build(frames, needed=("stg_crm__accounts", "fct_rejected_events")) as built:
        accounts = built.execute(
            "select account_id, account_name, owner_id, plan, industry from stg_crm__accounts order by industry nulls last"
        ).fetchall()
        refused = built.execute("select reject_reason from fct_rejected_events order by 1").fetchall()
    assert accounts == [("a1", None, None, None, "\u200bx"), ("a1", "A\tB", None, None, None)]
    assert refused == [("missing_id",), ("no_account",), ("unknown_type",)]


# -- extreme values go through every model ------------------------------------------------------------------------------


def extremes(key):
    """Every value of a key at its bounds, and next to nothing."""
    lowest, highest = key["min_value"], key["max_value"]
    if key["payload_key"] == "score":
        return [0, 10]
    if key["value_type"] == "date":
        return [lowest, highest]
    numbers = [json.loads(highest), json.loads(lowest)]
    nothing = [0.000001] if json.loads(lowest) >= 0 else [0.000001, -0.000001]
    return numbers + (nothing if key["value_type"] == "number" else [])


def bounded(event_type):
    return [row for row in SCHEMAS if row["event_type"] == event_type and row["min_value"]]


def extreme_company(documents):
    """Six accounts of a year whose every bounded value stands at its bounds, in many documents an account."""
    base = {
        "account_created": {}, "note_logged": {},
        "opportunity_stage_changed": DEAL | {"kind": "expansion", "stage": "closed_won"},
        "subscription_started": PRICE, "subscription_changed": PRICE, "subscription_cancelled": {"effective_on": "2026-01-01"},
        "invoice_issued": BILL, "invoice_paid": {"amount": 1}, "health_overridden": {"band": "green", "reason": "x"},
        "survey_answered": {"survey_id": "v", "kind": "nps"},
    }  # fmt: skip
    streams = {row["event_type"]: row["source"] for row in SCHEMAS}
    events = {stream: [] for stream in warehouse.STREAMS}
    number = 0

    def add(stream, *row, **columns):
        nonlocal number
        events[stream].append(event(number, *row, **columns))
        number += 1

    for place, account in enumerate(f"a{number}" for number in range(6)):
        employees = 10_000_000 * (place % 2)
        add("crm", "account_created", {"product_category": "collaboration", "employees": employees}, account, hours=0)
        add("crm", "contact_added", {"persona": "admin"}, account, hours=0, user_id=f"u{account}")
        for day in range(0, 300, 20):
            add("product", "session_started", None, account, hours=24 * day + 1, user_id=f"u{account}")
        for event_type, payload in base.items():
            values = [(key["payload_key"], value) for key in bounded(event_type) for value in extremes(key)]
            if event_type == "account_created":
                continue
            for copy in range(documents if payload.keys() & {"subscription_id", "invoice_id"} else 1):
                for turn, (name, value) in enumerate(values):
                    if event_type == "subscription_cancelled" and turn + place < 3:
                        continue
                    ids = {"subscription_id": f"{account}-{copy}-{turn}", "invoice_id": f"{account}-{copy}-{turn}"}
                    ids["opportunity_id"] = f"{account}-{turn}"
                    named = {row["payload_key"] for row in SCHEMAS if row["event_type"] == event_type}
                    content = payload | {key: text for key, text in ids.items() if key in named} | {name: value}
                    add(streams[event_type], event_type, content, account, hours=24 * (5 + 37 * turn % 250) + place)
    add("crm", "note_logged", {}, "a0", hours=24 * 330)
    return warehouse.raw_frames(events)


@pytest.fixture(scope="module")
def extreme_house():
    with warehouse.build(extreme_company(documents=20)) as built:
        yield built


def test_no_extreme_value_is_refused_and_every_model_takes_it(extreme_house):
    assert extreme_house.execute("select reject_reason, rejected_key from fct_rejected_events").fetchall() == []
    assert extreme_house.execute("select max(arr) from fct_account_signals").fetchone()[0] > 10**11
    assert extreme_house.execute("select max(seats) from fct_account_signals").fetchone()[0] > 10**8
    for node in RULES:
        assert extreme_house.execute(node["compiled_code"]).fetchall() == [], node["name"]


def test_the_arr_of_extreme_subscriptions_is_their_sum(extreme_house):
    """On the last day of an account, the month's books hold what its signals do."""
    last = "(select max(month_end) from fct_arr_movements)"
    books = dict(extreme_house.execute(
        f"select account_id, end_arr from fct_arr_movements where month_end = {last}"
    ).fetchall())  # fmt: skip
    signals = extreme_house.execute(
        "select account_id, arr from fct_account_signals where date_day = (select max(date_day) from fct_account_signals)"
    ).fetchall()
    assert signals
    for account, arr in signals:
        assert books.get(account, Decimal(0)) == (arr or 0), account
