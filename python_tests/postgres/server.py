"""A Postgres of one test run: in a folder of its own, reached through a socket there, gone when the run ends."""

import contextlib
import glob
import io
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pandas as pd
import psycopg2
from warehouse import ENVELOPE, STREAMS


def programs() -> str | None:
    """The folder of the newest installed server's programs; None where no server is installed."""
    found = [path for path in (shutil.which("initdb"), *glob.glob("/usr/lib/postgresql/*/bin/initdb")) if path]
    return os.path.dirname(os.path.realpath(found[-1])) if found else None


@contextlib.contextmanager
def temporary_server(folder_of_programs: str):
    """Start a server without a network address; yield the settings of the postgres target as environment variables.

    As root, which Postgres refuses, it runs as the user that Debian's package makes. Raises CalledProcessError or
    RuntimeError, with the server's own words, where it does not start.
    """
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    owner = {"user": account.pw_uid, "group": account.pw_gid} if os.geteuid() == 0 else {}
    # A socket's path has at most 107 letters, so pytest's folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="postgres_"))
    os.chown(folder, account.pw_uid, account.pw_gid)
    data, log = folder / "data", folder / "log"
    try:
        subprocess.run(
            [f"{folder_of_programs}/initdb", "--pgdata", data, "--username", "onboarding_health", "--auth", "trust",
             "--encoding", "UTF8", "--locale", "C", "--no-sync"],
            check=True, capture_output=True, cwd=folder, **owner,
        )  # fmt: skip
        settings = {
            "listen_addresses": "", "unix_socket_directories": folder, "fsync": "off", "full_page_writes": "off",
            "synchronous_commit": "off", "max_locks_per_transaction": "256", "shared_buffers": "256MB",
        }  # fmt: skip
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        with open(log, "w") as output:
            server = subprocess.Popen(
                [f"{folder_of_programs}/postgres", "-D", data, *options], stdout=output, stderr=output, cwd=folder, **owner
            )
        try:
            for _ in range(600):
                with contextlib.suppress(psycopg2.OperationalError):
                    connection = psycopg2.connect(host=str(folder), user="onboarding_health", dbname="postgres")
                    break
                if server.poll() is not None:
                    break
                time.sleep(0.1)
            else:
                server.kill()
            if server.poll() is not None:
                raise RuntimeError(log.read_text())
            connection.autocommit = True
            connection.cursor().execute("create database onboarding_health template template0")
            connection.close()
            yield {"ONBOARDING_HEALTH_POSTGRES_HOST": str(folder), "ONBOARDING_HEALTH_POSTGRES_USER": "onboarding_health"}
        finally:
            server.terminate()
            server.wait()
    finally:
        shutil.rmtree(folder)


def create_streams(cursor: psycopg2.extensions.cursor, schema: str) -> None:
    """Create a schema with the empty tables of the raw streams."""
    cursor.execute(f"create schema {schema}")
    columns = ", ".join(f"{name} {'timestamp' if name.endswith('_at') else 'text'}" for name in ENVELOPE)
    for stream in STREAMS:
        cursor.execute(f"create table {schema}.{stream}_events ({columns})")


def load(cursor: psycopg2.extensions.cursor, schema: str, stream: str, frame: pd.DataFrame) -> None:
    """Append raw rows to the table of a stream."""
    file = io.StringIO(frame.to_csv(index=False, header=False, date_format="%Y-%m-%d %H:%M:%S.%f"))
    cursor.copy_expert(f"copy {schema}.{stream}_events ({', '.join(ENVELOPE)}) from stdin with (format csv)", file)
