{%- set text = dbt.type_string() -%}
-- Where a rate has stalled over quarters or lags across segments, what to invest in, what that is
-- forecast to bring, and later what came. One row per rule, segment and quarter.
with

settings as (
    select * from {{ ref('programme_settings') }}
),

rules as (
    select * from {{ ref('resource_rules') }}
),

measures as (
    select * from {{ ref('resource_measures') }}
),

quarter_counts as (
    select * from {{ ref('int_quarter_rates') }}
),

quarter_rates as (
    select
        quarter_counts.*,
        settings.min_cases,
        case
            when quarter_counts.is_complete and quarter_counts.accounts >= settings.min_cases
                then {{ ratio('quarter_counts.reached', 'quarter_counts.accounts') }}
        end as rate,
        {%- for bound, sign in [('lower', '-'), ('upper', '+')] %}
        case
            when quarter_counts.is_complete and quarter_counts.accounts >= settings.min_cases
                then
                    {{ round_half_up(
                        wilson_bound('quarter_counts.reached', 'quarter_counts.accounts', sign), 12
                    ) }}
        end as rate_{{ bound }},
        {%- endfor %}
        {{ as_double('quarter_counts.reached') }} / nullif(quarter_counts.accounts, 0) as share
    from quarter_counts
    cross join settings
),

-- Interval of a difference of proportions from two Wilson intervals: R. G. Newcombe (1998), method
-- 10. A quarter is compared with the one before it alone.
changes as (
    select
        later.*,
        case
            when later.rate is not null and earlier.rate is not null
                then {{ round_half_up('later.share - earlier.share', 6) }}
        end as rate_change,
        case
            when later.rate is not null and earlier.rate is not null
                then
                    later.share - earlier.share - sqrt(
                        (later.share - later.rate_lower) * (later.share - later.rate_lower)
                        + (earlier.rate_upper - earlier.share)
                        * (earlier.rate_upper - earlier.share)
                    )
        end as change_lower,
        case
            when later.rate is not null and earlier.rate is not null
                then
                    later.share - earlier.share + sqrt(
                        (later.rate_upper - later.share) * (later.rate_upper - later.share)
                        + (earlier.share - earlier.rate_lower)
                        * (earlier.share - earlier.rate_lower)
                    )
        end as change_upper
    from quarter_rates as later
    left join quarter_rates as earlier
        on
            later.measure = earlier.measure
            and later.segment = earlier.segment
            and later.quarter_number = earlier.quarter_number + 1
),

rules_by_quarter as (
    select
        rules.*,
        measures.measure_name,
        changes.segment,
        changes.quarter_start,
        changes.quarter_end,
        changes.quarter_number,
        changes.is_complete,
        changes.accounts,
        changes.reached,
        changes.min_cases,
        changes.rate,
        changes.rate_lower,
        changes.rate_upper,
        changes.rate_change,
        changes.change_lower,
        changes.change_upper
    from rules
    inner join measures
        on rules.measure = measures.measure
    inner join changes
        on rules.measure = changes.measure
),

-- The last quarters up to each, as many as the rule asks for.
last_quarters as (
    select
        rules_by_quarter.rule,
        rules_by_quarter.kind,
        rules_by_quarter.segment,
        rules_by_quarter.quarter_number,
        count(changes.rate) as known_quarters,
        sum(case when changes.rate_upper < rules_by_quarter.baseline then 1 else 0 end)
            as lagging_quarters,
        count(changes.rate_change) as known_changes,
        sum(case when changes.rate_change <= rules_by_quarter.tolerance then 1 else 0 end)
            as flat_changes,
        sum(case when changes.change_upper <= rules_by_quarter.tolerance then 1 else 0 end)
            as surely_flat_changes
    from rules_by_quarter
    inner join changes
        on
            rules_by_quarter.measure = changes.measure
            and rules_by_quarter.segment = changes.segment
            and changes.quarter_number
            between rules_by_quarter.quarter_number - rules_by_quarter.quarters + 1
            and rules_by_quarter.quarter_number
    group by
        rules_by_quarter.rule,
        rules_by_quarter.kind,
        rules_by_quarter.segment,
        rules_by_quarter.quarter_number
),

lagging_segments as (
    select
        last_quarters.rule,
        last_quarters.quarter_number,
        sum(case when last_quarters.lagging_quarters = rules.quarters then 1 else 0 end)
            as segments,
        sum(case when last_quarters.known_quarters = rules.quarters then 1 else 0 end)
            as known_segments
    from last_quarters
    inner join rules
        on last_quarters.rule = rules.rule
    where last_quarters.kind = 'lagging' and last_quarters.segment <> 'all'
    group by last_quarters.rule, last_quarters.quarter_number
),

