"""Postgres builds the same project from the same rows, in one build and a night: its tests pass, its rows are DuckDB's.

Not part of the default run: see conftest.py.
"""

import json

import engines
import pandas as pd
import pyarrow as pa
import pytest
import server
import warehouse
from warehouse import ENVELOPE, STREAMS

SCHEMA, RAW = "onboarding_health_test", "onboarding_health_test_raw"


@pytest.fixture(scope="module")
def postgres(database):
    """A cursor; the schemas of these tests do not exist before and after."""
    database.execute(f"drop schema if exists {SCHEMA}, {RAW} cascade")
    yield database
    database.execute(f"drop schema if exists {SCHEMA}, {RAW} cascade")


@pytest.fixture(scope="module")
def on_postgres(postgres, tmp_path_factory):
    """The outcomes of every night's build and the differences from DuckDB by relation."""
    work = tmp_path_factory.mktemp("postgres")
    target = work / "target_postgres"
    server.create_streams(postgres, RAW)

    def build(night, on_duckdb):
        for stream in STREAMS:
            if night == engines.FIRST:
                rows = on_duckdb.execute(f"select {', '.join(ENVELOPE)} from raw.{stream}_events").df()
                server.load(postgres, RAW, stream, rows)
            elif night == engines.LATE:
                rows = pd.read_parquet(work / "raw" / stream / engines.NIGHT)[list(ENVELOPE)]
                server.load(postgres, RAW, stream, rows)
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
