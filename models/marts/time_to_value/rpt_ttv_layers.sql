{%- set outcomes = {
    'accounts_with_value': 'activated', 'accounts_waiting': 'censored',
    'accounts_churned': 'churned', 'accounts_waived': 'waived',
    'accounts_not_observable': 'not_observable'
} %}

-- Which waits make the time to value: its days by the layer of the milestones that ended them, as
-- shares with intervals. One row per persona, segment, product category and layer.
with

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

-- The first onboarding of an account, as in rpt_ttv_survival.
times_to_value as (
    select * from {{ ref('fct_time_to_value') }}
    where onboarding_number = 1
),

onboarding_milestones as (
    select * from {{ ref('int_onboarding_milestones') }}
    where onboarding_number = 1
),

milestones as (
    select * from {{ ref('milestones') }}
),

milestones_with_layer as (
    select
        onboarding_milestones.account_id,
        onboarding_milestones.milestone_id,
        onboarding_milestones.achieved_at,
        onboarding_milestones.is_observable,
        milestones.layer
    from onboarding_milestones
    inner join milestones
        on onboarding_milestones.milestone_id = milestones.milestone_id
),

milestone_days as (
    select
        times_to_value.account_id,
        times_to_value.persona,
        milestones.layer,
        {{ days_between('times_to_value.started_on', day_of('milestones.achieved_at')) }} as day
    from times_to_value
    inner join milestones_with_layer as milestones
        on times_to_value.account_id = milestones.account_id
    where
        times_to_value.outcome = 'activated'
        and {{ day_of('milestones.achieved_at') }} <= times_to_value.activated_on
        and (
            milestones.is_observable
            or milestones.milestone_id = times_to_value.activation_milestone_id
        )
),

days as (
    select
        account_id,
        persona,
        day,
        count(*) as milestones_reached,
        day - lag(day, 1, 0) over (partition by account_id, persona order by day) as waited_days
    from milestone_days
    group by account_id, persona, day
),

-- The milestones of the day that ends a wait have equal parts of it.
account_layer_days as (
    select
        milestone_days.account_id,
        milestone_days.persona,
        milestone_days.layer,
        sum({{ round_half_up(as_double('days.waited_days') ~ ' / days.milestones_reached', 12) }})
            as layer_days
    from milestone_days
    inner join days
        on
            milestone_days.account_id = days.account_id
            and milestone_days.persona = days.persona
            and milestone_days.day = days.day
    group by milestone_days.account_id, milestone_days.persona, milestone_days.layer
),

times_by_persona as (
    select times_to_value.*, persona as scope_persona from times_to_value
    union all
    select times_to_value.*, 'primary' as scope_persona from times_to_value where is_primary
),

times_by_segment as (
    select times_by_persona.*, segment as scope_segment from times_by_persona
    union all
    select times_by_persona.*, 'all' as scope_segment from times_by_persona
),

times_by_category as (
    select times_by_segment.*, product_category as scope_category from times_by_segment
    union all
    select times_by_segment.*, 'all' as scope_category from times_by_segment
),

-- One key in place of three: Spark tries every order of several.
members as (
    select
        account_id,
        persona as own_persona,
        scope_persona as persona,
        scope_segment as segment,
        scope_category as product_category,
        scope_persona || '|' || scope_segment || '|' || scope_category as scope_key,
        outcome,
        days_to_value
    from times_by_category
),

account_counts as (
    select
        scope_key,
        persona,
        segment,
        product_category,
        count(*) as accounts,
        {%- for column, outcome in outcomes.items() %}
        sum(case when outcome = '{{ outcome }}' then 1 else 0 end) as {{ column }},
        {%- endfor %}
        coalesce(sum(days_to_value), 0) as total_days
    from members
    group by scope_key, persona, segment, product_category
),

account_layers as (
    select distinct
        account_id,
        layer
    from milestones_with_layer
),

layers as (
    select distinct
        members.scope_key,
        account_layers.layer
    from members
    inner join account_layers
        on members.account_id = account_layers.account_id
),

