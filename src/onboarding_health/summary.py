"""Prints what the last build says: accounts by band, time to value, the accounts at risk, what there is to do, what warned."""

from __future__ import annotations

import sys

import duckdb

from . import path_of_warehouse
from .warehouse import opened_or_exit

BANDS = """
    select coalesce(band, replace(status, '_', ' ')) as band, count(*) as accounts, sum(arr) as arr
    from fct_current_health
    where status not in ('churned', 'completed')
    group by all
    order by min(coalesce(score, 101))
"""
GONE = """
    select status, count(*)
    from fct_current_health
    where status in ('churned', 'completed')
    group by status
    order by status
"""
TIME_TO_VALUE = """
    select
        accounts, activated, median_days, median_days_lower, median_days_upper, activated_share_30d,
        missing_because like '%median too few%'
    from rpt_ttv_cohorts
    where cohort_key = 'all||primary|all|all'
"""
AT_RISK = """
    select health.account_id, health.account_name, health.score, health.band, advice.label,
        drivers.points_lost, health.arr, health.arr * chances.churn_probability::double as arr_at_stake
    from fct_current_health as health
    left join fct_health_drivers as drivers
        on health.account_id = drivers.account_id
        and health.score_date = drivers.score_date
        and health.top_driver_down = drivers.metric
    left join metric_advice as advice on health.top_driver_down = advice.metric
    left join health_bands as bands on health.model_version = bands.model_version and health.band = bands.band
    left join fct_churn_probabilities as chances
        on health.account_id = chances.account_id
        and chances.horizon_days = (select expected_loss_days from task_settings)
    where health.status = 'scored'
    order by arr_at_stake desc nulls last, bands.lower_edge, health.arr desc nulls last, health.score, health.account_id
    limit 5
"""
EXPECTED_LOSS = """
    select horizon_days, expected_arr_loss, expected_loss_share, change_7d, accounts_at_risk, accounts
    from rpt_expected_losses
    where segment = 'all' and expected_arr_loss is not null
    qualify score_date = max(score_date) over ()
"""
TASKS = """
    select
        count(*) filter (status in ('open', 'overdue')), count(*) filter (status = 'overdue'), count(*) filter (status = 'queued')
    from fct_interventions
"""
HANDOFFS = "select count(*), coalesce(sum(expected_arr), 0) from fct_expansion_handoffs"
VERDICTS = """
    select horizon_days, basis, verdict
    from rpt_health_validation
    where predictor = 'score' and segment = 'all' and is_deciding and population = 'all' and finding <> 'not_published'
    order by horizon_days, model_version, basis desc
"""
WORKS = """
    select 'Tasks: ' || verdict
    from rpt_play_outcomes
    where play_id = 'all' and segment = 'all'
    union all
    select
        'Rules, within ' || horizon_days || ' days: ' || count(*) filter (finding = 'earns_its_place') || ' of ' || count(*)
        || ' earn their place, ' || count(*) filter (finding = 'too_rare') || ' fire too rarely to tell'
    from rpt_risk_rules
    where segment = 'all'
    group by horizon_days
    qualify horizon_days = max(horizon_days) over ()
    union all
    select 'Target ' || lower(left(verdict, 1)) || substr(verdict, 2)
    from rpt_expansion_targets
    where finding <> 'not_known'
"""
UNKNOWN = """
    select distinct 'A probability of churn within ' || horizon_days || ' days: ' || missing_because
    from fct_churn_probabilities
    inner join fct_current_health using (account_id)
    where missing_because is not null and status = 'scored'
    qualify horizon_days = min(horizon_days) over ()
    union all
    select count(*) || ' accounts have too little data for a score'
    from fct_current_health
    where status = 'too_little_data'
    having count(*) > 0
    union all
    select count(*) || ' scored accounts have no recent note'
    from fct_current_health
    where status = 'scored' and is_sentiment_stale
    having count(*) > 0
    union all
    select 'Target ' || lower(left(verdict, 1)) || substr(verdict, 2)
    from rpt_expansion_targets
    where finding = 'not_known'
"""
MESSAGES = "select message from build_messages"
WARNINGS = """
    select place, sentence, mart, count(*) over (partition by topic)
    from fct_build_warnings
    order by topic_order, place
"""
SHOWN = 5  # sentences a topic, as the macro say_warnings does it for dbt
REJECTED = "select coalesce(sum(rejected_count), 0), coalesce(sum(raw_count), 0) from rpt_stream_reconciliation"


