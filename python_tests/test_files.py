"""Files as loaders write them: each is read rightly or named with its remedy, and a row that can't be read is one refused row."""

import gzip
import io
import json
import os
import random
import re
import time
from datetime import datetime, timedelta

import duckdb
import pandas as pd
import pytest
import warehouse
from warehouse import ENVELOPE, STREAMS

HEADER = ",".join(ENVELOPE)
START = datetime(2025, 3, 4, 10)
ACCOUNT = {
    "event_id": "c1", "event_type": "account_created", "account_id": "101", "user_id": None, "occurred_at": START,
    "loaded_at": START + timedelta(minutes=5), "payload": '{"name": "Acme"}',
}  # fmt: skip


@pytest.fixture(scope="module")
def house():
    return warehouse.FileHouse(("base_load_days", "base_resolved_events"))


# -- files -------------------------------------------------------------------------------------------------------------


def row(number, **columns):
    """A row of the product stream."""
    return {
        "event_id": f"e{number}", "event_type": "record_created", "account_id": "101", "user_id": f"u{number % 3}",
        "occurred_at": START + timedelta(minutes=number), "loaded_at": START + timedelta(minutes=number + 5),
        "payload": None,
    } | columns  # fmt: skip


def rows(count, **columns):
    return [row(number, **columns) for number in range(1, count + 1)]


def cell(value, quote='"'):
    text = "" if value is None else str(value)
    needs = any(sign in text for sign in ',;|\t"\n\r')
    return quote + text.replace(quote, quote * 2) + quote if needs else text


def as_csv(some, delimiter=",", columns=ENVELOPE, newline="\n"):
    lines = [delimiter.join(columns)] + [delimiter.join(cell(one.get(name)) for name in columns) for one in some]
    return "".join(line + newline for line in lines)


def as_object(one):
    return one | {name: f"{one[name].isoformat()}Z" for name in ENVELOPE if isinstance(one.get(name), datetime)}


def as_ndjson(some):
    return "".join(json.dumps(as_object(one)) + "\n" for one in some)


def as_parquet(some):
    if not isinstance(some, pd.DataFrame):
        some = pd.DataFrame(some, columns=list(ENVELOPE))
    written = io.BytesIO()
    some.to_parquet(written)
    return written.getvalue()


def as_zst(text, folder):
    duckdb.execute(
        f"copy (select unnest(string_split(rtrim(?, chr(10)), chr(10)))) to '{folder}/packed.zst' "
        "(format csv, header false, quote '', escape '', delimiter '\x01', compression zstd)",
        [text],
    )
    return (folder / "packed.zst").read_bytes()


def write(folder, files):
    """A company of one account, with these files as the product stream."""
    company = {f"{stream}/a.csv": HEADER + "\n" for stream in STREAMS[2:]}
    company |= {"crm/a.csv": as_csv([ACCOUNT])} | {f"product/{name}": content for name, content in files.items()}
    for name, content in company.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def staged(house):
    found = house.connection.execute(
        "select event_id from base_resolved_events where source = 'product' and reject_reason is null order by all"
    ).fetchall()
    return [event_id for (event_id,) in found]


def refused(house):
    return house.connection.execute(
        "select reject_reason, coalesce(read_problem, event_id) from base_resolved_events where source = 'product' "
        "and reject_reason is not null order by all"
    ).fetchall()


def balance(house):
    """Raw rows and, of them, those with an outcome."""
    return house.connection.execute(
        "select (select sum(row_count) from base_load_days), (select count(*) from base_resolved_events)"
    ).fetchone()


# -- what is read ------------------------------------------------------------------------------------------------------

BOM = "\ufeff"
ONE = json.dumps(as_object(row(1)))
NAN = float("nan")
LATE = "".join(f"p{number},record_created,101,u,2025-03-04 10:00:00,2025-03-04 10:05:00,\n" for number in range(30_000))


def epochs(factor, kind=int):
    return [
        one | {name: kind(one[name].timestamp() * factor) - kind(3600 * factor) * 0 for name in ("occurred_at", "loaded_at")}
        for one in rows(2)
    ]


def floats(column="account_id"):
    frame = pd.DataFrame(rows(2))
    frame[column] = [101.0, NAN]
    return frame


