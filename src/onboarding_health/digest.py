"""Writes, for each owner of accounts, a page of Markdown: what to do today, what changed, why, and where accounts stand."""

from __future__ import annotations

import datetime
import hashlib
import re
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from .warehouse import opened_or_exit

MARK = "<!-- digest of onboarding_health -->"
NO_OWNER = "_no_owner.md"
NEWS_DAYS, SOON_DAYS = 7, 7
# What fits one page: a morning's work and the worst of the rest; what is beyond is counted.
TASKS_SHOWN, OTHERS_SHOWN, MILESTONES_SHOWN, NEWS_SHOWN, ACCOUNTS_SHOWN = 7, 5, 5, 6, 15

ACCOUNTS = """
    select
        health.owner_id, health.account_id, health.account_name, health.segment, health.arr, health.status,
        health.score, health.band, health.band_reason, health.band_cap_reason, health.override_ends_on, health.change_7d,
        accounts.as_of, accounts.churned_on, explanations.explanation
    from fct_current_health as health
    inner join dim_accounts as accounts using (account_id)
    inner join fct_health_explanations as explanations using (account_id)
    order by health.score nulls last, health.account_id
"""
RISKS = """
    select account_id, rule
    from fct_risk_episodes
    inner join risk_severities using (severity)
    where is_active
    order by account_id, severity_rank desc, first_seen_on, rule_id
"""
ALERTS = """
    select account_id, alert_kind, alerted_on, ended_on, severity, severity_rank, reason
    from fct_alerts
    inner join risk_severities using (severity)
    order by account_id, severity_rank desc, alerted_on desc, alert_id
"""
OWNERS = "select owner_id, owner_role, timezone from owners"
TASKS = """
    select
        account_id, play_name, channel, script_name, owner_role, due_at, opened_on, status = 'overdue' as is_overdue,
        case when trigger_type = 'band' then trigger_name end as band, reason, priority_rank
    from fct_interventions
    where status in ('open', 'overdue')
    order by priority_rank, task_id
"""
MILESTONES = """
    select
        account_id, milestones.milestone, milestones.description, milestones.owner_role, milestones.entry_criteria,
        milestones.exit_criteria, milestones.expected_ttv_impact_days, due_on, status
    from fct_milestones
    inner join milestones using (milestone_id)
    where status in ('not_due', 'pending')
    order by due_on, account_id, milestone_id
"""


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict]:
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _by_account(rows: list[dict]) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(row["account_id"], []).append(row)
    return found


def _plain(text: str) -> str:
    """The text on one line, so that Markdown shows it as it stands."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(text.split()))


def _day(day: datetime.date) -> str:
    return f"{day.day} {day:%b %Y}"


def _name(account: dict) -> str:
    return _plain(account["account_name"] or account["account_id"])


def _title(account: dict) -> str:
    parts = [account["account_id"], account["segment"].replace("_", " ")]
    if account["arr"] is not None:
        parts.append(f"ARR {account['arr']:,.0f}")
    return f"**{_name(account)}** ({_plain(', '.join(parts))})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def file_name(owner_id: str | None) -> str:
    """Return the name of an owner's page, safe on any disk; two owners never share one, whatever their ids hold."""
    if owner_id is None:
        return NO_OWNER
    safe = re.sub(r"[^a-z0-9.-]", "-", owner_id.lower())[:60].strip(".-") or "owner"
    if safe != owner_id or re.search(r"-[0-9a-f]{8}$", safe):
        safe += f"-{hashlib.sha256(owner_id.encode()).hexdigest()[:8]}"
    return f"{safe}.md"


def _clock(moment: datetime.datetime, timezone: str) -> str:
    """A moment in UTC on the clock of a timezone."""
    local = moment.replace(tzinfo=datetime.UTC).astimezone(ZoneInfo(timezone))
    return f"{_day(local.date())} {local:%H:%M}"