rules_with_outcome as (
    select
        rules_by_quarter.*,
        case
            when rules_by_quarter.kind = 'stalled'
                then last_quarters.surely_flat_changes = rules_by_quarter.quarters
        end as is_sure,
        lagging_segments.segments as lagging_segments,
        case
            when rules_by_quarter.rate is null then null
            when rules_by_quarter.kind = 'stalled'
                then
                    case
                        when last_quarters.known_changes = rules_by_quarter.quarters
                            then last_quarters.flat_changes = rules_by_quarter.quarters
                    end
            when lagging_segments.segments >= rules_by_quarter.min_segments
                then
                    rules_by_quarter.segment = 'all'
                    or coalesce(last_quarters.lagging_quarters = rules_by_quarter.quarters, false)
            when lagging_segments.known_segments >= rules_by_quarter.min_segments then false
        end as is_fired
    from rules_by_quarter
    left join last_quarters
        on
            rules_by_quarter.rule = last_quarters.rule
            and rules_by_quarter.segment = last_quarters.segment
            and rules_by_quarter.quarter_number = last_quarters.quarter_number
    left join lagging_segments
        on
            rules_by_quarter.rule = lagging_segments.rule
            and rules_by_quarter.quarter_number = lagging_segments.quarter_number
),

rules_with_actual as (
    select
        rules_with_outcome.*,
        case
            when rules_with_outcome.is_fired
                then rules_with_outcome.rate + rules_with_outcome.forecast_change
        end as forecast_rate,
        case when rules_with_outcome.is_fired then actuals.rate end as actual_rate,
        case when rules_with_outcome.is_fired then actuals.quarter_start end
            as actual_quarter_start,
        coalesce(actuals.is_complete, false) as is_actual_complete
    from rules_with_outcome
    left join quarter_rates as actuals
        on
            rules_with_outcome.measure = actuals.measure
            and rules_with_outcome.segment = actuals.segment
            and rules_with_outcome.quarter_number + rules_with_outcome.forecast_quarters
            = actuals.quarter_number
),

resource_rows as (
    select
        rule || '|' || segment || '|' || cast(quarter_start as {{ text }}) as resource_key,
        rule,
        rule_order,
        rule_name,
        measure,
        segment,
        quarter_start,
        quarter_end,
        is_complete,
        cast(accounts as bigint) as n,
        rate,
        {{ round_half_up('rate_lower', 6) }} as rate_lower,
        {{ round_half_up('rate_upper', 6) }} as rate_upper,
        rate_change,
        {{ round_half_up('change_lower', 6) }} as change_lower,
        {{ round_half_up('change_upper', 6) }} as change_upper,
        is_fired,
        case when is_fired then coalesce(is_sure, true) end as is_sure,
        case when is_fired then investment end as investment,
        case when is_fired then serves end as serves,
        case when is_fired then owner_role end as owner_role,
        cast(forecast_rate as decimal(18, 6)) as forecast_rate,
        actual_quarter_start,
        actual_rate,
        case
            when not is_fired or is_fired is null then null
            when actual_rate >= forecast_rate then 'met'
            when actual_rate < forecast_rate then 'missed'
            when is_actual_complete then 'unknown'
            else 'open'
        end as forecast_status,
        case
            when not is_complete then 'not all of its accounts have lived the day yet'
            when rate is null
                then
                    'too few accounts: ' || cast(accounts as {{ text }}) || ', needs '
                    || cast(min_cases as {{ text }})
            when is_fired is null and kind = 'stalled' then 'too few quarters before it are known'
            when is_fired is null then 'too few segments are known'
        end as missing_because,
        case
            when is_fired
                then
                    rule_name || ': ' || {{ number_with_unit('rate', "'ratio'") }} || ' ('
                    || {{ number_with_unit('rate_lower', "'ratio'") }} || ' to '
                    || {{ number_with_unit('rate_upper', "'ratio'") }} || ', n '
                    || cast(accounts as {{ text }}) || ')'
                    || case
                        when kind = 'lagging'
                            then '; ' || cast(lagging_segments as {{ text }}) || ' segments lag'
                        when is_sure then ''
                        else '; the intervals leave room for a rise'
                    end || '. ' || investment || '.'
            when not is_fired then 'No rule: ' || {{ number_with_unit('rate', "'ratio'") }} || '.'
        end as verdict
    from rules_with_actual
)

select * from resource_rows
