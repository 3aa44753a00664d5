-- The questions as most projects write them: each day joined to the events of the days before it, counted
-- together. {inputs} and {out} are folders.
create temp view events as
select
    events.account_id,
    events.user_id,
    events.event_type,
    events.occurred_at,
    cast(events.occurred_at as date) as event_day,
    tracking_plan.feature,
    tracking_plan.module,
    coalesce(tracking_plan.role = 'login', false) as is_login
from read_parquet('{inputs}/events.parquet') as events
left join read_parquet('{inputs}/tracking_plan.parquet') as tracking_plan
    on events.event_type = tracking_plan.event_type;

create temp view accounts as
select * from read_parquet('{inputs}/accounts.parquet');

copy (
    with

    spine as (
        select
            account_id,
            cast(unnest(generate_series(started_on, ended_on, interval 1 day)) as date) as day
        from accounts
    ),

    signals as (
        select
            spine.account_id,
            spine.day,
            count(case when events.event_day > spine.day - 7 then 1 end) as events_7d,
            count(case when events.event_day > spine.day - 30 then 1 end) as events_30d,
            count(events.event_day) as events_60d,
            count(case when events.is_login and events.event_day > spine.day - 7 then 1 end) as logins_7d,
            count(case when events.is_login and events.event_day > spine.day - 14 then 1 end) as logins_14d,
            count(case when events.is_login and events.event_day > spine.day - 30 then 1 end) as logins_30d,
            count(distinct case when events.event_day > spine.day - 7 then events.event_day end) as active_days_7d,
            count(distinct case when events.event_day > spine.day - 30 then events.event_day end) as active_days_30d,
            count(distinct case when events.event_day > spine.day - 7 then events.user_id end) as users_7d,
            count(distinct case when events.event_day > spine.day - 30 then events.user_id end) as users_30d,
            count(distinct case when events.event_day > spine.day - 30 then events.feature end) as features_30d,
            count(distinct case when events.event_day > spine.day - 30 then events.module end) as modules_30d
        from spine
        left join events
            on
                spine.account_id = events.account_id
                and events.event_day > spine.day - 60
                and events.event_day <= spine.day
        group by spine.account_id, spine.day
    )

    select * from signals
) to '{out}/signals.parquet' (format parquet);

create temp view subject_events as
select
    events.account_id,
    events.user_id,
    events.occurred_at,
    subjects.subject
from events
inner join accounts
    on events.account_id = accounts.account_id and events.occurred_at >= accounts.started_on
inner join read_parquet('{inputs}/subjects.parquet') as subjects
    on events.event_type = subjects.event_type;

copy (
    with

    numbered as (
        select
            *,
            row_number() over (partition by account_id, subject order by occurred_at) as event_number
        from subject_events
    )

    select
        numbered.account_id,
        numbered.subject,
        counted.needed,
        numbered.occurred_at
    from numbered
    inner join read_parquet('{inputs}/counted.parquet') as counted
        on numbered.subject = counted.subject and numbered.event_number = counted.needed
) to '{out}/reached.parquet' (format parquet);

copy (
    with

    firsts as (
        select
            subject_events.account_id,
            subject_events.subject,
            subject_events.user_id,
            min(subject_events.occurred_at) as occurred_at
        from subject_events
        inner join read_parquet('{inputs}/of_users.parquet') as of_users
            on subject_events.subject = of_users.subject
        where subject_events.user_id is not null
        group by subject_events.account_id, subject_events.subject, subject_events.user_id
    )

    select
        account_id,
        subject,
        row_number() over (partition by account_id, subject order by occurred_at) as user_number,
        occurred_at
    from firsts
) to '{out}/firsts.parquet' (format parquet);
