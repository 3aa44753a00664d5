"""What a user gets wrong: the build says where and what to do; what is merely unusual, it builds."""

import gzip
import json
import shutil
from datetime import datetime, timedelta

import company_strategy
import duckdb
import oracle
import pandas as pd
import pytest
import warehouse
from warehouse import ENVELOPE, STREAMS

pytestmark = pytest.mark.slow

SEEDS = oracle.load_seeds(warehouse.PROJECT / "seeds")
START = datetime(2025, 3, 3, 9)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder for the runs of dbt; the raw streams stand in `raw`, the warehouse is `memory.duckdb`."""
    return tmp_path_factory.mktemp("bad_input")


def build(work, *arguments, known_at="null", **environment):
    """Go on building in the warehouse, from the streams in `work / "raw"`."""
    variables = f"{{raw_path: {work / 'raw'}, known_at: {known_at}, tasks_from: {warehouse.TASKS_FROM}}}"
    return warehouse.dbt(
        "build", "--quiet", *arguments, "--vars", variables,
        "--target-path", str(work / "target"), "--log-path", str(work / "logs"),
        ONBOARDING_HEALTH_WAREHOUSE=str(work / "memory.duckdb"), **environment,
    )  # fmt: skip


def dbt(work, **environment):
    """Build everything anew but the unit tests, which do not read the input."""
    (work / "memory.duckdb").unlink(missing_ok=True)
    return build(work, "--exclude-resource-type", "unit_test", **environment)


def write(folder, streams):
    """Put files of text, bytes or a frame (as Parquet) there: {stream: {file name: content}}."""
    shutil.rmtree(folder, ignore_errors=True)
    for stream, files in streams.items():
        (folder / stream).mkdir(parents=True)
        for name, content in files.items():
            path = folder / stream / name
            if isinstance(content, pd.DataFrame):
                content.to_parquet(path)
            elif name.endswith(".gz"):
                path.write_bytes(gzip.compress(content.encode()))
            else:
                path.write_text(content)


def as_csv(frame, zone=""):
    rows = frame.copy()
    for column in ("occurred_at", "loaded_at"):
        rows[column] = [None if pd.isna(moment) else f"{moment}{zone}" for moment in rows[column]]
    return rows.to_csv(index=False)


def is_object(text):
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def as_ndjson(frame, *, has_nulls, is_nested):
    """One object a line; without nulls such keys are left out, nested a payload is an object and not text."""
    lines = []
    for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        for column in ("occurred_at", "loaded_at"):
            row[column] = row[column] and f"{row[column].isoformat()}Z"
        if is_nested and row["payload"] and is_object(row["payload"]):
            row["payload"] = json.loads(row["payload"])
        lines.append(json.dumps({key: value for key, value in row.items() if has_nulls or value is not None}))
    return "\n".join(lines)


def empty():
    types = {column: "datetime64[us]" if column.endswith("_at") else "string" for column in ENVELOPE}
    return pd.DataFrame({column: pd.Series(dtype=kind) for column, kind in types.items()})


def event(number, event_type, account_id, payload=None, **columns):
    """A row of the envelope that occurred `number` hours after the start."""
    moment = START + timedelta(hours=number)
    return {
        "event_id": f"e{number}", "event_type": event_type, "account_id": account_id, "user_id": None,
        "occurred_at": moment, "loaded_at": moment, "payload": payload and json.dumps(payload),
    } | columns  # fmt: skip


def lone(account_id="a1"):
    """An account without users, product events, tickets or billing."""
    return [event(0, "account_created", account_id, {"name": "Alone"})]


# -- what is unusual builds -------------------------------------------------------------------------------------------


def test_every_format_is_the_same_company(work):
    """Each stream stands in five files of five formats; the marts are those of the plain rows."""
    frames = warehouse.raw_frames(company_strategy.random_company(11, n_accounts=6, n_days=120, dirt=0.01))
    streams = {}
    for stream, frame in frames.items():
        parts = [frame.iloc[number::5] for number in range(5)]
        zoned = parts[0].assign(
            occurred_at=parts[0]["occurred_at"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
        )
        streams[stream] = {
            "a.parquet": zoned,
            "b.csv": as_csv(parts[1]),
            "c.csv.gz": as_csv(parts[2], "Z"),
            "d.ndjson": as_ndjson(parts[3], has_nulls=True, is_nested=False),
            "e.ndjson.gz": as_ndjson(parts[4], has_nulls=False, is_nested=True),
        }
    write(work / "raw", streams)
    finished = dbt(work)
    assert finished.returncode == 0, finished.stdout
    with (
        warehouse.build(frames) as expected,
        duckdb.connect(work / "memory.duckdb", read_only=True) as built,
    ):
        difference = warehouse.difference(warehouse.published(expected), warehouse.published(built))
    assert difference is None, difference


def test_streams_without_rows_build(work):
    header = ",".join(ENVELOPE) + "\n"
    write(
        work / "raw",
        {
            "product": {"a.parquet": empty()},
            "crm": {"a.csv": header},
            "support": {"a.ndjson": ""},
            "billing": {"a.ndjson.gz": ""},
            "survey": {"a.csv.gz": header},
        },
    )
    finished = dbt(work)
    assert finished.returncode == 0, finished.stdout
    plan = SEEDS["tracking_plan"]
    subjects = {(row["source"], row["event_type"]) for row in SEEDS["event_types"]} | {("product", "users")}
    subjects |= {("product", row["event_type"]) for row in plan} | {(stream, "any") for stream in STREAMS}
    subjects |= {("product", f"role:{row['role']}") for row in plan if row["role"]}
    moved_inputs = sum(row[to] != row["likely"] for row in SEEDS["programme_roi_inputs"] for to in ("low", "high"))
    cells = {
        (row["dimension"], row["segment"], group["benchmark_group"], other["metric"])
        for row in SEEDS["benchmarks"] for group in SEEDS["benchmark_groups"] for other in SEEDS["benchmarks"]
        if row["dimension"] == group["dimension"] == other["dimension"]
    }  # fmt: skip
    with duckdb.connect(work / "memory.duckdb", read_only=True) as built:
        for mart, rows in warehouse.published(built).items():
            assert len(rows) == {
                "rpt_stream_reconciliation": len(STREAMS),
                "fct_stream_coverage": len(subjects),
                "fct_build_warnings": 2,  # of product and support: nothing is known of use and of tickets
                "rpt_tracking_plan_coverage": len(SEEDS["tracking_plan"]),
                "rpt_expansion_scenarios": len(SEEDS["arr_scenarios"]) * (1 + 2 * len(SEEDS["arr_scenario_steps"])),
                "rpt_expansion_targets": 3,
                "rpt_benchmarks": len(cells),
                "rpt_experiments": len(SEEDS["experiment_metrics"]),
                "rpt_kpi_scorecard": len(SEEDS["kpi_targets"]),
                "rpt_pilot_gates": len(SEEDS["programme_gates"]) + 1,
                "rpt_programme_maturity": len(SEEDS["programme_capabilities"]),
                "rpt_programme_roi": 5 * (3 + moved_inputs),
                "rpt_service_levels": len(SEEDS["service_levels"]),
                "rpt_win_back": len(SEEDS["size_classes"]) + 1,
                "rpt_risk_rules": (
                    len({row["rule_id"] for row in SEEDS["risk_rules"]})
                    * len(SEEDS["validation_horizons"])
                    * (len(SEEDS["size_classes"]) + 1)
                ),
                "rpt_play_outcomes": (len(SEEDS["playbooks"]) + 1) * (len(SEEDS["size_classes"]) + 1),
            }.get(mart, 0), mart


@pytest.fixture(scope="module")
def lone_house(tmp_path_factory):
    """The house of an account that has nothing, its one event in a CSV file whose times are those of UTC+2.

    It has a folder of its own: as long as a connection is open, DuckDB shows a process no other file of the same path.
    """
    work = tmp_path_factory.mktemp("lone_house")
    frames = warehouse.raw_frames({"crm": lone()})
    for column in ("occurred_at", "loaded_at"):
        frames["crm"][column] += timedelta(hours=2)
    write(work / "raw", {stream: {"a.csv": as_csv(frame, "+02:00")} for stream, frame in frames.items()})
    finished = dbt(work)
    assert finished.returncode == 0, finished.stdout
    with duckdb.connect(work / "memory.duckdb", read_only=True) as built:
        yield built


def test_a_lone_account_builds(lone_house):
    accounts = lone_house.execute("select account_id, account_name, arr, seats from dim_accounts").fetchall()
    assert accounts == [("a1", "Alone", None, None)]
    assert lone_house.execute("select status, score from fct_account_health").fetchall() == [
        ("too_early", None)
    ]


def test_times_with_an_offset_become_utc(lone_house):
    assert lone_house.execute("select started_at from dim_accounts").fetchall() == [(START,)]


PERSON = {"user_id": "u1"}
WITH_USERS = [
    event(1, "contact_added", "a1", {"persona": "admin", "email": "u1@example.com"}, **PERSON),
    event(2, "session_started", None, **PERSON),
]
CONTRACT = {
    "subscription_id": "s1", "plan": "pro", "seats": 5, "mrr": 100, "currency": "USD", "term_end": "2026-03-03",
}  # fmt: skip


@pytest.mark.parametrize(
    ("events", "accounts", "usage", "contract"),
    [
        ({"product": [event(9, "session_started", "a1", **PERSON)]}, 0, None, None),
        ({"crm": lone()}, 1, None, None),
        ({"crm": lone(), "product": [event(9, "session_started", "a1")]}, 1, (1, None), None),
        ({"crm": lone() + WITH_USERS[:1], "product": WITH_USERS[1:]}, 1, (1, 1), None),
        (
            {"crm": lone(), "billing": [event(8, "subscription_started", "a1", CONTRACT)]},
            1,
            None,
            (1, 5, 1200),
        ),
    ],
    ids=["no account", "a lone account", "no users", "no billing", "no usage"],
)
def test_companies_that_lack_something(events, accounts, usage, contract):
    with warehouse.build(warehouse.raw_frames(events)) as built:
        assert built.execute("select count(*) from dim_accounts").fetchone()[0] == accounts
        assert built.execute("select count(*) from fct_milestones").fetchone()[0] == accounts * 5
        signals = built.execute(
            "select events_7d, active_users_7d, is_subscribed, seats, arr from fct_account_signals"
        ).fetchall()
    assert signals == [(*(usage or (None, None)), *(contract or (None, None, None)))] * accounts


# -- what is wrong in the raw streams is named --------------------------------------------------------------------------


def refused(work, streams):
    write(work / "raw", streams)
    finished = dbt(work)
    assert finished.returncode
    assert "Traceback" not in finished.stdout
    return " ".join(finished.stdout.split())


def whole():
    return {stream: {"a.parquet": empty()} for stream in STREAMS}


def test_no_raw_events(work):
    message = refused(work, {})
    assert f"No raw events under '{work / 'raw'}'" in message
    assert (
        "onboarding-health simulate --out" in message
        and "raw_path" in message
        and ", ".join(ENVELOPE[:4]) in message
    )


def test_a_missing_stream(work):
    message = refused(work, {stream: files for stream, files in whole().items() if stream != "billing"})
    assert f"The billing stream is missing: '{work / 'raw' / 'billing'}' holds no .parquet" in message
    assert "puts a file with these columns and no row there" in message


def test_a_misshapen_stream(work):
    frame = pd.DataFrame(lone()).drop(columns="user_id")
    message = refused(work, whole() | {"crm": {"a.parquet": frame}})
    assert f"1 file under '{work / 'raw'}' can't be read. crm/a.parquet: it has no column user_id. Add it." in message


# -- what fails leaves what was there -----------------------------------------------------------------------------------


def test_a_model_that_fails_leaves_the_rows_of_the_build_before(work):
    (work / "memory.duckdb").unlink(missing_ok=True)
    write(work / "raw", whole())
    for known_at, fails in (("2025-06-30", False), ("a day in June", True)):
        finished = build(
            work, "--select", "+base_build_moment", "--resource-type", "seed", "--resource-type", "model",
            known_at=known_at,
        )  # fmt: skip
        assert bool(finished.returncode) == fails, finished.stdout
    assert "a day in June" in finished.stdout
    with duckdb.connect(work / "memory.duckdb", read_only=True) as built:
        assert str(built.execute("select as_of from base_build_moment").fetchone()[0]) == "2025-06-30"


# -- what is wrong in a seed is named; test_configuration says how each fault is -----------------------------------------


@pytest.fixture
def opinions(work):
    """A copy of the seeds that hold opinions; a function that replaces text in the health weights, and builds."""
    folder = work / "opinions"
    shutil.rmtree(folder, ignore_errors=True)
    named = warehouse.copied_opinions(folder)

    def build(text, replacement):
        path = folder / "scoring" / "health_weights.csv"
        content = path.read_text()
        assert text in content
        path.write_text(content.replace(text, replacement, 1))
        write(work / "raw", whole())
        finished = dbt(work, **named)
        assert finished.returncode and "Traceback" not in finished.stdout
        return " ".join(finished.stdout.split())

    return build


def test_a_broken_row_stops_dbt(opinions):
    assert (
        "scoring/health_weights.csv, model_version v2: the weights sum to 0.990000. Change them so that they sum to 1."
    ) in opinions("v2,dau_mau,0.20", "v2,dau_mau,0.19")


def test_text_for_a_number_stops_dbt(opinions):
    message = opinions("v2,dau_mau,0.20", "v2,dau_mau,a lot")
    assert (
        "scoring/health_weights.csv, line 2: weight is 'a lot'. Write a number of at most 3 digits and 6 decimals."
    ) in message


def test_a_misspelt_header_stops_dbt(opinions):
    message = opinions("weight", "wieght")
    assert (
        "scoring/health_weights.csv, the header: wieght, weight should not stand there or is missing. "
        "Its columns are model_version, metric, weight, source."
    ) in message
