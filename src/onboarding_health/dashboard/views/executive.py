"""Whether onboarding pays: seven figures with what they are compared with, ARR, retention, time to value, health by ARR."""

from __future__ import annotations

import duckdb
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from .. import charts, db, parts
from ..words import are, count, day, interval, is_known, money, safe, sentence, share, told, words
from .customer_success import HORIZON

#: The field guide's board: what it aims at for retained ARR and for the days to first value.
RETAINED_TARGET, DAYS_TARGET = 0.9, 30


def page() -> None:
    """The executive's page."""
    build = db.query("build").iloc[0]
    if not build.accounts:
        parts.note("No account is known yet. Once the CRM or billing stream names one, its ARR and retention stand here.")
        return
    place = st.container()
    segment = parts.choose("Segment", parts.segments(), "segment") or "all"
    months = db.query("arr_months", segment=segment)
    retention = db.query("retention", segment=segment)
    times = db.query("time_to_value", segment=segment)
    bands = db.query("bands_over_time", segment=segment)
    losses = db.query("expected_losses", segment=segment)
    with place:
        parts.head(*answer(months, retention, bands, build.as_of))
    parts.cards(cards(months, retention, times, bands, losses))
    parts.section("Money")
    left, right = st.columns(2)
    with left:
        parts.chart(waterfall(months), "waterfall")
    with right:
        parts.chart(retained(retention), "retention")
    parts.section("Time to first value")
    left, right = st.columns(2)
    with left:
        parts.chart(survival(times, segment), "survival")
    with right:
        frame, journeys = journeys_of(segment)
        journey = parts.one_of("Journey", journeys, "journey") if journeys else ""
        parts.chart(funnel(frame, journey), "funnel")
    parts.section("Health by ARR")
    parts.chart(health(segment), "bands_by_arr")
    if programme := scorecard():
        title, line, table = programme
        parts.section(title, line)
        parts.show(table)
    parts.download(months, "arr_by_month", "csv_arr")
    parts.foot(build.as_of)


def answer(months: pd.DataFrame, retention: pd.DataFrame, bands: pd.DataFrame, as_of) -> tuple[str, str]:
    """The sentence that answers the page's question, and what belongs to it."""
    if months.empty:
        return "No month of ARR is over yet", f"{day(as_of)}: money is told by whole months."
    last = months.iloc[-1]
    known = retention.dropna(subset=["gross_retention"])
    title = f"ARR stands at {money(last.end_arr)}"
    if len(months) > 3:
        before = months.iloc[-4].end_arr
        move = float(last.end_arr) / float(before) - 1 if before else None
        title += f", {share(abs(move))} {'more' if move >= 0 else 'less'} than three months before" if move is not None else ""
    if len(known):
        one = known.iloc[-1]
        title += f"; {share(one.gross_retention)} of what was there {count(int(one.window_months), 'month')} earlier is kept"
    health = (
        f"{share(bands.iloc[-1].green / bands.iloc[-1].scored)} of scored accounts are green"
        if len(bands)
        else "nobody is scored yet"
    )
    return title, f"{day(last.month_end)} for money, {day(as_of)} for the rest: {health}."


def cards(
    months: pd.DataFrame, retention: pd.DataFrame, times: pd.DataFrame, bands: pd.DataFrame, losses: pd.DataFrame
) -> list[str]:
    """The KPIs with what they are compared with."""
    return [
        _arr(months),
        _retained(retention, "net_retention", "Net retention", "above 100 % the book grows by itself"),
        _retained(retention, "gross_retention", "Gross retention", f"aim above {share(RETAINED_TARGET)} a year"),
        _retained(retention, "logo_churn", "Accounts lost", "share of accounts"),
        _days(times),
        _green(bands),
        _loss(losses),
    ]


def _spark(values) -> str:
    return parts.sparkline(values, 160, 28, low=None, high=None, colour=parts.tokens().accent)


def _arr(months: pd.DataFrame) -> str:
    if months.empty:
        return parts.card("ARR", "no month is over yet", "", few=True)
    last = months.iloc[-1]
    before = f"{money(months.iloc[-4].end_arr)} three months before; " if len(months) > 3 else ""
    return parts.card("ARR", money(last.end_arr), f"{before}{count(int(last.end_accounts), 'account')}", _spark(months.end_arr))


def _retained(retention: pd.DataFrame, column: str, name: str, target: str) -> str:
    known = retention.dropna(subset=[column])
    if known.empty:
        why = retention.missing_because.dropna()
        return parts.card(name, safe(why.iloc[-1]) if len(why) else "no month is followed yet", target, few=True)
    last = known.iloc[-1]
    about = interval(last[f"{column}_lower"], last[f"{column}_upper"], share)
    months = int(last.window_months)
    earlier = known[known.month_end <= last.month_end - pd.Timedelta(days=85)]
    before = f"{share(earlier.iloc[-1][column])} a quarter before; " if len(earlier) else ""
    return parts.card(
        f"{name}, {count(months, 'month')}", share(last[column]),
        f"{about}; {before}{target}; n = {int(last.at_risk_accounts)}", _spark(known[column]),
    )  # fmt: skip


