"""One run: the company is cut in parts, each part drawn and written by itself with its own seed."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from . import company, dirt, lifecycle, product, write

MIN_ACCOUNTS, MAX_ACCOUNTS = 200, 900_000
PART_EVENTS = 1_000_000
_EVENTS_PER_ACCOUNT_YEAR = 2300
_OUTAGE = slice(-110, -101)  # days of a window of a year or more in which the tracker is down


def prepare(out):
    """Make out an output directory without streams; ValueError if it holds something else."""
    manifest = out / "_truth" / "manifest.json"
    found = [p for p in out.iterdir() if not p.name.startswith(".")] if out.is_dir() else []
    if (out.exists() and not out.is_dir()) or (found and not manifest.exists()):
        raise ValueError(f"{out} holds something that the simulator did not write; nothing done")
    for name in [*write.SOURCES, "_truth"]:
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name).mkdir(parents=True)
    return manifest


def _cuts(accounts, activity, first=0):
    """Ranges (low, high) of accounts with about PART_EVENTS product events each."""
    reach = np.cumsum(company.expected_weight(accounts) * activity + 300)
    size = reach[-1] / np.ceil(reach[-1] / PART_EVENTS)
    inner = np.flatnonzero(np.diff((reach / size - 1e-9).astype(int))) + 1 + first
    edges = [first, *inner.tolist(), first + len(accounts)]
    return list(zip(edges, edges[1:], strict=False))


@dataclass
class Run:
    """What the parts of one run share; customers are the first of everyone."""

    out: Path
    seed: int
    start: date
    days: int
    shares: dict
    activity: float
    customers: company.Accounts
    everyone: company.Accounts
    kind: np.ndarray  # 0 customer, 1 internal, 2 test

    @property
    def end(self):
        """Last second of the window, counted from its start."""
        return self.days * lifecycle.DAY - 1

    def rng(self, *key):
        """A generator of its own for each key of small integers."""
        return np.random.default_rng([self.seed, *key])

    def part(self, part, low, high):
        """Draw and write the accounts low to high; returns (product events, injected)."""
        accounts = self.everyone.slice(low, high)
        users = company.draw_users(accounts, self.rng(part, 1))
        log = lifecycle.Log(low, self.days)
        sold = lifecycle.crm(log, accounts, users, self.kind[low:high], self.rng(part, 2))
        lifecycle.support(log, accounts, users, self.rng(part, 3))
        lifecycle.billing(log, accounts, sold, self.rng(part, 4))
        lifecycle.survey(log, accounts, users, self.rng(part, 5))
        lifecycle.milestone_surveys(log, accounts, self.rng(part, 9))
        events = product.simulate(accounts, users, self.rng(part, 6), self.activity)
        down = np.zeros(self.days, dtype=bool)
        down[_OUTAGE] = self.days >= 365
        heard = ~down[events["at"] // lifecycle.DAY]
        events = {name: values[heard] for name, values in events.items()}
        injected = []
        if self.shares["movers"]:
            share, rng = self.shares["movers"], self.rng(part, 7)
            moved = dirt.movers(log, self.customers, users, share, rng)
            injected.append(("crm", "movers", None, moved))
        with write.connect(self.start) as con:
            query = write.product_rows(con, events, users, low, part, self.end)
            injected += self.write(con, part, log.blocks, query, len(events["at"]))
        return len(events["at"]), injected

    def write(self, con, part, blocks, product_query=None, product_size=0):
        """Write a part's blocks, and product rows of a query, as one file a stream."""
        injected = []
        for code, source in enumerate(write.SOURCES):
            first = product_size if source == "product" else 0
            rng = self.rng(part, 10 + code)
            queries = [write.block_rows(con, blocks, source, part, self.end, rng, first)]
            if source == "product":
                queries.insert(0, product_query)
            query = " union all ".join(q for q in queries if q)
            if not query:
                continue
            if any(self.shares.values()):
                rng = self.rng(part, 20 + code)
                query, rows = dirt.inject(con, source, query, part, self.shares, self.end, rng)
                injected += rows
            elif source != "product":
                query += " order by loaded_at, event_id"
            write.copy(con, query, self.out / source / f"part-{part:04d}.parquet")
        return injected

    def truth(self, con, injected, merged):
        """Write what no model may read and every oracle may."""
        accounts, first = self.everyone, np.datetime64(self.start)

        def dates(days):
            known = np.asarray(days) < company.NEVER
            return np.where(known, first + np.where(known, days, 0), np.datetime64("NaT"))

        def ids(numbers):
            return [f"a-{i:06d}" for i in numbers]

        week = np.arange(accounts.health.shape[1]) * 7
        exposed = (week >= accounts.subscribed[:, None] + 7) & (week <= accounts.cancelled[:, None])
        who, when = np.nonzero(exposed)
        health = accounts.health[who, when]
        keys = ["source", "kind", "reason"]
        injected = pd.DataFrame(injected, columns=[*keys, "rows"])
        injected = injected.astype(dict.fromkeys(keys, "string") | {"rows": int})
        tables = {
            "accounts": {
                "account_id": ids(range(len(accounts))),
                "kind": np.array(["customer", "internal", "test"])[self.kind],
                "segment": np.array(company.SEGMENTS)[accounts.segment],
                "product_category": np.array(company.CATEGORIES)[accounts.category],
                "fit": accounts.fit,
                "mean_health": accounts.health.mean(1),
                "treated": accounts.treated,
                "started_on": dates(accounts.start),
                "subscribed_on": dates(accounts.subscribed),
                "cancelled_on": dates(accounts.cancelled),
                "effective_on": dates(accounts.effective),
            },
            "account_weeks": {
                "account_id": ids(who),
                "week_on": dates(week[when]),
                "health": health,
                "helped": accounts.helped[who, when],
                "churn_probability": company.churn_probability(health),
            },
            "merges": {
                "account_id": ids(merged[0]),
                "into_account_id": ids(merged[1]),
                "merged_on": dates(merged[2]),
            },
            "injected": injected.groupby(keys, dropna=False, as_index=False).sum(),
        }
        for name, table in tables.items():
            con.register(name, pd.DataFrame(table))
            columns = (f"{c}::date as {c}" if c.endswith("_on") else c for c in table)
            query = f"select {', '.join(columns)} from {name}"
            write.copy(con, query, self.out / "_truth" / f"{name}.parquet")


