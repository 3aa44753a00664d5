"""What other weights and bands would do: who changes band, the ARR that moves, and the seed rows for a pull request."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from .. import db, parts
from ..words import count, money, points, safe, words

BANDS = ["red", "yellow", "green"]
SHOWN = 40


def page() -> None:
    """The page of what-if."""
    build = db.query("build").iloc[0]
    weights = db.query("what_if_weights")
    if not build.accounts or weights.empty:
        parts.note("No account is known yet, or none is scored: once some are, other weights can be tried on them here.")
        return
    version = weights.model_version[0]
    edges = db.query("what_if_edges", version=version).fillna(0).iloc[0]
    place = st.container()
    parts.section(
        "Weights and bands", "Weights in percent; they count in proportion, so they need not sum to 100. Nothing is written."
    )
    first = st.columns(3)
    with first[0]:
        yellow = parts.number("yellow from a score of", float(edges.yellow), "yellow")
    with first[1]:
        green = parts.number("green from a score of", float(edges.green), "green")
    tried = {}
    for number, row in enumerate(weights.itertuples()):
        if number % 3 == 0:
            columns = st.columns(3, vertical_alignment="bottom")
        with columns[number % 3]:
            unseen = "" if row.observed else ", observed for none"
            tried[row.metric] = parts.number(f"{row.label}{unseen}", float(row.weight) * 100, f"w_{row.metric}")
    if yellow > green or not sum(tried.values()):
        parts.note("Green has to begin at or above yellow, and one weight has to be above 0.")
        return
    book = db.query(
        "what_if", metrics=list(tried), weights=list(tried.values()), version=version, yellow_now=float(edges.yellow),
        green_now=float(edges.green), yellow=yellow, green=green,
    )  # fmt: skip
    moved = book[book.band_now != book.band_then]
    with place:
        parts.head(*_sentence(book, moved))
        parts.cards([_card(book, band) for band in BANDS])
    parts.section("Who changes band")
    if moved.empty:
        parts.note("Nobody. Move a weight or an edge.")
    else:
        _rows(moved)
    _seeds(tried, yellow, green)
    parts.foot(build.as_of)


def _sentence(book: pd.DataFrame, moved: pd.DataFrame) -> tuple[str, str]:
    order = {band: place for place, band in enumerate(BANDS)}
    up = int((moved.band_then.map(order) > moved.band_now.map(order)).sum())
    title = (
        f"{count(len(moved), 'account')} worth {money(moved.arr.sum())} would change band: {up} up, {len(moved) - up} down"
        if len(moved)
        else "As it is: no account changes its band"
    )
    return title, (
        f"{count(len(book), 'scored account')} of the version that most have, by score alone: caps, overrides and what keeps a "
        "band steady are left out of both. Whether it predicts better, a candidate of the score tells (see where things go)."
    )


def _card(book: pd.DataFrame, band: str) -> str:
    now, then = book[book.band_now == band], book[book.band_then == band]
    change = len(then) - len(now)
    word = f"{abs(change)} {'more' if change > 0 else 'fewer'} than now" if change else "as now"
    return parts.card(
        parts.band(band), count(len(then), "account"), f"{word}; ARR {money(then.arr.sum())}, now {money(now.arr.sum())}"
    )


def _rows(moved: pd.DataFrame) -> None:
    parts.table(
        [("Account", False), ("ARR", True), ("Now", False), ("Then", False), ("Score now", True), ("Then", True)],
        [
            [
                f"{parts.link(row.account_id, row.account_name)}<br><small>{safe(words(row.segment))}</small>", money(row.arr),
                parts.band(row.band_now), parts.band(row.band_then), f"{row.score_now:.1f}",
                f"{row.score_then:.1f}"
                + (f" <small>{points(row.score_then - row.score_now)}</small>" if row.score_then != row.score_now else ""),
            ]
            for row in moved.head(SHOWN).itertuples()
        ],
        opens=True,
    )  # fmt: skip
    if len(moved) > SHOWN:
        parts.note(f"{count(len(moved) - SHOWN, 'more account')}, in the CSV file.")
    parts.download(moved, "accounts_that_change_band", "csv_moved")


def seed_rows(tried: dict[str, float], yellow: float, green: float) -> tuple[str, str]:
    """The rows of health_weights.csv and health_bands.csv of a candidate; the weights sum to 1 exactly."""
    total = sum(tried.values())
    shares = {metric: round(value / total, 4) for metric, value in tried.items()}
    largest = max(shares, key=lambda metric: shares[metric])
    shares[largest] = round(shares[largest] + 1 - sum(shares.values()), 4)
    lines = [f"candidate,{metric},{share:g},ours: tried on the what-if page" for metric, share in shares.items()]
    bands = [f"candidate,{band},{edge:g},{0 if band == 'red' else 2},ours: tried on the what-if page"
             for band, edge in (("red", 0), ("yellow", yellow), ("green", green))]  # fmt: skip
    return (
        "\n".join(["model_version,metric,weight,source", *lines]) + "\n",
        "\n".join(["model_version,band,lower_edge,hold_margin,source", *bands]) + "\n",
    )


def _seeds(tried: dict[str, float], yellow: float, green: float) -> None:
    parts.section(
        "Rows for a pull request",
        "Add them to seeds/scoring, with a row of health_model_versions.csv whose track is a candidate.",
    )
    weights, bands = seed_rows(tried, yellow, green)
    columns = st.columns(2)
    with columns[0]:
        st.download_button("health_weights.csv", weights, "health_weights.csv", "text/csv", key="csv_weights")
    with columns[1]:
        st.download_button("health_bands.csv", bands, "health_bands.csv", "text/csv", key="csv_bands")
