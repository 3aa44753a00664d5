"""Whether two ways to the same marts give the same rows."""

from __future__ import annotations

from pathlib import Path

import duckdb

from .peers import COLUMNS

MARTS = (
    "fct_account_signals",
    "fct_milestones",
    "fct_account_health",
    "fct_health_drivers",
    "fct_time_to_value",
    "rpt_ttv_survival",
    "rpt_ttv_cohorts",
)


def differences(built: Path, limit: Path) -> list[str]:
    """Compare the marts of two warehouses as bags of rows; one line for each mart that differs."""
    found = []
    with duckdb.connect(":memory:") as connection:
        connection.execute("set TimeZone = 'UTC'")
        for path in (built, limit):
            connection.execute(f"attach '{path}' as {path.stem} (read_only)")
        for mart in MARTS:
            one, other = (f"{path.stem}.{mart}" for path in (built, limit))
            columns, others = (
                {column[0] for column in connection.execute(f"describe {table}").fetchall()}
                for table in (one, other)
            )
            if columns != others:
                found.append(f"{mart}: only one of the two has {', '.join(sorted(columns ^ others))}")
                continue
            names = ", ".join(sorted(columns))
            rows = connection.execute(
                f"""select
                    (select count(*) from {one}),
                    (select count(*) from (select {names} from {one} except all select {names} from {other})),
                    (select count(*) from (select {names} from {other} except all select {names} from {one}))"""
            ).fetchone()
            if not rows[0]:
                found.append(f"{mart}: no rows to compare")
            if rows[1] or rows[2]:
                found.append(f"{mart}: of {rows[0]:,} rows {rows[1]:,} only in dbt's, {rows[2]:,} only in the other")
    return found


# The peers' columns as the mart names them; the others are only compared with each other.
_IN_MART = {
    "events_7d": "events_7d",
    "events_30d": "events_30d",
    "logins_7d": "logins_7d",
    "logins_30d": "logins_30d",
    "active_days_7d": "active_days_7d",
    "active_days_30d": "active_days_30d",
    "users_7d": "active_users_7d",
    "users_30d": "active_users_30d",
    "features_30d": "features_used_30d",
    "modules_30d": "modules_used_30d",
}


def peer_differences(peers: list[Path], built: Path) -> list[str]:
    """Compare the answers in the peers' folders with each other, and the first's with the marts, line by line."""
    found = []
    with duckdb.connect(":memory:") as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{built}' as {built.stem} (read_only)")
        for table, columns in {
            "signals": "account_id, cast(day as date), " + ", ".join(COLUMNS),
            "reached": "account_id, subject, needed, cast(occurred_at as timestamp)",
            "firsts": "account_id, subject, user_number, cast(occurred_at as timestamp)",
        }.items():
            one, *others = (f"select {columns} from read_parquet('{peer}/{table}.parquet')" for peer in peers)
            for peer, other in zip(peers[1:], others, strict=True):
                (rows,) = connection.execute(
                    f"select count(*) from (({one} except all {other}) union all ({other} except all {one}))"
                ).fetchone()
                if rows:
                    found.append(f"{table}: {peers[0].name} and {peer.name} differ in {rows:,} rows")
        wrong = " or ".join(f"signals.{column} <> mart.{name}" for column, name in _IN_MART.items())
        (rows, matched) = connection.execute(
            f"""select count(*) filter (signals.account_id is null or {wrong}), count(mart.events_7d)
            from {built.stem}.fct_account_signals as mart
            left join read_parquet('{peers[0]}/signals.parquet') as signals
                on mart.account_id = signals.account_id and mart.date_day = cast(signals.day as date)"""
        ).fetchone()
        if rows or not matched:
            found.append(f"signals: {rows:,} rows of {peers[0].name} differ from the mart's")
        (rows, matched) = connection.execute(
            f"""with

            asked as (
                select milestone_id, min(subject) as subject, min(threshold) as needed
                from {built.stem}.milestone_criteria
                where phase = 'entry'
                group by milestone_id
                having count(*) = 1 and min(measure) = 'event_count' and min(operator) = '>='
            )

            select
                count(*) filter (mart.entered_at is distinct from cast(reached.occurred_at as timestamp)),
                count(mart.entered_at)
            from {built.stem}.fct_milestones as mart
            inner join asked using (milestone_id)
            left join read_parquet('{peers[0]}/reached.parquet') as reached
                on
                    mart.account_id = reached.account_id
                    and asked.subject = reached.subject
                    and asked.needed = reached.needed"""
        ).fetchone()
        if rows or not matched:
            found.append(f"milestones: {rows:,} moments of {peers[0].name} differ from the mart's")
    return found
