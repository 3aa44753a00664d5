"""A replay sees what was known at its moment, and a later build does not rewrite the days it covers."""

import datetime
import json
import random
from collections import defaultdict

import company_strategy
import pytest
import warehouse
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

DAY = datetime.timedelta(days=1)
FEW_COMPANIES = settings(
    max_examples=warehouse.examples(5),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
SEEDS = st.integers(0, 2**32 - 1)
# No stream falls silent: what is usual for one is learned from all its days, so a later build may find that a gap was none.
# No term lapses: that is known once its days of grace are over, and then holds from its last day on.
NOTHING_LAPSES = {
    "coverage_rules": [row | {"min_days": "365"} for row in warehouse.seed_rows()["coverage_rules"]],
    "billing_settings": [row | {"lapse_grace_days": ""} for row in warehouse.seed_rows()["billing_settings"]],
}


def build(events, as_of, known_at, needed=None, seeds=None):
    return warehouse.build(warehouse.raw_frames(events), as_of=as_of, known_at=known_at, needed=needed, seeds=seeds)


def unseen(rng, row, as_of, known_at):
    """A row that a build at the moment must not see: loaded after it, or of a day after it.

    It says the same under the same id or a new one, so it would be refused as a duplicate or count once more.
    """
    row = dict(row, event_id=rng.choice((row["event_id"], f"n{rng.randrange(16**7):07x}")))
    next_day = datetime.datetime.combine(as_of + DAY, datetime.time())
    if rng.random() < 0.5:
        wait = rng.choice(
            (datetime.timedelta(microseconds=1), datetime.timedelta(seconds=rng.randrange(10**7)))
        )
        return row | {"loaded_at": known_at + wait}
    occurred_at = next_day + datetime.timedelta(seconds=rng.choice((0, 1, rng.randrange(10**7))))
    early = datetime.timedelta(
        seconds=rng.choice((-600, 0, 60))
    )  # ten minutes are clock skew, no refused row
    return row | {"occurred_at": occurred_at, "loaded_at": occurred_at + early}


@pytest.mark.slow
@FEW_COMPANIES
@given(company=company_strategy.companies(), seed=SEEDS)
def test_later_events_change_no_row(company, seed):
    rng = random.Random(seed)
    loads = sorted(row["loaded_at"] for rows in company.values() for row in rows if row["loaded_at"])
    assume(len(loads) > 20)
    known_at = rng.choice(loads[len(loads) // 3 :])
    as_of = known_at.date() - rng.choice((0, 0, 1, 7, -3)) * DAY
    stranger = company_strategy.random_company(seed, n_accounts=1)
    more = {}
    for stream, rows in company.items():
        late = [unseen(rng, row, as_of, known_at) for row in rows if rng.random() < 0.5]
        foreign = [row | {"loaded_at": known_at + DAY} for row in stranger[stream]]
        more[stream] = rows + late + foreign
    with build(company, as_of, known_at) as known, build(more, as_of, known_at) as replayed:
        difference = warehouse.difference(warehouse.published(known), warehouse.published(replayed))
    assert difference is None, difference


def is_after(payload, day):
    return (json.loads(payload or "{}").get("effective_on") or "") > day.isoformat()


def is_of_all_days(row):
    kind = row["event_type"]
    is_spam = kind == "ticket_closed" and json.loads(row["payload"]).get("close_reason") == "spam"
    return is_spam or kind in ("user_identified", "ticket_merged", "ticket_deleted")


def settled(company, day):
    """The company without what rightly restates the past, every event loaded as it occurred.

    What later decisions say of earlier days stays in: draw the company with turns=0 to be without them. Left out are
    changed attributes and merges (what the account is goes for all its days), cancellations dated back, a visitor who
    says later who they are (their days until then are that person's), tickets that move to another account, are merged,
    deleted or found to be spam (with all their days), and accounts whose onboarding or first contract (their start and
    their segment) comes after the day or starts after it, or which stop being trials (they enter the marts with all their
    days).
    """
    first = defaultdict(dict)
    for rows in company.values():
        for row in sorted(rows, key=lambda row: row["occurred_at"]):
            first[(row["account_id"] or "").strip()].setdefault(row["event_type"], row["occurred_at"].date())
    starts = [row for row in company["billing"] if row["event_type"] == "subscription_started"]
    starting = {(row["account_id"] or "").strip() for row in starts if is_after(row["payload"], day)}
    owners = {}
    for row in sorted(company["support"], key=lambda row: (row["occurred_at"], row["account_id"] or "")):
        owners.setdefault(json.loads(row["payload"])["ticket_id"], row["account_id"])
    after = day + DAY
    kept = {
        account
        for account, firsts in first.items()
        if account not in starting
        and max(firsts.get("account_created", after), firsts.get("onboarding_started", after)) <= day
        and firsts.get("subscription_started", day) <= day
        and "trial_started" not in firsts
    }
    events = {stream: [] for stream in company}
    for stream, rows in company.items():
        for row in rows:
            if row["event_type"] == "account_updated" or (row["account_id"] or "").strip() not in kept | {""}:
                continue
            if stream == "support" and owners[json.loads(row["payload"])["ticket_id"]] != row["account_id"]:
                continue
            if is_of_all_days(row) and row["occurred_at"].date() > day:
                continue
            row = row | {"loaded_at": row["occurred_at"]}
            if row["event_type"] == "subscription_cancelled":
                payload = json.loads(row["payload"])
                payload["effective_on"] = max(payload["effective_on"], row["occurred_at"].date().isoformat())
                row["payload"] = json.dumps(payload)
            events[stream].append(row)
    return events, kept


def keyed(connection, query, *key):
    result = connection.execute(query)
    columns = [column[0] for column in result.description]
    rows = (dict(zip(columns, row, strict=True)) for row in result.fetchall())
    return {tuple(row[column] for column in key): row for row in rows}


@pytest.mark.slow
@FEW_COMPANIES
@given(seed=SEEDS, share=st.floats(0.4, 0.95))
def test_a_later_build_keeps_the_past(seed, share):
    company = company_strategy.random_company(
        seed, n_accounts=6, n_days=100, dirt=0, duplicates=0, merges=0, edge_times=0.3, turns=0
    )
    moments = sorted(row["occurred_at"].date() for rows in company.values() for row in rows)
    day = moments[0] + int(share * (moments[-1] - moments[0]).days) * DAY
    events, accounts = settled(company, day)
    assume(accounts)
    needed = ("fct_account_signals", "fct_account_health", "fct_health_drivers", "int_expansion_scores", "fct_milestones")
    with (
        build(events, day, datetime.datetime.combine(day, datetime.time.max), needed, NOTHING_LAPSES) as then,
        build(events, moments[-1], datetime.datetime.combine(moments[-1], datetime.time.max), needed, NOTHING_LAPSES) as later,
    ):
        now_and_then = [
            # An account that came back has days, in the later build, on which it was away.
            ("select * from fct_account_signals", ["account_id", "date_day"]),
            # The last day of a build is a score date of its own; in a later build it is one only on a Monday.
            ("select * from fct_account_health where isodow(score_date) = 1", ["account_id", "score_date"]),
            (
                "select * from fct_health_drivers where isodow(score_date) = 1",
                ["account_id", "score_date", "metric"],
            ),
            (
                "select * from int_expansion_indicators where isodow(score_date) = 1",
                ["account_id", "score_date", "indicator"],
            ),
            ("select * from int_expansion_scores where isodow(score_date) = 1", ["account_id", "score_date"]),
            (
                "select account_id, milestone_id, journey, due_on, achieved_at, evidence_event_id "
                "from fct_milestones where achieved_at is not null",
                ["account_id", "milestone_id"],
            ),
        ]
        for query, key in now_and_then:
            past, present = keyed(then, query, *key), keyed(later, query, *key)
            assert past or "signals" not in query
            for name, row in past.items():
                assert name in present, f"{name} of {query} is gone"
                for column, value in row.items():
                    assert value == present[name][column], f"{name} of {query}, {column}"
