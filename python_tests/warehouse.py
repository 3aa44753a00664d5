"""Runs the project's compiled SQL in an in-memory DuckDB, so that hundreds of companies can be built in one test.

dbt compiles the project once; the models are then plain SQL in dependency order. What the tests need of dbt alone stands in
`target/tests`, by the project's content, so that processes and later runs share it.
"""

from __future__ import annotations

import csv
import datetime as dt
import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import jinja2
import pandas as pd

from onboarding_health import raw_files

PROJECT = Path(__file__).resolve().parents[1]
STREAMS = ("product", "crm", "support", "billing", "survey")
ENVELOPE = ("event_id", "event_type", "account_id", "user_id", "occurred_at", "loaded_at", "payload")
_AS_OF, _KNOWN_AT = "1111-11-11", "1111-11-11 11:11:11"
_ABROAD = "America/New_York"  # The timezone of a company that is not in UTC; another one takes its place.
TASKS_FROM = "2000-01-01"  # As if somebody had been asked ever since, so that a company has tasks of all its days.
_WITH_PARSED = """
import sys
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

manifest = Manifest.from_msgpack(open(sys.argv[1], "rb").read())
manifest.build_flat_graph()
result = dbtRunner(manifest=manifest).invoke(sys.argv[2:])
sys.exit(2 if result.exception else not result.success)
"""


def examples(number: int) -> int:
    """How many drawn examples a test has: so many, times EXAMPLES (1; 0.5 in CI), and at least one."""
    return max(1, round(number * float(os.environ.get("EXAMPLES", "1"))))


@functools.cache
def _shared() -> Path:
    """The folder of what is made of this content of the project."""
    files = [PROJECT / name for name in ("dbt_project.yml", "profiles.yml", "constraints.txt")]
    for folder in ("analyses", "macros", "models", "seeds", "tests"):
        files += sorted(path for path in (PROJECT / folder).rglob("*") if path.is_file())
    content = hashlib.sha256(Path(__file__).read_bytes())
    for path in files:
        content.update(f"\0{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    folder = PROJECT / "target" / "tests" / content.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _once(name: str, make: Callable[[], bytes]) -> Path:
    """The file of what `make` returns; one process makes it and the others wait."""
    path = _shared() / name
    with open(_shared() / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            unfinished = path.with_suffix(".unfinished")
            unfinished.write_bytes(make())
            unfinished.replace(path)
    return path


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *command], cwd=PROJECT, env={**os.environ, **environment}, capture_output=True, text=True
    )


def _parsed() -> Path:
    """dbt's parsed project, for a DuckDB whose database is called memory."""

    def parse() -> bytes:
        with tempfile.TemporaryDirectory() as target:
            options = ["--target-path", target, "--log-path", target]
            finished = _run(["-m", "dbt.cli.main", "parse", *options], {"ONBOARDING_HEALTH_WAREHOUSE": ":memory:"})
            if finished.returncode:
                raise RuntimeError(finished.stdout)
            return (Path(target) / "partial_parse.msgpack").read_bytes()

    return _once("parsed.msgpack", parse)


def semantic_manifest() -> str:
    """Return the semantic models and metrics, as `dbt parse` writes them for MetricFlow: JSON."""

    def make() -> bytes:
        from dbt.contracts.graph.manifest import Manifest
        from dbt.contracts.graph.semantic_manifest import SemanticManifest

        manifest = Manifest.from_msgpack(_parsed().read_bytes())
        with tempfile.NamedTemporaryFile() as file:
            SemanticManifest(manifest).write_json_to_file(file.name)
            return Path(file.name).read_bytes()

    return _once("semantic_manifest.json", make).read_text()


