"""The questions by range joins in DuckDB: runs range_join.sql."""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.in_duckdb")
    parser.add_argument("--inputs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    config = {
        "memory_limit": arguments.memory,
        "threads": arguments.threads,
        "temp_directory": str(arguments.out / ".spill"),
        "preserve_insertion_order": False,
    }
    script = Path(__file__).with_name("range_join.sql").read_text()
    with duckdb.connect(":memory:", config=config) as connection:
        connection.execute(script.replace("{inputs}", str(arguments.inputs)).replace("{out}", str(arguments.out)))


if __name__ == "__main__":
    main()
