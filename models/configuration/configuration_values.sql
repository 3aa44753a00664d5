-- Values of the health score's seeds as text, and the checksum of each seed, for the audit log. One
-- row per subject.
with

health_model_versions as (
    select * from {{ ref('health_model_versions') }}
),

health_metrics as (
    select * from {{ ref('health_metrics') }}
),

health_weights as (
    select * from {{ ref('health_weights') }}
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

-- Each seed adds its row when it is loaded, so all are waited for.
-- depends_on: {{ ref('configuration_cells') }}
loaded_seeds as (
    select * from {{ source('builds', 'loaded_seeds') }}
),

last_loads as (
    select
        seed,
        max(load_number) as load_number
    from loaded_seeds
    group by seed
),

configuration_values as (
    select
        'version ' || model_version as subject,
        track || ', segment ' || segment || ', stage ' || stage
        || ', from ' || cast(effective_from as {{ dbt.type_string() }})
        || coalesce(' to ' || cast(effective_to as {{ dbt.type_string() }}), '')
        || ', age ' || coalesce(cast(min_account_age_days as {{ dbt.type_string() }}), '')
        || ', coverage ' || coalesce(cast(coverage_floor as {{ dbt.type_string() }}), '')
        || ', peers ' || coalesce(cast(min_peers as {{ dbt.type_string() }}), '')
        || ', missing ' || coalesce(cast(max_missing_peer_share as {{ dbt.type_string() }}), '')
        || coalesce(
            ', unobserved decay ' || cast(unobserved_decay_per_day as {{ dbt.type_string() }}), ''
        )
        || ', by ' || author_role || ': ' || rationale as state
    from health_model_versions
    union all
    select
        'metric ' || metric || ' of ' || model_version as subject,
        signal || ', ' || direction || ', ' || method
        || coalesce(' ' || cast(lower_bound as {{ dbt.type_string() }}), '')
        || coalesce(' to ' || cast(upper_bound as {{ dbt.type_string() }}), '')
        || ', age ' || coalesce(age_signal, 'none') || ', missing ' || missing_policy
        -- Spark writes a decimal 0 of nine places as 0E-9.
        || ', decay '
        || case
            when decay_per_day = 0 then '0'
            else cast(decay_per_day as {{ dbt.type_string() }})
        end as state
    from health_metrics
    union all
    select
        'weight of ' || metric || ' in ' || model_version as subject,
        cast(weight as {{ dbt.type_string() }}) as state
    from health_weights
    union all
    select
        'band ' || band || ' of ' || model_version as subject,
        'from ' || cast(lower_edge as {{ dbt.type_string() }})
        || ', margin ' || cast(hold_margin as {{ dbt.type_string() }}) as state
    from health_bands
    union all
    select
        'seed ' || loaded_seeds.seed as subject,
        loaded_seeds.seed || ':' || loaded_seeds.checksum as state
    from loaded_seeds
    inner join last_loads
        on
            loaded_seeds.seed = last_loads.seed
            and loaded_seeds.load_number = last_loads.load_number
)

select * from configuration_values
