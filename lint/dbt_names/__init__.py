"""The names that sqlfluff's Jinja templater gives to each model."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from project_macros import names  # noqa: E402

sys.path.pop(0)
globals().update(names())
