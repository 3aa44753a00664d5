"""The parts of pages: sentences, cards, tables with rows that open an account, charts with their finding, filters."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from . import db
from .tokens import DARK, LIGHT, SHAPES, UNKNOWN_SHAPE, Tokens
from .words import count, day, is_known, safe, words

ALL = "all"


def tokens() -> Tokens:
    """The colours of the reader's theme."""
    return DARK if getattr(st.context.theme, "type", None) == "dark" else LIGHT


def show(html: str) -> None:
    """HTML of ours; what others wrote in it went through `safe`."""
    st.html(f'<div class="oh">{html}</div>')


def head(title: str, *lines: str) -> None:
    """The sentence that answers the page's question, and what belongs to it."""
    show(f"<h1>{title}</h1>" + "".join(f'<p class="quiet">{line}</p>' for line in lines if line))


def section(title: str, line: str = "") -> None:
    """A part of a page."""
    show(f"<h2>{title}</h2>" + (f'<p class="quiet">{line}</p>' if line else ""))


def note(text: str) -> None:
    """What is not there, why, and what to do."""
    show(f'<p class="note">{text}</p>')


def chart(figure: go.Figure | str, key: str) -> None:
    """A figure under its finding, with its definition; a sentence where there is none."""
    if isinstance(figure, str):
        note(figure)
        return
    meta = figure.layout.meta
    show(f"<h3>{safe(meta['finding'])}</h3><small>{safe(meta['definition'])}</small>")
    st.plotly_chart(figure, theme=None, key=key, config={"displayModeBar": False}, alt=f"{meta['finding']}. {meta['definition']}")


def band(name: str | None, status: str | None = None, reason: str | None = None) -> str:
    """A band by colour, shape and word; why there is none, where there is none."""
    text = name or words(status) or "unknown"
    why = {"overridden": ", set by hand", "capped": ", capped"}.get(reason or "", "") if name else ""
    colour = tokens().band(name)
    return f'<span class="band" style="color:{colour}">{SHAPES.get(name or "", UNKNOWN_SHAPE)} {safe(text)}{why}</span>'


def sparkline(
    values,
    width: int = 96,
    height: int = 26,
    low: float | None = 0,
    high: float | None = 100,
    colour: str | None = None,
    alt: str = "from {:,.0f} to {:,.0f}",
) -> str:
    """A line of at most a few dozen values, as SVG; it tells the first and the last one."""
    known = [float(value) for value in values if is_known(value)] if values is not None else []
    if len(known) < 2:
        return ""
    bottom, top = (min(known) if low is None else low), (max(known) if high is None else high)
    span = (top - bottom) or 1
    step = (width - 8) / (len(known) - 1)
    spots = [(4 + place * step, height - 4 - (value - bottom) / span * (height - 8)) for place, value in enumerate(known)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    colour = colour or tokens().quiet
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'preserveAspectRatio="none"><polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5" '
        'vector-effect="non-scaling-stroke"/>'
        f'<circle cx="{spots[-1][0]:.1f}" cy="{spots[-1][1]:.1f}" r="2.5" fill="{colour}"/></svg>'
    )
    image, text = b64encode(svg.encode()).decode(), alt.format(known[0], known[-1])
    return f'<img class="spark" src="data:image/svg+xml;base64,{image}" alt="{text}" style="max-width:{width}px">'


def card(name: str, value: str, comparison: str, spark: str = "", few: bool = False) -> str:
    """A KPI: its name, value, what it is compared with, and n."""
    return (
        f'<div class="card"><div class="name">{name}</div><div class="value{" few" if few else ""}">{value}</div>{spark}'
        f"<small>{comparison}</small></div>"
    )


def cards_html(items: list[str]) -> str:
    """KPIs side by side."""
    return f'<div class="cards">{"".join(items)}</div>'


def cards(items: list[str]) -> None:
    """KPIs side by side, on the page."""
    show(cards_html(items))


def link(account_id: str, name: str | None) -> str:
    """A link to an account's page."""
    return f'<a href="account?account={quote(account_id, safe="")}">{safe(name or account_id)}</a>'


def table_html(heads: list[tuple[str, bool]], rows: list[list[str]], opens: bool = False) -> str:
    """Rows of HTML under heads (text, whether it is a number); on a narrow screen each row is a block."""
    top = "".join(f'<th scope="col"{" class=num" if number else ""}>{text}</th>' for text, number in heads)
    lines = []
    for row in rows:
        cells = "".join(
            f"<td{' class=num' if number else ''}{f' data-name={chr(34)}{text}{chr(34)}' if place and text else ''}>{cell}</td>"
            for place, ((text, number), cell) in enumerate(zip(heads, row, strict=True))
        )
        lines.append(f"<tr{' class=opens' if opens else ''}>{cells}</tr>")
    return f'<div class="wide"><table class="list"><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def table(heads: list[tuple[str, bool]], rows: list[list[str]], opens: bool = False) -> None:
    """A table on the page."""
    show(table_html(heads, rows, opens))


def one_of(label: str, options: list[str], key: str, names: dict[str, str] | None = None) -> str:
    """A choice of one, which stands in the URL as `key`; the first is the usual one and needs no words there."""
    named = names or {}
    wanted = st.query_params.get(key)
    if st.session_state.get(key) not in options:
        st.session_state[key] = wanted if wanted in options else options[0]
    chosen = st.selectbox(label, options, key=key, format_func=lambda value: named.get(value, words(value)))
    if chosen != options[0]:
        st.query_params[key] = chosen
    elif wanted is not None:
        del st.query_params[key]
    return chosen


def choose(label: str, options: list[str], key: str) -> str | None:
    """A filter that stands in the URL as `key`; None where all are meant."""
    chosen = one_of(label, [ALL, *options], key)
    return None if chosen == ALL else chosen


def number(label: str, usual: float, key: str) -> float:
    """A number from 0 to 100 that stands in the URL as `key`, where it is not the usual one."""
    wanted = st.query_params.get(key)
    if key not in st.session_state:
        try:
            given = float(wanted) if wanted is not None else usual
        except ValueError:
            given = usual
        st.session_state[key] = given if 0 <= given <= 100 else usual
    chosen = st.number_input(label, 0.0, 100.0, step=5.0, key=key, format="%.4g")
    if chosen != usual:
        st.query_params[key] = f"{chosen:g}"
    elif wanted is not None:
        del st.query_params[key]
    return chosen


def segments() -> list[str]:
    """The segments to choose from."""
    return db.query("segments").segment.dropna().tolist()


def download(frame: pd.DataFrame, name: str, key: str) -> None:
    """The rows behind a page as CSV. A text that a spreadsheet would run as a formula is quoted."""
    flat = frame.copy()
    for column in flat.columns:
        if flat[column].dtype == object:
            flat[column] = flat[column].map(
                lambda value: (
                    f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
                )
            )
    text = flat.to_csv(index=False)
    st.download_button("Download CSV", text, f"{name}.csv", "text/csv", key=key, help=f"{count(len(frame), 'row')} as shown here")


def foot(as_of) -> None:
    """Where the numbers come from."""
    show(f'<p class="quiet">As of {day(as_of)}, from the copy that was published last.</p>')
