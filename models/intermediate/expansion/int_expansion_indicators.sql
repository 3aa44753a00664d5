with

accounts as (
    select * from {{ ref('int_accounts') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

expansion_indicators as (
    select * from {{ ref('expansion_indicators') }}
),

expansion_signals as (
    select * from {{ ref('expansion_signals') }}
),

expansion_rubrics as (
    select * from {{ ref('expansion_rubrics') }}
),

expansion_settings as (
    select * from {{ ref('expansion_settings') }}
),

score_days as (
    select measured_signals.*
    from measured_signals
    inner join accounts
        on measured_signals.account_id = accounts.account_id
    where
        {{ is_score_weekday('measured_signals.date_day') }}
        or measured_signals.date_day = accounts.ended_on
),

current_values as (
    select
        score_days.account_id,
        score_days.date_day as score_date,
        expansion_signals.indicator,
        expansion_signals.choice,
        expansion_signals.signal,
        expansion_signals.measure,
        case
            when score_days.is_subscribed = 1
                then {{ signal_value('expansion_signals.signal', with_milestones=false) }}
        end as current_value
    from score_days
    cross join expansion_signals
),

earlier_days as (
    select
        measured_signals.*,
        expansion_signals.indicator,
        expansion_signals.choice,
        expansion_signals.signal,
        {{ add_days('measured_signals.date_day', 'expansion_signals.lookback_days') }}
            as score_date,
        accounts.ended_on
    from measured_signals
    inner join accounts
        on measured_signals.account_id = accounts.account_id
    cross join expansion_signals
    where expansion_signals.lookback_days > 0
),

earlier_values as (
    select
        account_id,
        score_date,
        indicator,
        choice,
        {{ signal_value('signal', with_milestones=false) }} as earlier_value
    from earlier_days
    where
        {{ is_score_weekday('score_date') }}
        or score_date = ended_on
),

compared as (
    select
        current_values.account_id,
        current_values.score_date,
        current_values.indicator,
        current_values.choice,
        current_values.signal,
        coalesce(current_values.current_value > earlier_values.earlier_value, false) as is_rising,
        case current_values.measure
            when 'level' then current_values.current_value
            when 'growth'
                then
                    {{ ratio(
                        'current_values.current_value - earlier_values.earlier_value',
                        'earlier_values.earlier_value'
                    ) }}
        end as indicator_value
    from current_values
    left join earlier_values
        on
            current_values.account_id = earlier_values.account_id
            and current_values.score_date = earlier_values.score_date
            and current_values.indicator = earlier_values.indicator
            and current_values.choice = earlier_values.choice
),

ranked as (
    select
        compared.*,
        row_number() over (
            partition by account_id, score_date, indicator
            order by case when indicator_value is null then 1 else 0 end, choice
        ) as preference
    from compared
),

pointed as (
    select
        ranked.account_id,
        ranked.score_date,
        ranked.indicator,
        ranked.signal,
        ranked.indicator_value,
        ranked.is_rising,
        max(expansion_rubrics.points) as points
    from ranked
    left join expansion_rubrics
        on
            ranked.indicator = expansion_rubrics.indicator
            and ranked.signal = expansion_rubrics.signal
            and ranked.indicator_value
            >= coalesce(expansion_rubrics.from_value, ranked.indicator_value)
            and coalesce(ranked.indicator_value < expansion_rubrics.to_value, true)
            and (expansion_rubrics.trend = 'any' or ranked.is_rising)
    where ranked.preference = 1
    group by
        ranked.account_id,
        ranked.score_date,
        ranked.indicator,
        ranked.signal,
        ranked.indicator_value,
        ranked.is_rising
),

agreeing as (
    select
        pointed.*,
        expansion_indicators.weight,
        expansion_indicators.is_core,
        coalesce(pointed.points >= expansion_settings.agree_points, false) as agrees,
        case when pointed.points is not null then expansion_indicators.weight else 0 end
            as observed_weight,
        coalesce(expansion_indicators.weight * pointed.points, 0) as weighted_points
    from pointed
    inner join expansion_indicators
        on pointed.indicator = expansion_indicators.indicator
    cross join expansion_settings
),

preceded as (
    select
        agreeing.*,
        coalesce(
            lag(agrees) over (partition by account_id, indicator order by score_date), false
        ) as agreed_before,
        sum(weight) over (partition by account_id, score_date) as total_weight,
        sum(observed_weight) over (partition by account_id, score_date) as total_observed_weight,
        sum(weighted_points) over (
            partition by account_id, score_date order by indicator
            rows between unbounded preceding and current row
        ) as points_so_far
    from agreeing
),

held as (
    select
        preceded.*,
        case
            when agrees
                then
                    max(case when agrees and not agreed_before then score_date end) over (
                        partition by account_id, indicator order by score_date
                        rows between unbounded preceding and current row
                    )
        end as held_since
    from preceded
),

-- Running totals are rounded and not each indicator, so that the contributions sum to the score.
indicators as (
    select
        account_id,
        score_date,
        indicator,
        signal,
        indicator_value,
        is_rising,
        points,
        weight,
        is_core,
        agrees,
        held_since,
        {{ days_between('held_since', 'score_date') }} as days_held,
        total_observed_weight,
        {{ round_half_up(as_double('total_observed_weight') ~ ' / total_weight', 4) }} as coverage,
        cast(
            {{ round_half_up(
                as_double('points_so_far') ~ ' / nullif(total_observed_weight, 0)', 2
            ) }}
            - {{ round_half_up(
                as_double('points_so_far - weighted_points')
                ~ ' / nullif(total_observed_weight, 0)', 2
            ) }} as decimal(9, 2)
        ) as contribution
    from held
)

select * from indicators
