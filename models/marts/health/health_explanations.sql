{%- set text = dbt.type_string() -%}
with

current_health as (
    select * from {{ ref('current_account_health') }}
),

explained_metrics as (
    select * from {{ ref('health_explained_metrics') }}
),

ranked as (
    select
        explained_metrics.*,
        replace(metric, '_', ' ') as label,
        row_number() over (
            partition by account_id order by points_lost desc, metric asc
        ) as loss_rank,
        row_number() over (
            partition by account_id order by points_change_7d desc, metric asc
        ) as rise_rank,
        row_number() over (
            partition by account_id order by points_change_7d asc, metric asc
        ) as fall_rank,
        case
            when step_points is not null
                then
                    ' ' || replace(metric, '_', ' ')
                    || ' from ' || cast(cast(100 * normalised as decimal(9, 1)) as {{ text }})
                    || ' to '
                    || cast(cast(100 * (normalised + step_change) as decimal(9, 1)) as {{ text }})
                    || ' of 100'
        end as step
    from explained_metrics
),

summarised as (
    select
        account_id,
        max(compared_on) as compared_on,
        max(case when rise_rank = 1 and points_change_7d > 0 then metric end) as most_risen,
        max(case when fall_rank = 1 and points_change_7d < 0 then metric end) as most_fallen,
        max(
            case
                when rise_rank = 1 and points_change_7d > 0
                    then label || ' +' || cast(points_change_7d as {{ text }})
            end
        ) as rise,
        max(
            case
                when fall_rank = 1 and points_change_7d < 0
                    then label || ' ' || cast(points_change_7d as {{ text }})
            end
        ) as fall,
        max(
            case
                when loss_rank = 1 and points_lost > 0
                    then
                        ' Most is lost on ' || label || ': ' || cast(points_lost as {{ text }})
                        || ' points' || coalesce(
                            ' (it has ' || cast(cast(value as decimal(18, 2)) as {{ text }})
                            || ', the median of its peers '
                            || cast(cast(peer_median as decimal(18, 2)) as {{ text }}) || ')', ''
                        ) || '.'
            end
        ) as loss,
        cast(count(step) as bigint) as steps_to_next_band,
        {{ joined_texts('step') }} as steps
    from ranked
    group by account_id
),

explained as (
    select
        current_health.account_id,
        current_health.score_date,
        current_health.status,
        current_health.score,
        current_health.band,
        summarised.compared_on,
        current_health.change_7d,
        summarised.most_risen,
        summarised.most_fallen,
        current_health.next_band,
        current_health.points_to_next_band,
        summarised.steps_to_next_band,
        case
            when current_health.status = 'churned'
                then coalesce(
                        'Churned; the last score was ' || cast(current_health.score as {{ text }})
                        || ' (' || current_health.band || ').', 'Churned before any score.'
                    )
            when current_health.status = 'too_early' then 'Too young for a score.'
            when current_health.status = 'too_little_data'
                then
                    'Too little is observed for a score: '
                    || cast(cast(100 * current_health.coverage as decimal(9, 1)) as {{ text }})
                    || ' % of the weight.'
            else
                'Scores ' || cast(current_health.score as {{ text }})
                || ' (' || current_health.band
                || case current_health.band_reason
                    when 'confirmed' then ', held until the score is clearly beyond the edge'
                    when 'capped'
                        then ', the best while this holds: ' || current_health.band_cap_reason
                    when 'overridden'
                        then
                            ', set by hand until '
                            || cast(current_health.override_ends_on as {{ text }})
                    else ''
                end
                || ')' || coalesce(
                    ', ' || case when current_health.change_7d >= 0 then '+' else '' end
                    || cast(current_health.change_7d as {{ text }})
                    || ' since ' || cast(summarised.compared_on as {{ text }})
                    || coalesce(': ' || summarised.fall, '')
                    || case
                        when summarised.rise is null then ''
                        when summarised.fall is null then ': ' || summarised.rise
                        else ', ' || summarised.rise
                    end,
                    ''
                )
                || '.' || coalesce(summarised.loss, '')
                || coalesce(
                    ' To reach ' || current_health.next_band || ' at '
                    || cast(
                        cast(
                            current_health.score + current_health.points_to_next_band
                            as decimal(9, 2)
                        ) as {{ text }}
                    )
                    || ':'
                    || summarised.steps
                    || '.',
                    ''
                )
        end as explanation
    from current_health
    left join summarised
        on current_health.account_id = summarised.account_id
)

select * from explained
