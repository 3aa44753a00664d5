"""The project's own steps: full build, nightly build, and a build where nothing changed."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .data import PROJECT
from .measure import Measure, must


@dataclass
class Job:
    """dbt on one warehouse: where its files go, which streams it reads, and its settings."""

    folder: Path
    raw: Path
    memory: str
    threads: int

    @property
    def warehouse(self) -> Path:
        """The DuckDB file of the build."""
        return self.folder / "house.duckdb"

    @property
    def target(self) -> Path:
        """The folder of dbt's artifacts."""
        return self.folder / "target"

    def clear(self) -> None:
        """Remove what earlier builds left."""
        for path in (self.warehouse, self.folder / "house.duckdb.wal"):
            path.unlink(missing_ok=True)
        for path in (self.target, self.folder / "logs"):
            shutil.rmtree(path, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)

    def dbt(self, step: str, *arguments: str, known_at: datetime | None = None) -> Measure:
        """Run dbt quietly at that moment, the last load where it is None; StepFailed where dbt fails."""
        variables = {"raw_path": str(self.raw)} | ({"known_at": str(known_at)} if known_at else {})
        return must(
            [
                sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "--quiet", *arguments,
                "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT),
                "--target-path", str(self.target), "--log-path", str(self.folder / "logs"),
                "--vars", json.dumps(variables),
            ],
            self.folder / f"{step}.log",
            {
                "ONBOARDING_HEALTH_WAREHOUSE": str(self.warehouse),
                "ONBOARDING_HEALTH_THREADS": str(self.threads),
                "ONBOARDING_HEALTH_MEMORY": self.memory,
            },
        )  # fmt: skip

    def run(self, step: str, *arguments: str, known_at: datetime | None = None) -> dict:
        """Time `dbt run`, or other arguments, with a warm parse, and return the measures with dbt's own share.

        `models` is the time from the start of the first node to the end of the last; the rest of the wall is dbt's
        start and stop.
        """
        self.dbt(f"{step}-parse", "parse", known_at=known_at)
        measured = self.dbt(step, *(arguments or ("run",)), known_at=known_at)
        results = json.loads((self.target / "run_results.json").read_text())["results"]
        results = [result for result in results if not result["unique_id"].startswith("operation.")]
        shutil.copy(self.target / "run_results.json", self.folder / f"{step}-run_results.json")
        moments = [
            datetime.fromisoformat(timing[end])
            for result in results
            for timing in result["timing"]
            for end in ("started_at", "completed_at")
            if timing.get(end)
        ]
        slowest = sorted(results, key=lambda result: -result["execution_time"])[:10]
        return {
            "wall": measured.wall,
            "cpu": measured.cpu,
            "peak_bytes": measured.peak_bytes,
            "models": (max(moments) - min(moments)).total_seconds(),
            "nodes": len(results),
            "slowest": {node["unique_id"].split(".")[2]: node["execution_time"] for node in slowest},
        }

    def compiled(self) -> list[dict]:
        """Return the nodes of the last run's manifest in the order in which they depend on each other."""
        nodes = json.loads((self.target / "manifest.json").read_text())["nodes"]
        ordered: dict[str, dict] = {}

        def visit(key: str) -> None:
            if key in nodes and key not in ordered:
                for parent in nodes[key]["depends_on"].get("nodes", []):
                    visit(parent)
                ordered[key] = nodes[key]

        for key in sorted(nodes):
            visit(key)
        return list(ordered.values())
