"""What a user gets wrong: the build says where and what to do; what is merely unusual, it builds."""

import gzip
import json
import os
import shutil
from datetime import datetime, timedelta

import company_strategy
import duckdb
import oracle
import pandas as pd
import pytest
import warehouse
from warehouse import ENVELOPE, STREAMS

SEEDS = oracle.load_seeds(warehouse.PROJECT / "seeds")
START = datetime(2025, 3, 3, 9)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder for the runs of dbt; the raw streams stand in `raw`, the warehouse is `memory.duckdb`."""
    return tmp_path_factory.mktemp("bad_input")


def build(work, *arguments, known_at="null", **environment):
    """Go on building in the warehouse, from the streams in `work / "raw"`."""
    return warehouse.dbt(
        "build", "--quiet", *arguments, "--vars", f"{{raw_path: {work / 'raw'}, known_at: {known_at}}}",
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
    with duckdb.connect(work / "memory.duckdb", read_only=True) as built:
        for mart, rows in warehouse.published(built).items():
            assert len(rows) == {
                "stream_reconciliation": len(STREAMS),
                "tracking_plan_coverage": len(SEEDS["tracking_plan"]),
                "expansion_arr_scenarios": len(SEEDS["arr_scenarios"]) * (1 + 2 * len(SEEDS["arr_scenario_steps"])),
                "intervention_outcomes": (len(SEEDS["playbooks"]) + 1) * (len(SEEDS["size_classes"]) + 1),
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
        "python -m simulator --out" in message
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


# -- what is wrong in a seed is named ----------------------------------------------------------------------------------


def changed(seed, place, **cells):
    """The seed with other cells in one row, counted from 0."""
    return {seed: [row | (cells if number == place else {}) for number, row in enumerate(SEEDS[seed])]}


def repeated(seed, **cells):
    """The seed with its first row once more, with other cells."""
    return {seed: SEEDS[seed] + [SEEDS[seed][0] | cells]}


def lacking(seed, **cells):
    """The seed without the rows that have these cells."""
    return {seed: [row for row in SEEDS[seed] if not cells.items() <= row.items()]}


def second_version(first_ends, begins):
    """The seeds with a second version of the health model, its weights and bands."""
    later = {"model_version": "v2"}
    seeds = {
        seed: SEEDS[seed] + [row | later for row in SEEDS[seed] if row["model_version"] == "v1"]
        for seed in ("health_weights", "health_bands")
    }
    versions = [row | {"effective_to": first_ends} for row in SEEDS["health_model_versions"]]
    return seeds | {"health_model_versions": versions + [versions[0] | later | {"effective_from": begins}]}


def candidate(name="v2", **cells):
    """The seeds with a candidate version that is the first one but for some cells."""
    seeds = {
        seed: SEEDS[seed] + [row | {"model_version": name} for row in SEEDS[seed] if name != "v1"]
        for seed in ("health_weights", "health_bands")
    }
    version = SEEDS["health_model_versions"][0] | {"model_version": name, "track": "idea"} | cells
    return seeds | {"health_model_versions": SEEDS["health_model_versions"] + [version]}


CRITERION = "catalog/milestone_criteria.csv, milestone_id M001, exit, subject"
A_WINDOW = (
    "Give within_days to event_days, event_users or event_user_days only, blank for ever, and min_days to event_user_days only."
)
A_SUBJECT = (
    "Use a milestone of milestone_catalog.csv, a signal of signals.csv, an event type or role:<role> of "
    "tracking_plan.csv, or an event type of event_schemas.csv."
)
METRIC = "scoring/health_metrics.csv, metric dau_mau:"
CORRECT = "Correct the row; signals are listed in reference/signals.csv."
WEIGHT = "scoring/health_weights.csv, model_version v1"
A_WEIGHT = "Use a version of health_model_versions.csv and a metric of health_metrics.csv."
BAND = (
    "scoring/health_bands.csv, model_version v1: the lowest band must start at 0 and no two at the same edge."
)
VERSION = "scoring/health_model_versions.csv, model_version v1:"
FOR_WHOM = "Use any, or a segment of size_classes.csv and a stage of lifecycle_stages.csv."
MARGIN = (
    "hold_margin must be 0 or more, 0 for the lowest band, and not reach into that of the band below. Lower it."
)
A_DAY_BEFORE = "Let effective_to be the day before the next effective_from."
CATALOG = "catalog/milestone_catalog.csv, journey collaboration"
ACTIVATION = "catalog/activation_milestones.csv, product_category collaboration"
JOURNEY = "catalog/journeys.csv, product_category collaboration, segment"
SUM = "Change them so that they sum to 1."
RATE = "a currency needs one positive rate. Keep one row with a rate above 0."
BROKEN = [
    (
        changed("health_metrics", 3, signal=""),
        "scoring/health_metrics.csv, the row of metric sla_breaches: a cell is blank that must be filled. "
        "Fill in model_version, metric, signal.",
    ),
    (
        changed("milestone_criteria", 0, milestone_id=""),
        "catalog/milestone_criteria.csv, the row of milestone_id nothing: a cell is blank that must be filled. "
        "Fill in milestone_id, phase, measure, subject, operator.",
    ),
    (changed("health_weights", 0, weight="0.19"), f"{WEIGHT}: the weights sum to 0.990000. {SUM}"),
    (
        changed("health_weights", 0, weight="-0.1"),
        f"{WEIGHT}, metric dau_mau: the weight must be 0 or more. {A_WEIGHT}",
    ),
    (
        changed("health_weights", 0, weight=""),
        f"{WEIGHT}, metric dau_mau: the weight must be 0 or more. {A_WEIGHT}",
    ),
    (
        repeated("health_weights", metric="joy", weight="0"),
        f"{WEIGHT}, metric joy: unknown metric. {A_WEIGHT}",
    ),
    (
        repeated("health_weights", model_version="v9"),
        f"scoring/health_weights.csv, model_version v9, metric dau_mau: unknown model version. {A_WEIGHT}",
    ),
    (repeated("health_weights"), f"{WEIGHT}, metric dau_mau: the pair stands more than once. Keep one row."),
    (second_version("", "2025-01-01"), f"{VERSION} its dates overlap those of v2. {A_DAY_BEFORE}"),
    (second_version("2025-01-01", "2025-01-01"), f"{VERSION} its dates overlap those of v2. {A_DAY_BEFORE}"),
    (
        second_version("2024-12-30", "2025-01-01"),
        f"{VERSION} no version holds between its end and the start of v2. {A_DAY_BEFORE}",
    ),
    (
        changed("health_model_versions", 0, effective_to="1999-01-01"),
        f"{VERSION} it ends before it starts. {A_DAY_BEFORE}",
    ),
    (
        changed("health_model_versions", 0, author_role=""),
        "scoring/health_model_versions.csv, the row of model_version v1: a cell is blank that must be filled. Fill in "
        "model_version, track, segment, stage, effective_from, author_role, rationale, expected_effect.",
    ),
    (
        candidate(segment="giant"),
        f"scoring/health_model_versions.csv, model_version v2: unknown segment giant. {FOR_WHOM}",
    ),
    (
        candidate(stage="asleep"),
        f"scoring/health_model_versions.csv, model_version v2: unknown stage asleep. {FOR_WHOM}",
    ),
    (
        candidate("any"),
        f"scoring/health_model_versions.csv, model_version any: any is no name for a version. {FOR_WHOM}",
    ),
    (
        candidate("v1"),
        f"{VERSION} the version stands more than once. Keep one row; give each segment and stage a version of its own.",
    ),
    (
        changed("health_model_versions", 0, segment="smb"),
        "scoring/health_model_versions.csv, track live, segment any, stage any: no version is live for everybody from "
        "some day on without an end. Leave effective_to of the last one blank.",
    ),
    (
        repeated("health_metrics", model_version="v9"),
        "scoring/health_metrics.csv, model_version v9, metric dau_mau: unknown model version. "
        "Use any or a version of health_model_versions.csv.",
    ),
    (
        changed("health_bands", 1, hold_margin="-1"),
        f"scoring/health_bands.csv, model_version v1, band yellow: {MARGIN}",
    ),
    (
        changed("health_bands", 0, hold_margin="1"),
        f"scoring/health_bands.csv, model_version v1, band red: {MARGIN}",
    ),
    (
        changed("health_bands", 2, hold_margin="18.01"),
        f"scoring/health_bands.csv, model_version v1, band green: {MARGIN}",
    ),
    (
        changed("lifecycle_stages", 0, from_day="1"),
        "reference/lifecycle_stages.csv, from_day 0: the first stage must start at day 0 and no two at the same day. "
        "Correct from_day.",
    ),
    (changed("health_metrics", 0, signal="joy"), f"{METRIC} unknown signal joy. {CORRECT}"),
    (changed("health_metrics", 0, age_signal="joy"), f"{METRIC} unknown age_signal joy. {CORRECT}"),
    (changed("health_metrics", 0, direction="up"), f"{METRIC} direction must be higher or lower. {CORRECT}"),
    (changed("health_metrics", 0, method="guess"), f"{METRIC} method must be bounded or peer. {CORRECT}"),
    (
        changed("health_metrics", 0, missing_policy="zero"),
        f"{METRIC} missing_policy must be median, neutral or drop. {CORRECT}",
    ),
    (
        changed("health_metrics", 0, upper_bound="0"),
        f"{METRIC} a bounded metric needs lower_bound below upper_bound. {CORRECT}",
    ),
    (
        changed("health_metrics", 0, upper_bound=""),
        f"{METRIC} a bounded metric needs lower_bound below upper_bound. {CORRECT}",
    ),
    (
        changed("health_metrics", 0, decay_per_day="-1"),
        f"{METRIC} decay_per_day must be 0 or more. {CORRECT}",
    ),
    (repeated("health_metrics"), f"{METRIC} the metric stands more than once. Keep one row for a version."),
    (changed("health_bands", 0, lower_edge="10"), f"{BAND} Correct lower_edge."),
    (repeated("health_bands", band="blue"), f"{BAND} Correct lower_edge."),
    (
        changed("milestone_criteria", 0, subject="role:boss"),
        f"{CRITERION} role:boss: unknown event role:boss. {A_SUBJECT}",
    ),
    (
        changed("milestone_criteria", 0, subject="seat_lost"),
        f"{CRITERION} seat_lost: unknown event seat_lost. {A_SUBJECT}",
    ),
    (
        changed("milestone_criteria", 0, measure="signal", subject="joy"),
        f"{CRITERION} joy: unknown signal joy. {A_SUBJECT}",
    ),
    (
        changed("milestone_criteria", 0, measure="signal", subject="milestone_completion"),
        f"{CRITERION} milestone_completion: a milestone cannot rest on the signal milestone_completion, which rests "
        f"on milestones. {A_SUBJECT}",
    ),
    (
        changed("milestone_criteria", 0, measure="sum"),
        f"{CRITERION} role:invite: unknown measure sum. {A_SUBJECT}",
    ),
    (
        changed("milestone_criteria", 0, operator="!="),
        f"{CRITERION} role:invite: unknown operator !=. {A_SUBJECT}",
    ),
    (
        changed("milestone_criteria", 0, operator="<="),
        f"{CRITERION} role:invite: an event measure only grows, so it cannot be bounded from above. {A_SUBJECT}",
    ),
    (
        changed("milestone_criteria", 0, threshold=""),
        f"{CRITERION} role:invite: threshold and sustained_days must be there, sustained_days at least 1. {A_SUBJECT}",
    ),
    (
        changed("milestone_criteria", 0, within_days="7"),
        f"{CRITERION} role:invite: within_days says nothing to event_count. {A_WINDOW}",
    ),
    (
        changed("milestone_criteria", 0, measure="event_user_days"),
        f"{CRITERION} role:invite: min_days must be 1 to 3650. {A_WINDOW}",
    ),
    (
        changed("milestone_criteria", 0, measure="event_user_days", min_days="4", within_days="3"),
        f"{CRITERION} role:invite: min_days days do not fit into within_days days. {A_WINDOW}",
    ),
    (
        changed("milestone_criteria", 0, phase="middle"),
        f"{CRITERION} role:invite: unknown phase. {A_SUBJECT}".replace("exit", "middle"),
    ),
    (
        changed("milestone_criteria", 0, milestone_id="M999"),
        f"{CRITERION} role:invite: unknown milestone. {A_SUBJECT}".replace("M001", "M999"),
    ),
    (
        lacking("milestone_criteria", milestone_id="M003", phase="exit"),
        "catalog/milestone_catalog.csv, milestone_id M003: no exit criterion. "
        "Add a row of phase exit to milestone_criteria.csv.",
    ),
    (changed("milestone_catalog", 0, weight="0.2"), f"{CATALOG}: the weights sum to 1.100000. {SUM}"),
    (
        changed("milestone_catalog", 0, deadline_days=""),
        f"{CATALOG}, milestone_id M001: weight and deadline_days must be there and not negative. Fill them in.",
    ),
    (
        repeated("milestone_catalog", weight="0"),
        f"{CATALOG}, milestone_id M001: the milestone stands more than once. Keep one row.",
    ),
    (repeated("journeys"), f"{JOURNEY} any: the pair stands more than once. Keep one row."),
    (
        repeated("journeys", segment="giant"),
        f"{JOURNEY} giant: unknown segment. Use any or a segment of size_classes.csv.",
    ),
    (
        repeated("journeys", segment="smb", journey="nowhere"),
        f"{JOURNEY} smb: unknown journey nowhere. Name a journey of milestone_catalog.csv.",
    ),
    (
        changed("activation_milestones", 0, milestone_id="M999"),
        f"{ACTIVATION}, persona admin: milestone M999 is in no journey of the category. "
        "Name a milestone of one of its journeys.",
    ),
    (
        changed("activation_milestones", 1, is_primary="false"),
        f"{ACTIVATION}: the category needs exactly one primary activation milestone. Set is_primary to true on one row.",
    ),
    (
        repeated("activation_milestones"),
        f"{ACTIVATION}, persona admin: the pair stands more than once. Keep one row.",
    ),
    (
        repeated("tracking_plan"),
        "catalog/tracking_plan.csv, event_type session_started: the event type stands 2 times. Keep one row.",
    ),
    (
        repeated("tracking_plan", event_type="boss_seen", role="boss"),
        "catalog/tracking_plan.csv, event_type boss_seen: unknown role boss. "
        "Use login, core, value, error, api_call, guided_task, invite, configuration or nothing.",
    ),
    (repeated("exchange_rates"), f"reference/exchange_rates.csv, currency USD: {RATE}"),
    (
        changed("exchange_rates", 0, rate_to_reporting_currency=""),
        f"reference/exchange_rates.csv, currency USD: {RATE}",
    ),
    (
        lacking("size_classes", min_seats="0"),
        "reference/size_classes.csv, segment with min_seats 0 and min_arr 0: exactly one class must start at zero. "
        "Add or remove one.",
    ),
    (
        lacking("sla_targets", priority="high"),
        "reference/sla_targets.csv, priority high: the priority needs exactly one target. Keep one row.",
    ),
    (
        changed("sla_targets", 0, is_default="true"),
        "reference/sla_targets.csv, is_default: exactly one priority is that of a ticket without one. "
        "Set is_default to true on one row.",
    ),
    (
        repeated("signals"),
        "reference/signals.csv, signal account_age_days: the signal stands more than once. Keep one row.",
    ),
]


@pytest.mark.parametrize(("seeds", "message"), BROKEN, ids=[message.split(". ")[0] for _, message in BROKEN])
def test_a_broken_seed_names_file_row_and_remedy(seeds, message):
    with pytest.raises(duckdb.Error) as refusal:
        warehouse.build(warehouse.raw_frames({}), seeds=seeds)
    assert str(refusal.value) == f"Invalid Input Error: {message}"


@pytest.fixture
def opinions(work):
    """A copy of the seeds that hold opinions; a function that replaces text in the health weights, and builds."""
    folder = work / "opinions"
    for name in ("catalog", "scoring"):
        shutil.copytree(warehouse.PROJECT / "seeds" / name, folder / name, dirs_exist_ok=True)

    def build(text, replacement):
        path = folder / "scoring" / "health_weights.csv"
        content = path.read_text()
        assert text in content
        path.write_text(content.replace(text, replacement, 1))
        write(work / "raw", whole())
        relative = os.path.relpath(folder, warehouse.PROJECT)
        finished = dbt(work, ONBOARDING_HEALTH_OPINIONS=relative)
        assert finished.returncode and "Traceback" not in finished.stdout
        return " ".join(finished.stdout.split())

    return build


def test_a_broken_row_stops_dbt(opinions):
    assert (
        "scoring/health_weights.csv, model_version v1: the weights sum to 0.990000. Change them so that they sum to 1."
    ) in opinions("v1,dau_mau,0.20", "v1,dau_mau,0.19")


def test_text_for_a_number_stops_dbt(opinions):
    message = opinions("v1,dau_mau,0.20", "v1,dau_mau,a lot")
    assert "scoring/health_weights.csv" in message and "Line: 2" in message and "v1,dau_mau,a lot" in message


def test_a_misspelt_header_stops_dbt(opinions):
    message = opinions("weight", "wieght")
    assert '"weight" not found' in message and "wieght" in message
