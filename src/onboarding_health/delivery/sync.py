"""One run of the sender: it shows what would be sent, or sends it."""

import os
import sys
import traceback
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from .messages import KeyOutsideOfPath, message
from .sender import Access, send
from .store import CannotRun, Change, Destination, Store

_HERE = ("localhost", "127.0.0.1", "::1")


def _access(destination: Destination) -> Access:
    """Address and token of a destination; CannotRun that names the variable which lacks or is wrong, and no value."""
    found = {}
    for what in ("URL", "TOKEN"):
        variable = f"ONBOARDING_HEALTH_{destination.name.upper()}_{what}"
        found[what] = os.environ.get(variable, "").strip()
        if not found[what]:
            raise CannotRun(f"Set {variable}: {destination.name} can't be reached without it. Nothing was sent.")
        if not (found[what].isascii() and found[what].isprintable()):
            raise CannotRun(
                f"{variable} holds a line break or another character that no request can carry. Set it anew. Nothing was sent."
            )
    if not _is_address(found["URL"]):
        raise CannotRun(
            f"ONBOARDING_HEALTH_{destination.name.upper()}_URL must be an https address (http only on this machine). "
            "Nothing was sent."
        )
    return Access(found["URL"].rstrip("/"), found["TOKEN"])


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        here = parts.hostname in _HERE
        return bool(parts.hostname) and (parts.scheme == "https" or parts.scheme == "http" and here) and parts.port != 0
    except ValueError:  # Its text repeats the address.
        return False


def _counted(due: list[Change]) -> str:
    counts = Counter(change.object_type for change in due)
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))


def _show(destination: Destination, due: list[Change]) -> None:
    print(f"{destination.name}: {len(due):,} changes would be sent" + (f" ({_counted(due)})" if due else ""))
    if due:
        try:
            sample = message(destination, due[0])
            print(f"  the first: {sample.method} <address>{sample.path}\n  {sample.body}")
        except KeyOutsideOfPath as error:
            print(f"  the first, {due[0].sync_key!r}, would be refused: {error}")


def _sync(warehouse: str, is_sent: bool) -> int:
    if os.environ.get("ONBOARDING_HEALTH_TARGET", "duckdb") != "duckdb":
        raise CannotRun("The sender knows DuckDB only; on other warehouses let a reverse ETL tool read the sync marts.")
    store = Store(warehouse, read_only=not is_sent)
    try:
        due = [(destination, store.due(destination.name)) for destination in store.destinations()]
        if not is_sent:
            for destination, changes in due:
                _show(destination, changes)
            print("Nothing was sent. Add --send (make sync SEND=yes) to send it.")
            return 0
        to_send = [(destination, _access(destination), changes) for destination, changes in due if changes]
        troubles = 0
        for destination, access, changes in to_send:
            counts = send(store, destination, access, changes)
            troubles += sum(counts.values()) - counts["acknowledged"]
            print(destination.name + ": " + ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items())))
        if not to_send:
            print("Nothing has changed since it was last acknowledged.")
        return 1 if troubles else 0
    finally:
        store.close()


def sync(warehouse: str, is_sent: bool) -> int:
    """Send what changed since it was last acknowledged to the active destinations of seeds/sync, or show what would be sent.

    `warehouse` is the DuckDB file with the outbox; only with `is_sent` something is sent or written. Returns 0, 1 where
    something was not sent or can't be, 130 if interrupted, and says why.
    """
    try:
        return _sync(warehouse, is_sent)
    except CannotRun as error:
        print(error, file=sys.stderr)
        return 1
    except Exception as error:  # Its text may hold a secret, so it says only what it is and where.
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        print(
            f"The sender failed: {type(error).__name__} in {where}. What was acknowledged is recorded; the next run goes on.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("Interrupted. What was acknowledged is recorded; the next run goes on from there.", file=sys.stderr)
        return 130
