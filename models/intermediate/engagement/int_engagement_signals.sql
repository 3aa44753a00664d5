with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day >= {{ first_day() }}
),

updates as (
    select * from {{ ref('int_account_updates') }}
),

answers as (
    select
        *,
        event_type = 'survey_answered' and kind = 'nps' as is_nps_answer,
        event_type = 'survey_answered' and kind = 'csat' as is_csat_answer
    from {{ ref('stg_survey__answers') }}
),

notes as (
    select * from {{ ref('stg_crm__notes') }}
    where sentiment is not null
),

survey_scales as (
    select * from {{ ref('survey_scales') }}
),

answer_days as (
    select
        answers.account_id,
        cast(answers.occurred_at as date) as date_day,
        cast(
            sum(case when answers.event_type = 'survey_sent' then 1 else 0 end) as integer
        ) as sent,
        cast(
            sum(case when answers.event_type = 'survey_answered' then 1 else 0 end) as integer
        ) as answered,
        cast(
            sum(case when answers.is_nps_answer then 1 else 0 end) as integer
        ) as nps_answers,
        sum(case when answers.is_nps_answer then answers.score else 0 end) as nps_total,
        cast(
            sum(case when answers.is_csat_answer then 1 else 0 end) as integer
        ) as csat_answers,
        sum(case when answers.is_csat_answer then answers.score else 0 end) as csat_total,
        sum(
            case
                when not answers.is_nps_answer then 0
                when answers.score >= survey_scales.promoter_lowest then 1
                when answers.score <= survey_scales.detractor_highest then -1
                else 0
            end
        ) as nps_balance
    from answers
    inner join survey_scales
        on answers.kind = survey_scales.kind
    group by answers.account_id, cast(answers.occurred_at as date)
),

note_days as (
    select
        account_id,
        cast(occurred_at as date) as date_day,
        count(*) as notes,
        sum(sentiment) as sentiment_total
    from notes
    group by account_id, cast(occurred_at as date)
),

fact_days as (
    select
        account_id,
        date_day,
        sent,
        answered,
        nps_answers,
        coalesce(nps_total, 0) as nps_total,
        nps_balance,
        csat_answers,
        coalesce(csat_total, 0) as csat_total,
        0 as notes,
        0 as sentiment_total
    from answer_days
    union all
    select
        account_id,
        date_day,
        0 as sent,
        0 as answered,
        0 as nps_answers,
        0 as nps_total,
        0 as nps_balance,
        0 as csat_answers,
        0 as csat_total,
        notes,
        sentiment_total
    from note_days
),

facts as (
    select fact_days.*
    from fact_days
    inner join updates
        on fact_days.account_id = updates.account_id and fact_days.date_day >= updates.started_on
),

-- What a day brings is added on it, and taken away on the first day whose window lacks it.
changes as (
    select
        account_id,
        date_day,
        sent as sent_90d,
        answered as answered_90d,
        nps_answers as nps_answers_180d,
        nps_total as nps_total_180d,
        nps_balance as nps_balance_180d,
        csat_answers as csat_answers_90d,
        csat_total as csat_total_90d,
        notes as notes_90d,
        sentiment_total as sentiment_total_90d,
        case when nps_answers > 0 then date_day end as nps_on,
        case when csat_answers > 0 then date_day end as csat_on,
        case when notes > 0 then date_day end as note_on
    from facts
    union all
    select
        account_id,
        {{ add_days('date_day', 90) }} as date_day,
        -sent as sent_90d,
        -answered as answered_90d,
        0 as nps_answers_180d,
        0 as nps_total_180d,
        0 as nps_balance_180d,
        -csat_answers as csat_answers_90d,
        -csat_total as csat_total_90d,
        -notes as notes_90d,
        -sentiment_total as sentiment_total_90d,
        cast(null as date) as nps_on,
        cast(null as date) as csat_on,
        cast(null as date) as note_on
    from facts
    union all
    select
        account_id,
        {{ add_days('date_day', 180) }} as date_day,
        0 as sent_90d,
        0 as answered_90d,
        -nps_answers as nps_answers_180d,
        -nps_total as nps_total_180d,
        -nps_balance as nps_balance_180d,
        0 as csat_answers_90d,
        0 as csat_total_90d,
        0 as notes_90d,
        0 as sentiment_total_90d,
        cast(null as date) as nps_on,
        cast(null as date) as csat_on,
        cast(null as date) as note_on
    from facts
),

-- What came before the first day in sight counts on it.
daily_changes as (
    select
        changes.account_id,
        greatest(changes.date_day, updates.{{ first_day() }}) as date_day,
        sum(changes.sent_90d) as sent_90d,
        sum(changes.answered_90d) as answered_90d,
        sum(changes.nps_answers_180d) as nps_answers_180d,
        sum(changes.nps_total_180d) as nps_total_180d,
        sum(changes.nps_balance_180d) as nps_balance_180d,
        sum(changes.csat_answers_90d) as csat_answers_90d,
        sum(changes.csat_total_90d) as csat_total_90d,
        sum(changes.notes_90d) as notes_90d,
        sum(changes.sentiment_total_90d) as sentiment_total_90d,
        max(changes.nps_on) as nps_on,
        max(changes.csat_on) as csat_on,
        max(changes.note_on) as note_on
    from changes
    inner join updates
        on changes.account_id = updates.account_id
    group by changes.account_id, greatest(changes.date_day, updates.{{ first_day() }})
),

running as (
    select
        account_days.account_id,
        account_days.date_day,
        sum(daily_changes.sent_90d) over until_day as sent_90d,
        sum(daily_changes.answered_90d) over until_day as answered_90d,
        sum(daily_changes.nps_answers_180d) over until_day as nps_answers_180d,
        sum(daily_changes.nps_total_180d) over until_day as nps_total_180d,
        sum(daily_changes.nps_balance_180d) over until_day as nps_balance_180d,
        sum(daily_changes.csat_answers_90d) over until_day as csat_answers_90d,
        sum(daily_changes.csat_total_90d) over until_day as csat_total_90d,
        sum(daily_changes.notes_90d) over until_day as notes_90d,
        sum(daily_changes.sentiment_total_90d) over until_day as sentiment_total_90d,
        max(daily_changes.nps_on) over until_day as last_nps_on,
        max(daily_changes.csat_on) over until_day as last_csat_on,
        max(daily_changes.note_on) over until_day as last_note_on
    from account_days
    left join daily_changes
        on
            account_days.account_id = daily_changes.account_id
            and account_days.date_day = daily_changes.date_day
    window
        until_day as (partition by account_days.account_id order by account_days.date_day)
),

signals as (
    select
        account_id,
        date_day,
        {{ ratio('100 * nps_balance_180d', 'nps_answers_180d') }} as nps_180d,
        {{ ratio('nps_total_180d', 'nps_answers_180d') }} as nps_score_180d,
        case
            when nps_answers_180d > 0 then {{ days_between('last_nps_on', 'date_day') }}
        end as days_since_nps,
        {{ ratio('csat_total_90d', 'csat_answers_90d') }} as csat_90d,
        case
            when csat_answers_90d > 0 then {{ days_between('last_csat_on', 'date_day') }}
        end as days_since_csat,
        {{ ratio('answered_90d', 'sent_90d') }} as survey_response_rate_90d,
        {{ ratio('sentiment_total_90d', 'notes_90d') }} as note_sentiment_90d,
        case
            when notes_90d > 0 then {{ days_between('last_note_on', 'date_day') }}
        end as days_since_note
    from running
)

select * from signals
