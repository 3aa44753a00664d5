"""What the comparisons of another engine with DuckDB share: a company that is hard to read, its nights, the comparison itself.

The company is simulated with every defect, stands in files of all formats, and has events whose texts two engines are
apt to read differently. Its second night brings new rows, rows that come behind, and a merge; its third changes a seed.
NIGHTS, an environment variable, says how many of them are lived through.
"""

import json
import os
import tempfile
from datetime import timedelta
from itertools import islice
from pathlib import Path

import duckdb
import pandas as pd
import warehouse
from test_bad_input import as_csv, as_ndjson
from warehouse import ENVELOPE, STREAMS

from onboarding_health.simulator import dirt
from onboarding_health.simulator.run import simulate

NIGHT = "night.parquet"  # the file in which the second night's rows stand
FIRST, LATE, CHANGED = "the first build", "late rows and a merge", "a changed seed"
LIVED = [FIRST, LATE, CHANGED][: int(os.environ.get("NIGHTS", "3"))]
LAST = LIVED[-1]  # the night whose build runs the tests
PASSED = ("success", "pass", "warn", "no-op")  # nothing is run of an exposure or a saved query
# A company without a candidate has nothing to compare, where nothing was sent nothing was delivered, and in 120 days nobody
# has used the product long enough to be handed over.
EMPTY = ("fct_challenger_scores", "rpt_sync_deliveries", "fct_expansion_handoffs")
if LAST == FIRST:  # the second night merges two accounts and restates scores
    EMPTY += ("fct_account_merges", "fct_score_restatements")

