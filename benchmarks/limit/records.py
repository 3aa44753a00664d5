"""The crm, support, billing and survey streams: accepted rows with the payload keys that the marts need."""

from __future__ import annotations

from .session import Session, literal, literals

_ACCOUNT = ["product_category", "is_internal", "is_test"]
_TERMS = ["subscription_id", "seats", "mrr", "currency", "term_end", "usage_cap"]
# What is read of each event type; other types only count as copies of an id.
USED = {
    "crm": {
        "account_created": _ACCOUNT,
        "account_updated": _ACCOUNT,
        "account_merged": ["into_account_id"],
        "contact_added": [],
        "contact_removed": [],
        "onboarding_started": [],
        "milestone_confirmed": ["milestone_id"],
        "milestone_waived": ["milestone_id"],
        "note_logged": ["sentiment"],
    },
    "support": {
        "ticket_created": ["ticket_id", "priority", "is_expansion_request"],
        "ticket_replied": ["ticket_id", "author_role", "is_public"],
        "ticket_escalated": ["ticket_id"],
        "ticket_solved": ["ticket_id"],
        "ticket_reopened": ["ticket_id"],
    },
    "billing": {
        "trial_started": [],
        "subscription_started": _TERMS,
        "subscription_changed": _TERMS,
        "subscription_renewed": _TERMS,
        "subscription_cancelled": ["subscription_id", "effective_on"],
        "invoice_issued": ["invoice_id", "amount", "due_on"],
        "invoice_paid": ["invoice_id", "amount"],
        "invoice_voided": ["invoice_id"],
    },
    "survey": {"survey_sent": ["kind"], "survey_answered": ["kind", "score"]},
}
_FITS = {
    "text": "true",
    "number": "try_cast({0} as decimal(18, 6)) is not null",
    "integer": "coalesce(try_cast({0} as decimal(18, 6)) = try_cast({0} as bigint), false)",
    "boolean": "lower({0}) in ('true', 'false')",
    "date": "try_cast({0} as date) is not null",
    "timestamp": "try_cast({0} as timestamp) is not null",
    "currency": "{0} in ({1})",
}


def _check(schema: dict, currencies: list[str]) -> str:
    """Return the condition that a row meets one row of event_schemas."""
    key = schema["payload_key"]
    fits = _FITS[schema["value_type"]].format(key, literals(currencies))
    if schema["allowed_values"]:
        fits += f" and {key} in ({literals(schema['allowed_values'].split('|'))})"
    if schema["is_required"] == "true":
        return f"({key} is not null and {fits})"
    return "true" if fits == "true" else f"({key} is null or {fits})"


def load(session: Session) -> None:
    """Make a temporary table of each stream of records."""
    subjects = {row["subject"] for row in session.seeds["milestone_criteria"] if row["measure"] != "signal"}
    currencies = [row["currency"] for row in session.seeds["exchange_rates"]]
    for stream, used in USED.items():
        schemas = [row for row in session.seeds["event_schemas"] if row["source"] == stream]
        types = {row["event_type"] for row in schemas} & (used.keys() | subjects)
        checks = {name: [] for name in sorted(types)}
        keys = {key for name in types for key in used.get(name, [])}
        for schema in schemas:
            check = _check(schema, currencies)
            if schema["event_type"] in types and check != "true":
                checks[schema["event_type"]].append(check)
                keys.add(schema["payload_key"])
        keys = sorted(keys)
        paths = ", ".join(literal("$." + key) for key in keys)
        values = ", ".join(f"nullif(trim(found[{place}]), '') as {key}" for place, key in enumerate(keys, 1))
        cases = " ".join(f"when '{name}' then {' and '.join(found)}" for name, found in checks.items() if found)
        session.run(
            f"records {stream}",
            f"""create temp table {stream} as
            with

            raw_events as (
                select
                    nullif(trim(event_id), '') as event_id,
                    nullif(trim(event_type), '') as event_type,
                    nullif(trim(account_id), '') as account_id,
                    nullif(trim(user_id), '') as user_id,
                    nullif(trim(payload), '') as payload,
                    occurred_at,
                    loaded_at
                from {session.files(stream)}
            ),

            first_copies as (
                select *
                from raw_events
                where event_id is not null and {session.is_visible()}
                qualify
                    row_number() over (
                        partition by event_id
                        order by
                            loaded_at nulls last, occurred_at nulls last, event_type nulls last,
                            account_id nulls last, user_id nulls last, payload nulls last
                    ) = 1
            ),

            extracted as (
                select
                    * exclude (payload),
                    payload is null
                    or case when json_valid(payload) then json_type(payload) = 'OBJECT' else false end
                        as is_object,
                    case when json_valid(payload) then json_extract_string(payload, [{paths}]) end as found
                from first_copies
                where {session.is_timely()} and event_type in ({literals(types)})
            ),

            valued as (
                select * exclude (found), {values} from extracted where is_object
            )

            select * exclude (is_object) from valued where case event_type {cases} else true end""",
        )
