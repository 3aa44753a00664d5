"""Whether the numbers can be trusted and the process works: milestones, funnel, the score's record, rules, drift, the data."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from .. import charts, db, parts
from ..words import are, count, day, interval, is_known, safe, sentence, share, told, words

DIMENSIONS = ["month", "segment", "category", "variant"]
VIEWS = ["process", "score", "data"]


def page() -> None:
    """The page of revenue operations."""
    build = db.query("build").iloc[0]
    if not build.accounts:
        parts.note("No account is known yet. Once a stream names one, coverage, milestones and the score's record stand here.")
        return
    verdicts, streams, warnings = db.query("validation"), db.query("streams"), db.query("warnings")
    parts.head(*answer(verdicts, streams, warnings, build.as_of))
    view = parts.one_of(
        "Look at",
        VIEWS,
        "view",
        {"process": "how onboarding runs", "score": "what the score is worth", "data": "the data behind it"},
    )
    {"process": _process, "score": lambda: _score(verdicts), "data": lambda: _data(streams, warnings)}[view]()
    parts.foot(build.as_of)


def answer(verdicts: pd.DataFrame, streams: pd.DataFrame, warnings: pd.DataFrame, as_of) -> tuple[str, str]:
    """The sentence that answers the page's question, and what belongs to it."""
    raw, rejected = int(streams.raw_count.sum()), int(streams.rejected_count.sum())
    silent = [words(source) for source in streams[streams.is_silent.fillna(False).astype(bool)].source]
    lead = (
        f"{sentence(', '.join(silent)).rstrip('.')} {are(len(silent), 'has', 'have')} gone silent"
        if silent
        else "All streams are alive"
    )
    refused = f"{share(rejected / raw, 1)} of {raw:,} rows were refused" if rejected else f"none of {raw:,} rows was refused"
    told = f"; the score {_short(verdicts)}" if len(verdicts) else ""
    return f"{lead}, {refused}{told}", f"{day(as_of)}: {count(len(warnings), 'warning')} of the last build."


def _two(value) -> str:
    return f"{float(value):.2f}"


def _short(verdicts: pd.DataFrame) -> str:
    one = verdicts.iloc[0]
    texts = {"too_few_churners": "can't be judged yet, too few have left"}
    return texts.get(one.finding, words(one.finding))


def _process() -> None:
    parts.section("Milestones on time")
    dimension = parts.one_of("By", DIMENSIONS, "by", {"month": "month of start", "variant": "arm of the experiment"})
    frame = db.query("heatmap", dimension=dimension)
    parts.chart(heatmap(frame, dimension), "heatmap")
    if len(frame):
        parts.download(frame, f"milestones_by_{dimension}", "csv_heatmap")
    parts.section("Where onboardings stop")
    slices = db.query("slices")
    if slices.empty:
        parts.note("No onboarding is known yet.")
        return
    names = {
        f"{row.dimension}:{row.dimension_value}": "all accounts"
        if row.dimension == "all"
        else f"{words(row.dimension)} {words(row.dimension_value)}"
        for row in slices.itertuples()
    }
    columns = st.columns(2)
    with columns[0]:
        chosen = parts.one_of("Of", list(names), "slice", names)
    dimension, _, value = chosen.partition(":")
    frame = db.query("funnel", dimension=dimension, value=value)
    journeys = (
        frame[frame.step_number == 1].sort_values("entered", ascending=False).journey.tolist() or frame.journey.unique().tolist()
    )
    with columns[1]:
        journey = parts.one_of("Journey", journeys, "journey")
    parts.chart(charts.funnel(frame, journey, parts.tokens()), "funnel")
    seen = frame[(frame.journey == journey) & frame.seen_before_stopping.notna() & (frame.dropped > 0)]
    if len(seen):
        parts.show("<h3>What was seen before accounts stopped</h3><ul>" + "".join(
            f"<li>Before {safe(words(row.milestone))}: {safe(words(row.seen_before_stopping))} "
            f"({int(row.seen_before_stopping_accounts)} of {int(row.dropped)})</li>" for row in seen.itertuples()
        ) + "</ul>")  # fmt: skip
    parts.download(frame, "funnel", "csv_funnel")
    _compared()


def heatmap(frame: pd.DataFrame, dimension: str) -> go.Figure | str:
    """Milestones on time, or why nothing can be told."""
    return charts.heatmap(frame, parts.tokens(), dimension) if len(frame) else "No milestone is due yet."


def record(horizon: int, verdict: pd.Series) -> list[go.Figure | str]:
    """What the score was worth: churn by tenth, and predicted against observed churn; why nothing can be told."""
    tenths = db.query("lift", horizon=horizon, version=verdict.model_version)
    bins = db.query("calibration", horizon=horizon, version=verdict.model_version)
    return [
        charts.lift(tenths, parts.tokens(), horizon, sentence(verdict.verdict))
        if len(tenths)
        else "No window of this length is over yet.",
        charts.calibration(bins, parts.tokens(), horizon) if len(bins) else "Nothing was predicted for this length yet.",
    ]


