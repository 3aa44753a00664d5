with

current_health as (
    select * from {{ ref('current_account_health') }}
    where status = 'scored'
),

health as (
    select * from {{ ref('fct_account_health') }}
    where status = 'scored'
),

drivers as (
    select * from {{ ref('fct_health_drivers') }}
),

earlier_drivers as (
    select
        account_id,
        score_date,
        metric,
        points
    from {{ ref('fct_health_drivers') }}
),

metrics as (
    select * from {{ ref('int_health_metrics') }}
    where track = 'live'
),

earlier_dates as (
    select
        current_health.account_id,
        max(health.score_date) as compared_on
    from current_health
    inner join health
        on
            current_health.account_id = health.account_id
            and {{ add_days('health.score_date', 7) }} <= current_health.score_date
    group by current_health.account_id
),

drivers_now as (
    select
        drivers.*,
        metrics.used_weight,
        metrics.total_used_weight,
        metrics.used_weight - metrics.weighted_value as weight_lost,
        current_health.points_to_next_band * metrics.total_used_weight / 100 as weight_needed
    from current_health
    inner join drivers
        on
            current_health.account_id = drivers.account_id
            and current_health.score_date = drivers.score_date
    inner join metrics
        on
            drivers.account_id = metrics.account_id
            and drivers.score_date = metrics.score_date
            and drivers.metric = metrics.metric
),

ranked as (
    select
        drivers_now.*,
        row_number() over (
            partition by account_id
            order by
                case when change_needed_for_next_band is null then 1 else 0 end,
                change_needed_for_next_band,
                metric
        ) as change_rank,
        max(case when change_needed_for_next_band is null then 0 else 1 end) over (
            partition by account_id
        ) as one_is_enough,
        sum(weight_lost) over (partition by account_id) as total_weight_lost,
        sum(weight_lost) over (
            partition by account_id order by points_lost desc, metric asc
            rows between unbounded preceding and current row
        ) as weight_lost_so_far
    from drivers_now
),

-- The metric with the smallest change that is enough alone, else those that lost most, in turn.
stepped as (
    select
        ranked.*,
        case
            when one_is_enough = 1 or total_weight_lost < weight_needed then 0
            else weight_lost_so_far - weight_lost
        end as step_from,
        case
            when one_is_enough = 1 and change_rank = 1 then weight_needed
            when one_is_enough = 1 or coalesce(total_weight_lost < weight_needed, true) then 0
            else least(weight_lost_so_far, weight_needed) - (weight_lost_so_far - weight_lost)
        end as step_weight
    from ranked
),

explained_now as (
    select
        account_id,
        metric,
        value_status,
        value,
        normalised,
        weight,
        points,
        points_lost,
        peer_median,
        case
            when step_weight > 0 and one_is_enough = 1 then change_needed_for_next_band
            when step_weight > 0
                then {{ round_half_up(as_double('step_weight') ~ ' / used_weight', 6) }}
        end as step_change,
        case
            when step_weight > 0
                then
                    {{ round_half_up(
                        '100 * ' ~ as_double('step_from + step_weight') ~ ' / total_used_weight', 2
                    ) }} - {{ round_half_up(
                        '100 * ' ~ as_double('step_from') ~ ' / total_used_weight', 2
                    ) }}
        end as step_points
    from stepped
),

drivers_before as (
    select
        earlier_drivers.account_id,
        earlier_drivers.metric,
        earlier_drivers.points
    from earlier_dates
    inner join earlier_drivers
        on
            earlier_dates.account_id = earlier_drivers.account_id
            and earlier_dates.compared_on = earlier_drivers.score_date
),

paired as (
    select
        coalesce(explained_now.account_id, drivers_before.account_id) as account_id,
        coalesce(explained_now.metric, drivers_before.metric) as metric,
        explained_now.value_status,
        explained_now.value,
        explained_now.normalised,
        explained_now.weight,
        coalesce(explained_now.points, 0) as points,
        coalesce(explained_now.points_lost, 0) as points_lost,
        explained_now.peer_median,
        explained_now.step_change,
        explained_now.step_points,
        coalesce(drivers_before.points, 0) as points_before
    from explained_now
    full outer join drivers_before
        on
            explained_now.account_id = drivers_before.account_id
            and explained_now.metric = drivers_before.metric
),

explained as (
    select
        paired.account_id,
        current_health.score_date,
        paired.metric,
        paired.value_status,
        paired.value,
        paired.peer_median,
        paired.normalised,
        paired.weight,
        cast(paired.points as decimal(9, 2)) as points,
        cast(paired.points_lost as decimal(9, 2)) as points_lost,
        earlier_dates.compared_on,
        cast(
            case
                when earlier_dates.compared_on is not null
                    then paired.points - paired.points_before
            end
            as decimal(9, 2)
        ) as points_change_7d,
        cast(paired.step_change as decimal(18, 6)) as step_change,
        cast(paired.step_points as decimal(9, 2)) as step_points
    from paired
    inner join current_health
        on paired.account_id = current_health.account_id
    left join earlier_dates
        on paired.account_id = earlier_dates.account_id
)

select * from explained