def simulate(
    out, accounts=None, days=730, seed=7, end=date(2025, 12, 31), events=None, shares=None
):
    """Write a company's raw streams and truth under out; returns its number of product events.

    accounts is the number of customers (default 500, or what events ask for), events the wanted
    product events, about; end is the last day; shares maps kinds of ``dirt.KINDS`` to a share.
    ValueError where out is somebody else's directory or a number is out of bounds.
    """
    out, shares = Path(out), dict.fromkeys(dirt.KINDS, 0.0) | (shares or {})
    if accounts is None:
        wanted = round(events / _EVENTS_PER_ACCOUNT_YEAR * 365 / days) if events else 500
        accounts = max(MIN_ACCOUNTS, wanted)
    if not MIN_ACCOUNTS <= accounts <= MAX_ACCOUNTS or days < 60 or (events or 1) < 1:
        raise ValueError(f"accounts: {MIN_ACCOUNTS} to {MAX_ACCOUNTS:,}; days: 60 or more")
    manifest = prepare(out)
    arguments = {"accounts": accounts, "days": days, "seed": seed, "end": str(end)}
    arguments |= {"events": events, "dirt": {k: v for k, v in shares.items() if v}}
    manifest.write_text(json.dumps(arguments, indent=2) + "\n")

    start = end - timedelta(days - 1)
    rng = np.random.default_rng([seed, 0])
    customers = company.draw_accounts(accounts, days, start, rng)
    activity = events / company.expected_events(customers, seed) if events else 1.0
    parts = _cuts(customers, activity)
    extra = [ceil(shares[k] * accounts) for k in ("internal", "test")]
    everyone, kind = customers, np.repeat([0, 1, 2], [accounts, *extra])
    if sum(extra):
        rng = np.random.default_rng([seed, 1])
        more = company.draw_accounts(sum(extra), days, start, rng)
        everyone = company.Accounts.concat([customers, more])
        parts += _cuts(more, activity, accounts)
    run = Run(out, seed, start, days, shares, activity, customers, everyone, kind)

    injected = [("crm", "internal", None, extra[0]), ("crm", "test", None, extra[1])]
    merged, total = np.empty((3, 0), dtype=int), 0
    with write.connect(start) as con:
        if shares["merges"]:
            log = lifecycle.Log(0, days)
            count = ceil(shares["merges"] * accounts)
            merged = dirt.merges(log, customers, len(everyone), count, run.rng(0, 8))
            injected.append(("crm", "merges", None, len(merged[0])))
            injected += run.write(con, len(parts), log.blocks)
        bar = tqdm(total=len(parts), unit="part", disable=len(parts) < 4)
        with bar, ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
            for size, rows in pool.map(lambda p: run.part(p[0], *p[1]), enumerate(parts)):
                total, injected = total + size, injected + rows
                bar.update()
        run.truth(con, [row for row in injected if row[3]], merged)
    return total
