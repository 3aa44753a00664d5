"""A DuckDB connection with the seeds, the settings of the project, and a stopwatch."""

from __future__ import annotations

import csv
import resource
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

import duckdb
import yaml

PROJECT = Path(__file__).resolve().parents[2]


def round_half_up(expression: str, places: int) -> str:
    """Return the SQL of the project's rounding of a number."""
    return (
        f"cast(floor(cast({expression} as double) * 1e{places} + 0.500001) / 1e{places} as decimal(18, {places}))"
    )


def ratio(numerator: str, denominator: str) -> str:
    """Return the SQL of a rounded fraction that is null where the denominator is zero."""
    return round_half_up(f"cast({numerator} as double) / nullif({denominator}, 0)", 6)


def literal(value: object) -> str:
    """Return a text literal; null where the value is None or blank."""
    return "'" + str(value).replace("'", "''") + "'" if value not in (None, "") else "null"


def literals(values: object) -> str:
    """Return text literals in a list for `in (...)`."""
    return ", ".join(sorted(literal(value) for value in values))


@dataclass
class Session:
    """A run of the script: the connection, the moment, the seeds as rows of text, and what each step took."""

    connection: duckdb.DuckDBPyConnection
    raw: Path
    known_at: datetime | None
    variables: dict
    seeds: dict[str, list[dict]] = field(default_factory=dict)
    steps: list[dict] = field(default_factory=list)
    as_of_ends_at: datetime | None = None

    def run(self, step: str, sql: str) -> list[tuple]:
        """Execute SQL, note its wall and CPU seconds under the name of the step, and return its rows."""
        wall, before = perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        rows = self.connection.execute(sql).fetchall()
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.steps.append({"step": step, "wall": perf_counter() - wall, "cpu": cpu})
        return rows

    def load_seeds(self) -> None:
        """Read every seed, as rows of text for writing SQL and as a table for joining."""
        types = {}
        for path in PROJECT.glob("models/configuration/_*_seeds.yml"):
            for table in yaml.load(path.read_text(), yaml.CSafeLoader)["seeds"]:
                types[table["name"]] = table["config"]["column_types"]
        for path in sorted(PROJECT.glob("seeds/*/*.csv")):
            with open(path, newline="") as file:
                rows = list(csv.DictReader(file))
            columns = ", ".join(f"{column} {kind}" for column, kind in types[path.stem].items())
            values = ", ".join(f"({', '.join(literal(row[column]) for column in types[path.stem])})" for row in rows)
            self.connection.execute(f"create temp table {path.stem} ({columns})")
            if rows:
                self.connection.execute(f"insert into {path.stem} values {values}")
            self.seeds[path.stem] = rows

    def set_moment(self) -> None:
        """Fix what the run may see: the last load, and the day that it ends."""
        streams = " union all ".join(
            f"select max(loaded_at) as loaded_at from {self.files(stream)}"
            for stream in ("product", "crm", "support", "billing", "survey")
        )
        if self.known_at is None:
            ((self.known_at,),) = self.run("moment", f"select max(loaded_at) from ({streams})")
        self.as_of_ends_at = datetime(*self.known_at.timetuple()[:3]) + timedelta(1)

    def files(self, stream: str) -> str:
        """Return the SQL that reads the files of a stream."""
        return f"read_parquet('{self.raw}/{stream}/*.parquet')"

    def is_visible(self) -> str:
        """Return the condition on a raw row that the run may know it."""
        return f"""(
            loaded_at is null
            or (
                loaded_at <= timestamp '{self.known_at}'
                and (
                    occurred_at is null
                    or occurred_at < timestamp '{self.as_of_ends_at}'
                    or occurred_at > loaded_at + interval {self.variables["clock_skew_minutes"]} minute
                )
            )
        )"""

    def is_timely(self) -> str:
        """Return the condition on a visible row that its times are good."""
        return f"""(
            occurred_at >= timestamp '{self.variables["earliest_event_on"]}'
            and occurred_at < timestamp '{self.as_of_ends_at}'
            and loaded_at <= timestamp '{self.known_at}'
            and occurred_at <= loaded_at + interval {self.variables["clock_skew_minutes"]} minute
        )"""


def start(
    raw: Path, warehouse: Path, known_at: datetime | None, memory: str, threads: int, spill: Path
) -> Session:
    """Open a new warehouse file for the marts of these raw files."""
    config = {
        "memory_limit": memory,
        "threads": threads,
        "temp_directory": str(spill),
        "preserve_insertion_order": False,
        "storage_compatibility_version": "v1.4.0",  # as in profiles.yml
    }
    connection = duckdb.connect(str(warehouse), config=config)
    connection.execute("set TimeZone = 'UTC'")
    project = yaml.load((PROJECT / "dbt_project.yml").read_text(), yaml.CSafeLoader)
    session = Session(connection, raw, known_at, project["vars"])
    session.load_seeds()
    session.set_moment()
    return session
