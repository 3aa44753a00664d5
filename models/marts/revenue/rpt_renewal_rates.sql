{%- set z = var('confidence_z') -%}
{%- set dimensions = {
    'all': "'all'",
    'segment': 'segment',
    'start_quarter': 'start_quarter',
    'band': 'band_before',
} %}
{%- set due = 'cast(arr_up_for_renewal as decimal(19, 2))' -%}
{%- set amounts = {
    'net': 'cast(renewed_arr as decimal(19, 2))',
    'gross': 'cast(least(arr_up_for_renewal, renewed_arr) as decimal(19, 2))',
} -%}

-- Net, gross, logo and on-time renewal rates of the terms that end in a quarter, and in all
-- complete quarters together. One row per group (all, segment, quarter of start, band before the
-- renewal) and period.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

renewals as (
    select * from {{ ref('fct_renewals') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

shown_bands as (
    select * from {{ ref('int_shown_bands') }}
),

retention_settings as (
    select * from {{ ref('retention_settings') }}
),

renewals_with_lead as (
    select
        renewals.*,
        cast({{ dbt.date_trunc('quarter', 'renewals.term_ends_on') }} as date) as quarter_start,
        cast(
            cast({{ dbt.date_trunc('quarter', 'accounts.started_on') }} as date)
            as {{ dbt.type_string() }}
        ) as start_quarter,
        {{ add_days('renewals.term_ends_on', '-retention_settings.band_lead_days') }} as lead_on
    from renewals
    inner join accounts
        on renewals.account_id = accounts.account_id
    cross join retention_settings
),

-- A landmark: the band is that of the lead day, of terms that were still undecided then.
renewals_with_band as (
    select
        renewals_with_lead.*,
        case
            when renewals_with_lead.lead_on > build_moment.as_of then 'ahead'
            when
                renewals_with_lead.renewed_on <= renewals_with_lead.lead_on
                or renewals_with_lead.ends_on <= renewals_with_lead.lead_on
                or (
                    renewals_with_lead.outcome in ('churned', 'notice_given')
                    and renewals_with_lead.notice_on <= renewals_with_lead.lead_on
                )
                then 'decided'
            else coalesce(shown_bands.band, 'none')
        end as band_before
    from renewals_with_lead
    cross join build_moment
    left join shown_bands
        on
            renewals_with_lead.account_id = shown_bands.account_id
            and shown_bands.score_date = {{ last_score_weekday('renewals_with_lead.lead_on') }}
),

grouped_renewals as (
    {% for dimension, dimension_value in dimensions.items() -%}
    select
        renewals_with_band.*,
        '{{ dimension }}' as dimension,
        {{ dimension_value }} as dimension_value
    from renewals_with_band
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- An account counts once in a quarter, whatever the number of its terms.
account_quarters as (
    select
        dimension,
        dimension_value,
        quarter_start,
        account_id,
        count(*) as terms,
        sum(case when outcome in ('open', 'notice_given') then 1 else 0 end) as open_terms,
        sum(arr_up_for_renewal) as arr_up_for_renewal,
        sum(coalesce(renewed_arr, 0)) as renewed_arr,
        max(case when renewed_arr is not null then 1 else 0 end) as has_renewed,
        max(case when outcome = 'renewed_late' then 1 else 0 end) as is_late,
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
    from grouped_renewals
    group by dimension, dimension_value, quarter_start, account_id
),

quarters as (
    select
        dimension,
        dimension_value,
        quarter_start,
        {{ add_days(
            'cast(' ~ dbt.date_trunc('quarter', add_days('quarter_start', 95)) ~ ' as date)', -1
        ) }} as quarter_end,
        sum(terms) as terms,
        sum(open_terms) as open_terms,
        count(*) as accounts,
        sum(has_renewed) as renewed_accounts,
        sum(case when is_late = 0 then has_renewed else 0 end) as on_time_accounts,
        sum(arr_up_for_renewal) as arr_up_for_renewal,
        sum(renewed_arr) as renewed_arr,
        sum(least(arr_up_for_renewal, renewed_arr)) as kept_arr,
        sum(voluntary_arr) as voluntary_arr,
        sum(involuntary_arr) as involuntary_arr,
        {% for rate, amount in amounts.items() -%}
        sum({{ amount }} * {{ amount }}) as {{ rate }}_squares,
        sum({{ due }} * {{ amount }}) as {{ rate }}_products,
        {% endfor -%}
        sum({{ due }} * {{ due }}) as due_squares
    from account_quarters
    group by dimension, dimension_value, quarter_start
),

quarters_with_state as (
    select
        quarters.*,
        quarters.quarter_end <= build_moment.over_on and quarters.open_terms = 0 as is_complete
    from quarters
    cross join build_moment
),

periods as (
    select
        'quarter' as period,
        quarter_start as period_start,
        quarters_with_state.*
    from quarters_with_state
    union all
    select
        'complete_quarters' as period,
        min(quarter_start) over (partition by dimension, dimension_value) as period_start,
        quarters_with_state.*
    from quarters_with_state
    where is_complete
),

totals as (
    select
        dimension,
        dimension_value,
        period,
        period_start,
        max(quarter_end) as period_end,
        min(case when is_complete then 1 else 0 end) = 1 as is_complete,
        cast(sum(terms) as bigint) as terms,
        cast(sum(open_terms) as bigint) as open_terms,
        cast(sum(accounts) as bigint) as accounts,
        cast(sum(renewed_accounts) as bigint) as renewed_accounts,
        cast(sum(on_time_accounts) as bigint) as on_time_accounts,
        cast(sum(arr_up_for_renewal) as decimal(18, 2)) as arr_up_for_renewal,
        cast(sum(renewed_arr) as decimal(18, 2)) as renewed_arr,
        cast(sum(kept_arr) as decimal(18, 2)) as kept_arr,
        cast(sum(voluntary_arr) as decimal(18, 2)) as voluntary_churned_arr,
        cast(sum(involuntary_arr) as decimal(18, 2)) as involuntary_churned_arr,
        {{ as_double('sum(renewed_arr)') }} / nullif({{ as_double('sum(arr_up_for_renewal)') }}, 0)
            as net_share,
        {{ as_double('sum(kept_arr)') }} / nullif({{ as_double('sum(arr_up_for_renewal)') }}, 0)
            as gross_share,
        {% for rate in amounts -%}
        {{ as_double('sum(' ~ rate ~ '_squares)') }} as {{ rate }}_squares,
        {{ as_double('sum(' ~ rate ~ '_products)') }} as {{ rate }}_products,
        {% endfor -%}
        {{ as_double('sum(due_squares)') }} as due_squares
    from periods
    group by dimension, dimension_value, period, period_start
),

totals_with_variance as (
    select
        totals.*,
        totals.is_complete and totals.accounts >= retention_settings.min_at_risk as is_told,
        totals.is_complete
        and totals.accounts >= retention_settings.min_at_risk
        and totals.arr_up_for_renewal > 0 as is_arr_told,
        retention_settings.min_at_risk,
        {{ as_double('totals.accounts') }} / nullif(totals.accounts - 1, 0) as correction,
        {% for rate in amounts -%}
        {{ ratio_variance(
            rate ~ '_share', rate ~ '_squares', rate ~ '_products', 'due_squares',
            'totals.arr_up_for_renewal'
        ) }} as {{ rate }}_variance,
        {% endfor -%}
        totals.due_squares / nullif(
            {{ as_double('totals.arr_up_for_renewal') }}
            * {{ as_double('totals.arr_up_for_renewal') }}, 0
        ) as squared_weights
    from totals
    cross join retention_settings
),

-- The net rate may exceed 1, so its interval is that of a ratio; gross is a share, so Wilson's.
totals_with_sizes as (
    select
        totals_with_variance.*,
        case
            when abs(net_share) + sqrt(net_variance * correction) < 1e11
                then sqrt(net_variance * correction)
        end as net_error,
        {{ effective_size('gross_share', 'gross_variance', 'squared_weights') }} as gross_size
    from totals_with_variance
),

{% set gross_kept = 'gross_share * gross_size' -%}
rates as (
    select
        dimension || '|' || dimension_value || '|' || period || '|'
        || cast(period_start as {{ dbt.type_string() }}) as rate_key,
        dimension,
        dimension_value,
        period,
        period_start,
        period_end,
        is_complete,
        terms,
        open_terms,
        accounts,
        renewed_accounts,
        on_time_accounts,
        arr_up_for_renewal,
        renewed_arr,
        kept_arr,
        voluntary_churned_arr,
        involuntary_churned_arr,
        {%- for rate, value in {
            'net_renewal_rate': ratio('renewed_arr', 'arr_up_for_renewal'),
            'net_renewal_rate_lower': round_half_up('net_share - ' ~ z ~ ' * net_error', 6),
            'net_renewal_rate_upper': round_half_up('net_share + ' ~ z ~ ' * net_error', 6),
            'gross_renewal_rate': ratio('kept_arr', 'arr_up_for_renewal'),
            'gross_renewal_rate_lower':
                round_half_up(wilson_bound(gross_kept, 'gross_size', '-'), 6),
            'gross_renewal_rate_upper':
                round_half_up(wilson_bound(gross_kept, 'gross_size', '+'), 6),
        }.items() %}
        case when is_arr_told then {{ value }} end as {{ rate }},
        {%- endfor %}
        {%- for rate, count in {
            'logo_renewal_rate': 'renewed_accounts', 'on_time_renewal_rate': 'on_time_accounts'
        }.items() %}
        case when is_told then {{ ratio(count, 'accounts') }} end as {{ rate }},
        case
            when is_told then {{ round_half_up(wilson_bound(count, 'accounts', '-'), 6) }}
        end as {{ rate }}_lower,
        case
            when is_told then {{ round_half_up(wilson_bound(count, 'accounts', '+'), 6) }}
        end as {{ rate }}_upper,
        {%- endfor %}
        case
            when not is_complete then 'not all terms are decided'
            when not is_told
                then
                    'too few accounts: ' || cast(accounts as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_at_risk as {{ dbt.type_string() }})
            when not is_arr_told then 'no ARR above 0 was up for renewal'
        end as missing_because
    from totals_with_sizes
)

select * from rates
