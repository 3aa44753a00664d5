{%- set z = var('confidence_z') -%}
{%- set churned = '(churned_accounts - completed_accounts)' -%}
{%- set start = 'cast(start_arr as decimal(19, 2))' -%}
{%- set end = 'cast(end_arr as decimal(19, 2))' -%}
{%- set kept = 'least(' ~ start ~ ', ' ~ end ~ ')' -%}
{%- set lost = 'case when has_churned then ' ~ start ~ ' else 0 end' -%}

-- Net and gross revenue retention and churn over windows that end in each month, with intervals.
-- One row per segment, cohort, window and month.
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

arr_months as (
    select * from {{ ref('int_arr_months') }}
),

months as (
    select * from {{ ref('int_billing_months') }}
),

retention_windows as (
    select * from {{ ref('retention_windows') }}
),

retention_settings as (
    select * from {{ ref('retention_settings') }}
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

first_months as (
    select
        account_id,
        min(month_number) as month_number
    from arr_months
    where arr <> 0
    group by account_id
),

windows as (
    select
        arr_months.account_id,
        accounts.segment,
        cohorts.month_start as cohort_month,
        retention_windows.window_months,
        ends.month_start,
        ends.month_end,
        ends.is_complete,
        {{ days_between('starts.month_end', 'ends.month_end') }} as window_days,
        arr_months.arr as start_arr,
        coalesce(later.arr, 0) as end_arr,
        later.account_id is null as has_churned,
        later.account_id is null and completions.account_id is not null as has_completed
    from arr_months
    inner join accounts
        on arr_months.account_id = accounts.account_id
    inner join first_months
        on arr_months.account_id = first_months.account_id
    inner join months as cohorts
        on first_months.month_number = cohorts.month_number
    inner join months as starts
        on arr_months.month_number = starts.month_number
    cross join retention_windows
    inner join months as ends
        on arr_months.month_number + retention_windows.window_months = ends.month_number
    left join arr_months as later
        on
            arr_months.account_id = later.account_id
            and ends.month_number = later.month_number
    left join completions
        on
            arr_months.account_id = completions.account_id
            and ends.month_end >= completions.completed_on
            and ends.month_end < coalesce(completions.returned_on, cast('9999-12-31' as date))
    where arr_months.arr > 0
),

windows_by_segment as (
    select windows.*, segment as cohort_segment from windows
    union all
    select windows.*, 'all' as cohort_segment from windows
),

windows_by_cohort as (
    select
        windows_by_segment.*,
        cast(cohort_month as {{ dbt.type_string() }}) as cohort
    from windows_by_segment
    union all
    select
        windows_by_segment.*,
        'all' as cohort
    from windows_by_segment
),

totals as (
    select
        cohort_segment as segment,
        cohort,
        window_months,
        month_start,
        month_end,
        is_complete,
        max(window_days) as window_days,
        cast(count(*) as bigint) as start_accounts,
        cast(sum(case when has_churned then 1 else 0 end) as bigint) as churned_accounts,
        cast(sum(case when has_completed then 1 else 0 end) as bigint) as completed_accounts,
        cast(sum(start_arr) as decimal(18, 2)) as start_arr,
        cast(sum(end_arr) as decimal(18, 2)) as end_arr,
        cast(sum(least(start_arr, end_arr)) as decimal(18, 2)) as kept_arr,
        cast(sum(case when has_churned then start_arr else 0 end) as decimal(18, 2)) as churned_arr,
        {% for share, amount in {'end': end, 'kept': kept, 'churned': lost}.items() -%}
        {{ as_double('sum((' ~ amount ~ ') * (' ~ amount ~ '))') }} as {{ share }}_squares,
        {{ as_double('sum(' ~ start ~ ' * (' ~ amount ~ '))') }} as {{ share }}_products,
        {% endfor -%}
        {{ as_double('sum(' ~ start ~ ' * ' ~ start ~ ')') }} as start_squares
    from windows_by_cohort
    group by cohort_segment, cohort, window_months, month_start, month_end, is_complete
),

totals_with_shares as (
    select
        totals.*,
        totals.start_accounts - totals.completed_accounts as at_risk_accounts,
        {%- for share in ['end', 'kept', 'churned'] %}
        {{ as_double('totals.' ~ share ~ '_arr') }} / {{ as_double('totals.start_arr') }}
            as {{ share }}_share,
        {%- endfor %}
        totals.start_squares
        / ({{ as_double('totals.start_arr') }} * {{ as_double('totals.start_arr') }})
            as squared_shares,
        retention_settings.min_at_risk
    from totals
    cross join retention_settings
),

totals_with_variances as (
    select
        totals_with_shares.*,
        {% for share in ['end', 'kept', 'churned'] -%}
        {{ ratio_variance(
            share ~ '_share', share ~ '_squares', share ~ '_products', 'start_squares', 'start_arr'
        ) }} as {{ share }}_variance,
        {% endfor -%}
        {{ as_double('start_accounts') }} / nullif(start_accounts - 1, 0) as correction
    from totals_with_shares
),

-- Gross retention and cancelled ARR are shares, so Wilson's interval, of as many accounts as tell
-- as much.
totals_with_effective_size as (
    select
        totals_with_variances.*,
        case
            when abs(end_share) + sqrt(end_variance * correction) < 1e11
                then sqrt(end_variance * correction)
        end as end_error,
        {{ effective_size('kept_share', 'kept_variance', 'squared_shares') }}
            as effective_accounts,
        {{ effective_size('churned_share', 'churned_variance', 'squared_shares') }}
            as effective_churn_accounts
    from totals_with_variances
),

retention as (
    select
        segment || '|' || cohort || '|' || cast(window_months as {{ dbt.type_string() }})
        || '|' || cast(month_start as {{ dbt.type_string() }}) as retention_key,
        segment,
        cohort,
        window_months,
        month_start,
        month_end,
        is_complete,
        start_accounts,
        churned_accounts,
        completed_accounts,
        at_risk_accounts,
        start_arr,
        cast(end_arr - kept_arr as decimal(18, 2)) as expansion_arr,
        cast(start_arr - kept_arr - churned_arr as decimal(18, 2)) as contraction_arr,
        churned_arr,
        end_arr,
        kept_arr,
        {{ ratio('start_arr', 'start_accounts') }} as start_arpa_annual,
        {{ ratio('end_arr', 'start_accounts - churned_accounts') }} as end_arpa_annual,
        {%- set n = 'effective_accounts' %}
        {%- set kept_n = 'kept_share * ' ~ n %}
        {%- for rate, value in {
            'net_retention': ratio('end_arr', 'start_arr'),
            'net_retention_lower': round_half_up('end_share - ' ~ z ~ ' * end_error', 6),
            'net_retention_upper': round_half_up('end_share + ' ~ z ~ ' * end_error', 6),
            'gross_retention': ratio('kept_arr', 'start_arr'),
            'gross_retention_lower': round_half_up(wilson_bound(kept_n, n, '-'), 6),
            'gross_retention_upper': round_half_up(wilson_bound(kept_n, n, '+'), 6),
            'gross_arr_churn': ratio('start_arr - kept_arr', 'start_arr'),
            'cancelled_arr_share': ratio('churned_arr', 'start_arr'),
            'contracted_arr_share': ratio('start_arr - kept_arr - churned_arr', 'start_arr'),
        }.items() %}
        case when start_accounts >= min_at_risk then {{ value }} end as {{ rate }},
        {%- endfor %}
        {%- for rate, value in {
            'logo_churn': ratio(churned, 'at_risk_accounts'),
            'logo_churn_lower': round_half_up(wilson_bound(churned, 'at_risk_accounts', '-'), 6),
            'logo_churn_upper': round_half_up(wilson_bound(churned, 'at_risk_accounts', '+'), 6),
        }.items() %}
        case when at_risk_accounts >= min_at_risk then {{ value }} end as {{ rate }},
        {%- endfor %}
        {%- set churned_n = 'churned_share * effective_churn_accounts' %}
        {%- for rate, (base, share) in {
            'annual_logo_churn':
                ['at_risk_accounts', as_double(churned) ~ ' / nullif(at_risk_accounts, 0)'],
            'annual_logo_churn_lower':
                ['at_risk_accounts', wilson_bound(churned, 'at_risk_accounts', '-')],
            'annual_logo_churn_upper':
                ['at_risk_accounts', wilson_bound(churned, 'at_risk_accounts', '+')],
            'annual_cancelled_arr_share':
                ['start_accounts', as_double('churned_arr') ~ ' / ' ~ as_double('start_arr')],
            'annual_cancelled_arr_share_lower':
                ['start_accounts', wilson_bound(churned_n, 'effective_churn_accounts', '-')],
            'annual_cancelled_arr_share_upper':
                ['start_accounts', wilson_bound(churned_n, 'effective_churn_accounts', '+')],
        }.items() %}
        case
            when is_complete and {{ base }} >= min_at_risk
                then
                    {{ round_half_up(
                        '1 - power(abs(1 - (' ~ share ~ ')), ' ~ as_double('365')
                        ~ ' / window_days)', 6
                    ) }}
        end as {{ rate }},
        {%- endfor %}
        case
            when start_accounts < min_at_risk
                then 'too few accounts: ' || cast(start_accounts as {{ dbt.type_string() }})
            when at_risk_accounts < min_at_risk
                then
                    'too few accounts that could leave: '
                    || cast(at_risk_accounts as {{ dbt.type_string() }})
        end || ', needs ' || cast(min_at_risk as {{ dbt.type_string() }}) as missing_because,
        min_at_risk
    from totals_with_effective_size
)

select * from retention
