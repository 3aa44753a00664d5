-- The expansion score (the sum of its indicators' contributions), its band, and whether the account
-- qualified for a hand-over to sales or which condition it missed first. One row per account and
-- score date.
with

accounts as (
    select * from {{ ref('int_accounts') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

indicators as (
    select * from {{ ref('int_expansion_indicators') }}
),

expansion_settings as (
    select * from {{ ref('expansion_settings') }}
),

expansion_bands as (
    select
        expansion_bands.*,
        lead(lower_edge) over (order by lower_edge) as upper_edge
    from {{ ref('expansion_bands') }} as expansion_bands
),

expansion_triggers as (
    select * from {{ ref('expansion_triggers') }}
),

score_days as (
    select
        measured_signals.*,
        accounts.segment
    from measured_signals
    inner join accounts
        on measured_signals.account_id = accounts.account_id
    where
        {{ is_score_weekday('measured_signals.date_day') }}
        or measured_signals.date_day = accounts.ended_on
),

trigger_values as (
    select
        score_days.account_id,
        score_days.date_day as score_date,
        expansion_triggers.trigger,
        expansion_triggers.operator,
        expansion_triggers.threshold,
        {{ signal_value('expansion_triggers.signal', with_milestones=false) }} as signal_value
    from score_days
    cross join expansion_triggers
    where score_days.is_subscribed = 1
),

triggers as (
    select
        account_id,
        score_date,
        {{ joined_texts('trigger') }} as triggers
    from trigger_values
    where
        case operator
            when '>=' then signal_value >= threshold
            when '>' then signal_value > threshold
            when '<=' then signal_value <= threshold
            when '<' then signal_value < threshold
        end
    group by account_id, score_date
),

ranked_indicators as (
    select
        account_id,
        score_date,
        days_held,
        row_number() over (
            partition by account_id, score_date order by days_held desc, indicator asc
        ) as holding_rank
    from indicators
    where days_held is not null
),

-- For how many days at least `min_agreeing` indicators have agreed. With 2 it is the second largest
-- days_held: since then two indicators agree.
persistence as (
    select
        ranked_indicators.account_id,
        ranked_indicators.score_date,
        ranked_indicators.days_held as days_persisted
    from ranked_indicators
    inner join expansion_settings
        on ranked_indicators.holding_rank = expansion_settings.min_agreeing
),

-- Coverage and observed weight are the same in all indicators of an account and date.
totals as (
    select
        indicators.account_id,
        indicators.score_date,
        max(indicators.coverage) as coverage,
        max(indicators.total_observed_weight) as observed_weight,
        cast(sum(indicators.contribution) as decimal(9, 2)) as weighted_score,
        cast(
            sum(case when indicators.is_core then indicators.contribution else 0 end)
            as decimal(9, 2)
        ) as core_points,
        cast(
            sum(
                case
                    when indicators.days_held >= expansion_settings.min_days_held
                        then indicators.contribution
                    else 0
                end
            ) as decimal(9, 2)
        ) as held_points,
        cast(sum(case when indicators.agrees then 1 else 0 end) as integer) as indicators_agreeing
    from indicators
    cross join expansion_settings
    group by indicators.account_id, indicators.score_date
),

-- Before its first terms is_subscribed is null; without terms later it is 0.
dates_with_status as (
    select
        score_days.account_id,
        score_days.date_day as score_date,
        score_days.segment,
        score_days.arr,
        case
            when score_days.is_subscribed is null then 'not_subscribed'
            when score_days.is_subscribed = 0 and completions.account_id is not null
                then 'completed'
            when score_days.is_subscribed = 0 then 'churned'
            when score_days.account_age_days < expansion_settings.min_account_age_days
                then 'too_early'
            when
                totals.coverage < expansion_settings.coverage_floor or totals.observed_weight = 0
                then 'too_little_data'
            else 'scored'
        end as status,
        case when score_days.is_subscribed = 1 then totals.coverage end as coverage,
        totals.weighted_score,
        totals.core_points,
        totals.held_points,
        totals.indicators_agreeing,
        persistence.days_persisted,
        triggers.triggers
    from score_days
    cross join expansion_settings
    inner join totals
        on
            score_days.account_id = totals.account_id
            and score_days.date_day = totals.score_date
    left join persistence
        on
            score_days.account_id = persistence.account_id
            and score_days.date_day = persistence.score_date
    left join completions
        on
            score_days.account_id = completions.account_id
            and score_days.date_day >= completions.completed_on
            and score_days.date_day < coalesce(completions.returned_on, cast('9999-12-31' as date))
    left join triggers
        on
            score_days.account_id = triggers.account_id
            and score_days.date_day = triggers.score_date
),

dates_with_score as (
    select
        account_id,
        score_date,
        segment,
        arr,
        status,
        coverage,
        triggers,
        case when status = 'scored' then weighted_score end as score,
        case when status = 'scored' then indicators_agreeing end as indicators_agreeing,
        case when status = 'scored' then days_persisted end as days_persisted,
        case when status = 'scored' then {{ ratio('core_points', 'weighted_score') }} end
            as core_share,
        case when status = 'scored' then {{ ratio('held_points', 'weighted_score') }} end
            as held_share
    from dates_with_status
),

-- The qualification names the first condition that is missed.
scores_with_band as (
    select
        dates_with_score.*,
        expansion_bands.band,
        expansion_bands.hands_over,
        expansion_bands.expected_expansion_rate,
        expansion_bands.expected_uplift_share,
        case
            when dates_with_score.status <> 'scored' then dates_with_score.status
            when not expansion_bands.hands_over then 'low_band'
            when dates_with_score.indicators_agreeing < expansion_settings.min_agreeing
                then 'too_few_agree'
            when coalesce(dates_with_score.days_persisted, 0) < expansion_settings.min_days_held
                then 'not_held'
            when coalesce(dates_with_score.held_share, 0) < expansion_settings.min_held_share
                then 'too_little_held'
            when coalesce(dates_with_score.core_share, 0) < expansion_settings.min_core_share
                then 'too_little_core'
            else 'qualified'
        end as qualification
    from dates_with_score
    cross join expansion_settings
    left join expansion_bands
        on
            dates_with_score.score >= expansion_bands.lower_edge
            and coalesce(dates_with_score.score < expansion_bands.upper_edge, true)
),

scores_with_previous as (
    select
        account_id,
        score_date,
        band,
        qualification,
        lag(band) over (partition by account_id order by score_date) as band_before,
        lag(qualification) over (partition by account_id order by score_date)
            as qualification_before
    from scores_with_band
),

-- Gaps and islands: a run of qualified dates in one band begins where the date before was not
-- qualified in that band. qualified_since is the latest such beginning up to the row's date.
qualified_dates as (
    select
        account_id,
        score_date,
        max(
            case
                when not coalesce(qualification_before = 'qualified' and band_before = band, false)
                    then score_date
            end
        ) over (
            partition by account_id order by score_date
            rows between unbounded preceding and current row
        ) as qualified_since
    from scores_with_previous
    where qualification = 'qualified'
),

scores as (
    select
        scores_with_band.account_id,
        scores_with_band.score_date,
        scores_with_band.segment,
        scores_with_band.arr,
        scores_with_band.status,
        scores_with_band.coverage,
        scores_with_band.score,
        scores_with_band.band,
        scores_with_band.hands_over,
        scores_with_band.expected_expansion_rate,
        scores_with_band.expected_uplift_share,
        scores_with_band.indicators_agreeing,
        scores_with_band.days_persisted,
        scores_with_band.core_share,
        scores_with_band.held_share,
        scores_with_band.triggers,
        scores_with_band.qualification,
        scores_with_band.qualification = 'qualified' as is_qualified,
        qualified_dates.qualified_since
    from scores_with_band
    left join qualified_dates
        on
            scores_with_band.account_id = qualified_dates.account_id
            and scores_with_band.score_date = qualified_dates.score_date
)

select * from scores
