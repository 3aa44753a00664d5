with

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

-- Of score weekdays alone: the last day of a build is no score date in a later one.
steady_bands as (
    select * from {{ ref('int_health_steady_bands') }}
    where {{ is_score_weekday('score_date') }}
),

scores as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live'
),

-- An account that churned and came back lives again.
life_days as (
    select
        account_id,
        date_day,
        is_subscribed,
        sum(case when is_subscribed = 0 then 1 else 0 end) over (
            partition by account_id order by date_day
            rows between unbounded preceding and current row
        ) as life_number
    from measured_signals
),

life_ends as (
    select
        account_id,
        life_number - 1 as life_number,
        date_day as churned_on
    from life_days
    where is_subscribed = 0
),

followed as (
    select
        steady_bands.account_id,
        steady_bands.score_date,
        steady_bands.steady_band,
        life_days.life_number,
        lag(steady_bands.steady_band) over (
            partition by steady_bands.account_id, life_days.life_number
            order by steady_bands.score_date
        ) as previous_band
    from steady_bands
    inner join life_days
        on
            steady_bands.account_id = life_days.account_id
            and steady_bands.score_date = life_days.date_day
),

begun as (
    select
        followed.*,
        lead(score_date) over (
            partition by account_id, life_number order by score_date
        ) as next_began_on
    from followed
    where coalesce(previous_band <> steady_band, true)
),

episodes as (
    select
        {{ id_of(
            "begun.account_id || '|' || begun.steady_band || '|' || cast(begun.score_date as "
            ~ dbt.type_string() ~ ")"
        ) }} as band_episode_id,
        begun.account_id,
        begun.steady_band,
        scores.score,
        begun.score_date as first_seen_on,
        coalesce(begun.next_began_on, life_ends.churned_on) as cleared_on,
        case
            when begun.next_began_on is not null then 'resolved'
            when life_ends.churned_on is not null then 'churned'
        end as cleared_by
    from begun
    inner join scores
        on
            begun.account_id = scores.account_id
            and begun.score_date = scores.score_date
    left join life_ends
        on
            begun.account_id = life_ends.account_id
            and begun.life_number = life_ends.life_number
)

select * from episodes
