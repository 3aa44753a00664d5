"""Text of ids and payloads in SQL, and the Parquet files."""

import duckdb
import numpy as np
import pandas as pd

from . import product
from .company import CATEGORIES, COUNTRIES, CURRENCIES, PERSONAS

SOURCES = ["product", "crm", "support", "billing", "survey"]
STRIDE = 100_000_000  # event numbers of one part; the second half is for injected rows


def _pick(column, values):
    return f"{list(values)}[{column} + 1]"


def _digits(value, width):
    return f"lpad(({value})::varchar, {width}, '0')"


def _id(prefix, value, width=6):
    return f"'{prefix}-' || {_digits(value, width)}"


def event_id(source, number):
    """SQL of an event id."""
    prefix = dict(zip(SOURCES, "pcsbv", strict=True))[source]
    return f"'{prefix}-' || substr(({number} + 1000000000000)::varchar, 2)"


def _day(column):
    return f"(epoch_day + {column}::integer)::varchar"


def _subscription(source="account"):
    return f"'sub-' || {_digits(source, 6)} || '-' || seq::varchar"


_PLANS = ["starter", "growth", "enterprise", "add-on"]
_ZONES = ["America/New_York", "America/Los_Angeles", "Europe/Berlin", "Europe/London"]
_ZONES += ["Europe/Paris", "Asia/Kolkata", "Australia/Sydney", "America/Toronto"]
_FIRST = "Amber Birch Cedar Copper Coral Crimson Dune Ember Falcon Fern Flint Garnet Golden Granite Hazel Heron Indigo Iron"
_FIRST += " Ivory Jade Juniper Lark Lunar Maple Marble Meadow Mistral Olive Opal Otter Quartz Raven River Saffron Sable Silver"
_FIRST += " Tidal Umber Violet Willow"
_SECOND = "Airways Atelier Bakery Bicycles Brewing Ceramics Clinics Couriers Dairy Dental Diagnostics Energy Ferries Foundry"
_SECOND += " Freight Gardens Glass Guitars Harbors Hotels Insurance Kitchens Lenses Libraries Lighting Logistics Mills Mutual"
_SECOND += " Optics Orchards Outfitters Paints Press Robotics Schools Studios Textiles Timber Toys Travel"
_INDUSTRIES = ["software", "retail", "manufacturing", "finance", "health", "education", "media"]
_INDUSTRIES += ["logistics"]
_CANCEL = ["price", "missing feature", "low usage", "competitor", "business closed"]
_MONEY = "(cents / 100.0)::decimal(14, 2)"
_CASH = {"amount": _MONEY, "currency": _pick("currency", CURRENCIES)}

_DEVICE = """case number % 4 when 0 then '{"device":"mobile"}' else '{"device":"web"}' end"""

# The first 1,600 accounts have a name of their own.
_NAME = f"{_FIRST.split()}[account % 40 + 1] || ' ' || {_SECOND.split()}[(7 * account + account // 40) % 40 + 1]"
_NAME += " || case when account >= 1600 then ' ' || (account // 1600 + 1)::varchar else '' end"

