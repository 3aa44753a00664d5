{%- set text = dbt.type_string() %}
{%- set states = ['new', 'retained', 'resurrected', 'dormant'] %}

-- Growth accounting of people: who is new, retained or resurrected among the active ones, and who
-- of the period before is dormant. One row per week or month and segment.
with

periods as (
    select * from {{ ref('int_usage_periods') }}
),

-- Of accounts that started before users were observed, not in sight, nobody knows who is new.
lives as (
    select * from {{ ref('int_usage_lives') }}
),

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

user_days as (
    select * from {{ ref('int_user_days') }}
    where active_events > 0 and user_id is not null
),

person_periods as (
    {% for period in ['week', 'month'] -%}
    select distinct
        user_days.account_id,
        user_days.user_id,
        '{{ period }}' as period,
        {{ first_day_of(period, 'user_days.date_day') }} as period_start
    from user_days
    inner join lives
        on
            user_days.account_id = lives.account_id
            and user_days.date_day <= lives.last_day
            and lives.is_in_sight
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- lag and lead find the periods before and after in which the person was active.
neighbouring_periods as (
    select
        person_periods.*,
        lag(period_start) over (
            partition by period, account_id, user_id order by period_start
        ) as active_before,
        lead(period_start) over (
            partition by period, account_id, user_id order by period_start
        ) as active_after
    from person_periods
),

person_states as (
    select
        neighbouring_periods.account_id,
        neighbouring_periods.period,
        neighbouring_periods.period_start,
        case
            when neighbouring_periods.active_before is null then 'new'
            when neighbouring_periods.active_before = periods.start_before then 'retained'
            else 'resurrected'
        end as state
    from neighbouring_periods
    inner join periods
        on
            neighbouring_periods.period = periods.period
            and neighbouring_periods.period_start = periods.period_start
    union all
    select
        neighbouring_periods.account_id,
        neighbouring_periods.period,
        periods.start_after as period_start,
        'dormant' as state
    from neighbouring_periods
    inner join periods
        on
            neighbouring_periods.period = periods.period
            and neighbouring_periods.period_start = periods.period_start
    where
        periods.start_after is not null
        and coalesce(neighbouring_periods.active_after > periods.start_after, true)
),

-- The people of one account are not independent, so an account is a cluster.
account_counts as (
    select
        account_id,
        period,
        period_start,
        {%- for state in states %}
        sum(case when state = '{{ state }}' then 1 else 0 end) as {{ state }}_people,
        {%- endfor %}
        sum(case when state in ('retained', 'dormant') then 1 else 0 end) as people_before
    from person_states
    group by account_id, period, period_start
),

scopes as (
    select
        account_id,
        segment,
        is_in_sight
    from lives
    union all
    select
        account_id,
        'all' as segment,
        is_in_sight
    from lives
),

segments as (
    select
        segment,
        sum(case when is_in_sight then 0 else 1 end) as accounts_left_out
    from scopes
    group by segment
),

sums as (
    select
        scopes.segment,
        account_counts.period,
        account_counts.period_start,
        {%- for state in states %}
        sum(account_counts.{{ state }}_people) as {{ state }}_people,
        {%- endfor %}
        sum(account_counts.people_before) as people_before,
        sum(case when account_counts.people_before > 0 then 1 else 0 end) as accounts_before,
        sum(account_counts.retained_people * account_counts.retained_people) as retained_squared,
        sum(account_counts.retained_people * account_counts.people_before) as retained_by_before,
        sum(account_counts.people_before * account_counts.people_before) as before_squared
    from account_counts
    inner join scopes
        on account_counts.account_id = scopes.account_id
    group by scopes.segment, account_counts.period, account_counts.period_start
),

counts as (
    select
        periods.period,
        periods.period_start,
        periods.period_end,
        periods.is_open,
        periods.is_covered,
        periods.is_covered and periods.is_covered_before as is_known,
        periods.is_covered and periods.is_covered_before and not periods.is_open as is_complete,
        segments.segment,
        segments.accounts_left_out,
        milestone_settings.min_at_risk,
        {%- for state in states %}
        coalesce(sums.{{ state }}_people, 0) as {{ state }}_people,
        {%- endfor %}
        coalesce(sums.people_before, 0) as people_before,
        coalesce(sums.accounts_before, 0) as accounts_before,
        sums.retained_squared,
        sums.retained_by_before,
        sums.before_squared
    from periods
    cross join segments
    cross join milestone_settings
    left join sums
        on
            periods.period = sums.period
            and periods.period_start = sums.period_start
            and segments.segment = sums.segment
),

counts_with_design_effect as (
    select
        counts.*,
        {{ design_effect(
            'retained_people', 'people_before', 'accounts_before',
            'retained_squared', 'retained_by_before', 'before_squared'
        ) }} as design_effect,
        {{ as_double('retained_people') }} / nullif(people_before, 0) as retained
    from counts
),

counts_with_effective_size as (
    select
        counts_with_design_effect.*,
        is_complete and people_before >= min_at_risk as has_share,
        case
            when design_effect > 1 then people_before / design_effect
            else {{ as_double('people_before') }}
        end as effective_people
    from counts_with_design_effect
),

usage_states as (
    select
        period || '|' || cast(period_start as {{ text }}) || '|' || segment as state_key,
        period,
        period_start,
        period_end,
        segment,
        is_open,
        cast(accounts_left_out as bigint) as accounts_left_out,
        cast(
            case when is_covered then new_people + retained_people + resurrected_people end
            as bigint
        ) as active_people,
        {%- for state in states if state != 'dormant' %}
        cast(case when is_known then {{ state }}_people end as bigint) as {{ state }}_people,
        {%- endfor %}
        cast(case when is_complete then dormant_people end as bigint) as dormant_people,
        cast(case when is_known then people_before end as bigint) as people_before,
        case when has_share then {{ ratio('retained_people', 'people_before') }} end
            as retained_share,
        {%- for bound, sign in [('lower', '-'), ('upper', '+')] %}
        case
            when has_share
                then {{ round_half_up(
                    wilson_bound('retained * effective_people', 'effective_people', sign), 6
                ) }}
        end as retained_share_{{ bound }},
        {%- endfor %}
        case when has_share then {{ round_half_up('effective_people', 2) }} end
            as effective_people,
        case
            when not is_covered then 'not every day of the period is observed'
            when not is_known then 'not every day of the period before is observed'
            when is_open then 'the period is not over'
            when not has_share
                then
                    'too few people before: '
                    || cast(cast(people_before as bigint) as {{ text }})
                    || ', needs ' || cast(min_at_risk as {{ text }})
        end as missing_because
    from counts_with_effective_size
)

select * from usage_states
