"""Looks at the files of the raw streams before DuckDB reads them.

dbt-duckdb loads this module as a plugin (profiles.yml). It adds two functions that `register_raw_streams` asks: `raw_files`
finds every file under the streams' folders and says how to read it, or why it can't be read; `mended_csv` writes a CSV file
anew without the rows that can't be read. A file that DuckDB would stumble over (another encoding than UTF-8, an array of
objects, zstd) is read from a copy, which is gone when the process ends.
"""

from __future__ import annotations

import codecs
import csv
import functools
import gzip
import hashlib
import itertools
import json
import os
import re
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from . import PROJECT

STREAMS = ("product", "crm", "support", "billing", "survey")
ENVELOPE = ("event_id", "event_type", "account_id", "user_id", "occurred_at", "loaded_at", "payload")
DELIMITERS = (",", ";", "\t", "|")
#: What loaders and systems leave beside files of events. Other names that begin with a dot or an underscore are left out too.
MARKERS = re.compile(
    r"(^|/)(_delta_log|_spark_metadata|_temporary|__MACOSX|[.]hoodie|[.]ipynb_checkpoints)/"
    r"|(^|/)([.]_[^/]*|[^/]*[.]crc|thumbs[.]db|desktop[.]ini)$",
    re.IGNORECASE,
)
READABLE = re.compile(r"[.](?:(parquet|pq)|(csv|ndjson|jsonl|json)([.]gz|[.]zst)?)$", re.IGNORECASE)
#: Why a file of another ending can't be read, and what to do.
ENDINGS = [
    (r"[.](parquet|pq)[.]\w+$", "a Parquet file must not be compressed as a whole. Unpack it"),
    (r"[.](bz2|xz|lzma|lz4|7z|br|snappy|z|zip|tar|tgz|rar)$",
     "its compression can't be read. Unpack it, or compress it with gzip (.gz) or zstd (.zst)"),
    (r"[.](xlsx?|xlsm|ods|numbers)$", "a spreadsheet can't be read. Save it as CSV in UTF-8"),
    (r"[.](avro|orc|feather|arrow|xml|yaml|yml|pkl|db|sqlite|duckdb)$",
     "its format can't be read. Write it as Parquet, CSV or NDJSON"),
    (r"[.](tsv|tab|txt)$", "its ending says too little. Name it .csv if its columns stand under a header, else move it away"),
    (r"[.](tmp|part|partial|inprogress|crdownload|swp|bak)$|~$",
     "it seems to be unfinished. Wait until its loader has renamed it, or delete it"),
    (r"", "its ending is none of .parquet, .pq, .csv, .ndjson, .jsonl and .json (the last four also .gz or .zst). "
     "Rename it, or move it away"),
]  # fmt: skip
#: How files begin that are something else than text.
SIGNATURES = [
    (b"PAR1", "it is Parquet. Name it .parquet"),
    (b"\x1f\x8b", "it is compressed with gzip. Add .gz to its name"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd. Add .zst to its name"),
    (b"PK\x03\x04", "it is a ZIP archive or a spreadsheet. Unpack it or save it as CSV in UTF-8"),
    (b"BZh", "it is compressed with bzip2. Unpack it, or compress it with gzip (.gz) or zstd (.zst)"),
    (codecs.BOM_UTF32_LE, "it is UTF-32 and not UTF-8. Save it as UTF-8"),
    (codecs.BOM_UTF16_LE, "it is UTF-16 and not UTF-8. Save it as UTF-8"),
    (codecs.BOM_UTF16_BE, "it is UTF-16 and not UTF-8. Save it as UTF-8"),
]
#: A line that begins so is no JSON, whatever follows: its bytes are not UTF-8.
NOT_UTF8 = "\ufffd"
BAD_BYTES = "it is not UTF-8. Save the file as UTF-8"
BLOCK = 1 << 20


class CannotRead(Exception):
    """Why a file can't be read and what to do, as the end of a sentence."""


@functools.cache
def _copies() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="raw_files_")


_numbers = itertools.count()


def _copy_path() -> str:
    return str(Path(_copies().name) / f"{next(_numbers)}.txt")


