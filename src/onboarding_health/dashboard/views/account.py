"""An account on one page: who it is, the band and why, what to do next, and everything that rests on."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from .. import charts, db, parts
from ..words import are, count, day, due, interval, is_known, money, safe, sentence, share, told, words
from .customer_success import HORIZON


def page() -> None:
    """The page of the account that the URL names, or that is chosen."""
    accounts = db.query("find")
    if accounts.empty:
        parts.note("No account is known yet. Once the CRM or billing stream names one, it stands here.")
        return
    names = {
        account_id: name + (", has left" if has_left else "") for account_id, name, has_left in accounts.itertuples(index=False)
    }
    wanted = st.query_params.get("account")
    if wanted is not None and wanted not in names:
        parts.note(
            "This account is not in the published copy: it may have been merged into another, or the link is of another company."
        )
        st.query_params.pop("account")
        st.session_state.pop("account", None)
    account = parts.one_of("Account", list(names), "account", names)
    row = db.query("account", account=account, horizon=HORIZON).iloc[0]
    _who(row)
    _today(row)
    _over_time(row)
    _onboarding(row)
    _around(row)
    _tasks(row)
    parts.foot(row.as_of)


def _who(row) -> None:
    facts = [words(row.segment), words(row.product_category), row.country, f"ARR {money(row.arr)}"]
    if is_known(row.seats):
        facts.append(count(int(row.seats), "seat"))
    if is_known(row.churned_on):
        facts.append(f"left on {day(row.churned_on)}")
    elif is_known(row.renews_on):
        facts.append(f"renews {day(row.renews_on)} ({count((row.renews_on - row.as_of).days, 'day')})")
    facts.append(f"with {row.owner_id}" if row.owner_id else "nobody owns it")
    facts.append(f"customer since {day(row.started_on)}")
    why = {
        "overridden": f"Set by hand until {day(row.override_ends_on)}; measured, it would be {row.measured_band}.",
        "capped": f"At best {row.band_cap}, while this holds: {row.band_cap_reason}.",
        "confirmed": f"It stays {row.band} until the score has left it for good; measured, it would be {row.measured_band}.",
    }.get(row.band_reason or "", "")
    chance = (
        f" Probability to leave within {HORIZON} days {share(row.churn_probability)} "
        f"({interval(row.probability_lower, row.probability_upper, share)})."
        if is_known(row.churn_probability) else ""
    )  # fmt: skip
    name = safe(row.account_name or row.account_id)
    parts.show(
        f'<h1>{name} &nbsp;{parts.band(row.band, row.status, row.band_reason)}</h1><p class="quiet">'
        f'{safe(" · ".join(fact for fact in facts if fact))}</p><p style="margin-top:8px">{safe((why + chance).strip())}</p>'
        f'<p style="margin-top:8px">{told(row.explanation or "")}</p>'
    )


def _today(row) -> None:
    tasks = db.query("account_tasks", account=row.account_id)
    still = tasks[tasks.status.isin(["open", "overdue"])].sort_values("due_at")
    steps = db.query("account_steps", account=row.account_id)
    risks = db.query("account_risks", account=row.account_id)
    parts.section("What to do next")
    left, right = st.columns(2)
    with left:
        if still.empty:
            parts.show('<p class="note">No task is open for this account.</p>')
        else:
            parts.show("<ul>" + "".join(
                f"<li><b>{safe(task.play_name)}</b>, {due(task.due_at, row.as_of, row.timezone)}, "
                f"{safe(words(task.owner_role))}, by {safe(words(task.channel))}<br><small>{told(task.reason)}</small></li>"
                for task in still.itertuples()
            ) + "</ul>")  # fmt: skip
        if len(risks):
            parts.show(
                "<h3>What stands against it</h3><ul>"
                + "".join(f"<li>{told(risk.reason)}</li>" for risk in risks.itertuples())
                + "</ul>"
            )
    with right:
        if len(steps):
            needed = steps[steps.is_needed]
            reach = bool(steps.is_band_within_reach.iloc[0])
            lead = (
                f"What leads to {row.next_band}, the easiest first"
                if reach
                else f"What leads towards {row.next_band}; it is not enough alone"
            )
            parts.show(
                f"<h3>{safe(lead)}</h3><ol>"
                + "".join(
                    f"<li>{told(sentence(step.step))} <small>+{step.step_points:.1f} points</small></li>"
                    for step in (needed if len(needed) else steps).itertuples()
                )
                + "</ol>"
            )
        elif row.band == "green":
            parts.show('<p class="note">It is in the top band: nothing has to be lifted.</p>')
        else:
            parts.show('<p class="note">Nothing that somebody can do lifts this score now.</p>')


def _over_time(row) -> None:
    scores = db.query("account_scores", account=row.account_id)
    drivers = db.query("account_drivers", account=row.account_id)
    tokens = parts.tokens()
    left, right = st.columns(2)
    with left:
        if scores.score.notna().any():
            parts.chart(charts.score_over_time(scores, _marks(row, scores), tokens), "score")
        else:
            parts.note("No score yet: an account is scored once it is old enough and enough of it is observed.")
    with right:
        if len(drivers) and (drivers.weight > 0).any():
            parts.chart(charts.drivers(drivers, tokens), "drivers")


def _marks(row, scores: pd.DataFrame) -> list[tuple]:
    versions = scores.dropna(subset=["model_version"])
    changed = versions[versions.model_version != versions.model_version.shift()].iloc[1:]
    marks = [(change.score_date, f"score version {change.model_version}") for change in changed.itertuples()]
    marks += [(risk.first_seen_on, risk.rule) for risk in db.query("account_risks", account=row.account_id).itertuples()]
    first = scores.score_date.min()
    return [(moment, text) for moment, text in marks if is_known(moment) and moment >= first]


def _onboarding(row) -> None:
    onboarding = db.query("account_onboarding", account=row.account_id)
    milestones = db.query("account_milestones", account=row.account_id)
    parts.section("Onboarding")
    if onboarding.empty and milestones.empty:
        parts.note("No onboarding of this account is known.")
        return
    left, right = st.columns(2)
    with left:
        if milestones.due_on.notna().any():
            parts.chart(charts.milestones(milestones, row.as_of, parts.tokens()), "milestones")
    with right:
        if len(onboarding):
            parts.show("".join(f"<p>{safe(text)}</p>" for text in _stands(onboarding.iloc[0])))


def _stands(one) -> list[str]:
    state = sentence(words(one.state)) if one.state else sentence(f"where it stands is not known: {one.state_missing_because}")
    said = [
        f"Began {day(one.started_on)} on the {words(one.journey)} journey: {int(one.steps_reached)} of "
        f"{count(int(one.steps), 'step')}, {share(one.progress)} of its weight. {state}"
    ]  # fmt: skip
    if is_known(one.ended_on):
        said.append(sentence(f"It ended on {day(one.ended_on)}: {words(one.ended_because)}"))
    elif is_known(one.current_milestone):
        turn = {"us": "it is our turn", "customer": "it is the customer's turn"}.get(one.turn or "", "")
        waits = f" for {count(int(one.days_at_step), 'day')}" if is_known(one.days_at_step) else ""
        said.append(f"At {words(one.current_milestone)}{waits}, due {day(one.current_due_on)}{'; ' + turn if turn else ''}.")
    if is_known(one.first_value_on):
        said.append(f"First value was reached on {day(one.first_value_on)}.")
    elif is_known(one.forecast_on):
        about = interval(one.forecast_earliest_on, one.forecast_latest_on, day)
        said.append(
            f"First value is expected on {day(one.forecast_on)} ({about}), as "
            f"{count(int(one.forecast_accounts), 'like account')} {are(int(one.forecast_accounts), 'tells', 'tell')}."
        )
    elif is_known(one.forecast_missing_because):
        said.append(sentence(f"No first value yet, and none is forecast: {one.forecast_missing_because}"))
    return said


def _around(row) -> None:
    signals = db.query("account_signals", account=row.account_id)
    invoices = db.query("account_invoices", account=row.account_id)
    parts.section("Use, support, money, answers")
    left, right = st.columns(2)
    with left:
        if signals.active_users_7d.notna().any():
            parts.chart(charts.usage(signals, parts.tokens()), "usage")
        else:
            parts.note("Its use is not observed in the last 180 days.")
    with right:
        if len(signals):
            parts.show("<ul>" + "".join(f"<li>{safe(text)}</li>" for text in _said(signals.iloc[-1])) + "</ul>")
        if len(invoices):
            lines = [
                f"{money(invoice.open_amount)}, due {day(invoice.due_on)}"
                + (f", overdue by {count(int(invoice.days_overdue), 'day')}" if invoice.days_overdue > 0 else "")
                for invoice in invoices.head(5).itertuples()
            ]  # fmt: skip
            parts.show(f"<h3>Open invoices</h3><ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>")
        else:
            parts.show('<p class="quiet">No invoice is open.</p>')


def _said(now) -> list[str]:
    """Tickets, answers and notes of the last day, in words."""
    said = []
    if is_known(now.tickets_open):
        waits = (
            f", {int(now.tickets_awaiting_us)} wait for us"
            if is_known(now.tickets_awaiting_us) and now.tickets_awaiting_us
            else ""
        )
        opened = f"; {int(now.tickets_opened_30d)} opened in 30 days" if is_known(now.tickets_opened_30d) else ""
        late = (
            f", {int(now.sla_breaches_30d)} answered too late" if is_known(now.sla_breaches_30d) and now.sla_breaches_30d else ""
        )
        said.append(f"{count(int(now.tickets_open), 'ticket')} open{waits}{opened}{late}.")
    else:
        said.append("Tickets are not observed.")
    if is_known(now.nps_last_score_180d):
        ago = f", {count(int(now.days_since_nps), 'day')} ago" if is_known(now.days_since_nps) else ""
        said.append(f"The last NPS answer was {float(now.nps_last_score_180d):.0f}{ago}.")
    else:
        said.append("No NPS answer in 180 days.")
    if is_known(now.csat_90d):
        said.append(f"Customer satisfaction of 90 days is {share(now.csat_90d)}.")
    if is_known(now.note_sentiment_90d):
        mood = "good" if now.note_sentiment_90d > 0.2 else "bad" if now.note_sentiment_90d < -0.2 else "mixed"
        said.append(f"The mood in notes of 90 days is {mood} ({float(now.note_sentiment_90d):+.1f} of −1 to +1).")
    else:
        said.append("No note in 90 days.")
    return said


def _tasks(row) -> None:
    tasks = db.query("account_tasks", account=row.account_id)
    past = tasks[~tasks.status.isin(["open", "overdue"])]
    parts.section("Tasks and what came of them")
    if past.empty:
        parts.note("No task of this account is over yet.")
        return
    parts.table(
        [("Task", False), ("Opened", False), ("Over", False), ("What came of it", False)],
        [
            [
                f"{safe(task.play_name)}<br><small>{told(task.reason)}</small>",
                day(task.opened_on),
                day(task.closed_on) if is_known(task.closed_on) else "",
                safe(words(task.status)) + (f", {safe(words(task.outcome))}" if task.outcome else ""),
            ]
            for task in past.head(12).itertuples()
        ],
    )
    parts.download(tasks, "tasks", "csv_tasks")
