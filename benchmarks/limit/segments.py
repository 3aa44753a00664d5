"""Support, billing and engagement: signals that hold from one change to the next, and not day by day.

A fact counts from its day on and stops counting where it leaves the window, so each is a change at both ends, and
running totals over the few days with a change replace windows over every day.
"""

from __future__ import annotations

from .session import Session, ratio


def _changes(facts: str, windows: dict[int | None, dict[str, str]]) -> str:
    """Return the SQL of changes by account and day.

    windows maps a length in days, None for ever, to measures: their name and the column of the facts.
    """
    names = [name for measures in windows.values() for name in measures]
    parts = []
    begin = ", ".join(f"{column} as {name}" for measures in windows.values() for name, column in measures.items())
    parts.append(f"select account, day, {begin} from {facts}")
    for days, measures in windows.items():
        if days is not None:
            end = ", ".join(f"-{measures[name]} as {name}" if name in measures else f"0 as {name}" for name in names)
            parts.append(f"select account, day + {days} as day, {end} from {facts}")
    totals = ", ".join(f"sum({name}) as {name}" for name in names)
    return f"select account, day, {totals} from ({' union all '.join(parts)}) group by account, day"


def _running(names: list[str]) -> str:
    return ", ".join(f"sum({name}) over changes_of_account as {name}" for name in names)


_OF_ACCOUNT = "window changes_of_account as (partition by account order by day)"
_FACTS = (
    "created", "replied", "escalated", "reopened", "expansions", "opened", "breached", "in_time", "answers", "waited"
)  # fmt: skip
_SUPPORT = {
    None: {"tickets_ever": "created", "tickets_open": "opened"},
    30: {
        "created_30": "created",
        "answers_30": "answers",
        "waited_30": "waited",
        "breached_30": "breached",
        "escalated_30": "escalated",
        "reopened_30": "reopened",
    },
    90: {
        "created_90": "created",
        "breached_90": "breached",
        "in_time_90": "in_time",
        "replied_90": "replied",
        "expansions_90": "expansions",
    },
}
_ENGAGEMENT = {
    90: {
        "sent_90": "sent",
        "answered_90": "answered",
        "csat_answers_90": "csat_answers",
        "csat_total_90": "csat_total",
        "notes_90": "notes",
        "sentiment_90": "sentiment",
    },
    180: {
        "nps_answers_180": "nps_answers",
        "nps_total_180": "nps_total",
        "nps_balance_180": "nps_balance",
    },
}


def _fact(**values: str) -> str:
    return ", ".join(f"{values.get(name, 0)} as {name}" for name in _FACTS)


def _names(windows: dict[int | None, dict[str, str]]) -> list[str]:
    return [name for measures in windows.values() for name in measures]


