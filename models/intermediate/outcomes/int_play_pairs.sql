-- Matched pairs: each treated task with the untreated account of the same trigger, segment, stage,
-- trend, band and score date and of a similar age whose score is nearest, and what became of both.
-- One row per completed task.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

tasks as (
    select * from {{ ref('int_play_tasks') }}
    where turn = 'opened' and completed_at is not null
),

task_outcomes as (
    select * from {{ ref('task_outcomes') }}
),

outcome_settings as (
    select * from {{ ref('outcome_settings') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

trigger_episodes as (
    select * from {{ ref('int_trigger_episodes') }}
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

treated_days as (
    select * from {{ ref('int_treated_days') }}
),

scores as (
    select * from {{ ref('int_health_scores') }}
    where
        track = 'live'
        and status = 'scored'
        and {{ is_score_weekday('score_date') }}
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

top_bands as (
    select
        model_version,
        max(lower_edge) as lower_edge
    from health_bands
    group by model_version
),

-- Who has just fallen tends to rise again, treated or not.
trends as (
    select
        scores.account_id,
        scores.score_date,
        case
            when scores.score <= earlier.score - outcome_settings.trend_points then 'falling'
            when scores.score >= earlier.score + outcome_settings.trend_points then 'rising'
            else 'steady'
        end as trend
    from scores
    cross join outcome_settings
    inner join scores as earlier
        on
            scores.account_id = earlier.account_id
            and earlier.score_date
            = {{ add_days('scores.score_date', '-outcome_settings.trend_days') }}
),

scores_with_trend as (
    select
        scores.account_id,
        scores.score_date,
        scores.segment,
        scores.stage,
        coalesce(trends.trend, 'unknown') as trend,
        scores.band,
        {{ days_between('accounts.started_on', 'scores.score_date') }} as age_days,
        scores.score,
        scores.score >= top_bands.lower_edge as is_top,
        min(case when scores.score >= top_bands.lower_edge then scores.score_date end) over (
            partition by scores.account_id order by scores.score_date
            rows between 1 following and unbounded following
        ) as next_top_on
    from scores
    inner join top_bands
        on scores.model_version = top_bands.model_version
    inner join accounts
        on scores.account_id = accounts.account_id
    left join trends
        on
            scores.account_id = trends.account_id
            and scores.score_date = trends.score_date
),

treated_tasks as (
    select
        tasks.task_id,
        tasks.account_id,
        tasks.play_id,
        tasks.tier,
        tasks.segment,
        tasks.trigger_type,
        tasks.trigger_name,
        tasks.arr,
        {{ day_of('tasks.completed_at') }} as treated_on,
        {{ add_days(day_of('tasks.completed_at'), -1) }} as day_before,
        {{ add_days(day_of('tasks.completed_at'), 'outcome_settings.window_days') }}
            as window_ends_on
    from tasks
    cross join outcome_settings
    left join task_outcomes
        on tasks.outcome = task_outcomes.outcome
    where coalesce(task_outcomes.is_intervention, true)
),

tasks_with_dates as (
    select
        treated_tasks.*,
        {{ last_score_weekday('day_before') }} as score_date,
        {{ last_score_weekday('window_ends_on') }} as last_score_date
    from treated_tasks
),

scored_tasks as (
    select
        tasks_with_dates.*,
        scores_with_trend.stage,
        scores_with_trend.trend,
        scores_with_trend.band,
        scores_with_trend.age_days,
        scores_with_trend.score,
        scores_with_trend.is_top,
        scores_with_trend.next_top_on
    from tasks_with_dates
    left join scores_with_trend
        on
            tasks_with_dates.account_id = scores_with_trend.account_id
            and tasks_with_dates.score_date = scores_with_trend.score_date
),

scores_and_treatments as (
    select
        account_id,
        score_date as marked_on,
        0 as mark,
        cast(null as date) as treated_on
    from scores_with_trend
    union all
    select
        account_id,
        treated_on as marked_on,
        1 as mark,
        treated_on
    from treated_days
),

scores_with_next_treatment as (
    select
        account_id,
        marked_on,
        mark,
        min(treated_on) over (
            partition by account_id order by marked_on desc, mark desc
            rows between unbounded preceding and current row
        ) as next_treated_on
    from scores_and_treatments
),

tasks_with_trigger as (
    select distinct scored_tasks.task_id
    from scored_tasks
    inner join trigger_episodes
        on
            scored_tasks.account_id = trigger_episodes.account_id
            and scored_tasks.trigger_type = trigger_episodes.trigger_type
            and scored_tasks.trigger_name = trigger_episodes.trigger_name
            and scored_tasks.day_before >= trigger_episodes.first_seen_on
            and coalesce(scored_tasks.day_before < trigger_episodes.cleared_on, true)
),

trigger_days as (
    select distinct
        scored_tasks.trigger_type,
        scored_tasks.trigger_name,
        scored_tasks.score_date,
        scored_tasks.day_before,
        scored_tasks.treated_on,
        scored_tasks.window_ends_on
    from scored_tasks
    inner join tasks_with_trigger
        on scored_tasks.task_id = tasks_with_trigger.task_id
    where scored_tasks.score is not null
),

-- For each trigger and day of treatment a list of its own: the trigger holds on the day before, and
-- nobody treats these from the score to that day. A treatment later takes no control away, or only
-- those that recover by themselves would be left.
untreated_scores as (
    select
        scores_with_trend.*,
        trigger_days.trigger_type,
        trigger_days.trigger_name,
        trigger_days.treated_on,
        trigger_days.window_ends_on
    from trigger_days
    inner join trigger_episodes
        on
            trigger_days.trigger_type = trigger_episodes.trigger_type
            and trigger_days.trigger_name = trigger_episodes.trigger_name
            and trigger_days.day_before >= trigger_episodes.first_seen_on
            and coalesce(trigger_days.day_before < trigger_episodes.cleared_on, true)
    inner join scores_with_trend
        on
            trigger_episodes.account_id = scores_with_trend.account_id
            and trigger_days.score_date = scores_with_trend.score_date
    inner join scores_with_next_treatment
        on
            scores_with_trend.account_id = scores_with_next_treatment.account_id
            and scores_with_trend.score_date = scores_with_next_treatment.marked_on
            and scores_with_next_treatment.mark = 0
    where coalesce(scores_with_next_treatment.next_treated_on > trigger_days.treated_on, true)
),

windows as (
    select account_id, treated_on, window_ends_on from scored_tasks
    union distinct
    select account_id, treated_on, window_ends_on from untreated_scores
),

-- What is known at the window's end and no later: the ends of the terms that began by then.
last_terms as (
    select
        windows.account_id,
        windows.treated_on,
        windows.window_ends_on,
        coalesce(
            max(
                case
                    when subscription_periods.starts_on <= windows.treated_on
                        then coalesce(subscription_periods.ends_on, cast('9999-12-31' as date))
                end
            ) <= windows.treated_on, false
        ) as has_left,
        max(coalesce(subscription_periods.ends_on, cast('9999-12-31' as date))) as terms_end_on
    from windows
    left join subscription_periods
        on
            windows.account_id = subscription_periods.account_id
            and windows.window_ends_on >= subscription_periods.starts_on
    group by windows.account_id, windows.treated_on, windows.window_ends_on
),

states as (
    select
        last_terms.account_id,
        last_terms.treated_on,
        last_terms.has_left,
        case when last_terms.terms_end_on <= last_terms.window_ends_on then 1 else 0 end as churned,
        completions.account_id is not null as has_completed
    from last_terms
    left join completions
        on
            last_terms.account_id = completions.account_id
            and last_terms.terms_end_on = completions.completed_on
            and last_terms.window_ends_on >= completions.completed_on
),

-- Who left between the score and the treatment can no longer churn after it.
candidates as (
    select untreated_scores.*
    from untreated_scores
    inner join states
        on
            untreated_scores.account_id = states.account_id
            and untreated_scores.treated_on = states.treated_on
    where not states.has_left
),

candidate_counts as (
    select
        trigger_type,
        trigger_name,
        treated_on,
        count(*) as untreated_count
    from candidates
    group by trigger_type, trigger_name, treated_on
),

-- The nearest score; of two as near that of the nearer age.
ranked_candidates as (
    select
        scored_tasks.task_id,
        candidates.account_id as control_account_id,
        row_number() over (
            partition by scored_tasks.task_id
            order by
                abs(candidates.score - scored_tasks.score),
                abs(candidates.age_days - scored_tasks.age_days),
                candidates.account_id
        ) as choice
    from scored_tasks
    cross join outcome_settings
    inner join tasks_with_trigger
        on scored_tasks.task_id = tasks_with_trigger.task_id
    inner join candidates
        on
            scored_tasks.trigger_type = candidates.trigger_type
            and scored_tasks.trigger_name = candidates.trigger_name
            and scored_tasks.treated_on = candidates.treated_on
            and scored_tasks.segment = candidates.segment
            and scored_tasks.stage = candidates.stage
            and scored_tasks.trend = candidates.trend
            and scored_tasks.band = candidates.band
            and abs(candidates.age_days - scored_tasks.age_days)
            <= outcome_settings.age_caliper_days
),

matches as (
    select
        task_id,
        control_account_id
    from ranked_candidates
    where choice = 1
),

task_pairs as (
    select
        scored_tasks.*,
        matches.control_account_id,
        controls.age_days as control_age_days,
        controls.score as control_score,
        controls.next_top_on as control_next_top_on,
        states.churned,
        control_states.churned as control_churned,
        case
            when scored_tasks.score is null then 'not_scored'
            when
                states.has_left
                or states.has_completed
                or coalesce(control_states.has_completed, false)
                then 'not_at_risk'
            when tasks_with_trigger.task_id is null then 'trigger_over'
            when candidate_counts.untreated_count is null then 'none_untreated'
            when matches.control_account_id is null then 'no_match'
            when scored_tasks.window_ends_on > build_moment.as_of then 'window_open'
            else 'compared'
        end as comparison
    from scored_tasks
    cross join build_moment
    left join tasks_with_trigger
        on scored_tasks.task_id = tasks_with_trigger.task_id
    left join candidate_counts
        on
            scored_tasks.trigger_type = candidate_counts.trigger_type
            and scored_tasks.trigger_name = candidate_counts.trigger_name
            and scored_tasks.treated_on = candidate_counts.treated_on
    left join matches
        on scored_tasks.task_id = matches.task_id
    left join scores_with_trend as controls
        on
            matches.control_account_id = controls.account_id
            and scored_tasks.score_date = controls.score_date
    inner join states
        on
            scored_tasks.account_id = states.account_id
            and scored_tasks.treated_on = states.treated_on
    left join states as control_states
        on
            matches.control_account_id = control_states.account_id
            and scored_tasks.treated_on = control_states.treated_on
),

pairs as (
    select
        task_pairs.task_id,
        task_pairs.account_id,
        task_pairs.play_id,
        task_pairs.tier,
        task_pairs.segment,
        task_pairs.arr,
        task_pairs.treated_on,
        task_pairs.window_ends_on,
        task_pairs.score_date,
        task_pairs.trigger_type,
        task_pairs.trigger_name,
        task_pairs.band,
        task_pairs.age_days,
        task_pairs.score,
        task_pairs.control_account_id,
        task_pairs.control_age_days,
        task_pairs.control_score,
        task_pairs.comparison,
        case
            when task_pairs.comparison = 'compared' and not task_pairs.is_top
                then case when task_pairs.next_top_on <= task_pairs.window_ends_on then 1 else 0 end
        end as converted,
        case
            when task_pairs.comparison = 'compared' and not task_pairs.is_top
                then
                    case
                        when task_pairs.control_next_top_on <= task_pairs.window_ends_on then 1
                        else 0
                    end
        end as control_converted,
        case when task_pairs.comparison = 'compared' then task_pairs.churned end as churned,
        case when task_pairs.comparison = 'compared' then task_pairs.control_churned end
            as control_churned,
        case when task_pairs.comparison = 'compared' then last_scores.score - task_pairs.score end
            as score_change,
        case
            when task_pairs.comparison = 'compared'
                then control_last_scores.score - task_pairs.control_score
        end as control_score_change
    from task_pairs
    left join scores_with_trend as last_scores
        on
            task_pairs.account_id = last_scores.account_id
            and task_pairs.last_score_date = last_scores.score_date
    left join scores_with_trend as control_last_scores
        on
            task_pairs.control_account_id = control_last_scores.account_id
            and task_pairs.last_score_date = control_last_scores.score_date
)

select * from pairs
