with

scores as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live'
),

top_drivers as (
    select * from {{ ref('int_health_top_drivers') }}
    where track = 'live'
),

numbered as (
    select
        scores.*,
        {{ days_between("cast('2000-01-01' as date)", 'score_date') }} as day_number
    from scores
),

remembered as (
    select
        numbered.*,
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
    from numbered
),

health as (
    select
        remembered.account_id,
        remembered.score_date,
        remembered.model_version,
        remembered.segment,
        remembered.product_category,
        remembered.status,
        cast(
            case
                when remembered.status in ('churned', 'completed') then remembered.last_score
                else remembered.score
            end
            as decimal(9, 2)
        ) as score,
        case
            when remembered.status in ('churned', 'completed') then remembered.last_band
            else remembered.band
        end as band,
        cast(remembered.coverage as decimal(9, 4)) as coverage,
        cast(remembered.score - remembered.score_7d_before as decimal(9, 2)) as change_7d,
        cast(remembered.score - remembered.score_30d_before as decimal(9, 2)) as change_30d,
        top_drivers.top_driver_up,
        top_drivers.top_driver_down
    from remembered
    left join top_drivers
        on
            remembered.account_id = top_drivers.account_id
            and remembered.score_date = top_drivers.score_date
)

select * from health
