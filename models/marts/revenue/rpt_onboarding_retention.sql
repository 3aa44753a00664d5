-- ARR that the onboarding retained: accounts with and without it, with Newcombe intervals, times an
-- assumed causal share. One row per comparison, segment and assumption.
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

retention_by_segment as (
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
        min(window_ends_on) as first_window_ends_on
    from retention_by_segment
    group by comparison, is_randomised, cohort_segment
),

closed_accounts as (
    select
        retention_by_segment.*,
        sum(start_arr) over (partition by comparison, cohort_segment, onboarding) as arm_arr,
        sum(kept_arr) over (partition by comparison, cohort_segment, onboarding) as arm_kept_arr
    from retention_by_segment
    where is_over
),

-- Each account as a share of its arm's ARR: its weight, and its residual from the arm's kept share.
account_weights as (
    select
        closed_accounts.*,
        {{ round_half_up(
            as_double('start_arr') ~ ' / nullif(' ~ as_double('arm_arr') ~ ', 0)', 12
        ) }} as arr_share,
        {{ round_half_up(
            '(' ~ as_double('kept_arr') ~ ' - ' ~ as_double('start_arr') ~ ' * '
            ~ as_double('arm_kept_arr') ~ ' / nullif(' ~ as_double('arm_arr') ~ ', 0)) / nullif('
            ~ as_double('arm_arr') ~ ', 0)', 12
        ) }} as residual_share
    from closed_accounts
),

arms as (
    select
        comparison,
        cohort_segment,
        onboarding,
        cast(count(*) as bigint) as accounts,
        cast(sum(case when start_arr > 0 then 1 else 0 end) as bigint) as paying_accounts,
        cast(sum(case when is_retained then 1 else 0 end) as bigint) as retained,
        cast(sum(start_arr) as decimal(18, 2)) as arr,
        cast(sum(kept_arr) as decimal(18, 2)) as kept_arr,
        {{ as_double('sum(kept_arr)') }} / nullif({{ as_double('sum(start_arr)') }}, 0)
            as gross_share,
        {{ as_double('sum(arr_share * arr_share)') }} as squared_shares,
        {{ as_double('sum(residual_share * residual_share)') }} as variance
    from account_weights
    group by comparison, cohort_segment, onboarding
),

-- Effective sample size after Kish (Survey Sampling, 1965), or a smaller one where the linearised
-- variance of the ratio is larger (Korn and Graubard, 1998).
arms_with_effective_size as (
    select
        arms.*,
        case
            when variance > gross_share * (1 - gross_share) * squared_shares
                then gross_share * (1 - gross_share) / nullif(variance, 0)
            else 1 / nullif(squared_shares, 0)
        end as effective_accounts
    from arms
),

comparisons as (
    select
        totals.comparison,
        totals.is_randomised,
        totals.cohort_segment,
        totals.open_accounts,
        {%- for onboarding in ('with', 'without') %}
        coalesce({{ onboarding }}_arms.accounts, 0) as {{ onboarding }}_accounts,
        coalesce({{ onboarding }}_arms.paying_accounts, 0) as {{ onboarding }}_paying_accounts,
        coalesce({{ onboarding }}_arms.retained, 0) as {{ onboarding }}_retained,
        coalesce({{ onboarding }}_arms.arr, 0) as {{ onboarding }}_arr,
        coalesce({{ onboarding }}_arms.kept_arr, 0) as {{ onboarding }}_kept_arr,
        {{ onboarding }}_arms.gross_share as {{ onboarding }}_gross,
        {{ onboarding }}_arms.effective_accounts as {{ onboarding }}_effective,
        {%- endfor %}
        totals.first_window_ends_on
    from totals
    left join arms_with_effective_size as with_arms
        on
            totals.comparison = with_arms.comparison
            and totals.cohort_segment = with_arms.cohort_segment
            and with_arms.onboarding = 'with'
    left join arms_with_effective_size as without_arms
        on
            totals.comparison = without_arms.comparison
            and totals.cohort_segment = without_arms.cohort_segment
            and without_arms.onboarding = 'without'
),

scenarios as (
    select
        comparisons.*,
        assumptions.assumption,
        assumptions.causal_share,
        assumptions.baseline_annual_arr_loss
    from comparisons
    cross join onboarding_retention_assumptions as assumptions
    where not comparisons.is_randomised
    union all
    select
        comparisons.*,
        'randomised' as assumption,
        cast(1 as decimal(9, 6)) as causal_share,
        cast(null as decimal(9, 6)) as baseline_annual_arr_loss
    from comparisons
    where comparisons.is_randomised
),