def _compared() -> None:
    pairs = db.query("comparisons")
    clear = int((pairs.finding != "no_clear_difference").sum())
    parts.section(
        f"Who reaches first value sooner: {clear} of {count(len(pairs), 'pair')} {are(clear, 'differs', 'differ')} clearly",
        "By log-rank, corrected for the pairs. Arms of experiments were drawn; other groups differ in more than one way.",
    )
    if pairs.empty:
        parts.note("Too few accounts in every pair of groups.")
        return
    parts.table(
        [("Compared", False), ("Accounts", True), ("Verdict", False)],
        [
            [
                f"<b>{safe(words(row.first_group))}</b> and <b>{safe(words(row.second_group))}</b>"
                f"<br><small>{safe(row.experiment_id or words(row.dimension))}</small>",
                f"{int(row.first_accounts)} and {int(row.second_accounts)}", told(sentence(words(row.verdict))),
            ]
            for row in pairs.head(8).itertuples()
        ],
    )  # fmt: skip
    parts.download(pairs, "comparisons", "csv_comparisons")


def verdicts_table(verdicts: pd.DataFrame) -> str:
    """What is said of the score, by days ahead and basis."""
    basis = {"known_then": "as published then", "restated": "as computed now"}
    return parts.table_html(
        [("Within", False), ("Basis", False), ("AUC", True), ("Left", True), ("Verdict", False)],
        [
            [
                count(int(row.horizon_days), "day"), basis.get(row.basis, words(row.basis)),
                f"{_two(row.auc)} <small>{interval(row.auc_lower, row.auc_upper, _two)}</small>" if is_known(row.auc) else "",
                f"{int(row.churners)} of {int(row.observations):,}", told(sentence(row.verdict)),
            ]
            for row in verdicts.itertuples()
        ],
    )  # fmt: skip


def _score(verdicts: pd.DataFrame) -> None:
    parts.section("Does the score predict who leaves?")
    if verdicts.empty:
        parts.note("Nobody has been scored long enough to tell.")
        return
    parts.show(verdicts_table(verdicts))
    horizons = [str(days) for days in sorted(verdicts.horizon_days.unique())]
    horizon = int(parts.one_of("Days ahead", horizons, "days"))
    chosen = verdicts[verdicts.horizon_days == horizon].iloc[0]
    tenths, bins = record(horizon, chosen)
    left, right = st.columns(2)
    with left:
        parts.chart(tenths, "lift")
    with right:
        parts.chart(bins, "calibration")
    parts.section("What the risk rules are worth", f"Of the accounts that a rule named, how many left within {horizon} days.")
    rules = db.query("rules", horizon=horizon)
    parts.table(
        [("Rule", False), ("Named", True), ("Left", True), ("Lift", True), ("Verdict", False)],
        [
            [
                f"<b>{safe(row.rule)}</b>", f"{int(row.flagged_accounts):,}",
                share(row.precision_rate) if is_known(row.precision_rate) else "too few",
                f"{float(row.lift):.1f}" if is_known(row.lift) else "", told(sentence(row.verdict)),
            ]
            for row in rules.itertuples()
        ],
    )  # fmt: skip
    parts.download(rules, "rules", "csv_rules")
    drift = db.query("drift")
    parts.section(f"What has drifted: {count(len(drift), 'finding')} beyond chance in the last months")
    if drift.empty:
        parts.note("Nothing moved further from the score's first weeks than chance explains.")
    else:
        parts.show(
            "<ul>" + "".join(f"<li>{told(sentence(words(row.finding)))}</li>" for row in drift.head(8).itertuples()) + "</ul>"
        )
        parts.download(drift, "drift", "csv_drift")


def _data(streams: pd.DataFrame, warnings: pd.DataFrame) -> None:
    parts.section("Where every row went")
    parts.table(
        [("Stream", False), ("Rows", True), ("Taken", True), ("Refused", True), ("Last event", False), ("State", False)],
        [
            [
                f"<b>{safe(words(row.source))}</b>", f"{int(row.raw_count):,}", f"{int(row.staged_count):,}",
                f"{int(row.rejected_count):,}",
                day(row.last_event_on) if is_known(row.last_event_on) else "none yet",
                "silent" if is_known(row.is_silent) and row.is_silent else "alive" if row.raw_count else "never came",
            ]
            for row in streams.itertuples()
        ],
    )  # fmt: skip
    rejects = db.query("rejects")
    parts.section("What was refused, and why")
    if rejects.empty:
        parts.note("No row was refused.")
    else:
        parts.table(
            [("Stream", False), ("Reason", False), ("Rows", True), ("Last loaded", False)],
            [
                [safe(row.source), safe(row.reason), f"{int(row.rejected):,}", day(row.last_loaded_at)]
                for row in rejects.itertuples()
            ],
        )
        parts.download(rejects, "rejects", "csv_rejects")
    parts.section("What the last build warned of")
    if warnings.empty:
        parts.note("Nothing.")
    else:
        parts.show("<ul>" + "".join(f"<li>{told(row.sentence)}</li>" for row in warnings.head(20).itertuples()) + "</ul>")
    gaps = db.query("coverage")
    parts.section("What was not observed for a while")
    if gaps.empty:
        parts.note("Every stream that is used has been observed since it began.")
    else:
        parts.show("<ul>" + "".join(f"<li>{told(row.sentence)}</li>" for row in gaps.head(12).itertuples()) + "</ul>")
        if len(gaps) > 12:
            parts.show(f'<p class="quiet">and {len(gaps) - 12} more, in the CSV file.</p>')
        parts.download(gaps, "coverage", "csv_coverage")
