"""Another dbt project installs this one: with schemas, a seed, an incremental model and a dim_accounts of its own."""

import shutil

import duckdb
import package
import pytest
from warehouse import PROJECT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A copy of the example project, with raw files of two accounts."""
    folder = tmp_path_factory.mktemp("package") / "consumer"
    package.install(folder)
    for stream, frame in package.raw_frames().items():
        (folder / "raw" / stream).mkdir(parents=True)
        frame.to_parquet(folder / "raw" / stream / "a.parquet")
    return folder


def build(folder):
    return package.build(folder, f"{{raw_path: {folder / 'raw'}}}")


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
    assert package.dbt(consumer, "deps").returncode == 0
    finished = package.dbt(consumer, "seed", "--select", "health_weights", "--vars", f"{{raw_path: {consumer / 'raw'}}}")
    assert finished.returncode != 0 and "scoring/health_weights.csv, line" in finished.stdout, finished.stdout