# Values in JSON, per key: what is read as a number, a date, a whole number, a truth value, a text.
AMOUNTS = [
    *("1", "1.0", "1.50", "-0.0", "1e3", "1E3", "1e-7", "12345678.9", "1.0000005", "-1.0000005", "0.1234567", "1e12"),
    *("999999999999.9999994", "123456789012345678901234567890", "1e400", "null", "true", "[1]", '{"a":1}', '""', '"  "'),
    *('"1"', '"+1"', '"--1"', '".5"', '"5."', '"1e3"', '"1e+3"', '"1.e3"', '"1e"', '"1e5.5"', '"1,5"', '"1 2"', '" 1"'),
    *('"1_000"', '" 1e400"', '"NaN"', '"Infinity"', '"\\t1\\n"', '"1e-99999999999"', '"99999999999999999999e-15"', '"-0"'),
    *('"1e99"', '"1e-400"', '"0e400"'),
    *('1e-400', '0.1e1', '"9e10"', '10000000000', '10000000000.000001', '-10000000000.1', "1e10", "100000000000"),
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
    *('{"a":"b', '  {"a":1}  ', '\t{"a":1}\n', '\u2003{"a":1}', '\x0b{"a":1}\x0c', '{"a":1,}', '{"a":[1,]}', '{"a":[1, ]}'),
    *('{"a":NaN}', '{"a":[nan]}', '{"a":Infinity}', '{"a":-Inf}', '{"a":"NaN ,}"}', '{"a":"\\",}"}', '{"a":1_0}', '{"a":0x1F}'),
    *('{"a":"\\ud83d"}', '{"a":"\\ude00"}', '{"a":"\\ud83d\\ude00"}', '{"a":"\\u0000"}', '{"a":{"b":1,"b":2}}', '{"a":1,"A":2}'),
    *('{"":1,"":2}', '{"a":1, "b":2, "a":null}', '{"a":1,,"b":2}', '{,"a":1}', '{"a":1e400}', '{"a":-}', '{"a":+1}', '{"a":1.}'),
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
    add("health_overridden", '{"band":"green","reason":"they \\"said\\" so","expires_on":"2025-12-05"}')
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


def company():
    """The frames by stream of a simulated company with every defect: 60 accounts of 120 days, all that leave among them."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(
            Path(folder), accounts=200, days=120, seed=7, shares={kind: share for kind, (share, _) in dirt.KINDS.items()}
        )
        frames = {stream: pd.read_parquet(f"{folder}/{stream}")[list(ENVELOPE)] for stream in STREAMS}
    billing = frames["billing"]
    leavers = set(billing.loc[billing["event_type"] == "subscription_cancelled", "account_id"])
    accounts = sorted(frames["crm"]["account_id"].dropna().unique(), key=lambda account: (account not in leavers, account))[60:]
    product = frames["product"]
    users = product.loc[product["account_id"].isin(accounts), "user_id"].dropna().unique()
    return {
        stream: frame[~frame["account_id"].isin(accounts) & ~(frame["account_id"].isna() & frame["user_id"].isin(users))]
        for stream, frame in frames.items()
    }


def merge_of_two_accounts(crm, moment):
    """A row that merges the account created last before a moment into the one created first, loaded a day later."""
    created = crm[(crm["event_type"] == "account_created") & (crm["occurred_at"] < moment)].sort_values("occurred_at")
    payload = json.dumps({"into_account_id": created["account_id"].iloc[0]})
    row = {"event_id": "merge", "event_type": "account_merged", "account_id": created["account_id"].iloc[-1], "user_id": None}
    row |= {"occurred_at": moment, "loaded_at": moment + timedelta(days=1), "payload": payload}
    return pd.DataFrame([row], columns=crm.columns)


def nights(folder):
    """Write what three nights bring, each before it is named: raw streams into `raw`, opinions into `opinions`."""
    frames = company()
    moment = frames["product"]["loaded_at"].max() - timedelta(days=12)
    later = {}
    for stream, frame in frames.items():
        is_behind = (frame["loaded_at"] > moment - timedelta(days=30)) & (frame.index % 50 == 7)
        is_later = (frame["loaded_at"] > moment) | is_behind
        later[stream] = frame[is_later]
        now = frame[~is_later]
        few = now.iloc[::20]
        raw = folder / "raw" / stream
        raw.mkdir(parents=True)
        now.drop(few.index).to_parquet(raw / "a.parquet", row_group_size=20_000)
        (raw / "b.csv").write_text(as_csv(few.iloc[::3], "Z"))
        few.iloc[1::3].to_csv(raw / "c.csv.gz", index=False)
        (raw / "d.ndjson").write_text(as_ndjson(few.iloc[2::3], has_nulls=False, is_nested=True))
        if stream == "crm":
            clear = now[(now["event_type"] == "account_created") & now["occurred_at"].notna()]
            first = clear.sort_values("occurred_at").iloc[0]
            awkward = awkward_rows(first["account_id"], first["occurred_at"] + timedelta(days=30))
            awkward.to_csv(raw / "e.csv", index=False)
    warehouse.copied_opinions(folder / "opinions")
    yield FIRST

    later["crm"] = pd.concat([later["crm"], merge_of_two_accounts(frames["crm"], moment)])
    for stream, frame in later.items():
        frame = frame.astype(dict.fromkeys(("occurred_at", "loaded_at"), "datetime64[us]"))  # Spark reads no nanoseconds
        frame.to_parquet(folder / "raw" / stream / NIGHT)
    yield LATE

    bands = folder / "opinions" / "scoring" / "health_bands.csv"
    bands.write_text(bands.read_text().replace(",green,70,", ",green,72,").replace(",yellow,50,", ",yellow,44,"))
    yield CHANGED


def opinions(folder):
    """The environment variable that names the opinions of a folder."""
    return {"ONBOARDING_HEALTH_OPINIONS": os.path.relpath(folder / "opinions", warehouse.PROJECT)}


def left_out(night):
    """dbt's arguments for what a night's build leaves out.

    Tests run in the last night. The whole run takes all; the shorter one leaves unit tests out, and generic tests, which pass
    where the rows are DuckDB's. The second night has the seeds of the first.
    """
    if night == CHANGED:
        return []
    seeds = ["seed"] if night == LATE else []
    if night == LAST:
        return ["--exclude-resource-type", "unit_test", *seeds, "--exclude", "test_type:generic"]
    return ["--exclude-resource-type", "unit_test", "test", *seeds]


def build_on_duckdb(folder):
    """Build the company of a folder on DuckDB, as it stands, without tests; return the path of its file."""
    path = folder / "memory.duckdb"
    finished = warehouse.dbt(
        "build", "--quiet", "--exclude-resource-type", "test", "unit_test", "--vars",
        f"{{raw_path: {folder / 'raw'}, tasks_from: 2000-01-01}}",
        "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"),
        ONBOARDING_HEALTH_WAREHOUSE=str(path), **opinions(folder),
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout
    return path


def relations():
    """The names of the marts and the staging models."""
    nodes = warehouse.compiled()["nodes"].values()
    return sorted(
        node["name"]
        for node in nodes
        if node["resource_type"] == "model"
        and node["path"].startswith(("marts/", "staging/"))
        and not node["name"].startswith("base_")
    )


def differences(folder, build, rows):
    """Build each night on DuckDB and on another engine; say by relation in which nights their rows differed.

    `build(night, on_duckdb)` builds there, given a connection to what DuckDB built of the same night, and returns its
    outcomes: (unique_id, status, message); `rows(relation)` returns an Arrow table. Returns the outcomes by night, too.
    AssertionError where a seed or a model fails.
    """
    found = {relation: [] for relation in relations()}
    counts = dict.fromkeys(found, 0)
    outcomes = {}
    for night in islice(nights(folder), len(LIVED)):
        with duckdb.connect(build_on_duckdb(folder), read_only=True) as on_duckdb:
            on_duckdb.execute("set TimeZone = 'UTC'")
            outcomes[night] = build(night, on_duckdb)
            broken = {name: (status, text) for name, status, text in outcomes[night] if status not in PASSED}
            assert not {status for status, _ in broken.values()} & {"error", "skipped"}, broken
            for relation in found:
                counts[relation] += on_duckdb.execute(f"select count(*) from {relation}").fetchone()[0]
                difference = rows_that_differ(on_duckdb, relation, rows(relation))
                if difference:
                    found[relation].append((night, difference))
    for relation, count in counts.items():
        if not count and relation not in EMPTY:
            found[relation].append("no night has a row of it")
    return outcomes, found


def check_outcomes(outcomes):
    """Assert that models and seeds of every night, and all tests in the last, passed; unit tests may be left to the whole run.

    `outcomes` has (unique_id, status, message) by night.
    """
    assert list(outcomes) == LIVED
    for results in outcomes.values():
        assert {name: message for name, status, message in results if status not in PASSED} == {}
    kinds = {"model", "test"} | ({"seed", "unit_test"} if LAST == CHANGED else set())
    assert {name.split(".")[0] for name, _, _ in outcomes[LAST]} >= kinds
    warned = {name.split(".")[2] for name, status, _ in outcomes[LAST] if status == "warn"}
    assert "rejects_stay_below_warn_share" in warned  # the company has defects


def rows_that_differ(on_duckdb, relation, other_rows):
    """The first rows of a relation on DuckDB, and of an Arrow table cast to DuckDB's types, that the other lacks."""
    columns = on_duckdb.execute(f"describe {relation}").fetchall()
    assert {column[0] for column in columns} == set(other_rows.column_names)
    columns = [column for column in columns if column[0] != "payload"]  # the blanks of a nested one may differ
    here = ", ".join(column[0] for column in columns)
    there = ", ".join(f"cast({column[0]} as {column[1]}) as {column[0]}" for column in columns)
    found = []
    for one, other in (
        (f"select {here} from {relation}", f"select {there} from other_rows"),
        (f"select {there} from other_rows", f"select {here} from {relation}"),
    ):
        found += on_duckdb.execute(f"{one} except all {other} limit 3").fetchall()
    return found