_RECORD = {
    "name": _NAME,
    "industry": _pick("industry", _INDUSTRIES),
    "country": _pick("place", COUNTRIES),
    "product_category": _pick("category", CATEGORIES),
    "employees": "employees",
    "plan": _pick("plan", _PLANS),
    "owner": _id("csm", "owner", 2),
    "parent_account_id": f"case when parent >= 0 then {_id('a', 'parent')} end",
    "timezone": _pick("place", _ZONES),
    "is_internal": "internal",
    "is_test": "test",
}
_CONTACT = {
    "persona": _pick("persona", PERSONAS),
    "email": "'user' || \"user\"::varchar || '@company' || home::varchar || '.example'",
}
_TICKET = {"ticket_id": _id("t", "ticket", 10)}
_TERMS = {
    "subscription_id": _subscription(),
    "plan": _pick("plan", _PLANS),
    "seats": "seats",
    "mrr": _MONEY,
    "currency": _CASH["currency"],
    "term_end": f"case when term >= 0 then {_day('term')} end",
    "variable_mrr": "case when variable >= 0 then (variable / 100.0)::decimal(14, 2) end",
    "usage_cap": "case when cap >= 0 then cap end",
    "effective_on": f"case when begins >= 0 then {_day('begins')} end",
}
_INVOICE = {"invoice_id": _id("inv", "invoice", 9)}
_SURVEYS = ["nps", "csat", "integration_ease", "perceived_value", "support_quality"]
_SURVEY = {
    "survey_id": f"{_pick('kind', _SURVEYS)} || '-' || {_digits('survey', 10)}",
    "kind": _pick("kind", _SURVEYS),
}
_VARIANT = {"variant": _pick("variant", ["control", "treatment"])}
_MILESTONE = {"milestone_id": "'M' || lpad(milestone::varchar, 3, '0')"}
PAYLOADS = {
    "account_created": _RECORD,
    "account_updated": _RECORD,
    "account_merged": {"into_account_id": _id("a", "target")},
    "contact_added": _CONTACT,
    "contact_removed": _CONTACT,
    "onboarding_started": _VARIANT | {"product_category": f"case when category >= 0 then {_pick('category', CATEGORIES)} end"},
    "milestone_confirmed": _MILESTONE | {"reason": "'confirmed on a call'"},
    "milestone_waived": _MILESTONE | {"reason": "'not needed'"},
    "opportunity_stage_changed": {
        "opportunity_id": _id("opp", "opportunity", 8),
        "kind": _pick("deal", ["new_business", "expansion", "renewal"]),
        "stage": _pick(
            "stage",
            ["qualified", "proposal", "negotiation", "verbal", "closed_won", "closed_lost"],
        ),
        "amount": "amount",
        "currency": _CASH["currency"],
        "close_date": _day("close"),
    },
    "note_logged": {
        "sentiment": "sentiment",
        "topic": _pick("topic", ["adoption", "support", "pricing", "roadmap", "training"]),
    },
    "task_completed": {
        "play_id": _pick(
            "play",
            [
                "setup_nudge", "onboarding_session", "usage_nudge",
                "csm_outreach", "technical_check", "guide_email",
            ],
        ),
        "outcome": _pick("outcome", ["done", "no answer"]),
    },
    "health_overridden": {
        "band": _pick("band", ["red", "yellow", "green"]),
        "reason": "'judged by the owner'",
        "expires_on": _day("expires"),
    },
    "experiment_assigned": {"experiment_id": "'guided-setup'"} | _VARIANT,
    "ticket_created": _TICKET
    | {
        "priority": _pick("priority", ["low", "normal", "high", "urgent"]),
        "topic": _pick("topic", ["bug", "how-to", "billing", "access", "integration", "feature"]),
        "is_expansion_request": "wish",
        "created_by": "case when by_agent then 'agent' end",
    },
    "ticket_replied": _TICKET
    | {"author_role": _pick("role", ["agent", "customer", "bot"]), "is_public": "public"},
    "ticket_on_hold": _TICKET | {"waiting_for": _pick("waits_for", ["customer", "third_party"])},
    "ticket_resumed": _TICKET,
    "ticket_escalated": _TICKET,
    "ticket_solved": _TICKET,
    "ticket_closed": _TICKET | {"close_reason": "case when spam then 'spam' else 'other' end"},
    "ticket_reopened": _TICKET,
    "trial_started": {"plan": _pick("plan", _PLANS)},
    "subscription_started": _TERMS,
    "subscription_changed": _TERMS,
    "subscription_renewed": _TERMS,
    "subscription_cancelled": {
        "subscription_id": _subscription(),
        "reason": _pick("reason", _CANCEL),
        "effective_on": _day("effective"),
    },
    "invoice_issued": _INVOICE | _CASH | {"due_on": _day("due")},
    "invoice_paid": _INVOICE | {"amount": _MONEY},
    "invoice_credited": _INVOICE | {"amount": _MONEY},
    "invoice_refunded": _INVOICE | {"amount": _MONEY},
    "invoice_written_off": _INVOICE,
    "invoice_voided": _INVOICE,
    "survey_sent": _SURVEY | {"milestone_id": "case when milestone > 0 then 'M' || lpad(milestone::varchar, 3, '0') end"},
    "survey_answered": _SURVEY | {"score": "score"},
}
COLUMNS = "event_id, event_type, account_id, user_id, occurred_at, loaded_at, payload"