def _tasks(tasks: list[dict], accounts: dict[str, dict], as_of: datetime.date, timezone: str) -> list[str]:
    """What to do, by rank: new tasks and those that come due have a place, the rest is for the overdue ones."""
    news = as_of - datetime.timedelta(days=NEWS_DAYS)
    fresh = [task for task in tasks if not task["is_overdue"] or task["opened_on"] > news]
    old = [task for task in tasks if task["is_overdue"] and task["opened_on"] <= news]
    shown = sorted((fresh + old)[:TASKS_SHOWN], key=lambda task: task["priority_rank"])
    lines = []
    number = 0
    order = {task["account_id"]: position for position, task in reversed(list(enumerate(shown)))}
    for account_id, own in groupby(
        sorted(shown, key=lambda task: order[task["account_id"]]), key=lambda task: task["account_id"]
    ):
        account = accounts[account_id]
        lines += ["", _title(account), "", f"> {_plain(account['explanation'])}", ""]
        for task in own:
            number += 1
            late = "**overdue** since" if task["is_overdue"] else "due"
            channel = _plain(task["channel"].replace("_", " "))
            lines.append(
                f"{number}. {_plain(task['play_name'])} ({channel}, script `{task['script_name']}`), {late} "
                f"{_clock(task['due_at'], timezone)}.  \n"
                f"   Why: {_plain(task['reason']).rstrip('.')}.{_now(task, account)}"
            )
    hidden = len(tasks) - len(shown)
    if hidden:
        oldest = min(task["due_at"] for task in tasks)
        lines += [
            "",
            f"{_count(hidden, 'more task')} {'waits' if hidden == 1 else 'wait'} behind these; the oldest was due on "
            f"{_day(oldest.date())}. "
            "Close what is not worth doing any more, so that this list says what is.",
        ]
    return lines or ["", "Nothing is due."]


def _others(tasks: list[dict], accounts: dict[str, dict], timezone: str) -> list[str]:
    """What other roles have to do at the owner's accounts, by rank."""
    lines = [
        f"- with the {_plain(task['owner_role'].replace('_', ' '))}: {_plain(task['play_name'])} at "
        f"{_name(accounts[task['account_id']])}, {'overdue since' if task['is_overdue'] else 'due'} "
        f"{_clock(task['due_at'], timezone)}"
        for task in tasks[:OTHERS_SHOWN]
    ]
    hidden = len(tasks) - len(lines)
    return ["", "## With others", "", *lines, *([f"- and {_count(hidden, 'more task')}"] if hidden else [])] if tasks else []


def _effect(days: int | None) -> str:
    """What a milestone is expected to do to the time to value, where somebody says."""
    if not days:
        return ""
    return f" Expected to make the time to value {_count(abs(days), 'day')} {'shorter' if days < 0 else 'longer'}."


def _milestones(milestones: list[dict], accounts: dict[str, dict], soon: datetime.date) -> list[str]:
    """The open milestones that are due soon, in words: what they mean, who sees to them and what is missing."""
    lines = []
    for milestone in milestones[:MILESTONES_SHOWN]:
        words = [f"{_plain(milestone['description']).rstrip('.')}."] if milestone["description"] else []
        if milestone["status"] == "not_due" and milestone["entry_criteria"]:
            words.append(f"Not begun; it waits for: {_plain(milestone['entry_criteria']).rstrip('.')}.")
        if milestone["exit_criteria"]:
            words.append(f"Reached when: {_plain(milestone['exit_criteria']).rstrip('.')}.")
        name, role = (_plain(milestone[column].replace("_", " ")) for column in ("milestone", "owner_role"))
        lines.append(
            f"- {_name(accounts[milestone['account_id']])}: **{name}**, due {_day(milestone['due_on'])}, with the {role}. "
            + " ".join(words)
            + _effect(milestone["expected_ttv_impact_days"])
        )
    hidden = len(milestones) - len(lines)
    if hidden:
        lines.append(f"- and {_count(hidden, 'more milestone')}; see fct_milestones")
    return ["", f"## Milestones due by {_day(soon)}", "", *lines] if lines else []


