-- What is answered or noted counts from its day until it leaves its window: between two such days
-- nothing changes but the days since.

with

updates as (
    select
        account_id,
        started_on,
        ended_on,
        {{ first_day() }} as first_day
    from {{ ref('int_account_updates') }}
    where {{ first_day() }} <= ended_on
),

answers as (
    select * from {{ ref('stg_survey__answers') }}
),

notes as (
    select * from {{ ref('stg_crm__notes') }}
    where sentiment is not null
),

survey_scales as (
    select * from {{ ref('survey_scales') }}
),

scaled_answers as (
    select
        answers.account_id,
        answers.event_type,
        answers.kind,
        answers.score,
        cast(answers.occurred_at as date) as date_day,
        case
            when answers.score >= survey_scales.promoter_lowest then 1
            when answers.score <= survey_scales.detractor_highest then -1
            else 0
        end as balance
    from answers
    inner join survey_scales
        on answers.kind = survey_scales.kind
),

facts as (
    select
        account_id,
        date_day,
        event_type as fact,
        90 as days,
        0 as total,
        0 as balance
    from scaled_answers
    union all
    select
        account_id,
        date_day,
        kind as fact,
        case when kind = 'nps' then 180 else 90 end as days,
        coalesce(score, 0) as total,
        balance
    from scaled_answers
    where event_type = 'survey_answered'
    union all
    select
        account_id,
        cast(occurred_at as date) as date_day,
        'note' as fact,
        90 as days,
        sentiment as total,
        0 as balance
    from notes
),

changes as (
    select
        account_id,
        date_day as fact_on,
        date_day,
        fact,
        1 as facts,
        total,
        balance
    from facts
    union all
    select
        account_id,
        date_day as fact_on,
        {{ add_days('date_day', 'days') }} as date_day,
        fact,
        -1 as facts,
        -total as total,
        -balance as balance
    from facts
    union all
    select
        account_id,
        started_on as fact_on,
        first_day as date_day,
        'none' as fact,
        0 as facts,
        0 as total,
        0 as balance
    from updates
),

-- What came before the first day counts on it.
counted_changes as (
    select
        changes.account_id,
        updates.ended_on,
        greatest(changes.date_day, updates.first_day) as date_day,
        changes.fact_on,
        changes.fact,
        changes.facts,
        changes.total,
        changes.balance
    from changes
    inner join updates
        on
            changes.account_id = updates.account_id
            and changes.fact_on >= updates.started_on
            and changes.date_day <= updates.ended_on
),

daily_changes as (
    select
        account_id,
        ended_on,
        date_day,
        sum(case when fact = 'survey_sent' then facts else 0 end) as sent,
        sum(case when fact = 'survey_answered' then facts else 0 end) as answered,
        sum(case when fact = 'nps' then facts else 0 end) as nps_answers,
        sum(case when fact = 'nps' then total else 0 end) as nps_total,
        sum(case when fact = 'nps' then balance else 0 end) as nps_balance,
        sum(case when fact = 'csat' then facts else 0 end) as csat_answers,
        sum(case when fact = 'csat' then total else 0 end) as csat_total,
        sum(case when fact = 'note' then facts else 0 end) as notes,
        sum(case when fact = 'note' then total else 0 end) as sentiment_total,
        max(case when fact = 'nps' then fact_on end) as last_nps_on,
        max(case when fact = 'csat' then fact_on end) as last_csat_on,
        max(case when fact = 'note' then fact_on end) as last_note_on
    from counted_changes
    group by account_id, ended_on, date_day
),

running as (
    select
        account_id,
        date_day,
        {{ last_day_unchanged() }} as last_day,
        sum(sent) {{ over_so_far() }} as sent_90d,
        sum(answered) {{ over_so_far() }} as answered_90d,
        sum(nps_answers) {{ over_so_far() }} as nps_answers_180d,
        sum(nps_total) {{ over_so_far() }} as nps_total_180d,
        sum(nps_balance) {{ over_so_far() }} as nps_balance_180d,
        sum(csat_answers) {{ over_so_far() }} as csat_answers_90d,
        sum(csat_total) {{ over_so_far() }} as csat_total_90d,
        sum(notes) {{ over_so_far() }} as notes_90d,
        sum(sentiment_total) {{ over_so_far() }} as sentiment_total_90d,
        max(last_nps_on) {{ over_so_far() }} as last_nps_on,
        max(last_csat_on) {{ over_so_far() }} as last_csat_on,
        max(last_note_on) {{ over_so_far() }} as last_note_on
    from daily_changes
),

nps_days as (
    select
        account_id,
        date_day,
        {{ ratio('sum(score)', 'count(*)') }} as nps_mean
    from scaled_answers
    where event_type = 'survey_answered' and kind = 'nps'
    group by account_id, date_day
),

nps_in_sight as (
    select
        running.account_id,
        running.date_day,
        max(nps_days.date_day) as last_nps_on,
        max(nps_days.nps_mean) as best_nps_mean
    from running
    inner join updates
        on running.account_id = updates.account_id
    inner join nps_days
        on
            running.account_id = nps_days.account_id
            and updates.started_on <= nps_days.date_day
            and running.date_day >= nps_days.date_day
            and running.date_day < {{ add_days('nps_days.date_day', 180) }}
    group by running.account_id, running.date_day
),

stretches as (
    select
        running.account_id,
        running.date_day as first_day,
        running.last_day,
        {{ ratio('100 * running.nps_balance_180d', 'running.nps_answers_180d') }} as nps_180d,
        {{ ratio('running.nps_total_180d', 'running.nps_answers_180d') }} as nps_score_180d,
        nps_days.nps_mean as nps_last_score_180d,
        nps_in_sight.best_nps_mean as nps_best_score_180d,
        case when running.nps_answers_180d > 0 then running.last_nps_on end as last_nps_on,
        {{ ratio('running.csat_total_90d', 'running.csat_answers_90d') }} as csat_90d,
        case when running.csat_answers_90d > 0 then running.last_csat_on end as last_csat_on,
        {{ ratio('running.answered_90d', 'running.sent_90d') }} as survey_response_rate_90d,
        {{ ratio('running.sentiment_total_90d', 'running.notes_90d') }} as note_sentiment_90d,
        case when running.notes_90d > 0 then running.last_note_on end as last_note_on
    from running
    left join nps_in_sight
        on
            running.account_id = nps_in_sight.account_id
            and running.date_day = nps_in_sight.date_day
    left join nps_days
        on
            nps_in_sight.account_id = nps_days.account_id
            and nps_in_sight.last_nps_on = nps_days.date_day
),

days as (
    select
        stretches.*,
        {{ each_day('first_day', 'last_day') }} as date_day
    from stretches{{ from_each_day('first_day', 'last_day') }}
),

signals as (
    select
        account_id,
        date_day,
        nps_180d,
        nps_score_180d,
        nps_last_score_180d,
        nps_best_score_180d,
        {{ days_between('last_nps_on', 'date_day') }} as days_since_nps,
        csat_90d,
        {{ days_between('last_csat_on', 'date_day') }} as days_since_csat,
        survey_response_rate_90d,
        note_sentiment_90d,
        {{ days_between('last_note_on', 'date_day') }} as days_since_note
    from days
)

select * from signals
