{%- set text = dbt.type_string() %}
{%- set horizons = [14, 30, 90] %}

-- What share of people, and of accounts, is activated by day 14, 30 and 90. One row per unit,
-- persona, segment, cohort and day.
with

people as (
    select * from {{ ref('int_person_activations') }}
),

milestone_days as (
    select * from {{ ref('int_persona_event_days') }}
),

cohorts_of_accounts as (
    select * from {{ ref('rpt_ttv_cohorts') }}
    where product_category = 'all' and persona <> 'primary' and cohort_period in ('all', 'month')
),

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

people_by_segment as (
    select
        people.*,
        segment as segment_scope
    from people
    union all
    select
        people.*,
        'all' as segment_scope
    from people
),

people_by_cohort as (
    select
        people_by_segment.*,
        'all' as cohort_period,
        cast(null as date) as cohort_start
    from people_by_segment
    union all
    select
        people_by_segment.*,
        'month' as cohort_period,
        {{ first_day_of('month', 'joined_on') }} as cohort_start
    from people_by_segment
),

people_by_day as (
    {% for days in horizons -%}
    select
        people_by_cohort.*,
        {{ days }} as day,
        {{ add_days('joined_on', days) }} as day_on
    from people_by_cohort
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- What happened to a person by a day is known if everything the milestone asks was observed from
-- the day of joining to that day without a gap.
known_people as (
    select
        people_by_day.*,
        coalesce(milestone_days.observed_since <= people_by_day.joined_on, false) as is_known,
        coalesce(people_by_day.activated_on <= people_by_day.day_on, false) as is_activated
    from people_by_day
    left join milestone_days
        on
            people_by_day.milestone_id = milestone_days.milestone_id
            and people_by_day.day_on = milestone_days.date_day
),

-- The people of one account are not independent, so an account is a cluster.
account_counts as (
    select
        persona,
        segment_scope,
        cohort_period,
        cohort_start,
        day,
        account_id,
        count(*) as members,
        sum(case when is_known then 1 else 0 end) as known,
        sum(case when is_known and is_activated then 1 else 0 end) as activated
    from known_people
    group by persona, segment_scope, cohort_period, cohort_start, day, account_id
),

sums as (
    select
        persona,
        segment_scope,
        cohort_period,
        cohort_start,
        day,
        sum(members) as members,
        sum(known) as known,
        sum(activated) as activated,
        sum(case when known > 0 then 1 else 0 end) as clusters,
        sum(activated * activated) as activated_squared,
        sum(activated * known) as activated_by_known,
        sum(known * known) as known_squared
    from account_counts
    group by persona, segment_scope, cohort_period, cohort_start, day
),

sums_with_design_effect as (
    select
        sums.*,
        {{ as_double('activated') }} / nullif(known, 0) as share,
        {{ design_effect(
            'activated', 'known', 'clusters',
            'activated_squared', 'activated_by_known', 'known_squared'
        ) }} as design_effect
    from sums
),

sums_with_effective_size as (
    select
        sums_with_design_effect.*,
        case
            when design_effect > 1 then known / design_effect else {{ as_double('known') }}
        end as effective_known
    from sums_with_design_effect
),

units as (
    select
        'person' as unit,
        persona,
        segment_scope as segment,
        cohort_period,
        cohort_start,
        day,
        members,
        known,
        effective_known,
        {{ round_half_up('share', 10) }} as activated_share,
        {{ round_half_up(wilson_bound('share * effective_known', 'effective_known', '-'), 10) }}
            as activated_share_lower,
        {{ round_half_up(wilson_bound('share * effective_known', 'effective_known', '+'), 10) }}
            as activated_share_upper
    from sums_with_effective_size
    {% for days in horizons -%}
    union all
    select
        'account' as unit,
        persona,
        segment,
        cohort_period,
        cohort_start,
        {{ days }} as day,
        accounts as members,
        at_risk_{{ days }}d as known,
        {{ as_double('at_risk_' ~ days ~ 'd') }} as effective_known,
        activated_share_{{ days }}d as activated_share,
        activated_share_{{ days }}d_lower as activated_share_lower,
        activated_share_{{ days }}d_upper as activated_share_upper
    from cohorts_of_accounts
    {% endfor %}
),

units_with_settings as (
    select
        units.*,
        milestone_settings.min_at_risk,
        units.known >= milestone_settings.min_at_risk
        and units.activated_share is not null as has_share
    from units
    cross join milestone_settings
),

activation as (
    select
        unit || '|' || persona || '|' || segment || '|' || cohort_period || '|'
        || coalesce(cast(cohort_start as {{ text }}), '') || '|' || cast(day as {{ text }})
            as activation_key,
        unit,
        persona,
        segment,
        cohort_period,
        cohort_start,
        cast(day as integer) as day,
        cast(members as bigint) as members,
        cast(known as bigint) as known,
        {%- for bound in ['', '_lower', '_upper'] %}
        case when has_share then activated_share{{ bound }} end as activated_share{{ bound }},
        {%- endfor %}
        case when has_share then {{ round_half_up('effective_known', 2) }} end as effective_known,
        case
            when has_share then null
            when known >= min_at_risk then 'nobody is followed so long'
            else
                'too few: ' || cast(cast(known as bigint) as {{ text }})
                || ', needs ' || cast(min_at_risk as {{ text }})
        end as missing_because
    from units_with_settings
)

select * from activation
