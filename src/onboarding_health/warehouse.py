"""Opens the warehouse, or says in one sentence why it can't be opened; dbt asks it too, before it connects (profiles.yml)."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from . import path_of_warehouse


def opened(path: str, read_only: bool = False, config: dict | None = None) -> duckdb.DuckDBPyConnection:
    """A connection to the file; ValueError with one sentence that names the cause and the remedy."""
    folder = Path(path).absolute().parent
    if path != ":memory:" and not folder.is_dir():
        raise ValueError(f"There is no folder {folder} for the warehouse {path}: make it, or set ONBOARDING_HEALTH_WAREHOUSE.")
    try:
        return duckdb.connect(path, read_only=read_only, config=config or {})
    except duckdb.Error as error:
        said = str(error)
        if "lock" in said:
            raise ValueError(
                f"The warehouse {path} is in use: a build, the sender or a query tool holds it. Close that, then run this again."
            ) from None
        if isinstance(error, duckdb.IOException) and "not a valid DuckDB" in said:
            raise ValueError(
                f"The file {path} is no DuckDB file: move it away, or name another with ONBOARDING_HEALTH_WAREHOUSE."
            ) from None
        memory = (config or {}).get("memory_limit")
        if memory is not None and isinstance(error, (duckdb.ParserException, duckdb.InvalidInputException)):
            raise ValueError(
                f"ONBOARDING_HEALTH_MEMORY is {memory}, which is no amount of memory: write a number and a unit, such as 4GB."
            ) from None
        raise ValueError(f"The warehouse {path} can't be opened: {said.splitlines()[0]}") from None


def opened_or_exit() -> duckdb.DuckDBPyConnection:
    """A connection that only reads the warehouse; ends the program with one sentence where there is none."""
    path = path_of_warehouse()
    if not Path(path).exists():
        sys.exit(f"No warehouse at {path}: run `make build` first.")
    try:
        return opened(path, read_only=True)
    except ValueError as error:
        sys.exit(str(error))


class Plugin(BasePlugin):
    """What dbt-duckdb calls before it connects: dbt would print a traceback for what is wrong with the file."""

    def update_connection_config(self, creds, config):
        """Open the file as dbt is about to; nothing of the settings is changed."""
        try:
            opened(creds.path, config=config).close()
        except ValueError as error:
            raise DbtRuntimeError(str(error)) from None
