-- Indicators of the expansion score: points by rubric for the first of their signals that is
-- observed, the contribution to the score, and since when each agrees (agree_points or more). One
-- row per account, score date and indicator.
with

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

expansion_settings as (
    select * from {{ ref('expansion_settings') }}
),

-- Accounts, indicators and signals are numbered, as numbers join and sort faster than texts.
accounts as (
    select
        account_id,
        ended_on,
        row_number() over (order by account_id) as account_number
    from {{ ref('int_accounts') }}
),

indicators as (
    select
        indicator,
        weight,
        is_core,
        row_number() over (order by indicator) as indicator_number,
        sum(weight) over () as total_weight
    from {{ ref('expansion_indicators') }}
    where indicator in (select signals.indicator from {{ ref('expansion_signals') }} as signals)
),

signals as (
    select
        expansion_signals.signal,
        expansion_signals.measure,
        expansion_signals.lookback_days,
        indicators.indicator_number,
        row_number() over (
            order by indicators.indicator_number, expansion_signals.choice
        ) as signal_number
    from {{ ref('expansion_signals') }} as expansion_signals
    inner join indicators
        on expansion_signals.indicator = indicators.indicator
),

lookbacks as (
    select 0 as lookback_days
    union distinct
    select lookback_days from signals
    where lookback_days > 0
),

-- What a value earns: points whether it rises or not, rising_points if it rises. Blank ends of a
-- range become extreme values.
rubric_steps as (
    select
        signals.signal_number,
        coalesce(rubrics.from_value, cast(-999999999999999999 as decimal(24, 6))) as from_value,
        coalesce(rubrics.to_value, cast(999999999999999999 as decimal(24, 6))) as to_value,
        max(case when rubrics.trend = 'any' then rubrics.points end) as points,
        max(rubrics.points) as rising_points
    from {{ ref('expansion_rubrics') }} as rubrics
    inner join indicators
        on rubrics.indicator = indicators.indicator
    inner join signals
        on
            indicators.indicator_number = signals.indicator_number
            and rubrics.signal = signals.signal
    group by signals.signal_number, rubrics.from_value, rubrics.to_value
),

-- A day stands once for its own score date (lookback 0) and once for each later score date that
-- compares with it.
days_with_lookback as (
    select
        measured_signals.*,
        accounts.account_number,
        lookbacks.lookback_days,
        {{ add_days('measured_signals.date_day', 'lookbacks.lookback_days') }} as score_date
    from measured_signals
    inner join accounts
        on measured_signals.account_id = accounts.account_id
    cross join lookbacks
    where
        {{ is_score_weekday(add_days('measured_signals.date_day', 'lookbacks.lookback_days')) }}
        or {{ add_days('measured_signals.date_day', 'lookbacks.lookback_days') }}
        = accounts.ended_on
),

signal_values as (
    select
        days_with_lookback.account_number,
        days_with_lookback.score_date,
        days_with_lookback.lookback_days,
        days_with_lookback.is_subscribed,
        signals.signal_number,
        signals.indicator_number,
        signals.measure,
        {{ signal_value('signals.signal', with_milestones=false) }} as signal_value
    from days_with_lookback
    inner join signals
        on
            days_with_lookback.lookback_days = 0
            or days_with_lookback.lookback_days = signals.lookback_days
),

current_values as (
    select
        account_number,
        score_date,
        signal_number,
        indicator_number,
        measure,
        case when is_subscribed = 1 then signal_value end as current_value
    from signal_values
    where lookback_days = 0
),

earlier_values as (
    select
        account_number,
        score_date,
        signal_number,
        signal_value as earlier_value
    from signal_values
    where lookback_days > 0
),

measures as (
    select
        current_values.account_number,
        current_values.score_date,
        current_values.signal_number,
        current_values.indicator_number,
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
            current_values.account_number = earlier_values.account_number
            and current_values.score_date = earlier_values.score_date
            and current_values.signal_number = earlier_values.signal_number
),

-- The indicator's first signal that is observed; the first of all if none is.
preferred_signals as (
    select
        account_number,
        score_date,
        coalesce(
            min(case when indicator_value is not null then signal_number end), min(signal_number)
        ) as signal_number
    from measures
    group by account_number, score_date, indicator_number
),

indicator_points as (
    select
        measures.account_number,
        measures.score_date,
        measures.indicator_number,
        measures.signal_number,
        measures.indicator_value,
        measures.is_rising,
        case when measures.is_rising then rubric_steps.rising_points else rubric_steps.points end
            as points
    from measures
    inner join preferred_signals
        on
            measures.account_number = preferred_signals.account_number
            and measures.score_date = preferred_signals.score_date
            and measures.signal_number = preferred_signals.signal_number
    left join rubric_steps
        on
            measures.signal_number = rubric_steps.signal_number
            and measures.indicator_value >= rubric_steps.from_value
            and measures.indicator_value < rubric_steps.to_value
),

indicators_with_agreement as (
    select
        indicator_points.*,
        coalesce(indicator_points.points >= expansion_settings.agree_points, false) as agrees,
        case when indicator_points.points is not null then indicators.weight else 0 end
            as observed_weight,
        coalesce(indicators.weight * indicator_points.points, 0) as weighted_points
    from indicator_points
    inner join indicators
        on indicator_points.indicator_number = indicators.indicator_number
    cross join expansion_settings
),

indicators_with_previous as (
    select
        indicators_with_agreement.*,
        coalesce(
            lag(agrees) over (partition by account_number, indicator_number order by score_date),
            false
        ) as agreed_before,
        sum(observed_weight) over (partition by account_number, score_date)
            as total_observed_weight,
        sum(weighted_points) over (
            partition by account_number, score_date order by indicator_number
            rows between unbounded preceding and current row
        ) as points_so_far
    from indicators_with_agreement
),

-- Gaps and islands: held_since is the latest date, up to the row's, on which the indicator agrees
-- and did not on the score date before.
indicators_held as (
    select
        indicators_with_previous.*,
        case
            when agrees
                then
                    max(case when agrees and not agreed_before then score_date end) over (
                        partition by account_number, indicator_number order by score_date
                        rows between unbounded preceding and current row
                    )
        end as held_since
    from indicators_with_previous
),

-- Running sums are rounded and not each indicator, so that the contributions sum to the score.
scored_indicators as (
    select
        accounts.account_id,
        indicators_held.score_date,
        indicators.indicator,
        signals.signal,
        indicators_held.indicator_value,
        indicators_held.is_rising,
        indicators_held.points,
        indicators.weight,
        indicators.is_core,
        indicators_held.agrees,
        indicators_held.held_since,
        {{ days_between('indicators_held.held_since', 'indicators_held.score_date') }} as days_held,
        indicators_held.total_observed_weight,
        {{ round_half_up(
            as_double('indicators_held.total_observed_weight') ~ ' / indicators.total_weight', 4
        ) }} as coverage,
        cast(
            {{ round_half_up(
                as_double('indicators_held.points_so_far')
                ~ ' / nullif(indicators_held.total_observed_weight, 0)', 2
            ) }}
            - {{ round_half_up(
                as_double('indicators_held.points_so_far - indicators_held.weighted_points')
                ~ ' / nullif(indicators_held.total_observed_weight, 0)', 2
            ) }} as decimal(9, 2)
        ) as contribution
    from indicators_held
    inner join accounts
        on indicators_held.account_number = accounts.account_number
    inner join indicators
        on indicators_held.indicator_number = indicators.indicator_number
    inner join signals
        on indicators_held.signal_number = signals.signal_number
)

select * from scored_indicators
