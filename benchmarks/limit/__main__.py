"""Command line of the script: ``python -m benchmarks.limit --raw <folder> --warehouse limit.duckdb``."""

import argparse
import json
from datetime import datetime
from pathlib import Path

from . import accounts, health, milestones, records, segments, session, signals, time_to_value, usage
from .tracking import Tracking


def build(
    raw: Path, warehouse: Path, known_at: datetime | None = None, memory: str = "4GB", threads: int = 2
) -> session.Session:
    """Write the marts of the raw files to a new warehouse and return the session that made them."""
    for path in (warehouse, warehouse.with_name(warehouse.name + ".wal")):
        path.unlink(missing_ok=True)
    run = session.start(raw, warehouse, known_at, memory, threads, warehouse.with_suffix(".spill"))
    tracking = Tracking(run.seeds)
    records.load(run)
    accounts.load(run)
    usage.load(run, tracking)
    segments.load(run)
    signals.load(run, tracking)
    milestones.load(run, tracking)
    health.load(run)
    time_to_value.load(run)
    run.run("close", "checkpoint")
    return run


def main() -> None:
    """Run the script with the arguments of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limit")
    parser.add_argument("--raw", type=Path, required=True, help="folder of the raw streams")
    parser.add_argument("--warehouse", type=Path, required=True, help="DuckDB file to write")
    parser.add_argument("--known-at", type=datetime.fromisoformat, help="last load to see")
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=Path, help="JSON file for the seconds of each step")
    arguments = vars(parser.parse_args())
    steps = arguments.pop("steps")
    run = build(**arguments)
    run.connection.close()
    if steps:
        steps.write_text(json.dumps(run.steps, indent=1))


if __name__ == "__main__":
    main()
