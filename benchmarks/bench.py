"""The steps of one size, and the check that all ways give the same rows."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path

from . import data
from .job import Job
from .measure import Measure, measure, must
from .ours import is_asked
from .verify import MARTS, differences, peer_differences

PEERS = ("pandas", "range_join")


@dataclass(frozen=True)
class Settings:
    """What holds for every size of a run."""

    work: Path
    days: int
    seed: int
    memory: str
    threads: int
    dirt: bool
    with_tests: bool
    peers: tuple[str, ...]
    most_seconds: float
    most_bytes: int

    def engine(self) -> list[str]:
        """Return the arguments that every DuckDB step takes."""
        return ["--memory", self.memory, "--threads", str(self.threads)]


def _module(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]


class Bench:
    """One size: a company, its warehouse, and its measures."""

    def __init__(self, settings: Settings, events: int):
        self.settings = settings
        self.events = events
        self.raw = data.company(
            settings.work / "data",
            events,
            days=settings.days,
            seed=settings.seed,
            dirt=settings.dirt,
            memory=settings.memory,
            threads=settings.threads,
        )
        self.folder = settings.work / self.raw.name
        self.job = Job(self.folder, self.raw, settings.memory, settings.threads)
        self.by_hand = self.folder / "by_hand.duckdb"

    def seed(self, known_at: datetime | None) -> None:
        """Start a new warehouse that holds the seeds."""
        self.job.clear()
        self.job.dbt("seed", "seed", known_at=known_at)

    def limit(self, known_at: datetime | None) -> dict:
        """Run the hand-written script, and return its measures with the seconds of its steps."""
        steps = self.folder / "limit-steps.json"
        moment = ["--known-at", str(known_at)] if known_at else []
        measured = must(
            _module("limit", "--raw", self.raw, "--warehouse", self.by_hand, "--steps", steps, *moment, *self.settings.engine()),
            self.folder / "limit.log",
        )
        return asdict(measured) | {"steps": json.loads(steps.read_text())}

    def prepare(self, known_at: datetime | None) -> Path:
        """Write what the peers start from, and return its folder."""
        inputs = self.folder / "peers" / "inputs"
        shutil.rmtree(inputs.parent, ignore_errors=True)
        moment = ["--known-at", str(known_at)] if known_at else []
        must(
            _module("peers.prepare", "--raw", self.raw, "--out", inputs, *moment, *self.settings.engine()),
            self.folder / "peers.log",
        )
        return inputs

    def ours(self) -> dict:
        """Run the models that answer the peers' questions, as the last build compiled them."""
        queries = self.folder / "ours.json"
        nodes = [node for node in self.job.compiled() if is_asked(node)]
        queries.write_text(json.dumps([(node["name"], node["compiled_code"]) for node in nodes]))
        measured = must(
            _module(
                "ours", "--warehouse", self.job.warehouse, "--queries", queries, "--spill", self.folder / "ours.spill",
                *self.settings.engine(),
            ),
            self.folder / "ours.log",
        )  # fmt: skip
        return asdict(measured) | {"models": [node["name"] for node in nodes]}

    def peer(self, name: str, inputs: Path, smaller: dict[int, dict]) -> dict:
        """Run a peer, unless a smaller size says that it takes too long; an unfinished one says why in `not_run`."""
        for events, measures in smaller.items():
            before = measures["peers"].get(name, {})
            if "not_run" in before:
                return {"not_run": before["not_run"]}
            if before and before["wall"] * self.events / events > self.settings.most_seconds:
                return {"not_run": f"over {self.settings.most_seconds / 60:g} min"}
        out = inputs.parent / name
        if name == "pandas":
            command = _module("peers.in_pandas", "--inputs", inputs, "--out", out, "--most-memory", self.settings.most_bytes)
        else:
            command = _module("peers.in_duckdb", "--inputs", inputs, "--out", out, *self.settings.engine())
        measured = measure(command, self.folder / f"{name}.log", seconds=self.settings.most_seconds)
        if measured.returncode == 0:
            return asdict(measured)
        return {"not_run": self._why_not(measured)}

    def _why_not(self, measured: Measure) -> str:
        if measured.wall >= self.settings.most_seconds:
            return f"over {self.settings.most_seconds / 60:g} min"
        return f"over {self.settings.most_bytes / 1e9:g} GB"

    def run(self, smaller: dict[int, dict]) -> dict:
        """Do all steps and return their measures; smaller has those of the sizes before."""
        today = datetime.combine(data.END, time())
        yesterday = today - timedelta(microseconds=1)
        measures: dict = {"raw_rows": data.count_rows(self.raw), "settings": asdict(self.settings) | {"work": ""}}
        self.seed(yesterday)
        measures["core"] = self.job.run(
            "core", "run", "--full-refresh", "--select", *(f"+{mart}" for mart in MARTS), known_at=yesterday
        )
        self.seed(yesterday)
        measures["full"] = self.job.run("full", "run", "--full-refresh", known_at=yesterday)
        measures["ours"] = self.ours() if self.settings.peers else None
        measures["nightly"] = self.job.run("nightly")
        measures["no_change"] = self.job.run("no_change")
        if self.settings.with_tests:
            measures["tests"] = self.job.run("tests", "test")
        measures["limit"] = self.limit(yesterday)
        measures["peers"] = {}
        if self.settings.peers:
            inputs = self.prepare(yesterday)
            for name in self.settings.peers:
                measures["peers"][name] = self.peer(name, inputs, smaller)
            shutil.rmtree(inputs.parent)
        self.by_hand.unlink()
        self.job.clear()
        return measures


def verified(settings: Settings) -> list[str]:
    """Build a small dirty company at two moments in all ways, and return where their rows differ."""
    bench = Bench(replace(settings, dirt=True), 200_000)
    earlier = datetime.combine(data.END - timedelta(100), time(15))
    found = []
    for known_at in (earlier, None):
        bench.seed(known_at)
        bench.job.run("full", "run", "--full-refresh", known_at=known_at)
        bench.limit(known_at)
        inputs = bench.prepare(known_at)
        unfinished = {name: peer for name in PEERS if "not_run" in (peer := bench.peer(name, inputs, {}))}
        lines = differences(bench.job.warehouse, bench.by_hand) + [f"{name} did not finish" for name in unfinished]
        if not unfinished:
            lines += peer_differences([inputs.parent / name for name in PEERS], bench.job.warehouse)
        found += [f"known at {known_at or 'the last load'}: {line}" for line in lines]
    return found
