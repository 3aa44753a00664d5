"""One file to send: the charts of the pages and the first accounts of today, as HTML that asks nobody for anything."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from . import db, frame, parts
from .tokens import LIGHT, css
from .views import customer_success, executive, revenue_operations
from .words import count, day, is_known, safe, words

#: Rows of a report that is not of one owner; an owner sees all of theirs.
FIRST = 12
CSS = f"""
<style>
body {{ margin: 0; background: {LIGHT.ground}; font-family: system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }}
main {{ max-width: 1240px; margin: 0 auto; padding: 32px 24px 48px; box-sizing: border-box; }}
.oh h2 {{ margin-top: 32px; max-width: 52em; text-wrap: balance; }} .oh section {{ min-width: 0; break-inside: avoid; }}
.oh .copy {{ white-space: nowrap; }}
.oh .two {{ display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px 32px; }}
@media screen and (max-width: 720px) {{
  main {{ padding: 20px 14px 32px; }} .oh .two {{ grid-template-columns: minmax(0, 1fr); }}
}}
@media print {{
  body {{ background: none; }} main {{ padding: 0; max-width: none; }} .oh h2, .oh h3 {{ break-after: avoid; }}
  .oh .two {{ display: block; }} .oh .cards {{ grid-template-columns: repeat(4, minmax(0, 1fr)); }}
  .oh tr, .oh .card {{ break-inside: avoid; }} .oh .wide {{ overflow: visible; }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
}}
</style>"""
#: Charts fit the sheet once it is known how wide that is.
ON_PRINT = """
const fit = () => document.querySelectorAll(".js-plotly-plot").forEach(chart => Plotly.Plots.resize(chart));
matchMedia("print").addEventListener("change", fit);
"""


class Unknown(ValueError):
    """There is no such owner or segment."""


def _head(level: int, title: str, line: str = "") -> str:
    return f"<h{level}>{title}</h{level}>" + (f'<p class="quiet">{line}</p>' if line else "")


def _note(text: str) -> str:
    return f'<p class="note">{text}</p>'


def _name(account_id: str, name: str | None) -> str:
    return f"<b>{safe(name or 'an account without a name')}</b>"


def _charts(*figures: tuple[str, go.Figure | str]) -> str:
    """Charts side by side, each with its name in the file, under its finding, with its definition; why there is none."""
    sections = []
    for name, figure in figures:
        if isinstance(figure, str):
            sections.append(f"<section>{_note(figure)}</section>")
            continue
        meta = figure.layout.meta
        drawn = figure.to_html(
            full_html=False, include_plotlyjs=False, div_id=name, config={"displayModeBar": False, "responsive": True}
        )
        sections.append(
            f"<section><h3>{safe(meta['finding'])}</h3><small>{safe(meta['definition'])}</small>"
            f'<div role="img" aria-label="{safe(meta["finding"])}">{drawn}</div></section>'
        )
    return f'<div class="two">{"".join(sections)}</div>' if len(sections) > 1 else "".join(sections)


def _today(owner: str | None, segment: str | None, level: int, as_of) -> str:
    """Who needs somebody today: the first accounts, or all of an owner's."""
    book = db.query(
        "book", owner=owner, segment=segment, band=None,
        horizon=customer_success.HORIZON, renewal_days=customer_success.RENEWAL_DAYS,
    )  # fmt: skip
    head = _head(level, *customer_success.answer(book, owner, as_of))
    if book.empty:
        return head + _note("There is no live account.")
    shown = book if owner else book.head(FIRST)
    more = _note(f"{count(len(book) - len(shown), 'more account')} of less urgency.") if len(book) > len(shown) else ""
    return head + parts.cards_html(customer_success.cards(book)) + customer_success.rows(shown, _name) + more


def _company(segment: str, level: int, as_of) -> tuple[str, str]:
    """What the executive asks: the sentence with its figures, and the charts with the programme's targets."""
    months, retention, times, bands, losses = (
        db.query("arr_months", segment=segment), db.query("retention", segment=segment),
        db.query("time_to_value", segment=segment), db.query("bands_over_time", segment=segment),
        db.query("expected_losses", segment=segment),
    )  # fmt: skip
    top = _head(level, *executive.answer(months, retention, bands, as_of))
    top += parts.cards_html(executive.cards(months, retention, times, bands, losses))
    funnels, journeys = executive.journeys_of(segment)
    first = journeys[0] if journeys else ""
    rest = _head(2, "Money") + _charts(("waterfall", executive.waterfall(months)), ("retention", executive.retained(retention)))
    rest += _head(2, "Time to first value")
    rest += _charts(("survival", executive.survival(times, segment)), ("funnel", executive.funnel(funnels, first)))
    rest += _head(2, "Health by ARR") + _charts(("bands_by_arr", executive.health(segment)))
    if programme := executive.scorecard():
        title, line, table = programme
        rest += _head(2, title, line) + table
    return top, rest


def _operations(as_of) -> str:
    """What revenue operations asks, of all accounts: milestones on time, and what the score is worth."""
    verdicts = db.query("validation")
    title, line = revenue_operations.answer(verdicts, db.query("streams"), db.query("warnings"), as_of)
    html = _head(2, title, f"Of all accounts, {line}")
    html += _charts(("heatmap", revenue_operations.heatmap(db.query("heatmap", dimension="month"), "month")))
    html += _head(2, "Does the score predict who leaves?", "Of all accounts.")
    if verdicts.empty:
        return html + _note("Nobody has been scored long enough to tell.")
    chosen = verdicts.iloc[0]
    tenths, bins = revenue_operations.record(int(chosen.horizon_days), chosen)
    return html + revenue_operations.verdicts_table(verdicts) + _charts(("lift", tenths), ("calibration", bins))


def _body(owner: str | None, segment: str | None) -> tuple[str, str]:
    """Title and body of a report."""
    build = db.query("build").iloc[0]
    about = f"accounts of {safe(owner)}" if owner else f"segment {safe(words(segment))}" if segment else "all accounts"
    title = f"Onboarding health, {about}"
    copy = f'the copy <span class="copy">{safe(db.copy().stem)}</span>'
    source = f"As of {day(build.as_of)}, from {copy}." if is_known(build.as_of) else f"From {copy}."
    line = f'<p class="quiet">{title}. {source}</p>'
    if not build.accounts:
        return title, line + _head(1, "No account is known yet") + _note(
            "Once the CRM or billing stream names one, its ARR, health and tasks stand here."
        )
    for kind, chosen, known in (
        ("owner of live accounts", owner, db.query("owners").owner_id), ("segment", segment, pd.Series(parts.segments()))
    ):  # fmt: skip
        if chosen and chosen not in known.tolist():
            raise Unknown(f"There is no {kind} {chosen}; there are {', '.join(known) or 'none'}.")
    top, charts = _company(segment or "all", 3 if owner else 1, build.as_of)
    today = _today(owner, segment, 1 if owner else 2, build.as_of)
    first = today + _head(2, "The whole company") + top if owner else top + today
    return title, line + first + charts + _operations(build.as_of)


def html_of(owner: str | None = None, segment: str | None = None) -> str:
    """The report of the published copy as one HTML page; the same copy gives the same bytes. Raises Unknown."""
    title, body = _body(owner, segment)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light">'
        f"{css(LIGHT)}{CSS}<script>{get_plotlyjs()}</script></head>\n"
        f'<body><main class="oh">{body}</main><script>{ON_PRINT}</script></body></html>\n'
    )


def write(out: Path, owner: str | None = None, segment: str | None = None) -> None:
    """Write a report; ends the program with a sentence where nothing can be read."""
    try:
        html = html_of(owner, segment)
    except Unknown as error:
        sys.exit(str(error))
    except db.NothingPublished:
        sys.exit(frame.NOTHING.replace("<code>", "`").replace("</code>", "`"))
    except (duckdb.CatalogException, duckdb.BinderException):
        sys.exit(frame.OLD)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(html, encoding="utf-8")
    print(f"{out}: {len(html) / 1e6:.1f} MB")