def _now(task: dict, account: dict) -> str:
    """The band of today, where a task was asked for by another one."""
    if task["band"] is None or account["band"] is None or task["band"] == account["band"]:
        return ""
    return f" Now {account['band']}."


def _said(alert: dict) -> str:
    """The reason of an alert, and from when on it no longer holds."""
    return _plain(alert["reason"]) + (f" Over since {_day(alert['ended_on'])}." if alert["ended_on"] else "")


def _news(accounts: list[dict], alerts: dict[str, list[dict]], as_of: datetime.date) -> list[str]:
    """What changed in NEWS_DAYS, the worst first; what got better takes one line per account."""
    since = as_of - datetime.timedelta(days=NEWS_DAYS)
    worse: list[tuple[int, float, str, list[str]]] = []
    better = []
    for account in accounts:
        recent = [alert for alert in alerts.get(account["account_id"], []) if alert["alerted_on"] > since]
        bad = [alert for alert in recent if alert["alert_kind"] not in ("risk_cleared", "band_better")]
        good = [alert for alert in recent if alert["alert_kind"] in ("risk_cleared", "band_better")]
        if account["churned_on"] and account["churned_on"] > since:
            if account["status"] == "completed":
                better.append(f"- {_name(account)}: completed on {_day(account['churned_on'])}.")
            else:
                worse.append((-99, 0, account["account_id"], [f"{_title(account)} churned on {_day(account['churned_on'])}."]))
        elif bad:
            rank = max(alert["severity_rank"] for alert in bad)
            lines = [_title(account)] + [f"    - {alert['severity']}: {_said(alert)}" for alert in bad]
            worse.append((-rank, -float(account["arr"] or 0), account["account_id"], lines))
        if good and not account["churned_on"]:
            better.append(f"- {_name(account)}: " + " ".join(_said(alert) for alert in good))
    lines = []
    for *_, texts in sorted(worse)[:NEWS_SHOWN]:
        lines += [f"- {texts[0]}", *texts[1:]]
    if len(worse) > NEWS_SHOWN:
        lines.append(f"- and {_count(len(worse) - NEWS_SHOWN, 'more account')} of less ARR or urgency; see fct_alerts")
    if better:
        lines += ["", "Better:", "", *better[:NEWS_SHOWN]]
    if len(better) > NEWS_SHOWN:
        lines.append(f"- and {_count(len(better) - NEWS_SHOWN, 'more account')}")
    return ["", *lines] if lines else ["", "Nothing crossed a threshold."]


def _standing(account: dict) -> str:
    """The band to show, or why there is none."""
    return account["band"] or account["status"].replace("_", " ")


def _reasoned(account: dict) -> str:
    """The band to show and what a person must know of it: who set it, or what keeps it down."""
    if account["band_reason"] == "overridden":
        return f"{account['band']}, set by hand until {_day(account['override_ends_on'])}"
    if account["band_reason"] == "capped":
        return f"{account['band']} at best: {account['band_cap_reason']}"
    return _standing(account)


def _table(accounts: list[dict], risks: dict[str, list[dict]]) -> list[str]:
    lines = ["", "| account | ARR | score | 7 days | band | risks |", "|---|--:|--:|--:|---|---|"]
    live = [account for account in accounts if not account["churned_on"]]
    for account in live[:ACCOUNTS_SHOWN]:
        score, change = account["score"], account["change_7d"]
        rules = ", ".join(risk["rule"] for risk in risks.get(account["account_id"], []))
        lines.append(
            f"| {_name(account)} | {'' if account['arr'] is None else format(account['arr'], ',.0f')} "
            f"| {'' if score is None else score} | {'' if change is None else format(change, '+')} "
            f"| {_plain(_reasoned(account))} | {_plain(rules)} |"
        )
    if len(live) > ACCOUNTS_SHOWN:
        hidden = _count(len(live) - ACCOUNTS_SHOWN, "more account")
        lines += ["", f"{hidden}, none with a lower score, in fct_current_health."]
    return lines


