{%- set text = dbt.type_string() -%}
-- The steps that lift a score to the next band, least effort first. A metric rises as far as
-- metric_advice lets it: to the value of the best peers, by an open milestone, by one more answer,
-- or to its best bound (a cleared debt). One row per account and step.
with

current_health as (
    select * from {{ ref('fct_current_health') }}
    where status = 'scored'
),

scores as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live' and status = 'scored'
),

metrics as (
    select * from {{ ref('int_health_metrics') }}
    where track = 'live'
),

health_metrics as (
    select * from {{ ref('health_metrics') }}
),

health_model_versions as (
    select * from {{ ref('health_model_versions') }}
),

metric_advice as (
    select * from {{ ref('metric_advice') }}
),

signals as (
    select * from {{ ref('signals') }}
),

account_signals as (
    select * from {{ ref('fct_account_signals') }}
),

milestones as (
    select * from {{ ref('fct_milestones') }}
),

achievements as (
    select * from {{ ref('int_milestone_achievements') }}
),

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

-- Accounts below a better band, with the points that they lack to its edge.
accounts_below_band as (
    select
        scores.account_id,
        scores.score_date,
        scores.model_version,
        scores.segment,
        scores.product_category,
        health_model_versions.min_peers,
        current_health.points_to_next_band as needed_points
    from current_health
    inner join scores
        on
            current_health.account_id = scores.account_id
            and current_health.score_date = scores.score_date
    inner join health_model_versions
        on scores.model_version = health_model_versions.model_version
    where current_health.next_band is not null
),

-- A metric's row for its own version goes before the one for any version.
metric_rules as (
    select
        health_model_versions.model_version,
        health_metrics.metric,
        health_metrics.direction,
        health_metrics.method,
        health_metrics.lower_bound,
        health_metrics.upper_bound,
        signals.unit,
        metric_advice.reach,
        metric_advice.peer_share,
        metric_advice.count_signal,
        metric_advice.effort,
        metric_advice.step,
        metric_advice.first_step,
        row_number() over (
            partition by health_model_versions.model_version, health_metrics.metric
            order by case when health_metrics.model_version = 'any' then 1 else 0 end
        ) as preference_rank
    from health_metrics
    inner join health_model_versions
        on health_metrics.model_version in (health_model_versions.model_version, 'any')
    inner join metric_advice
        on health_metrics.metric = metric_advice.metric
    inner join signals
        on health_metrics.signal = signals.signal
    where metric_advice.reach is not null
),

-- The number of people that a share is of, or of answers that a mean is of (count_signal).
denominators as (
    select
        accounts_below_band.account_id,
        metric_advice.metric,
        {{ signal_value('metric_advice.count_signal') }} as denominator
    from accounts_below_band
    inner join account_signals
        on
            accounts_below_band.account_id = account_signals.account_id
            and accounts_below_band.score_date = account_signals.date_day
    inner join metric_advice
        on metric_advice.count_signal is not null
),

own_metrics as (
    select
        accounts_below_band.account_id,
        accounts_below_band.score_date,
        accounts_below_band.segment,
        accounts_below_band.product_category,
        accounts_below_band.min_peers,
        accounts_below_band.needed_points,
        metric_rules.*,
        case when metrics.value_status = 'observed' then metrics.metric_value end
            as current_value,
        metrics.normalised_value as normalised,
        metrics.used_weight,
        metrics.total_used_weight,
        denominators.denominator
    from accounts_below_band
    inner join metrics
        on
            accounts_below_band.account_id = metrics.account_id
            and accounts_below_band.score_date = metrics.score_date
    inner join metric_rules
        on
            accounts_below_band.model_version = metric_rules.model_version
            and metrics.metric = metric_rules.metric
            and metric_rules.preference_rank = 1
    left join denominators
        on
            accounts_below_band.account_id = denominators.account_id
            and metrics.metric = denominators.metric
    where metrics.used_weight > 0
),

