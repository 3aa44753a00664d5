"""What the comparisons of another engine with DuckDB share: a company that is hard to read, and the comparison itself.

The company is simulated with every defect, stands in files of all formats, and has events whose texts two engines are
apt to read differently.
"""

import json
from datetime import timedelta

import pandas as pd
import warehouse
from test_bad_input import as_csv, as_ndjson
from warehouse import ENVELOPE, STREAMS

from simulator import dirt
from simulator.run import simulate

# Values in JSON, per key: what is read as a number, a date, a whole number, a truth value, a text.
AMOUNTS = [
    *("1", "1.0", "1.50", "-0.0", "1e3", "1E3", "1e-7", "12345678.9", "1.0000005", "-1.0000005", "0.1234567", "1e12"),
    *("999999999999.9999994", "123456789012345678901234567890", "1e400", "null", "true", "[1]", '{"a":1}', '""', '"  "'),
    *('"1"', '"+1"', '"--1"', '".5"', '"5."', '"1e3"', '"1e+3"', '"1.e3"', '"1e"', '"1e5.5"', '"1,5"', '"1 2"', '" 1"'),
    *('"1\\t"', '"0x1F"', '"1d"', '"1f"', '"1L"', '"nan"', '"inf"', '"-"', '"1.2.3"', '"00012"', '"abc"'),
]  # fmt: skip
DATES = [
    *("2025-01-05", "2025-1-5", "2025-01", "2025", "20250105", "2025/01/05", "05.01.2025", "2025-01-05T10:00:00Z"),
    *("2025-01-05 10:00", "2025-01-05T", "2025-01-05x", "2025-01-05+02:00", "2025-01-05T25:00:00", "2025 01 05", " 2025-01-05 "),
    *("2025-02-30", "2024-02-29", "2025-13-01", "epoch", "infinity", "today", "now", "+2025-01-05", "-2025-01-05", "12025-01-05"),
    *("0001-01-01", "9999-12-31", "10000-01-01", "225-01-05", "2025-01-05 (BC)", "tomorrow", "T10:00:00", "10:00:00"),
]  # fmt: skip
COUNTS = ["10", "10.0", "10.5", "1e3", '"10"', '"10.0"', '"10.5"', '"1e3"', '" 10 "', '"0x1F"', '"9999999999999"', "-1", "1e15"]
FLAGS = ["true", "false", '"true"', '"FALSE"', '"True"', '" true "', '"yes"', '"t"', '"1"', "1", "0", '"on"', '"no"', '"\\ttrue"']
NAMES = [
    *('"x"', '" x "', '"\\u00a0x\\u2003"', '"\\tx\\n"', '"\\u200bx"', '"é\\"\\\\/"', '"\\u00e9\\n"', "1", "1.0", "true"),
    '{"b": [1, 2.0]}',
]  # fmt: skip
PAYLOADS = [
    *('[{"a":1}]', '{"a":1}] }', '{"a":1}]', '{"a":1},', '{"a":1}, 2'),
    *("{}", "[1]", "1", '"x"', "null", "true", "no json", '{"a":1', '{"a":1} x', '{"a":1}}', '{"a":1} {"b":2}'),
    *('{"a":1},{"b":2}', "{'a':1}", "{a:1}", '{"a":"x\ty"}', '{"a":"x\\ty"}', '{"a":01}', '{"a":1}//c', '/*c*/{"a":1}'),
    *('{"topic":1,"topic":2}', '\ufeff{"a":1}', '{"a":.5}', '{"a":"\\x"}', '{"a":tru}', '{"a" 1}', '{"b":{"c":1}'),
    *('{"a":"b', '  {"a":1}  ', '\t{"a":1}\n'),
]  # fmt: skip
MOMENTS = [
    *("{day} 10:00:00", "{day}T10:00:00", "{day}T10:00:00Z", "{day}T10:00:00+02:00", "{day} 10:00:00+05:30"),
    *("{day}T10:00:00-0800", "{day} 10:00:00.123456", "{day} 10:00:00.123456789", "{day}T10:00:00.5Z", "{day}", "{day} 10:00"),
    *("{day} 1:2:3", "{day} 25:00:00", "{day} 10:60:00", "{day} x", "{day}x", "10:00:00", "T10:00:00", "2025"),
    *("now", "1736071200", "20250105", "yesterday", ""),
]  # fmt: skip


