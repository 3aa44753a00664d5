"""The database of these tests, which are not part of the default run.

`make test-postgres` installs the client, `apt-get install postgresql` the server, which the tests start and stop themselves.
With ONBOARDING_HEALTH_POSTGRES_HOST they use that of the postgres target instead, where they have schemas of their own and
drop them. Without either they are skipped.
"""

import contextlib
import os

import psycopg2
import pytest
import server


@pytest.fixture(scope="session")
def database():
    """A cursor on the database of the postgres target."""
    with contextlib.ExitStack() as stack:
        if "ONBOARDING_HEALTH_POSTGRES_HOST" not in os.environ:
            programs = server.programs()
            if not programs:
                pytest.skip("No Postgres: install one (apt-get install postgresql) or name its address")
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            for name, value in stack.enter_context(server.temporary_server(programs)).items():
                patch.setenv(name, value)
        parts = {
            "host": "localhost", "port": "5432", "user": "onboarding_health", "password": "", "database": "onboarding_health",
        }  # fmt: skip
        known = {part: os.environ.get(f"ONBOARDING_HEALTH_POSTGRES_{part.upper()}", value) for part, value in parts.items()}
        connection = stack.enter_context(contextlib.closing(psycopg2.connect(connect_timeout=3, **known)))
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