def _support(session: Session) -> None:
    session.run(
        "segments tickets",
        """create temp table tickets as
        with

        created as (
            select *
            from support_events
            where event_type = 'ticket_created'
            qualify
                row_number() over (partition by ticket_id order by occurred_at, loaded_at, event_id) = 1
        ),

        in_scope as (
            select created.*, accounts.account
            from created
            inner join accounts using (account_id)
            where cast(created.occurred_at as date) between accounts.started_on and accounts.ended_on
        ),

        first_replies as (
            select in_scope.ticket_id, min(replies.occurred_at) as first_replied_at
            from in_scope
            inner join support_events as replies
                on
                    in_scope.ticket_id = replies.ticket_id
                    and in_scope.account_id = replies.account_id
                    and in_scope.occurred_at <= replies.occurred_at
            where
                replies.event_type = 'ticket_replied'
                and replies.author_role = 'agent'
                and cast(replies.is_public as boolean)
            group by in_scope.ticket_id
        )

        select
            in_scope.ticket_id,
            in_scope.account,
            in_scope.account_id,
            coalesce(try_cast(in_scope.is_expansion_request as boolean), false) as is_expansion_request,
            in_scope.occurred_at as created_at,
            in_scope.loaded_at as created_loaded_at,
            in_scope.event_id as created_event_id,
            first_replies.first_replied_at,
            in_scope.occurred_at + sla_targets.first_response_hours * interval 1 hour as reply_due_at,
            coalesce(first_replies.first_replied_at > reply_due_at, true) as is_reply_late
        from in_scope
        inner join sla_targets using (priority)
        left join first_replies using (ticket_id)""",
    )
    facts = ", ".join(f"sum({name}) as {name}" for name in _FACTS)
    session.run(
        "segments support",
        f"""create temp table support_changes as
        with

        ticket_events as (
            select ticket_id, account, 'created' as kind, created_at as occurred_at,
                created_loaded_at as loaded_at, created_event_id as event_id
            from tickets
            union all
            select tickets.ticket_id, tickets.account, substr(event_type, 8) as kind, occurred_at, loaded_at, event_id
            from support_events as events
            inner join tickets
                on events.ticket_id = tickets.ticket_id and events.account_id = tickets.account_id
            where
                event_type = 'ticket_replied'
                or (event_type <> 'ticket_created' and occurred_at >= tickets.created_at)
        ),

        status_changes as (
            select
                account,
                occurred_at,
                cast(kind <> 'solved' as integer) as is_open,
                lag(cast(kind <> 'solved' as integer), 1, 0) over (
                    partition by ticket_id order by occurred_at, loaded_at, event_id
                ) as was_open
            from ticket_events
            where kind in ('created', 'solved', 'reopened')
        ),

        facts as (
            select account, cast(occurred_at as date) as day, {_fact(
                replied="cast(kind = 'replied' as integer)",
                escalated="cast(kind = 'escalated' as integer)",
                reopened="cast(kind = 'reopened' as integer)",
            )}
            from ticket_events
            where kind in ('replied', 'escalated', 'reopened')
            union all
            select account, cast(created_at as date) as day,
                {_fact(created="1", expansions="cast(is_expansion_request as integer)")}
            from tickets
            union all
            select account, cast(occurred_at as date) as day, {_fact(opened="is_open - was_open")}
            from status_changes
            where is_open <> was_open
            union all
            select account, cast(reply_due_at as date) as day, {_fact(breached="1")}
            from tickets
            where is_reply_late
            union all
            select account, cast(first_replied_at as date) as day, {_fact(
                in_time="cast(not is_reply_late as integer)",
                answers="1",
                waited="epoch_us(first_replied_at) - epoch_us(created_at)",
            )}
            from tickets
            where first_replied_at is not null
        ),

        fact_days as (
            select account, day, {facts}
            from facts
            inner join accounts using (account)
            where day >= started_on
            group by account, day
        )

        select account, day, {_running(_names(_SUPPORT))}
        from ({_changes("fact_days", _SUPPORT)})
        {_OF_ACCOUNT}""",
    )


