"""What of onboarding_health is Python: its command line, the demo company, weight training and the sender."""

import os
from pathlib import Path

#: The dbt project. The package is installed from its clone (`pip install -e .`) and works on that clone.
PROJECT = Path(__file__).resolve().parents[2]


def path_of_warehouse() -> str:
    """The DuckDB file that ONBOARDING_HEALTH_WAREHOUSE names."""
    return os.environ.get("ONBOARDING_HEALTH_WAREHOUSE", "onboarding_health.duckdb")
