-- Bands set by hand: the days on which each holds, the score when it began and what came of it. One
-- row per override; its first and last day both belong to it.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

overrides as (
    select * from {{ ref('stg_crm__health_overrides') }}
),

scores as (
    select * from {{ ref('int_health_scores') }}
    where track = 'live' and status = 'scored'
),

rules as (
    select * from {{ ref('manual_inputs') }}
    where input = 'health_override'
),

override_starts as (
    select
        overrides.event_id as override_id,
        overrides.account_id,
        overrides.user_id,
        overrides.band,
        {{ day_of('overrides.occurred_at') }} as starts_on,
        coalesce(
            overrides.expires_on,
            {{ add_days(day_of('overrides.occurred_at'), 'rules.stale_after_days') }}
        ) as expires_on,
        {{ add_days(day_of('overrides.occurred_at'), 'rules.follow_up_days') }}
            as followed_until,
        accounts.churned_on,
        completions.completed_on,
        build_moment.as_of,
        lead({{ day_of('overrides.occurred_at') }}) over (
            partition by overrides.account_id
            order by overrides.occurred_at, overrides.loaded_at, overrides.event_id
        ) as replaced_on
    from overrides
    cross join rules
    cross join build_moment
    inner join accounts
        on
            overrides.account_id = accounts.account_id
            and {{ day_of('overrides.occurred_at') }} <= accounts.ended_on
    left join completions
        on
            accounts.account_id = completions.account_id
            and accounts.churned_on = completions.completed_on
),

measured_dates as (
    select
        override_starts.override_id,
        max(case when scores.score_date <= override_starts.starts_on then scores.score_date end)
            as measured_on,
        min(
            case
                when
                    scores.band = override_starts.band
                    and scores.score_date > override_starts.starts_on
                    and scores.score_date <= override_starts.followed_until
                    then scores.score_date
            end
        ) as reached_on
    from override_starts
    inner join scores
        on override_starts.account_id = scores.account_id
    group by override_starts.override_id
),

overrides_with_score as (
    select
        override_starts.*,
        measured_dates.measured_on,
        measured_dates.reached_on,
        scores.model_version as measured_version,
        scores.score as measured_score,
        scores.band as measured_band,
        least(
            override_starts.expires_on,
            coalesce({{ add_days('override_starts.replaced_on', -1) }}, override_starts.expires_on),
            coalesce(override_starts.churned_on, override_starts.expires_on)
        ) as ends_on
    from override_starts
    left join measured_dates
        on override_starts.override_id = measured_dates.override_id
    left join scores
        on
            override_starts.account_id = scores.account_id
            and measured_dates.measured_on = scores.score_date
),

overrides_with_outcome as (
    select
        override_id,
        account_id,
        user_id,
        band,
        starts_on,
        expires_on,
        ends_on,
        coalesce(churned_on > as_of, true) and starts_on <= as_of and ends_on >= as_of as is_active,
        measured_on,
        measured_version,
        measured_score,
        measured_band,
        reached_on,
        case when churned_on <= followed_until then churned_on end as churned_on,
        case
            when completed_on <= followed_until then 'completed'
            when churned_on <= followed_until then 'churned'
            when reached_on is not null then 'reached'
            when as_of < followed_until then 'open'
            else 'not_reached'
        end as outcome
    from overrides_with_score
)

select * from overrides_with_outcome
