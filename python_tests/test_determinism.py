"""The same events give the same rows in every mart, whatever their order and the number of threads."""

import pytest
import warehouse


@pytest.fixture(scope="module")
def built(company):
    with warehouse.build(company) as connection:
        return warehouse.published(connection)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("is_shuffled", [False, True])
def test_marts_depend_on_the_events_alone(company, built, threads, is_shuffled):
    frames = {
        stream: frame.sample(frac=1, random_state=threads) if is_shuffled else frame for stream, frame in company.items()
    }
    with warehouse.build(frames, threads=threads) as connection:
        again = warehouse.published(connection)
    assert all(built.values())
    difference = warehouse.difference(built, again)
    assert difference is None, difference
