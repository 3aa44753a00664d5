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
        || ', by ' || author_role || ': ' || rationale as state
    from health_model_versions
    union all
    select
        'metric ' || metric || ' of ' || model_version as subject,
        signal || ', ' || direction || ', ' || method
        || coalesce(' ' || cast(lower_bound as {{ dbt.type_string() }}), '')
        || coalesce(' to ' || cast(upper_bound as {{ dbt.type_string() }}), '')
        || ', age ' || coalesce(age_signal, 'none') || ', missing ' || missing_policy
        || ', decay ' || cast(decay_per_day as {{ dbt.type_string() }}) as state
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
    {% for checksum in seed_checksums() -%}
    union all
    select
        'seed {{ checksum.split(':')[0] }}' as subject,
        '{{ checksum }}' as state
    {% endfor %}
)

select * from configuration_values