@functools.cache
def _engine() -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own, in which a file may fail."""
    return duckdb.connect(":memory:", config={"memory_limit": "1GB"})


def _quoted(path: str) -> str:
    """The path as a literal; its characters that a pattern of paths would read otherwise stand in brackets."""
    return "'" + re.sub(r"([*?\[])", r"[\1]", path).replace("'", "''") + "'"


# -- text --------------------------------------------------------------------------------------------------------------


def _open(path: str):
    return gzip.open(path, "rb") if path.lower().endswith(".gz") else open(path, "rb")


def _unpacked(path: str) -> str:
    """A plain copy of a file that is compressed with zstd, which Python can't read."""
    copy = _copy_path()
    lines = (
        f"read_csv({_quoted(path)}, columns = {{'line': 'varchar'}}, auto_detect = false, header = false, delim = '€', "
        "quote = '', escape = '', strict_mode = false, parallel = false, compression = 'zstd', encoding = 'latin-1')"
    )
    try:
        with open(copy, "wb") as file:
            found = duckdb.connect(":memory:").execute(f"select line from {lines}")
            while rows := found.fetchmany(10_000):
                file.write(b"".join((line or "").encode("latin-1") + b"\n" for (line,) in rows))
    except duckdb.Error:
        raise CannotRead("it can't be unpacked: it is damaged, cut off or not zstd. Write it again") from None
    return copy


def _looked_over(path: str) -> tuple[bytes, bool, bool]:
    """The beginning of a text file, whether all of it is UTF-8 without lone returns, and whether all its lines end alike."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    head, is_plain, ends_in_return = b"", True, False
    newlines = returns = pairs = 0
    try:
        with _open(path) as file:
            while block := file.read(BLOCK):
                head = head or block
                newlines += block.count(b"\n")
                if b"\r" in block or ends_in_return:
                    returns += block.count(b"\r")
                    pairs += block.count(b"\r\n") + (ends_in_return and block.startswith(b"\n"))
                    ends_in_return = block.endswith(b"\r")
                if is_plain:
                    try:
                        decode(block)
                        is_plain = b"\0" not in block
                    except UnicodeDecodeError:
                        is_plain = False
            if is_plain:
                try:
                    decode(b"", final=True)
                except UnicodeDecodeError:
                    is_plain = False
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise CannotRead(
            "it can't be unpacked: it is damaged, cut off or not gzip. Write it again, or take .gz from its name if it "
            "isn't compressed"
        ) from None
    return head, is_plain and returns == pairs, returns in (0, newlines) and returns == pairs


def _lines(path: str) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, whatever ends them."""
    number = 0
    with _open(path) as file:
        for block in file:
            for line in block.rstrip(b"\r\n").split(b"\r"):
                number += 1
                if number == 1:
                    line = line.removeprefix(codecs.BOM_UTF8)
                yield number, line


def _check_beginning(head: bytes) -> None:
    for signature, problem in SIGNATURES:
        if head.startswith(signature):
            raise CannotRead(problem)
    if head[:1000].count(b"\0") * 5 > len(head[:1000]) > 0:
        raise CannotRead("it is not text, or not UTF-8. Save it as UTF-8")


# -- CSV ---------------------------------------------------------------------------------------------------------------


def _fields(record: str, delimiter: str) -> list[str] | str:
    """The fields of a record, or what is wrong with its quotes."""
    if '"' not in record:
        return record.split(delimiter)
    fields, position = [], 0
    while True:
        if record.startswith('"', position):
            end = position
            while True:
                end = record.find('"', end + 1)
                if end < 0:
                    return "a quote is not closed"
                if not record.startswith('"', end + 1):
                    break
                end += 1
            fields.append(record[position + 1 : end].replace('""', '"'))
            position = end + 1
        else:
            end = record.find(delimiter, position)
            end = len(record) if end < 0 else end
            fields.append(record[position:end])
            position = end
        if position >= len(record):
            return fields
        if not record.startswith(delimiter, position):
            return "text follows a closed quote"
        position += 1


def _header(head: bytes) -> tuple[str, list[str]]:
    """Delimiter and columns of a CSV file, in lower case."""
    line = re.split("\r\n|\n|\r", head.decode("utf-8", "replace").removeprefix("\ufeff"), maxsplit=1)[0]
    delimiter = max(DELIMITERS, key=line.count)
    found = _fields(line, delimiter)
    columns = [column.strip().lower() for column in found] if isinstance(found, list) else []
    missing = [column for column in ENVELOPE if column not in columns]
    if len(missing) == len(ENVELOPE):
        raise CannotRead(f"its first line names none of the columns {', '.join(ENVELOPE)}. Write them as its header")
    if missing:
        raise CannotRead(f"it has no column {', '.join(missing)}. Add it to its header and rows")
    for column in ENVELOPE:
        if columns.count(column) > 1:
            raise CannotRead(f"its header names {column} twice. Rename one of the two")
    return delimiter, columns


