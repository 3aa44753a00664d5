"""Publishes the marts of a good build: a file of its own behind a link, so that readers and builds never wait for each other.

A published file is never written again. `current.duckdb` is a link to the one in use; the swap of a link is atomic, so who opens
it sees a whole copy. The files carry the marts as tables, nothing else.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb

from . import path_of_warehouse

KEPT = 5
LINK, SUFFIX = "current.duckdb", ".duckdb"
MARTS = """
    select table_name
    from information_schema.tables
    where table_catalog = 'warehouse' and table_schema = 'main' and regexp_matches(table_name, '^(dim|fct|rpt)_')
    order by table_name
"""
#: The build that the tables come from, where it ended whole: an interrupted one has no row in completed_builds.
BUILD = """
    select moment.build_number, moment.known_at
    from warehouse.main.base_build_moment as moment
    inner join warehouse.main.completed_builds using (build_number)
"""


def folder_of(warehouse: str | None = None) -> Path:
    """The folder of the copies of a warehouse: published/ beside it, or published_<name>/ where it has another name."""
    path = Path(warehouse or path_of_warehouse())
    return path.parent / ("published" if path.stem == "onboarding_health" else f"published_{path.stem}")


def current(folder: Path) -> Path | None:
    """The file that readers open now, by its real name; None where nothing is published."""
    file = (folder / LINK).resolve()
    return file if file.is_file() else None


def copies(folder: Path) -> list[Path]:
    """The published files, in the order in which they were published."""
    found = [path for path in folder.glob(f"[!.]*{SUFFIX}") if not path.is_symlink()]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def _link(file: Path) -> None:
    """Let the link of the files of this kind lead to one of them, in one step."""
    new = file.with_name(".link")
    new.unlink(missing_ok=True)
    new.symlink_to(file.name)
    os.replace(new, file.with_name(f"current{file.suffix}"))


def _use(file: Path) -> None:
    """Let readers see a copy; the link to Parquet files never leads to those of another copy."""
    _link(file)
    parquet = file.with_suffix(".parquet")
    if parquet.is_dir():
        _link(parquet)
    else:
        parquet.with_name("current.parquet").unlink(missing_ok=True)


def _name(folder: Path, build_number: int, known_at) -> str:
    """A name that no copy had: a warehouse that is built from nothing begins at build 1 again."""
    name = f"{known_at:%Y-%m-%dT%H%M%S}_build_{build_number}"
    taken = {path.stem for path in folder.iterdir()}
    free = (name if number == 1 else f"{name}_{number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in free if candidate not in taken)


def publish(warehouse: str, parquet: bool = False, kept: int = KEPT, built: set[str] | None = None) -> Path:
    """Copy the marts of a warehouse into a new file, let the link lead to it, and remove all but the last files.

    With `parquet` there is a folder of the same name with a file per mart, too. `built` are the models that were built just now,
    where all marts have to be. Returns the new file. Raises ValueError where the warehouse holds no whole build or can't be read.
    """
    if not Path(warehouse).is_file():
        raise ValueError(f"No warehouse at {warehouse}: run `make build` first.")
    folder = folder_of(warehouse)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".part.duckdb"
    try:
        with duckdb.connect() as connection:
            try:
                connection.execute(f"attach {_text(warehouse)} as warehouse (read_only)")
                build = connection.execute(BUILD).fetchone()
            except duckdb.CatalogException:
                build = None
            except duckdb.IOException as error:
                raise ValueError(f"The warehouse {warehouse} can't be read: {str(error).splitlines()[0]}") from None
            if build is None:
                raise ValueError(f"The warehouse {warehouse} holds no whole build: build it to its end first.")
            marts = [mart for (mart,) in connection.execute(MARTS).fetchall()]
            left_out = sorted(set(marts) - built) if built is not None else []
            if left_out:
                raise ValueError(f"Only part of the marts was built now; {', '.join(left_out[:3])} and the like were not.")
            connection.execute(f"attach {_text(part)} as copy")
            for mart in marts:
                connection.execute(f'create table copy.main."{mart}" as select * from warehouse.main."{mart}"')
            name = _name(folder, *build)
            if parquet:
                _write_parquet(connection, marts, folder / f"{name}.parquet")
            connection.execute("detach copy")
        file = folder / f"{name}{SUFFIX}"
        os.replace(part, file)
    finally:
        for rest in folder.glob(".part*.duckdb*"):
            rest.unlink()
    _use(file)
    _prune(folder, kept)
    return file


def _text(path: str | Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _write_parquet(connection: duckdb.DuckDBPyConnection, marts: list[str], folder: Path) -> None:
    part = folder.with_name(".part.parquet")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for mart in marts:
        connection.execute(f'copy copy.main."{mart}" to {_text(part / f"{mart}.parquet")} (format parquet)')
    os.replace(part, folder)


def _prune(folder: Path, kept: int) -> None:
    """Remove all but the last copies; the one in use stays, and with a file its Parquet files go."""
    in_use = current(folder)
    for file in copies(folder)[:-kept]:
        if file != in_use and file.resolve() != in_use:
            file.unlink()
            shutil.rmtree(file.with_suffix(".parquet"), ignore_errors=True)


def rollback(folder: Path) -> Path:
    """Let the link lead to the copy that was published before the one in use, and return it; ValueError where there is none."""
    in_use = current(folder)
    if in_use is None:
        raise ValueError(f"Nothing is published in {folder}.")
    files = [file.resolve() for file in copies(folder)]
    place = files.index(in_use)
    if place == 0:
        raise ValueError(f"{in_use.name} is the oldest copy that is kept: there is none to go back to.")
    before = files[place - 1]
    _use(folder / before.name)
    return before
