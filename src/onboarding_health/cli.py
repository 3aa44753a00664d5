"""The command line: `onboarding-health <command>`, run in the project's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from time import perf_counter

import click

from . import PROJECT, path_of_warehouse
from .simulator.kinds import KINDS

#: The team of the demo has been asked since then.
DEMO_ASKED_FROM = "2025-07-01"
DBT_OPTIONS = {"ignore_unknown_options": True, "allow_extra_args": True}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def commands() -> None:
    """Which customers are reaching value, which are not, why, and what to do next: from your own warehouse."""


def _defects(command):
    for kind, (share, reason) in reversed(KINDS.items()):
        text = f"share of rejects ({reason})" if reason else "share of rows, accounts or leavers"
        option = click.option(
            "--" + kind.replace("_", "-"), type=click.FloatRange(0, 0.5), help=f"{text}; {share} with --dirt"
        )
        command = option(command)
    return command


@commands.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder of the raw streams")
@click.option("--accounts", type=int, help="customers (500)")
@click.option("--days", default=730, show_default=True, help="length of the window")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="same seed, same bytes")
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), default="2025-12-31", show_default=True, help="last day")
@click.option("--events", type=int, help="product events wanted, about")
@click.option("--dirt", is_flag=True, help="all defects at their small shares")
@_defects
def simulate(out: Path, end: datetime, dirt: bool, **options) -> int:
    """Write the raw event streams of a simulated SaaS company, and the truth behind them."""
    from .simulator.run import simulate as run

    shares = {kind: options.pop(kind) for kind in KINDS}
    shares = {kind: share if share is not None else KINDS[kind][0] * dirt for kind, share in shares.items()}
    begun = perf_counter()
    try:
        total = run(out, end=end.date(), shares=shares, **options)
    except ValueError as error:
        print(f"simulate: {error}", file=sys.stderr)
        return 2
    print(f"{total:,} product events in {perf_counter() - begun:.1f} s under {out}")
    return 0


def _demo_options(command):
    for option in (
        click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="same seed, same bytes"),
        click.option("--days", default=730, show_default=True, help="length of the window of the demo"),
        click.option("--accounts", default=500, show_default=True, help="customers of the demo"),
    ):
        command = option(command)
    return command


def _stream_options(command):
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    for option in (
        click.option("--source", type=folder, help="folder of those tables, of several connectors a folder each"),
        click.option("--connector", help="folders of connectors/, joined by +, that make the streams of others' tables"),
        click.option("--raw", type=click.Path(path_type=Path), help="folder of streams: <stream>/*.parquet, csv or ndjson"),
    ):
        command = option(command)
    return command


def _dbt_options(command):
    command = click.argument("dbt_options", nargs=-1, type=click.UNPROCESSED)(command)
    return click.option("--vars", "variables", default="{}", help="more variables for dbt, as YAML")(command)


def _make_demo(raw: Path, accounts: int, days: int, seed: int) -> Path:
    """Make the demo's raw streams, unless they are there as the simulator's code would make them; returns their folder."""
    from .simulator.run import simulate as make

    code = max(path.stat().st_mtime for path in (PROJECT / "src").rglob("simulator/*.py"))
    made_of, wanted = raw / "made_of", f"{accounts} {days} {seed}"
    is_made = made_of.exists() and made_of.read_text() == wanted and made_of.stat().st_mtime > code
    if not is_made:
        try:
            make(raw, accounts=accounts, days=days, seed=seed)
        except ValueError as error:
            sys.exit(f"demo: {error}")
        made_of.write_text(wanted)
    return raw


def _connect(connector: str, source: Path | None, raw: Path | None) -> Path:
    """Make the raw streams by a connector, a small dbt project of its own, or by several; returns their folder.

    Several, written with + between them, read a folder of source each and fill one folder of streams. The crosswalk, which runs
    before them, says which of their records are one account. A stream that none of them writes has no events.
    What is run next has the connector's opinions, and its warehouse where no other is named.
    """
    from .raw_files import ENVELOPE, STREAMS

    names, joined = connector.split("+"), connector.replace("+", "_")
    raw = raw or Path(f"raw_{joined}")
    known = sorted(path.parent.name for path in (PROJECT / "connectors").glob("*/models") if path.parent.name != "crosswalk")
    for name in names:
        if name not in known:
            raise click.UsageError(f"No connector {name}. There are: {', '.join(known)}")
    if source is None:
        raise click.UsageError(f"Say where the tables are: --connector {connector} --source <folder>")
    if len(names) == 1:
        _run_connector(connector, source, raw)
    else:
        lacking = [name for name in names if not (source / name).is_dir()]
        if lacking:
            raise click.UsageError(f"{source} lacks {', '.join(lacking)}: each of several connectors reads its own folder there.")
        _run_connector("crosswalk", source, raw)
        for name in names:
            _run_connector(name, source / name, raw)
        print((raw / "crosswalk_coverage0.csv").read_text(), end="")
    for stream in STREAMS:
        if not (raw / stream).is_dir():
            (raw / stream).mkdir()
            (raw / stream / "none.csv").write_text(",".join(ENVELOPE) + "\n")
    if (PROJECT / "connectors" / connector / "opinions").is_dir():
        os.environ.setdefault("ONBOARDING_HEALTH_OPINIONS", f"connectors/{connector}/opinions")
    os.environ.setdefault("ONBOARDING_HEALTH_WAREHOUSE", f"{joined}.duckdb")
    return raw


def _run_connector(name: str, source: Path, raw: Path) -> None:
    """Build a connector's project; it reads the lists of the crosswalk where these lie beside the streams."""
    folders = {"SOURCE": str(source.resolve()), "RAW": str(raw.resolve()), "CROSSWALK": str(raw.resolve())}
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "build"]
    if subprocess.run(command, cwd=PROJECT / "connectors" / name, env=os.environ | folders).returncode:
        sys.exit(f"The connector {name} has failed, as said above.")


