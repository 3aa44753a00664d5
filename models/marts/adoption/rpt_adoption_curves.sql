{%- set text = dbt.type_string() %}
{%- set of_curve = 'over (partition by cohort_key order by day)' %}
{%- set dimensions = {
    'all': "'all'",
    'month': 'cast(' ~ first_day_of('month', 'started_on') ~ ' as ' ~ text ~ ')',
    'segment': 'segment',
    'stage': 'lifecycle_stage',
} %}
{%- set percent = 'cast(' ~ round_half_up('100 * {}', 1) ~ ' as ' ~ text ~ ')' %}

-- What share of accounts has adopted a feature by the end of a week, beside the baseline:
-- Aalen-Johansen cumulative incidence with delayed entry, churn as the competing event. One row per
-- feature, slice of accounts and week of adoption_baselines.
with

feature_adoption as (
    select * from {{ ref('fct_feature_adoption') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

adoption_settings as (
    select * from {{ ref('adoption_settings') }}
),

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

adoption_baselines as (
    select * from {{ ref('adoption_baselines') }}
),

-- Who adopted a feature before it was observed is left out, as nobody knows how many there are.
accounts_of_features as (
    select
        feature_adoption.feature,
        feature_adoption.started_on,
        accounts.segment,
        accounts.lifecycle_stage,
        coalesce(
            {{ days_between('feature_adoption.started_on', 'feature_adoption.observed_from') }}
            <= adoption_settings.seen_within_days
            and coalesce(feature_adoption.adopted_on >= feature_adoption.observed_from, true),
            false
        ) as is_followed,
        {{ days_between('feature_adoption.started_on', 'feature_adoption.observed_from') }}
            as entered_days,
        {{ days_between(
            'feature_adoption.started_on',
            'least(feature_adoption.observed_until, '
            ~ 'coalesce(feature_adoption.adopted_on, feature_adoption.observed_until))'
        ) }} as followed_days,
        case
            when feature_adoption.adopted_on <= feature_adoption.observed_until then 1 else 0
        end as is_adopted,
        case when accounts.churned_on <= feature_adoption.observed_until then 1 else 0 end
            as has_left
    from feature_adoption
    cross join adoption_settings
    inner join accounts
        on feature_adoption.account_id = accounts.account_id
),

sliced_accounts as (
    {% for dimension, dimension_value in dimensions.items() -%}
    select
        '{{ dimension }}|' || {{ dimension_value }} || '|' || feature as cohort_key,
        feature,
        '{{ dimension }}' as dimension,
        {{ dimension_value }} as dimension_value,
        is_followed,
        entered_days,
        followed_days,
        is_adopted,
        case when is_adopted = 0 then has_left else 0 end as has_left
    from accounts_of_features
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

cohorts as (
    select
        cohort_key,
        feature,
        dimension,
        dimension_value,
        sum(case when is_followed then 1 else 0 end) as accounts,
        sum(case when is_followed then 0 else 1 end) as left_out
    from sliced_accounts
    group by cohort_key, feature, dimension, dimension_value
),

features_with_baseline as (
    select distinct
        cohorts.feature,
        coalesce(adoption_baselines.feature, 'any') as baseline_of
    from cohorts
    left join adoption_baselines
        on cohorts.feature = adoption_baselines.feature
),

cohort_weeks as (
    select
        cohorts.*,
        adoption_baselines.week,
        adoption_baselines.baseline_share
    from cohorts
    inner join features_with_baseline
        on cohorts.feature = features_with_baseline.feature
    inner join adoption_baselines
        on features_with_baseline.baseline_of = adoption_baselines.feature
),

-- Interval sums: +1 on the day an account enters, -1 after the day it leaves (both days at risk).
-- The last day of each week that is asked for is a day on which nothing changes.
changes as (
    select
        cohort_key,
        entered_days as day,
        1 as entering,
        0 as leaving,
        0 as adopted,
        0 as churned
    from sliced_accounts
    where is_followed
    union all
    select
        cohort_key,
        followed_days as day,
        0 as entering,
        1 as leaving,
        is_adopted as adopted,
        has_left as churned
    from sliced_accounts
    where is_followed
    union all
    select
        cohort_key,
        7 * week as day,
        0 as entering,
        0 as leaving,
        0 as adopted,
        0 as churned
    from cohort_weeks
),

days as (
    select
        cohort_key,
        day,
        sum(entering) as entering,
        sum(leaving) as leaving,
        sum(adopted) as adopted,
        sum(churned) as churned
    from changes
    group by cohort_key, day
),

days_with_risk_sets as (
    select
        days.*,
        sum(entering - leaving) {{ of_curve }} + leaving as at_risk,
        sum(entering) over (partition by cohort_key) - sum(entering) {{ of_curve }} as to_enter,
        min(case when entering > 0 then day end) over (partition by cohort_key) as first_day,
        lead(day) {{ of_curve }} as next_day
    from days
),

-- The first day with an empty risk set although accounts enter later: the curve ends before it.
days_with_gaps as (
    select
        days_with_risk_sets.*,
        min(
            case
                when first_day > 0 then 0
                when to_enter > 0 and at_risk = 0 then day
                when to_enter > 0 and at_risk = leaving and next_day > day + 1 then day + 1
            end
        ) over (partition by cohort_key) as gap_day
    from days_with_risk_sets
),

log_sums as (
    select
        days_with_gaps.*,
        sum(
            case
                when adopted + churned < at_risk
                    then ln({{ as_double('at_risk - adopted - churned') }} / at_risk)
                else 0
            end
        ) {{ of_curve }} as log_waiting,
        max(case when leaving > 0 and adopted + churned = at_risk then 1 else 0 end) {{ of_curve }}
            as is_over,
        sum(adopted) {{ of_curve }} as adopted_so_far,
        sum(adopted + churned) {{ of_curve }} - adopted - churned as ended_before
    from days_with_gaps
),

-- Aalen-Johansen: the increment of a day is the share that still waited before it times the share
-- of the risk set that adopted on it.
incidences as (
    select
        log_sums.*,
        case when is_over = 1 then 0 else exp(log_waiting) end as waiting_share,
        case
            when lag(is_over, 1, 0) {{ of_curve }} = 1 then 0
            else exp(lag(log_waiting, 1, 0) {{ of_curve }})
        end as waited_before
    from log_sums
),

shares as (
    select
        incidences.*,
        sum(
            case
                when adopted > 0 then {{ as_double('adopted') }} / at_risk * waited_before else 0
            end
        ) {{ of_curve }} as adopted_share
    from incidences
),

-- Terms of the variance of the cumulative incidence.
variance_terms as (
    select
        shares.*,
        case
            when adopted > 0
                then
                    waited_before * waited_before * {{ as_double('adopted') }}
                    * (at_risk - adopted) / ({{ as_double('at_risk') }} * at_risk * at_risk)
            else 0
        end as adopted_own,
        case
            when adopted > 0
                then
                    waited_before * {{ as_double('adopted') }}
                    / ({{ as_double('at_risk') }} * at_risk)
            else 0
        end as adopted_shared,
        case
            when adopted + churned between 1 and at_risk - 1
                then
                    {{ as_double('adopted + churned') }}
                    / ({{ as_double('at_risk') }} * (at_risk - adopted - churned))
            else 0
        end as ended
    from shares
),

variances as (
    select
        variance_terms.*,
        {{ incidence_variance('adopted', of_curve) }} as adopted_variance
    from variance_terms
),

spreads as (
    select
        variances.*,
        at_risk + ended_before as known,
        {{ incidence_spread('adopted_share', 'adopted_variance') }} as spread
    from variances
),

-- The share of nobody, or of all, has no variance: its interval is Wilson's of the accounts known.
bounds as (
    select
        {%- for bound, sign, wilson in [('lower', '', '-'), ('upper', '-', '+')] %}
        case
            when spread is not null
                then power(adopted_share, exp({{ sign }}spread))
            else {{ wilson_bound('adopted_share * known', 'known', wilson) }}
        end as adopted_share_{{ bound }},
        {%- endfor %}
        spreads.*
    from spreads
),

weeks as (
    select
        cohort_weeks.*,
        milestone_settings.min_at_risk,
        bounds.at_risk,
        bounds.known,
        bounds.adopted_so_far,
        bounds.adopted_share as share,
        bounds.adopted_share_lower as share_lower,
        bounds.adopted_share_upper as share_upper,
        case
            when cohort_weeks.accounts = 0 then 'the feature was not observed from the start'
            when
                bounds.day >= bounds.gap_day
                or (bounds.at_risk = 0 and bounds.waiting_share > 0)
                then 'the accounts are not followed so long'
            when bounds.known < milestone_settings.min_at_risk
                then
                    'too few accounts: ' || cast(cast(bounds.known as bigint) as {{ text }})
                    || ', needs ' || cast(milestone_settings.min_at_risk as {{ text }})
        end as missing_because
    from cohort_weeks
    cross join milestone_settings
    inner join bounds
        on
            cohort_weeks.cohort_key = bounds.cohort_key
            and 7 * cohort_weeks.week = bounds.day
),

weeks_with_finding as (
    select
        weeks.*,
        case
            when missing_because is not null then null
            when share_lower > baseline_share then 'ahead'
            when share_upper < baseline_share then 'behind'
            else 'not_told_apart'
        end as finding
    from weeks
),

curves as (
    select
        cohort_key || '|' || cast(week as {{ text }}) as curve_key,
        feature,
        dimension,
        dimension_value,
        week,
        cast(accounts as bigint) as accounts,
        cast(left_out as bigint) as left_out,
        cast(at_risk as bigint) as at_risk,
        cast(known as bigint) as known,
        cast(adopted_so_far as bigint) as adopted,
        {%- for bound in ['', '_lower', '_upper'] %}
        {%- set column = 'adopted_share' ~ bound %}
        case when finding is not null then {{ round_half_up('share' ~ bound, 8) }} end
            as {{ column }},
        {%- endfor %}
        baseline_share,
        case when finding is not null then {{ round_half_up('share - baseline_share', 8) }} end
            as gap_to_baseline,
        finding,
        case finding
            when 'ahead' then 'ahead of the baseline of '
            when 'behind' then 'behind the baseline of '
            when 'not_told_apart' then 'not told apart from the baseline of '
        end
        || {{ percent.format('baseline_share') }} || ' %: ' || {{ percent.format('share') }}
        || ' % (' || {{ percent.format('share_lower') }} || ' to '
        || {{ percent.format('share_upper') }} || ')' as verdict,
        missing_because
    from weeks_with_finding
)

select * from curves
