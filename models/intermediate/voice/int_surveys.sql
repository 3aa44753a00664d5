-- Surveys: when each was sent to a person, after which milestone, and what was answered last. One
-- row per account, survey, kind and person.
with

accounts as (
    select * from {{ ref('int_accounts') }}
),

events as (
    select events.*
    from {{ ref('stg_survey__answers') }} as events
    inner join accounts
        on
            events.account_id = accounts.account_id
            and {{ day_of('events.occurred_at') }} >= accounts.started_on
),

numbered_events as (
    select
        events.*,
        {{ day_of('occurred_at') }} as date_day,
        row_number() over (
            partition by account_id, survey_id, kind, user_id, event_type
            order by {{ in_business_order() }}
        ) as place,
        count(*) over (partition by account_id, survey_id, kind, user_id, event_type) as places
    from events
),

{% set is_sent = "event_type = 'survey_sent' and place = 1" -%}
{% set is_answered = "event_type = 'survey_answered'" -%}
first_dates as (
    select
        account_id,
        survey_id,
        kind,
        user_id,
        min(case when {{ is_sent }} then date_day end) as sent_on,
        min(case when {{ is_sent }} then milestone_id end) as milestone_id,
        min(case when {{ is_answered }} then date_day end) as first_answered_on,
        max(case when {{ is_answered }} and place = places then score end) as score
    from numbered_events
    group by account_id, survey_id, kind, user_id
),

-- An answer that wrong clocks date before the sending counts on the day of the sending.
surveys as (
    select
        {{ id_of(
            "account_id || '|' || survey_id || '|' || kind || '|' || coalesce(user_id, '')"
        ) }} as survey_key,
        account_id,
        survey_id,
        kind,
        user_id,
        sent_on,
        milestone_id,
        case when first_answered_on < sent_on then sent_on else first_answered_on end
            as answered_on,
        score
    from first_dates
)

select * from surveys
