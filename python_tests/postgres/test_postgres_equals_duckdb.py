"""Postgres builds the same project from the same rows, in one build and a night: its tests pass, its rows are DuckDB's.

Not part of the default run: `make test-postgres` installs the client, `apt-get install postgresql` the server, which the
tests start and stop themselves. With ONBOARDING_HEALTH_POSTGRES_HOST they use that of the postgres target instead, where
they have schemas of their own and drop them. Without either they are skipped.
"""

import contextlib
import io
import json
import os

import engines
import pandas as pd
import psycopg2
import pyarrow as pa
import pytest
import server
import warehouse
from warehouse import ENVELOPE, STREAMS

SCHEMA, RAW = "onboarding_health_test", "onboarding_health_test_raw"


def connect():
    """A connection to the database of the postgres target."""
    parts = {"host": "localhost", "port": "5432", "user": "onboarding_health", "password": "", "database": "onboarding_health"}
    known = {part: os.environ.get(f"ONBOARDING_HEALTH_POSTGRES_{part.upper()}", value) for part, value in parts.items()}
    connection = psycopg2.connect(connect_timeout=3, **known)
    connection.autocommit = True
    return connection


@pytest.fixture(scope="module")
def postgres():
    """A cursor; the schemas of these tests do not exist before and after."""
    with contextlib.ExitStack() as stack:
        if "ONBOARDING_HEALTH_POSTGRES_HOST" not in os.environ:
            programs = server.programs()
            if not programs:
                pytest.skip("No Postgres: install one (apt-get install postgresql) or name its address")
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            for name, value in stack.enter_context(server.temporary_server(programs)).items():
                patch.setenv(name, value)
        connection = connect()
        with connection.cursor() as cursor:
            cursor.execute(f"drop schema if exists {SCHEMA}, {RAW} cascade")
            yield cursor
            cursor.execute(f"drop schema if exists {SCHEMA}, {RAW} cascade")
        connection.close()


def load(postgres, stream, frame):
    """Append raw rows."""
    file = io.StringIO(frame.to_csv(index=False, header=False, date_format="%Y-%m-%d %H:%M:%S.%f"))
    postgres.copy_expert(f"copy {RAW}.{stream}_events ({', '.join(ENVELOPE)}) from stdin with (format csv)", file)


@pytest.fixture(scope="module")
def on_postgres(postgres, tmp_path_factory):
    """The outcomes of every night's build and the differences from DuckDB by relation."""
    work = tmp_path_factory.mktemp("postgres")
    target = work / "target_postgres"
    postgres.execute(f"create schema {RAW}")
    columns = ", ".join(f"{name} {'timestamp' if name.endswith('_at') else 'text'}" for name in ENVELOPE)
    for stream in STREAMS:
        postgres.execute(f"create table {RAW}.{stream}_events ({columns})")

    def build(night, on_duckdb):
        for stream in STREAMS:
            if night == engines.FIRST:
                load(postgres, stream, on_duckdb.execute(f"select {', '.join(ENVELOPE)} from raw.{stream}_events").df())
            elif night == engines.LATE:
                load(postgres, stream, pd.read_parquet(work / "raw" / stream / engines.NIGHT)[list(ENVELOPE)])
        finished = warehouse.dbt(
            "build", *engines.left_out(night), "--target", "postgres", "--vars",
            f"{{raw_schema: {RAW}, tasks_from: 2000-01-01}}",
            "--target-path", str(target), "--log-path", str(work / "logs_postgres"),
            ONBOARDING_HEALTH_POSTGRES_SCHEMA=SCHEMA, **engines.opinions(work),
        )  # fmt: skip
        results = target / "run_results.json"
        assert results.exists(), finished.stdout
        return [(one["unique_id"], one["status"], one["message"]) for one in json.loads(results.read_text())["results"]]

    def rows(relation):
        postgres.execute(f"select * from {SCHEMA}.{relation} limit 0")
        names = [column.name for column in postgres.description]
        postgres.execute(f"select {', '.join(f'{name}::text' for name in names)} from {SCHEMA}.{relation}")
        found = postgres.fetchall()
        columns = [pa.array(column, pa.string()) for column in zip(*found, strict=True)] if found else []
        return pa.table(columns or [pa.array([], pa.string()) for _ in names], names)

    return engines.differences(work, build, rows)


def test_every_test_passes_on_postgres(on_postgres):
    engines.check_outcomes(on_postgres[0])


@pytest.mark.parametrize("relation", engines.relations())
def test_rows_on_postgres_are_those_on_duckdb(on_postgres, relation):
    assert on_postgres[1][relation] == []


def test_nights_add_to_what_is_there(on_postgres, postgres):
    postgres.execute(f"select count(distinct build_number) from {SCHEMA}.base_events")
    assert postgres.fetchone() == (len(set(engines.LIVED) - {engines.CHANGED}),)