proportions as (
    select
        scenarios.*,
        settings.min_weight_share,
        settings.by_day,
        settings.follow_up_days,
        settings.min_accounts,
        case
            when scenarios.is_randomised then settings.by_day + settings.follow_up_days
            else settings.follow_up_days
        end as followed_days,
        {%- for onboarding in ('with', 'without') %}
        {{ as_double(onboarding ~ '_retained') }} / nullif({{ onboarding }}_accounts, 0)
            as {{ onboarding }}_logo,
        {{ wilson_bound(onboarding ~ '_retained', onboarding ~ '_accounts', '-') }}
            as {{ onboarding }}_logo_lower,
        {{ wilson_bound(onboarding ~ '_retained', onboarding ~ '_accounts', '+') }}
            as {{ onboarding }}_logo_upper,
        {%- set effectively_kept = onboarding ~ '_gross * ' ~ onboarding ~ '_effective' %}
        {{ wilson_bound(effectively_kept, onboarding ~ '_effective', '-') }}
            as {{ onboarding }}_gross_lower,
        {{ wilson_bound(effectively_kept, onboarding ~ '_effective', '+') }}
            as {{ onboarding }}_gross_upper,
        {%- endfor %}
        power(
            1 - {{ as_double('baseline_annual_arr_loss') }},
            {{ as_double('settings.follow_up_days') }} / 365
        ) as baseline_share
    from scenarios
    cross join settings
),

-- Interval of a difference of proportions from two Wilson intervals: R. G. Newcombe, Interval
-- estimation for the difference between independent proportions (1998), method 10.
differences as (
    select
        {%- for weighting in ('logo', 'gross') %}
        with_{{ weighting }} - without_{{ weighting }} as {{ weighting }}_difference,
        with_{{ weighting }} - without_{{ weighting }} - sqrt(
            (with_{{ weighting }} - with_{{ weighting }}_lower)
            * (with_{{ weighting }} - with_{{ weighting }}_lower)
            + (without_{{ weighting }}_upper - without_{{ weighting }})
            * (without_{{ weighting }}_upper - without_{{ weighting }})
        ) as {{ weighting }}_difference_lower,
        with_{{ weighting }} - without_{{ weighting }} + sqrt(
            (with_{{ weighting }}_upper - with_{{ weighting }})
            * (with_{{ weighting }}_upper - with_{{ weighting }})
            + (without_{{ weighting }} - without_{{ weighting }}_lower)
            * (without_{{ weighting }} - without_{{ weighting }}_lower)
        ) as {{ weighting }}_difference_upper,
        {%- endfor %}
        proportions.*
    from proportions
),

attributions as (
    select
        differences.*,
        coalesce(baseline_share, without_gross) as counterfactual_share,
        {{ as_double('causal_share') }}
        * case
            when baseline_share is null then gross_difference else with_gross - baseline_share
        end as attributed_difference,
        {{ as_double('causal_share') }}
        * case
            when baseline_share is null then gross_difference_lower
            else with_gross_lower - baseline_share
        end as attributed_lower,
        {{ as_double('causal_share') }}
        * case
            when baseline_share is null then gross_difference_upper
            else with_gross_upper - baseline_share
        end as attributed_upper
    from differences
),

retained_arrs as (
    select
        attributions.*,
        {{ round_half_up('attributed_difference * ' ~ as_double('with_arr'), 2) }}
            as retained_arr,
        {{ round_half_up('attributed_lower * ' ~ as_double('with_arr'), 2) }}
            as retained_arr_lower,
        {{ round_half_up('attributed_upper * ' ~ as_double('with_arr'), 2) }}
            as retained_arr_upper,
        case
            when with_accounts + without_accounts = 0 then 'too_young'
            when with_paying_accounts < min_accounts then 'too_few_with'
            when without_paying_accounts < min_accounts then 'too_few_without'
            when attributed_lower > 0 then 'retains'
            when attributed_upper < 0 then 'loses'
            else 'no_clear_difference'
        end as finding
    from attributions
),

onboarding_effects as (
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
        baseline_annual_arr_loss,
        open_accounts,
        with_accounts,
        with_retained,
        {{ round_half_up('with_logo', 12) }} as with_logo_retention,
        with_paying_accounts,
        {{ round_half_up('with_effective', 6) }} as with_effective_accounts,
        with_arr,
        with_kept_arr,
        {{ round_half_up('with_gross', 12) }} as with_gross_retention,
        without_accounts,
        without_retained,
        {{ round_half_up('without_logo', 12) }} as without_logo_retention,
        without_paying_accounts,
        {{ round_half_up('without_effective', 6) }} as without_effective_accounts,
        without_arr,
        without_kept_arr,
        {{ round_half_up('without_gross', 12) }} as without_gross_retention,
        {%- for weighting in ('logo', 'gross') %}
        {{ round_half_up(weighting ~ '_difference', 12) }} as {{ weighting }}_retention_difference,
        {{ round_half_up(weighting ~ '_difference_lower', 12) }}
            as {{ weighting }}_difference_lower,
        {{ round_half_up(weighting ~ '_difference_upper', 12) }}
            as {{ weighting }}_difference_upper,
        {%- endfor %}
        {{ round_half_up('counterfactual_share', 12) }} as counterfactual_gross_retention,
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
                    'too few paying accounts with the onboarding: '
                    || cast(with_paying_accounts as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_accounts as {{ dbt.type_string() }})
            when 'too_few_without'
                then
                    'too few paying accounts without it: '
                    || cast(without_paying_accounts as {{ dbt.type_string() }})
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
                || cast(followed_days as {{ dbt.type_string() }}) || ' days'
        end as verdict
    from retained_arrs
)

select * from onboarding_effects
