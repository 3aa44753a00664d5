-- Whether the pilot may go on: its gates against own data, and the decision over them. One row per
-- gate and one for the decision.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

settings as (
    select * from {{ ref('programme_settings') }}
),

gates as (
    select
        programme_gates.*,
        settings.programme_started_on,
        {{ add_days('settings.programme_started_on', 'programme_gates.after_days') }} as gate_on,
        settings.min_cases,
        build_moment.over_on
    from {{ ref('programme_gates') }} as programme_gates
    cross join settings
    cross join build_moment
),

kpi_months as (
    select * from {{ ref('rpt_kpi_months') }}
    where is_complete
),

scores as (
    select
        account_id,
        score_date,
        score,
        {{ as_double('sum(score) over (partition by score_date)') }}
        / count(*) over (partition by score_date) as mean_score
    from {{ ref('fct_account_health') }}
    where status = 'scored' and {{ is_score_weekday('score_date') }}
),

score_means as (
    select
        score_date,
        count(*) as accounts,
        {{ round_half_up(as_double('sum(score)') ~ ' / count(*)', 6) }} as mean_score,
        {{ as_double('sum((score - mean_score) * (score - mean_score))') }}
        / nullif({{ as_double('count(*)') }} * (count(*) - 1), 0) as variance_of_mean
    from scores
    group by score_date
),

last_months as (
    select
        gates.gate,
        max(kpi_months.month_end) as month_end
    from gates
    inner join kpi_months
        on gates.gate = kpi_months.kpi and gates.gate_on >= kpi_months.month_end
    group by gates.gate
),

score_dates as (
    select
        gates.gate,
        max(
            case
                when score_means.score_date <= gates.programme_started_on
                    then score_means.score_date
            end
        ) as first_date,
        max(case when score_means.score_date <= gates.gate_on then score_means.score_date end)
            as last_date
    from gates
    cross join score_means
    where gates.gate = 'health_gain'
    group by gates.gate
),

measured_gates as (
    select
        gates.gate,
        kpi_months.month_end as measured_on,
        kpi_months.n,
        kpi_months.actual,
        kpi_months.actual_lower,
        kpi_months.actual_upper,
        kpi_months.missing_because
    from gates
    inner join last_months
        on gates.gate = last_months.gate
    inner join kpi_months
        on gates.gate = kpi_months.kpi and last_months.month_end = kpi_months.month_end
    union all
    select
        gates.gate,
        ends.score_date as measured_on,
        cast(least(starts.accounts, ends.accounts) as bigint) as n,
        case
            when least(starts.accounts, ends.accounts) >= gates.min_cases
                then {{ ratio('ends.mean_score - starts.mean_score', 'starts.mean_score') }}
        end as actual,
        {%- for bound, sign in [('lower', '-'), ('upper', '+')] %}
        case
            when least(starts.accounts, ends.accounts) >= gates.min_cases
                then
                    {{ round_half_up(
                        as_double('ends.mean_score') ~ ' / nullif(starts.mean_score, 0) - 1 '
                        ~ sign ~ ' ' ~ var('confidence_z') ~ ' * ' ~ as_double('ends.mean_score')
                        ~ ' / nullif(starts.mean_score, 0) * sqrt('
                        ~ 'ends.variance_of_mean / (' ~ as_double('ends.mean_score')
                        ~ ' * ends.mean_score) + starts.variance_of_mean / ('
                        ~ as_double('starts.mean_score') ~ ' * starts.mean_score))', 6
                    ) }}
        end as actual_{{ bound }},
        {%- endfor %}
        case
            when least(starts.accounts, ends.accounts) < gates.min_cases
                then
                    'too few scored accounts: '
                    || cast(least(starts.accounts, ends.accounts) as {{ dbt.type_string() }})
                    || ', needs ' || cast(gates.min_cases as {{ dbt.type_string() }})
        end as missing_because
    from gates
    inner join score_dates
        on gates.gate = score_dates.gate
    inner join score_means as starts
        on score_dates.first_date = starts.score_date
    inner join score_means as ends
        on score_dates.last_date = ends.score_date
),

gates_with_status as (
    select
        gates.gate,
        gates.gate_order,
        gates.gate_name,
        gates.gate_on,
        gates.min_value,
        measured_gates.measured_on,
        measured_gates.n,
        case when gates.gate_on <= gates.over_on then measured_gates.actual end as actual,
        case when gates.gate_on <= gates.over_on then measured_gates.actual_lower end
            as actual_lower,
        case when gates.gate_on <= gates.over_on then measured_gates.actual_upper end
            as actual_upper,
        case
            when gates.gate_on > gates.over_on then 'the day is not over yet'
            when measured_gates.gate is null then 'nothing was measured by the first day'
            else measured_gates.missing_because
        end as missing_because
    from gates
    left join measured_gates
        on gates.gate = measured_gates.gate
),

gates_with_outcome as (
    select
        gate,
        gate_order,
        gate_name,
        gate_on,
        cast(min_value as decimal(18, 6)) as min_value,
        case when actual is not null then measured_on end as measured_on,
        case when actual is not null then n end as n,
        cast(actual as decimal(18, 6)) as actual,
        cast(actual_lower as decimal(18, 6)) as actual_lower,
        cast(actual_upper as decimal(18, 6)) as actual_upper,
        case
            when actual is null then 'unknown'
            when actual >= min_value then 'met'
            else 'missed'
        end as status,
        missing_because
    from gates_with_status
),

decisions as (
    select
        'decision' as gate,
        max(gate_order) + 1 as gate_order,
        'Go on' as gate_name,
        max(gate_on) as gate_on,
        case
            when sum(case when status = 'missed' then 1 else 0 end) > 0 then 'missed'
            when sum(case when status = 'unknown' then 1 else 0 end) > 0 then 'unknown'
            else 'met'
        end as status
    from gates_with_outcome
    having count(*) > 0
),

pilot_gates as (
    select
        gate,
        gate_order,
        gate_name,
        gate_on,
        min_value,
        measured_on,
        n,
        actual,
        actual_lower,
        actual_upper,
        status,
        case status
            when 'met' then 'Met: '
            when 'missed' then 'Missed: '
            else 'Not known: '
        end
        || coalesce(
            {{ number_with_unit('actual', "'ratio'") }} || ' ('
            || coalesce(
                {{ number_with_unit('actual_lower', "'ratio'") }} || ' to '
                || {{ number_with_unit('actual_upper', "'ratio'") }} || ', ', ''
            )
            || 'n ' || cast(n as {{ dbt.type_string() }}) || ') by '
            || cast(measured_on as {{ dbt.type_string() }}),
            missing_because
        )
        || '; the gate is ' || {{ number_with_unit('min_value', "'ratio'") }} || '.' as verdict
    from gates_with_outcome
    union all
    select
        gate,
        gate_order,
        gate_name,
        gate_on,
        cast(null as decimal(18, 6)) as min_value,
        cast(null as date) as measured_on,
        cast(null as bigint) as n,
        cast(null as decimal(18, 6)) as actual,
        cast(null as decimal(18, 6)) as actual_lower,
        cast(null as decimal(18, 6)) as actual_upper,
        status,
        case status
            when 'met' then 'Go on: every gate is met.'
            when 'missed' then 'Go over it again: a gate is missed.'
            else 'Not known: a gate is not known.'
        end as verdict
    from decisions
)

select * from pilot_gates
