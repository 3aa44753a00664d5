"""The simulator against its contract, with an independent count of every injected defect."""

import csv
import json
from hashlib import sha256
from pathlib import Path

import duckdb
import numpy as np
import pytest

from onboarding_health.cli import run
from onboarding_health.simulator import company, dirt
from onboarding_health.simulator.run import simulate

ROOT = Path(__file__).parents[1]

SOURCES = ["product", "crm", "support", "billing", "survey"]
SIZE = {"accounts": 200, "days": 150}
SHARES = {k: 4 * share for k, (share, _) in dirt.KINDS.items()} | {"movers": 0.5}
WHOLE, TEXT = {"UBIGINT", "BIGINT"}, {"VARCHAR"}
JSON = {"text": TEXT, "currency": TEXT, "date": TEXT, "boolean": {"BOOLEAN"}, "integer": WHOLE}
JSON["number"] = WHOLE | {"DOUBLE"}
with open(ROOT / "seeds/shared/event_schemas.csv") as seed:
    SCHEMA = [r | {"required": r["is_required"] == "true" and not r["unless_key"]} for r in csv.DictReader(seed)]


def hashes(out):
    files = (p for p in out.rglob("*") if p.is_file())
    return {str(p.relative_to(out)): sha256(p.read_bytes()).hexdigest() for p in files}


def database(out):
    con = duckdb.connect()
    for name in SOURCES:
        con.execute(f"create view {name} as from '{out}/{name}/*.parquet'")
    for name in ("accounts", "account_weeks", "injected", "merges"):
        con.execute(f"create view truth_{name} as from '{out}/_truth/{name}.parquet'")
    return con


@pytest.fixture(scope="module")
def outs(tmp_path_factory):
    base = tmp_path_factory.mktemp("simulator")
    simulate(base / "clean", seed=7, **SIZE)
    simulate(base / "dirty", seed=7, shares=SHARES, **SIZE)
    return base


@pytest.fixture(scope="module")
def clean(outs):
    return database(outs / "clean")


@pytest.fixture(scope="module")
def dirty(outs):
    return database(outs / "dirty")


def test_bytes_depend_on_the_seed_alone(outs, tmp_path):
    simulate(tmp_path / "same", seed=7, shares=SHARES, **SIZE)
    simulate(tmp_path / "other", seed=8, shares=SHARES, **SIZE)
    assert hashes(tmp_path / "same") == hashes(outs / "dirty")
    assert not set(hashes(tmp_path / "same").values()) & set(hashes(tmp_path / "other").values())


@pytest.mark.parametrize("source", SOURCES)
def test_envelope(clean, source):
    columns = ", ".join(f"{r[0]} {r[1]}" for r in clean.sql(f"describe {source}").fetchall())
    assert columns == (
        "event_id VARCHAR, event_type VARCHAR, account_id VARCHAR, user_id VARCHAR, "
        "occurred_at TIMESTAMP, loaded_at TIMESTAMP, payload VARCHAR"
    )
    rows, ids, good = clean.sql(f"""select count(*), count(distinct event_id), count(*) filter (
        occurred_at <= loaded_at and loaded_at <= timestamp '2025-12-31 23:59:59'
        and coalesce(json_valid(payload), '{source}' = 'product' or event_type like 'seat%')) from {source}""").fetchone()
    assert rows == ids == good > 500


# What a help desk and a CRM may send beside; the drawn companies of company_strategy.py have them.
NOT_SIMULATED = {
    "account_merged",
    "user_identified",
    "ticket_changed",
    "ticket_merged",
    "ticket_deleted",
}


def test_payloads_are_the_schema_seed(clean):
    union = " union all ".join(f"select event_type, payload from {s}" for s in SOURCES[1:])
    clean.execute(f"create or replace temp table e as {union}")
    keys = clean.sql("select distinct event_type, unnest(json_keys(payload)) from e").fetchall()
    assert set(keys) <= {(r["event_type"], r["payload_key"]) for r in SCHEMA}
    drawn = {kind for (kind,) in clean.sql("select distinct event_type from e").fetchall()}
    assert {r["event_type"] for r in SCHEMA} - drawn == NOT_SIMULATED
    for row in SCHEMA:
        query = f"""select distinct coalesce(json_type(payload, '$.{row["payload_key"]}'), '')
            from e where event_type = '{row["event_type"]}'"""
        allowed = JSON[row["value_type"]] | (set() if row["required"] else {""})
        assert {kind for (kind,) in clean.sql(query).fetchall()} <= allowed, row


