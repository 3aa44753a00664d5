"""The published copy: whole or not at all, while builds and readers run; it moves, it goes back, and a failed build leaves it."""

import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from onboarding_health import build, cli, published

ROWS = 20_000


def write(path: Path, number: int, is_whole: bool = True) -> str:
    """Write a warehouse as build `number` leaves it; every mart holds the number in each row."""
    with duckdb.connect(str(path)) as connection:
        for statement in (
            "create or replace table base_build_moment as select {n} as build_number, timestamp '2025-12-31 21:00' as known_at",
            "create or replace table completed_builds as select build_number from base_build_moment where {whole}",
            "create or replace table int_rows as select {n} as number from range({rows})",
            "create or replace table dim_accounts as select * from int_rows",
            "create or replace view fct_rows as select * from main.int_rows",
            "create or replace table rpt_rows as select count(*) as count, {n} as number from int_rows",
        ):
            connection.execute(statement.format(n=number, whole=is_whole, rows=ROWS))
    return str(path)


def read(path: Path) -> set[tuple]:
    """What each mart of a copy says: its build and its number of rows."""
    with duckdb.connect(str(path.resolve()), read_only=True) as connection:
        return {
            connection.execute(f"select min(number), max(number), {rows} from {mart}").fetchone()
            for mart, rows in (("dim_accounts", "count(*)"), ("fct_rows", "count(*)"), ("rpt_rows", "any_value(count)"))
        }


@pytest.fixture
def warehouse(tmp_path):
    return tmp_path / "onboarding_health.duckdb"


def test_readers_see_whole_copies_while_builds_and_publications_run(warehouse):
    link = published.publish(write(warehouse, 1)).with_name(published.LINK)
    seen, wrong, is_over = [], [], threading.Event()

    def reads():
        while not is_over.is_set():
            said = read(link)
            seen.append(said)
            if len(said) != 1 or {(number, number, ROWS) for number, _, _ in said} != said:
                wrong.append(said)

    readers = [threading.Thread(target=reads) for _ in range(2)]
    with duckdb.connect(str(link.resolve()), read_only=True) as old:  # A page that stays open.
        for reader in readers:
            reader.start()
        for number in range(2, 12):
            published.publish(write(warehouse, number), kept=20)
        assert old.execute("select distinct number from dim_accounts").fetchall() == [(1,)]
    is_over.set()
    for reader in readers:
        reader.join()
    assert not wrong and len({str(said) for said in seen}) > 1
    assert read(link) == {(11, 11, ROWS)}


def test_a_copy_holds_the_marts_alone_as_tables_and_is_read_where_it_is_moved(warehouse, tmp_path):
    file = published.publish(write(warehouse, 1))
    moved = tmp_path / "elsewhere" / "another name.duckdb"
    moved.parent.mkdir()
    shutil.copy(file, moved)
    warehouse.unlink()
    assert read(moved) == {(1, 1, ROWS)}
    with duckdb.connect(str(moved), read_only=True) as connection:
        tables = connection.execute("select table_name, table_type from information_schema.tables order by 1").fetchall()
    assert tables == [(mart, "BASE TABLE") for mart in ("dim_accounts", "fct_rows", "rpt_rows")]


def test_the_last_copies_are_kept_and_a_rollback_goes_back_one_by_one(warehouse):
    files = [published.publish(write(warehouse, number), kept=3) for number in (1, 2, 2, 3)]
    folder = files[0].parent
    assert len({file.name for file in files}) == 4
    assert published.copies(folder) == files[1:]
    assert [published.rollback(folder), published.rollback(folder)] == [files[2].resolve(), files[1].resolve()]
    assert read(folder / published.LINK) == {(2, 2, ROWS)}
    with pytest.raises(ValueError, match="oldest copy"):
        published.rollback(folder)
    # The copy in use is kept, and what is published next is in use.
    published.publish(write(warehouse, 4), kept=1)
    assert read(folder / published.LINK) == {(4, 4, ROWS)}


def test_parquet_files_are_those_of_the_copy_in_use(warehouse):
    file = published.publish(write(warehouse, 1), parquet=True)
    link = file.with_name("current.parquet")
    assert sorted(path.name for path in link.iterdir()) == ["dim_accounts.parquet", "fct_rows.parquet", "rpt_rows.parquet"]
    published.publish(write(warehouse, 2))
    assert not link.exists()
    published.rollback(file.parent)
    assert duckdb.sql(f"select distinct number from '{link}/fct_rows.parquet'").fetchall() == [(1,)]