def awkward_rows(account_id, moment):
    """Rows of the CRM stream, as in a CSV file, on one account and in the hour after a moment."""
    rows = []

    def add(event_type="note_logged", payload="{}", **columns):
        row = {
            "event_id": f"awkward-{len(rows):03d}", "event_type": event_type, "account_id": account_id, "user_id": None,
            "occurred_at": str(moment + timedelta(seconds=len(rows))), "loaded_at": f"{moment + timedelta(hours=1)}",
            "payload": payload,
        }  # fmt: skip
        rows.append(row | columns)

    for amount in AMOUNTS:
        add("opportunity_stage_changed", f'{{"opportunity_id":"o","stage":"won","amount":{amount}}}')
    for day in DATES:
        add("opportunity_stage_changed", json.dumps({"opportunity_id": "o", "stage": "won", "close_date": day}))
    for count in COUNTS:
        add("account_updated", f'{{"employees":{count}}}')
    for flag in FLAGS:
        add("account_updated", f'{{"is_test":{flag}}}')
    add("account_updated", '{"is_test":false}')
    for name in NAMES:
        add(payload=f'{{"topic":{name}}}')
    for payload in PAYLOADS:
        add(payload=payload)
    for day in MOMENTS:
        add(occurred_at=day.format(day=moment.date()))
    for space in (" ", "\u00a0", "\u3000", "\t", "\u200b"):
        texts = {"event_id": f"padded-{ord(space)}", "event_type": "note_logged", "account_id": account_id, "user_id": "u"}
        for column, text in texts.items():
            add(**{column: f"{space}{text}{space}"})
            add(**{column: space})
    return pd.DataFrame(rows)


def write_awkward_company(folder):
    """Write the raw streams into `raw` of a folder."""
    simulate(
        folder / "simulated", accounts=200, days=120, seed=7,
        shares={kind: share for kind, (share, _) in dirt.KINDS.items()},
    )  # fmt: skip
    for stream in STREAMS:
        frame = pd.read_parquet(folder / "simulated" / stream)[list(ENVELOPE)]
        few = frame.iloc[::20]
        raw = folder / "raw" / stream
        raw.mkdir(parents=True)
        frame.drop(few.index).to_parquet(raw / "a.parquet", row_group_size=20_000)
        (raw / "b.csv").write_text(as_csv(few.iloc[::3], "Z"))
        few.iloc[1::3].to_csv(raw / "c.csv.gz", index=False)
        (raw / "d.ndjson").write_text(as_ndjson(few.iloc[2::3], has_nulls=False, is_nested=True))
        if stream == "crm":
            clear = frame[(frame["event_type"] == "account_created") & frame["occurred_at"].notna()]
            first = clear.sort_values("occurred_at").iloc[0]
            awkward = awkward_rows(first["account_id"], first["occurred_at"] + timedelta(days=30))
            awkward.to_csv(raw / "e.csv", index=False)


def build_on_duckdb(folder):
    """Build the company of a folder on DuckDB; return the path of its file."""
    path = folder / "house.duckdb"
    finished = warehouse.dbt(
        "build", "--quiet", "--exclude-resource-type", "unit_test", "--vars", f"raw_path: {folder / 'raw'}",
        "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"), ONBOARDING_HEALTH_WAREHOUSE=str(path),
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout
    return path


def relations():
    """The names of the marts and the staging models."""
    nodes = warehouse.compiled()["nodes"].values()
    return sorted(
        node["name"]
        for node in nodes
        if node["resource_type"] == "model" and node["path"].startswith(("marts/", "staging/"))
    )


def check_outcomes(outcomes):
    """Assert that a build ran models, seeds and tests and that all passed; outcomes are (unique_id, status, message)."""
    assert {name.split(".")[0] for name, _, _ in outcomes} >= {"model", "seed", "test", "unit_test"}
    passed = ("success", "pass", "warn")
    assert {name: message for name, status, message in outcomes if status not in passed} == {}
    warned = {name.split(".")[2] for name, status, _ in outcomes if status == "warn"}
    assert "rejects_stay_below_warn_share" in warned  # the company has defects


def check_rows(on_duckdb, relation, other_rows):
    """Assert that the rows of an Arrow table, cast to DuckDB's types, are those of the relation on DuckDB."""
    columns = on_duckdb.execute(f"describe {relation}").fetchall()
    assert {column[0] for column in columns} == set(other_rows.column_names)
    columns = [column for column in columns if column[0] != "payload"]  # the blanks of a nested one may differ
    here = ", ".join(column[0] for column in columns)
    there = ", ".join(f"cast({column[0]} as {column[1]}) as {column[0]}" for column in columns)
    for one, other in (
        (f"select {here} from {relation}", f"select {there} from other_rows"),
        (f"select {there} from other_rows", f"select {here} from {relation}"),
    ):
        assert on_duckdb.execute(f"{one} except all {other} limit 3").fetchall() == []
    assert on_duckdb.execute(f"select count(*) from {relation}").fetchone()[0] > 0
