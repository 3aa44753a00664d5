"""Builds with dbt behind a progress bar and prints the summary."""

from __future__ import annotations

import os
import sys

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner
from tqdm import tqdm

from . import path_of_warehouse, published
from .summary import show

# What macros say, and a seed that was edited and not loaded; the rest of dbt's lines is the progress.
SAID = ("JinjaLogInfo", "JinjaLogWarning")


def build(options: list[str]) -> None:
    """Build, publish the marts, and print what dbt says on the way and the summary; ends the program with 1 where that fails.

    `options` are those of `dbt build`. Nothing is published where the build failed or no data test was run.
    """
    shape = "{desc:<40.40} {percentage:3.0f}% |{bar:30}| {n_fmt}/{total_fmt} {elapsed}"
    bar = tqdm(bar_format=shape, mininterval=0.1 if sys.stderr.isatty() else 10)

    def watch(event) -> None:
        if event.info.name == "ConcurrencyLine":
            bar.reset(total=event.data.node_count)
        elif event.info.name == "NodeStart":
            bar.set_description_str(event.data.node_info.node_name, refresh=False)
        elif event.info.name == "NodeFinished":
            bar.update()
        elif event.info.name in SAID:
            tqdm.write(event.info.msg)

    interrupted = "Interrupted. What was built is kept: run the same command again, and it goes on from the last whole build."
    try:
        finished = dbtRunner(callbacks=[watch]).invoke(["--quiet", "--no-print", "build", *options])
    except KeyboardInterrupt:
        bar.close()
        sys.exit(interrupted)
    bar.close()
    if isinstance(finished.exception, KeyboardInterrupt):
        sys.exit(interrupted)
    if not finished.success:
        sys.exit("The build has failed, as said above. Once that is mended, run the same command again.")
    assert isinstance(finished.result, RunExecutionResult)
    for result in finished.result.results:
        warned = result.status == "warn" and "model.onboarding_health.fct_build_warnings" not in result.node.depends_on_nodes
        if warned:
            print(f"Warning of {result.node.name}: {result.message}. {' '.join(result.node.description.split())}")
    # dbt still holds the warehouse open, for writing.
    DuckDBConnectionManager.close_all_connections()
    _publish([result.node for result in finished.result.results])
    show()


def _publish(nodes: list) -> None:
    """Publish what was built, where all marts were, and with data tests; say why not, where not. Other engines have no files."""
    if os.environ.get("ONBOARDING_HEALTH_TARGET", "duckdb") != "duckdb":
        return
    if not any(node.resource_type == "test" for node in nodes):
        print("Nothing is published, since no data test was run; `onboarding-health publish` runs them.")
        return
    try:
        print(f"Published {published.publish(path_of_warehouse(), built={node.name for node in nodes})}")
    except ValueError as error:
        print(f"Nothing is published. {error}")
