"""What several test modules share: a simulated company, made once."""

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