def summary(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the summary of a built warehouse as text.

    `connection` holds the marts in its default schema. Raises duckdb.CatalogException where nothing was built.
    """

    def rows(query: str) -> list[tuple]:
        return connection.execute(query).fetchall()

    as_of = rows("select max(as_of) from dim_accounts")[0][0]
    lines = [f"Onboarding health as of {as_of}", "", "Accounts by band"]
    for band, accounts, arr in rows(BANDS):
        lines.append(f"  {band:<16}{accounts:>7,}" + (f"   ARR {arr:>14,.0f}" if arr is not None else ""))
    lines += [f"  {status:<16}{accounts:>7,}" for status, accounts in rows(GONE)]

    lines += ["", "Time to value"]
    for accounts, activated, median_days, lower, upper, share, is_few in rows(TIME_TO_VALUE):
        median = "not known of so few" if is_few else "not reached yet"
        if median_days is not None:
            median = f"{median_days} days" + (f" ({lower} to {upper})" if upper is not None else "")
        by_30 = f", {share:.0%} of all by day 30" if share is not None else ""
        lines.append(f"  median {median} (churn left out){by_30} ({activated:,} of {accounts:,} accounts activated)")

    at_risk = rows(AT_RISK)
    told = "churn probability x ARR" if any(row[-1] is not None for row in at_risk) else "the worst band, the most ARR"
    lines += ["", f"Most at risk ({told} first)"]
    for account_id, name, score, band, label, lost, arr, stake in at_risk:
        worth = f", ARR {arr:,.0f}" if arr is not None else ""
        worth += f", {stake:,.0f} at stake" if stake is not None else ""
        lines.append(f"  {score:>6} {band:<7}{name or account_id} ({account_id}){worth}: loses {lost} points by its {label}")

    for days, loss, share, change, free, accounts in rows(EXPECTED_LOSS):
        trend = "" if change is None else f", {abs(change):,.0f} {'more' if change > 0 else 'less'} than the week before"
        part = "" if share is None else f" ({share:.1%} of all)"
        can = f"{free:,} of {accounts:,} accounts can leave by then"
        lines.append(f"  expected to be lost in {days} days: ARR {loss:,.0f}{part}{trend}; {can}")

    (tasks, overdue, queued), (handoffs, arr) = rows(TASKS)[0], rows(HANDOFFS)[0]
    waiting = f", {queued:,} more queued behind them" if queued else ""
    lines += ["", "To do", f"  {tasks:,} tasks, {overdue:,} overdue{waiting}; `make digest` writes a page per owner"]
    lines.append(f"  {handoffs:,} accounts for sales, expected ARR {arr:,.0f}; see fct_expansion_handoffs")

    lines += ["", "Does the score predict churn"]
    lines += [
        f"  within {days} days{', as published then' if basis == 'known_then' else ''}: {verdict}"
        for days, basis, verdict in rows(VERDICTS)
    ] or ["  nobody is scored yet"]

    lines += ["", "What works", *(f"  {sentence}" for (sentence,) in rows(WORKS))]
    lines += ["", "What is not known", *(sorted(f"  {sentence}" for (sentence,) in rows(UNKNOWN)) or ["  nothing of this kind"])]

    rejected, raw = rows(REJECTED)[0]
    lines += ["", f"Refused {rejected:,} of {raw:,} raw rows; see fct_rejected_events"]

    lines += ["", "Warnings"]
    warned = [f"  {message}" for (message,) in rows(MESSAGES)]
    for place, sentence, mart, count in rows(WARNINGS):
        if place <= SHOWN:
            warned.append(f"  {sentence}")
        elif place == SHOWN + 1:
            warned.append(f"  ... and {count - SHOWN} more like it in {mart}")
    lines += warned or ["  none"]
    return "\n".join(lines)


def show() -> None:
    """Print the summary of the warehouse that ONBOARDING_HEALTH_WAREHOUSE names, and what to run next."""
    path = path_of_warehouse()
    with opened_or_exit() as connection:
        try:
            said = summary(connection)
        except duckdb.CatalogException:
            sys.exit(f"The warehouse {path} holds no whole build of this version: run `make build` or `dbt build` first.")
    head, warnings = said.split("\n\nWarnings\n")
    print(f"{head}\n\nWarehouse  {path}\nNext       duckdb {path} -c 'from fct_current_health'   or   make docs, make test")
    print(f"\nWarnings\n{warnings}")