-- Places by value, best first: within the account's segment and product category (group), and among
-- all accounts of the date.
peer_values as (
    select
        scores.score_date,
        scores.model_version,
        scores.segment,
        scores.product_category,
        metrics.metric,
        metrics.metric_value,
        metrics.normalised_value,
        row_number() over (
            partition by
                scores.score_date, scores.model_version, scores.segment, scores.product_category,
                metrics.metric
            order by metrics.normalised_value desc, metrics.account_id asc
        ) as group_place,
        count(*) over (
            partition by
                scores.score_date, scores.model_version, scores.segment, scores.product_category,
                metrics.metric
        ) as group_size,
        row_number() over (
            partition by scores.score_date, scores.model_version, metrics.metric
            order by metrics.normalised_value desc, metrics.account_id asc
        ) as date_place,
        count(*) over (
            partition by scores.score_date, scores.model_version, metrics.metric
        ) as date_size
    from scores
    inner join metrics
        on
            scores.account_id = metrics.account_id
            and scores.score_date = metrics.score_date
            and metrics.value_status = 'observed'
    where scores.score_date in (select accounts_below_band.score_date from accounts_below_band)
),

-- The value that the best peer_share of the peers reach or exceed: in the group, which is taken
-- where it has min_peers, and on the date.
group_bests as (
    select
        peer_values.score_date,
        peer_values.model_version,
        peer_values.segment,
        peer_values.product_category,
        peer_values.metric,
        peer_values.group_size,
        peer_values.metric_value,
        peer_values.normalised_value
    from peer_values
    inner join metric_advice
        on peer_values.metric = metric_advice.metric
    where
        peer_values.group_place
        = ceil({{ as_double('metric_advice.peer_share') }} * peer_values.group_size)
),

date_bests as (
    select
        peer_values.score_date,
        peer_values.model_version,
        peer_values.metric,
        peer_values.metric_value,
        peer_values.normalised_value
    from peer_values
    inner join metric_advice
        on peer_values.metric = metric_advice.metric
    where
        peer_values.date_place
        = ceil({{ as_double('metric_advice.peer_share') }} * peer_values.date_size)
),

peer_bests as (
    select
        own_metrics.account_id,
        own_metrics.metric,
        case
            when group_bests.group_size >= own_metrics.min_peers then group_bests.metric_value
            else date_bests.metric_value
        end as best_value,
        case
            when group_bests.group_size >= own_metrics.min_peers then group_bests.normalised_value
            else date_bests.normalised_value
        end as best_normalised
    from own_metrics
    inner join date_bests
        on
            own_metrics.score_date = date_bests.score_date
            and own_metrics.model_version = date_bests.model_version
            and own_metrics.metric = date_bests.metric
    left join group_bests
        on
            own_metrics.score_date = group_bests.score_date
            and own_metrics.model_version = group_bests.model_version
            and own_metrics.segment = group_bests.segment
            and own_metrics.product_category = group_bests.product_category
            and own_metrics.metric = group_bests.metric
    where own_metrics.reach = 'peers'
),

-- A share of people rises by whole people, at most to the value of the best peers. Here and below
-- 1e-6 keeps the rounding error of a double from costing a whole person or percent.
peer_reaches as (
    select
        own_metrics.*,
        case
            when own_metrics.count_signal is null then {{ as_double('peer_bests.best_value') }}
            else
                own_metrics.current_value
                + floor(
                    {{ as_double('peer_bests.best_value - own_metrics.current_value') }}
                    * own_metrics.denominator + 1e-6
                ) / nullif({{ as_double('own_metrics.denominator') }}, 0)
        end as reach_value,
        peer_bests.best_normalised
    from own_metrics
    inner join peer_bests
        on own_metrics.account_id = peer_bests.account_id and own_metrics.metric = peer_bests.metric
    where own_metrics.current_value is not null
),

