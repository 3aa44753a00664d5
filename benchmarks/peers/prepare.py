"""Writes what the peers start from: accepted product events with their account, the accounts, and what events mean."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from ..limit import accounts, records, usage
from ..limit.milestones import needed_count
from ..limit.session import literal, start
from ..limit.tracking import Tracking


def write(raw: Path, out: Path, known_at: datetime | None, memory: str, threads: int) -> None:
    """Write events, accounts, tracking_plan, questions and subjects as Parquet files into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    warehouse = out / "preparation.duckdb"
    warehouse.unlink(missing_ok=True)
    session = start(raw, warehouse, known_at, memory, threads, out / ".spill")
    tracking = Tracking(session.seeds)
    records.load(session)
    accounts.load(session)
    usage.find_copies(session, tracking)
    columns = "events.user_id, events.event_type"
    events = " union all ".join(
        usage.resolved(session, source, columns) for source in (usage.uncopied(session), "first_copies")
    )
    criteria = [row for row in session.seeds["milestone_criteria"] if row["measure"] != "signal"]
    counts = {(row["subject"], needed_count(row)) for row in criteria if row["measure"] == "event_count"}
    counted = ", ".join(f"({literal(subject)}, {count})" for subject, count in sorted(counts))
    of_users = sorted({row["subject"] for row in criteria if row["measure"] != "event_count"})
    subjects = """
        select subject, event_type
        from (select distinct subject from milestone_criteria where measure <> 'signal')
        inner join tracking_plan
            on subject = event_type or subject = 'role:' || role"""
    tables = {
        "events": f"select account_id, user_id, event_type, occurred_at from ({events}) inner join accounts using (account)",
        "accounts": "select account_id, started_at, started_on, ended_on from accounts",
        "tracking_plan": "select event_type, feature, module, role from tracking_plan",
        "subjects": subjects,
        "counted": f"select * from (values {counted}) as _ (subject, needed)",
        "of_users": f"select unnest({of_users}::varchar[]) as subject",
    }
    for name, query in tables.items():
        session.connection.execute(f"copy ({query}) to '{out}/{name}.parquet' (format parquet)")
    session.connection.close()
    warehouse.unlink()


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.prepare")
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--known-at", type=datetime.fromisoformat)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--threads", type=int, default=2)
    write(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
