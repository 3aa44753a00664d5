"""The example project that installs this one as a package: a copy of it with streams of two accounts, and dbt in it."""

import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import warehouse
from warehouse import PROJECT


def raw_frames() -> dict[str, pd.DataFrame]:
    """The raw streams of two accounts that were created, by stream."""
    moment = datetime(2025, 3, 3, 9)
    rows = [
        {"event_id": account, "event_type": "account_created", "account_id": account, "user_id": None, "payload": "{}"}
        | {"occurred_at": moment, "loaded_at": moment + timedelta(days=1)}
        for account in "ab"
    ]
    return warehouse.raw_frames({"crm": rows})


def install(folder: Path) -> None:
    """Copy the example project into a folder, with this project as its package, and run `dbt deps`."""
    shutil.copytree(PROJECT / "python_tests" / "consumer", folder)
    (folder / "packages.yml").write_text(f"packages:\n  - local: {PROJECT}\n")
    assert dbt(folder, "deps").returncode == 0


def dbt(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run dbt in the consumer's folder; returns the finished process with its text."""
    environment = os.environ | {"CONSUMER_WAREHOUSE": str(folder / "consumer.duckdb"), "PYTHONPATH": str(PROJECT / "src")}
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def build(folder: Path, variables: str, *arguments: str) -> str:
    """Build without tests; returns what dbt said. AssertionError where it fails."""
    options = ["--exclude-resource-type", "unit_test", "test", "--vars", variables]
    finished = dbt(folder, "build", *options, *arguments)
    assert finished.returncode == 0, finished.stdout
    return finished.stdout
