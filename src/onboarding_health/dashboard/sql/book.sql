-- Live accounts, those that need somebody today first, then by ARR at stake (or band and ARR where no probability is known).
-- One row per account.
with

moments as (
    select max(as_of) as as_of from dim_accounts
),

live as (
    select health.*, moments.as_of, accounts.timezone, accounts.overdue_amount
    from fct_current_health as health
    inner join dim_accounts as accounts using (account_id)
    cross join moments
    where
        health.status not in ('churned', 'completed')
        and ($owner::text is null or health.owner_id = $owner)
        and ($segment::text is null or health.segment = $segment)
),

histories as (
    select scores.account_id, list(scores.score::double order by scores.score_date) as scores
    from fct_account_health as scores
    cross join moments
    where scores.score is not null and scores.score_date > moments.as_of - 90
    group by scores.account_id
),

renewals as (
    select renewals.account_id, min(renewals.term_ends_on) as renews_on
    from fct_renewals as renewals
    cross join moments
    where renewals.outcome in ('open', 'notice_given') and renewals.term_ends_on >= moments.as_of
    group by renewals.account_id
),

ranked_risks as (
    select
        account_id,
        rule,
        reason,
        row_number() over (
            partition by account_id
            order by
                case severity when 'critical' then 1 when 'high' then 2 when
                'medium' then 3 else 4 end,
                first_seen_on desc,
                risk_signal_id
        ) as place
    from fct_risk_episodes
    where is_active
),

ranked_tasks as (
    select
        account_id,
        play_name,
        owner_role,
        due_at,
        status,
        row_number() over (partition by account_id order by due_at, priority_rank, task_id)
        as place,
        count(*) over (partition by account_id) as open_tasks,
        count(*) filter (status = 'overdue') over (partition by account_id) as overdue_tasks
    from fct_interventions
    where status in ('open', 'overdue')
),

chances as (
    select account_id, churn_probability
    from fct_churn_probabilities
    where horizon_days = $horizon
),

top_losses as (
    select account_id, label, points_lost
    from fct_health_explained_metrics
    where points_lost > 0
    qualify row_number() over (partition by account_id order by points_lost desc, metric) = 1
),

accounts as (
    select
        live.account_id,
        live.account_name,
        live.segment,
        live.product_category,
        live.owner_id,
        live.timezone,
        live.arr,
        live.status,
        live.band,
        live.band_reason,
        live.score,
        live.change_7d,
        live.as_of,
        renewals.renews_on,
        renewals.renews_on - live.as_of as renews_in,
        histories.scores,
        risks.reason as risk,
        top_losses.label as top_loss,
        top_losses.points_lost,
        tasks.play_name,
        tasks.owner_role,
        tasks.due_at,
        tasks.status as task_status,
        coalesce(tasks.open_tasks, 0) as open_tasks,
        coalesce(tasks.overdue_tasks, 0) as overdue_tasks,
        chances.churn_probability,
        live.arr * chances.churn_probability as arr_at_stake,
        coalesce(
            tasks.due_at < live.as_of + 2
            or live.band = 'red'
            or (renewals.renews_on - live.as_of <= $renewal_days and live.band <> 'green'),
            false
        ) as needs_today
    from live
    left join renewals using (account_id)
    left join histories using (account_id)
    left join ranked_risks as risks on live.account_id = risks.account_id and risks.place = 1
    left join ranked_tasks as tasks on live.account_id = tasks.account_id and tasks.place = 1
    left join chances on live.account_id = chances.account_id
    left join top_losses on live.account_id = top_losses.account_id
)

select *
from accounts
where $band::text is null or coalesce(band, 'unknown') = $band
order by
    needs_today desc,
    arr_at_stake desc nulls last,
    case band when 'red' then 1 when 'yellow' then 2 when 'green' then 3 else 4 end,
    arr desc nulls last,
    account_id
