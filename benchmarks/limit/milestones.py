"""When milestones were opened and reached: fct_milestones, and what they add to the signals."""

from __future__ import annotations

from .records import USED
from .session import Session, literal, literals, ratio
from .tracking import Tracking
from .usage import USER, resolved, uncopied


def needed_count(row: dict) -> int:
    """Return how many events or users satisfy the row of an event criterion."""
    threshold = float(row["threshold"])
    count = -int(-threshold // 1) if row["operator"] == ">=" else int(threshold // 1) + 1
    return max(count, 1)


def _is_of_users(row: dict) -> bool:
    return row["measure"] in ("event_users", "event_user_share")


class Criteria:
    """The criteria of milestones, apart by how they are measured."""

    def __init__(self, rows: list[dict]):
        self.rows = rows
        self.events = [row for row in rows if row["measure"] != "signal"]
        # One question may be asked by many milestones: each is answered once.
        self.questions = sorted({self.question(row) for row in self.events})

    @staticmethod
    def question(row: dict) -> tuple[str, str, str, str]:
        """Return what makes two event criteria the same."""
        return row["measure"], row["subject"], row["operator"], row["threshold"]

    def number(self, row: dict) -> int:
        """Return the number of an event criterion's question."""
        return self.questions.index(self.question(row))

    def signal_rules(self) -> list[tuple[str, str, list[dict]]]:
        """Return (milestone, phase, its signal criteria) of each rule that has any."""
        rules: dict[tuple[str, str], list[dict]] = {}
        for row in self.rows:
            if row["measure"] == "signal":
                rules.setdefault((row["milestone_id"], row["phase"]), []).append(row)
        return [(*rule, rows) for rule, rows in sorted(rules.items())]


def _holds(row: dict) -> str:
    """Return the condition of a signal criterion on one day."""
    value = f"cast({row['subject']} as decimal(24, 6))"
    return f"coalesce({value} {row['operator']} {row['threshold']}::decimal(18, 6), {row['holds_when_null']})"


def _needed_events(session: Session, tracking: Tracking, criteria: Criteria) -> None:
    """Make the temporary table subject_events: every event that can be the one that completes a criterion.

    The first visits with a subject are known by account or by user, so only their events are read again: those of
    the day that the account started, since some of them may lie before its start, and of the first day after it.
    """
    first_of_account, first_of_user, whole = set(), set(), set()
    for row in criteria.events:
        if _is_of_users(row):
            first_of_user.add(row["subject"])
        elif needed_count(row) == 1:
            first_of_account.add(row["subject"])
        else:
            whole.add(row["subject"])
    first_of_account -= whole
    first_of_user -= whole

    def firsts(subjects: set[str]) -> str:
        return ", ".join(
            f"min(day) filter (bits & {tracking.mask('subject', subject)} <> 0 and day > started_on) as on_{place}"
            for place, subject in enumerate(sorted(subjects))
        )

    def wanted(alias: str, subjects: set[str]) -> str:
        return " | ".join(
            f"case when day = {alias}.on_{place} then {tracking.mask('subject', subject)} else 0 end"
            for place, subject in enumerate(sorted(subjects))
        ) or "0"

    all_subjects = tracking.mask("subject")
    always = tracking.mask("subject", *sorted(whole)) if whole else f"0::{tracking.bits_type}"
    no_first = "null::date as none"
    session.run(
        "milestones first visits",
        f"""create temp table needed_visits as
        with

        scoped as (
            select account, user_hash, day, bits & {all_subjects} as bits, started_on
            from visits
            inner join accounts using (account)
            where bits & {all_subjects} <> 0
        ),

        of_accounts as (
            select account, {firsts(first_of_account) or no_first} from scoped group by account
        ),

        of_users as (
            select account, user_hash, {firsts(first_of_user) or no_first}
            from scoped
            where user_hash is not null
            group by account, user_hash
        ),

        wanted as (
            select
                scoped.account,
                scoped.user_hash,
                scoped.day,
                scoped.bits & (
                    case when day = started_on then {all_subjects} else {always} end
                    | {wanted("of_accounts", first_of_account)}
                    | {wanted("of_users", first_of_user)}
                ) as bits
            from scoped
            inner join of_accounts using (account)
            left join of_users using (account, user_hash)
        )

        select * from wanted where bits <> 0""",
    )
    named = {subject for subject in tracking.subjects if not subject.startswith("role:")}
    records = "".join(
        f"""
        union all
        select account, {USER} as user_hash, occurred_at, event_id, tracking.bits
        from {stream}_events as events
        inner join accounts using (account_id)
        inner join tracking using (event_type)
        where
            event_type in ({literals(named)})
            and cast(occurred_at as date) between started_on and ended_on"""
        for stream in USED
        if named & {row["event_type"] for row in session.seeds["event_schemas"] if row["source"] == stream}
    )
    hit = f"""semi join needed_visits
                on
                    cast(product.occurred_at as date) = needed_visits.day
                    and {USER} is not distinct from needed_visits.user_hash"""
    session.run(
        "milestones events",
        f"create temp table needed_rows as from {uncopied(session, hit)} union all from first_copies",
    )
    session.run(
        "milestones events",
        f"""create temp table subject_events as
        with

        events as (
            select
                events.account,
                events.user_hash,
                occurred_at,
                event_id,
                events.bits & needed_visits.bits as bits
            from ({resolved(session, "needed_rows", "user_hash, event_id, bits")}) as events
            inner join needed_visits
                on
                    events.account = needed_visits.account
                    and events.day = needed_visits.day
                    and events.user_hash is not distinct from needed_visits.user_hash
            where events.bits & needed_visits.bits <> 0
            {records}
        ),

        subjects as (
            select * from (values {", ".join(
                f"({place}, {tracking.mask('subject', subject)})"
                for place, subject in enumerate(tracking.subjects)
            )}) as _ (subject, bit)
        )

        select account, subject, user_hash, occurred_at, trim(event_id) as event_id
        from events
        inner join accounts using (account)
        inner join subjects on events.bits & subjects.bit <> 0
        where cast(occurred_at as date) >= started_on""",
    )


def _answers(session: Session, tracking: Tracking, criteria: Criteria) -> None:
    """Make the temporary table answers: when an account reached what a question asks, and by which event."""
    parts = []
    for number, (measure, subject, operator, threshold) in enumerate(criteria.questions):
        row = {"measure": measure, "operator": operator, "threshold": threshold}
        place, count = tracking.subjects.index(subject), needed_count(row)
        if measure == "event_count" and count == 1:
            parts.append(f"select account, {number} as question, reached_at, event_id from firsts where subject = {place}")
        elif measure == "event_count":
            parts.append(
                f"""select account, {number} as question, occurred_at as reached_at, event_id
                from subject_events where subject = {place}
                qualify row_number() over (partition by account order by occurred_at, event_id) = {count}"""
            )
        elif measure == "event_users":
            parts.append(
                f"""select account, {number} as question, reached_at, event_id
                from user_firsts where subject = {place} and user_number = {count}"""
            )
        else:
            parts.append(
                f"""select user_firsts.account, {number} as question, reached_at, event_id
                from user_firsts
                asof inner join segments
                    on
                        user_firsts.account = segments.account
                        and cast(user_firsts.reached_at as date) >= segments.day
                where
                    subject = {place}
                    and seats > 0
                    and cast(user_number as double) / seats {operator} {threshold}::decimal(18, 6)
                qualify
                    row_number() over (
                        partition by user_firsts.account order by reached_at, event_id
                    ) = 1"""
            )
    nothing = "select null::integer as account, 0 as question, null::timestamp as reached_at, '' as event_id limit 0"
    session.run(
        "milestones answers",
        f"""create temp table answers as
        with

        first_moments as (
            select account, subject, min(occurred_at) as occurred_at
            from subject_events
            group by account, subject
        ),

        firsts as (
            select account, subject, occurred_at as reached_at, min(event_id) as event_id
            from subject_events
            inner join first_moments using (account, subject, occurred_at)
            group by account, subject, occurred_at
        ),

        user_moments as (
            select account, subject, user_hash, min(occurred_at) as occurred_at
            from subject_events
            where
                user_hash is not null
                and subject in ({", ".join(
                    str(tracking.subjects.index(row["subject"])) for row in criteria.events if _is_of_users(row)
                ) or "null"})
            group by account, subject, user_hash
        ),

        user_events as (
            select account, subject, user_hash, occurred_at as reached_at, min(event_id) as event_id
            from subject_events
            inner join user_moments using (account, subject, user_hash, occurred_at)
            group by account, subject, user_hash, occurred_at
        ),

        user_firsts as (
            select
                *,
                row_number() over (partition by account, subject order by reached_at, event_id) as user_number
            from user_events
        )

        {" union all ".join(parts) or nothing}""",
    )


def _rule_times(session: Session, criteria: Criteria) -> None:
    """Make the temporary tables plan and rule_times."""
    session.run(
        "milestones plan",
        """create temp table plan as
        with

        first_seats as (
            select account, min(day) as first_seats_on from segments where seats > 0 group by account
        ),

        seat_needs as (
            select milestone_id, bool_or(needs_seats) as needs_seats
            from milestone_criteria
            where phase = 'exit'
            group by milestone_id
        )

        select
            accounts.*,
            journey_milestones.* exclude (journey, source),
            milestones.* exclude (milestone_id, source),
            started_on + deadline_days as due_on,
            needs_seats,
            first_seats_on
        from accounts
        inner join journey_milestones using (journey)
        inner join milestones using (milestone_id)
        inner join seat_needs using (milestone_id)
        left join first_seats using (account)""",
    )
    asked = ", ".join(
        f"({literal(row['milestone_id'])}, {literal(row['phase'])}, {criteria.number(row)})"
        for row in criteria.events
    )
    rules = criteria.signal_rules()
    masks = ", ".join(
        f"({literal(milestone)}, {literal(phase)}, {1 << place}::ubigint)"
        for place, (milestone, phase, _) in enumerate(rules)
    )
    nothing = "('', '', null)"
    session.run(
        "milestones ready",
        f"""create temp table ready as
        with

        asked as (
            select * from (values {asked or nothing}) as _ (milestone_id, phase, question)
        ),

        signal_rules as (
            select * from (values {masks or nothing}) as _ (milestone_id, phase, mask)
        ),

        rules as (
            select milestone_id, phase, count(*) filter (measure <> 'signal') as event_criteria
            from milestone_criteria
            group by milestone_id, phase
        ),

        reached as (
            select
                plan.account,
                asked.milestone_id,
                asked.phase,
                count(*) as event_criteria,
                max({{'at': answers.reached_at, 'id': answers.event_id}}) as last_event
            from plan
            inner join asked using (milestone_id)
            inner join answers
                on plan.account = answers.account and asked.question = answers.question
            group by plan.account, asked.milestone_id, asked.phase
        )

        select
            plan.account,
            plan.account_id,
            plan.started_on,
            plan.milestone_id,
            rules.phase,
            signal_rules.mask,
            coalesce(reached.last_event.at, plan.started_at) as events_at,
            reached.last_event.id as event_id
        from plan
        inner join rules using (milestone_id)
        left join signal_rules using (milestone_id, phase)
        left join reached
            on
                plan.account = reached.account
                and plan.milestone_id = reached.milestone_id
                and rules.phase = reached.phase
        where rules.event_criteria = coalesce(reached.event_criteria, 0)""",
    )
    long = sorted({(_holds(row), row["sustained_days"]) for *_, rows in rules for row in rows if row["sustained_days"] != "1"})
    streaks = "".join(
        f""",
                max(case when not {holds} then date_day end) over (
                    partition by account_id order by date_day
                ) as last_break_{place}"""
        for place, (holds, _) in enumerate(long)
    )

    def condition(row: dict) -> str:
        days = row["sustained_days"]
        if days == "1":
            return _holds(row)
        broken_on = f"last_break_{long.index((_holds(row), days))}"
        return f"date_day - coalesce({broken_on}, date_day - cast(account_age_days as integer) - 1) >= {days}"

    mask = " | ".join(
        f"case when {' and '.join(condition(row) for row in rows)} then {1 << place}::ubigint else 0 end"
        for place, (*_, rows) in enumerate(rules)
    )
    session.run(
        "milestones rules",
        f"""create temp table rule_times as
        with

        broken as (
            select *{streaks} from int_measured_signals
        ),

        signal_days as (
            select account_id, date_day, {mask or "0::ubigint"} as mask from broken
        ),

        first_days as (
            select ready.account, ready.milestone_id, ready.phase, min(date_day) as first_on
            from signal_days
            inner join ready
                on
                    signal_days.account_id = ready.account_id
                    and signal_days.date_day >= cast(ready.events_at as date)
                    and signal_days.mask & ready.mask <> 0
            where signal_days.mask <> 0
            group by ready.account, ready.milestone_id, ready.phase
        ),

        timed as (
            select
                ready.*,
                cast(first_on as timestamp) + interval 86399 second as signals_at
            from ready
            left join first_days using (account, milestone_id, phase)
            where ready.mask is null or first_on is not null
        )

        select
            account,
            milestone_id,
            phase,
            greatest(events_at, coalesce(signals_at, events_at)) as met_at,
            case when signals_at is null or events_at >= signals_at then event_id end as event_id
        from timed""",
    )


def _publish(session: Session) -> None:
    session.run(
        "milestones",
        """create temp table achievements as
        with

        decisions as (
            select
                plan.account,
                plan.milestone_id,
                events.event_type,
                min({'at': events.occurred_at, 'id': events.event_id}) as decision
            from crm_events as events
            inner join plan
                on events.account_id = plan.account_id and events.milestone_id = plan.milestone_id
            where
                events.event_type = 'milestone_waived'
                or (
                    events.event_type = 'milestone_confirmed'
                    and events.occurred_at >= plan.started_at
                    and cast(events.occurred_at as date) <= plan.ended_on
                )
            group by plan.account, plan.milestone_id, events.event_type
        ),

        gathered as (
            select
                plan.*,
                case
                    when
                        plan.milestone_id in (
                            select milestone_id from milestone_criteria where phase = 'entry'
                        )
                        then entries.met_at
                    else plan.started_at
                end as entered_at,
                exits.met_at as measured_at,
                exits.event_id as measured_event_id,
                confirmations.decision.at as confirmed_at,
                confirmations.decision.id as confirmed_event_id,
                waivers.decision.at as waiver_at,
                waivers.decision.id as waiver_event_id,
                coalesce(confirmed_at <= measured_at, confirmed_at is not null) as is_confirmed,
                coalesce(least(measured_at, confirmed_at), measured_at, confirmed_at) as reached_at,
                coalesce(waiver_at < reached_at, waiver_at is not null) as is_waived
            from plan
            left join rule_times as entries
                on
                    plan.account = entries.account
                    and plan.milestone_id = entries.milestone_id
                    and entries.phase = 'entry'
            left join rule_times as exits
                on
                    plan.account = exits.account
                    and plan.milestone_id = exits.milestone_id
                    and exits.phase = 'exit'
            left join decisions as confirmations
                on
                    plan.account = confirmations.account
                    and plan.milestone_id = confirmations.milestone_id
                    and confirmations.event_type = 'milestone_confirmed'
            left join decisions as waivers
                on
                    plan.account = waivers.account
                    and plan.milestone_id = waivers.milestone_id
                    and waivers.event_type = 'milestone_waived'
        )

        select
            *,
            case when is_waived then waiver_at end as waived_at,
            case when not is_waived then reached_at end as achieved_at,
            case
                when is_waived then waiver_event_id
                when is_confirmed then confirmed_event_id
                else measured_event_id
            end as evidence_event_id,
            case
                when is_waived then 'waiver'
                when is_confirmed then 'confirmation'
                when measured_event_id is not null then 'event'
                when reached_at is not null then 'signal'
            end as evidence
        from gathered""",
    )
    session.run(
        "milestones",
        """create table fct_milestones as
        select
            account_id,
            milestone_id,
            journey,
            milestone,
            layer,
            persona,
            owner_role,
            weight,
            case
                when waived_at is not null then 'waived'
                when cast(achieved_at as date) <= due_on then 'achieved'
                when achieved_at is not null then 'achieved_late'
                when needs_seats and first_seats_on is null then 'not_applicable'
                when churned_on <= due_on then 'not_applicable'
                when ended_on > due_on then 'overdue'
                when entered_at is not null then 'pending'
                else 'not_due'
            end as status,
            entered_at,
            due_on,
            achieved_at,
            waived_at,
            case
                when achieved_at is not null then greatest(cast(achieved_at as date) - due_on, 0)
                when status = 'overdue' then ended_on - due_on
            end as days_late,
            evidence,
            evidence_event_id
        from achievements""",
    )


def _signals(session: Session) -> None:
    """Make the table int_milestone_signals and the view fct_account_signals."""
    session.run(
        "milestones signals",
        f"""create table int_milestone_signals as
        with

        dated as (
            select
                account,
                weight,
                started_on,
                ended_on,
                cast(achieved_at as date) as achieved_on,
                cast(waived_at as date) as waived_on,
                case when needs_seats then first_seats_on else due_on + 1 end as seated_on,
                case
                    when seated_on is null then achieved_on
                    else least(greatest(due_on + 1, seated_on), achieved_on)
                end as counted_from
            from achievements
        ),

        changes as (
            select account, counted_from as day, weight as expected, 0 as reached, null::date as achieved_on
            from dated
            where counted_from is not null and coalesce(counted_from < waived_on, true)
            union all
            select account, waived_on as day, -weight as expected, 0 as reached, null::date as achieved_on
            from dated
            where counted_from < waived_on
            union all
            select account, achieved_on as day, 0 as expected, weight as reached, achieved_on
            from dated
            where achieved_on is not null
            union all
            select account, started_on as day, 0 as expected, 0 as reached, null::date as achieved_on
            from accounts
        ),

        own_changes as (
            select
                account_id,
                day,
                ended_on,
                sum(expected) as expected,
                sum(reached) as reached,
                max(achieved_on) as achieved_on
            from changes
            inner join accounts using (account)
            where day between started_on and ended_on
            group by account_id, day, ended_on
        ),

        running as (
            select
                account_id,
                day,
                lead(day, 1, ended_on + 1) over so_far as next_day,
                sum(expected) over so_far as expected,
                sum(reached) over so_far as reached,
                max(achieved_on) over so_far as last_achieved_on
            from own_changes
            window so_far as (partition by account_id order by day)
        ),

        segments as (
            select *, {ratio("reached", "expected")} as milestone_completion
            from running
        ),

        expanded as (
            select
                account_id,
                cast(unnest(range(day, next_day, interval 1 day)) as date) as date_day,
                milestone_completion,
                last_achieved_on
            from segments
        )

        select
            account_id,
            date_day,
            milestone_completion,
            date_day - last_achieved_on as days_since_milestone
        from expanded""",
    )
    session.run(
        "milestones signals",
        """create view fct_account_signals as
        select measured.*, milestones.milestone_completion, milestones.days_since_milestone
        from int_measured_signals as measured
        inner join int_milestone_signals as milestones using (account_id, date_day)""",
    )


def load(session: Session, tracking: Tracking) -> None:
    """Make the tables fct_milestones and int_milestone_signals, and the view fct_account_signals."""
    criteria = Criteria(session.seeds["milestone_criteria"])
    _needed_events(session, tracking, criteria)
    _answers(session, tracking, criteria)
    _rule_times(session, criteria)
    _publish(session)
    _signals(session)
