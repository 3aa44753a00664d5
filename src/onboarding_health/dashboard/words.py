"""How numbers, days and reasons are written on the pages."""

from __future__ import annotations

import datetime as dt
import html
import re
from zoneinfo import ZoneInfo

import pandas as pd

NOT_OBSERVED = "not observed"


def is_known(value) -> bool:
    """Whether there is a value."""
    return value is not None and not pd.isna(value)


def safe(text) -> str:
    """Text of somebody else's, for HTML."""
    return html.escape(str(text), quote=True)


def told(text) -> str:
    """A sentence of a mart, for HTML, with days as people write them and marts by their words."""
    plain = re.sub(r"\b(?:dim|fct|rpt)_(\w+)", lambda found: words(found[1]), safe(text))
    return re.sub(r"\b\d{4}-\d{2}-\d{2}\b", lambda found: day(found[0]), plain)


def words(text: str | None) -> str:
    """An identifier of ours as words."""
    return "" if text is None else "SMB" if text == "smb" else str(text).replace("_", " ")


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def count(number: int, noun: str, nouns: str | None = None) -> str:
    """A count with its noun: 1 account, 2,000 accounts."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def are(number: int, one: str, many: str) -> str:
    """The verb that goes with a count."""
    return one if number == 1 else many


def money(amount) -> str:
    """An amount as 1.2M, 412K or 950."""
    if not is_known(amount):
        return "unknown"
    size = abs(float(amount))
    sign = "−" if float(amount) < 0 and round(size) else ""
    if size >= 999_500:
        return f"{sign}{size / 1e6:.{1 if size < 99.95e6 else 0}f}M"
    if size >= 9_950:
        return f"{sign}{size / 1e3:.0f}K"
    return f"{sign}{size:,.0f}"


def share(value, decimals: int = 0) -> str:
    """A share as whole percents."""
    return "unknown" if not is_known(value) else f"{float(value) * 100:.{decimals}f} %"


def interval(lower, upper, write) -> str:
    """Both ends of an interval; an end that is not known is said."""
    if not is_known(lower) and not is_known(upper):
        return ""
    return f"{write(lower) if is_known(lower) else 'unknown'} to {write(upper) if is_known(upper) else 'beyond what is followed'}"


def points(value) -> str:
    """A change in points, with its sign."""
    return "" if not is_known(value) else f"{float(value):+.1f}".replace("-", "−")


def day(value, year: bool = True) -> str:
    """A day as 4 May 2025."""
    if not is_known(value):
        return "unknown"
    value = pd.Timestamp(value)
    return f"{value.day} {value:%b %Y}" if year else f"{value.day} {value:%b}"


def due(moment, as_of, timezone: str | None) -> str:
    """When a task is due, on the account's own clock: how far from the day of the build, then the moment."""
    if not is_known(moment):
        return "no due time"
    local = pd.Timestamp(moment).to_pydatetime().replace(tzinfo=dt.UTC).astimezone(ZoneInfo(timezone or "UTC"))
    days = (local.date() - pd.Timestamp(as_of).date()).days
    when = f"{local.day} {local:%b %H:%M}"
    if days < 0:
        return f"overdue since {when}"
    if days <= 1:
        return f"due {'today' if days == 0 else 'tomorrow'}, {local:%H:%M}"
    return f"due {when}"
