-- How often leads expanded, with Wilson intervals, against the rate that the band promises. One row
-- per population, band, segment and horizon.
with

leads as (
    select * from {{ ref('fct_expansion_leads') }}
),

expansion_bands as (
    select * from {{ ref('expansion_bands') }}
),

expansion_settings as (
    select * from {{ ref('expansion_settings') }}
),

leads_by_segment as (
    select leads.*, segment as cohort_segment from leads
    union all
    select leads.*, 'all' as cohort_segment from leads
),

closed_leads_by_days as (
    select
        leads_by_segment.*,
        row_number() over (
            partition by population, band, cohort_segment, horizon_days
            order by
                case when outcome = 'won' then days_to_win else horizon_days + 1 end, account_id
        ) as place,
        count(*) over (
            partition by population, band, cohort_segment, horizon_days
        ) as places
    from leads_by_segment
    where outcome <> 'window_open'
),

-- Median days to win, with leads that did not win placed last; the later of two middle leads.
medians as (
    select
        population,
        band,
        cohort_segment,
        horizon_days,
        max(
            case
                when outcome = 'won' and 2 * place >= places + 1 and 2 * place < places + 3
                    then days_to_win
            end
        ) as median_days_to_win
    from closed_leads_by_days
    group by population, band, cohort_segment, horizon_days
),

totals as (
    select
        population,
        band,
        cohort_segment,
        horizon_days,
        cast(count(*) as bigint) as leads,
        cast(sum(case when outcome = 'window_open' then 1 else 0 end) as bigint) as open_leads,
        cast(sum(case when outcome <> 'window_open' then 1 else 0 end) as bigint) as closed_leads,
        cast(sum(case when outcome = 'won' then 1 else 0 end) as bigint) as won_leads,
        cast(sum(case when outcome = 'arr_grew' then 1 else 0 end) as bigint) as arr_grew_leads,
        cast(sum(case when outcome in ('churned', 'no_expansion') then 1 else 0 end) as bigint)
            as false_positives,
        cast(sum(case when outcome = 'window_open' then 0 else won_opportunities end) as bigint)
            as won_opportunities,
        cast(sum(case when outcome = 'window_open' then 0 else lost_opportunities end) as bigint)
            as lost_opportunities,
        {{ ratio(
            "sum(case when outcome = 'won' then days_to_win end)",
            "sum(case when outcome = 'won' then 1 else 0 end)"
        ) }} as mean_days_of_winners,
        cast(sum(case when outcome <> 'window_open' then arr_at_lead end) as decimal(18, 2))
            as arr_at_lead,
        cast(sum(arr_added) as decimal(18, 2)) as arr_added,
        min(window_ends_on) as first_window_ends_on
    from leads_by_segment
    group by population, band, cohort_segment, horizon_days
),

measures as (
    select
        totals.*,
        medians.median_days_to_win,
        expansion_bands.expected_expansion_rate,
        expansion_settings.min_leads,
        expansion_settings.target_arr_share_from,
        expansion_settings.target_arr_share_to,
        expansion_settings.target_days_to_win,
        expansion_settings.target_false_positive_rate,
        {{ ratio('arr_added', 'arr_at_lead') }} as arr_added_share,
        {{ round_half_up(as_double('won_leads') ~ ' / nullif(closed_leads, 0)', 12) }}
            as lead_to_win_rate,
        {{ round_half_up(wilson_bound('won_leads', 'closed_leads', '-'), 12) }}
            as lead_to_win_rate_lower,
        {{ round_half_up(wilson_bound('won_leads', 'closed_leads', '+'), 12) }}
            as lead_to_win_rate_upper,
        {{ round_half_up(
            as_double('won_leads + arr_grew_leads') ~ ' / nullif(closed_leads, 0)', 12
        ) }} as expansion_rate,
        {{ round_half_up(wilson_bound('won_leads + arr_grew_leads', 'closed_leads', '-'), 12) }}
            as expansion_rate_lower,
        {{ round_half_up(wilson_bound('won_leads + arr_grew_leads', 'closed_leads', '+'), 12) }}
            as expansion_rate_upper,
        {{ round_half_up(
            as_double('won_opportunities') ~ ' / nullif(won_opportunities + lost_opportunities, 0)',
            12
        ) }} as win_rate,
        {{ round_half_up(as_double('false_positives') ~ ' / nullif(closed_leads, 0)', 12) }}
            as false_positive_rate,
        {{ round_half_up(wilson_bound('false_positives', 'closed_leads', '-'), 12) }}
            as false_positive_rate_lower,
        {{ round_half_up(wilson_bound('false_positives', 'closed_leads', '+'), 12) }}
            as false_positive_rate_upper
    from totals
    cross join expansion_settings
    left join medians
        on
            totals.population = medians.population
            and totals.band = medians.band
            and totals.cohort_segment = medians.cohort_segment
            and totals.horizon_days = medians.horizon_days
    left join expansion_bands
        on totals.band = expansion_bands.band
),

