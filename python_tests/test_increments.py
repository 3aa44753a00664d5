"""After any history of nightly builds every mart equals a full rebuild, row for row.

EXAMPLES sets how many.
"""

import datetime
import json
import random
from collections import defaultdict

import company_strategy
import pytest
import warehouse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_observable import Company, day

HISTORIES = settings(
    max_examples=warehouse.examples(2),
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # a history takes seconds, so shrinking one takes many minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
NIGHTS = 5
HISTORY = ("fct_score_records", "fct_score_restatements", "fct_audit_log")  # what was published depends on the nights


def arrivals(company, rng, behind):
    """The company's rows by the night that brings them: in order of load, but for a share that comes behind it."""
    loads = sorted(row["loaded_at"] for rows in company.values() for row in rows if row["loaded_at"])
    edges = [loads[len(loads) * night // NIGHTS] for night in range(1, NIGHTS)]
    nights = [defaultdict(list) for _ in range(NIGHTS)]
    for stream, rows in company.items():
        for row in rows:
            night = sum(row["loaded_at"] > edge for edge in edges) if row["loaded_at"] else rng.randrange(NIGHTS)
            if rng.random() < behind:
                night = rng.randrange(night, NIGHTS)
            nights[night][stream].append(row)
    return nights


def corrections(company, rng):
    """Rows that restate the past: backdated cancellations and merges, moved users, attributes, copies of old ids."""
    last = max(row["loaded_at"] for rows in company.values() for row in rows if row["loaded_at"])
    more = {stream: [] for stream in company}
    accounts = [row["account_id"] for row in company["crm"] if row["event_type"] == "account_created"]
    for stream, rows in company.items():
        for row in rng.sample(rows, min(len(rows), 3)):
            if row["loaded_at"]:
                more[stream].append(row | {"loaded_at": last - datetime.timedelta(days=rng.randrange(40))})
    subscriptions = [row for row in company["billing"] if row["event_type"] == "subscription_started" and row["payload"]]
    contacts = [row for row in company["crm"] if row["event_type"] == "contact_added" and row["occurred_at"]]
    for row in rng.sample(subscriptions, min(len(subscriptions), 1)):
        try:
            subscription = json.loads(row["payload"])["subscription_id"]
        except (ValueError, KeyError):
            continue
        day = last.date() - datetime.timedelta(days=rng.randrange(60))
        payload = {"subscription_id": subscription, "reason": "price", "effective_on": day.isoformat()}
        more["billing"].append(
            row
            | {
                "event_id": f"x{rng.randrange(16**7):07x}",
                "event_type": "subscription_cancelled",
                "occurred_at": last - datetime.timedelta(days=rng.randrange(20)),
                "payload": json.dumps(payload),
                "loaded_at": last,
            }
        )
    for row in rng.sample(contacts, min(len(contacts), 2)):
        more["crm"].append(
            row
            | {
                "event_id": f"x{rng.randrange(16**7):07x}",
                "account_id": rng.choice(accounts),
                "occurred_at": row["occurred_at"] + datetime.timedelta(days=rng.randrange(30)),
                "loaded_at": last + datetime.timedelta(hours=rng.randrange(30)),
            }
        )
    return {stream: more[stream] for stream in company}


def changed_opinion(rng):
    """A seed and its rows with one opinion changed."""
    seeds = warehouse.seed_rows()
    if rng.random() < 0.15:
        month = rng.randrange(1, 13)
        excluded = {"event_type": rng.choice(("any", "session_started", "seat_configured")), "reason": "import"}
        return "excluded_days", [excluded | {"excluded_from": f"2025-{month:02}-05", "excluded_to": "2025-12-20"}]
    name, column, value = rng.choice(
        [
            ("health_bands", "lower_edge", "55"),
            ("health_model_versions", "min_peers", "2"),
            ("journey_milestones", "deadline_days", "9"),
            ("milestone_criteria", "threshold", "2"),
            ("tracking_plan", "feature", "another"),
            ("sla_targets", "first_response_hours", "3"),
            ("event_schemas", "value_type", "number"),
            ("exchange_rates", "rate_to_reporting_currency", "1.5"),
        ]
    )
    rows = [dict(row) for row in seeds[name]]
    row = rng.choice([row for row in rows if row[column] not in ("", "0")])
    row[column] = value
    if value == "number":
        row |= {"min_value": "-1000000000", "max_value": "1000000000"}
    return name, rows


def cumulated(nights):
    total = {stream: [] for stream in warehouse.STREAMS}
    for night in nights:
        for stream in warehouse.STREAMS:
            total[stream] += night[stream]
    return warehouse.raw_frames(total)


def check_history(seed, behind=0, opinions=0, interruptions=0, accounts=4, merges=0.1, outages=0.1):
    rng = random.Random(seed)
    company = company_strategy.random_company(
        seed, n_accounts=accounts, n_days=90, late=0.1, duplicates=0.05, merges=merges, null_accounts=0.2, outages=outages
    )
    for stream, rows in corrections(company, rng).items():
        company[stream] += rows
    nights = arrivals(company, rng, behind)
    house = warehouse.Nightly()
    for night in range(NIGHTS):
        house.load(warehouse.raw_frames(nights[night]))
        if rng.random() < opinions:
            house.change_seed(*changed_opinion(rng))
        if rng.random() < interruptions:
            house.build(stop_before=rng.randrange(len(house)))
        house.build()
        with warehouse.build(cumulated(nights[: night + 1]), seeds=house.seeds) as whole:
            difference = warehouse.difference(
                warehouse.published(house.connection, restated_only=True),
                warehouse.published(whole, restated_only=True),
                skip=HISTORY,
            )
        assert difference is None, f"night {night + 1}: {difference}"


@pytest.mark.slow
@HISTORIES
@given(
    seed=st.integers(0, 2**32 - 1),
    behind=st.sampled_from([0, 0, 0.05]),
    opinions=st.sampled_from([0, 0, 0.4]),
    interruptions=st.sampled_from([0, 0.5]),
    accounts=st.integers(1, 6),
    merges=st.sampled_from([0, 0.1, 0.5]),
    outages=st.sampled_from([0.1, 0.6]),
)
def test_every_night_equals_a_full_rebuild(seed, behind, opinions, interruptions, accounts, merges, outages):
    check_history(seed, behind, opinions, interruptions, accounts, merges, outages)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed_name", "column", "value"),
    [("tracking_plan", "module", "another"), ("sla_targets", "first_response_hours", "0")],
)
def test_a_change_that_was_taken_back_after_a_killed_build_leaves_no_row(seed_name, column, value):
    nights = arrivals(company_strategy.random_company(3, n_accounts=4, n_days=90), random.Random(3), behind=0)
    house = warehouse.Nightly()
    house.load(cumulated(nights[:-1]))
    house.build()
    house.load(warehouse.raw_frames(nights[-1]))
    changed = [row | ({column: value} if row[column] else {}) for row in warehouse.seed_rows()[seed_name]]
    house.change_seed(seed_name, changed)
    house.build(stop_before=len(house) - 1)
    house.change_seed(seed_name, warehouse.seed_rows()[seed_name])
    house.build()
    with warehouse.build(cumulated(nights)) as whole:
        difference = warehouse.difference(
            warehouse.published(house.connection, restated_only=True),
            warehouse.published(whole, restated_only=True),
            skip=HISTORY,
        )
    assert difference is None


def test_a_late_row_of_a_tracker_that_stopped_changes_what_is_kept_of_it():
    """A score date in the silence shows the value of the last observed day, and so is judged again when that day is."""
    company = Company().account("acme", "2025-03-03").account("brick", "2025-03-03")
    company.logins("acme", "2025-03-03", "2025-04-15").logins("brick", "2025-03-03", "2025-05-01").heard("2025-07-01 12:00")
    late = Company()
    for on in ("2025-04-20", "2025-04-21"):
        late.add("product", "session_started", "acme", day(on), "acme user", loaded_at=day("2025-07-01 11:00"))
        late.rows["product"][-1]["event_id"] = on
    needed = ("int_health_metrics",)
    query = """
        select score_date, metric_value, last_seen_on, normalised_value from int_health_metrics
        where account_id = 'acme' and metric = 'dau_mau' and track = 'live' and value_status = 'last_seen' order by 1"""
    house, found = warehouse.Nightly(needed=needed), []
    for rows in (company.rows, late.rows):
        house.load(warehouse.raw_frames(rows))
        house.build()
        found.append(house.connection.execute(query).fetchall())
    assert len(found[0]) == len(found[1]) == 10 and not set(found[0]) & set(found[1])
    both = {stream: company.rows[stream] + late.rows[stream] for stream in company.rows}
    with warehouse.build(warehouse.raw_frames(both), needed=needed) as whole:
        assert whole.execute(query).fetchall() == found[1]
