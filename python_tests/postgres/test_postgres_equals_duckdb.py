"""Postgres builds the same project from the same rows, in one build and a night: its tests pass, its rows are DuckDB's.

Not part of the default run: `make test-postgres` installs what it needs. The database is that of the postgres target;
the tests have schemas of their own there and drop them. Without one that answers they are skipped.
"""

import io
import json
import os

import duckdb
import engines
import pyarrow as pa
import pytest
import warehouse
from warehouse import ENVELOPE, STREAMS

psycopg2 = pytest.importorskip("psycopg2", reason="make test-postgres installs psycopg2")

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
    try:
        connection = connect()
    except psycopg2.OperationalError as problem:
        pytest.skip(f"No Postgres answers: {problem}")
    with connection.cursor() as cursor:
        cursor.execute(f"drop schema if exists {SCHEMA}, {RAW} cascade")
        yield cursor
        cursor.execute(f"drop schema if exists {SCHEMA}, {RAW} cascade")
    connection.close()


@pytest.fixture(scope="module")
def work(postgres, tmp_path_factory):
    """A folder with the raw streams in `raw`; DuckDB writes beside it."""
    folder = tmp_path_factory.mktemp("postgres")
    engines.write_awkward_company(folder)
    return folder


@pytest.fixture(scope="module")
def on_duckdb(work):
    """A connection to what DuckDB built."""
    with duckdb.connect(engines.build_on_duckdb(work), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def load(postgres, on_duckdb, condition):
    """Append the raw rows that fulfil a condition."""
    columns = ", ".join(ENVELOPE)
    for stream in STREAMS:
        frame = on_duckdb.execute(f"select {columns} from raw.{stream}_events where {condition}").df()
        file = io.StringIO(frame.to_csv(index=False, header=False, date_format="%Y-%m-%d %H:%M:%S.%f"))
        postgres.copy_expert(f"copy {RAW}.{stream}_events ({columns}) from stdin with (format csv)", file)


def build(work, *command):
    """Run dbt on Postgres; return the outcomes as (unique_id, status, message)."""
    target = work / "target_postgres"
    finished = warehouse.dbt(
        *command, "--target", "postgres", "--vars", f"raw_schema: {RAW}",
        "--target-path", str(target), "--log-path", str(work / "logs_postgres"), ONBOARDING_HEALTH_POSTGRES_SCHEMA=SCHEMA,
    )  # fmt: skip
    results = target / "run_results.json"
    assert results.exists(), finished.stdout
    return [(one["unique_id"], one["status"], one["message"]) for one in json.loads(results.read_text())["results"]]


@pytest.fixture(scope="module")
def on_postgres(postgres, work, on_duckdb):
    """The outcomes of a build without the last two days of loads and of the night that brings them."""
    postgres.execute(f"create schema {RAW}")
    columns = ", ".join(f"{name} {'timestamp' if name.endswith('_at') else 'text'}" for name in ENVELOPE)
    for stream in STREAMS:
        postgres.execute(f"create table {RAW}.{stream}_events ({columns})")
    moment = on_duckdb.execute("select known_at - interval 2 day from base_build_moment").fetchone()[0]
    load(postgres, on_duckdb, f"coalesce(loaded_at <= '{moment}', true)")
    whole = build(work, "build", "--exclude-resource-type", "test", "unit_test")
    load(postgres, on_duckdb, f"loaded_at > '{moment}'")
    return whole, build(work, "build")


def test_every_test_passes_on_postgres(on_postgres):
    whole, night = on_postgres
    assert {status for _, status, _ in whole} == {"success"}
    engines.check_outcomes(night)


def test_the_night_adds_to_what_is_there(on_postgres, postgres):
    postgres.execute(f"select count(distinct build_number) from {SCHEMA}.base_events")
    assert postgres.fetchone() == (2,)


@pytest.mark.parametrize("relation", [name for name in engines.relations() if not name.startswith("base_")])
def test_rows_on_postgres_are_those_on_duckdb(on_duckdb, on_postgres, postgres, relation):
    names = [column[0] for column in on_duckdb.execute(f"describe {relation}").fetchall()]
    postgres.execute(f"select {', '.join(f'{name}::text' for name in names)} from {SCHEMA}.{relation}")
    columns = zip(*postgres.fetchall(), strict=True)
    engines.check_rows(on_duckdb, relation, pa.table([pa.array(column, pa.string()) for column in columns], names))