def connect(start):
    """A DuckDB connection of one thread; start is the window's first day, a datetime.date."""
    con = duckdb.connect(config={"threads": 1})
    con.execute(f"set variable origin = epoch_us(timestamp '{start}')")
    con.execute(f"set variable epoch_day = date '{start}'")
    con.execute("set enable_progress_bar = false")
    return con


def stamp(seconds):
    """SQL of the timestamp at so many seconds, a column or a number, from the window's start."""
    return f"make_timestamp(getvariable('origin') + ({seconds})::bigint * 1000000)"


def copy(con, query, path):
    """Write a query's rows to a Parquet file, in their order."""
    path = str(path).replace("'", "''")
    con.execute(f"copy ({query}) to '{path}' (format parquet, compression zstd)")


def product_rows(con, events, users, first_account, part, end):
    """SQL of the product rows of ``product.simulate``; end is the last second of the window."""
    homes, numbers = users.account + first_account, users.number
    people = [f"u-{a:06d}-{n:04d}" for a, n in zip(homes.tolist(), numbers.tolist(), strict=True)]
    names = [f"a-{a:06d}" for a in range(first_account, int(homes.max(initial=first_account)) + 1)]
    frame = pd.DataFrame(
        {
            "number": np.arange(len(events["at"])) + part * STRIDE,
            "kind": pd.Categorical.from_codes(events["type"].astype(np.int16), product.TYPES),
            "account": pd.Categorical.from_codes(events["account"], names),
            "person": pd.Categorical.from_codes(events["user"], people),
            "at": events["at"],
            "loaded": np.minimum(events["loaded"], end),
        },
        copy=False,
    )
    con.register("product_frame", frame)
    return f"""select {event_id("product", "number")} as event_id, kind::varchar as event_type,
        account::varchar as account_id, person::varchar as user_id, {stamp('"at"')} as occurred_at,
        {stamp("loaded")} as loaded_at, case kind when 'session_started' then {_DEVICE}
            when 'api_failed' then '{{"status":500}}' end as payload from product_frame"""


def block_rows(con, blocks, source, part, end, rng, first=0):
    """SQL of one source's rows of a ``lifecycle.Log``, ordered by loaded_at, or None.

    Event numbers count from ``first``; lags are minutes to hours and are cut at end.
    """
    mine, number = [b for b in blocks if b[0] == source], part * STRIDE + first
    queries = []
    for _, event_type, block in mine:
        n = len(block["at"])
        lag = 30 + (1800 * rng.standard_exponential(n)).astype(int)
        columns = block | {"loaded": np.minimum(block["at"] + lag, end)}
        table = f"{source}_{len(queries)}"
        con.register(table, pd.DataFrame(columns | {"number": np.arange(n) + number}))
        number += n
        pairs = ", ".join(f"'{k}', {v}" for k, v in PAYLOADS.get(event_type, {}).items())
        payload = pairs.replace("epoch_day", "getvariable('epoch_day')")
        payload = f"json_merge_patch('{{}}', json_object({payload}))" if pairs else "null"
        account, person = _id("a", "account"), f"{_id('u', 'home')} || '-' || "
        person += _digits('"user"', 4)
        if "named" in block:
            account = f"case when named then {account} end"
        queries.append(
            f"""select {event_id(source, "number")} as event_id, '{event_type}' as event_type,
            {account} as account_id, case when "user" >= 0 then {person} end as user_id,
            {stamp('"at"')} as occurred_at, {stamp("loaded")} as loaded_at,
            ({payload})::varchar as payload from {table}"""
        )
    return " union all ".join(queries) or None
