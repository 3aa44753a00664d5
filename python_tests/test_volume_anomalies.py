"""Planted imports and silent trackers are found on their days, others hardly ever; excluded days heal the signals."""

import datetime

import pandas as pd
import pytest
import warehouse

DAY = datetime.timedelta(days=1)
QUERY = "select event_type, kind, since, date_day, observed, is_excluded from fct_volume_anomalies order by all"


@pytest.fixture(scope="module")
def company(simulated_frames):
    return simulated_frames()[0]


def planted(company):
    """The company with an import on two days and a tracker that falls silent; what was planted."""
    product = company["product"]
    last = product["loaded_at"].max().normalize()
    day = product["occurred_at"].dt.normalize()
    imported = last - 20 * DAY
    rows = product[(product["event_type"] == "search_run") & (day == imported)]
    copies = [
        rows.assign(event_id=rows["event_id"] + f"-{copy}-{later}", occurred_at=rows["occurred_at"] + later * DAY)
        for copy in range(9)
        for later in (0, 1)
    ]
    copies = [frame.assign(loaded_at=frame["occurred_at"] + datetime.timedelta(hours=1)) for frame in copies]
    silent_from = last - 9 * DAY
    silent = (product["event_type"] == "error_shown") & (day >= silent_from)
    assert len(rows) > 20 and silent.sum() > 20
    frames = company | {"product": pd.concat([product[~silent], *copies], ignore_index=True)}
    return frames, imported.date(), silent_from.date(), last.date()


def rows_of(connection, query=QUERY):
    return [tuple(row) for row in connection.execute(query).fetchall()]


def excluded(event_type, first, last):
    row = {"event_type": event_type, "excluded_from": str(first), "excluded_to": str(last), "reason": "import"}
    return {"excluded_days": [row]}


@pytest.fixture(scope="module")
def false_alarms(company):
    """The days that are named where nothing is planted: young types that grow, at the weekend."""
    with warehouse.build(company) as connection:
        days = "select count(*) from (select distinct source, event_type, occurred_at::date from base_events)"
        return rows_of(connection), connection.execute(days).fetchone()[0]


def test_hardly_a_day_is_named_without_reason(false_alarms):
    named, days = false_alarms
    assert days > 2000 and len(named) <= days / 1000


def test_planted_days_are_named(company, false_alarms):
    frames, imported, silent_from, last = planted(company)
    with warehouse.build(frames) as connection:
        found = rows_of(connection)
    spikes = [(kind, since, day) for event, kind, since, day, *_ in found if event == "search_run"]
    assert spikes == [("spike", imported, imported), ("spike", imported, imported + DAY)]
    silences = [(kind, since, day, count) for event, kind, since, day, count, _ in found if event == "error_shown"]
    settled = (last - 2 * DAY - silent_from).days + 1
    assert silences == [("silent", silent_from, silent_from + number * DAY, 0) for number in range(settled)]
    others = [row for row in found if row[0] not in ("search_run", "error_shown")]
    assert others == false_alarms[0]


@pytest.mark.slow
def test_excluded_days_are_marked_and_leave_signals_as_without_such_events(company):
    frames, imported, _, last = planted(company)
    cut = {
        stream: rows[~((rows["event_type"] == "search_run") & rows["occurred_at"].dt.date.between(imported, imported + DAY))]
        for stream, rows in frames.items()
    }
    moment = {"as_of": last, "known_at": max(rows["loaded_at"].max() for rows in frames.values())}
    with (
        warehouse.build(frames, seeds=excluded("search_run", imported, imported + DAY), **moment) as house,
        warehouse.build(cut, **moment) as without,
    ):
        assert {mark for event, *_, mark in rows_of(house) if event == "search_run"} == {True}
        counted = "select raw_count, staged_count from rpt_stream_reconciliation where source = 'product'"
        total = len(frames["product"])
        assert rows_of(house, counted) == [(total, total)]
        difference = warehouse.difference(
            warehouse.published(house),
            warehouse.published(without),
            # fct_stream_coverage counts all accepted events: excluded ones tell that the tracker was alive..
            skip=(
                *("rpt_stream_reconciliation", "fct_stream_coverage", "fct_volume_anomalies", "fct_rejected_events"),
                "rpt_service_levels",
            ),
        )
    assert difference is None, difference
