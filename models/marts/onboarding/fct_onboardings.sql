{%- set kinds = ['since_start', 'at_step'] %}
{%- set quantiles = {'earliest': 0.75, 'median': 0.50, 'latest': 0.25} %}

-- Where each onboarding stands on its last day: progress, the step it is at, whose turn it is, its
-- pace against like accounts (Kaplan-Meier) and when first value is likely. One row per account and
-- onboarding.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

steps as (
    select * from {{ ref('int_onboarding_steps') }}
),

step_curves as (
    select * from {{ ref('int_onboarding_step_curves') }}
    where kind in ('since_start', 'at_step')
),

first_values as (
    select * from {{ ref('fct_time_to_value') }}
    where is_primary
),

survival as (
    select * from {{ ref('rpt_ttv_survival') }}
    where cohort_period = 'all' and persona = 'primary' and product_category <> 'all'
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

measured_signals as (
    select
        account_id,
        date_day,
        guided_task_share
    from {{ ref('int_measured_signals') }}
),

owner_turns as (
    select * from {{ ref('owner_turns') }}
),

onboarding_settings as (
    select * from {{ ref('onboarding_settings') }}
),

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

steps_with_place as (
    select
        steps.*,
        min(case when is_open then step_number end) over (
            partition by account_id, onboarding_number
        ) as first_open_number
    from steps
),

-- The step became the first open one once all steps before it were passed.
plans as (
    select
        account_id,
        onboarding_number,
        journey,
        segment,
        product_category,
        variant,
        started_on,
        churned_on,
        ended_on,
        first_open_number,
        count(case when is_counted then 1 end) as steps,
        count(case when is_counted and reached_on is not null then 1 end) as steps_reached,
        count(case when not is_followed and waived_on is null and reached_on is null then 1 end)
            as steps_not_seen,
        max(passed_on) as last_passed_on,
        greatest(
            started_on,
            coalesce(
                max(case when step_number < first_open_number then passed_on end), started_on
            )
        ) as at_step_since,
        sum(case when is_counted then weight end) as weight,
        coalesce(sum(case when is_counted and reached_on is not null then weight end), 0)
            as weight_reached,
        sum(
            case
                when is_counted and reached_on is not null then weight
                when is_counted and due_on < ended_on and due_on <= seen_until then weight
            end
        ) as weight_due,
        coalesce(sum(case when is_counted and reached_on <= due_on then weight end), 0)
            as weight_on_time
    from steps_with_place
    group by
        account_id, onboarding_number, journey, segment, product_category, variant, started_on,
        churned_on, ended_on, first_open_number
),

plans_with_step as (
    select
        plans.*,
        current_steps.milestone_id,
        current_steps.milestone,
        current_steps.due_on,
        owner_turns.turn,
        current_steps.followed_on,
        case
            when current_steps.followed_on >= plans.started_on
                then {{ days_between('plans.started_on', 'current_steps.followed_on') }}
        end as days_since_start,
        case
            when current_steps.followed_on >= plans.at_step_since
                then {{ days_between('plans.at_step_since', 'current_steps.followed_on') }}
        end as days_at_step,
        case
            when plans.first_open_number is null and plans.steps_not_seen = 0 then 'completed'
            when plans.churned_on is not null then 'ended'
            when plans.first_open_number is null then 'not_observed'
        end as settled_state
    from plans
    left join steps as current_steps
        on
            plans.account_id = current_steps.account_id
            and plans.onboarding_number = current_steps.onboarding_number
            and plans.first_open_number = current_steps.step_number
    left join owner_turns
        on current_steps.owner_role = owner_turns.owner_role
),

open_waits as (
    {% for kind in kinds -%}
    select
        account_id,
        onboarding_number,
        journey,
        segment,
        milestone_id,
        '{{ kind }}' as kind,
        days_{{ kind }} as day
    from plans_with_step
    where settled_state is null and onboarding_number = 1
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- A first onboarding's own wait is in its curves, so that they have a row of its day.
curve_days as (
    select
        open_waits.account_id,
        open_waits.onboarding_number,
        step_curves.kind,
        step_curves.dimension,
        step_curves.known,
        1 - step_curves.survival as reached_share
    from open_waits
    inner join step_curves
        on
            open_waits.journey = step_curves.journey
            and open_waits.milestone_id = step_curves.milestone_id
            and open_waits.kind = step_curves.kind
            and open_waits.day = step_curves.day
            and step_curves.dimension_value in ('all', open_waits.segment)
),

plans_with_curves as (
    select
        plans_with_step.account_id,
        plans_with_step.onboarding_number,
        curve_days.kind,
        curve_days.dimension,
        curve_days.known,
        curve_days.reached_share
    from plans_with_step
    left join curve_days
        on
            plans_with_step.account_id = curve_days.account_id
            and plans_with_step.onboarding_number = curve_days.onboarding_number
),

peer_shares as (
    select
        account_id,
        onboarding_number,
        {%- for kind in kinds %}
        {%- for dimension in ['segment', 'all'] %}
        max(case when kind = '{{ kind }}' and dimension = '{{ dimension }}' then known end)
            as {{ kind }}_known_{{ dimension }},
        max(case when kind = '{{ kind }}' and dimension = '{{ dimension }}' then reached_share end)
            as {{ kind }}_share_{{ dimension }},
        {%- endfor %}
        {%- endfor %}
        count(kind) as curves
    from plans_with_curves
    group by account_id, onboarding_number
),

peer_shares_with_settings as (
    select
        peer_shares.*,
        milestone_settings.min_at_risk,
        onboarding_settings.behind_share,
        onboarding_settings.stuck_share
    from peer_shares
    cross join milestone_settings
    cross join onboarding_settings
),

-- Like accounts are those of the journey and segment; of the journey where these are too few.
paces as (
    select
        account_id,
        onboarding_number,
        min_at_risk,
        behind_share,
        stuck_share,
        case
            when since_start_known_segment >= min_at_risk then 'journey and segment'
            when since_start_known_all is not null then 'journey'
        end as like_accounts,
        {%- for kind in kinds %}
        case
            when since_start_known_segment >= min_at_risk then {{ kind }}_known_segment
            else {{ kind }}_known_all
        end as {{ kind }}_known,
        case
            when since_start_known_segment >= min_at_risk then {{ kind }}_share_segment
            else {{ kind }}_share_all
        end as {{ kind }}_share,
        {%- endfor %}
        curves
    from peer_shares_with_settings
),

plans_with_pace as (
    select
        plans_with_step.*,
        paces.min_at_risk,
        paces.behind_share,
        paces.stuck_share,
        paces.like_accounts,
        paces.since_start_known,
        paces.since_start_share,
        paces.at_step_known,
        paces.at_step_share
    from plans_with_step
    inner join paces
        on
            plans_with_step.account_id = paces.account_id
            and plans_with_step.onboarding_number = paces.onboarding_number
),

plans_with_state as (
    select
        plans_with_pace.*,
        case
            when settled_state is not null then settled_state
            when since_start_known < min_at_risk then null
            when at_step_known >= min_at_risk and at_step_share >= stuck_share then 'stuck'
            when since_start_share >= behind_share then 'behind'
            when since_start_share is not null then 'on_track'
        end as state,
        case
            when settled_state is not null then null
            when onboarding_number > 1 then 'a later onboarding has no like accounts'
            when days_since_start is null then 'its first day is not over'
            when since_start_known < min_at_risk
                then
                    'too few like accounts: '
                    || cast(since_start_known as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_at_risk as {{ dbt.type_string() }})
        end as state_missing_because
    from plans_with_pace
),

waiting as (
    select
        first_values.account_id,
        first_values.segment,
        first_values.product_category,
        first_values.followed_days
    from first_values
    inner join plans
        on
            first_values.account_id = plans.account_id
            and first_values.onboarding_number = plans.onboarding_number
    where
        first_values.onboarding_number = 1
        and first_values.outcome = 'censored'
        and plans.churned_on is null
),

-- What is left of the curves once an account has waited so long.
residual_days as (
    select
        waiting.account_id,
        case when survival.segment = 'all' then 'all' else 'own' end as segment,
        survival.day,
        survival.at_risk,
        survival.survival,
        survival.day > waiting.followed_days as is_ahead,
        coalesce(
            min(case when survival.day <= waiting.followed_days then survival.survival end) over (
                partition by waiting.account_id, survival.segment
            ), 1
        ) as survival_so_far,
        sum(case when survival.day > waiting.followed_days then survival.activated else 0 end)
            over (partition by waiting.account_id, survival.segment order by survival.day)
        - survival.activated as activated_since
    from waiting
    inner join survival
        on
            waiting.product_category = survival.product_category
            and survival.segment in (waiting.segment, 'all')
),

-- The survival of the curves has ten decimals, so half of it may be missed by the eleventh.
residual_quantiles as (
    select
        residual_days.*,
        {%- for quantile, level in quantiles.items() %}
        min(
            case
                when
                    is_ahead
                    and {{ as_double('survival') }}
                    <= {{ level }} * {{ as_double('survival_so_far') }} + 0.000000001
                    then day
            end
        ) over (partition by account_id, segment) as {{ quantile }}_day,
        {%- endfor %}
        min(case when is_ahead then day end) over (partition by account_id, segment)
            as next_day
    from residual_days
),

residuals as (
    select
        account_id,
        segment,
        {%- for quantile in quantiles %}
        max({{ quantile }}_day) as {{ quantile }}_day,
        max(case when day = {{ quantile }}_day then at_risk + activated_since end)
            as {{ quantile }}_known,
        {%- endfor %}
        coalesce(max(case when day = next_day then at_risk end), 0) as waiting_accounts
    from residual_quantiles
    group by account_id, segment
),

-- The account's own segment goes first where enough of it waited so long.
ordered_residuals as (
    select
        residuals.*,
        row_number() over (
            partition by residuals.account_id
            order by
                case
                    when
                        residuals.segment = 'own'
                        and residuals.waiting_accounts >= milestone_settings.min_at_risk
                        then 1
                    when residuals.segment = 'all' then 2
                    else 3
                end
        ) as place
    from residuals
    cross join milestone_settings
),

forecasts as (
    select * from ordered_residuals
    where place = 1
),

plans_with_forecast as (
    select
        plans_with_state.*,
        first_values.activated_on,
        forecasts.waiting_accounts,
        {%- for quantile in quantiles %}
        case
            when forecasts.{{ quantile }}_known >= plans_with_state.min_at_risk
                then {{ add_days('plans_with_state.started_on', 'forecasts.' ~ quantile ~ '_day') }}
        end as {{ quantile }}_on,
        {%- endfor %}
        case
            when first_values.outcome = 'activated' then 'first value is reached'
            when plans_with_state.churned_on is not null then 'the onboarding has ended'
            when first_values.outcome is null then 'the journey has no first value'
            when first_values.outcome = 'waived' then 'first value is waived'
            when first_values.outcome = 'not_observable' then 'first value is not observed'
            when plans_with_state.onboarding_number > 1
                then 'a later onboarding has no like accounts'
            when first_values.followed_days is null then 'its first day is not over'
            when coalesce(forecasts.waiting_accounts, 0) < plans_with_state.min_at_risk
                then
                    'too few like accounts have waited so long: '
                    || cast(coalesce(forecasts.waiting_accounts, 0) as {{ dbt.type_string() }})
                    || ', needs '
                    || cast(plans_with_state.min_at_risk as {{ dbt.type_string() }})
            when forecasts.median_day is null
                then 'not half of the like accounts that waited so long have reached it so far'
            when forecasts.median_known < plans_with_state.min_at_risk
                then 'too few like accounts are known until half of them have reached it'
        end as forecast_missing_because
    from plans_with_state
    left join first_values
        on
            plans_with_state.account_id = first_values.account_id
            and plans_with_state.onboarding_number = first_values.onboarding_number
    left join forecasts
        on
            case
                when plans_with_state.onboarding_number = 1 then plans_with_state.account_id
            end = forecasts.account_id
),

onboardings as (
    select
        plans.account_id,
        plans.onboarding_number,
        plans.journey,
        plans.segment,
        plans.product_category,
        plans.variant,
        plans.started_on,
        case when plans.churned_on is not null then plans.ended_on end as ended_on,
        case
            when completions.account_id is not null then 'completed'
            when plans.churned_on is not null then 'churned'
        end as ended_because,
        plans.state,
        plans.state_missing_because,
        case when plans.state = 'completed' then plans.last_passed_on end as completed_on,
        cast(plans.steps as bigint) as steps,
        cast(plans.steps_reached as bigint) as steps_reached,
        {{ ratio('plans.weight_reached', 'plans.weight') }} as progress,
        {{ ratio('plans.weight_on_time', 'plans.weight_due') }} as on_time_share,
        plans.first_open_number as current_step,
        plans.milestone_id as current_milestone_id,
        plans.milestone as current_milestone,
        plans.due_on as current_due_on,
        case when plans.settled_state is null then plans.turn end as turn,
        case when plans.settled_state is null then plans.days_since_start end
            as days_since_start,
        plans.days_at_step,
        plans.like_accounts,
        cast(plans.since_start_known as bigint) as peers,
        {%- for kind in kinds %}
        case
            when plans.{{ kind }}_known >= plans.min_at_risk
                then {{ round_half_up('plans.' ~ kind ~ '_share', 6) }}
        end as {{ 'peers_reached_share' if kind == 'since_start' else 'peers_moved_on_share' }},
        {%- endfor %}
        cast(plans.at_step_known as bigint) as peers_at_step,
        plans.activated_on as first_value_on,
        {%- for quantile, column in [
            ('median', 'forecast_on'), ('earliest', 'forecast_earliest_on'),
            ('latest', 'forecast_latest_on')
        ] %}
        case when plans.forecast_missing_because is null then plans.{{ quantile }}_on end
            as {{ column }},
        {%- endfor %}
        cast(
            case when plans.forecast_missing_because is null then plans.waiting_accounts end
            as bigint
        ) as forecast_accounts,
        plans.forecast_missing_because,
        cast(measured_signals.guided_task_share as decimal(18, 6)) as guided_task_share,
        build_moment.as_of
    from plans_with_forecast as plans
    cross join build_moment
    left join completions
        on
            plans.account_id = completions.account_id
            and plans.churned_on = completions.completed_on
    left join measured_signals
        on
            plans.account_id = measured_signals.account_id
            and plans.ended_on = measured_signals.date_day
)

select * from onboardings
