"""Another dbt project installs this one: with schemas, a seed, an incremental model and a dim_accounts of its own."""

import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import warehouse
from warehouse import PROJECT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A copy of the example project, with this one as its package and streams of two accounts; `dbt deps` has run."""
    folder = tmp_path_factory.mktemp("package") / "consumer"
    shutil.copytree(PROJECT / "python_tests" / "consumer", folder)
    (folder / "packages.yml").write_text(f"packages:\n  - local: {PROJECT}\n")
    moment = datetime(2025, 3, 3, 9)
    rows = [
        {"event_id": account, "event_type": "account_created", "account_id": account, "user_id": None, "payload": "{}"}
        | {"occurred_at": moment, "loaded_at": moment + timedelta(days=1)}
        for account in "ab"
    ]
    for stream, frame in warehouse.raw_frames({"crm": rows}).items():
        (folder / "raw" / stream).mkdir(parents=True)
        frame.to_parquet(folder / "raw" / stream / "a.parquet")
    assert dbt(folder, "deps").returncode == 0
    return folder


def dbt(folder, *arguments):
    """Run dbt in the consumer's folder; returns the finished process with its text."""
    environment = os.environ | {"CONSUMER_WAREHOUSE": str(folder / "consumer.duckdb"), "PYTHONPATH": str(PROJECT / "src")}
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def build(folder):
    options = ["--exclude-resource-type", "unit_test", "test", "--vars", f"{{raw_path: {folder / 'raw'}}}"]
    finished = dbt(folder, "build", *options)
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


def rows(folder, query):
    with duckdb.connect(str(folder / "consumer.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_a_project_builds_it_in_schemas_of_its_own_and_goes_on_from_there(consumer):
    said = build(consumer)
    assert "\nWarnings\n" in said
    assert rows(consumer, "select account_id from cs_health.dim_accounts order by 1") == [("a",), ("b",)]
    assert rows(consumer, "select column_name from information_schema.columns where table_schema = 'cs_own' and table_name = "
                          "'dim_accounts'") == [("account_id",), ("status",), ("band",)]  # fmt: skip
    assert rows(consumer, "select count(*) from cs_opinions.signals")[0][0] > 50
    assert rows(consumer, "select count(*) from main.completed_builds") == [(1,)]

    # An edit of the consumer's own computes nothing of the package anew.
    (consumer / "models" / "own_rows.sql").write_text("select 1 as one")
    (consumer / "seeds" / "own_seed.csv").write_text("account_id\nb\n")
    assert "computed anew" not in build(consumer)
    assert rows(consumer, "select build_number from main.completed_builds order by 1") == [(1,), (2,)]
    assert rows(consumer, "select must_rebuild from cs_health.base_build_moment") == [(False,)]


def test_a_cell_that_does_not_fit_is_named_there_too(consumer):
    seeds = consumer / "package"
    shutil.copytree(PROJECT, seeds, symlinks=True, ignore=shutil.ignore_patterns(".*", "target", "*.duckdb*", "raw*", "logs"))
    weights = seeds / "seeds" / "scoring" / "health_weights.csv"
    weights.write_text(weights.read_text().replace("0.15", "a lot", 1))
    (consumer / "packages.yml").write_text("packages:\n  - local: package\n")
    assert dbt(consumer, "deps").returncode == 0
    finished = dbt(consumer, "seed", "--select", "health_weights", "--vars", f"{{raw_path: {consumer / 'raw'}}}")
    assert finished.returncode != 0 and "scoring/health_weights.csv, line" in finished.stdout, finished.stdout
