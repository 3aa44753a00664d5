with

scored as (
    select * from {{ ref('fct_account_health') }}
    where status = 'scored'
),

weights as (
    select * from {{ ref('health_weights') }}
),

drivers as (
    select * from {{ ref('fct_health_drivers') }}
),

intended as (
    select
        scored.account_id,
        scored.score_date,
        scored.model_version,
        weights.metric,
        weights.weight
    from scored
    left join weights
        on scored.model_version = weights.model_version
),

compared as (
    select
        coalesce(intended.account_id, drivers.account_id) as account_id,
        coalesce(intended.score_date, drivers.score_date) as score_date,
        intended.metric as intended_metric,
        drivers.metric as driver_metric,
        intended.weight as intended_weight,
        drivers.weight as driver_weight
    from intended
    full outer join drivers
        on
            intended.account_id = drivers.account_id
            and intended.score_date = drivers.score_date
            and intended.model_version = drivers.model_version
            and intended.metric = drivers.metric
)

select * from compared
where coalesce(intended_weight <> driver_weight, true)