def copied_opinions(folder: Path, own: Iterable[str] = ("catalog", "scoring")) -> dict[str, str]:
    """Make a folder of opinions: copies of its own folders of seeds, links to the others.

    Returns the environment variable that names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for seeds in sorted(path for path in (PROJECT / "seeds").iterdir() if path.is_dir()):
        if seeds.name in own:
            shutil.copytree(seeds, folder / seeds.name)
        else:
            (folder / seeds.name).symlink_to(seeds)
    return {"ONBOARDING_HEALTH_OPINIONS": os.path.relpath(folder, PROJECT)}


def dbt(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run dbt in the project folder.

    Parameters are dbt's own arguments; keywords are environment variables. Returns the finished process with
    `stdout` as text; a failing dbt raises nothing, so callers check `returncode`.

    Nothing is parsed again where the run would parse the same: in a DuckDB in memory or in a file `memory.duckdb` (the
    parsed project names the database), with the project's own opinions, target and schemas.
    """
    file = environment.get("ONBOARDING_HEALTH_WAREHOUSE", "")
    is_same = file == ":memory:" or Path(file).name == "memory.duckdb"
    if {*environment, *os.environ} & {"ONBOARDING_HEALTH_OPINIONS", "ONBOARDING_HEALTH_TARGET"}:
        is_same = False
    if {"parse", "--no-partial-parse", "--target"} & set(arguments) or "raw_schema" in " ".join(arguments):
        is_same = False
    start = ["-c", _WITH_PARSED, str(_parsed())] if is_same else ["-m", "dbt.cli.main"]
    return _run([*start, "--no-use-colors", *arguments], environment)


@functools.cache
def compiled(at_a_moment: bool = False, abroad: bool = False) -> dict:
    """Return dbt's manifest with the SQL of every model compiled for an in-memory DuckDB.

    With `at_a_moment`, `as_of` and `known_at` are placeholders that `build` replaces; `abroad`, the timezone is one. Raises
    RuntimeError with dbt's output where the project doesn't compile.
    """

    def compile_project() -> bytes:
        with tempfile.TemporaryDirectory() as target:
            variables = {"tasks_from": TASKS_FROM, "company_timezone": _ABROAD if abroad else "UTC"}
            variables |= {"as_of": _AS_OF, "known_at": _KNOWN_AT} if at_a_moment else {}
            finished = dbt(
                "compile", "--target-path", target, "--log-path", target, "--vars", json.dumps(variables),
                ONBOARDING_HEALTH_WAREHOUSE=":memory:",
            )  # fmt: skip
            if finished.returncode:
                raise RuntimeError(finished.stdout)
            return (Path(target) / "manifest.json").read_bytes()

    name = "compiled" + "_at_a_moment" * at_a_moment + "_abroad" * abroad
    return json.loads(_once(f"{name}.json", compile_project).read_text())


@functools.cache
def _plan(
    at_a_moment: bool, needed: tuple[str, ...] | None = None, abroad: bool = False
) -> tuple[list[dict], list[dict]]:
    """The seeds, and in the order in which they are built the models: all, or those needed and what they rest on."""
    nodes = compiled(at_a_moment, abroad)["nodes"]
    seeds = [node for node in nodes.values() if node["resource_type"] == "seed"]
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    ordered: dict[str, dict] = {}

    def visit(key: str) -> None:
        if key in models and key not in ordered:
            for parent in models[key]["depends_on"]["nodes"]:
                visit(parent)
            ordered[key] = models[key]

    wanted = sorted(key for key, node in models.items() if needed is None or node["name"] in needed)
    assert needed is None or len(wanted) == len(set(needed)), f"not all of {needed} are models"
    for key in wanted:
        visit(key)
    return seeds, list(ordered.values())


@functools.cache
def seed_rows() -> dict[str, list[dict]]:
    """Return every seed as a list of rows of text, as the CSV file holds them ('' is null); not to be changed."""
    rows = {}
    for seed in _plan(False)[0]:
        with open(PROJECT / seed["original_file_path"], newline="") as file:
            rows[seed["name"]] = list(csv.DictReader(file))
    return rows


@functools.cache
def sync_log() -> str:
    """Return the statements with which the hook creates the tables of the sender, in schema `main`."""
    statements: list[str] = []
    macro = compiled()["macros"]["macro.onboarding_health.create_sync_log"]["macro_sql"]
    template = jinja2.Environment(extensions=["jinja2.ext.do"]).from_string(macro + "{{ create_sync_log() }}")
    template.render(run_query=statements.append, target={"schema": "main"}, dbt={"type_string": lambda: "varchar"})
    return "; ".join(statements)


