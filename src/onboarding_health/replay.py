"""Builds the past in order, so that the records hold what was known at each score date that the validation samples."""

from __future__ import annotations

import csv
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import yaml

from . import PROJECT, path_of_warehouse
from .raw_files import STREAMS

FIRST_MONDAY = datetime.date(2000, 1, 3)
RECORDS = ("--select", "+fct_score_records", "+fct_audit_log")


def sampled(first: datetime.date, last: datetime.date) -> list[datetime.date]:
    """Return the score dates from first to last that int_health_outcomes samples for any horizon, in order.

    The horizons are those of validation_horizons.csv; score dates are Mondays, the default of `score_weekday`.
    """
    opinions = PROJECT / os.environ.get("ONBOARDING_HEALTH_OPINIONS", "seeds")
    with open(opinions / "validation/validation_horizons.csv", newline="") as file:
        weeks = {-(-int(row["horizon_days"]) // 7) for row in csv.DictReader(file)}
    numbers = range(-(-(first - FIRST_MONDAY).days // 7), (last - FIRST_MONDAY).days // 7 + 1)
    return [FIRST_MONDAY + datetime.timedelta(7 * n) for n in numbers if any(n % every == 0 for every in weeks)]


def company_timezone() -> ZoneInfo:
    """Return the timezone whose days the project counts, the default of its var."""
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())
    return ZoneInfo(project["vars"]["company_timezone"])


def last_second(day: datetime.date, timezone: ZoneInfo) -> datetime.datetime:
    """Return the last second of a day of the timezone, in UTC."""
    next_day = datetime.datetime.combine(day + datetime.timedelta(1), datetime.time(), timezone)
    return next_day.astimezone(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(seconds=1)


def loads(raw: Path, timezone: ZoneInfo) -> tuple[datetime.date, datetime.date]:
    """Return the days, in the timezone, of the first and the last load of the Parquet streams in a folder."""
    files = [str(path) for stream in STREAMS for path in sorted((raw / stream).glob("*.parquet"))]
    if not files:
        sys.exit(f"There are no Parquet streams under {raw}.")
    query = "select min(loaded_at)::timestamp, max(loaded_at)::timestamp from read_parquet(?, union_by_name=true)"
    [moments] = duckdb.execute(query, [files]).fetchall()
    first, last = (moment.replace(tzinfo=datetime.UTC).astimezone(timezone).date() for moment in moments)
    return first, last


def dbt(*arguments: str, **variables: str) -> None:
    """Run dbt in the project with these variables; ends the program where dbt fails."""
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", *arguments, "--vars", json.dumps(variables)]
    if subprocess.run(command, cwd=PROJECT).returncode:
        sys.exit("dbt has failed; the dates built so far stay. Remove the warehouse to begin anew.")


def replay(raw: Path) -> None:
    """Build the streams in a folder into the warehouse that ONBOARDING_HEALTH_WAREHOUSE names, which must not be there yet.

    A build as of the end of each sampled score date, then one of everything. Ends the program where dbt fails.
    """
    path, raw = Path(path_of_warehouse()), raw.resolve()
    if path.exists():
        sys.exit(f"{path} is there, and what it has published can't be published before. Name a new warehouse.")
    timezone = company_timezone()
    first, last = loads(raw, timezone)
    days = sampled(first, last - datetime.timedelta(1))
    dbt("seed", raw_path=str(raw))
    for number, day in enumerate(days, 1):
        print(f"{number} of {len(days)}: as of {day}", flush=True)
        dbt("run", *RECORDS, raw_path=str(raw), as_of=str(day), known_at=str(last_second(day, timezone)))
    print("and with everything", flush=True)
    dbt("build", raw_path=str(raw))
