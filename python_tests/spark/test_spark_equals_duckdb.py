"""Spark builds the same project from the same files, whole and by increments: its tests pass, its rows are DuckDB's.

Not part of the default run: `make test-spark` installs what it needs.
"""

import engines
import pytest
import warehouse
from dbt.adapters.spark.session import Cursor
from dbt.cli.main import dbtRunner
from pyspark.sql import SparkSession

run = Cursor.execute


def killed_before_rows_are_back(cursor, sql, *parameters):
    """Run a statement, but fail where a model that forgot rows writes back those of the same months that it keeps."""
    if "insert overwrite" in sql:
        raise RuntimeError("killed")
    run(cursor, sql, *parameters)


@pytest.fixture(scope="module")
def on_spark(tmp_path_factory):
    """The outcomes of every night's build and the differences from DuckDB by relation.

    One session builds them all. The second night is killed once, where a table lacks rows that it must keep.
    """
    work = tmp_path_factory.mktemp("spark")

    def dbt(*arguments):
        result = dbtRunner().invoke([
            "--no-use-colors", "--quiet", *arguments, "--target", "spark", "--vars",
            f"{{raw_path: {work / 'raw'}, tasks_from: 2000-01-01}}",
            "--target-path", str(work / "target_spark"), "--log-path", str(work / "logs_spark"),
        ])  # fmt: skip
        assert result.exception is None, result.exception
        return [(one.node.unique_id, one.status, one.message) for one in result.result]

    def build(night, _):
        if night == engines.LATE:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Cursor, "execute", killed_before_rows_are_back)
                outcomes = {name: (status, text) for name, status, text in dbt("run", "--select", "+base_events")}
            status, text = outcomes["model.onboarding_health.base_events"]
            assert status == "error" and text.endswith("killed")
        return dbt("build", *engines.left_out(night))

    def rows(relation):
        return SparkSession.builder.getOrCreate().table(f"onboarding_health.{relation}").toArrow()

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(warehouse.PROJECT)
        patch.setenv("ONBOARDING_HEALTH_SPARK", str(work / "house"))
        for name, value in engines.opinions(work).items():
            patch.setenv(name, value)
        return engines.differences(work, build, rows)


def test_every_test_passes_on_spark(on_spark):
    engines.check_outcomes(on_spark[0])


@pytest.mark.parametrize("relation", engines.relations())
def test_rows_on_spark_are_those_on_duckdb(on_spark, relation):
    assert on_spark[1][relation] == []


def test_nights_add_to_what_is_there(on_spark):
    session = SparkSession.builder.getOrCreate()
    kept = session.sql("select count(distinct build_number) from onboarding_health.base_events").collect()
    assert kept[0][0] == len(set(engines.LIVED) - {engines.CHANGED})