def _build(raw: Path, variables: str, dbt_options: tuple[str, ...], **defaults: str) -> None:
    """Build from a folder of raw streams; the caller's variables go before the defaults."""
    import yaml

    from .build import build as run

    own = yaml.safe_load(variables)
    if not isinstance(own, dict):
        raise click.UsageError("--vars is no YAML mapping. Write it like --vars 'as_of: 2025-06-30'.")
    print(f"Building the marts from {raw}")
    run([*dbt_options, "--vars", json.dumps({"raw_path": str(raw)} | defaults | own, default=str)])


@commands.command(context_settings=DBT_OPTIONS)
@_demo_options
@click.option("--raw", type=click.Path(path_type=Path), default="raw", show_default=True, help="folder of the raw streams")
@_dbt_options
def demo(accounts: int, days: int, seed: int, raw: Path, variables: str, dbt_options: tuple[str, ...]) -> None:
    """Make the demo company, build everything and print what it says; DBT_OPTIONS are those of `dbt build`."""
    _build(_make_demo(raw, accounts, days, seed), variables, dbt_options, tasks_from=DEMO_ASKED_FROM)


@commands.command(context_settings=DBT_OPTIONS)
@_stream_options
@_dbt_options
def build(
    raw: Path | None, connector: str | None, source: Path | None, variables: str, dbt_options: tuple[str, ...]
) -> None:
    """Build everything from raw streams (in raw/, or those of a connector) and print what it says.

    DBT_OPTIONS are those of `dbt build`. With a connector the opinions are those of connectors/<name>/opinions, the streams are
    made in raw_<name>, and the warehouse is <name>.duckdb where ONBOARDING_HEALTH_WAREHOUSE names no other.
    """
    _build(_connect(connector, source, raw) if connector else raw or Path("raw"), variables, dbt_options)


@commands.command()
@_stream_options
@_demo_options
def replay(raw: Path | None, connector: str | None, source: Path | None, accounts: int, days: int, seed: int) -> None:
    """Build the past in order, into a new warehouse: is the score good as it was known then.

    It is the past of the streams in --raw, of a connector's, or else of the demo.
    """
    from .replay import replay as run

    run(_connect(connector, source, raw) if connector else raw or _make_demo(Path("raw"), accounts, days, seed))


@commands.command()
def summary() -> None:
    """Print what the last build says: bands, time to value, who is at risk, what to do, what warned."""
    from .summary import show

    show()


@commands.command()
@click.option("--out", type=click.Path(path_type=Path), default="digests", show_default=True, help="folder of the pages")
def digest(out: Path) -> None:
    """Write a page per owner of accounts: what to do today, what changed, why, and where the accounts stand."""
    from .digest import write_all

    write_all(out)


@commands.command()
@click.option("--rollback", is_flag=True, help="go back to the copy before the one in use")
@click.option("--parquet", is_flag=True, help="write Parquet files beside it, for other tools")
@click.option("--keep", type=click.IntRange(1), default=5, show_default=True, help="copies to keep")
def publish(rollback: bool, parquet: bool, keep: int) -> None:
    """Run the data tests of the last build and publish its marts for readers: published/current.duckdb beside the warehouse.

    `demo` and `build` publish by themselves. Readers see a whole copy and never wait for a build, nor it for them.
    """
    from . import published

    warehouse = path_of_warehouse()
    if not rollback:
        _test()
    try:
        file = published.rollback(published.folder_of(warehouse)) if rollback else published.publish(warehouse, parquet, keep)
    except ValueError as error:
        sys.exit(str(error))
    print(f"Readers of {file.with_name(published.LINK)} see {file.name}.")


