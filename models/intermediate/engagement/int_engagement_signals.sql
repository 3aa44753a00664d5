-- Survey and note signals, one row per account and day. Interval sums: an answer or note adds to a
-- count on its day and is taken off when it leaves its window, so between two change days only ages
-- grow. Windows over days would need the last answer of each person on each day. Intervals are
-- half-open: [day, day + 90 or 180).
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
    select answers.*
    from {{ ref('stg_survey__answers') }} as answers
    inner join updates
        on
            answers.account_id = updates.account_id
            and {{ day_of('answers.occurred_at') }} >= updates.started_on
),

notes as (
    select * from {{ ref('stg_crm__notes') }}
    where sentiment is not null
),

survey_scales as (
    select * from {{ ref('survey_scales') }}
),

-- A survey that is sent to the same person again is one survey, dated by its first sending.
sent_surveys as (
    select
        account_id,
        survey_id,
        kind,
        user_id,
        min(case when event_type = 'survey_sent' then {{ day_of('occurred_at') }} end) as sent_on,
        min(case when event_type = 'survey_answered' then {{ day_of('occurred_at') }} end)
            as first_answered_on
    from answers
    group by account_id, survey_id, kind, user_id
),

-- An answer that wrong clocks date before the sending counts on the day of the sending.
survey_sends as (
    select
        account_id,
        sent_on,
        case when first_answered_on < sent_on then sent_on else first_answered_on end
            as answered_on,
        {{ add_days('sent_on', 90) }} as leaves_on
    from sent_surveys
    where sent_on is not null
),

dated_answers as (
    select
        answers.account_id,
        answers.user_id,
        answers.kind,
        answers.score,
        {{ day_of('answers.occurred_at') }} as date_day,
        row_number() over (
            partition by answers.account_id order by {{ in_business_order() }}
        ) as place,
        lead({{ day_of('answers.occurred_at') }}) over (
            partition by answers.account_id, answers.survey_id, answers.kind, answers.user_id
            order by {{ in_business_order() }}
        ) as corrected_on
    from answers
    where answers.event_type = 'survey_answered'
),

-- A corrected answer of the same person to the same survey replaces the earlier one.
scaled_answers as (
    select
        dated_answers.account_id,
        dated_answers.user_id,
        dated_answers.kind,
        dated_answers.score,
        dated_answers.date_day,
        dated_answers.place,
        coalesce(dated_answers.corrected_on, cast('9999-12-31' as date)) as corrected_on,
        {{ add_days(
            'dated_answers.date_day', "case when dated_answers.kind = 'nps' then 180 else 90 end"
        ) }} as leaves_on,
        case
            when dated_answers.score >= survey_scales.promoter_lowest then 1
            when dated_answers.score <= survey_scales.detractor_highest then -1
            else 0
        end as balance,
        case when dated_answers.score >= survey_scales.satisfied_lowest then 1 else 0 end
            as satisfied
    from dated_answers
    inner join survey_scales
        on dated_answers.kind = survey_scales.kind
    where coalesce(dated_answers.date_day < dated_answers.corrected_on, true)
),

facts as (
    select
        account_id,
        sent_on as date_day,
        leaves_on,
        'survey_sent' as fact,
        0 as total,
        0 as balance,
        0 as satisfied
    from survey_sends
    union all
    select
        account_id,
        answered_on as date_day,
        leaves_on,
        'survey_answered' as fact,
        0 as total,
        0 as balance,
        0 as satisfied
    from survey_sends
    where answered_on < leaves_on
    union all
    select
        account_id,
        date_day,
        least(leaves_on, corrected_on) as leaves_on,
        kind as fact,
        score as total,
        balance,
        satisfied
    from scaled_answers
    union all
    select
        account_id,
        {{ day_of('occurred_at') }} as date_day,
        {{ add_days(day_of('occurred_at'), 90) }} as leaves_on,
        'note' as fact,
        sentiment as total,
        0 as balance,
        0 as satisfied
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
        balance,
        satisfied
    from facts
    union all
    select
        account_id,
        date_day as fact_on,
        leaves_on as date_day,
        fact,
        -1 as facts,
        -total as total,
        -balance as balance,
        -satisfied as satisfied
    from facts
    union all
    select
        account_id,
        started_on as fact_on,
        first_day as date_day,
        'none' as fact,
        0 as facts,
        0 as total,
        0 as balance,
        0 as satisfied
    from updates
),

-- Changes dated before the first computed day are booked on that day.
counted_changes as (
    select
        changes.account_id,
        updates.ended_on,
        greatest(changes.date_day, updates.first_day) as date_day,
        changes.fact_on,
        changes.fact,
        changes.facts,
        changes.total,
        changes.balance,
        changes.satisfied
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
        sum(case when fact = 'csat' then satisfied else 0 end) as csat_satisfied,
        sum(case when fact = 'note' then facts else 0 end) as notes,
        sum(case when fact = 'note' then total else 0 end) as sentiment_total,
        max(case when fact = 'nps' then fact_on end) as last_nps_on,
        max(case when fact = 'csat' then fact_on end) as last_csat_on,
        max(case when fact = 'note' then fact_on end) as last_note_on
    from counted_changes
    group by account_id, ended_on, date_day
),