def _billing(session: Session) -> None:
    measures = ("subscriptions", "arr", "seats", "seats_known", "usage_cap", "caps_known")
    totals = ", ".join(f"sum({name}) as {name}" for name in measures)
    none = ", ".join(f"0 as {name}" for name in measures)
    begin = """1 as subscriptions, arr, coalesce(seats, 0) as seats,
        cast(seats is not null as integer) as seats_known, coalesce(usage_cap, 0) as usage_cap,
        cast(usage_cap is not null as integer) as caps_known"""
    end = """-1 as subscriptions, -arr as arr, -coalesce(seats, 0) as seats,
        -cast(seats is not null as integer) as seats_known, -coalesce(usage_cap, 0) as usage_cap,
        -cast(usage_cap is not null as integer) as caps_known"""
    session.run(
        "segments invoices",
        """create temp table open_invoices as
        with

        issued as (
            select account_id, invoice_id, cast(amount as decimal(18, 6)) as amount,
                cast(due_on as date) as due_on, cast(occurred_at as date) as issued_on
            from billing_events
            where event_type = 'invoice_issued'
            qualify
                row_number() over (partition by invoice_id order by occurred_at, loaded_at, event_id) = 1
        ),

        paid_so_far as (
            select
                invoice_id,
                occurred_at,
                sum(cast(amount as decimal(18, 6))) over (
                    partition by invoice_id order by occurred_at, loaded_at, event_id
                    rows unbounded preceding
                ) as paid_amount
            from billing_events
            where event_type = 'invoice_paid'
        ),

        closings as (
            select invoice_id, occurred_at
            from paid_so_far
            inner join issued using (invoice_id)
            where paid_so_far.paid_amount >= issued.amount
            union all
            select invoice_id, occurred_at from billing_events where event_type = 'invoice_voided'
        ),

        closed as (
            select invoice_id, cast(min(occurred_at) as date) as closed_on from closings group by invoice_id
        )

        select
            accounts.account,
            issued.issued_on,
            issued.due_on,
            greatest(issued.issued_on, issued.due_on + 1, accounts.started_on) as overdue_from,
            coalesce(closed.closed_on, date '9999-12-31') as closed_on
        from issued
        inner join accounts using (account_id)
        left join closed using (invoice_id)""",
    )
    session.run(
        "segments billing",
        f"""create temp table billing_changes as
        with

        own_periods as (
            select
                accounts.account,
                greatest(starts_on, started_on) as day_from,
                greatest(coalesce(ends_on, date '9999-12-31'), started_on) as day_to,
                periods.*
            from periods
            inner join accounts using (account_id)
        ),

        firsts as (
            select account, min(starts_on) as first_subscribed_on from own_periods group by account
        ),

        first_invoices as (
            select account, min(issued_on) as first_invoiced_on from open_invoices group by account
        ),

        changes as (
            select account, day_from as day, {begin} from own_periods
            union all
            select account, day_to as day, {end} from own_periods
            union all
            select account, term_ends_on + 1 as day, {none} from own_periods
            where term_ends_on >= day_from and term_ends_on < day_to
            union all
            select account, unnest([overdue_from, closed_on]) as day, {none} from open_invoices
            where overdue_from < closed_on
            union all
            select account, greatest(first_invoiced_on, started_on) as day, {none}
            from first_invoices
            inner join accounts using (account)
        ),

        totals as (
            select account, day, {totals} from changes group by account, day
        ),

        running as (
            select account, day, {_running(measures)} from totals {_OF_ACCOUNT}
        ),

        renewals as (
            select running.account, running.day, min(own_periods.term_ends_on) as renews_on
            from running
            inner join own_periods
                on
                    running.account = own_periods.account
                    and running.day >= own_periods.day_from
                    and running.day < own_periods.day_to
                    and running.day <= own_periods.term_ends_on
            group by running.account, running.day
        ),

        dues as (
            select running.account, running.day, min(open_invoices.due_on) as oldest_due_on
            from running
            inner join open_invoices
                on
                    running.account = open_invoices.account
                    and running.day >= open_invoices.overdue_from
                    and running.day < open_invoices.closed_on
            group by running.account, running.day
        )

        select
            running.account,
            running.day,
            case when first_subscribed_on <= day then cast(subscriptions > 0 as integer) end
                as is_subscribed,
            case when first_subscribed_on <= day then arr end as arr,
            case
                when first_subscribed_on <= day and (subscriptions = 0 or seats_known > 0)
                    then cast(seats as bigint)
            end as seats,
            case when caps_known > 0 then usage_cap end as usage_cap,
            renewals.renews_on,
            coalesce(first_invoiced_on <= day, false) as is_invoiced,
            dues.oldest_due_on
        from running
        left join firsts using (account)
        left join first_invoices using (account)
        left join renewals using (account, day)
        left join dues using (account, day)""",
    )


def _engagement(session: Session) -> None:
    last = {"nps": "nps_answers", "csat": "csat_answers", "note": "notes"}
    running = _running(_names(_ENGAGEMENT))
    columns = [column for measures in _ENGAGEMENT.values() for column in measures.values()]
    facts = ", ".join(f"sum({column}) as {column}" for column in columns)
    no_notes = ", ".join(f"0 as {column}" for column in ("notes", "sentiment"))
    no_answers = ", ".join(f"0 as {column}" for column in columns if column not in ("notes", "sentiment"))
    last_days = ", ".join(
        f"max(case when {column} > 0 then day end) over changes_of_account as last_{kind}_on"
        for kind, column in last.items()
    )
    session.run(
        "segments engagement",
        f"""create temp table engagement_changes as
        with

        answers as (
            select
                account_id,
                occurred_at,
                cast(event_type = 'survey_sent' as integer) as sent,
                cast(event_type = 'survey_answered' as integer) as answered,
                cast(event_type = 'survey_answered' and kind = 'csat' as integer) as csat_answers,
                cast(event_type = 'survey_answered' and kind = 'nps' as integer) as nps_answers,
                cast(score as decimal(18, 6)) as score,
                survey_scales.promoter_lowest,
                survey_scales.detractor_highest
            from survey_events
            inner join survey_scales using (kind)
        ),

        facts as (
            select
                account_id, occurred_at, sent, answered, csat_answers,
                case when csat_answers = 1 then score else 0 end as csat_total,
                nps_answers,
                case when nps_answers = 1 then score else 0 end as nps_total,
                case
                    when nps_answers = 0 then 0
                    when score >= promoter_lowest then 1
                    when score <= detractor_highest then -1
                    else 0
                end as nps_balance,
                {no_notes}
            from answers
            union all by name
            select account_id, occurred_at, 1 as notes, cast(sentiment as decimal(18, 6)) as sentiment, {no_answers}
            from crm_events
            where event_type = 'note_logged' and sentiment is not null
        ),

        fact_days as (
            select account, cast(occurred_at as date) as day, {facts}
            from facts
            inner join accounts using (account_id)
            where cast(occurred_at as date) >= started_on
            group by account, day
        ),

        changes as (
            select *
            from ({_changes("fact_days", _ENGAGEMENT)})
            left join (select account, day, {", ".join(last.values())} from fact_days) using (account, day)
        )

        select account, day, {running}, {last_days}
        from changes
        {_OF_ACCOUNT}""",
    )