def test_half_a_build_is_not_published(warehouse, tmp_path):
    with pytest.raises(ValueError, match="No warehouse"):
        published.publish(str(warehouse))
    file = published.publish(write(warehouse, 1))
    write(warehouse, 2, is_whole=False)
    with pytest.raises(ValueError, match="no whole build"):
        published.publish(str(warehouse))
    with pytest.raises(ValueError, match="rpt_rows"):
        published.publish(write(warehouse, 3), built={"dim_accounts", "fct_rows"})
    assert set(file.parent.iterdir()) == {file, file.with_name("current.duckdb")}
    assert published.folder_of(str(tmp_path / "test.duckdb")) == tmp_path / "published_test"


@pytest.mark.parametrize("success, kinds, is_published", [
    (True, ("model", "test"), True), (False, ("model", "test"), False), (True, ("model", "unit_test"), False),
])  # fmt: skip
def test_a_build_publishes_when_its_models_and_data_tests_passed(warehouse, monkeypatch, success, kinds, is_published):
    monkeypatch.setenv("ONBOARDING_HEALTH_WAREHOUSE", write(warehouse, 1))
    names = ["dim_accounts", "fct_rows", "rpt_rows"]
    nodes = [SimpleNamespace(name=name, resource_type=kind, depends_on_nodes=[]) for name in names for kind in kinds]
    results = [SimpleNamespace(node=node, status="success") for node in nodes]
    result = object.__new__(build.RunExecutionResult)
    result.results = results
    finished = SimpleNamespace(success=success, exception=None, result=result)
    monkeypatch.setattr(build, "dbtRunner", lambda callbacks: SimpleNamespace(invoke=lambda arguments: finished))
    monkeypatch.setattr(build, "show", lambda: None)
    if success:
        build.build([])
    else:
        with pytest.raises(SystemExit):
            build.build([])
    assert (published.current(published.folder_of()) is not None) == is_published


def test_the_command_publishes_what_its_data_tests_let_through_and_goes_back(warehouse, monkeypatch, capsys):
    monkeypatch.setenv("ONBOARDING_HEALTH_WAREHOUSE", write(warehouse, 1))
    ran, code = [], [1]
    monkeypatch.setattr(cli.subprocess, "run", lambda command, **_: ran.append(command) or SimpleNamespace(returncode=code[0]))
    with pytest.raises(SystemExit, match="data tests have failed"):
        cli.run(["publish"])
    assert published.current(published.folder_of()) is None and ran[0][1:3] == ["--quiet", "test"]
    code[0] = 0
    assert cli.run(["publish"]) == 0 and cli.run(["publish", "--parquet", "--keep", "2"]) == 0
    assert len(published.copies(published.folder_of())) == 2 and len(ran) == 3
    assert cli.run(["publish", "--rollback"]) == 0 and len(ran) == 3
    with pytest.raises(SystemExit, match="oldest copy"):
        cli.run(["publish", "--rollback"])
    assert "current.duckdb see 2025-12-31T210000_build_1.duckdb" in capsys.readouterr().out


@pytest.mark.parametrize("is_built, made", [(False, "demo"), (True, "publish")])
def test_the_dashboard_publishes_the_last_build_or_builds_the_demo_first(warehouse, monkeypatch, is_built, made):
    server = pytest.importorskip("onboarding_health.dashboard.server")
    monkeypatch.setenv("ONBOARDING_HEALTH_WAREHOUSE", write(warehouse, 1) if is_built else str(warehouse))
    monkeypatch.setattr(server, "check", lambda: None)
    monkeypatch.setattr(server, "serve", lambda port: port)
    ran = []
    monkeypatch.setattr(cli.subprocess, "run", lambda command, **_: ran.append(command[3]) or SimpleNamespace(returncode=0))
    assert cli.run(["dashboard", "--port", "8600"]) == 8600 and ran == [made]
    published.publish(write(warehouse, 2))
    assert cli.run(["dashboard"]) == 8501 and ran == [made]
    command = " ".join(server.command(8600))
    assert "--server.address 127.0.0.1" in command and "--browser.gatherUsageStats false" in command
