"""What happens to one account's rows leaves the rows of all others as they are, but for what compares them with peers."""

import datetime
import json
import random

import company_strategy
import pytest
import warehouse

# Marts of one account's own facts, and the columns that a peer may move.
OWN = {
    "dim_accounts": (),
    "fct_account_signals": (),
    "fct_milestones": (),
    "fct_time_to_value": (),
    "fct_arr_movements": (),
    "fct_account_health": (
        "score",
        "band",
        "coverage",
        "status",
        "change_7d",
        "change_30d",
        "top_driver_up",
        "top_driver_down",
    ),
}
KINDS = ("dropped", "repeated", "spoiled", "moved_in_time", "retyped", "emptied")


def spoil(row: dict, kind: str, rng: random.Random) -> list[dict]:
    """What becomes of a row: no row, it and another, or it with a fault."""
    if kind == "dropped":
        return []
    if kind == "repeated":
        return [row, dict(row)]
    changes = {
        "spoiled": {"payload": rng.choice(("{", '{"mrr": 1e30}', '{"score": -5}', None))},
        "moved_in_time": {"occurred_at": row["occurred_at"] and row["occurred_at"].replace(hour=3)},
        "retyped": {"event_type": rng.choice(("unheard_of", None, "ticket_deleted", "subscription_cancelled"))},
        "emptied": {"event_id": None, "user_id": None},
    }
    return [row | changes[kind]]


def heartbeat(days: list[datetime.date]) -> dict[str, list[dict]]:
    """An account that does everything every day, so that nobody else says what is observed."""
    product = [row["event_type"] for row in warehouse.seed_rows()["tracking_plan"]]
    events = [("product", event_type, None) for event_type in product]
    values = {"ticket_id": "steady", "author_role": "agent", "is_public": True, "waiting_for": "customer"}
    values |= {"into_ticket_id": "other", "survey_id": "steady", "kind": "nps", "score": 8}
    contract = warehouse.seed_rows()["event_schemas"]
    types = {(row["source"], row["event_type"]) for row in contract if row["source"] in ("support", "survey")}
    for source, event_type in sorted(types):
        asked = [row["payload_key"] for row in contract if row["event_type"] == event_type and row["is_required"] == "true"]
        events.append((source, event_type, {key: values[key] for key in asked}))
    rows = {stream: [] for stream in warehouse.STREAMS}
    for day in days:
        at = datetime.datetime.combine(day, datetime.time(8))
        for number, (stream, event_type, payload) in enumerate(events):
            rows[stream].append(
                {
                    "event_id": f"steady-{day}-{number}",
                    "event_type": event_type,
                    "account_id": "steady",
                    "user_id": "steady",
                    "occurred_at": at,
                    "loaded_at": at,
                    "payload": payload and json.dumps(payload),
                }
            )
    created = {"event_id": "steady", "event_type": "account_created", "payload": None}
    rows["crm"].append(rows["product"][0] | created)
    return rows


def mutated(company: dict, account_id: str, rng: random.Random) -> dict:
    """The company with a third of one account's rows changed; what names other accounts is left alone."""
    found = {}
    for stream, rows in company.items():
        found[stream] = []
        for row in rows:
            is_own = row["account_id"] == account_id and row["event_type"] not in ("account_created", "account_merged")
            if is_own and row["event_type"] != "contact_added" and rng.random() < 1 / 3:
                found[stream] += spoil(row, rng.choice(KINDS), rng)
            else:
                found[stream].append(row)
    return found


def rows_of_others(connection, account_id: str) -> dict[str, list[tuple]]:
    found = {}
    for mart, of_peers in OWN.items():
        columns = [name for name, *_ in connection.execute(f"describe {mart}").fetchall() if name not in of_peers]
        query = f"select {', '.join(columns)} from {mart} where account_id <> '{account_id}' order by all"
        found[mart] = connection.execute(query).fetchall()
    return found


def coverage(connection) -> list[tuple]:
    """What is observed of the subjects that signals name."""
    named = {text for row in warehouse.seed_rows()["signals"] for text in row["observed_by"].split(";") if text}
    rows = connection.execute("select * from base_observed_days order by all").fetchall()
    return [row for row in rows if row[0] in named or f"{row[0]} {row[1]}" in named]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_rows_of_other_accounts_stay_as_they_are(seed):
    rng = random.Random(seed)
    company = company_strategy.random_company(seed, n_accounts=5, n_days=60, merges=0, turns=0, outages=0, dirt=0)
    account_id = company["crm"][0]["account_id"]
    loads = [row["loaded_at"] for rows in company.values() for row in rows if row["loaded_at"]]
    moment = {"known_at": max(loads), "as_of": max(loads).date()}
    first_day, last_day = min(loads).date() - datetime.timedelta(days=40), max(loads).date()
    days = [first_day + datetime.timedelta(days=n) for n in range((last_day - first_day).days + 1)]
    for stream, rows in heartbeat(days).items():
        company[stream] += rows
    needed = (*OWN, "base_observed_days", "base_stream_watermarks")
    other = mutated(company, account_id, rng)
    assert other != company
    with (
        warehouse.build(warehouse.raw_frames(company), needed=needed, **moment) as before,
        warehouse.build(warehouse.raw_frames(other), needed=needed, **moment) as after,
    ):
        assert coverage(before) == coverage(after)
        first, second = rows_of_others(before, account_id), rows_of_others(after, account_id)
        for mart in OWN:
            assert first[mart], mart
            assert first[mart] == second[mart], mart
