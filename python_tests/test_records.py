"""What is published is written down once, never altered, and what later differs is split into its causes exactly."""

import datetime
import json
import random

import company_strategy
import duckdb
import pytest
import warehouse
from test_increments import NIGHTS, arrivals, changed_opinion, corrections
from warehouse import STREAMS

LOGS = ("fct_score_records", "fct_audit_log")
NEEDED = (*LOGS, "fct_score_restatements", "fct_account_health", "fct_health_drivers", "fct_milestones")


def rows(connection, query):
    result = connection.execute(query)
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def log(connection):
    return {name: set(connection.execute(f"select * from {name}").fetchall()) for name in LOGS}


def published_scores(connection):
    """The score rows with their drivers of weight above 0, by account and date."""
    found = {}
    for row in rows(connection, "select * from fct_account_health"):
        key = (row["account_id"], row["score_date"])
        found[key] = (row["model_version"], row["status"], row["score"], row["band"])
    parts = {}
    for row in rows(connection, "select * from fct_health_drivers where weight > 0 order by metric"):
        part = [row["metric"], *(row[name] for name in ("value", "normalised", "weight", "points"))]
        parts.setdefault((row["account_id"], row["score_date"]), []).append(part)
    return {key: (*state, parts.get(key)) for key, state in found.items()}


def milestone_states(connection):
    return {
        (row["account_id"], row["milestone_id"]): (row["status"], row["reached_on"])
        for row in rows(
            connection,
            "select account_id, milestone_id, status, coalesce(waived_at, achieved_at)::date as reached_on from fct_milestones",
        )
    }


def company_by_night(seed, **knobs):
    rng = random.Random(seed)
    company = company_strategy.random_company(seed, n_accounts=5, n_days=90, late=0.2, merges=0.1, **knobs)
    for stream, more in corrections(company, rng).items():
        company[stream] += more
    return arrivals(company, rng, 0), rng


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(warehouse.examples(2)))
def test_each_change_is_recorded_once_and_no_record_is_altered(seed):
    nights, rng = company_by_night(seed)
    house = warehouse.Nightly(needed=NEEDED)
    states, milestones, written, logged = {}, {}, 0, 0
    withdrawn = ("withdrawn", None, None, None)
    for night in nights:
        house.load(warehouse.raw_frames(night))
        if rng.random() < 0.3:
            house.change_seed(*changed_opinion(rng))
        before = log(house.connection) if house.built else {name: set() for name in LOGS}
        for stop in (rng.randrange(len(house)), None, None):  # killed, done, done again
            house.build(stop_before=stop)
        after = log(house.connection)
        assert all(before[name] <= after[name] for name in LOGS)

        now = published_scores(house.connection)
        accounts = {account for account, _ in now}
        for (account, day), state in states.items():
            if (account, day) not in now and (day.weekday() == 0 or account not in accounts):
                now[account, day] = (state[0], *withdrawn)
        written += sum(states.get(key) != state for key, state in now.items())
        states.update(now)
        assert len(after["fct_score_records"]) == written
        now = milestone_states(house.connection)
        logged += sum(milestones.get(key) != now.get(key) for key in milestones.keys() | now.keys())
        milestones = now
        found = house.connection.execute("select count(*) from fct_audit_log where kind = 'milestone'").fetchone()[0]
        assert found == logged

        for row in rows(
            house.connection,
            "select * from fct_score_records qualify row_number() over "
            "(partition by account_id, score_date order by revision desc) = 1",
        ):
            state = states[row["account_id"], row["score_date"]]
            assert (row["model_version"], row["status"], row["score"], row["band"]) == state[:4]
            components = json.loads(row["components"] or "{}")
            assert list(components) == [metric for metric, *_ in state[4] or []]
            for metric, value, x, _, points in state[4] or []:
                part = components[metric]
                assert part["value"] == (value if value is None else float(value))
                assert part["normalised"] == (x if x is None else float(x))
                assert part["points"] == float(points)
        for row in rows(house.connection, "select * from fct_score_restatements where difference is not null"):
            parts = ("behaviour_change", "configuration_change", "late_data_change", "unsplit_change")
            assert sum(row[part] for part in parts) == row["difference"]
            assert row["difference"] == row["restated_score"] - row["recorded_score"]