def _days(times: pd.DataFrame) -> str:
    whole = times[times.cohort_period == "all"]
    name = "Median days to first value"
    if whole.empty or not is_known(whole.iloc[0].median_days):
        why = whole.iloc[0].missing_because if len(whole) else "nobody has started yet"
        return parts.card(name, safe(why or "not reached yet"), f"aim below {DAYS_TARGET} days", few=True)
    one = whole.iloc[0]
    about = interval(one.median_days_lower, one.median_days_upper, lambda value: f"{int(value)}")
    recent = times[(times.cohort_period == "month") & times.median_days.notna()]
    return parts.card(
        name, f"{int(one.median_days)}",
        f"{about}; aim below {DAYS_TARGET}; {int(one.activated)} of {count(int(one.accounts), 'start')}",
        _spark(recent.median_days) if len(recent) > 2 else "",
    )  # fmt: skip


def _green(bands: pd.DataFrame) -> str:
    if bands.empty:
        return parts.card("Green share", "nobody is scored yet", "", few=True)
    last = bands.iloc[-1]
    earlier = bands[bands.score_date <= last.score_date - pd.Timedelta(days=90)]
    before = f"{share(earlier.iloc[-1].green / earlier.iloc[-1].scored)} 90 days before; " if len(earlier) else ""
    return parts.card(
        "Green share",
        share(last.green / last.scored),
        f"{before}as measured, n = {int(last.scored)}",
        _spark(bands.green / bands.scored),
    )


def _loss(losses: pd.DataFrame) -> str:
    known = losses.dropna(subset=["expected_arr_loss"])
    if known.empty:
        missing = db.query("probabilities_missing", horizon=HORIZON)
        why = missing.missing_because[0] if len(missing) else "no probability is known yet"
        return parts.card(f"ARR expected to be lost, {HORIZON} days", safe(why), "by probability to leave × ARR", few=True)
    last = known.iloc[-1]
    week = (
        ""
        if not is_known(last.change_7d)
        else f"{money(abs(last.change_7d))} {'more' if last.change_7d > 0 else 'less'} in a week; "
    )
    return parts.card(
        f"ARR expected to be lost, {int(last.horizon_days)} days", money(last.expected_arr_loss),
        f"{week}{share(last.expected_loss_share)} of all; {count(int(last.accounts_at_risk), 'account')} can leave",
        _spark(known.expected_arr_loss),
    )  # fmt: skip


def waterfall(months: pd.DataFrame) -> go.Figure | str:
    """How ARR moved in the last half year, or why nothing can be told."""
    return charts.waterfall(months.tail(6), parts.tokens()) if len(months) else "No month of ARR is over yet."


def retained(retention: pd.DataFrame) -> go.Figure | str:
    """Retention by month, or why there is none."""
    if retention.net_retention.notna().sum() > 1:
        return charts.retention(retention, parts.tokens())
    return "Retention needs two months that are followed to their end."


def survival(times: pd.DataFrame, segment: str) -> go.Figure | str:
    """Who reached first value by which day, or why nothing can be told."""
    curve = db.query("survival", segment=segment)
    whole = times[times.cohort_period == "all"]
    if len(whole) and (curve.segment == segment).any():
        return charts.survival(curve, whole.iloc[0], parts.tokens(), segment)
    return "Nobody of this segment has started yet."


def journeys_of(segment: str) -> tuple[pd.DataFrame, list[str]]:
    """The funnels of a segment, and their journeys, that of the most accounts first."""
    frame = db.query("funnel", dimension="all" if segment == "all" else "segment", value=segment)
    return frame, frame[frame.step_number == 1].sort_values("entered", ascending=False).journey.tolist()


def funnel(frame: pd.DataFrame, journey: str) -> go.Figure | str:
    """The funnel of a journey, or why there is none."""
    return charts.funnel(frame, journey, parts.tokens()) if journey else "No onboarding of this segment is known."


def health(segment: str) -> go.Figure | str:
    """Accounts by size and band, or why there are none."""
    sizes = db.query("bands_by_arr", segment=segment)
    return charts.bands_by_arr(sizes, parts.tokens()) if len(sizes) else "No live account has a known ARR."


def scorecard() -> tuple[str, str, str] | None:
    """The programme's KPIs beside their targets: a title, a line and a table; None where no programme is told of."""
    try:
        kpis = db.query("kpis")
    except duckdb.CatalogException:
        return None
    if kpis.empty:
        return None
    met = int((kpis.status == "met").sum())
    unknown = int((kpis.status == "unknown").sum())
    title = f"The programme's scorecard: {met} of {count(len(kpis), 'target')} {are(met, 'is', 'are')} met" + (
        f", {unknown} {are(unknown, 'is', 'are')} not known" if unknown else ""
    )
    table = parts.table_html(
        [("KPI", False), ("Now", True), ("Target", True), ("By", False), ("What it says", False), ("Answers for it", False)],
        [
            [
                f"<b>{safe(kpi.kpi_name)}</b>",
                _amount(kpi.latest_actual if not is_known(kpi.actual) else kpi.actual, kpi.unit),
                _amount(kpi.target, kpi.unit),
                day(kpi.checkpoint_on),
                told(sentence(kpi.verdict)),
                safe(words(kpi.owner_role)),
            ]
            for kpi in kpis.itertuples()
        ],
    )
    return title, "Each KPI beside its target at the last checkpoint that is over, or the first.", table


def _amount(value, unit: str) -> str:
    if not is_known(value):
        return '<span class="quiet">not known</span>'
    if unit == "days":
        return f"{float(value):.0f} days"
    return share(value, 0 if round(float(value) * 1000) % 10 == 0 else 1) if unit == "ratio" else money(value)
