-- Expected loss of ARR within `expected_loss_days`: ARR times the churn probability of the score.
-- One row per account and score date of the live track, without those that have left.
with

scores as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live' and status not in ('churned', 'completed')
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

churn_curves as (
    select * from {{ ref('int_churn_curves') }}
    where basis = 'restated' and predictor = 'score' and left_out_fold = 0
),

validation_horizons as (
    select validation_horizons.*
    from {{ ref('validation_horizons') }} as validation_horizons
    inner join {{ ref('task_settings') }} as task_settings
        on validation_horizons.horizon_days = task_settings.expected_loss_days
),

base_rates as (
    select distinct
        horizon_days,
        model_version,
        training_churners,
        base_rate
    from churn_curves
),

score_windows as (
    select
        scores.account_id,
        scores.segment,
        scores.score_date,
        scores.model_version,
        scores.status,
        validation_horizons.horizon_days,
        validation_horizons.min_churners,
        {{ add_days(
            'scores.score_date',
            'validation_horizons.lead_gap_days + validation_horizons.horizon_days'
        ) }} as window_ends_on,
        case when scores.status = 'scored' then {{ score_bin('scores.score') }} end as bin
    from scores
    cross join validation_horizons
),

-- Terms that run past the window, with no notice given by the score date, bind the account: it is
-- not at risk.
bound_accounts as (
    select distinct
        score_windows.account_id,
        score_windows.score_date
    from score_windows
    inner join subscription_periods
        on score_windows.account_id = subscription_periods.account_id
    where
        {{ is_bound_beyond(
            'subscription_periods', 'score_windows.window_ends_on', 'score_windows.score_date'
        ) }}
),

scores_with_probability as (
    select
        score_windows.*,
        measured_signals.arr,
        bound_accounts.account_id is null as is_at_risk,
        case
            when coalesce(base_rates.training_churners, 0) >= score_windows.min_churners
                then coalesce(churn_curves.churn_probability, base_rates.base_rate)
        end as churn_probability
    from score_windows
    left join measured_signals
        on
            score_windows.account_id = measured_signals.account_id
            and score_windows.score_date = measured_signals.date_day
    left join bound_accounts
        on
            score_windows.account_id = bound_accounts.account_id
            and score_windows.score_date = bound_accounts.score_date
    left join base_rates
        on
            score_windows.horizon_days = base_rates.horizon_days
            and score_windows.model_version = base_rates.model_version
    left join churn_curves
        on
            score_windows.horizon_days = churn_curves.horizon_days
            and score_windows.model_version = churn_curves.model_version
            and score_windows.bin = churn_curves.bin
),

scores_with_stake as (
    select
        scores_with_probability.*,
        {{ round_half_up(as_double('arr') ~ ' * churn_probability', 2) }} as arr_at_stake
    from scores_with_probability
),

expected_losses as (
    select
        account_id,
        segment,
        score_date,
        horizon_days,
        is_at_risk,
        arr,
        churn_probability,
        arr_at_stake,
        case
            when is_at_risk then arr_at_stake
            else cast(0 as decimal(18, 2))
        end as expected_arr_loss,
        case
            when churn_probability is null then 'too few churners to learn from'
            when arr is null then 'no subscription was ever recorded'
            when status <> 'scored' then 'base rate x ARR, the account has no score'
            else 'churn probability x ARR'
        end as stake_basis
    from scores_with_stake
)

select * from expected_losses