@commands.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
def dashboard(port: int) -> int:
    """Serve the pages of the published marts on 127.0.0.1; publishes the last build, or builds the demo, where nothing is yet."""
    from . import published
    from .dashboard.server import check, serve

    check()
    if published.current(published.folder_of()) is None:
        made = ["publish"] if Path(path_of_warehouse()).exists() else ["demo", "--selector", "nightly"]
        print(f"Nothing is published yet: onboarding-health {' '.join(made)}", flush=True)
        if code := subprocess.run([sys.executable, "-m", "onboarding_health", *made]).returncode:
            return code
    return serve(port)


@commands.command()
@click.option("--owner", help="the accounts of one owner first, and all of them")
@click.option("--segment", help="one segment")
@click.option("--out", type=click.Path(path_type=Path), default="report.html", show_default=True, help="file to write")
def report(owner: str | None, segment: str | None, out: Path) -> None:
    """Write the published pages' charts and today's first accounts as one HTML file that needs nothing else."""
    if owner and segment:
        raise click.UsageError("Name an owner or a segment, not both.")
    from .dashboard.server import check

    check()
    from streamlit.logger import set_log_level

    set_log_level("ERROR")  # Streamlit warns that it serves no page, which is meant.
    from .dashboard.report import write

    write(out, owner, segment)


def _test() -> None:
    """Run the data tests on the warehouse; ends the program where one fails."""
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "test", "--exclude-resource-type", "unit_test"]
    if Path(path_of_warehouse()).exists() and subprocess.run(command).returncode:
        sys.exit("Nothing is published: data tests have failed, as said above.")


def _warehouse_option(command):
    text = "DuckDB file; ONBOARDING_HEALTH_WAREHOUSE names another default"
    return click.option("--warehouse", default=path_of_warehouse, show_default="onboarding_health.duckdb", help=text)(command)


@commands.command()
@click.option("--send", "is_sent", is_flag=True, help="really send")
@_warehouse_option
def sync(warehouse: str, is_sent: bool) -> int:
    """Send what changed since it was last acknowledged to the active destinations of seeds/sync.

    Without --send it shows what would be sent, and sends and writes nothing.
    """
    from .delivery.sync import sync as run

    return run(warehouse, is_sent)


def _proposal(command):
    for option in (
        click.option("--version", default="candidate", show_default=True, help="name of the proposed version"),
        click.option("--opinions", type=click.Path(path_type=Path), default="seeds", show_default=True,
                     help="folder that holds scoring/"),
        click.option("--out", type=click.Path(path_type=Path), default="candidate", show_default=True,
                     help="folder of the proposal"),
    ):  # fmt: skip
        command = option(command)
    return command


@commands.command("train-weights")
@_proposal
@_warehouse_option
@click.option("--horizon", default=30, show_default=True, help="days, a row of validation_horizons.csv")
@click.option("--folds", default=5, show_default=True, help="blocks of time, and groups of accounts")
@click.option("--max-correlation", default=0.8, show_default=True, help="Spearman's rho of two metrics kept")
@click.option("--min-observed", default=0.2, show_default=True, help="share of observations that have a metric")
@click.option("--free", is_flag=True, help="let the trees go against a metric's direction")
def train_weights(**options) -> int:
    """Propose weights of the score from the history of the warehouse, as seed rows for a pull request."""
    from .weights.propose import train

    return train(**options)


@commands.command()
@_proposal
@click.argument("judgements", type=click.Path(path_type=Path))
def weigh(**options) -> int:
    """Propose weights of the score where there is no history.

    JUDGEMENTS is a CSV file of metric, other_metric, preference (1/9 to 9): pairwise judgements (AHP).
    """
    from .weights.propose import weigh as run

    return run(**options)


@commands.command("true-hazard")
@click.argument("truth", type=click.Path(path_type=Path), default="raw/_truth")
def true_hazard(truth: Path) -> None:
    """Print how well the demo's score predicts churn, beside what its true hazard would allow."""
    from .simulator.true_hazard import show

    show(truth)


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 2 for a wrong call, else what the command says."""
    try:
        return commands.main(arguments, prog_name="onboarding-health", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130


def main() -> None:
    """Run the command that the shell gave and end the program with its exit code."""
    sys.exit(run())