def _records(path: str, delimiter: str, columns: list[str]) -> Iterator[tuple[int, list[str] | str, str]]:
    """The rows of a CSV file after its header: line, fields or why they can't be read, text.

    A quoted field may hold ends of lines. One that is never closed would swallow the rows that follow, so a line that is
    a whole row with a time ends it.
    """
    times = [columns.index("occurred_at"), columns.index("loaded_at")]

    def is_row(fields: list[str] | str) -> bool:
        return (
            isinstance(fields, list)
            and len(fields) == len(columns)
            and all(re.match(r"\s*([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{9})", fields[place]) for place in times)
        )

    def told(number: int, record: str) -> tuple[int, list[str] | str, str]:
        fields = _fields(record, delimiter)
        if isinstance(fields, list) and len(fields) != len(columns):
            fields = f"it has {len(fields)} columns and not {len(columns)}"
        return number, fields, record

    open_number, open_record = 0, ""
    for number, line in itertools.islice(_lines(path), 1, None):
        try:
            text = line.decode("utf-8")
            problem = "it holds a NUL byte. Write the file again" if "\0" in text else None
        except UnicodeDecodeError:
            text, problem = line.decode("utf-8", "replace"), BAD_BYTES
        if problem:
            if open_record:
                yield told(open_number, open_record)
                open_record = ""
            yield number, problem, text
            continue
        if open_record:
            joined = f"{open_record}\n{text}"
            together = _fields(joined, delimiter) if '"' in text else "a quote is not closed"
            if not is_row(_fields(text, delimiter)) and together != "text follows a closed quote":
                if together == "a quote is not closed":
                    open_record = joined
                else:
                    yield told(open_number, joined)
                    open_record = ""
                continue
            yield told(open_number, open_record)
            open_record = ""
        if not text.strip():
            continue
        if _fields(text, delimiter) == "a quote is not closed":
            open_number, open_record = number, text
        else:
            yield told(number, text)
    if open_record:
        yield told(open_number, open_record)


def mended_csv(path: str, delimiter: str, columns: list[str]) -> dict:
    """Write the seven columns of a CSV file anew; return the path and the rows that can't be read."""
    places = [columns.index(column) for column in ENVELOPE]
    copy, unreadable = _copy_path(), []
    with open(copy, "w", newline="", encoding="utf-8") as file:
        write = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        write(ENVELOPE)
        for number, fields, text in _records(path, delimiter, columns):
            if isinstance(fields, list):
                write([fields[place] for place in places])
            else:
                unreadable.append({"line": number, "problem": fields, "text": text[:1000]})
    return {"path": copy, "unreadable": unreadable}


# -- JSON --------------------------------------------------------------------------------------------------------------


def _mended_lines(path: str) -> str:
    """A copy with the same lines, those that are not UTF-8 marked as no JSON."""
    copy = _copy_path()
    with open(copy, "w", newline="", encoding="utf-8") as file:
        for _, line in _lines(path):
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                text = NOT_UTF8 + line.decode("utf-8", "replace")
            # No JSON holds a NUL or another control character.
            file.write(text.replace("\0", "\1") + "\n")
    return copy


def _array_as_lines(path: str) -> str | None:
    """A copy of an array of objects with one element a line; from one that can't be read to the next is one line.

    None where more follows the array: these are lines, of which the first is none of an object.
    """
    with _open(path) as file:
        text = file.read().removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    blank, decoder, copy = re.compile(r"[\s,]*"), json.JSONDecoder(), _copy_path()
    position = text.index("[") + 1
    with open(copy, "w", newline="", encoding="utf-8") as file:
        while True:
            start = blank.match(text, position).end()  # type: ignore[union-attr]  # it matches nothing, too
            if text.startswith("]", start):
                return None if text[start + 1 :].strip() else copy
            if start >= len(text):
                return copy
            try:
                position = decoder.raw_decode(text, start)[1]
            except (ValueError, RecursionError):
                following = re.compile(r"\}\s*,?\s*(?=\{)").search(text, start)
                position = following.start() + 1 if following else len(text)
            element = " ".join(text[start:position].splitlines())
            try:
                element.encode("utf-8")
            except UnicodeEncodeError:
                element = NOT_UTF8 + element.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            file.write(element + "\n")


# -- Parquet -----------------------------------------------------------------------------------------------------------


