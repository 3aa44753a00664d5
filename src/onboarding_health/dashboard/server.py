"""Serves the pages on this machine."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

PROJECT_SRC = Path(__file__).resolve().parents[2]


def command(port: int) -> list[str]:
    """The command that serves the pages on 127.0.0.1; it asks nobody else and sends nothing."""
    from .tokens import theme_options

    options = {
        "server.address": "127.0.0.1", "server.port": str(port), "server.headless": "true", "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false", "browser.serverAddress": "127.0.0.1", "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none", "logger.level": "error", "server.showEmailPrompt": "false",
    }  # fmt: skip
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    return [sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("app.py")), *given, *theme_options()]


def check() -> None:
    """End the program with one sentence where Streamlit or Plotly are not installed."""
    if not all(importlib.util.find_spec(name) for name in ("streamlit", "plotly")):
        sys.exit("The pages need the extra `dashboard`: pip install -c constraints.txt -e '.[dashboard]'")


def serve(port: int) -> int:
    """Serve until it is interrupted; returns the server's exit code."""
    path = os.pathsep.join([str(PROJECT_SRC), *filter(None, [os.environ.get("PYTHONPATH")])])
    print(f"The pages are at http://127.0.0.1:{port}. End with Ctrl-C.", flush=True)
    try:
        return subprocess.run(command(port), env=os.environ | {"PYTHONPATH": path}).returncode
    except KeyboardInterrupt:
        return 0