class _Returned(Exception):
    """What a macro returns, as dbt's `return` raises it."""


class Messages(list):
    """What a macro logs; `problem` is what it stops the build with."""

    problem: str | None = None


class _Table:
    def __init__(self, rows: list[tuple]):
        self.rows = rows
        self.columns = [_Column([row[place] for row in rows]) for place in range(len(rows[0]) if rows else 9)]


class _Column(list):
    def values(self) -> list:
        return self


class _Stopped(Exception):
    """The message with which a macro stops the build."""


class _Registering:
    """The macros that register files, as functions; `connection`, `root` and `messages` are those of the run."""

    def __init__(self):
        path = PROJECT / "macros" / "cross_db" / "register_raw_streams.sql"
        found = re.findall(r"({%-? macro (\w+).*?endmacro -?%})", path.read_text(), re.DOTALL)
        self.environment = jinja2.Environment(extensions=["jinja2.ext.do"])
        self.environment.globals |= {
            "run_query": self._run_query, "return": self._return, "execute": True, "modules": {"re": re}, "fromjson": json.loads,
            "var": lambda name: {"raw_path": str(self.root), "raw_schema": "raw"}[name],
            "target": {"schema": "main", "type": "duckdb"}, "flags": {"WHICH": "run", "FULL_REFRESH": False},
            "dbt": {"type_string": lambda: "varchar"},
            "log": lambda text, info: self.messages.append(text), "exceptions": {"raise_compiler_error": self._stop},
            "adapter": {"dispatch": lambda name: self.environment.globals[f"duckdb__{name}"]},
        } | {name: self._function(name, text) for text, name in found}  # fmt: skip

    def _run_query(self, sql: str) -> _Table:
        cursor = self.connection.execute(sql)
        return _Table(cursor.fetchall() if cursor.description else [])

    def _return(self, value: object) -> None:
        raise _Returned(value)

    def _stop(self, message: str) -> None:
        raise _Stopped(message)

    def _function(self, name: str, text: str) -> Callable:
        @functools.cache
        def macro() -> Callable:
            return getattr(self.environment.from_string(text).module, name)

        def call(*arguments: object, **named: object) -> object:
            try:
                return str(macro()(*arguments, **named))
            except _Returned as returned:
                return returned.args[0]

        return call

    def run(self, connection: duckdb.DuckDBPyConnection, root: Path) -> Messages:
        self.connection, self.root, self.messages = connection, root, Messages()
        try:
            self.environment.globals["register_raw_streams"]()
        except _Stopped as stopped:
            self.messages.problem = str(stopped)
        return self.messages


_registering = functools.cache(_Registering)


def register_files(connection: duckdb.DuckDBPyConnection, root: Path) -> Messages:
    """Register the files under a folder as the raw streams, as the hook does it at the start of a run."""
    return _registering().run(connection, root)


def raw_frames(events: dict[str, list[dict]]) -> dict[str, pd.DataFrame]:
    """Return one frame of envelope columns per stream from rows of dicts; a missing stream becomes an empty frame."""
    frames = {}
    for stream in STREAMS:
        frame = pd.DataFrame(events.get(stream, []), columns=list(ENVELOPE), dtype=object)
        for column in ("occurred_at", "loaded_at"):
            frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]")
        frames[stream] = frame
    return frames


def _literal(value: str | None) -> str:
    return "'" + value.replace("'", "''") + "'" if value else "null"


def _seed_sql(node: dict, rows: list[dict]) -> str:
    types = node["config"]["column_types"]
    columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
    values = ", ".join(f"({', '.join(_literal(row[column]) for column in types)})" for row in rows)
    insert = f"insert into {node['name']} values {values};" if rows else ""
    return f"create table {node['name']} ({columns}); {insert}"


@functools.cache
def _default_seeds() -> dict[str, str]:
    return {node["name"]: _seed_sql(node, seed_rows()[node["name"]]) for node in _plan(False)[0]}


