{%- set seeds = [
    'programme_settings', 'kpi_checkpoints', 'kpis', 'kpi_targets', 'service_levels',
    'programme_roi_inputs', 'programme_roi_claims', 'programme_gates', 'benchmark_metrics',
    'benchmark_groups', 'benchmarks', 'maturity_stages', 'maturity_criteria',
    'programme_capabilities', 'resource_measures', 'resource_rules',
    'activation_milestones', 'adoption_baselines', 'adoption_settings', 'journey_milestones',
    'journeys', 'milestone_criteria', 'milestones', 'tracking_plan', 'arr_scenario_cohorts',
    'arr_scenario_steps', 'arr_scenarios',
    'expansion_bands', 'expansion_horizons', 'expansion_indicators', 'expansion_rubrics',
    'expansion_settings', 'expansion_signals', 'expansion_triggers', 'alert_kinds',
    'alert_routes', 'outcome_settings', 'play_economics', 'play_triggers', 'playbooks',
    'priority_terms', 'risk_criteria', 'risk_rules', 'risk_severities', 'risk_settings',
    'risk_windows', 'task_settings',
    'ageing_buckets', 'billing_settings', 'business_hours', 'cancellation_reasons',
    'column_checks', 'coverage_rules', 'drift_settings', 'drift_thresholds', 'event_schemas',
    'event_types', 'exchange_rates', 'excluded_days', 'excluded_users', 'exclusion_rules',
    'holidays', 'lifecycle_stages', 'lift_targets', 'manual_inputs', 'milestone_settings',
    'experiment_metrics', 'onboarding_experiments', 'onboarding_retention_assumptions',
    'onboarding_retention_settings',
    'onboarding_settings', 'onboarding_starts', 'opportunity_stages', 'owner_turns', 'owners',
    'reject_thresholds', 'reported_exchange_rates', 'retention_settings', 'retention_windows',
    'signals', 'size_classes', 'sla_targets', 'stop_evidence', 'support_costs', 'support_settings',
    'survey_scales', 'predictor_outcomes', 'predictor_settings', 'published_effects',
    'task_outcomes', 'ticket_topics', 'timezones', 'trial_windows', 'usage_settings',
    'validation_horizons', 'volume_rules',
    'health_bands', 'health_metrics', 'health_model_versions', 'health_weights',
    'metric_advice', 'scorecards', 'sync_destinations', 'sync_fields', 'sync_routes', 'sync_values'
] -%}

-- The seeds in long form, so that column_checks can say what a cell may hold. One row per cell.
with

checked_columns as (
    select distinct
        file_path,
        column_name
    from {{ ref('column_checks') }}
),

cells as (
    {% for seed in seeds -%}
    {% set shape = shape_of_seed(seed) -%}
    select
        '{{ shape.file_path }}' as file_path,
        '{{ seed }}' as seed,
        {{ row_key(shape.key) }} as row_key,
        checked_columns.column_name,
        case checked_columns.column_name
            {% for column in shape.types -%}
            when '{{ column }}' then cast(seed_rows.{{ column }} as {{ dbt.type_string() }})
            {% endfor %}
        end as cell,
        case checked_columns.column_name
            {% for column, type in shape.types.items()
                if type in ('integer', 'bigint') or type.startswith('decimal') -%}
            when '{{ column }}' then cast(seed_rows.{{ column }} as decimal(38, 15))
            {% endfor %}
            when 'none' then cast(null as decimal(38, 15))
        end as number
    from {{ ref(seed) }} as seed_rows
    inner join checked_columns
        on checked_columns.file_path = '{{ shape.file_path }}'
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from cells
