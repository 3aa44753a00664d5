"""Runs a step in a process of its own and says what it took."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from time import perf_counter

from .data import PROJECT

# On macOS getrusage counts bytes, elsewhere kibibytes.
_RSS_UNIT = 1 if os.uname().sysname == "Darwin" else 1024


@dataclass
class Measure:
    """What a finished process took; the processes that it waited for are in it."""

    wall: float
    cpu: float
    peak_bytes: int
    returncode: int


class StepFailed(Exception):
    """A step that must not fail did; the message ends with the end of its output."""


def measure(
    command: list[str], log: Path, environment: dict[str, str] | None = None, seconds: float | None = None
) -> Measure:
    """Run a command in the project folder, its output in the log, and return what it took, failed or not.

    After so many seconds the process is ended, which is a failure as well.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as output:
        begun = perf_counter()
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        alarm = Timer(seconds, process.kill) if seconds else None
        try:
            if alarm:
                alarm.start()
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        finally:
            if alarm:
                alarm.cancel()
        wall = perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    return Measure(wall, cpu, usage.ru_maxrss * _RSS_UNIT, process.returncode)


def must(command: list[str], log: Path, environment: dict[str, str] | None = None) -> Measure:
    """Do what `measure` does, and raise StepFailed where the command fails."""
    measured = measure(command, log, environment)
    if measured.returncode:
        end = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-30:])
        raise StepFailed(f"{' '.join(command)} failed with {measured.returncode}:\n{end}")
    return measured