def seeded(seeds: dict[str, list[dict]] | None = None, threads: int = 1) -> duckdb.DuckDBPyConnection:
    """Return a connection to a new in-memory DuckDB that holds the seeds and nothing else.

    `seeds` replaces seeds by name with rows of text ('' or None is null).
    """
    config = {
        "threads": threads,
        "preserve_insertion_order": False,
        "memory_limit": "2GB",  # and no spilling, so that a join that explodes fails instead of filling the machine
        "max_temp_directory_size": "0KB",
    }
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("set TimeZone = 'UTC'")
    scripts = dict(_default_seeds())
    for node in _plan(False)[0]:
        if seeds and node["name"] in seeds:
            scripts[node["name"]] = _seed_sql(node, seeds[node["name"]])
    connection.execute(" ".join(scripts.values()))
    return connection


def model_sql(name: str) -> str:
    """Return the compiled query of a model; it reads its parents from schema `main`. KeyError where there is none."""
    return {node["name"]: node["compiled_code"] for node in _plan(False)[1]}[name]


def _fill_raw(connection: duckdb.DuckDBPyConnection, frames: dict[str, pd.DataFrame]) -> None:
    columns = ", ".join(
        f"{column}::{'timestamp' if column.endswith('_at') else 'varchar'} as {column}" for column in ENVELOPE
    )
    for stream in STREAMS:
        connection.register("frame", frames[stream])
        connection.execute(f"insert into raw.{stream}_events select {columns} from frame")


def _empty_warehouse(seeds: dict[str, list[dict]] | None, threads: int) -> duckdb.DuckDBPyConnection:
    connection = seeded(seeds, threads)
    _create_logs(connection)
    connection.execute("create schema raw")
    for stream in STREAMS:
        columns = ", ".join(
            f"{column} {'timestamp' if column.endswith('_at') else 'varchar'}" for column in ENVELOPE
        )
        connection.execute(f"create table raw.{stream}_events ({columns})")
    return connection


def _create_logs(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "create table completed_builds (build_number bigint, known_at timestamp, as_of date, tracking_starts varchar, "
        "intake_definition varchar, definition varchar);"
        "create table unreadable_rows (source varchar, file varchar, place varchar, problem varchar, text varchar);"
        "create table started_builds (run_number bigint, build_number bigint, intake_definition varchar, "
        "definition varchar, moment varchar);"
        "create table loaded_seeds (load_number bigint, seed varchar, checksum varchar)"
    )
    checksums = [(node["name"], node["checksum"]["checksum"][:8]) for node in _plan(False)[0]]
    connection.executemany("insert into loaded_seeds values (1, ?, ?)", checksums)
    connection.execute(sync_log())


def _by_clock(node: dict, sql: str, clock: dt.datetime | None) -> str:
    """The SQL as dbt compiles it when the run begins at `clock`: now, where there is none."""
    if node["name"] != "base_build_moment":
        return sql
    now = clock or dt.datetime.now(dt.UTC).replace(tzinfo=None)
    latest = (now + dt.timedelta(minutes=10)).strftime("%Y-%m-%d %H:%M:%S")
    return sql.replace(re.search(r"cast\('([^']+)' as timestamp\) as latest_load_at", sql)[1], latest)


def _in_timezone(sql: str, timezone: str) -> str:
    """What was compiled for a company that is not in UTC, for one in this timezone."""
    return sql.replace(f"'{_ABROAD}'", f"'{timezone}'")


def _create(connection: duckdb.DuckDBPyConnection, node: dict, sql: str) -> None:
    kind = "view" if node["config"]["materialized"] == "view" else "table"
    connection.execute(f"create or replace {kind} {node['name']} as {sql}")