def test_the_cause_of_a_restatement_is_named():
    """First a weight changes and nothing else, then rows come that are late, then both at once."""
    nights, _ = company_by_night(8, churn=0)
    house = warehouse.Nightly(needed=NEEDED)
    for night in nights[: NIGHTS - 1]:
        house.load(warehouse.raw_frames(night))
    house.build()

    def changes():
        found = rows(
            house.connection,
            "select * from fct_score_records where revision > 1 and computed_at = (select known_at from "
            "base_build_moment) and record_id not in (select record_id from seen) and difference <> 0",
        )
        house.connection.execute("create or replace table seen as select record_id from fct_score_records")
        return found

    house.connection.execute("create table seen as select record_id from fct_score_records")
    weights = [dict(row) for row in warehouse.seed_rows()["health_weights"]]
    weights[0]["weight"], weights[1]["weight"] = weights[1]["weight"], weights[0]["weight"]
    house.change_seed("health_weights", weights)
    house.build()
    found = changes()
    assert found and all(row["difference"] == row["configuration_change"] for row in found)
    assert all(row["late_data_change"] == row["behaviour_change"] == 0 for row in found)

    loads = sorted(row["loaded_at"] for stream in nights[-1].values() for row in stream if row["loaded_at"])
    halves = [
        {
            name: [row for row in stream if row["loaded_at"] and (row["loaded_at"] > loads[len(loads) // 2]) == is_later]
            for name, stream in nights[-1].items()
        }
        for is_later in (False, True)
    ]
    house.load(warehouse.raw_frames(halves[0]))
    house.build()
    found = changes()
    assert found
    for row in found:
        was_open = row["behaviour_change"] != 0
        assert row["configuration_change"] == 0
        assert row["difference"] == row["behaviour_change" if was_open else "late_data_change"]

    house.change_seed("health_weights", warehouse.seed_rows()["health_weights"])
    house.load(warehouse.raw_frames(halves[1]))
    house.build()
    found = changes()
    assert found and all(row["difference"] == row["unsplit_change"] for row in found)


def test_a_replay_of_the_past_publishes_nothing():
    nights, _ = company_by_night(5)
    house = warehouse.Nightly(needed=NEEDED)
    for night in nights:
        house.load(warehouse.raw_frames(night))
    house.build()
    before = log(house.connection)
    ((known_at, day),) = house.connection.execute("select known_at, as_of - 20 from base_build_moment").fetchall()
    for stream in STREAMS:
        house.connection.execute(f"delete from raw.{stream}_events where loaded_at > ?", [day])
    house.build()
    ((earlier,),) = house.connection.execute("select known_at from base_build_moment").fetchall()
    assert earlier < known_at
    assert log(house.connection) == before


@pytest.mark.slow
def test_a_full_refresh_keeps_the_records_and_no_build_goes_on_from_an_empty_one(tmp_path):
    company = company_strategy.random_company(4, n_accounts=2, n_days=60, churn=1, turns=0)
    for stream, frame in warehouse.raw_frames(company).items():
        (tmp_path / "raw" / stream).mkdir(parents=True)
        frame.to_parquet(tmp_path / "raw" / stream / "events.parquet")
    path = str(tmp_path / "memory.duckdb")
    options = ["--vars", f"raw_path: {tmp_path / 'raw'}", "--target-path", str(tmp_path), "--log-path", str(tmp_path)]
    build = ["build", "--exclude-resource-type", "unit_test"]
    logs, scores = [], []
    for arguments in ([*build, "--empty"], ["run", "--empty"], build, ["run", "--full-refresh"]):
        finished = warehouse.dbt(*arguments, *options, ONBOARDING_HEALTH_WAREHOUSE=path)
        assert finished.returncode == 0, finished.stdout
        with duckdb.connect(path) as connection:
            logs.append(log(connection))
            connection.execute("update fct_score_records set components = 'kept' where status in ('churned', 'completed')")
            scores.append(published_scores(connection))
            kept = log(connection)
    assert not any(logs[0].values()) and not any(logs[1].values()) and all(logs[2].values())
    assert logs[3] == kept != logs[2]
    assert scores[2] and scores == [{}, {}, scores[2], scores[2]]


def test_a_wrong_moment_is_withdrawn_and_holds_up_no_record():
    """The clock runs two months ahead for one night, as does one load; then it is set right, and the nights go on."""
    nights, _ = company_by_night(5)
    last = max(row["loaded_at"] for night in nights for rows in night.values() for row in rows if row["loaded_at"])
    wrong = last + datetime.timedelta(days=60)
    house = warehouse.Nightly(needed=NEEDED)
    house.load(warehouse.raw_frames(nights[0]))
    house.build()
    load_ahead = nights[0]["crm"][0] | {"event_id": "ahead", "loaded_at": wrong}
    house.load(warehouse.raw_frames({"crm": [load_ahead]}))
    house.clock = wrong
    house.build()
    day = house.connection.execute("select max(score_date) from fct_score_records").fetchone()[0]
    assert day == wrong.date()
    before = log(house.connection)

    house.clock = last + datetime.timedelta(days=1)
    for night in ({}, nights[-1]):
        house.load(warehouse.raw_frames(night))
        house.build()
        after = log(house.connection)
        assert all(before[name] <= after[name] for name in LOGS)
        assert len(after["fct_score_records"]) > len(before["fct_score_records"])
        before = after
        states = {
            (row["account_id"], row["score_date"]): row
            for row in rows(
                house.connection,
                "select * from fct_score_records qualify row_number() over "
                "(partition by account_id, score_date order by revision desc) = 1",
            )
        }
        now = published_scores(house.connection)
        as_of = house.connection.execute("select as_of from base_build_moment").fetchone()[0]
        for row in states.values():
            assert row["computed_at"] <= house.clock
            if row["score_date"] > as_of:
                assert row["status"] == "withdrawn"
        for key, state in now.items():
            assert (states[key]["status"], states[key]["score"]) == state[1:3]
    house.build()
    assert log(house.connection) == before


def test_records_hold_no_score_date_beyond_the_day_of_the_last_load():
    """Also where the day that is asked for lies ahead; the next build goes on."""
    nights, _ = company_by_night(5)
    whole = {stream: [row for night in nights for row in night[stream]] for stream in STREAMS}
    known_at = max(row["loaded_at"] for found in whole.values() for row in found if row["loaded_at"])
    later = known_at.date() + datetime.timedelta(days=60)
    with warehouse.build(warehouse.raw_frames(whole), as_of=later, known_at=known_at, needed=NEEDED) as connection:
        health, records, moment = (
            connection.execute(f"select max({column}) from {name}").fetchone()[0]
            for name, column in (
                ("fct_account_health", "score_date"), ("fct_score_records", "score_date"), ("fct_score_records", "as_of"),
            )
        )  # fmt: skip
    assert health == later and records <= known_at.date() == moment