-- One more answer at the upper bound, added to the mean; or the best bound.
other_reaches as (
    select
        own_metrics.*,
        case
            when reach = 'one_answer'
                then {{ as_double('coalesce(current_value, 0) * denominator + upper_bound') }}
                    / (denominator + 1)
            when direction = 'lower' then {{ as_double('lower_bound') }}
            else {{ as_double('upper_bound') }}
        end as reach_value,
        cast(null as decimal(18, 6)) as best_normalised
    from own_metrics
    where reach = 'one_answer' or (reach = 'clear' and current_value is not null)
),

valued_reaches as (
    select * from peer_reaches
    union all
    select * from other_reaches
),

-- Where the value within reach stands between the metric's bounds, 0 to 1.
reaches_in_range as (
    select
        *,
        {{ share_of_range('reach_value', 'lower_bound', 'upper_bound') }} as reach_share
    from valued_reaches
    where reach_value is not null
),

-- The gain of reaching a milestone is its weight, less the part that counts already before it is
-- due, over the weights of all milestones here. Only the open ones become steps; those reached or
-- not due stay for that sum. Unreached ones whose streams are not observed now are left out.
milestone_reaches as (
    select
        own_metrics.*,
        milestones.milestone_id,
        milestones.milestone,
        {{ days_between('own_metrics.score_date', 'milestones.due_on') }} as days_to_due,
        milestones.status in ('overdue', 'pending') as is_open,
        {{ as_double('milestones.weight') }}
        * case
            when milestones.status = 'overdue' then 1
            else 1 - {{ as_double('milestone_settings.not_due_credit') }}
        end
        / nullif(
            sum({{ as_double('milestones.weight') }}) over (
                partition by own_metrics.account_id, own_metrics.metric
            ) * {{ as_double('own_metrics.upper_bound - own_metrics.lower_bound') }}, 0
        ) as gain
    from own_metrics
    cross join milestone_settings
    inner join milestones
        on own_metrics.account_id = milestones.account_id
    inner join achievements
        on
            milestones.account_id = achievements.account_id
            and milestones.milestone_id = achievements.milestone_id
    where
        own_metrics.reach = 'milestones'
        and (
            milestones.achieved_at is not null
            or (
                milestones.status in ('overdue', 'pending', 'not_due')
                and achievements.observed_until >= own_metrics.score_date
            )
        )
),

possible_steps as (
    select
        account_id,
        score_date,
        metric,
        cast(null as {{ text }}) as milestone_id,
        cast(null as {{ text }}) as milestone,
        cast(null as integer) as days_to_due,
        direction,
        reach = 'peers' and method = 'bounded' as is_gradual,
        lower_bound,
        upper_bound,
        unit,
        effort,
        step,
        first_step,
        count_signal,
        denominator,
        current_value,
        reach_value,
        normalised,
        used_weight,
        total_used_weight,
        needed_points,
        case
            when method = 'peer' then {{ as_double('best_normalised') }}
            when direction = 'lower' then 1 - reach_share
            else reach_share
        end - normalised as gain
    from reaches_in_range
    union all
    select
        account_id,
        score_date,
        metric,
        milestone_id,
        milestone,
        days_to_due,
        direction,
        false as is_gradual,
        lower_bound,
        upper_bound,
        unit,
        effort,
        step,
        first_step,
        count_signal,
        denominator,
        current_value,
        {{ as_double('null') }} as reach_value,
        normalised,
        used_weight,
        total_used_weight,
        needed_points,
        gain
    from milestone_reaches
    where is_open
),

