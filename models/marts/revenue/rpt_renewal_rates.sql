-- Net, gross and logo renewal rates of the terms that end in a quarter. One row per segment and
-- quarter.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

renewals as (
    select
        fct_renewals.*,
        cast({{ dbt.date_trunc('quarter', 'term_ends_on') }} as date) as quarter_start
    from {{ ref('fct_renewals') }} as fct_renewals
),

renewals_by_segment as (
    select renewals.*, segment as cohort_segment from renewals
    union all
    select renewals.*, 'all' as cohort_segment from renewals
),

account_renewals as (
    select
        cohort_segment,
        quarter_start,
        account_id,
        count(*) as terms,
        sum(case when outcome in ('open', 'notice_given') then 1 else 0 end) as open_terms,
        sum(arr_up_for_renewal) as arr_up_for_renewal,
        sum(coalesce(renewed_arr, 0)) as renewed_arr,
        max(case when renewed_arr is not null then 1 else 0 end) as has_renewed,
        sum(
            case
                when renewed_arr is null and churn_kind = 'voluntary' then arr_up_for_renewal
                else 0
            end
        ) as voluntary_arr,
        sum(
            case
                when renewed_arr is null and churn_kind = 'involuntary' then arr_up_for_renewal
                else 0
            end
        ) as involuntary_arr
    from renewals_by_segment
    group by cohort_segment, quarter_start, account_id
),

totals as (
    select
        cohort_segment,
        quarter_start,
        {{ add_days(
            'cast(' ~ dbt.date_trunc('quarter', add_days('quarter_start', 95)) ~ ' as date)', -1
        ) }} as quarter_end,
        cast(sum(terms) as bigint) as terms,
        cast(sum(open_terms) as bigint) as open_terms,
        cast(count(*) as bigint) as accounts,
        cast(sum(has_renewed) as bigint) as renewed_accounts,
        cast(sum(arr_up_for_renewal) as decimal(18, 2)) as arr_up_for_renewal,
        cast(sum(renewed_arr) as decimal(18, 2)) as renewed_arr,
        cast(sum(least(arr_up_for_renewal, renewed_arr)) as decimal(18, 2)) as kept_arr,
        cast(sum(voluntary_arr) as decimal(18, 2)) as voluntary_churned_arr,
        cast(sum(involuntary_arr) as decimal(18, 2)) as involuntary_churned_arr
    from account_renewals
    group by cohort_segment, quarter_start
),

totals_with_state as (
    select
        totals.*,
        totals.quarter_end <= build_moment.over_on and totals.open_terms = 0 as is_complete
    from totals
    cross join build_moment
),

rates as (
    select
        cohort_segment || '|' || cast(quarter_start as {{ dbt.type_string() }}) as rate_key,
        cohort_segment as segment,
        quarter_start,
        quarter_end,
        is_complete,
        terms,
        open_terms,
        accounts,
        renewed_accounts,
        arr_up_for_renewal,
        renewed_arr,
        kept_arr,
        voluntary_churned_arr,
        involuntary_churned_arr,
        case
            when is_complete and arr_up_for_renewal > 0
                then {{ ratio('renewed_arr', 'arr_up_for_renewal') }}
        end as net_renewal_rate,
        case
            when is_complete and arr_up_for_renewal > 0
                then {{ ratio('kept_arr', 'arr_up_for_renewal') }}
        end as gross_renewal_rate,
        case
            when is_complete then {{ ratio('renewed_accounts', 'accounts') }}
        end as logo_renewal_rate
    from totals_with_state
)

select * from rates
