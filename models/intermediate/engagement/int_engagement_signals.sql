with

account_days as (
    select * from {{ ref('int_account_days') }}
    where date_day > {{ add_days(first_day(), -180) }} and {{ first_day() }} <= ended_on
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

daily as (
    select
        account_days.account_id,
        account_days.date_day,
        account_days.{{ first_day() }} as first_day,
        coalesce(answer_days.sent, 0) as sent,
        coalesce(answer_days.answered, 0) as answered,
        coalesce(answer_days.nps_answers, 0) as nps_answers,
        coalesce(answer_days.nps_total, 0) as nps_total,
        coalesce(answer_days.nps_balance, 0) as nps_balance,
        coalesce(answer_days.csat_answers, 0) as csat_answers,
        coalesce(answer_days.csat_total, 0) as csat_total,
        {{ ratio('answer_days.nps_total', 'answer_days.nps_answers') }} as nps_mean,
        coalesce(note_days.notes, 0) as notes,
        coalesce(note_days.sentiment_total, 0) as sentiment_total,
        case when answer_days.nps_answers > 0 then account_days.date_day end as nps_on,
        case when answer_days.csat_answers > 0 then account_days.date_day end as csat_on,
        case when note_days.notes > 0 then account_days.date_day end as note_on
    from account_days
    left join answer_days
        on
            account_days.account_id = answer_days.account_id
            and account_days.date_day = answer_days.date_day
    left join note_days
        on
            account_days.account_id = note_days.account_id
            and account_days.date_day = note_days.date_day
),

running as (
    select
        account_id,
        date_day,
        first_day,
        sum(sent) {{ over_last(90) }} as sent_90d,
        sum(answered) {{ over_last(90) }} as answered_90d,
        sum(nps_answers) {{ over_last(180) }} as nps_answers_180d,
        sum(nps_total) {{ over_last(180) }} as nps_total_180d,
        sum(nps_balance) {{ over_last(180) }} as nps_balance_180d,
        max(nps_on) {{ over_last(180) }} as last_nps_on,
        {{ last_known('nps_mean') }} {{ over_last(180) }} as last_nps_mean,
        max(nps_mean) {{ over_last(180) }} as best_nps_mean,
        sum(csat_answers) {{ over_last(90) }} as csat_answers_90d,
        sum(csat_total) {{ over_last(90) }} as csat_total_90d,
        max(csat_on) {{ over_last(90) }} as last_csat_on,
        sum(notes) {{ over_last(90) }} as notes_90d,
        sum(sentiment_total) {{ over_last(90) }} as sentiment_total_90d,
        max(note_on) {{ over_last(90) }} as last_note_on
    from daily
),

signals as (
    select
        account_id,
        date_day,
        {{ ratio('100 * nps_balance_180d', 'nps_answers_180d') }} as nps_180d,
        {{ ratio('nps_total_180d', 'nps_answers_180d') }} as nps_score_180d,
        last_nps_mean as nps_last_score_180d,
        best_nps_mean as nps_best_score_180d,
        {{ days_between('last_nps_on', 'date_day') }} as days_since_nps,
        {{ ratio('csat_total_90d', 'csat_answers_90d') }} as csat_90d,
        {{ days_between('last_csat_on', 'date_day') }} as days_since_csat,
        {{ ratio('answered_90d', 'sent_90d') }} as survey_response_rate_90d,
        {{ ratio('sentiment_total_90d', 'notes_90d') }} as note_sentiment_90d,
        {{ days_between('last_note_on', 'date_day') }} as days_since_note
    from running
    where date_day >= first_day
)

select * from signals
