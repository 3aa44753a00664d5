"""Measures as JSON and as Markdown: ratios first, seconds beside."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

ABOUT = "Time the project's builds against a hand-written script and against its peers, on simulated companies."
_NAMES = {"pandas": "pandas", "range_join": "range join"}
_USUAL = 10_000_000


def machine() -> dict:
    """Return what the numbers depend on beside the code."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "dbt-core", "dbt-duckdb", "pandas")},
    }


def save(path: Path, measures: dict[int, dict]) -> None:
    """Write all measures, by number of events, with the machine."""
    path.write_text(json.dumps({"machine": machine(), "sizes": measures}, indent=1, default=str) + "\n")


def _size(events: int) -> str:
    return f"{events / 1e6:g}M"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:,.0f} s"


def _ratio(above: dict | None, below: dict | None) -> str:
    if not above or not below:
        return ""
    if "not_run" in above:
        return f"not run ({above['not_run']})"
    wall, cpu = (above[kind] / below[kind] for kind in ("wall", "cpu"))
    return f"{wall:.2f} ({_seconds(above['wall'])} / {_seconds(below['wall'])}; CPU {cpu:.2f})"


def _models(step: dict, below: dict) -> str:
    return f"{step['models'] / below['wall']:.2f} ({_seconds(step['models'])} / {_seconds(below['wall'])})"


def _outside(step: dict) -> str:
    rest = step["wall"] - step["models"]
    return f"{rest / step['wall']:.2f} ({_seconds(rest)} / {_seconds(step['wall'])})"


def _rows(measures: dict[int, dict]) -> list[list[str]]:
    """Return the rows of the table of ratios."""
    sizes = list(measures)
    base = _USUAL if _USUAL in sizes else sizes[0]
    rows = [["", *map(_size, sizes)]]

    def add(name: str, cell) -> None:
        rows.append([name, *(cell(measures[size]) for size in sizes)])

    def add_slope(name: str) -> None:
        first = measures[base][name]
        cells = []
        for size in sizes:
            step = measures[size][name]
            wall, cpu = (step[kind] / first[kind] * base / size for kind in ("wall", "cpu"))
            cells.append(f"{wall:.2f} ({step['wall'] / size * 1e6:.2f} s per 1M; CPU {cpu:.2f})")
        rows.append([f"{name}, time per event against {_size(base)}", *cells])

    add("**core / limit**", lambda m: _ratio(m["core"], m["limit"]))
    add("**core, models alone / limit**", lambda m: _models(m["core"], m["limit"]))
    add("**full / limit**", lambda m: _ratio(m["full"], m["limit"]))
    add("**nightly / full**", lambda m: _ratio(m["nightly"], m["full"]))
    add("**no change / full**", lambda m: _ratio(m["no_change"], m["full"]))
    if any("tests" in m for m in measures.values()):
        add("tests / full", lambda m: _ratio(m.get("tests"), m["full"]))
    for step in ("core", "full", "nightly"):
        add(f"dbt outside of models / {step}", lambda m, step=step: _outside(m[step]))
    for peer, name in _NAMES.items():
        if any(peer in m["peers"] for m in measures.values()):
            add(f"**{name} / ours, same questions**", lambda m, peer=peer: _ratio(m["peers"].get(peer), m["ours"]))
    for peer, name in _NAMES.items():
        if any(peer in m["peers"] for m in measures.values()):
            add(f"{name} / full", lambda m, peer=peer: _ratio(m["peers"].get(peer), m["full"]))
    if len(sizes) > 1:
        for step in ("core", "full", "limit"):
            add_slope(step)
    return rows


def _measured(measures: dict[int, dict]) -> list[list[str]]:
    """Return the rows of the table of measures."""
    rows = [["", "wall", "CPU", "peak", "raw rows a second"]]
    for size, found in measures.items():
        steps = {name: found.get(name) for name in ("core", "full", "nightly", "no_change", "tests", "limit", "ours")}
        for name, step in (steps | found["peers"]).items():
            if not step or "not_run" in step:
                continue
            rows.append(
                [
                    f"{_size(size)} {name.replace('_', ' ')}",
                    _seconds(step["wall"]),
                    _seconds(step["cpu"]),
                    f"{step['peak_bytes'] / 1e9:.2f} GB",
                    f"{found['raw_rows'] / step['wall']:,.0f}",
                ]
            )
    return rows


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def markdown(measures: dict[int, dict]) -> str:
    """Return the report of a run: ratios, then measures, slowest models and the machine."""
    slowest = [
        f"{_size(size)} {step}: {found[step]['nodes']} nodes, slowest "
        + ", ".join(f"{name} {_seconds(seconds)}" for name, seconds in found[step]["slowest"].items())
        for size, found in measures.items()
        for step in ("core", "full", "nightly")
    ]
    for size, found in measures.items():
        steps: dict[str, float] = {}
        for step in found["limit"]["steps"]:
            steps[step["step"]] = steps.get(step["step"], 0) + step["wall"]
        longest = sorted(steps.items(), key=lambda step: -step[1])[:8]
        shares = ", ".join(f"{name} {seconds / found['limit']['wall']:.0%}" for name, seconds in longest)
        slowest.append(f"{_size(size)} limit: {shares}")
    facts = machine()
    return "\n\n".join(
        [
            _table(_rows(measures)),
            _table(_measured(measures)),
            "\n".join(f"- {line}" for line in slowest),
            f"{facts['cores']} cores of {facts['cpu']}, {facts['memory_gb']} GB, load {facts['load']:.1f}; "
            + ", ".join(f"{name} {facts[name]}" for name in ("duckdb", "dbt-core", "dbt-duckdb", "pandas", "python")),
        ]
    )
