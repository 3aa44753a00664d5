"""The product stream: copies of ids, visits (account, user, day) and usage by account and day."""

from __future__ import annotations

from .session import Session
from .tracking import COUNTER, Tracking

# The two tests are cheaper than a trim of every id.
_ID = "case when starts_with(event_id, ' ') or ends_with(event_id, ' ') then trim(event_id) else event_id end"
USER = "case when trim(user_id) <> '' then hash(trim(user_id)) end"


def resolved(session: Session, source: str, columns: str) -> str:
    """Return the SQL of the good product events of known accounts on their observed days.

    source is a table of raw rows; columns name what is wanted beside account, day and occurred_at, and may name
    user_id, user_hash, event_id, events.event_type, and bits and roles of the table tracking.
    """
    return f"""
        select
            coalesce(scope.account, memberships.account) as account,
            cast(occurred_at as date) as day,
            occurred_at,
            {columns}
        from (
            select
                nullif(trim(event_type), '') as event_type,
                nullif(trim(account_id), '') as account_id,
                case when coalesce(trim(account_id), '') = '' then trim(user_id) end as lost_user_id,
                nullif(trim(user_id), '') as user_id,
                {USER} as user_hash,
                event_id,
                occurred_at
            from {source}
            where
                {session.is_timely()}
                and (
                    payload is null
                    or case when json_valid(payload) then json_type(payload) = 'OBJECT' else trim(payload) = '' end
                )
        ) as events
        left join scope on events.account_id = scope.source_account_id
        left join memberships
            on
                events.lost_user_id = memberships.user_id
                and events.occurred_at >= memberships.member_from
                and events.occurred_at < memberships.member_to
        left join tracking on events.event_type = tracking.event_type
        where
            events.event_type is not null
            and cast(occurred_at as date)
            between coalesce(scope.started_on, memberships.started_on)
            and coalesce(scope.ended_on, memberships.ended_on)"""


def uncopied(session: Session, more: str = "") -> str:
    """Return the SQL of the raw product rows whose id occurs once, joined to more."""
    return f"""(
            select product.*
            from {session.files("product")} as product
            {more}
            anti join copied_ids on hash({_ID}) = copied_ids.id_hash
        )"""


def find_copies(session: Session, tracking: Tracking) -> None:
    """Make the temporary tables tracking, copied_ids and first_copies.

    A hash that two rows share only makes both be looked at again, so copied_ids need not be exact. Blank ids are
    among them, and first_copies leaves them out.
    """
    files = session.files("product")
    session.run("usage tracking", f"create temp table tracking as {tracking.table()}")
    session.run(
        "usage copied_ids",
        f"""create temp table copied_ids as
        select hash({_ID}) as id_hash from {files} group by id_hash having count(*) > 1
        union
        select unnest([hash(''), hash(null::varchar)]) as id_hash""",
    )
    ((has_copies,),) = session.run("usage copied_ids", "select count(*) > 2 from copied_ids")
    session.run(
        "usage first_copies",
        f"""create temp table copied as
        select * from {files} semi join copied_ids on hash({_ID}) = copied_ids.id_hash
        where {has_copies}""",
    )
    session.run(
        "usage first_copies",
        f"""create temp table first_copies as
        select *
        from copied
        where trim(event_id) <> '' and {session.is_visible()}
        qualify
            row_number() over (
                partition by trim(event_id)
                order by
                    loaded_at nulls last,
                    occurred_at nulls last,
                    nullif(trim(event_type), '') nulls last,
                    nullif(trim(account_id), '') nulls last,
                    nullif(trim(user_id), '') nulls last,
                    nullif(trim(payload), '') nulls last
            ) = 1""",
    )


def load(session: Session, tracking: Tracking) -> None:
    """Make the temporary tables visits and usage_days, and what `find_copies` makes."""
    find_copies(session, tracking)
    ((is_ambiguous,),) = session.run(
        "usage users",
        f"""select count(*) > count(distinct hash(user_id))
        from (select distinct trim(user_id) as user_id from {session.files("product")})""",
    )
    if is_ambiguous:
        raise NotImplementedError("Two users share a hash, and the script knows users by it")
    columns = "user_hash, bits, roles"
    no_bits = f"0::{tracking.bits_type}"
    session.run(
        "usage visits",
        f"""create temp table visits as
        select account, user_hash, day, count(*) as events, sum(roles) as roles, bit_or(bits) as bits
        from (
            {resolved(session, uncopied(session), columns)}
            union all
            {resolved(session, "first_copies", columns)}
        )
        group by account, user_hash, day""",
    )
    session.run(
        "usage days",
        f"""create temp table usage_days as
        with

        neighbours as (
            select
                *,
                coalesce(day - lag(day) over visits_of_user, 1000000) as days_before,
                coalesce(lead(day) over visits_of_user - day, 1000000) as days_after
            from visits
            window visits_of_user as (partition by account, user_hash order by day)
        ),

        days as (
            select
                account,
                day,
                sum(events) as events,
                sum(roles) as roles,
                bit_or(bits) as bits,
                count(user_hash) as users,
                count(user_hash) filter (days_before >= 7) as first_7,
                count(user_hash) filter (days_before >= 30) as first_30,
                count(user_hash) filter (days_after >= 7) as last_7,
                count(user_hash) filter (days_after >= 30) as last_30
            from neighbours
            group by account, day
        )

        select
            account,
            day,
            cast(sum(events) as bigint) as events,
            sum(roles) as roles,
            bit_or(bits) as bits,
            cast(sum(users) as bigint) as users,
            cast(sum(change_7) as bigint) as change_7,
            cast(sum(change_30) as bigint) as change_30
        from (
            select account, day, events, roles, bits, users, first_7 as change_7, first_30 as change_30
            from days
            union all
            select account, day + 7, 0, 0, {no_bits}, 0, -last_7, 0 from days where last_7 > 0
            union all
            select account, day + 30, 0, 0, {no_bits}, 0, 0, -last_30 from days where last_30 > 0
        )
        group by account, day""",
    )
    ((most,),) = session.run("usage days", "select coalesce(max(events), 0) from usage_days")
    if most >= 1 << COUNTER:
        raise NotImplementedError(f"The script counts at most {(1 << COUNTER) - 1:,} events of an account and day")
