"""What the sender reads from and writes to the warehouse. DuckDB is the only one it knows."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

_DESTINATIONS = """
    select destination as name, secret_header, secret_scheme, requests, per_seconds,
        timeout_seconds::double as timeout_seconds, max_attempts, first_wait_seconds::double as first_wait_seconds,
        max_wait_seconds::double as max_wait_seconds, stop_after_failures, value_format, success_field, success_value
    from sync_destinations where is_active order by destination
"""
_DUE = """
    select outbox.destination, outbox.object_type, outbox.sync_key, outbox.change_id, outbox.sequence_number,
        outbox.payload, outbox.payload_hash, outbox.attempts, moment.known_at, moment.as_of
    from fct_sync_outbox as outbox cross join base_build_moment as moment
    where outbox.is_due and outbox.destination = ?
    order by outbox.attempts, outbox.object_type, outbox.sync_key
"""
_BEGIN = """
    insert into sync_attempts values
        ($destination, $object_type, $sync_key, $change_id, $sequence_number, $payload_hash, $known_at, $as_of,
        $attempt_number, $started_at, null, 'started', null, null)
"""
_END = """
    update sync_attempts set finished_at = $at, status = $status, http_status = $http_status, error = $error
    where started_at = $started_at and change_id = $change_id
"""
_ACKNOWLEDGE = """
    insert into sync_acknowledgements values
        ($destination, $object_type, $sync_key, $change_id, $sequence_number, $payload_hash, $known_at, $as_of, $at)
"""
_REFUSE = """
    insert into sync_dead_letters values
        ($destination, $object_type, $sync_key, $change_id, $sequence_number, $payload_hash, $payload, $http_status, $error, $at)
"""


@dataclass(frozen=True)
class Route:
    """How one type of object is written at a destination: rows of the sync seeds.

    fields are pairs of field and target; values maps a field and its value as text to what is said instead, None where
    the field is left out.
    """

    method: str
    path: str
    body: object
    fields: tuple[tuple[str, str], ...]
    values: dict[tuple[str, str], str | None]


@dataclass(frozen=True)
class Destination:
    """A row of the sync_destinations seed, with its routes by object type. Times are in seconds."""

    name: str
    secret_header: str
    secret_scheme: str | None
    requests: int
    per_seconds: int
    timeout_seconds: float
    max_attempts: int
    first_wait_seconds: float
    max_wait_seconds: float
    stop_after_failures: int
    value_format: str
    success_field: str | None
    success_value: str | None
    routes: dict[str, Route] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A row of fct_sync_outbox that is due.

    payload is JSON text, attempts those of earlier runs, known_at and as_of are of the build that made it.
    """

    destination: str
    object_type: str
    sync_key: str
    change_id: str
    sequence_number: int
    payload: str
    payload_hash: str
    attempts: int
    known_at: datetime
    as_of: date


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: acknowledged, refused, failed (to be tried again) or stopped; retry_after in seconds."""

    status: str
    http_status: int | None = None
    error: str | None = None
    retry_after: float | None = None


class CannotRun(ValueError):
    """Why the sender cannot run and what to do: a sentence for a person, which holds no secret."""


class Store:
    """A warehouse, held open for a whole run: nobody else can then build or send between a request and its record."""

    def __init__(self, path: str, read_only: bool):
        """Open it; CannotRun with the remedy where it isn't there, is in use, or was built without an outbox."""
        self._begun: Counter[str] = Counter()
        if not Path(path).exists():
            raise CannotRun(f"There is no warehouse {path}. Run make build first.")
        try:
            self._connection = duckdb.connect(path, read_only=read_only)
        except duckdb.IOException as error:
            if "lock" not in str(error):
                raise CannotRun(f"The warehouse {path} can't be opened: {error}") from error
            raise CannotRun(
                f"The warehouse {path} is in use. A build, another sender or a query tool holds it: wait for it to end, "
                "then run this again. Nothing was sent."
            ) from error
        try:
            self._connection.execute("select 1 from fct_sync_outbox limit 0")
        except duckdb.CatalogException as error:
            raise CannotRun(f"The warehouse {path} has no outbox. Run make build first.") from error

    def close(self) -> None:
        """Give the warehouse back."""
        self._connection.close()

    def _rows(self, query: str, *parameters) -> list[dict]:
        cursor = self._connection.execute(query, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def destinations(self) -> list[Destination]:
        """The active destinations with their routes, by name."""
        fields: dict[tuple, list] = {}
        values: dict[tuple, dict] = {}
        routes: dict[str, dict] = {}
        for row in self._rows("select * from sync_fields order by destination, object_type, target"):
            fields.setdefault((row["destination"], row["object_type"]), []).append((row["field"], row["target"]))
        for row in self._rows("select * from sync_values"):
            key = (row["destination"], row["object_type"])
            values.setdefault(key, {})[row["field"], row["value"] or ""] = row["target_value"]
        for row in self._rows("select * from sync_routes"):
            key = (row["destination"], row["object_type"])
            routes.setdefault(key[0], {})[key[1]] = Route(
                row["method"], row["path"] or "", json.loads(row["body"]), tuple(fields.get(key, ())), values.get(key, {})
            )
        return [Destination(**row, routes=routes.get(row["name"], {})) for row in self._rows(_DESTINATIONS)]

    def due(self, destination: str) -> list[Change]:
        """What is to be sent, what has failed least often first: so what always fails keeps nothing else waiting."""
        return [Change(**row) for row in self._rows(_DUE, destination)]

    def begin(self, change: Change) -> datetime:
        """Record, for good, that a request is about to be made; returns when, which names the attempt."""
        self._begun[change.change_id] += 1
        started_at = _now()
        number = change.attempts + self._begun[change.change_id]
        self._run(_BEGIN, vars(change) | {"attempt_number": number, "started_at": started_at})
        return started_at

    def end(self, change: Change, started_at: datetime, outcome: Outcome) -> None:
        """Record, for good and at once, how the request ended and what follows for the change."""
        facts = vars(change) | vars(outcome) | {"started_at": started_at, "at": _now()}
        self._connection.execute("begin")
        self._run(_END, facts)
        if outcome.status == "acknowledged":
            self._run(_ACKNOWLEDGE, facts)
        elif outcome.status == "refused":
            self._run(_REFUSE, facts)
        self._connection.execute("commit")

    def _run(self, query: str, facts: dict) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(query, {name: facts[name] for name in re.findall(r"\$(\w+)", query)})


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
