"""The versions that are supported: `pip install nox`, then `nox` builds a small demo with all its tests on each that is here."""

import nox

nox.options.error_on_missing_interpreters = False


@nox.session(python=["3.11", "3.12", "3.13"])
@nox.parametrize("duckdb", ["1.5", "2.0"])
def demo(session: nox.Session, duckdb: str) -> None:
    """Build the demo on a version of Python and the last patch of a DuckDB, which replaces the pinned one."""
    session.install("--constraint", "constraints.txt", "--editable", ".")
    session.install(f"duckdb=={duckdb}.*")
    session.run(
        "onboarding-health", "demo", "--accounts", "200", "--days", "120", "--raw", f"{session.create_tmp()}/raw",
        env={"ONBOARDING_HEALTH_WAREHOUSE": f"{session.create_tmp()}/demo.duckdb"},
    )  # fmt: skip
