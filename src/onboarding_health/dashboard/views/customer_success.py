"""Whom to call today, and why: the accounts of a manager by what matters, each row opens its account."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from .. import db, parts
from ..words import are, count, day, due, is_known, money, points, safe, sentence, share, told, words

SHOWN = 40
#: Within so many days a renewal that is not green needs somebody; the horizon is a row of validation_horizons.csv.
RENEWAL_DAYS, HORIZON = 30, 90
BANDS = ["red", "yellow", "green", "unknown"]


def page() -> None:
    """The first page of a customer-success manager."""
    build = db.query("build").iloc[0]
    if not build.accounts:
        parts.note("No account is known yet. Once the CRM or billing stream names one, it stands here.")
        return
    owners = db.query("owners")
    place = st.container()
    columns = st.columns(3)
    with columns[0]:
        owner = parts.choose("Owner", owners.owner_id.tolist(), "owner")
    with columns[1]:
        segment = parts.choose("Segment", parts.segments(), "segment")
    with columns[2]:
        band = parts.choose("Band", BANDS, "band")
    book = db.query("book", owner=owner, segment=segment, band=band, horizon=HORIZON, renewal_days=RENEWAL_DAYS)
    with place:
        parts.head(*answer(book, owner, build.as_of))
    if book.empty:
        parts.note("No live account is of this owner, segment and band. Choose all in one of them.")
        return
    parts.cards(cards(book))
    parts.show(rows(book.head(SHOWN), parts.link, opens=True))
    if len(book) > SHOWN:
        parts.note(f"{count(len(book) - SHOWN, 'more account')} of less urgency; choose an owner, or take the CSV file.")
    parts.download(book.drop(columns=["scores"]), "accounts_today", "csv_book")
    parts.foot(build.as_of)


def answer(book: pd.DataFrame, owner: str | None, as_of) -> tuple[str, str]:
    """The sentence that answers the page's question, and what belongs to it."""
    today = book[book.needs_today]
    who = "you" if owner else "somebody"
    if book.empty:
        return "Nobody needs anything here", ""
    if today.empty:
        return (
            f"No account needs {who} today",
            "No task is due, no band is red, no renewal is near and not green.",
        )
    soon = today[today.renews_in <= RENEWAL_DAYS]
    renewal = f"; {len(soon)} {are(len(soon), 'renews', 'renew')} within {RENEWAL_DAYS} days" if len(soon) else ""
    reasons = [
        f"{count(int((today.overdue_tasks > 0).sum()), 'account')} with an overdue task",
        f"{int((today.band == 'red').sum())} in the red band",
    ]
    return (
        f"{count(len(today), 'account')} worth {money(today.arr.sum())} {are(len(today), 'needs', 'need')} {who} today{renewal}",
        f"{day(as_of)}: of {count(len(book), 'live account')}, {', '.join(reasons)}. {_order(book)}",
    )


def _order(book: pd.DataFrame) -> str:
    if book.arr_at_stake.notna().any():
        return f"The most ARR at stake first: probability to leave within {HORIZON} days × ARR."
    missing = db.query("probabilities_missing", horizon=HORIZON)
    why = f" ({missing.missing_because[0]})" if len(missing) else ""
    return f"The worst band and the most ARR first, as no probability to leave is known yet{safe(why)}."


def cards(book: pd.DataFrame) -> list[str]:
    """What the accounts of a list come to."""
    scored = book[book.score.notna()]
    rose, fell = int((scored.change_7d > 0).sum()), int((scored.change_7d < 0).sum())
    red = book[book.band == "red"]
    tasks, overdue = int(book.open_tasks.sum()), int(book.overdue_tasks.sum())
    soon = book[book.renews_in <= RENEWAL_DAYS]
    not_green = soon[soon.band != "green"]
    change = scored.change_7d.mean()
    week = f"{points(change)} in a week; " if is_known(change) else ""
    mean = f"{scored.score.mean():.0f}" if len(scored) else "no score yet"
    return [
        parts.card("Mean health score", mean, f"{week}{rose} rose, {fell} fell; n = {len(scored)}", few=not len(scored)),
        parts.card("ARR in the red band", money(red.arr.sum()), f"of {money(book.arr.sum())}; {count(len(red), 'account')}"),
        parts.card("Open tasks", f"{tasks:,}", f"{overdue:,} overdue; {count(int((book.open_tasks > 0).sum()), 'account')}"),
        parts.card(
            f"Renewals in {RENEWAL_DAYS} days",
            money(soon.arr.sum()),
            f"{count(len(soon), 'account')}, {len(not_green)} not green",
        ),
    ]


def _reason(row) -> str:
    if is_known(row.risk):
        return told(row.risk)
    if is_known(row.top_loss) and row.band != "green":
        return safe(sentence(f"loses {row.points_lost:.0f} points by its {row.top_loss}"))
    return '<span class="quiet">nothing stands against it</span>' if row.band == "green" else safe(sentence(words(row.status)))


def _task(row) -> str:
    if not is_known(row.play_name):
        return '<span class="quiet">no open task</span>'
    when = due(row.due_at, row.as_of, row.timezone)
    more = f", {row.open_tasks - 1} more" if row.open_tasks > 1 else ""
    return f"{safe(row.play_name)}<br><small>{when}, {safe(words(row.owner_role))}{more}</small>"


def rows(book: pd.DataFrame, named: Callable[[str, str | None], str], opens: bool = False) -> str:
    """A table with a row per account; `named` writes an account's name."""
    heads = [("Account", False), ("ARR", True), ("Band", False), ("Score, 90 days", False), ("Why", False), ("Next task", False)]
    has_stake = book.arr_at_stake.notna().any()
    lines = []
    for row in book.itertuples():
        renews = f"renews in {count(int(row.renews_in), 'day')}" if is_known(row.renews_in) and row.renews_in <= 90 else ""
        about = ", ".join(text for text in (words(row.segment), renews) if text)
        stake = (
            f"<br><small>{money(row.arr_at_stake)} at stake ({share(row.churn_probability)})</small>"
            if has_stake and is_known(row.arr_at_stake)
            else ""
        )
        score = f"{row.score:.0f} <small>{points(row.change_7d)}</small>" if is_known(row.score) else ""
        scores = row.scores if is_known_list(row.scores) else []
        low = max(0, min(scores, default=0) - 5)
        line = parts.sparkline(scores, low=low, high=max(low + 35, *scores, 0))
        lines.append([
            f"{named(row.account_id, row.account_name)}<br><small>{safe(about)}</small>",
            f"{money(row.arr)}{stake}",
            parts.band(row.band, row.status, row.band_reason),
            f"{line}<br>{score}" if score else '<span class="quiet">no score yet</span>',
            _reason(row),
            _task(row),
        ])  # fmt: skip
    return parts.table_html(heads, lines, opens)


def is_known_list(values) -> bool:
    """Whether there are values at all."""
    return values is not None and not (isinstance(values, float) and pd.isna(values)) and len(values) > 0
