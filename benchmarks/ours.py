"""The project's own SQL for the peers' questions: the compiled models, one after another, on a finished warehouse."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import duckdb


def is_asked(node: dict) -> bool:
    """Tell whether a dbt node answers the peers' questions and keeps its answer in a table."""
    return (
        node["resource_type"] == "model"
        and node["config"]["materialized"] in ("table", "incremental")
        and ("/usage/" in node["original_file_path"] or "milestone_event" in node["name"])
    )


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ours")
    parser.add_argument("--warehouse", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True, help="JSON file: name and SQL of each model")
    parser.add_argument("--spill", type=Path, required=True)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    config = {
        "memory_limit": arguments.memory,
        "threads": arguments.threads,
        "temp_directory": str(arguments.spill),
        "preserve_insertion_order": False,
    }
    with duckdb.connect(str(arguments.warehouse), read_only=True, config=config) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for place, (_, sql) in enumerate(json.loads(arguments.queries.read_text())):
            connection.execute(f"create temp table answer_{place} as {sql}")
            connection.execute(f"drop table temp.answer_{place}")


if __name__ == "__main__":
    main()
