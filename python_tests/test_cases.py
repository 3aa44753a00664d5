"""The small companies of the shared data, each with its right value. A new case is a folder there, or a row of `VALUES` here."""

import json
import re
from pathlib import Path

import pytest
import warehouse

CASES = Path(__file__).parents[2] / "shared" / "data" / "cases"
# The cases may name marts as they were called before; the changelog says what they are called now.
RENAMED = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|$", (warehouse.PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE))

# Right values that one query tells, by case, beside those of the check.sql in the folders.
VALUES = {
    "one_event_with_an_old_clock": [
        ("select min(date_day) from fct_account_signals where events_7d is not null", "2025-03-03"),
        ("select min(observed_from) from fct_stream_coverage where source = 'product'", "2025-03-03"),
    ],
    "customers_older_than_the_tracker": [
        (
            "select count(*) from fct_milestones where account_id = 'acme' and status in ('overdue', 'achieved_late')"
            " and due_on < date '2025-03-03'",
            "0",
        ),
        ("select count(*) from fct_account_signals where date_day < date '2025-03-03' and events_7d is not null", "0"),
        ("select count(*) from rpt_ttv_cohorts where median_days > 366", "0"),
        (
            "select count(*) from fct_account_signals where account_id = 'brick' and events_7d is null"
            " and date_day < date '2025-05-01'",
            "0",
        ),
    ],
    "tracker_gone_silent": [
        ("select max(date_day) from fct_account_signals where events_7d is not null", "2025-05-01"),
        ("select max(date_day) from fct_account_signals where dau_mau_30d is not null", "2025-05-01"),
        ("select count(*) from fct_milestones where status = 'overdue' and due_on > date '2025-05-01'", "0"),
        ("select count(*) from fct_risk_episodes where first_seen_on > date '2025-05-01'", "0"),
        ("select count(*) from fct_time_to_value where started_on + followed_days::int > date '2025-05-01'", "0"),
        (
            "select observed_until from fct_stream_coverage where source = 'product' and subject = 'any' and is_silent",
            "2025-05-01",
        ),
    ],
    "product_not_connected": [
        ("select count(*) from fct_milestones where status in ('overdue', 'achieved_late')", "0"),
        ("select count(*) from fct_interventions", "0"),
    ],
    "one_load_clock_ahead": [
        ("select count(*) from fct_rejected_events where reject_reason = 'future_load'", "1"),
        ("select max(score_date) from fct_score_records", "2025-09-30"),
    ],
    "paused_subscription": [
        ("select count(*) from fct_arr_movements where churned_arr <> 0 or reactivation_arr <> 0", "0"),
        ("select churned_on from dim_accounts where account_id = 'acme'", "null"),
    ],
    "cancellation_withdrawn": [("select count(*) from fct_arr_movements where churned_arr <> 0", "0")],
    "replies_never_exported": [
        ("select count(*) from fct_account_signals where first_response_hours_30d is not null", "0"),
    ],
    "ticket_closed_after_solved": [("select count(*) from fct_rejected_events", "0")],
    "contact_added_before_removed": [("select count(*) from fct_rejected_events", "0")],
}


def frames(case: str):
    """The raw streams of a case as frames of envelope columns."""
    events = {}
    for stream in warehouse.STREAMS:
        lines = (CASES / case / "raw" / stream / "events.ndjson").read_text().splitlines()
        events[stream] = [json.loads(line) for line in lines]
        for event in events[stream]:
            event["payload"] = None if event["payload"] is None else json.dumps(event["payload"])
            for column in ("occurred_at", "loaded_at"):
                event[column] = event[column].removesuffix("Z")
    return warehouse.raw_frames(events)


def told() -> list[tuple[str, str, str]]:
    """(case, query, right answer) of every check.sql and of `VALUES`."""
    rows = [(case, query, answer) for case, checks in VALUES.items() for query, answer in checks]
    for path in sorted(CASES.glob("*/check.sql")):
        if (path.parent / "raw" / "support" / "events.ndjson").exists():
            query, answer = path.read_text().strip().split(" -- ")
            rows.append((path.parent.name, query, answer))
    return rows


CASES_TOLD = sorted({case for case, _, _ in told()})


def plain(answer: str) -> str:
    """An answer without the zeros after a decimal point."""
    return re.sub(r"\.0+\b", "", answer)


def text(value: object) -> str:
    return "null" if value is None else str(value)


@pytest.mark.skipif(not CASES.exists(), reason="the shared data is not beside the project")
@pytest.mark.parametrize("case", CASES_TOLD)
def test_case_has_its_right_value(case):
    with warehouse.build(frames(case)) as connection:
        for query, answer in [(query, answer) for name, query, answer in told() if name == case]:
            query = re.sub(r"\w+", lambda word: RENAMED.get(word[0], word[0]), query)
            rows = connection.execute(query).fetchall()
            found = ", ".join(" ".join(text(value) for value in row) if len(rows) > 1 else
                              ", ".join(text(value) for value in row) for row in rows)  # fmt: skip
            assert plain(found) == plain(answer), f"{query} tells {found}"
