-- The live health score of every account and date, frozen after churn, with its changes. One row
-- per account and score date.
with

scores as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live'
),

top_drivers as (
    select * from {{ ref('int_health_top_drivers') }}
    where track = 'live'
),

-- Day numbers, since not every engine has range frames over dates.
numbered_scores as (
    select
        scores.*,
        {{ days_between("cast('2000-01-01' as date)", 'score_date') }} as day_number
    from scores
),

-- The last score before the row, and the last at least 7 and 30 days before it.
score_history as (
    select
        numbered_scores.*,
        {{ last_known('score') }} over (
            partition by account_id order by score_date
            rows between unbounded preceding and 1 preceding
        ) as last_score,
        {{ last_known('band') }} over (
            partition by account_id order by score_date
            rows between unbounded preceding and 1 preceding
        ) as last_band,
        {{ last_known('score') }} over (
            partition by account_id order by day_number
            range between unbounded preceding and 7 preceding
        ) as score_7d_before,
        {{ last_known('score') }} over (
            partition by account_id order by day_number
            range between unbounded preceding and 30 preceding
        ) as score_30d_before
    from numbered_scores
),

health as (
    select
        score_history.account_id,
        score_history.score_date,
        score_history.model_version,
        score_history.segment,
        score_history.product_category,
        score_history.status,
        cast(
            case
                when score_history.status in ('churned', 'completed') then score_history.last_score
                else score_history.score
            end
            as decimal(9, 2)
        ) as score,
        case
            when score_history.status in ('churned', 'completed') then score_history.last_band
            else score_history.band
        end as band,
        cast(score_history.coverage as decimal(9, 4)) as coverage,
        cast(score_history.score - score_history.score_7d_before as decimal(9, 2)) as change_7d,
        cast(score_history.score - score_history.score_30d_before as decimal(9, 2)) as change_30d,
        top_drivers.top_driver_up,
        top_drivers.top_driver_down
    from score_history
    left join top_drivers
        on
            score_history.account_id = top_drivers.account_id
            and score_history.score_date = top_drivers.score_date
)

select * from health
