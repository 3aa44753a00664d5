"""The same events give the same rows in every mart, whatever their order and the number of threads."""

import pytest
import warehouse


@pytest.mark.slow
@pytest.mark.parametrize(
    ("is_shuffled", "threads"), [(False, 1), (True, 1), (True, 4)], ids=["same", "shuffled", "4 threads"]
)
def test_marts_depend_on_the_events_alone(dirty_company, dirty_house, is_shuffled, threads):
    frames = dirty_company[0]
    if is_shuffled:
        frames = {stream: frame.sample(frac=1, random_state=threads) for stream, frame in frames.items()}
    with warehouse.build(frames, threads=threads) as connection:
        again = warehouse.published(connection)
    first = warehouse.published(dirty_house)
    # Without a candidate there is nothing to compare, a first build restates nothing, nothing was sent, and nobody qualifies.
    empty = {"fct_score_restatements", "rpt_sync_deliveries"}
    assert {mart for mart, rows in first.items() if not rows} == empty
    difference = warehouse.difference(first, again)
    assert difference is None, difference
