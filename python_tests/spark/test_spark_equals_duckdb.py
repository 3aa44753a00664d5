"""Spark builds the same project from the same files: all of its tests pass and its rows are those of DuckDB.

Not part of the default run: `make test-spark` installs what it needs.
"""

import duckdb
import engines
import pytest
import warehouse
from dbt.cli.main import dbtRunner
from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with the raw streams in `raw`; both engines write beside it."""
    folder = tmp_path_factory.mktemp("spark")
    engines.write_awkward_company(folder)
    return folder


@pytest.fixture(scope="module")
def on_duckdb(work):
    """A connection to what DuckDB built."""
    with duckdb.connect(engines.build_on_duckdb(work), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


@pytest.fixture(scope="module")
def on_spark(work):
    """The results of `dbt build --target spark`, whose session stays open in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(warehouse.PROJECT)
        patch.setenv("ONBOARDING_HEALTH_SPARK", str(work / "house"))
        return dbtRunner().invoke([
            "--no-use-colors", "build", "--target", "spark", "--vars", f"raw_path: {work / 'raw'}",
            "--target-path", str(work / "target_spark"), "--log-path", str(work / "logs_spark"),
        ])  # fmt: skip


def test_every_test_passes_on_spark(on_spark):
    assert on_spark.exception is None, on_spark.exception
    engines.check_outcomes([(one.node.unique_id, one.status, one.message) for one in on_spark.result])


@pytest.mark.parametrize("relation", engines.relations())
def test_rows_on_spark_are_those_on_duckdb(on_duckdb, on_spark, relation):
    rows = SparkSession.builder.getOrCreate().table(f"onboarding_health.{relation}").toArrow()
    engines.check_rows(on_duckdb, relation, rows)