def digests(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the pages of all owners by file name, as Markdown.

    `connection` holds the marts in its default schema. An owner has a page with a live account, an open task or an account
    that left in the last NEWS_DAYS days; accounts without an owner share one. The same warehouse gives the same bytes. Raises
    duckdb.CatalogException where nothing was built.
    """
    rows = _rows(connection, ACCOUNTS)
    risks, alerts = (_by_account(_rows(connection, query)) for query in (RISKS, ALERTS))
    all_tasks, all_milestones = _rows(connection, TASKS), _rows(connection, MILESTONES)
    owners = {row["owner_id"]: row for row in _rows(connection, OWNERS)}
    pages = {}
    for owner_id in sorted({row["owner_id"] for row in rows}, key=lambda owner: (owner is None, owner)):
        own = [row for row in rows if row["owner_id"] == owner_id]
        as_of = own[0]["as_of"]
        accounts = {row["account_id"]: row for row in own}
        owner = owners.get(owner_id, owners["any"])
        tasks = [task for task in all_tasks if task["account_id"] in accounts]
        mine = [task for task in tasks if task["owner_role"] == owner["owner_role"]]
        theirs = [task for task in tasks if task["owner_role"] != owner["owner_role"]]
        live = [row for row in own if not row["churned_on"]]
        since, soon = as_of - datetime.timedelta(days=NEWS_DAYS), as_of + datetime.timedelta(days=SOON_DAYS)
        ids = {row["account_id"] for row in live}
        milestones = [row for row in all_milestones if row["account_id"] in ids and row["due_on"] <= soon]
        if not live and not tasks and not any(row["churned_on"] > since for row in own):
            continue
        bands = [_standing(row) for row in live]
        worth = {band: sum(row["arr"] or 0 for row in live if _standing(row) == band) for band in bands}
        counted = [f"{bands.count(band)} {band} (ARR {worth[band]:,.0f})" for band in dict.fromkeys(bands)]
        arr = sum(worth.values())
        who = f"{_plain(owner_id)}" if owner_id is not None else "Accounts without an owner"
        lines = [
            MARK,
            f"# {who}, {_day(as_of)}",
            "",
            f"{_count(len(live), 'account')} with an ARR of {arr:,.0f}" + (f": {', '.join(counted)}." if counted else "."),
            f"{_count(len(mine), 'task')} open for you, {sum(task['is_overdue'] for task in mine)} of them overdue; "
            f"{len(theirs)} with others. Times are those of {owner['timezone']}.",
            "",
            "## To do today",
            *_tasks(mine, accounts, as_of, owner["timezone"]),
            *_others(theirs, accounts, owner["timezone"]),
            *_milestones(milestones, accounts, soon),
            "",
            f"## What changed since {_day(since)}",
            *_news(own, alerts, as_of),
            "",
            "## Where the accounts stand",
            *_table(own, risks),
            "",
        ]
        pages[file_name(owner_id)] = "\n".join(lines)
    return pages


def write(pages: dict[str, str], folder: Path) -> None:
    """Write the pages into the folder, which is made if need be, and remove those of owners who are gone.

    Only files that begin as a digest does are removed. Raises OSError where the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.md")):
        if path.name not in pages and path.read_bytes().startswith(MARK.encode()):
            path.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def write_all(folder: Path) -> None:
    """Write the digests of the warehouse that ONBOARDING_HEALTH_WAREHOUSE names into a folder; ends the program without one."""
    with opened_or_exit() as connection:
        pages = digests(connection)
    write(pages, folder)
    print(f"{_count(len(pages), 'digest')} in {folder}/")
