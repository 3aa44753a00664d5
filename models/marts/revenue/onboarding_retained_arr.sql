with

retention as (
    select * from {{ ref('int_onboarding_retention') }}
),

settings as (
    select * from {{ ref('onboarding_retention_settings') }}
),

onboarding_retention_assumptions as (
    select * from {{ ref('onboarding_retention_assumptions') }}
),

by_segment as (
    select retention.*, segment as cohort_segment from retention
    union all
    select retention.*, 'all' as cohort_segment from retention
),

totals as (
    select
        comparison,
        is_randomised,
        cohort_segment,
        cast(sum(case when not is_over then 1 else 0 end) as bigint) as open_accounts,
        {%- for onboarding in ('with', 'without') %}
        cast(
            sum(case when is_over and onboarding = '{{ onboarding }}' then 1 else 0 end) as bigint
        ) as {{ onboarding }}_accounts,
        cast(
            sum(case when is_retained and onboarding = '{{ onboarding }}' then 1 else 0 end)
            as bigint
        ) as {{ onboarding }}_retained,
        cast(
            sum(case when is_over and onboarding = '{{ onboarding }}' then start_arr else 0 end)
            as decimal(18, 2)
        ) as {{ onboarding }}_arr,
        cast(
            sum(case when is_over and onboarding = '{{ onboarding }}' then kept_arr else 0 end)
            as decimal(18, 2)
        ) as {{ onboarding }}_kept_arr,
        {%- endfor %}
        min(window_ends_on) as first_window_ends_on
    from by_segment
    group by comparison, is_randomised, cohort_segment
),

assumed as (
    select
        totals.*,
        assumptions.assumption,
        assumptions.causal_share,
        assumptions.baseline_annual_churn
    from totals
    cross join onboarding_retention_assumptions as assumptions
    where not totals.is_randomised
    union all
    select
        totals.*,
        'randomised' as assumption,
        cast(1 as decimal(9, 6)) as causal_share,
        cast(null as decimal(9, 6)) as baseline_annual_churn
    from totals
    where totals.is_randomised
),

proportions as (
    select
        assumed.*,
        settings.min_weight_share,
        settings.by_day,
        settings.follow_up_days,
        settings.min_accounts,
        {%- for onboarding in ('with', 'without') %}
        {{ as_double(onboarding ~ '_retained') }} / nullif({{ onboarding }}_accounts, 0)
            as {{ onboarding }}_share,
        {{ wilson_bound(onboarding ~ '_retained', onboarding ~ '_accounts', '-') }}
            as {{ onboarding }}_lower,
        {{ wilson_bound(onboarding ~ '_retained', onboarding ~ '_accounts', '+') }}
            as {{ onboarding }}_upper,
        {%- endfor %}
        power(
            1 - {{ as_double('baseline_annual_churn') }},
            {{ as_double('settings.follow_up_days') }} / 365
        ) as baseline_share
    from assumed
    cross join settings
),

-- R. G. Newcombe, Interval estimation for the difference between independent proportions (1998),
-- method 10.
differences as (
    select
        proportions.*,
        with_share - without_share as difference,
        with_share - without_share - sqrt(
            (with_share - with_lower) * (with_share - with_lower)
            + (without_upper - without_share) * (without_upper - without_share)
        ) as difference_lower,
        with_share - without_share + sqrt(
            (with_upper - with_share) * (with_upper - with_share)
            + (without_share - without_lower) * (without_share - without_lower)
        ) as difference_upper
    from proportions
),

attributed as (
    select
        differences.*,
        coalesce(baseline_share, without_share) as counterfactual_share,
        {{ as_double('causal_share') }}
        * case
            when baseline_share is null then difference else with_share - baseline_share
        end as attributed_difference,
        {{ as_double('causal_share') }}
        * case
            when baseline_share is null then difference_lower else with_lower - baseline_share
        end as attributed_lower,
        {{ as_double('causal_share') }}
        * case
            when baseline_share is null then difference_upper else with_upper - baseline_share
        end as attributed_upper
    from differences
),

priced as (
    select
        attributed.*,
        {{ round_half_up('attributed_difference * ' ~ as_double('with_arr'), 2) }}
            as retained_arr,
        {{ round_half_up('attributed_lower * ' ~ as_double('with_arr'), 2) }}
            as retained_arr_lower,
        {{ round_half_up('attributed_upper * ' ~ as_double('with_arr'), 2) }}
            as retained_arr_upper,
        case
            when with_accounts + without_accounts = 0 then 'too_young'
            when with_accounts < min_accounts then 'too_few_with'
            when without_accounts < min_accounts then 'too_few_without'
            when attributed_lower > 0 then 'retains'
            when attributed_upper < 0 then 'loses'
            else 'no_clear_difference'
        end as finding
    from attributed
),

retained as (
    select
        comparison || '|' || cohort_segment || '|' || assumption as retained_arr_key,
        comparison,
        is_randomised,
        cohort_segment as segment,
        assumption,
        min_weight_share,
        by_day,
        follow_up_days,
        causal_share,
        baseline_annual_churn,
        open_accounts,
        with_accounts,
        with_retained,
        {{ round_half_up('with_share', 12) }} as with_retention,
        with_arr,
        {{ ratio('with_kept_arr', 'with_arr') }} as with_gross_retention,
        without_accounts,
        without_retained,
        {{ round_half_up('without_share', 12) }} as without_retention,
        without_arr,
        {{ ratio('without_kept_arr', 'without_arr') }} as without_gross_retention,
        {{ round_half_up('difference', 12) }} as retention_difference,
        {{ round_half_up('difference_lower', 12) }} as difference_lower,
        {{ round_half_up('difference_upper', 12) }} as difference_upper,
        {{ round_half_up('counterfactual_share', 12) }} as counterfactual_retention,
        {{ round_half_up('attributed_difference', 12) }} as attributed_difference,
        retained_arr,
        retained_arr_lower,
        retained_arr_upper,
        finding,
        case finding
            when 'too_young'
                then
                    'no window is over yet: the first ends on '
                    || cast(first_window_ends_on as {{ dbt.type_string() }})
            when 'too_few_with'
                then
                    'too few accounts with the onboarding: '
                    || cast(with_accounts as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_accounts as {{ dbt.type_string() }})
            when 'too_few_without'
                then
                    'too few accounts without it: '
                    || cast(without_accounts as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_accounts as {{ dbt.type_string() }})
            else
                case finding
                    when 'retains' then 'retains ARR: '
                    when 'loses' then 'loses ARR: '
                    else 'no clear difference: '
                end
                || cast(retained_arr as {{ dbt.type_string() }}) || ' ('
                || cast(retained_arr_lower as {{ dbt.type_string() }}) || ' to '
                || cast(retained_arr_upper as {{ dbt.type_string() }}) || ') of '
                || cast(with_arr as {{ dbt.type_string() }}) || ' in '
                || cast(follow_up_days as {{ dbt.type_string() }}) || ' days'
        end as verdict
    from priced
)

select * from retained