#: name: (files of the product stream, ids that are staged)
READ = {
    "upper-case endings": ({"A.CSV": as_csv(rows(1)), "B.NDJSON": as_ndjson([row(2)])}, "e1 e2"),
    "upper-case Parquet": ({"A.PARQUET": as_parquet(rows(1)), "b.PQ": as_parquet([row(2)])}, "e1 e2"),
    "json of lines": ({"a.json": as_ndjson(rows(2))}, "e1 e2"),
    "json array on one line": ({"a.json": json.dumps([as_object(one) for one in rows(2)])}, "e1 e2"),
    "json array, indented": ({"a.json": json.dumps([as_object(one) for one in rows(2)], indent=2)}, "e1 e2"),
    "json array, gzipped": ({"a.json.gz": gzip.compress(json.dumps([as_object(row(1))]).encode())}, "e1"),
    "json array with a mark": ({"a.json": BOM + json.dumps([as_object(row(1))])}, "e1"),
    "json array without elements": ({"a.json": " [ ] \n"}, ""),
    "jsonl": ({"a.jsonl": as_ndjson(rows(2))}, "e1 e2"),
    "empty ndjson": ({"a.ndjson": ""}, ""),
    "gzip": ({"a.csv.gz": gzip.compress(as_csv(rows(1)).encode()), "B.JSONL.GZ": gzip.compress(as_ndjson([row(2)]).encode())},
             "e1 e2"),
    "gzip of two members": (
        {"a.ndjson.gz": gzip.compress(as_ndjson(rows(1)).encode()) + gzip.compress(as_ndjson([row(2)]).encode())}, "e1 e2",
    ),
    "folders of days": (
        {"day=2025-03-05/hour=1/a.csv": as_csv(rows(1)), "2025/03/b.ndjson": as_ndjson([row(2)]),
         "day=2025-03-05/c.parquet": as_parquet([row(3)])},
        "e1 e2 e3",
    ),
    "a folder with an ending": ({"a.parquet/part-0.csv": as_csv(rows(1)), "d.parquet.csv": as_csv([row(2)])}, "e1 e2"),
    "a day that names a column": ({"loaded_at=2025-03-05/a.csv": as_csv(rows(1))}, "e1"),
    "names that look like patterns": ({"a[1]*?.csv": as_csv(rows(1)), "it's.ndjson": as_ndjson([row(2)])}, "e1 e2"),
    "patterns of Parquet": ({"a[1]*.parquet": as_parquet(rows(1)), "a1x.parquet": as_parquet([row(2)])}, "e1 e2"),
    "byte order marks": ({"a.csv": BOM + as_csv(rows(1)), "b.ndjson": BOM + as_ndjson([row(2)])}, "e1 e2"),
    "byte order marks, gzipped": (
        {"a.csv.gz": gzip.compress((BOM + as_csv(rows(1))).encode()),
         "b.ndjson.gz": gzip.compress((BOM + as_ndjson([row(2)])).encode())},
        "e1 e2",
    ),
    "semicolons": ({"a.csv": as_csv(rows(2, payload='{"a": 1, "b": 2}'), ";")}, "e1 e2"),
    "tabs": ({"a.csv": as_csv(rows(2), "\t")}, "e1 e2"),
    "bars": ({"a.csv": as_csv(rows(2), "|")}, "e1 e2"),
    "two dialects": ({"a.csv": as_csv(rows(1), ";"), "b.csv": as_csv([row(2)])}, "e1 e2"),
    "a late quote": ({"a.csv": f'{HEADER}\n{LATE}{as_csv([row(1, payload=json.dumps(dict(a=1, b=2)))])[len(HEADER) + 1:]}'},
                     30_001),
    "quoted header": ({"a.csv": as_csv(rows(1)).replace(HEADER, ",".join(f'"{name}"' for name in ENVELOPE))}, "e1"),
    "header in capitals": ({"a.csv": as_csv(rows(1)).replace(HEADER, HEADER.upper())}, "e1"),
    "only a header": ({"a.csv": HEADER}, ""),
    "returns and newlines": ({"a.csv": as_csv(rows(2), newline="\r\n"), "b.ndjson": ONE.replace("e1", "e3") + "\r\n"},
                             "e1 e2 e3"),
    "returns alone": ({"a.csv": as_csv(rows(2), newline="\r"), "b.ndjson": ONE.replace("e1", "e3") + "\r"}, "e1 e2 e3"),
    "mixed ends of lines": ({"a.csv": as_csv(rows(1), newline="\r\n") + as_csv([row(2)])[len(HEADER) + 1:]}, "e1 e2"),
    "no end of the last line": ({"a.csv": as_csv(rows(2)).rstrip("\n"), "b.ndjson": ONE.replace("e1", "e3")}, "e1 e2 e3"),
    "blank lines": ({"a.csv": as_csv(rows(1)) + "\n\n", "b.ndjson": "\n" + ONE.replace("e1", "e2") + "\n \n"}, "e1 e2"),
    "a payload of several lines": ({"a.csv": as_csv(rows(2, payload='{"a": "x",\n\n "b": 2}'))}, "e1 e2"),
    "such a payload with returns": ({"a.csv": as_csv(rows(2, payload='{"a":\n 1}'), newline="\r\n")}, "e1 e2"),
    "other orders and more columns": (
        {"a.csv": as_csv(rows(1), columns=(*ENVELOPE[::-1], "colour")), "b.csv": as_csv([row(2)], columns=ENVELOPE),
         "c.parquet": as_parquet(pd.DataFrame([row(3)])[list(ENVELOPE[::-1])].assign(size=1)),
         "d.parquet": as_parquet([row(4)])},
        "e1 e2 e3 e4",
    ),
    "lines without what is null": ({"a.ndjson": json.dumps({k: v for k, v in as_object(row(1)).items() if v})}, "e1"),
    "a nested payload": ({"a.ndjson": json.dumps(as_object(row(1, payload={"a": [1, {"b": None}]})))}, "e1"),
    "float ids in Parquet": ({"a.parquet": as_parquet(floats().iloc[:1])}, "e1"),
    "float ids in JSON": ({"a.ndjson": as_ndjson(rows(2, account_id=101.0))}, "e1 e2"),
    "float ids in CSV": ({"a.csv": as_csv(rows(2, account_id="101.0"))}, "e1 e2"),
    "whole ids": (
        {"a.parquet": as_parquet(rows(1, account_id=101)), "b.ndjson": as_ndjson([row(2, account_id=101)])}, "e1 e2",
    ),
    "files of one column in two types": (
        {"a.parquet": as_parquet(rows(1, account_id=101)), "b.parquet": as_parquet([row(2)]),
         "c.parquet": as_parquet([row(3, account_id=101.0)])},
        "e1 e2 e3",
    ),
    "event ids that are floats": ({"a.parquet": as_parquet([row(1, event_id=7.0), row(2, event_id=8.0)])}, "7 8"),
    "a file of pandas without rows": (
        {"a.parquet": as_parquet(pd.DataFrame(columns=list(ENVELOPE))), "b.csv": as_csv(rows(1))}, "e1",
    ),
    "a column that is null in one file and text in another": (
        {"a.parquet": as_parquet([row(1, user_id=None)]), "b.parquet": as_parquet([row(2, user_id="u")])}, "e1 e2",
    ),
    "whole ids in one file and others in another": (
        {"a.parquet": as_parquet([row(1, user_id=7)]), "b.parquet": as_parquet([row(2, user_id=7.5)])}, "e1 e2",
    ),
    "rows whose payload is all null": ({"a.parquet": as_parquet(pd.DataFrame(rows(2)).astype({"payload": object}))}, "e1 e2"),
    "seconds": ({"a.ndjson": as_ndjson(epochs(1)), "b.parquet": as_parquet([row(3)])}, "e1 e2 e3"),
    "thousandths": ({"a.csv": as_csv(epochs(1000))}, "e1 e2"),
    "seconds in Parquet": ({"a.parquet": as_parquet(epochs(1))}, "e1 e2"),
    "thousandths in Parquet": ({"a.parquet": as_parquet(epochs(1000, float))}, "e1 e2"),
    "millionths in Parquet": ({"a.parquet": as_parquet(epochs(1_000_000))}, "e1 e2"),
    "times as text in Parquet": ({"a.parquet": as_parquet(pd.DataFrame(rows(2)).astype({"occurred_at": str}))}, "e1 e2"),
    "times with a zone": (
        {"a.csv": as_csv([row(1, occurred_at="2025-03-04T12:00:00+02:00", loaded_at="2025-03-04T10:05:00Z")])}, "e1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_is_read(house, tmp_path, name):
    files, ids = READ[name]
    messages = house.build(write(tmp_path, files))
    assert (messages.problem, list(messages), refused(house)) == (None, [], [])
    assert len(staged(house)) == ids if isinstance(ids, int) else staged(house) == ids.split()
    assert balance(house)[0] == balance(house)[1]
    moments = house.connection.execute(
        "select distinct date_trunc('day', occurred_at), date_trunc('day', loaded_at) from base_resolved_events"
    ).fetchall()
    assert moments in ([(START.replace(hour=0),) * 2], [])


def test_zstd_is_read(house, tmp_path):
    files = {"a.csv.zst": as_zst(as_csv(rows(2)), tmp_path), "B.NDJSON.ZST": as_zst(as_ndjson([row(3)]), tmp_path)}
    messages = house.build(write(tmp_path / "raw", files))
    assert (messages.problem, list(messages), refused(house)) == (None, [], [])
    assert staged(house) == ["e1", "e2", "e3"]


# -- rows that are refused ---------------------------------------------------------------------------------------------

SHORT = "it has 3 columns and not 7"
CUT = "it is no whole JSON object. Write it again"
NO_OBJECT = "it is no JSON object. Write one object a line"
BAD_BYTES = "it is not UTF-8. Save the file as UTF-8"
GOOD = as_csv(rows(1))
LAST = as_csv([row(9)])[len(HEADER) + 1 :]


def line(number, problem, file="a.csv"):
    return ("unreadable", f"product/{file}, line {number}: {problem}")


#: name: (files, ids that are staged, refused rows)
REFUSED = {
    "a short row": ({"a.csv": GOOD + "e2,record_created,101\n" + LAST}, "e1 e9", [line(3, SHORT)]),
    "a long row": (
        {"a.csv": GOOD + LAST.replace("e9", "e2").rstrip("\n") + ",x\n" + LAST}, "e1 e9",
        [line(3, "it has 8 columns and not 7")],
    ),
    "an unquoted payload": (
        {"a.csv": GOOD + as_csv([row(2)])[len(HEADER) + 1 : -1] + '{"a": 1, "b": 2}\n' + LAST}, "e1 e9",
        [line(3, "it has 8 columns and not 7")],
    ),
    "a short row, gzipped": (
        {"a.csv.gz": gzip.compress((GOOD + "e2,record_created,101\n" + LAST).encode())}, "e1 e9",
        [line(3, SHORT, "a.csv.gz")],
    ),
    "a short row after a payload of two lines": (
        {"a.csv": as_csv(rows(1, payload='{"a":\n1}')) + "e2,record_created,101\n" + LAST}, "e1 e9", [line(4, SHORT)],
    ),
    "a quote that is never closed": (
        {"a.csv": GOOD + LAST.replace("e9,", 'e2,"') + LAST}, "e1 e9", [line(3, "a quote is not closed")],
    ),
    "a quote that is closed far below": (
        {"a.csv": GOOD + LAST.replace("e9,", 'e2,"') + LAST + as_csv([row(8, payload='{"a": 1}')])[len(HEADER) + 1 :]},
        "e1 e8 e9", [line(3, "a quote is not closed")],
    ),
    "text after a quote": (
        {"a.csv": GOOD + LAST.replace("e9,", '"e2"x,') + LAST}, "e1 e9", [line(3, "text follows a closed quote")],
    ),
    "half a row at the end": ({"a.csv": GOOD + LAST.replace("e9", "e2")[:20]}, "e1", [line(3, SHORT)]),
    "two bad rows": ({"a.csv": GOOD + "x\ny\n" + LAST}, "e1 e9",
                     [line(3, "it has 1 columns and not 7"), line(4, "it has 1 columns and not 7")]),
    "bytes of latin-1": (
        {"a.csv": (GOOD + LAST.replace("e9", "é") + LAST).encode("latin-1")}, "e1 e9", [line(3, BAD_BYTES)],
    ),
    "bytes of latin-1 in JSON": (
        {"a.ndjson": (ONE + "\n" + ONE.replace("e1", "é") + "\n" + ONE.replace("e1", "e9")).encode("latin-1")}, "e1 e9",
        [line(2, BAD_BYTES, "a.ndjson")],
    ),
    "a NUL in CSV": ({"a.csv": GOOD + LAST.replace("e9", "e\0") + LAST}, "e1 e9",
                     [line(3, "it holds a NUL byte. Write the file again")]),
    "a NUL in JSON": ({"a.ndjson": ONE + "\n" + ONE.replace("e1", "e\0")}, "e1", [line(2, CUT, "a.ndjson")]),
    "a cut line": ({"a.ndjson": ONE + "\n" + ONE.replace("e1", "e2")[:60]}, "e1", [line(2, CUT, "a.ndjson")]),
    "a cut line in the middle": ({"a.ndjson": f"{ONE[:60]}\n\n{ONE}\n"}, "e1", [line(1, CUT, "a.ndjson")]),
    "half an emoji": ({"a.ndjson": ONE + "\n" + ONE.replace('"u1"', '"\\ud83d"')}, "e1", [line(2, CUT, "a.ndjson")]),
    "an array": ({"a.ndjson": f"{ONE}\n[{ONE}]\n"}, "e1", [line(2, NO_OBJECT, "a.ndjson")]),
    "scalars": ({"a.ndjson": f'{ONE}\n5\n"e"\nnull\ntrue'}, "e1", [line(place, NO_OBJECT, "a.ndjson") for place in (2, 3, 4, 5)]),
    "a repeated key": (
        {"a.ndjson": ONE + "\n" + ONE.replace("{", '{"event_id": "x", ')}, "e1",
        [line(2, "it names a key twice. Write each key once", "a.ndjson")],
    ),
    "a repeated key at the end": (
        {"a.ndjson": ONE + "\n" + ONE[:-1] + ', "payload": {"a": 1}}'}, "e1",
        [line(2, "it names a key twice. Write each key once", "a.ndjson")],
    ),
    "two objects on a line": ({"a.ndjson": f"{ONE} {ONE}\n{ONE}"}, "e1", [line(1, CUT, "a.ndjson")]),
    "a comma after a line": ({"a.ndjson": f"{ONE},\n{ONE}"}, "e1", [line(1, CUT, "a.ndjson")]),
    "an indented object": ({"a.json": json.dumps(as_object(row(1)), indent=2)}, "",
                           [line(place, CUT, "a.json") for place in (1, 2, 3, 4, 5, 6, 7, 8, 9)]),
    "a cut line, gzipped": (
        {"a.ndjson.gz": gzip.compress((ONE + "\n" + ONE[:60]).encode())}, "e1", [line(2, CUT, "a.ndjson.gz")],
    ),
    "an element that is none": (
        {"a.json": f"[{ONE}, 5, {ONE.replace('e1', 'e2')}]"}, "e1 e2",
        [("unreadable", f"product/a.json, element 2: {NO_OBJECT}")],
    ),
    "a cut array": ({"a.json": f"[{ONE},\n{ONE[:60]}"}, "e1", [("unreadable", f"product/a.json, element 2: {CUT}")]),
    "lines that begin with an array": ({"a.json": f"[5]\n{ONE}\n"}, "e1", [line(1, NO_OBJECT, "a.json")]),
    "a broken element": (
        {"a.json": f"[{ONE}, {ONE.replace(':', '', 1)}, {ONE.replace('e1', 'e3')}]"}, "e1 e3",
        [("unreadable", f"product/a.json, element 2: {CUT}")],
    ),
    "a key that is missing": ({"a.ndjson": '{"event_type": "x"}\n' + ONE}, "e1", [("missing_id", None)]),
    "times that are none": (
        {"a.csv": as_csv([row(1, occurred_at="04/03/2025"), row(2, loaded_at="0"), row(3, occurred_at="12345")])}, "",
        [("bad_time", "e1"), ("bad_time", "e2"), ("bad_time", "e3")],
    ),
    "a float id that is null": ({"a.parquet": as_parquet(floats())}, "e1", [("no_account", "e2")]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(house, tmp_path, name):
    files, ids, rows_refused = REFUSED[name]
    messages = house.build(write(tmp_path, files))
    assert messages.problem is None
    assert (staged(house), refused(house)) == (ids.split(), sorted(rows_refused, key=str))
    assert balance(house)[0] == balance(house)[1]
    unreadable = [problem for reason, problem in rows_refused if reason == "unreadable"]
    assert [message.split(": ")[0] for message in messages] == [f"product/{next(iter(files))}"] * bool(unreadable)
    for message in messages:
        assert f"{len(unreadable)} row" in message and min(unreadable).split(", ")[1].rstrip(".") in message


# -- files that stop the build -----------------------------------------------------------------------------------------

#: name: (files, the sentence that names one of them)
STOPPED = {
    "bzip2": ({"a.csv.bz2": "x"}, "a.csv.bz2: its compression can't be read. Unpack it"),
    "zip": ({"a.zip": "x"}, "a.zip: its compression can't be read. Unpack it"),
    "packed Parquet": ({"a.parquet.gz": "x"}, "a.parquet.gz: a Parquet file must not be compressed as a whole. Unpack it"),
    "a spreadsheet": ({"a.xlsx": "PK"}, "a.xlsx: a spreadsheet can't be read. Save it as CSV in UTF-8"),
    "avro": ({"a.avro": "x"}, "a.avro: its format can't be read. Write it as Parquet, CSV or NDJSON"),
    "text": ({"a.txt": GOOD}, "a.txt: its ending says too little. Name it .csv"),
    "no ending": ({"part-0000": GOOD}, "part-0000: its ending is none of .parquet, .pq, .csv"),
    "unfinished": ({"a.csv.tmp": GOOD}, "a.csv.tmp: it seems to be unfinished. Wait"),
    "no zstd": ({"a.csv.zst": "x"}, "a.csv.zst: it can't be unpacked: it is damaged, cut off or not zstd. Write it again"),
    "no gzip": ({"a.csv.gz": GOOD}, "a.csv.gz: it can't be unpacked: it is damaged, cut off or not gzip"),
    "cut gzip": ({"a.csv.gz": gzip.compress(GOOD.encode())[:-12]}, "a.csv.gz: it can't be unpacked"),
    "gzip without its ending": ({"a.csv": gzip.compress(GOOD.encode())}, "a.csv: it is compressed with gzip. Add .gz to"),
    "UTF-16": ({"a.csv": GOOD.encode("utf-16")}, "a.csv: it is UTF-16 and not UTF-8. Save it as UTF-8"),
    "UTF-16 of JSON": ({"a.ndjson": ONE.encode("utf-16")}, "a.ndjson: it is UTF-16 and not UTF-8. Save it as UTF-8"),
    "UTF-16 without a mark": ({"a.csv": GOOD.encode("utf-16-le")}, "a.csv: it is not text, or not UTF-8. Save it as UTF-8"),
    "an empty CSV file": ({"a.csv": ""}, "a.csv: it is empty. Write the header, also where there is no row"),
    "no header": ({"a.csv": LAST}, "a.csv: its first line names none of the columns event_id, event_type"),
    "a missing column": (
        {"a.csv": GOOD, "b.csv": as_csv(rows(1), columns=ENVELOPE[:-1])}, "b.csv: it has no column payload. Add it",
    ),
    "a column twice": ({"a.csv": GOOD.replace("user_id", "event_id")}, "a.csv: it has no column user_id"),
    "a header with a name twice": (
        {"a.csv": as_csv(rows(1), columns=(*ENVELOPE, "user_id"))}, "a.csv: its header names user_id twice",
    ),
    "JSON named CSV": ({"a.csv": ONE}, "a.csv: its first line names none of the columns"),
    "CSV named JSON": ({"a.ndjson": GOOD}, "a.ndjson: it is CSV. Name it .csv"),
    "Parquet named CSV": ({"a.csv": as_parquet(rows(1))}, "a.csv: it is Parquet. Name it .parquet"),
    "CSV named Parquet": ({"a.parquet": GOOD}, "a.parquet: it is not Parquet. Name it by what it is"),
    "an empty Parquet file": ({"a.parquet": ""}, "a.parquet: it is not Parquet"),
    "cut Parquet": ({"a.parquet": as_parquet(rows(1))[:-20]}, "a.parquet: its end is missing. Write it again"),
    "damaged Parquet": ({"a.parquet": b"PAR1" + bytes(100) + b"PAR1"}, "a.parquet: it is damaged. Write it again"),
    "a frame without columns": ({"a.parquet": as_parquet(pd.DataFrame())}, "a.parquet: it has no column. Write event_id"),
    "an empty gzip file": ({"a.ndjson.gz": b""}, "a.ndjson.gz: it is empty"),
    "a missing column of Parquet": (
        {"a.parquet": as_parquet(rows(1)), "b.parquet": as_parquet(pd.DataFrame(rows(1)).drop(columns="user_id"))},
        "b.parquet: it has no column user_id. Add it",
    ),
    "a nested column": (
        {"a.parquet": as_parquet(rows(1, payload={"a": 1}))},
        "a.parquet: column payload is nested and not text. Write it as text",
    ),
    "a time that is none": ({"a.parquet": as_parquet(rows(1, loaded_at=True))}, "a.parquet: column loaded_at is BOOLEAN and not"),
}  # fmt: skip


@pytest.mark.parametrize("name", STOPPED)
def test_stops_the_build(house, tmp_path, name):
    files, problem = STOPPED[name]
    messages = house.build(write(tmp_path, files))
    assert messages.problem and f"product/{problem}" in messages.problem
    assert messages.problem.startswith(f"1 file under '{tmp_path}' can't be read. product/")


def test_names_every_file_that_stops_the_build(house, tmp_path):
    files = {"a.csv.bz2": "x", "deep/b.xlsx": "x", "c.csv": GOOD}
    problem = house.build(write(tmp_path, files)).problem
    assert problem.startswith("2 files") and "product/a.csv.bz2: " in problem and "product/deep/b.xlsx: " in problem


# -- files that are left out, and files that are gone --------------------------------------------------------------------


def test_hidden_files_are_named(house, tmp_path):
    files = {
        "a.csv": GOOD, "_SUCCESS": "", ".DS_Store": "x", ".a.csv.crc": "x", "b.csv.crc": "x", "_delta_log/000.json": "{}",
        "Thumbs.db": "x", "_late.csv": GOOD, "_staging/b.csv": GOOD, ".hidden.ndjson": ONE,
    }  # fmt: skip
    messages = house.build(write(tmp_path, files))
    assert staged(house) == ["e1"] and messages.problem is None
    hidden, marker = messages
    assert hidden == (
        "product/.hidden.ndjson, product/_late.csv, product/_staging/b.csv: not read, as its name or folder begins with a dot "
        "or an underscore. If it is data, rename it."
    )
    for name in set(files) - {"a.csv", "_late.csv", "_staging/b.csv", ".hidden.ndjson"}:
        assert f"product/{name}" in marker
    told = house.connection.execute("select message from build_messages").fetchall()
    assert told == [(message,) for message in messages]


def test_a_file_that_is_gone_is_named(house, tmp_path):
    first = {"a.csv": as_csv(rows(3)), "b.parquet": as_parquet([row(4)]), "c.csv": as_csv([row(5)])}
    house.build(write(tmp_path, first))
    house.connection.execute(
        "create or replace table read_files as select source, file, row_count from found_files where format is not null"
    )
    (tmp_path / "product" / "b.parquet").unlink()
    messages = house.build(write(tmp_path, {"a.csv": as_csv(rows(2)), "d.csv": as_csv([row(6)])}))
    house.connection.execute("delete from read_files")
    assert [message.split(". ")[0] for message in messages] == [
        "product/a.csv had 3 rows at the last build and has 2 now",
        "product/b.parquet had 1 row at the last build and is gone",
    ]


def test_a_file_is_read_again_only_where_it_changed(house, tmp_path):
    first = {"a.csv": as_csv(rows(2)), "b.ndjson": f"{ONE[:60]}\n{ONE.replace('e1', 'e3')}", "c.parquet": as_parquet([row(4)]),
             "d.json": f"[{ONE.replace('e1', 'e5')}]", "e.csv": as_csv([row(6)])}  # fmt: skip
    for changes, ids, unread in (
        ({}, "e1 e2 e3 e4 e5 e6", {"a.csv", "b.ndjson", "c.parquet", "d.json", "e.csv"}),
        ({}, "e1 e2 e3 e4 e5 e6", set()),
        ({"a.csv": as_csv(rows(1)), "f.csv": as_csv([row(7)])}, "e1 e3 e4 e5 e6 e7", {"a.csv", "f.csv"}),
        ({"e.csv": None}, "e1 e3 e4 e5 e7", set()),
        ({"e.csv": as_csv([row(6)])}, "e1 e3 e4 e5 e6 e7", {"e.csv"}),
        ({"b.ndjson": ONE.replace("e1", "e2")}, "e1 e2 e4 e5 e6 e7", {"b.ndjson"}),
    ):
        for name in [name for name, content in changes.items() if content is None]:
            (tmp_path / "product" / name).unlink()
        write(tmp_path, {name: content for name, content in (changes or first).items() if content} if changes or unread else {})
        house.build(tmp_path)
        read = house.connection.execute("select file from found_files where source = 'product' and not is_known").fetchall()
        assert {name.removeprefix("product/") for (name,) in read} == unread
        assert staged(house) == ids.split()
        assert len(refused(house)) == ("e3" in ids)
        assert balance(house)[0] == balance(house)[1]


def test_a_file_of_a_folder_that_may_not_be_opened_is_named(house, tmp_path):
    os.symlink(tmp_path / "nowhere.csv", write(tmp_path / "raw", {"a.csv": GOOD}) / "product" / "b.csv")
    problem = house.build(tmp_path / "raw").problem
    assert "product/b.csv: it can't be opened (No such file or directory)" in problem


def test_unreadable_rows_come_and_go_from_night_to_night():
    """A line that is mended, or breaks, changes the refused rows as a full rebuild does."""
    needed = ("base_load_days", "base_resolved_events", "base_coverage_entries")
    frames = warehouse.raw_frames({"crm": [ACCOUNT], "product": rows(3) + [row(4, loaded_at=None)]})
    nightly = warehouse.Nightly(needed=needed)
    nightly.load(frames)
    for bad in ((), ("line 3",), ("line 4",), ("line 4", "line 7"), ("line 7",), ()):
        nightly.connection.execute("delete from unreadable_rows")
        for place in bad:
            nightly.connection.execute(f"insert into unreadable_rows values ('product', 'a.csv', '{place}', 'bad', '')")
        nightly.build()
        found = nightly.connection.execute(
            "select read_problem from base_events where reject_reason = 'unreadable' order by all"
        ).fetchall()
        assert found == [(f"a.csv, {place}: bad",) for place in bad]
        counts = nightly.connection.execute("select count(*), sum(row_count) from base_load_days").fetchone()
        assert counts[1] == 5 + len(bad) == nightly.connection.execute("select count(*) from base_events").fetchone()[0]


# -- mutations ---------------------------------------------------------------------------------------------------------

KEPT = [row(number, payload=json.dumps({"n": number, "text": "a, b"})) for number in range(1, 13)]
FORMATS = {
    "a.csv": lambda some: as_csv(some).encode(),
    "a.ndjson": lambda some: as_ndjson(some).encode(),
    "a.json": lambda some: json.dumps([as_object(one) for one in some]).encode(),
    "a.csv.gz": lambda some: gzip.compress(as_csv(some).encode(), mtime=0),
    "a.ndjson.gz": lambda some: gzip.compress(as_ndjson(some).encode(), mtime=0),
    "a.parquet": as_parquet,
}


def truncated(draw, name, content, some):
    return {name: content[: draw.randrange(len(content))]}


def flipped(draw, name, content, some):
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 3))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return {name: bytes(changed)}


def without_a_column(draw, name, content, some):
    gone = draw.choice(ENVELOPE)
    kept = tuple(column for column in ENVELOPE if column != gone)
    if "csv" in name:
        text = as_csv(some, columns=kept).encode()
        return {name: gzip.compress(text) if name.endswith(".gz") else text}
    if name.endswith("parquet"):
        return {name: as_parquet(pd.DataFrame(some)[list(kept)])}
    return {name: FORMATS[name]([{column: one[column] for column in kept} for one in some])}


def with_a_line_twice(draw, name, content, some):
    return {name: FORMATS[name](some + [draw.choice(some)])}


def otherwise_encoded(draw, name, content, some):
    if name.endswith((".gz", "parquet")):
        return {name: content[::-1]}
    return {name: content.decode().replace("record", "récord").encode(draw.choice(("utf-16", "latin-1", "utf-32", "utf-8-sig")))}


def misnamed(draw, name, content, some):
    endings = (".csv", ".ndjson", ".json", ".parquet", ".csv.gz", ".csv.zst", ".xlsx", ".csv.bz2", "")
    return {f"a{draw.choice(endings)}": content}


def emptied(draw, name, content, some):
    return {name: b"", "b.csv": as_csv([])}


def with_other_ends(draw, name, content, some):
    return {name: content if name.endswith((".gz", "parquet")) else content.replace(b"\n", draw.choice((b"\r\n", b"\r")))}


def swapped(draw, name, content, some):
    order = draw.sample(ENVELOPE, 7)
    return {name: as_csv(some, columns=order)} if name == "a.csv" else {name: FORMATS[name](some[::-1])}


def widened(draw, name, content, some):
    if name == "a.csv":
        return {name: as_csv([one | {"more": "x,y"} for one in some], columns=(*ENVELOPE, "more"))}
    if name == "a.parquet":
        return {name: as_parquet(pd.DataFrame(some).assign(more=[[1]] * len(some)))}
    return {name: FORMATS[name]([one | {"more": {"x": [1]}} for one in some])}


def retyped(draw, name, content, some):
    column = draw.choice(ENVELOPE)
    value = draw.choice((7, 7.5, True, None, "x", {"a": 1}, [1], 1e300))
    if name.endswith("parquet"):
        return {name: as_parquet(pd.DataFrame(some).assign(**{column: [value] * len(some)}))}
    return {name: FORMATS[name]([one | ({column: value} if number % 3 == 0 else {}) for number, one in enumerate(some)])}


MUTATIONS = (
    truncated, flipped, flipped, flipped, without_a_column, with_a_line_twice, otherwise_encoded, misnamed, emptied,
    with_other_ends, swapped, widened, retyped,
)  # fmt: skip
#: Mutations that leave every row as it was, whatever is said of the file.
HARMLESS = {with_other_ends, swapped, widened, with_a_line_twice}
SENTENCE = re.compile(
    r"1 file under '[^']+' can't be read[.] product/\S+: [^\n]+[.]"
    r"|The product stream is missing: [^\n]+"
)


def outcome(house, folder, mutation, files):
    """What became of a mutated file: a word, or a sentence that says what is wrong with it."""
    try:
        messages = house.build(write(folder, files))
    except duckdb.Error as error:
        return f"the engine's own message: {error}"
    except Exception as error:
        return f"an exception: {error!r}"
    if messages.problem:
        return "message" if SENTENCE.fullmatch(messages.problem) else f"no sentence: {messages.problem}"
    raw, judged = balance(house)
    if raw != judged:
        return f"{raw} raw rows and {judged} with an outcome"
    kept = {one["event_id"] for one in KEPT}
    lost = len(kept - set(staged(house)))
    named = len(refused(house))
    if mutation in HARMLESS and lost:
        return f"{lost} rows lost, though every row is whole"
    # A row that is not staged under its id must be told: refused, or staged under the id that it has now.
    foreign = len(set(staged(house)) - kept)
    if mutation is truncated:
        return "right" if named <= 1 else f"{named} refused rows of one cut"
    if mutation is flipped and lost > 6:
        return f"{lost} rows lost by {named} refused rows"
    if mutation is misnamed and named:  # an array on one line, that should be one object a line
        return "right"
    return "right" if lost <= named + foreign or mutation is emptied else f"{lost} rows lost, {named} refused"


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_are_read_or_named(house, tmp_path, name):
    outcomes = {}
    for number in range(39):
        draw = random.Random(f"{name} {number}")
        mutation = MUTATIONS[number % len(MUTATIONS)]
        folder = tmp_path / str(number)
        found = outcome(house, folder, mutation, mutation(draw, name, FORMATS[name](KEPT), KEPT))
        outcomes.setdefault(found, []).append(f"{mutation.__name__} {number}")
    bad = {found: mutated for found, mutated in outcomes.items() if found not in ("message", "right")}
    assert not bad, bad
    assert len(outcomes["message"]) >= 4 and len(outcomes["right"]) >= 12, outcomes


# -- many files --------------------------------------------------------------------------------------------------------


def test_a_thousand_small_files_cost_little(house, tmp_path):
    """In CPU seconds of the whole process, so that what else the machine does counts for nothing."""
    some = [row(number % 1_000) | {"event_id": f"e{number}"} for number in range(10_000)]
    write(tmp_path / "one", {"a.csv": as_csv(some)})
    write(tmp_path / "many", {f"{part}.csv": as_csv(some[part * 10 : part * 10 + 10]) for part in range(1_000)})
    spent = {}
    for folder in ("one", "many", "one", "many"):
        begun = time.process_time()
        house.build(tmp_path / folder)
        spent[folder] = time.process_time() - begun
        assert len(staged(house)) == 10_000
    assert spent["many"] < 5 * spent["one"], spent
