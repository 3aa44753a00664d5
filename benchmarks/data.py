"""The raw streams of a simulated company, laid out as a raw store holds them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[1]
STREAMS = ("product", "crm", "support", "billing", "survey")
END = date(2025, 12, 31)
ACCOUNTS_PER_MILLION = 200
DAILY_FILES = 3
_COLUMNS = "event_id, event_type, account_id, user_id, occurred_at, loaded_at, payload"


def load_periods(first: date, last: date) -> list[tuple[str, date, date]]:
    """Return (name, first day, day after) of the files of a stream: months, then the last few days one by one."""
    daily_from = last - timedelta(DAILY_FILES - 1)
    periods, day = [], first
    while day < daily_from:
        after = min((day.replace(day=1) + timedelta(32)).replace(day=1), daily_from)
        periods.append((f"{day:%Y-%m}", day, after))
        day = after
    for number in range(DAILY_FILES):
        day = daily_from + timedelta(number)
        periods.append((f"{day:%Y-%m-%d}", day, day + timedelta(1)))
    return periods


def land(simulated: Path, landed: Path, first: date, last: date, memory: str, threads: int) -> int:
    """Copy simulated streams to one Parquet file per load period, rows in the order of their loading.

    Returns the number of rows. Raises RuntimeError where a row belongs to no period.
    """
    spill = landed / ".spill"
    config = {"memory_limit": memory, "threads": threads, "temp_directory": str(spill)}
    total = 0
    with duckdb.connect(":memory:", config=config) as connection:
        for stream in STREAMS:
            folder = landed / stream
            folder.mkdir(parents=True)
            source = f"read_parquet('{simulated}/{stream}/*.parquet')"
            written = 0
            for name, day, after in load_periods(first, last):
                (rows,) = connection.execute(
                    f"""copy (
                        select {_COLUMNS} from {source}
                        where loaded_at >= date '{day}' and loaded_at < date '{after}'
                        order by loaded_at, event_id
                    ) to '{folder}/{name}.parquet' (format parquet, compression zstd)"""
                ).fetchone()
                written += rows
            expected = connection.execute(f"select count(*) from {source}").fetchone()[0]
            if written != expected:
                raise RuntimeError(f"{stream}: {written:,} of {expected:,} rows have a load day of the window")
            total += written
    shutil.rmtree(spill, ignore_errors=True)
    return total


def company(
    folder: Path, events: int, *, days: int, seed: int, dirt: bool, memory: str, threads: int
) -> Path:
    """Return the folder of the landed streams of a company of that size; makes it where it isn't there yet."""
    accounts = max(200, events * ACCOUNTS_PER_MILLION // 1_000_000)
    name = f"{events}-events-{accounts}-accounts-{days}-days-seed-{seed}{'-dirt' if dirt else ''}"
    landed, draft, simulated = (folder / (name + end) for end in ("", ".landing", ".simulated"))
    if landed.exists():
        return landed
    for leftover in (draft, simulated):
        shutil.rmtree(leftover, ignore_errors=True)
    command = [sys.executable, "-m", "onboarding_health", "simulate", "--out", str(simulated), "--accounts", str(accounts)]
    command += ["--events", str(events), "--days", str(days), "--seed", str(seed), "--end", str(END)]
    subprocess.run(command + ["--dirt"] * dirt, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    land(simulated, draft, END - timedelta(days - 1), END, memory, threads)
    shutil.rmtree(simulated)
    draft.rename(landed)
    return landed


def count_rows(landed: Path) -> int:
    """Return the number of raw rows of a landed company."""
    with duckdb.connect(":memory:") as connection:
        (rows,) = connection.execute(f"select count(*) from read_parquet('{landed}/*/*.parquet')").fetchone()
    return rows
