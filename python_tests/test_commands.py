"""The documented commands: what is wrong with the warehouse is one sentence, what warned is said, and a copied file is read."""

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta

import duckdb
import pytest
import warehouse
from warehouse import PROJECT

from onboarding_health import cli

SUMMARY = [sys.executable, "-m", "onboarding_health", "summary"]
BUILD = [sys.executable, "-m", "onboarding_health", "build"]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with streams and a warehouse that was built from them, and what dbt said."""
    folder = tmp_path_factory.mktemp("commands")
    moment = datetime(2025, 3, 3, 9)
    row = {"event_type": "account_created", "user_id": None, "payload": '{"name": "Alone"}'}
    rows = [
        row | {"event_id": f"e{n}", "account_id": "a", "occurred_at": moment, "loaded_at": moment + timedelta(days=n)}
        for n in range(9)
    ]
    rows.append(rows[1] | {"event_id": "bad", "payload": "no object"})
    for stream, frame in warehouse.raw_frames({"crm": rows}).items():
        (folder / "raw" / stream).mkdir(parents=True)
        frame.to_parquet(folder / "raw" / stream / "a.parquet")
    (folder / "raw" / "crm" / "_notes.csv").write_text("no events")
    options = ["--vars", f"raw_path: {folder / 'raw'}", "--target-path", str(folder / "target"), "--log-path", str(folder)]
    finished = warehouse.dbt(
        "build",
        "--quiet",
        "--exclude-resource-type",
        "test",
        "unit_test",
        *options,
        ONBOARDING_HEALTH_WAREHOUSE=str(folder / "memory.duckdb"),
    )
    assert finished.returncode == 0, finished.stdout
    (folder / "said").write_text(finished.stdout)
    return folder


def run(command, path, *arguments, **environment):
    """Run a command on a warehouse in the project's folder; returns the finished process with its text."""
    environment = {**os.environ, "ONBOARDING_HEALTH_WAREHOUSE": str(path), **environment}
    return subprocess.run([*command, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True)


def test_a_build_and_the_summary_end_with_what_warned(work):
    said = (work / "said").read_text()
    finished = run(SUMMARY, work / "memory.duckdb")
    assert finished.returncode == 0, finished.stderr
    for text in (said, finished.stdout):
        warnings = text.rpartition("\nWarnings\n")[2]
        assert "_notes.csv" in warnings
        assert "The crm stream refused 1 of 10 rows, more than 1 %: most as invalid_json (1)." in warnings
        assert "have never come" in warnings
    assert said.rpartition("\nWarnings\n")[2].strip() == finished.stdout.rpartition("\nWarnings\n")[2].strip()


def test_more_than_five_warnings_of_a_topic_are_counted(work, tmp_path):
    path = tmp_path / "memory.duckdb"
    shutil.copy(work / "memory.duckdb", path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from build_messages; delete from fct_build_warnings")
        connection.execute(
            "insert into fct_build_warnings select 'drift', 8, n, 'Drift ' || n, 'rpt_health_drift' from range(1, 9) as t (n)"
        )
    warnings = run(SUMMARY, path).stdout.rpartition("\nWarnings\n")[2]
    assert warnings.split("\n")[4:6] == ["  Drift 5", "  ... and 3 more like it in rpt_health_drift"]
    assert "Drift 6" not in warnings
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from fct_build_warnings")
    assert run(SUMMARY, path).stdout.endswith("\nWarnings\n  none\n")


def test_every_view_is_read_in_a_copy_under_another_name(work, tmp_path):
    path = tmp_path / "another name.duckdb"
    shutil.copy(work / "memory.duckdb", path)
    with duckdb.connect(str(path), read_only=True) as connection:
        views = connection.execute("select schema_name, view_name from duckdb_views() where not internal").fetchall()
        assert len(views) > 20
        for schema, view in views:
            connection.execute(f'select count(*) from {schema}."{view}"')
    assert run(SUMMARY, path).returncode == 0


# The warehouse, of a name for which nothing is parsed again, the settings, and what dbt and the summary say.
TROUBLES = {
    "junk": ("junk/memory.duckdb", {}, "is no DuckDB file", "is no DuckDB file"),
    "no_folder": ("none/memory.duckdb", {}, "There is no folder", "No warehouse at"),
    "held": ("held/memory.duckdb", {}, "is in use", "is in use"),
    "memory": ("new/memory.duckdb", {"ONBOARDING_HEALTH_MEMORY": "lots"}, "ONBOARDING_HEALTH_MEMORY is lots", "No warehouse at"),
}


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_wrong_with_the_warehouse_is_one_sentence(work, tmp_path, trouble):
    name, environment, sentence, of_the_summary = TROUBLES[trouble]
    for folder in ("junk", "held", "new"):
        (tmp_path / folder).mkdir()
    (tmp_path / "junk/memory.duckdb").write_text("no database\n" * 1000)
    options = ["--quiet", "--target-path", str(work / "target"), "--log-path", str(work)]
    environment = environment | {"ONBOARDING_HEALTH_WAREHOUSE": str(tmp_path / name)}
    with duckdb.connect(str(tmp_path / "held/memory.duckdb")):
        runs = [
            (warehouse.dbt("run", *options, "--vars", f"raw_path: {work / 'raw'}", **environment), sentence),
            (run(SUMMARY, tmp_path / name, **environment), of_the_summary),
        ]
        if trouble == "held":
            runs.append((run(BUILD, tmp_path / name, *options[1:]), sentence))
    for finished, expected in runs:
        said = finished.stdout + finished.stderr
        assert finished.returncode != 0 and said.count(expected) == 1 and "Traceback" not in said, said


def test_the_summary_of_a_build_that_was_cut_short_says_what_to_run(tmp_path):
    path = tmp_path / "memory.duckdb"
    duckdb.connect(str(path)).close()
    finished = run(SUMMARY, path)
    assert finished.returncode == 1 and "make build" in finished.stderr and finished.stderr.count("\n") == 1


def test_the_nightly_selector_leaves_out_the_unit_tests_and_nothing_else(work):
    options = ["ls", "--quiet", "--target-path", str(work / "target"), "--log-path", str(work)]
    everything, nightly = (warehouse.dbt(*options, *more).stdout.split() for more in ([], ["--selector", "nightly"]))
    left_out = {name for name in set(everything) - set(nightly) if not name.startswith("source:")}
    assert len(left_out) > 100 and all(name.startswith("unit_test:") for name in left_out) and set(nightly) < set(everything)


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["build", "--raw", "there"], {"raw_path": "there"}),
        (["build", "--raw", "there", "--vars", "as_of: 2025-06-30"], {"raw_path": "there", "as_of": "2025-06-30"}),
        (["build", "--vars", "{raw_path: null}"], {"raw_path": None}),
    ],
)
def test_variables_of_the_caller_go_before_those_of_the_command(monkeypatch, arguments, variables):
    told = []
    monkeypatch.setattr("onboarding_health.build.build", told.append)
    assert cli.run([*arguments, "--full-refresh"]) == 0
    ((*others, name, found),) = told
    assert (others, name, json.loads(found)) == (["--full-refresh"], "--vars", variables)


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["build", "--vars", "x"], "Write it like --vars"),
        (["build", "--connector", "none"], "There are: oulad"),
        (["replay", "--connector", "oulad"], "--source <folder>"),
        (["build", "--connector", "stripe+none"], "No connector none"),
        (["build", "--connector", "stripe+zendesk", "--source", "."], "lacks stripe, zendesk"),
    ],
)
def test_a_wrong_call_says_what_to_write(capsys, arguments, remedy):
    assert cli.run(arguments) == 2
    assert remedy in capsys.readouterr().err


def test_a_replay_makes_the_streams_that_are_missing(monkeypatch):
    told = []
    monkeypatch.setattr("onboarding_health.cli._make_demo", lambda raw, *company: told.append((str(raw), company)) or raw)
    monkeypatch.setattr("onboarding_health.cli._connect", lambda *given: told.append(given) or "raw_oulad")
    monkeypatch.setattr("onboarding_health.replay.replay", lambda raw: told.append(str(raw)))
    assert cli.run(["replay", "--accounts", "200"]) == 0
    assert cli.run(["replay", "--connector", "oulad"]) == 0
    assert cli.run(["replay", "--raw", "own"]) == 0
    assert told == [("raw", (200, 730, 7)), "raw", ("oulad", None, None), "raw_oulad", "own"]


def test_help_loads_no_engine():
    code = "import sys; from onboarding_health.cli import run; run(['--help']); "
    code += "print({'dbt', 'duckdb', 'pandas'} & set(sys.modules))"
    assert run([sys.executable, "-c"], "none", code).stdout.endswith("set()\n")
