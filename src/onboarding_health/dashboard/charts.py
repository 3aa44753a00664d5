"""The charts: pure functions from a frame to a figure, whose `meta` has its finding (the title) and its definition with n."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from .tokens import SHAPES, Tokens, template
from .words import count, day, interval, is_known, money, safe, share, words

BANDS = ("red", "yellow", "green", "unknown")


def _figure(tokens: Tokens, finding: str, definition: str, height: int, **layout) -> go.Figure:
    meta = {"finding": finding, "definition": definition}
    return go.Figure(layout={"template": template(tokens), "meta": meta, "height": height, **layout})


def _line(tokens: Tokens, frame: pd.DataFrame, x: str, y: str, colour: str, name: str, **options) -> go.Scatter:
    return go.Scatter(
        x=frame[x], y=frame[y], name=name, mode="lines", line={"color": colour, "width": 2, **options.pop("line", {})}, **options
    )


def _interval(
    tokens: Tokens, frame: pd.DataFrame, x: str, lower: str, upper: str, colour: str, shape: str = "linear"
) -> list[go.Scatter]:
    """The band between both ends, where both are known."""
    known = frame.dropna(subset=[lower, upper])
    edge = {"mode": "lines", "line": {"width": 0, "shape": shape}, "hoverinfo": "skip", "showlegend": False}
    return [
        go.Scatter(x=known[x], y=known[upper], **edge),
        go.Scatter(x=known[x], y=known[lower], fill="tonexty", fillcolor=tokens.faded(colour, 0.16), **edge),
    ]


def _label(figure: go.Figure, x, y, text: str, colour: str, **options) -> None:
    figure.add_annotation(
        x=x,
        y=y,
        text=text,
        showarrow=False,
        font={"color": colour, "size": 12},
        **{"xanchor": "right", "yanchor": "bottom", **options},
    )


def score_over_time(scores: pd.DataFrame, marks: list[tuple], tokens: Tokens) -> go.Figure:
    """The score of an account, coloured and shaped by band; `marks` are days with what happened on them."""
    scored = scores.dropna(subset=["score"])
    first, last = scored.iloc[0], scored.iloc[-1]
    change = last.score - first.score
    move = "is where it was" if abs(change) < 1 else f"{'rose' if change > 0 else 'fell'} by {count(round(abs(change)), 'point')}"
    figure = _figure(
        tokens,
        f"The score {move} since {day(first.score_date)}",
        f"Health score, 0 to 100, {count(len(scored), 'score date')}; a gap is a time without a score. Bands as measured.",
        250,
        yaxis={"range": [0, 104], "tickvals": [0, 50, 100]},
    )
    figure.add_trace(_line(tokens, scores, "score_date", "score", tokens.quiet, "score", line={"width": 1.5}, hoverinfo="skip"))
    symbols = {"green": "circle", "yellow": "triangle-up", "red": "square"}
    figure.add_trace(
        go.Scatter(
            x=scored.score_date, y=scored.score, mode="markers", name="score",
            marker={
                "color": [tokens.band(band) for band in scored.band], "size": 7,
                "symbol": [symbols.get(band, "circle-open") for band in scored.band],
            },
            customdata=[
                [safe(band or "no band"), safe(version)] for band, version in zip(scored.band, scored.model_version, strict=True)
            ],
            hovertemplate="%{x|%-d %b %Y}: %{y:.1f}, %{customdata[0]}, version %{customdata[1]}<extra></extra>",
        )
    )  # fmt: skip
    for number, (moment, text) in enumerate(marks[:4]):
        figure.add_vline(x=pd.Timestamp(moment), line={"color": tokens.line, "dash": "dot", "width": 1})
        _label(
            figure,
            pd.Timestamp(moment),
            4 + 13 * (number % 3),
            safe(text),
            tokens.quiet,
            xanchor="left" if number == 0 else "right",
        )
    _label(figure, last.score_date, min(last.score + 4, 96), f"<b>{last.score:.0f}</b>", tokens.band(last.band))
    return figure


def drivers(frame: pd.DataFrame, tokens: Tokens) -> go.Figure:
    """What makes the score: points a metric gives, and those it could still give."""
    shown = frame[frame.weight > 0].sort_values("points_lost")
    worst = shown.iloc[-1]
    figure = _figure(
        tokens,
        f"It loses most, {worst.points_lost:.0f} of {worst.points + worst.points_lost:.0f} points, by its {worst.label}"
        if worst.points_lost > 0
        else "No points are lost",
        f"Points of the score by metric: filled what it has, pale what it could still have; {count(len(shown), 'metric')}.",
        48 + 46 * len(shown),
        barmode="stack",
        bargap=0.62,
        yaxis={"showticklabels": False, "showgrid": False},
        xaxis={"rangemode": "tozero", "showticklabels": False},
    )
    spare = tokens.faded(tokens.unknown, 0.28)
    figure.add_trace(go.Bar(y=shown.metric, x=shown.points, orientation="h", marker_color=tokens.accent, hoverinfo="skip"))
    figure.add_trace(go.Bar(y=shown.metric, x=shown.points_lost, orientation="h", marker_color=spare, hoverinfo="skip"))
    for row in shown.itertuples():
        status = {
            "observed": "",
            "last_seen": f", last seen {day(row.last_seen_on)}",
            "imputed": ", not observed, counted as peers",
        }
        note = status.get(row.value_status, ", not observed")
        change = f", {row.points_change_7d:+.1f} in a week" if is_known(row.points_change_7d) and row.points_change_7d else ""
        share_of = f"<b>{row.points:.0f}</b> of {row.points + row.points_lost:.0f}"
        text = f"{share_of} {safe(row.label.partition(' (')[0])}<span style='color:{tokens.quiet}'>{change}{note}</span>"
        _label(figure, 0, row.metric, text, tokens.ink, xanchor="left", yshift=8)
    return figure


def milestones(frame: pd.DataFrame, as_of, tokens: Tokens) -> go.Figure:
    """Milestones against their due days: a bar from due to reached, open where it is not reached."""
    shown = frame.dropna(subset=["due_on"]).iloc[::-1].reset_index(drop=True)
    as_of = pd.Timestamp(as_of)
    done = shown.achieved_at.notna()
    late = int((done & (shown.days_late > 0)).sum())
    overdue = int(((~done) & shown.waived_at.isna() & (shown.due_on < as_of)).sum())
    figure = _figure(
        tokens,
        f"{int(done.sum())} of {count(len(shown), 'milestone')} reached"
        + (f", {late} of them late" if late else "")
        + (f"; {overdue} {'is' if overdue == 1 else 'are'} overdue" if overdue else ""),
        f"A dash is the due day, ● is reached, ○ is still open on {day(as_of)}; the bar between is the delay.",
        40 + 44 * max(len(shown), 1),
        yaxis={"showticklabels": False, "showgrid": False, "range": [-0.6, len(shown) - 0.2]},
    )
    for place, row in enumerate(shown.itertuples()):
        reached = is_known(row.achieved_at)
        is_late = (row.days_late or 0) > 0 if reached else row.due_on < as_of
        end = row.achieved_at if reached else (as_of if is_late and not is_known(row.waived_at) else row.due_on)
        colour = (
            tokens.green if reached and not is_late else tokens.yellow if reached else tokens.red if is_late else tokens.unknown
        )
        if is_known(row.waived_at):
            colour, text = tokens.unknown, f"waived {day(row.waived_at)}"
        elif reached:
            text = f"{count(int(row.days_late), 'day')} late" if is_late else f"reached {day(row.achieved_at)}"
        elif row.status == "not_observable":
            colour, text = tokens.unknown, "not observable"
        else:
            text = f"overdue by {count((as_of - row.due_on).days, 'day')}" if is_late else f"due {day(row.due_on)}"
        figure.add_trace(go.Scatter(
            x=[row.due_on, end], y=[place, place], mode="lines+markers", line={"color": tokens.faded(colour, 0.5), "width": 4},
            marker={"color": colour, "size": [13, 11], "symbol": ["line-ns-open", "circle" if reached else "circle-open"]},
            hovertemplate=f"{safe(words(row.milestone))}: due {day(row.due_on)}, {text}<extra></extra>",
        ))  # fmt: skip
        figure.add_annotation(
            x=0, xref="paper", y=place, yshift=15, xanchor="left", showarrow=False, align="left", font={"size": 12},
            text=f"{safe(words(row.milestone)).capitalize()} <span style='color:{tokens.quiet}'>{text}</span>",
        )  # fmt: skip
    return figure


def usage(signals: pd.DataFrame, tokens: Tokens) -> go.Figure:
    """People active in a week against the seats paid for."""
    known = signals.dropna(subset=["active_users_7d"])
    last = known.iloc[-1]
    stale = last.date_day < signals.date_day.max() - pd.Timedelta(days=2)
    seats = f" of {int(last.seats):,} seats" if is_known(last.seats) and last.seats else ""
    figure = _figure(
        tokens,
        f"{count(int(last.active_users_7d), 'person', 'people')}{seats} used it in the last week"
        + (f", not observed since {day(last.date_day)}" if stale else ""),
        f"People active in 7 days, {count(len(known), 'day')}; the dotted line is the seats. A gap is not observed.",
        220,
        yaxis={"rangemode": "tozero", "nticks": 4},
    )
    figure.add_trace(_line(tokens, signals, "date_day", "seats", tokens.quiet, "seats", line={"dash": "dot", "width": 1}))
    figure.add_trace(_line(tokens, signals, "date_day", "active_users_7d", tokens.accent, "people active"))
    figure.update_traces(hovertemplate="%{x|%-d %b %Y}: %{y:.0f}<extra>%{fullData.name}</extra>")
    return figure


def waterfall(months: pd.DataFrame, tokens: Tokens) -> go.Figure:
    """From the ARR of a start to that of an end, by what moved it. The first bar is absolute: a total there is drawn as zero."""
    parts = [
        (name, float(months[column].sum()) * sign)
        for name, column, sign in (
            ("new", "new_arr", 1), ("back", "reactivation_arr", 1), ("expanded", "expansion_arr", 1),
            ("contracted", "contraction_arr", -1), ("churned", "churned_arr", -1),
        )
        if name != "back" or months[column].sum()
    ]  # fmt: skip
    start, end = float(months.start_arr.iloc[0]), float(months.end_arr.iloc[-1])
    lost = sum(-value for name, value in parts if name in ("contracted", "churned"))
    won = sum(value for name, value in parts if name == "expanded")
    figure = _figure(
        tokens,
        f"ARR went from {money(start)} to {money(end)}; "
        + (f"{money(won)} of expansion against {money(lost)} lost" if lost or won else "nothing was lost"),
        f"ARR, {day(months.month_start.iloc[0])} to {day(months.month_end.iloc[-1])}; "
        f"{count(int(months.end_accounts.iloc[-1]), 'account')} at its end.",
        300,
        yaxis={"rangemode": "tozero", "showticklabels": False, "showgrid": False},
    )
    values = [start, *(value for _, value in parts), end]
    figure.add_trace(
        go.Waterfall(
            x=["start", *(name for name, _ in parts), "end"], y=values,
            measure=["absolute", *("relative" for _ in parts), "total"],
            text=[money(value) if place in (0, len(values) - 1) else ("+" if value > 0 else "") + money(value)
                  for place, value in enumerate(values)],
            textposition="outside", cliponaxis=False, connector={"line": {"color": tokens.line}},
            increasing={"marker": {"color": tokens.accent}}, decreasing={"marker": {"color": tokens.unknown}},
            totals={"marker": {"color": tokens.quiet}}, hovertemplate="%{x}: %{text}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(range=[0, max(start + sum(v for _, v in parts if v > 0), end, 1) * 1.1])
    return figure


def retention(frame: pd.DataFrame, tokens: Tokens) -> go.Figure:
    """Net and gross retention with the interval of the net one."""
    known = frame.dropna(subset=["net_retention"])
    last, months = known.iloc[-1], int(known.window_months.iloc[-1])
    about = interval(last.net_retention_lower, last.net_retention_upper, share)
    figure = _figure(
        tokens,
        f"Of 100 of ARR, {float(last.net_retention) * 100:.0f} are there {count(months, 'month')} later",
        f"Net retention over {count(months, 'month')} ({about}) and gross, by month of the end; "
        f"{count(int(last.at_risk_accounts), 'account')} last.",
        260,
        yaxis={"tickformat": ".0%", "nticks": 5},
        xaxis={"range": [known.month_end.min(), known.month_end.max() + (known.month_end.max() - known.month_end.min()) * 0.26]},
    )
    figure.add_traces(_interval(tokens, known, "month_end", "net_retention_lower", "net_retention_upper", tokens.accent))
    for column, colour, name in (("net_retention", tokens.accent, "net"), ("gross_retention", tokens.quiet, "gross")):
        figure.add_trace(
            _line(
                tokens, known, "month_end", column, colour, name, hovertemplate="%{x|%b %Y}: %{y:.1%}<extra>" + name + "</extra>"
            )
        )
        _label(figure, last.month_end, last[column], f" {name} {share(last[column])}", colour, xanchor="left", yanchor="middle")
    return figure


def survival(frame: pd.DataFrame, cohort: pd.Series, tokens: Tokens, segment: str) -> go.Figure:
    """Share that reached first value by day, with its interval and the median."""
    shown = frame[frame.segment == segment]
    median = f"half reach first value by day {int(cohort.median_days)}" if is_known(cohort.median_days) else ""
    about = interval(cohort.median_days_lower, cohort.median_days_upper, lambda value: f"{int(value)}")
    last = shown.iloc[-1]
    figure = _figure(
        tokens,
        f"Of those that stay, {median}" + (f" ({about})" if about else "")
        if median
        else f"{share(last.activated_share)} reach first value by day {int(last.day)}; no median is known",
        "Share of all that started that reached first value by day, with its interval; "
        f"{count(int(cohort.accounts), 'account')}. The median leaves churn out.",
        280,
        yaxis={"tickformat": ".0%", "range": [0, 1.02], "nticks": 5},
        xaxis={"title": {"text": "days since the start"}, "range": [0, float(shown.day.max()) * 1.02 + 1]},
    )
    step = {"shape": "hv"}
    figure.add_traces(_interval(tokens, shown, "day", "activated_share_lower", "activated_share_upper", tokens.accent, "hv"))
    figure.add_trace(
        _line(
            tokens,
            shown,
            "day",
            "activated_share",
            tokens.accent,
            "reached",
            line=step,
            hovertemplate="day %{x}: %{y:.0%}<extra></extra>",
        )
    )
    figure.add_trace(
        _line(
            tokens,
            shown,
            "day",
            "churned_share",
            tokens.unknown,
            "churned first",
            line=step,
            hovertemplate="day %{x}: %{y:.0%} churned first<extra></extra>",
        )
    )
    _label(figure, last.day, float(last.activated_share), f"reached {share(last.activated_share)}", tokens.accent, yshift=4)
    _label(figure, last.day, float(last.churned_share), f"churned first {share(last.churned_share)}", tokens.unknown)
    if is_known(cohort.median_days) and cohort.median_days <= shown.day.max():
        figure.add_vline(x=int(cohort.median_days), line={"color": tokens.quiet, "dash": "dot", "width": 1})
        _label(
            figure, int(cohort.median_days), 0.98, f" day {int(cohort.median_days)}", tokens.quiet, xanchor="left", yanchor="top"
        )
    return figure


def funnel(frame: pd.DataFrame, journey: str, tokens: Tokens) -> go.Figure:
    """The strict funnel of a journey: of those that entered a step and lived it, how many reached the next."""
    shown = frame[frame.journey == journey].sort_values("step_number", ascending=False)
    told = shown.dropna(subset=["conversion"])
    worst = told.sort_values("conversion").iloc[0] if len(told) else None
    figure = _figure(
        tokens,
        f"Most stop before {words(worst.milestone)}: {int(worst.dropped):,} of {int(worst.entered):,}"
        if worst is not None
        else "Too few accounts to tell where most stop",
        f"Accounts that entered each step of the {words(journey)} journey (pale) and reached it (filled). "
        "The share leaves out steps that are not lived yet.",
        40 + 46 * len(shown),
        barmode="overlay",
        bargap=0.64,
        yaxis={"showticklabels": False, "showgrid": False},
        xaxis={"showticklabels": False, "rangemode": "tozero"},
    )
    pale = tokens.faded(tokens.unknown, 0.28)
    figure.add_trace(go.Bar(y=shown.milestone, x=shown.entered, orientation="h", marker_color=pale, hoverinfo="skip"))
    figure.add_trace(go.Bar(y=shown.milestone, x=shown.reached, orientation="h", marker_color=tokens.accent, hoverinfo="skip"))
    for row in shown.itertuples():
        told_share = (
            f"{share(row.conversion)} ({interval(row.conversion_lower, row.conversion_upper, share)})"
            if is_known(row.conversion)
            else safe(row.conversion_missing_because or "unknown")
        )
        _label(
            figure, 0, row.milestone,
            f"{safe(words(row.milestone)).capitalize()} <span style='color:{tokens.quiet}'>{int(row.reached):,} of "
            f"{int(row.entered):,}, {told_share}</span>",
            tokens.ink, xanchor="left", yshift=8,
        )  # fmt: skip
    return figure


def bands_by_arr(frame: pd.DataFrame, tokens: Tokens) -> go.Figure:
    """Accounts by size of ARR and band."""
    sizes = frame.drop_duplicates("size_order").sort_values("size_order")["size"].tolist()
    totals = frame.groupby("size")["accounts"].sum()
    reds = frame[frame.band == "red"].set_index("size").accounts.reindex(sizes).fillna(0)
    shares = reds / totals.reindex(sizes)
    worst = shares.idxmax()
    figure = _figure(
        tokens,
        f"Red is most common at {worst}: {int(reds[worst])} of {count(int(totals[worst]), 'account')}"
        if reds.sum()
        else "No account is red",
        f"Live accounts by ARR and band, {count(int(totals.sum()), 'account')}; ARR of the red ones: "
        f"{money(frame[frame.band == 'red'].arr.sum())} of {money(frame.arr.sum())}.",
        56 + 50 * len(sizes),
        barmode="stack",
        bargap=0.45,
        yaxis={"showgrid": False, "categoryorder": "array", "categoryarray": sizes[::-1], "tickfont": {"color": tokens.ink}},
        xaxis={"showticklabels": False, "rangemode": "tozero"},
    )
    widest = totals.max()
    for band in BANDS:
        part = frame[frame.band == band].set_index("size").reindex(sizes)
        shape = SHAPES.get(band, "○")
        figure.add_trace(
            go.Bar(
                y=sizes, x=part.accounts.fillna(0), orientation="h", marker_color=tokens.band(band), name=band,
                text=[f"{shape} {int(value)}" if is_known(value) and value > widest * 0.1 else "" for value in part.accounts],
                textposition="inside", insidetextanchor="middle", textangle=0, textfont={"color": tokens.card, "size": 12},
                customdata=[[money(value)] for value in part.arr.fillna(0)],
                hovertemplate=f"%{{y}}, {shape} {band}: %{{x}} accounts, ARR %{{customdata[0]}}<extra></extra>",
            )
        )  # fmt: skip
    for size in sizes:
        text = f" {SHAPES['red']} {int(reds[size])} of {int(totals[size])}" if reds[size] else f" none of {int(totals[size])}"
        colour = tokens.red if reds[size] else tokens.quiet
        _label(figure, float(totals[size]), size, text, colour, xanchor="left", yanchor="middle")
    figure.update_xaxes(range=[0, float(widest) * 1.22])
    return figure


def heatmap(frame: pd.DataFrame, tokens: Tokens, dimension: str) -> go.Figure:
    """Share of milestones reached on time by milestone and slice; a cell without a share says why."""
    frame = frame.assign(
        column=[f"{pd.Timestamp(value):%b %y}" if dimension == "month" else words(value) for value in frame.dimension_value],
        row=[words(value).capitalize() for value in frame.milestone],
    )
    told = frame.dropna(subset=["on_time_share"])
    columns = frame.sort_values("dimension_value").column.drop_duplicates().tolist()
    rows = frame.sort_values("milestone_id").row.drop_duplicates().tolist()[::-1]
    cells = frame.pivot_table(
        index="row", columns="column", values="on_time_share", aggfunc="first", dropna=False, observed=False
    )
    cells = cells.reindex(index=rows, columns=columns).astype(float)
    judged = told.groupby("row")[["judged", "on_time"]].sum()
    late = (judged.on_time / judged.judged).sort_values()
    notes = {
        (item.row, item.column): f"{int(item.on_time)} of {int(item.judged)} on time"
        if is_known(item.on_time_share) else safe(item.missing_because or "not lived yet") for item in frame.itertuples()
    }  # fmt: skip
    figure = _figure(
        tokens,
        f"{late.index[0]} runs late most often: {share(late.iloc[0])} on time" if len(late) else "Too few accounts in every cell",
        f"Share of judged milestones that were reached by their due day; a dot is too few or not lived yet. "
        f"{count(int(judged.judged.sum()), 'milestone')} judged.",
        90 + 34 * len(rows),
        xaxis={"side": "top"},
        yaxis={"showgrid": False, "tickfont": {"color": tokens.ink}},
    )
    figure.add_trace(
        go.Heatmap(
            z=cells.to_numpy(), x=columns, y=rows, zmin=0, zmax=1, showscale=False, xgap=2, ygap=2, hoverongaps=True,
            colorscale=[[0, tokens.faded(tokens.accent, 0.06)], [1, tokens.faded(tokens.accent, 0.72)]],
            customdata=[[notes.get((row, column), "no such milestone here") for column in columns] for row in rows],
            text=[[f"{value * 100:.0f}" if is_known(value) else "·" for value in line] for line in cells.to_numpy()],
            texttemplate="%{text}", textfont={"color": tokens.ink, "size": 12},
            hovertemplate="%{y}, %{x}: %{customdata}<extra></extra>",
        )
    )  # fmt: skip
    return figure


def lift(frame: pd.DataFrame, tokens: Tokens, horizon: int, verdict: str) -> go.Figure:
    """Churn by tenth of the score, the worst tenth first."""
    worst = frame.iloc[0]
    figure = _figure(
        tokens,
        f"The worst tenth of scores holds {share(worst.captured_share)} of those that left" if is_known(worst.captured_share)
        else "Nobody left, so that nothing can be told",
        f"Share that left within {horizon} days by tenth of the score, the worst on the left; "
        f"{count(int(frame.observations.sum()), 'observation')}, {count(int(frame.churners.sum()), 'churner')}. {verdict}",
        250,
        yaxis={"tickformat": ".0%", "rangemode": "tozero", "nticks": 4},
        xaxis={"tickvals": frame.bucket.tolist(), "title": {"text": "tenth of the score, 1 is the lowest"}},
    )  # fmt: skip
    figure.add_trace(
        go.Bar(
            x=frame.bucket, y=frame.churn_rate,
            marker_color=[tokens.accent] + [tokens.faded(tokens.accent, 0.45)] * (len(frame) - 1),
            customdata=frame[["lowest_score", "highest_score", "churners", "observations"]],
            hovertemplate="scores %{customdata[0]:.0f} to %{customdata[1]:.0f}: %{y:.1%} left "
            "(%{customdata[2]:.0f} of %{customdata[3]:.0f})<extra></extra>",
        )
    )  # fmt: skip
    return figure


def calibration(frame: pd.DataFrame, tokens: Tokens, horizon: int) -> go.Figure:
    """Predicted against observed churn, with the interval of each bin; a forecast that holds lies on the diagonal."""
    told = frame.dropna(subset=["predicted_rate", "observed_rate"])
    inside = int(((told.predicted_rate >= told.observed_lower) & (told.predicted_rate <= told.observed_upper)).sum())
    # An interval of few may reach beyond the picture; what it hides is in the mart.
    top = max(1.6 * float(told[["predicted_rate", "observed_rate"]].max().max()), 0.05) if len(told) else 1
    figure = _figure(
        tokens,
        f"{inside} of {count(len(told), 'group')} left as often as predicted" if len(told) else "No probability was predicted",
        f"Predicted and observed share that left within {horizon} days by group of scores, with intervals; "
        f"{count(int(frame.observations.sum()), 'observation')}.",
        250,
        xaxis={"tickformat": ".0%", "title": {"text": "predicted"}, "range": [0, top], "nticks": 5},
        yaxis={"tickformat": ".0%", "range": [0, top], "nticks": 5},
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(x=[0, top], y=[0, top], mode="lines", line={"color": tokens.line, "dash": "dot"}, hoverinfo="skip")
    )
    figure.add_trace(
        go.Scatter(
            x=told.predicted_rate, y=told.observed_rate, mode="markers", marker={"color": tokens.accent, "size": 8},
            error_y={
                "type": "data", "array": told.observed_upper - told.observed_rate, "color": tokens.faded(tokens.accent, 0.5),
                "arrayminus": told.observed_rate - told.observed_lower, "thickness": 1.5, "width": 0,
            },
            hovertemplate="predicted %{x:.1%}, observed %{y:.1%}<extra></extra>",
        )
    )  # fmt: skip
    return figure