totals as (
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
        sum(csat_satisfied) {{ over_so_far() }} as csat_satisfied_90d,
        sum(notes) {{ over_so_far() }} as notes_90d,
        sum(sentiment_total) {{ over_so_far() }} as sentiment_total_90d,
        max(last_nps_on) {{ over_so_far() }} as last_nps_on,
        max(last_csat_on) {{ over_so_far() }} as last_csat_on,
        max(last_note_on) {{ over_so_far() }} as last_note_on
    from daily_changes
),

nps_answers_in_window as (
    select
        totals.account_id,
        totals.date_day,
        scaled_answers.user_id,
        scaled_answers.score,
        scaled_answers.date_day as nps_on,
        scaled_answers.place
    from totals
    inner join scaled_answers
        on
            totals.account_id = scaled_answers.account_id
            and scaled_answers.kind = 'nps'
            and totals.date_day >= scaled_answers.date_day
            and totals.date_day < scaled_answers.leaves_on
            and totals.date_day < scaled_answers.corrected_on
),

nps_means as (
    select
        account_id,
        date_day,
        nps_on,
        {{ ratio('sum(score)', 'count(*)') }} as nps_mean
    from nps_answers_in_window
    group by account_id, date_day, nps_on
),

latest_nps_means as (
    select
        account_id,
        date_day,
        nps_mean as last_nps_mean,
        row_number() over (partition by account_id, date_day order by nps_on desc) as recency
    from nps_means
),

answers_of_people as (
    select
        account_id,
        date_day,
        user_id,
        score,
        row_number() over (
            partition by account_id, date_day, user_id order by place desc
        ) as recency
    from nps_answers_in_window
    where user_id is not null
),

people as (
    select
        account_id,
        date_day,
        max(case when recency = 1 then score end) as last_score,
        max(case when recency > 1 then score end) as best_earlier_score
    from answers_of_people
    group by account_id, date_day, user_id
),

-- People whose last NPS score is low although an earlier one in the window was high.
drops as (
    select
        people.account_id,
        people.date_day,
        sum(
            case
                when
                    people.last_score < survey_scales.dropped_below
                    and people.best_earlier_score >= survey_scales.dropped_from
                    then 1
                else 0
            end
        ) as nps_dropped_users
    from people
    inner join survey_scales
        on survey_scales.kind = 'nps'
    where people.best_earlier_score is not null
    group by people.account_id, people.date_day
),

-- NPS is the balance of promoters (+1) and detractors (-1) per 100 answers, from min_answers
-- answers on.
stretches as (
    select
        totals.account_id,
        totals.date_day as first_day,
        totals.last_day,
        cast(totals.nps_answers_180d as bigint) as nps_answers_180d,
        case
            when totals.nps_answers_180d >= survey_scales.min_answers
                then {{ ratio('100 * totals.nps_balance_180d', 'totals.nps_answers_180d') }}
        end as nps_180d,
        {{ ratio('totals.nps_total_180d', 'totals.nps_answers_180d') }} as nps_score_180d,
        latest_nps_means.last_nps_mean as nps_last_score_180d,
        cast(drops.nps_dropped_users as bigint) as nps_dropped_users_180d,
        case when totals.nps_answers_180d > 0 then totals.last_nps_on end as last_nps_on,
        cast(totals.csat_answers_90d as bigint) as csat_answers_90d,
        {{ ratio('totals.csat_satisfied_90d', 'totals.csat_answers_90d') }} as csat_90d,
        {{ ratio('totals.csat_total_90d', 'totals.csat_answers_90d') }} as csat_score_90d,
        case when totals.csat_answers_90d > 0 then totals.last_csat_on end as last_csat_on,
        {{ ratio('totals.answered_90d', 'totals.sent_90d') }} as survey_response_rate_90d,
        {{ ratio('totals.sentiment_total_90d', 'totals.notes_90d') }} as note_sentiment_90d,
        case when totals.notes_90d > 0 then totals.last_note_on end as last_note_on
    from totals
    inner join survey_scales
        on survey_scales.kind = 'nps'
    left join latest_nps_means
        on
            totals.account_id = latest_nps_means.account_id
            and totals.date_day = latest_nps_means.date_day
            and latest_nps_means.recency = 1
    left join drops
        on
            totals.account_id = drops.account_id
            and totals.date_day = drops.date_day
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
        nps_answers_180d,
        nps_180d,
        nps_score_180d,
        nps_last_score_180d,
        nps_dropped_users_180d,
        {{ days_between('last_nps_on', 'date_day') }} as days_since_nps,
        csat_answers_90d,
        csat_90d,
        csat_score_90d,
        {{ days_between('last_csat_on', 'date_day') }} as days_since_csat,
        survey_response_rate_90d,
        note_sentiment_90d,
        {{ days_between('last_note_on', 'date_day') }} as days_since_note
    from days
)

select * from signals