def build(
    frames: dict[str, pd.DataFrame],
    *,
    seeds: dict[str, list[dict]] | None = None,
    as_of: object = None,
    known_at: object = None,
    threads: int = 1,
    needed: tuple[str, ...] | None = None,
    clock: dt.datetime | None = None,
    timezone: str = "UTC",
) -> duckdb.DuckDBPyConnection:
    """Build every model from raw frames and return the connection that holds them in schema `main`.

    `frames` has one frame of envelope columns per stream; `seeds` replaces seeds by name (see `seeded`); `as_of`
    (date) and `known_at` (datetime) go together or not at all; `needed` names models, and leaves out what they do not
    rest on; `clock` is when the run begins, now where it is not given; `timezone` is the company's. Raises duckdb.Error
    where a model fails, with its message.
    """
    connection = _empty_warehouse(seeds, threads)
    _fill_raw(connection, frames)
    for node in _plan(as_of is not None, needed, timezone != "UTC")[1]:
        sql = _in_timezone(_by_clock(node, node["compiled_code"], clock), timezone)
        if as_of is not None:
            sql = sql.replace(_KNOWN_AT, str(known_at)).replace(_AS_OF, str(as_of))
        _create(connection, node, sql)
    return connection


class FileHouse:
    """A warehouse whose raw streams are files: each build reads a folder and makes anew what rests on it."""

    def __init__(self, needed: tuple[str, ...]):
        """`needed` is that of `build`; what does not rest on raw rows is built once."""
        self.connection = seeded()
        _create_logs(self.connection)
        raw_files.Plugin.configure_connection(None, self.connection)
        self.models, read = [], {key for key in compiled()["sources"] if ".raw." in key or key.endswith(".unreadable_rows")}
        for node in _plan(False, needed)[1]:
            if read & set(node["depends_on"]["nodes"]):
                read.add(node["unique_id"])
                self.models.append(node)
            else:
                _create(self.connection, node, node["compiled_code"])

    def build(self, root: Path) -> Messages:
        """Build from the files; where they stop the build, only its messages tell. Raises duckdb.Error where a model fails."""
        messages = register_files(self.connection, root)
        if not messages.problem:
            for node in self.models:
                _create(self.connection, node, _by_clock(node, node["compiled_code"], None))
        return messages


@functools.cache
def _increments() -> tuple[dict[str, list[str]], dict[str, str], str, str]:
    """What dbt runs in an incremental build: the hooks' statements and the query by model, and what records its start and end.

    They are read from dbt's log and manifest of a second run over a warehouse without events.
    """
    return tuple(json.loads(_once("increments.json", _run_increments).read_text()))


def _run_increments() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        for stream in STREAMS:
            (Path(folder) / "raw" / stream).mkdir(parents=True)
            raw_frames({})[stream].to_parquet(Path(folder) / "raw" / stream / "none.parquet")
        variables = json.dumps({"raw_path": f"{folder}/raw", "tasks_from": TASKS_FROM})
        # Without a limit, so that the beginning of a long log lies in no other file.
        options = ["--target-path", folder, "--log-path", folder, "--log-file-max-bytes", "0", "--vars", variables]
        for command in (["seed"], ["run"], ["run", "--log-format-file", "json"]):
            (Path(folder) / "dbt.log").unlink(missing_ok=True)
            finished = dbt(*command, *options, ONBOARDING_HEALTH_WAREHOUSE=f"{folder}/memory.duckdb")
            if finished.returncode:
                raise RuntimeError(finished.stdout)
        log = [json.loads(line)["data"] for line in (Path(folder) / "dbt.log").read_text().splitlines()]
        manifest = json.loads((Path(folder) / "manifest.json").read_text())

    def here(sql: str) -> str:
        return sql.split("*/", 1)[-1].strip()

    run = [(entry["conn_name"].split(".")[-1], here(entry["sql"])) for entry in log if "sql" in entry]
    hooks: dict[str, list[str]] = {}
    for model, sql in run:
        if sql.startswith("delete"):
            hooks.setdefault(model, []).append(sql)
    queries = {
        node["name"]: here(node["compiled_code"])
        for node in manifest["nodes"].values()
        if node["config"]["materialized"] == "incremental"
    }
    (start,) = {sql for _, sql in run if sql.startswith("insert into main.started_builds")}
    (record,) = {sql for _, sql in run if sql.startswith("insert into main.completed_builds")}
    return json.dumps([hooks, queries, start, record]).encode()