def test_every_event_has_its_account_and_user(clean):
    for source in SOURCES:
        query = f"""select count(*) from {source} e anti join crm c
            on c.account_id = e.account_id and c.event_type = 'account_created'
            and c.occurred_at <= e.occurred_at where e.account_id is not null"""
        assert clean.sql(query).fetchone() == (0,), source
    query = """select avg((p.account_id is null)::int), count(*) filter (
            a.user_id is null or a.occurred_at > p.occurred_at or r.occurred_at < p.occurred_at
            or coalesce(p.account_id, a.account_id) <> a.account_id)
        from product p
        left join crm a on a.user_id = p.user_id and a.event_type = 'contact_added'
        left join crm r on r.user_id = p.user_id and r.event_type = 'contact_removed'"""
    anonymous, wrong = clean.sql(query).fetchone()
    assert wrong == 0 and 0.02 < anonymous < 0.04


def rejects(con, source):
    """Rows by reason, judged one by one in the house's order of precedence."""
    rules = [r for r in SCHEMA if r["source"] == source]
    created, users = (
        {x for (x,) in con.sql(f"select {c} from crm where event_type = '{t}'").fetchall()}
        for c, t in (("account_id", "account_created"), ("user_id", "contact_added"))
    )
    seen, counts = set(), {}
    late = "coalesce(occurred_at > loaded_at + interval 10 minute, false)"
    rows = con.sql(f"select * exclude (loaded_at), {late} from {source} order by loaded_at")
    for event, kind, account, user, at, payload, future in rows.fetchall():
        mine = [r for r in rules if r["event_type"] == kind]
        try:
            values = json.loads(payload or "{}")
        except ValueError:
            values = None
        judged = {
            "missing_id": not event,
            "bad_time": at is None,
            "future_time": future,
            "invalid_json": values is None,
            "unknown_type": source != "product" and not mine,
            "missing_key": any(
                r["required"] and r["payload_key"] not in (values or {}) for r in mine
            ),
            "mistyped_key": "abc" in (values or {}).values(),
            "duplicate_id": event in seen,
            "no_account": account not in created if account else user not in users,
        }
        reason = next((name for name, true in judged.items() if true), None)
        if reason:
            counts[reason] = counts.get(reason, 0) + 1
        else:
            seen.add(event)
    return counts


@pytest.mark.parametrize("source", SOURCES)
def test_injected_counts_are_the_rejects(clean, dirty, source):
    counts = rejects(dirty, source)
    injected = dirty.sql("from truth_injected where reason is not null").filter(
        f"source = '{source}'"
    )
    assert counts == dict(injected.project("reason, rows").fetchall())
    assert len(counts) == {"product": 6, "crm": 8}.get(source, 9)
    assert rejects(clean, source) == {}


@pytest.mark.parametrize("source", SOURCES)
def test_dirt_leaves_the_clean_rows(outs, dirty, source):
    same = "event_type, account_id, user_id, occurred_at, payload"
    query = f"""select count(*), count(f.at), count(*) filter (f.at > c.loaded_at),
            min(f.at - c.loaded_at) = interval 0 day, max(f.at - c.loaded_at) < interval 46 day
        from '{outs}/clean/{source}/*.parquet' c left join (
            select event_id, hash({same}) as h, min(loaded_at) as at from {source} group by all
        ) f on f.event_id = c.event_id and f.h = hash({same.replace("e", "c.e", 1)})"""
    rows, kept, delayed, prompt, bounded = dirty.sql(query).fetchone()
    late = f"select rows from truth_injected where source = '{source}' and kind = 'late'"
    assert rows == kept and prompt and bounded and delayed <= dirty.sql(late).fetchone()[0]


def test_merges_movers_internal_and_test_accounts(dirty):
    created = "account_id) from crm where event_type = 'account_created' and payload like"
    queries = {
        "internal": f"{created} '%\"is_internal\":true%'",
        "test": f"{created} '%\"is_test\":true%'",
        "movers": """user_id) from crm where event_type = 'contact_added'
            and account_id[3:8] <> user_id[3:8] and account_id like 'a-0%'""",
        "merges": """account_id) from crm where event_type = 'account_merged'
            and account_id in (select account_id from truth_merges)""",
    }
    found = {k: dirty.sql(f"select count(distinct {q}").fetchone()[0] for k, q in queries.items()}
    query = "select kind, rows from truth_injected where reason is null and kind <> 'late'"
    assert found == dict(dirty.sql(query).fetchall()) and min(found.values()) > 0


def test_hazard_falls_with_health():
    hazard = company.churn_probability(np.linspace(-6, 6, 200))
    assert (np.diff(hazard) < 0).all() and hazard.min() > 0 and hazard.max() < 1


def test_size_and_directory(tmp_path, capsys):
    (tmp_path / "own.txt").write_text("mine")
    assert run(["simulate", "--out", str(tmp_path), "--accounts", "200"]) == 2
    assert "nothing done" in capsys.readouterr().err and (tmp_path / "own.txt").exists()
    assert run(["simulate", "--out", str(tmp_path / "x"), "--accounts", "199"]) == 2
    assert abs(simulate(tmp_path / "raw", events=300_000, **SIZE) - 300_000) < 30_000
    assert simulate(tmp_path / "raw", events=40_000, **SIZE) < 50_000
    assert database(tmp_path / "raw").sql("from truth_accounts").shape[0] == 200
