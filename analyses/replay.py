"""Builds the past in order, so that the records hold what was known at each score date that the validation samples.

`python analyses/replay.py raw` fills a new warehouse: a build as of the end of each of these dates, then one of everything.
"""

from __future__ import annotations

import csv
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[1]
STREAMS = ("product", "crm", "support", "billing", "survey")
FIRST_MONDAY = datetime.date(2000, 1, 3)
RECORDS = ("--select", "+health_score_records", "+audit_log")


def sampled(first: datetime.date, last: datetime.date) -> list[datetime.date]:
    """Return the score dates from first to last that int_health_outcomes samples for any horizon, in order.

    The horizons are those of validation_horizons.csv; score dates are Mondays, the default of `score_weekday`.
    """
    opinions = PROJECT / os.environ.get("ONBOARDING_HEALTH_OPINIONS", "seeds")
    with open(opinions / "reference/validation_horizons.csv", newline="") as file:
        weeks = {-(-int(row["horizon_days"]) // 7) for row in csv.DictReader(file)}
    numbers = range(-(-(first - FIRST_MONDAY).days // 7), (last - FIRST_MONDAY).days // 7 + 1)
    return [FIRST_MONDAY + datetime.timedelta(7 * n) for n in numbers if any(n % every == 0 for every in weeks)]


def loads(raw: Path) -> tuple[datetime.date, datetime.date]:
    """Return the days of the first and the last load of the Parquet streams in a folder."""
    files = [str(path) for stream in STREAMS for path in sorted((raw / stream).glob("*.parquet"))]
    if not files:
        sys.exit(f"There are no Parquet streams under {raw}.")
    query = "select min(loaded_at)::date, max(loaded_at)::date from read_parquet(?, union_by_name=true)"
    return duckdb.execute(query, [files]).fetchone()


def dbt(*arguments: str, **variables: str) -> None:
    """Run dbt in the project with these variables; ends the program where dbt fails."""
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", *arguments, "--vars", json.dumps(variables)]
    if subprocess.run(command, cwd=PROJECT).returncode:
        sys.exit("dbt has failed; the dates built so far stay. Remove the warehouse to begin anew.")


def main() -> None:
    """Build into the warehouse that ONBOARDING_HEALTH_WAREHOUSE names, which must not be there yet."""
    path = Path(os.environ.get("ONBOARDING_HEALTH_WAREHOUSE", "onboarding_health.duckdb"))
    raw = Path(sys.argv[1] if len(sys.argv) > 1 else "raw").resolve()
    if path.exists():
        sys.exit(f"{path} is there, and what it has published can't be published before. Name a new warehouse.")
    first, last = loads(raw)
    days = sampled(first, last - datetime.timedelta(1))
    dbt("seed", raw_path=str(raw))
    for number, day in enumerate(days, 1):
        print(f"{number} of {len(days)}: as of {day}", flush=True)
        dbt("run", *RECORDS, raw_path=str(raw), as_of=str(day), known_at=f"{day} 23:59:59")
    print("and with everything", flush=True)
    dbt("build", raw_path=str(raw))


if __name__ == "__main__":
    main()