def _check_parquet(path: str) -> None:
    with open(path, "rb") as file:
        head = file.read(4)
        file.seek(max(0, os.path.getsize(path) - 4))
        tail = file.read(4)
    if head != b"PAR1":
        raise CannotRead("it is not Parquet. Name it by what it is, or write it again")
    if tail != b"PAR1":
        raise CannotRead("its end is missing. Write it again")


def _parquet_columns(paths: list[str]) -> dict[str, dict[str, str]]:
    """Type by column and path; a nested column is of the type 'nested'."""
    columns: dict[str, dict[str, str]] = {path: {} for path in paths}
    rows = _engine().execute(
        "select file_name, name, num_children, duckdb_type, type from parquet_schema("
        f"[{', '.join(map(_quoted, paths))}])"
    )
    inner: dict[str, int] = {}
    for path, name, children, type_, physical in rows.fetchall():
        if path not in inner:
            inner[path] = 0
        elif inner[path]:
            inner[path] += (children or 0) - 1
        else:
            inner[path] = children or 0
            columns[path][name.lower()] = "nested" if children else (type_ or physical or "").strip('"')
    return columns


def _check_types(types: dict[str, str]) -> None:
    missing = [column for column in ENVELOPE if column not in types]
    if missing:
        raise CannotRead(f"it has no column {', '.join(missing)}. Add it")
    for column in ENVELOPE:
        type_ = types[column]
        if column.endswith("_at"):
            if not re.match("TIMESTAMP|DATE$|VARCHAR$|NULL$|U?(BIG|HUGE)?INT|INTEGER|DOUBLE|FLOAT|DECIMAL", type_):
                raise CannotRead(f"column {column} is {type_} and not a timestamp. Write it as one")
        elif type_ in ("nested", "BLOB"):
            raise CannotRead(f"column {column} is {type_} and not text. Write it as text")


def _kind(type_: str) -> str:
    """How a column of a Parquet file must be read."""
    if re.match("TIMESTAMP WITH TIME|TIMESTAMPTZ", type_):
        return "zoned"
    if re.match("TIMESTAMP|DATE$", type_):
        return "timestamp"
    return "number" if re.match("DOUBLE|FLOAT|DECIMAL|U?(BIG|HUGE|SMALL|TINY)?INT|INTEGER", type_) else "text"


def _look_at_parquet(files: list[dict]) -> None:
    """Fill in the types and the number of rows of files that were not seen before, all at once where all are whole."""

    def count(paths: list[str]) -> dict[str, int]:
        # Every value is read, for a damaged page must not stop a model later.
        values = ", ".join(f"count({column})" for column in ENVELOPE)
        rows = _engine().execute(
            f"select filename, count(*), {values} from read_parquet([{', '.join(map(_quoted, paths))}], filename = true, "
            "hive_partitioning = false) group by filename"
        )
        return {row[0]: row[1] for row in rows.fetchall()}

    def look(some: list[dict]) -> None:
        paths = [file["path"] for file in some]
        columns = _parquet_columns(paths)
        row_counts = dict(
            _engine()
            .execute(f"select file_name, num_rows from parquet_file_metadata([{', '.join(map(_quoted, paths))}])")
            .fetchall()
        )
        alike: dict[str, list[dict]] = {}
        for file in some:
            types = columns[file["path"]]
            if not row_counts[file["path"]]:
                file["row_count"] = 0
                continue
            try:
                _check_types(types)
            except CannotRead as problem:
                file["problem"] = str(problem)
                continue
            exact = " ".join(types[column] for column in ENVELOPE)
            # DuckDB reads files together by the types of the first, so only those of the same types are: text is no null.
            kinds = [_kind(types[column]) for column in ENVELOPE]
            file["types"] = " ".join([*kinds, hashlib.sha256(exact.encode()).hexdigest()[:8]])
            alike.setdefault(exact, []).append(file)
        for group in alike.values():
            counts = count([file["path"] for file in group])
            for file in group:
                file["row_count"] = counts.get(file["path"], 0)

    def look_for(some: list[dict]) -> None:
        try:
            look(some)
        except duckdb.Error as error:
            if len(some) > 1:
                for file in some:
                    look_for([file])
            elif "at least one" in str(error):
                some[0]["problem"] = f"it has no column. Write {', '.join(ENVELOPE)}, also where there is no row"
            else:
                some[0]["problem"] = "it is damaged. Write it again"

    if files:
        look_for(files)


@functools.cache
def _reader() -> str:
    """Which files have read the rows: where one changes, everything is read again."""
    here = Path(__file__)
    read_by = (here, PROJECT / "macros" / "cross_db" / "register_raw_streams.sql")
    return hashlib.sha256(b"".join(path.read_bytes() for path in read_by)).hexdigest()[:8]