-- Steps by effort. A step is needed while the weighted gains of the steps before it are less than
-- what the band lacks.
steps_by_effort as (
    select
        possible_steps.*,
        row_number() over (
            partition by account_id order by effort, metric, days_to_due, milestone_id
        ) as step_number,
        coalesce(
            sum(used_weight * gain) over (
                partition by account_id order by effort, metric, days_to_due, milestone_id
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as weighted_gain_before,
        sum(used_weight * gain) over (partition by account_id) as weighted_gain_within_reach,
        needed_points * total_used_weight / 100 as needed_weighted_gain
    from possible_steps
    where gain > 1e-6
),

step_gains as (
    select
        steps_by_effort.*,
        weighted_gain_before < needed_weighted_gain as is_needed,
        weighted_gain_within_reach >= needed_weighted_gain as is_band_within_reach,
        case
            when
                is_gradual
                and weighted_gain_before < needed_weighted_gain
                and needed_weighted_gain <= weighted_gain_within_reach
                then least(gain, (needed_weighted_gain - weighted_gain_before) / used_weight)
            else gain
        end as wanted_gain
    from steps_by_effort
),

-- The signal's value at the wanted gain, and in how many parts of 1 it is written: hundredths of a
-- ratio (percent), else tenths.
wanted_values as (
    select
        step_gains.*,
        case
            when direction = 'lower'
                then upper_bound - (normalised + wanted_gain) * (upper_bound - lower_bound)
            else lower_bound + (normalised + wanted_gain) * (upper_bound - lower_bound)
        end as wanted_value,
        case when unit = 'ratio' then 100.0 else 10.0 end as written_parts
    from step_gains
),

-- Target values rounded to how they are written: whole people, percent or tenths.
target_values as (
    select
        wanted_values.*,
        case
            when not is_gradual or wanted_gain = gain then reach_value
            when count_signal is not null
                then
                    current_value
                    + ceil((wanted_value - current_value) * denominator - 1e-6) / denominator
            when direction = 'lower'
                then
                    greatest(
                        floor(wanted_value * written_parts + 1e-6) / written_parts, reach_value
                    )
            else least(ceil(wanted_value * written_parts - 1e-6) / written_parts, reach_value)
        end as target_value
    from wanted_values
),

target_shares as (
    select
        target_values.*,
        {{ share_of_range('target_value', 'lower_bound', 'upper_bound') }} as target_share,
        cast(
            round(abs(target_value - current_value) * coalesce(denominator, 0)) as bigint
        ) as people
    from target_values
),

-- The target becomes a decimal here, which every engine rounds and writes alike.
final_gains as (
    select
        target_shares.*,
        {{ round_half_up('target_value', 6) }} as target,
        case
            when not is_gradual then gain
            when direction = 'lower' then 1 - target_share - normalised
            else target_share - normalised
        end as step_gain
    from target_shares
),

step_texts as (
    select
        final_gains.*,
        {{ number_with_unit('current_value', 'unit') }} as value_text,
        {{ number_with_unit('target', 'unit') }} as target_text,
        case
            when first_step is null then step
            when current_value is null or (is_gradual and people = 1) then first_step
            else step
        end as step_text,
        case
            when days_to_due < -1 then 'due ' || cast(-days_to_due as {{ text }}) || ' days ago'
            when days_to_due = -1 then 'due yesterday'
            when days_to_due = 0 then 'due today'
            when days_to_due = 1 then 'due tomorrow'
            when days_to_due > 1 then 'due in ' || cast(days_to_due as {{ text }}) || ' days'
        end as due_text
    from final_gains
),

steps as (
    select
        account_id,
        score_date,
        cast(step_number as bigint) as step_number,
        metric,
        milestone_id,
        cast(current_value as decimal(24, 6)) as value,
        target as target_value,
        {{ round_half_up('normalised + step_gain', 6) }} as target_normalised,
        cast(
            {{ round_half_up('100 * used_weight * step_gain / total_used_weight', 2) }}
            as decimal(9, 2)
        ) as step_points,
        is_needed,
        is_band_within_reach,
        replace(
            replace(
                replace(
                    replace(step_text, '{count}', coalesce(cast(people as {{ text }}), '')),
                    '{from}', coalesce(value_text, '')
                ),
                '{milestone}', coalesce(replace(milestone, '_', ' '), '')
            ),
            '{due}', coalesce(due_text, '')
        )
        || case
            when step_text like '%{from}%' or target_text = value_text then ''
            else coalesce(': ' || target_text || ' instead of ' || value_text, '')
        end as step
    from step_texts
)

select * from steps
