"""What several test modules share: a simulated company, made once."""

import os
from pathlib import Path

import pandas as pd
import pytest
import warehouse

pytest.register_assert_rewrite("engines")

from onboarding_health.simulator import dirt  # noqa: E402
from onboarding_health.simulator.run import simulate  # noqa: E402

collect_ignore = ["spark", "postgres"]  # They need Java or a server: `make test-spark`, `make test-postgres`.


@pytest.fixture(scope="session")
def simulated_frames(tmp_path_factory):
    """A function that simulates a company of 200 accounts with these shares of defects: its frames and its truth."""

    def make(**shares: float) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
        folder = tmp_path_factory.mktemp("raw")
        simulate(folder, accounts=200, days=120, seed=7, shares=shares)
        frames = {stream: pd.read_parquet(folder / stream) for stream in warehouse.STREAMS}
        truth = {path.stem: pd.read_parquet(path) for path in (folder / "_truth").glob("*.parquet")}
        return frames, truth

    return make


@pytest.fixture(scope="session")
def dirty_company(simulated_frames):
    """A simulated company with every defect at the share of `--dirt`: its frames and its truth."""
    return simulated_frames(**{kind: share for kind, (share, _) in dirt.KINDS.items()})


@pytest.fixture(scope="session")
def dirty_house(dirty_company):
    """A connection to the marts of the simulated company with every defect; not to be changed."""
    with warehouse.build(dirty_company[0]) as connection:
        yield connection


@pytest.fixture(scope="session")
def published_demo(request, tmp_path_factory):
    """The path of a warehouse whose marts are published: PUBLISHED_DEMO, or one of the simulated company; not to be changed."""
    if "PUBLISHED_DEMO" in os.environ:
        return Path(os.environ["PUBLISHED_DEMO"]).resolve()
    folder = tmp_path_factory.mktemp("demo") / "published_demo"
    folder.mkdir()
    connection = request.getfixturevalue("dirty_house")
    connection.execute(f"attach '{folder}/a_build.duckdb' as copy")
    marts = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'main' and table_catalog <> 'copy' "
        "and regexp_matches(table_name, '^(dim|fct|rpt)_')"
    ).fetchall()
    for (mart,) in marts:
        connection.execute(f"create table copy.main.{mart} as select * from main.{mart}")
    connection.execute("detach copy")
    (folder / "current.duckdb").symlink_to("a_build.duckdb")
    return folder.parent / "demo.duckdb"