def load(session: Session) -> None:
    """Make the temporary table segments: an account's signals from one day to the day before the next segment's."""
    _support(session)
    _billing(session)
    _engagement(session)
    session.run(
        "segments nps",
        f"""create temp table nps_days as
        select
            account,
            cast(occurred_at as date) as day,
            {ratio("sum(cast(score as decimal(18, 6)))", "count(*)")} as nps_mean
        from survey_events
        inner join accounts using (account_id)
        where
            event_type = 'survey_answered'
            and kind = 'nps'
            and cast(occurred_at as date) between started_on and ended_on
        group by all""",
    )
    ((tracked_from,),) = session.run(
        "segments",
        """select coalesce(min(cast(occurred_at as date)), date '9999-12-31')
        from support_events
        inner join accounts using (account_id)
        where cast(occurred_at as date) between started_on and ended_on""",
    )
    session.run(
        "segments",
        f"""create temp table segments as
        with

        change_days as (
            select account, day from support_changes
            union
            select account, day from billing_changes
            union
            select account, day from engagement_changes
            union
            select account, greatest(started_on, date '{tracked_from}') from accounts
            union
            select account, started_on from accounts
        ),

        own_days as (
            select account, day
            from change_days
            inner join accounts using (account)
            where day between started_on and ended_on
        ),

        best_nps as (
            select own_days.account, own_days.day, max(nps_mean) as nps_best
            from own_days
            inner join nps_days
                on own_days.account = nps_days.account and nps_days.day between own_days.day - 179 and own_days.day
            group by all
        )

        select
            cast(row_number() over (order by own_days.account, own_days.day) as integer) as segment,
            own_days.account,
            own_days.day,
            case when is_tracked then coalesce(created_30, 0) end as tickets_opened_30d,
            case when is_tracked then coalesce(tickets_open, 0) end as tickets_open,
            is_tracked and coalesce(tickets_ever, 0) > 0 as has_tickets,
            case when is_tracked then {ratio("waited_30", "3.6e9 * answers_30")} end
                as first_response_hours_30d,
            case when is_tracked then coalesce(breached_30, 0) end as sla_breaches_30d,
            case when is_tracked then {ratio("breached_90", "(breached_90 + in_time_90)")} end
                as sla_breach_rate_90d,
            case when is_tracked then coalesce(escalated_30, 0) end as escalations_30d,
            case when is_tracked then coalesce(reopened_30, 0) end as tickets_reopened_30d,
            case when is_tracked then {ratio("replied_90", "created_90")} end as replies_per_ticket_90d,
            case when is_tracked then coalesce(expansions_90, 0) end as expansion_requests_90d,
            is_subscribed,
            arr,
            seats,
            usage_cap,
            renews_on,
            is_invoiced,
            oldest_due_on,
            {ratio("100 * nps_balance_180", "nps_answers_180")} as nps_180d,
            {ratio("nps_total_180", "nps_answers_180")} as nps_score_180d,
            case when nps_answers_180 > 0 then nps_mean end as nps_last_score_180d,
            nps_best as nps_best_score_180d,
            case when nps_answers_180 > 0 then last_nps_on end as last_nps_on,
            {ratio("csat_total_90", "csat_answers_90")} as csat_90d,
            case when csat_answers_90 > 0 then last_csat_on end as last_csat_on,
            {ratio("answered_90", "sent_90")} as survey_response_rate_90d,
            {ratio("sentiment_90", "notes_90")} as note_sentiment_90d,
            case when notes_90 > 0 then last_note_on end as last_note_on
        from (select *, day >= date '{tracked_from}' as is_tracked from own_days) as own_days
        asof left join support_changes
            on own_days.account = support_changes.account and own_days.day >= support_changes.day
        asof left join billing_changes
            on own_days.account = billing_changes.account and own_days.day >= billing_changes.day
        asof left join engagement_changes
            on own_days.account = engagement_changes.account and own_days.day >= engagement_changes.day
        asof left join nps_days
            on own_days.account = nps_days.account and own_days.day >= nps_days.day
        left join best_nps on own_days.account = best_nps.account and own_days.day = best_nps.day""",
    )
