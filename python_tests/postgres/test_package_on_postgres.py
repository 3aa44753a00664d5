"""Another dbt project installs this one and builds it on Postgres: in schemas of its own, from tables in a schema of its own."""

import package
import pytest
import server

SCHEMAS = "cs, cs_raw, cs_own, cs_health, cs_opinions"


@pytest.fixture
def postgres(database):
    """A cursor; the consumer's schemas do not exist before and after."""
    database.execute(f"drop schema if exists {SCHEMAS} cascade")
    yield database
    database.execute(f"drop schema if exists {SCHEMAS} cascade")


def test_a_project_builds_it_in_schemas_of_its_own(postgres, tmp_path):
    server.create_streams(postgres, "cs_raw")
    for stream, frame in package.raw_frames().items():
        server.load(postgres, "cs_raw", stream, frame)
    package.install(tmp_path / "consumer")
    said = package.build(tmp_path / "consumer", "{raw_schema: cs_raw}", "--target", "postgres")
    assert "\nWarnings\n" in said

    def rows(query):
        postgres.execute(query)
        return postgres.fetchall()

    # The package's dim_accounts and the consumer's, which read its own `fct_current_health`.
    assert rows("select account_id from cs_health.dim_accounts order by 1") == [("a",), ("b",)]
    assert rows("select account_id from cs_own.dim_accounts order by 1") == [("a",), ("b",)]
    # Seeds have the types of the contract's words, as in the package itself.
    types = rows(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = 'cs_opinions' and table_name = 'health_weights'"
    )
    assert {("metric", "text"), ("weight", "numeric")} <= set(types)
    assert rows("select count(*) from cs.completed_builds") == [(1,)]
