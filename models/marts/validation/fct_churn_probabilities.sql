-- Probability of churn of the current score, from the isotonic curve of its version. One row per
-- account and horizon.
with

current_health as (
    select * from {{ ref('fct_current_health') }}
),

validation_horizons as (
    select * from {{ ref('validation_horizons') }}
),

churn_curves as (
    select * from {{ ref('int_churn_curves') }}
    where basis = 'restated' and predictor = 'score' and left_out_fold = 0
),

scores_by_horizon as (
    select
        current_health.account_id,
        current_health.score_date,
        current_health.model_version,
        current_health.status,
        cast(current_health.score as decimal(9, 2)) as score,
        validation_horizons.horizon_days,
        validation_horizons.lead_gap_days,
        validation_horizons.min_churners,
        case
            when current_health.status = 'scored' then {{ score_bin('current_health.score') }}
        end as bin
    from current_health
    cross join validation_horizons
),

scores_with_curves as (
    select
        scores_by_horizon.*,
        churn_curves.training_churners,
        churn_curves.training_observations,
        churn_curves.base_rate,
        churn_curves.churn_probability,
        churn_curves.probability_lower,
        churn_curves.probability_upper,
        case
            when scores_by_horizon.status = 'churned' then 'the account has left'
            when scores_by_horizon.status = 'completed' then 'the account has completed'
            when scores_by_horizon.status <> 'scored' then 'the account has no score'
            when coalesce(churn_curves.training_churners, 0) < scores_by_horizon.min_churners
                then
                    'too few churners to learn from: '
                    || cast(
                        coalesce(churn_curves.training_churners, 0) as {{ dbt.type_string() }}
                    )
                    || ', needs ' || cast(scores_by_horizon.min_churners as {{ dbt.type_string() }})
        end as missing_because
    from scores_by_horizon
    left join churn_curves
        on
            scores_by_horizon.horizon_days = churn_curves.horizon_days
            and scores_by_horizon.model_version = churn_curves.model_version
            and scores_by_horizon.bin = churn_curves.bin
),

probabilities as (
    select
        account_id,
        horizon_days,
        lead_gap_days,
        score_date,
        model_version,
        score,
        {% for column in ['churn_probability', 'probability_lower', 'probability_upper'] -%}
        case when missing_because is null then {{ column }} end as {{ column }},
        {% endfor -%}
        training_observations,
        training_churners,
        base_rate,
        missing_because
    from scores_with_curves
)

select * from probabilities
