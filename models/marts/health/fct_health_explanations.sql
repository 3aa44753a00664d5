{%- set text = dbt.type_string() -%}
-- The current score, its change and the way to the next band as text. One row per account.
with

current_health as (
    select * from {{ ref('fct_current_health') }}
),

explained_metrics as (
    select * from {{ ref('fct_health_explained_metrics') }}
),

health_metrics as (
    select * from {{ ref('health_metrics') }}
),

signals as (
    select * from {{ ref('signals') }}
),

steps as (
    select * from {{ ref('fct_health_steps') }}
),

units as (
    select
        health_metrics.metric,
        min(signals.unit) as unit
    from health_metrics
    inner join signals
        on health_metrics.signal = signals.signal
    group by health_metrics.metric
),

ranked_metrics as (
    select
        explained_metrics.*,
        units.unit,
        {{ days_between('explained_metrics.last_seen_on', 'explained_metrics.score_date') }}
            as unseen_days,
        row_number() over (
            partition by explained_metrics.account_id
            order by explained_metrics.points_lost desc, explained_metrics.metric asc
        ) as loss_rank,
        row_number() over (
            partition by explained_metrics.account_id
            order by explained_metrics.points_change_7d desc, explained_metrics.metric asc
        ) as rise_rank,
        row_number() over (
            partition by explained_metrics.account_id
            order by explained_metrics.points_change_7d asc, explained_metrics.metric asc
        ) as fall_rank
    from explained_metrics
    left join units
        on explained_metrics.metric = units.metric
),

driver_summaries as (
    select
        account_id,
        max(compared_on) as compared_on,
        max(case when rise_rank = 1 and points_change_7d > 0 then metric end) as most_risen,
        max(case when fall_rank = 1 and points_change_7d < 0 then metric end) as most_fallen,
        max(
            case
                when rise_rank = 1 and points_change_7d > 0
                    then label || ' +' || {{ number_text('points_change_7d') }}
            end
        ) as rise,
        max(
            case
                when fall_rank = 1 and points_change_7d < 0
                    then label || ' ' || {{ number_text('points_change_7d') }}
            end
        ) as fall,
        max(
            case
                when loss_rank = 1 and points_lost > 0
                    then
                        ' It loses most, ' || {{ number_text('points_lost') }} || ' points, by its '
                        || label
                        || coalesce(
                            ' (' || {{ number_with_unit('value', 'unit') }}
                            || coalesce(
                                ', seen last '
                                || cast(unseen_days as {{ text }})
                                || case when unseen_days = 1 then ' day ago' else ' days ago' end,
                                ''
                            )
                            || ', the median of its peers is '
                            || {{ number_with_unit('peer_median', 'unit') }} || ')',
                            case when value is null then ' (not observed)' end, ''
                        ) || '.'
            end
        ) as loss
    from ranked_metrics
    group by account_id
),

step_sums as (
    select
        account_id,
        max(case when is_band_within_reach then 1 else 0 end) as is_band_within_reach,
        cast(sum(case when is_needed then 1 else 0 end) as bigint) as steps_to_next_band,
        sum(case when is_needed then step_points else 0 end) as step_points,
        {{ joined_texts(
            "case when is_needed then step || ' (+' || " ~ number_text('step_points') ~ " || ')' end",
            by='step_number', separator='; '
        ) }} as steps
    from steps
    group by account_id
),

explanations as (
    select
        current_health.account_id,
        current_health.score_date,
        current_health.status,
        current_health.score,
        current_health.band,
        driver_summaries.compared_on,
        current_health.change_7d,
        driver_summaries.most_risen,
        driver_summaries.most_fallen,
        current_health.next_band,
        current_health.points_to_next_band,
        case
            when current_health.status <> 'scored' then null
            when current_health.next_band is null then 0
            when step_sums.is_band_within_reach = 1 then step_sums.steps_to_next_band
        end as steps_to_next_band,
        case
            when current_health.status = 'churned'
                then coalesce(
                        'Churned; the last score was ' || {{ number_text('current_health.score') }}
                        || ' (' || current_health.band || ').', 'Churned before any score.'
                    )
            when current_health.status = 'completed'
                then coalesce(
                        'Completed what it bought; the last score was '
                        || {{ number_text('current_health.score') }}
                        || ' (' || current_health.band || ').',
                        'Completed what it bought before any score.'
                    )
            when current_health.status = 'too_early' then 'Too young for a score.'
            when current_health.status = 'too_little_data'
                then
                    'Too little is observed for a score: '
                    || {{ number_with_unit('current_health.coverage', "'ratio'") }}
                    || ' of the weight.'
            else
                'Scores ' || {{ number_text('current_health.score') }}
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
                    || {{ number_text('current_health.change_7d') }}
                    || ' since ' || cast(driver_summaries.compared_on as {{ text }})
                    || coalesce(': ' || driver_summaries.fall, '')
                    || case
                        when driver_summaries.rise is null then ''
                        when driver_summaries.fall is null then ': ' || driver_summaries.rise
                        else ', ' || driver_summaries.rise
                    end,
                    ''
                )
                || '.' || coalesce(driver_summaries.loss, '')
                || case
                    when current_health.next_band is null then ''
                    when step_sums.account_id is null
                        then ' Nothing within reach leads to ' || current_health.next_band || '.'
                    when step_sums.is_band_within_reach = 1
                        then
                            ' To reach ' || current_health.next_band || ' at '
                            || {{ number_text(
                                'cast(current_health.score + current_health.points_to_next_band'
                                ~ ' as decimal(9, 2))'
                            ) }} || ': '
                            || step_sums.steps || '.'
                    else
                        ' What is within reach gives ' || {{ number_text('step_sums.step_points') }}
                        || ' of the '
                        || {{ number_text('current_health.points_to_next_band') }}
                        || ' points to ' || current_health.next_band || ': '
                        || step_sums.steps || '.'
                end
        end as explanation
    from current_health
    left join driver_summaries
        on current_health.account_id = driver_summaries.account_id
    left join step_sums
        on current_health.account_id = step_sums.account_id
)

select * from explanations