cohort_findings as (
    select
        measures.*,
        case
            when closed_leads = 0 then 'too_young'
            when closed_leads < min_leads then 'too_few_leads'
            when expected_expansion_rate is null then 'measured'
            when expansion_rate_upper < expected_expansion_rate then 'below_expected'
            when expansion_rate_lower > expected_expansion_rate then 'above_expected'
            else 'as_expected'
        end as finding,
        cast(won_leads + arr_grew_leads as {{ dbt.type_string() }}) || ' of '
        || cast(closed_leads as {{ dbt.type_string() }}) || ' expanded within '
        || cast(horizon_days as {{ dbt.type_string() }}) || ' days, '
        || cast(
            {{ round_half_up('100 * ' ~ as_double('expansion_rate'), 1) }}
            as {{ dbt.type_string() }}
        )
        || ' % ('
        || cast(
            {{ round_half_up('100 * ' ~ as_double('expansion_rate_lower'), 1) }}
            as {{ dbt.type_string() }}
        ) || ' to '
        || cast(
            {{ round_half_up('100 * ' ~ as_double('expansion_rate_upper'), 1) }}
            as {{ dbt.type_string() }}
        ) || ' %)' as rate_words,
        cast(
            {{ round_half_up('100 * ' ~ as_double('expected_expansion_rate'), 1) }}
            as {{ dbt.type_string() }}
        ) || ' %' as expected_words
    from measures
),

kpis as (
    select
        population || '|' || band || '|' || cohort_segment || '|'
        || cast(horizon_days as {{ dbt.type_string() }}) as kpi_key,
        population,
        band,
        cohort_segment as segment,
        horizon_days,
        leads,
        open_leads,
        closed_leads,
        won_leads,
        arr_grew_leads,
        false_positives,
        expansion_rate,
        expansion_rate_lower,
        expansion_rate_upper,
        expected_expansion_rate,
        lead_to_win_rate,
        lead_to_win_rate_lower,
        lead_to_win_rate_upper,
        won_opportunities,
        lost_opportunities,
        win_rate,
        false_positive_rate,
        false_positive_rate_lower,
        false_positive_rate_upper,
        median_days_to_win,
        mean_days_of_winners,
        arr_at_lead,
        arr_added,
        arr_added_share,
        target_arr_share_from,
        target_arr_share_to,
        target_days_to_win,
        target_false_positive_rate,
        min_leads,
        finding,
        case finding
            when 'too_young'
                then
                    'no window is over yet: the first ends on '
                    || cast(first_window_ends_on as {{ dbt.type_string() }})
            when 'too_few_leads'
                then
                    'too few leads: ' || cast(closed_leads as {{ dbt.type_string() }})
                    || ' with a closed window, needs '
                    || cast(min_leads as {{ dbt.type_string() }})
            when 'measured' then rate_words
            when 'below_expected' then rate_words || ', fewer than the ' || expected_words
            when 'above_expected' then rate_words || ', more than the ' || expected_words
            else rate_words || ', which agrees with the ' || expected_words
        end as verdict
    from cohort_findings
)

select * from kpis