account_parts as (
    select
        layers.scope_key,
        layers.layer,
        members.days_to_value,
        coalesce(account_layer_days.layer_days, 0) as layer_days
    from layers
    inner join members
        on layers.scope_key = members.scope_key
    left join account_layer_days
        on
            members.account_id = account_layer_days.account_id
            and members.own_persona = account_layer_days.persona
            and layers.layer = account_layer_days.layer
),

account_parts_with_mean as (
    select
        account_parts.*,
        {{ as_double('sum(layer_days) over (partition by scope_key, layer)') }}
        / nullif(sum(days_to_value) over (partition by scope_key, layer), 0) as layer_share
    from account_parts
),

-- A ratio of sums over accounts: its residuals are squared by account.
layer_sums as (
    select
        scope_key,
        layer,
        sum(layer_days) as layer_days,
        {%- set residual = '(' ~ as_double('layer_days') ~ ' - layer_share * days_to_value)' %}
        {{ as_double('sum(' ~ round_half_up(residual ~ ' * ' ~ residual, 10) ~ ')') }}
            as squared_residuals
    from account_parts_with_mean
    group by scope_key, layer
),

-- Running sums are rounded, so that the layers sum exactly to all days, and the shares to 1.
running_sums as (
    select
        layer_sums.*,
        account_counts.persona,
        account_counts.segment,
        account_counts.product_category,
        account_counts.accounts,
        {%- for column in outcomes %}
        account_counts.{{ column }},
        {%- endfor %}
        account_counts.total_days,
        milestone_settings.min_at_risk,
        sum(layer_sums.layer_days) over (
            partition by layer_sums.scope_key order by layer_sums.layer
        ) as days_so_far,
        case
            when account_counts.accounts_with_value < milestone_settings.min_at_risk
                then 'too few accounts'
            when account_counts.total_days = 0 then 'no days'
        end as missing_because
    from layer_sums
    cross join milestone_settings
    inner join account_counts
        on layer_sums.scope_key = account_counts.scope_key
),

rounded_sums as (
    select
        running_sums.*,
        {{ round_half_up('days_so_far', 6) }} as rounded_days,
        {{ round_half_up(as_double('days_so_far') ~ ' / nullif(total_days, 0)', 10) }}
            as rounded_share
    from running_sums
),

shares as (
    select
        rounded_sums.*,
        rounded_days - lag(rounded_days, 1, 0) over (partition by scope_key order by layer)
            as days,
        rounded_share - lag(rounded_share, 1, 0) over (partition by scope_key order by layer)
            as share
    from rounded_sums
),

-- Linearised variance of the ratio, on the logit scale (Korn and Graubard, 1998).
spreads as (
    select
        shares.*,
        case
            when share > 0 and share < 1 and squared_residuals > 0
                then ln({{ as_double('share') }} / (1 - {{ as_double('share') }}))
        end as logit,
        {{ var('confidence_z') }}
        * sqrt(
            squared_residuals * accounts_with_value / nullif(accounts_with_value - 1, 0)
        ) / nullif(total_days * {{ as_double('share') }} * (1 - {{ as_double('share') }}), 0)
            as spread
    from shares
),

ttv_layers as (
    select
        persona,
        segment,
        product_category,
        layer,
        cast(accounts as bigint) as accounts,
        {%- for column in outcomes %}
        cast({{ column }} as bigint) as {{ column }},
        {%- endfor %}
        cast(total_days as bigint) as total_days,
        cast(days as decimal(18, 6)) as layer_days,
        {%- set is_told = 'case when missing_because is null then ' %}
        {{ is_told }}cast(share as decimal(18, 10)) end as share,
        {{ is_told }}{{ round_half_up('1 / (1 + exp(spread - logit))', 10) }} end as share_lower,
        {{ is_told }}{{ round_half_up('1 / (1 + exp(-spread - logit))', 10) }} end as share_upper,
        case missing_because
            when 'too few accounts'
                then
                    'too few accounts reached first value: '
                    || cast(accounts_with_value as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_at_risk as {{ dbt.type_string() }})
            when 'no days' then 'nobody waited: all reached first value on their first day'
        end as missing_because
    from spreads
)

select * from ttv_layers