class Nightly:
    """A warehouse that is built again and again as `dbt run` does it: whole the first time, by increments afterwards."""

    def __init__(
        self, seeds: dict[str, list[dict]] | None = None, threads: int = 1, needed: tuple[str, ...] | None = None
    ):
        """`seeds` replaces seeds by name, as in `seeded`; `needed` is that of `build`."""
        self.models = _plan(False, needed)[1]
        self.seeds = dict(seeds or {})
        self.checksums: dict[str, str] = {}
        self.connection = _empty_warehouse(self.seeds, threads)
        self.built: set[str] = set()
        self.clock: dt.datetime | None = None  # when the next run begins; None: now

    def load(self, frames: dict[str, pd.DataFrame]) -> None:
        """Append raw rows."""
        _fill_raw(self.connection, frames)

    def change_seed(self, name: str, rows: list[dict]) -> None:
        """Replace a seed, as an edited CSV and `dbt seed` do."""
        (node,) = (node for node in _plan(False)[0] if node["name"] == name)
        self.connection.execute(f"drop table {name}; {_seed_sql(node, rows)}")
        self.seeds[name] = rows
        if rows == seed_rows()[name]:
            self.checksums.pop(name, None)
        else:
            self.checksums[name] = hashlib.sha256(repr(rows).encode()).hexdigest()[:8]
        self.connection.execute(
            "insert into loaded_seeds select max(load_number) + 1, $1, $2 from loaded_seeds where seed = $1",
            [name, self.checksums.get(name, node["checksum"]["checksum"][:8])],
        )

    def _as_defined(self, sql: str) -> str:
        for name, checksum in self.checksums.items():
            sql = re.sub(rf"\b{name}:[0-9a-f]{{8}}", f"{name}:{checksum}", sql)
        return sql

    def build(self, stop_before: int | None = None) -> None:
        """Build the models once, or only the first `stop_before` of them, as a build that is killed.

        Raises duckdb.Error where a model fails; what its hook deleted is back then.
        """
        hooks, queries, start, record = _increments()
        self.connection.execute(self._as_defined(start))
        for position, node in enumerate(self.models):
            if position == stop_before:
                return
            name = node["name"]
            if name not in queries or name not in self.built:
                sql = _by_clock(node, node["compiled_code"], self.clock)
                _create(self.connection, node, sql)
                self.built.add(name)
                continue
            self.connection.execute("begin")
            try:
                for hook in hooks.get(name, []):
                    self.connection.execute(hook)
                self.connection.execute(f"create temp table added as {queries[name]}")
                self.connection.execute(f"insert into {name} by name select * from added; drop table added")
                self.connection.execute("commit")
            except duckdb.Error:
                self.connection.execute("rollback")
                raise
        self.connection.execute(record)

    def __len__(self) -> int:
        """The number of models that a build makes."""
        return len(self.models)


def published(connection: duckdb.DuckDBPyConnection, restated_only: bool = False) -> dict[str, list[tuple]]:
    """Return the rows of every mart, by the mart's name: what two builds are compared on.

    The columns stand in alphabetical order and the rows are sorted. With `restated_only` the rows whose basis is what was
    known then are left out: they depend on when builds were made.
    """
    marts = {}
    for node in _plan(False)[1]:
        if node["path"].startswith("marts/"):
            names = sorted(column[0] for column in connection.execute(f"describe {node['name']}").fetchall())
            query = f"select {', '.join(names)} from {node['name']} "
            if restated_only and "basis" in names:
                query += "where basis <> 'known_then' "
            query += "order by all"
            marts[node["name"]] = connection.execute(query).fetchall()
    return marts


def difference(one: dict[str, list[tuple]], other: dict[str, list[tuple]], skip: tuple = ()) -> str | None:
    """Say where two results of `published` first differ, but for the marts to skip; None where nowhere."""
    assert one.keys() == other.keys()
    for mart in one.keys() - set(skip):
        first, second = Counter(one[mart]), Counter(other[mart])
        if first != second:
            only = [
                sorted((left - right).elements(), key=str)
                for left, right in ((first, second), (second, first))
            ]
            return (
                f"{mart}: {len(only[0])} rows only in the first, {len(only[1])} only in the second: "
                + " | ".join(str(rows[0]) for rows in only if rows)
            )
    return None
