{%- set month = 'months.month_start, months.month_end' %}
{%- set effectively_reached = 'effective_completions.month_share * effective_due' %}
{%- set no_bounds = 'cast(null as decimal(18, 6)) as actual_lower,
        cast(null as decimal(18, 6)) as actual_upper' %}

-- What the marts say of each KPI for each month. One row per KPI and month; the running month has
-- only what is told as of its last day.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

settings as (
    select * from {{ ref('programme_settings') }}
),

kpis as (
    select * from {{ ref('kpis') }}
),

expansion_settings as (
    select * from {{ ref('expansion_settings') }}
),

months as (
    select * from {{ ref('int_billing_months') }}
),

retention as (
    select rpt_revenue_retention.*
    from {{ ref('rpt_revenue_retention') }} as rpt_revenue_retention
    inner join settings
        on rpt_revenue_retention.window_months = settings.compared_months
    where rpt_revenue_retention.segment = 'all' and rpt_revenue_retention.cohort = 'all'
),

starting_cohorts as (
    select * from {{ ref('rpt_ttv_cohorts') }}
    where
        cohort_period = 'month' and persona = 'primary'
        and segment = 'all' and product_category = 'all'
),

waterfall as (
    select * from {{ ref('rpt_arr_waterfall') }}
    where segment = 'all'
),

milestones as (
    select * from {{ ref('fct_milestones') }}
    where is_judged
),

leads as (
    select * from {{ ref('fct_expansion_leads') }}
    where population = 'qualified' and band = 'all' and outcome <> 'window_open'
),

last_horizon as (
    select max(horizon_days) as horizon_days
    from {{ ref('expansion_horizons') }}
),

onboarding_retention as (
    select * from {{ ref('rpt_onboarding_retention') }}
    where segment = 'all' and not is_randomised
),

revenue_kpis as (
    select
        'logo_churn' as kpi,
        month_start,
        at_risk_accounts as n,
        logo_churn as actual,
        logo_churn_lower as actual_lower,
        logo_churn_upper as actual_upper,
        missing_because
    from retention
    union all
    select
        'net_retention' as kpi,
        month_start,
        start_accounts as n,
        net_retention as actual,
        net_retention_lower as actual_lower,
        net_retention_upper as actual_upper,
        case when net_retention is null then missing_because end as missing_because
    from retention
),

first_value_kpi as (
    select
        'time_to_first_value' as kpi,
        cohort_start as month_start,
        at_risk_median as n,
        cast(median_days as decimal(18, 6)) as actual,
        cast(median_days_lower as decimal(18, 6)) as actual_lower,
        cast(median_days_upper as decimal(18, 6)) as actual_upper,
        case when median_days is null then missing_because end as missing_because
    from starting_cohorts
),

numbered_arpas as (
    select
        months.month_number,
        waterfall.month_start,
        waterfall.end_accounts,
        waterfall.arpa_annual
    from waterfall
    inner join months
        on waterfall.month_start = months.month_start
),

arpa_kpi as (
    select
        'arpa_growth' as kpi,
        ends.month_start,
        ends.end_accounts as n,
        case
            when least(ends.end_accounts, starts.end_accounts) >= settings.min_cases
                then {{ ratio('ends.arpa_annual - starts.arpa_annual', 'starts.arpa_annual') }}
        end as actual,
        {{ no_bounds }},
        case
            when least(ends.end_accounts, starts.end_accounts) < settings.min_cases
                then
                    'too few accounts: '
                    || cast(
                        least(ends.end_accounts, starts.end_accounts) as {{ dbt.type_string() }}
                    )
                    || ', needs ' || cast(settings.min_cases as {{ dbt.type_string() }})
        end as missing_because
    from numbered_arpas as ends
    cross join settings
    inner join numbered_arpas as starts
        on ends.month_number - settings.compared_months = starts.month_number
),

due_milestones as (
    select
        milestones.account_id,
        {{ month }},
        count(*) as due,
        sum(
            case when {{ day_of('milestones.achieved_at') }} <= months.month_end then 1 else 0 end
        ) as reached
    from milestones
    inner join months
        on milestones.due_on between months.month_start and months.month_end
    group by milestones.account_id, {{ month }}
),

due_milestones_with_share as (
    select
        due_milestones.*,
        {{ as_double('sum(reached) over (partition by month_start)') }}
        / sum(due) over (partition by month_start) as month_share
    from due_milestones
),

-- Milestones of one account go together: the linearised variance counts accounts as clusters.
completion_sums as (
    select
        month_start,
        month_share,
        count(*) as accounts,
        sum(due) as due,
        sum(reached) as reached,
        {{ round_half_up(
            'sum((reached - month_share * due) * (reached - month_share * due))', 6
        ) }} as squared_residuals
    from due_milestones_with_share
    group by month_start, month_share
),

effective_completions as (
    select
        completion_sums.*,
        case
            when squared_residuals > 0
                then
                    least(
                        due,
                        month_share * (1 - month_share) * due * due * (accounts - 1)
                        / (accounts * {{ as_double('squared_residuals') }})
                    )
            else accounts
        end as effective_due
    from completion_sums
),

completion_kpi as (
    select
        'milestone_completion' as kpi,
        effective_completions.month_start,
        effective_completions.due as n,
        case
            when effective_completions.due >= settings.min_cases
                then {{ ratio('effective_completions.reached', 'effective_completions.due') }}
        end as actual,
        {%- for bound, sign in [('lower', '-'), ('upper', '+')] %}
        case
            when effective_completions.due >= settings.min_cases
                then
                    {{ round_half_up(
                        wilson_bound(effectively_reached, 'effective_due', sign), 6
                    ) }}
        end as actual_{{ bound }},
        {%- endfor %}
        case
            when effective_completions.due < settings.min_cases
                then
                    'too few milestones: '
                    || cast(
                        cast(effective_completions.due as bigint) as {{ dbt.type_string() }}
                    )
                    || ', needs ' || cast(settings.min_cases as {{ dbt.type_string() }})
        end as missing_because
    from effective_completions
    cross join settings
),

closed_leads as (
    select
        {{ month }},
        count(*) as leads,
        sum(case when leads.outcome in ('won', 'arr_grew') then 1 else 0 end) as expanded
    from leads
    inner join last_horizon
        on leads.horizon_days = last_horizon.horizon_days
    inner join months
        on leads.window_ends_on <= months.month_end
    group by {{ month }}
),

expansion_kpi as (
    select
        'expansion_rate' as kpi,
        closed_leads.month_start,
        closed_leads.leads as n,
        case
            when closed_leads.leads >= expansion_settings.min_leads
                then {{ ratio('closed_leads.expanded', 'closed_leads.leads') }}
        end as actual,
        {%- for bound, sign in [('lower', '-'), ('upper', '+')] %}
        case
            when closed_leads.leads >= expansion_settings.min_leads
                then
                    {{ round_half_up(
                        wilson_bound('closed_leads.expanded', 'closed_leads.leads', sign), 6
                    ) }}
        end as actual_{{ bound }},
        {%- endfor %}
        case
            when closed_leads.leads < expansion_settings.min_leads
                then
                    'too few leads: ' || cast(closed_leads.leads as {{ dbt.type_string() }})
                    || ', needs '
                    || cast(expansion_settings.min_leads as {{ dbt.type_string() }})
        end as missing_because
    from closed_leads
    cross join expansion_settings
),

retained_kpi as (
    select
        'retained_arr' as kpi,
        months.month_start,
        onboarding_retention.with_paying_accounts as n,
        case
            when onboarding_retention.finding not like 'too_%'
                then onboarding_retention.retained_arr
        end as actual,
        case
            when onboarding_retention.finding not like 'too_%'
                then onboarding_retention.retained_arr_lower
        end as actual_lower,
        case
            when onboarding_retention.finding not like 'too_%'
                then onboarding_retention.retained_arr_upper
        end as actual_upper,
        case
            when onboarding_retention.finding like 'too_%' then onboarding_retention.verdict
        end as missing_because
    from onboarding_retention
    inner join settings
        on onboarding_retention.assumption = settings.retained_assumption
    cross join build_moment
    inner join months
        on build_moment.as_of = months.month_end
),

actuals as (
    select * from revenue_kpis
    union all
    select * from first_value_kpi
    union all
    select * from arpa_kpi
    union all
    select * from completion_kpi
    union all
    select * from expansion_kpi
    union all
    select * from retained_kpi
),

kpis_by_month as (
    select
        kpis.kpi,
        kpis.mart,
        months.month_start,
        months.month_end,
        months.is_complete,
        kpis.kpi = 'retained_arr' as is_of_as_of,
        build_moment.as_of
    from kpis
    cross join months
    cross join build_moment
),

kpi_months as (
    select
        kpis_by_month.kpi || '|'
        || cast(kpis_by_month.month_start as {{ dbt.type_string() }}) as kpi_month_key,
        kpis_by_month.kpi,
        kpis_by_month.month_start,
        kpis_by_month.month_end,
        kpis_by_month.is_complete,
        {%- set is_told = '(kpis_by_month.is_complete or kpis_by_month.is_of_as_of)' %}
        cast(case when {{ is_told }} then actuals.n end as bigint) as n,
        {%- for column in ['actual', 'actual_lower', 'actual_upper'] %}
        cast(case when {{ is_told }} then actuals.{{ column }} end as decimal(18, 6))
            as {{ column }},
        {%- endfor %}
        case
            when not {{ is_told }} then 'the month is not over'
            when kpis_by_month.is_of_as_of and kpis_by_month.month_end <> kpis_by_month.as_of
                then
                    kpis_by_month.mart || ' tells the state of '
                    || cast(kpis_by_month.as_of as {{ dbt.type_string() }}) || ' alone'
            when actuals.kpi is null then kpis_by_month.mart || ' says nothing of the month'
            when actuals.actual is null
                then coalesce(actuals.missing_because, 'the earlier value is 0')
        end as missing_because
    from kpis_by_month
    left join actuals
        on
            kpis_by_month.kpi = actuals.kpi
            and kpis_by_month.month_start = actuals.month_start
)

select * from kpi_months