# -- all files -----------------------------------------------------------------------------------------------------------


def _paths(folder: str) -> Iterator[str]:
    """Every file under the folder, relative to it, also behind links."""
    seen = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(names):
            yield os.path.relpath(os.path.join(parent, name), folder)


def _look_at_text(file: dict, format_: str, ending: str | None) -> None:
    path = _unpacked(file["path"]) if ending == ".zst" else file["path"]
    if not os.path.getsize(path) and (ending or format_ == "csv"):
        raise CannotRead("it is empty. Write the header, also where there is no row" if format_ == "csv" else "it is empty")
    head, is_plain, ends_alike = _looked_over(path)
    _check_beginning(head)
    if format_ == "csv":
        file["delimiter"], file["columns"] = _header(head)
        if not (is_plain and ends_alike):
            mended = mended_csv(path, file["delimiter"], file["columns"])
            path, file["unreadable"] = mended["path"], mended["unreadable"]
            file["delimiter"], file["columns"] = ",", list(ENVELOPE)
    else:
        beginning = head.removeprefix(codecs.BOM_UTF8).lstrip()
        if beginning[:1] not in (b"{", b"["):
            try:
                _header(beginning)
            except CannotRead:
                pass
            else:
                raise CannotRead("it is CSV. Name it .csv")
        array = _array_as_lines(path) if format_ == "json" and beginning.startswith(b"[") else None
        if array:
            file["format"], path = "array", array
        elif not is_plain:
            path = _mended_lines(path)
    file["read_from"] = path


def raw_files(root: str, known: list[dict] | None) -> list[dict]:
    """Return every file under the streams' folders: how to read it, or why it is not read.

    `known` are files as they were returned before, whose rows are at hand: one that has not changed since is not read again.
    """
    before = {(row["path"], row["bytes"], row["modified"], row["reader"]): row for row in known or []}
    files, parquet = [], []
    for stream in STREAMS:
        for name in _paths(os.path.join(root, stream)):
            file: dict[str, Any] = dict.fromkeys(COLUMNS) | {"source": stream, "file": f"{stream}/{Path(name).as_posix()}"}
            file |= {"path": os.path.join(root, stream, name), "reader": _reader(), "is_known": False}
            readable = READABLE.search(name)
            is_marker = MARKERS.search(Path(name).as_posix())
            if is_marker or any(part[0] in "._" for part in Path(name).parts):
                files.append(file | {"note": "hidden" if readable and not is_marker else "marker"})
                continue
            try:
                status = os.stat(file["path"])
                file["bytes"], file["modified"] = status.st_size, status.st_mtime_ns
                same = before.get((file["path"], file["bytes"], file["modified"], file["reader"]))
                if same:
                    file = same | {"is_known": True}
                elif not readable:
                    raise CannotRead(next(text for ending, text in ENDINGS if re.search(ending, name.lower())))
                elif readable[1]:
                    file["format"] = "parquet"
                    _check_parquet(file["path"])
                    parquet.append(file)
                else:
                    format_ = readable[2].lower()
                    file["format"] = "csv" if format_ == "csv" else "json"
                    _look_at_text(file, format_, (readable[3] or "").lower())
            except CannotRead as problem:
                file["problem"] = str(problem)
            except OSError as error:
                file["problem"] = f"it can't be opened ({error.strerror}). See to its permissions"
            files.append(file)
    _look_at_parquet(parquet)
    return files


UNREADABLE = "struct(line bigint, problem varchar, text varchar)[]"
COLUMNS = {
    "source": "varchar", "file": "varchar", "path": "varchar", "format": "varchar", "bytes": "bigint", "modified": "bigint",
    "reader": "varchar", "is_known": "boolean", "row_count": "bigint", "types": "varchar", "delimiter": "varchar",
    "columns": "varchar[]", "read_from": "varchar", "problem": "varchar", "note": "varchar", "unreadable": UNREADABLE,
}  # fmt: skip


class Plugin(BasePlugin):
    """Adds the functions to the connection of dbt."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Called by dbt-duckdb once it is connected."""
        found = f"struct({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})[]"
        for function, parameters, result in (
            (raw_files, ["varchar", found], found),
            (mended_csv, ["varchar", "varchar", "varchar[]"], f"struct(path varchar, unreadable {UNREADABLE})"),
        ):
            conn.create_function(  # type: ignore[call-overload]  # its hints name no struct
                function.__name__, function, parameters, result, null_handling="special", side_effects=True
            )
