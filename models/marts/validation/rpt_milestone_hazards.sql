{%- set z = var('confidence_z') -%}

-- Churn before and after a milestone is reached: rate ratio of person-time after Mantel and
-- Haenszel, by week of age and segment, so that nobody counts as reached before the day. One row
-- per milestone.
with

milestone_settings as (
    select * from {{ ref('milestone_settings') }}
),

-- Days are numbered from the start; a milestone is reached by the end of its day.
follow_ups as (
    select
        milestone_id,
        segment,
        {{ days_between('started_on', 'least(followed_on, coalesce(waived_on, followed_on))') }}
        + 1 as left_day,
        case
            when reached_on >= started_on
                then {{ days_between('started_on', 'reached_on') }} + 1
            when reached_on < started_on then 1
        end as exposed_day,
        case
            when churned_on <= least(followed_on, coalesce(waived_on, followed_on)) then 1
            else 0
        end as churned
    from {{ ref('int_onboarding_steps') }}
    where onboarding_number = 1 and is_followed and followed_on >= started_on
),

churns as (
    select
        milestone_id,
        segment,
        cast(floor((left_day - 1) / 7.0) as integer) * 7 as week_day,
        case when exposed_day < left_day then 1 else 0 end as is_exposed
    from follow_ups
    where churned = 1
),

churn_weeks as (
    select
        milestone_id,
        segment,
        week_day,
        {{ as_double('sum(is_exposed)') }} as a,
        {{ as_double('sum(1 - is_exposed)') }} as b
    from churns
    group by milestone_id, segment, week_day
),

-- Days of accounts within the week, before and after: half-open intervals, cut to the week.
week_days as (
    select
        churn_weeks.milestone_id,
        churn_weeks.segment,
        churn_weeks.week_day,
        churn_weeks.a,
        churn_weeks.b,
        {{ as_double(
            'sum(least(follow_ups.left_day, churn_weeks.week_day + 7) - churn_weeks.week_day)'
        ) }} as days,
        {{ as_double(
            'sum(greatest(least(follow_ups.left_day, churn_weeks.week_day + 7)'
            ~ ' - greatest(coalesce(follow_ups.exposed_day, follow_ups.left_day),'
            ~ ' churn_weeks.week_day), 0))'
        ) }} as exposed_days
    from churn_weeks
    inner join follow_ups
        on
            churn_weeks.milestone_id = follow_ups.milestone_id
            and churn_weeks.segment = follow_ups.segment
            and churn_weeks.week_day < follow_ups.left_day
    group by
        churn_weeks.milestone_id,
        churn_weeks.segment,
        churn_weeks.week_day,
        churn_weeks.a,
        churn_weeks.b
),

sums as (
    select
        milestone_id,
        cast(sum(a) as bigint) as churned_after,
        cast(sum(b) as bigint) as churned_before,
        {{ as_double(
            'sum(' ~ round_half_up('a * (days - exposed_days) / days', 11) ~ ')'
        ) }} as after_term,
        {{ as_double('sum(' ~ round_half_up('b * exposed_days / days', 11) ~ ')') }}
            as before_term,
        {{ as_double(
            'sum(' ~ round_half_up(
                '(a + b) * exposed_days * (days - exposed_days) / (days * days)', 11
            ) ~ ')'
        ) }} as variance
    from week_days
    group by milestone_id
),

person_time as (
    select
        milestone_id,
        cast(count(*) as bigint) as accounts,
        cast(sum(case when exposed_day < left_day then 1 else 0 end) as bigint)
            as accounts_reached,
        cast(sum(least(coalesce(exposed_day, left_day), left_day)) as bigint) as days_before,
        cast(sum(left_day - least(coalesce(exposed_day, left_day), left_day)) as bigint)
            as days_after
    from follow_ups
    group by milestone_id
),

-- Nothing is computed of too few churns before and after together, or where none could be either.
estimates as (
    select
        person_time.*,
        coalesce(sums.churned_before, 0) as churned_before,
        coalesce(sums.churned_after, 0) as churned_after,
        milestone_settings.min_at_risk,
        case
            when
                sums.churned_before + sums.churned_after >= milestone_settings.min_at_risk
                and sums.after_term > 0
                and sums.before_term > 0
                then ln(sums.after_term / sums.before_term)
        end as log_ratio,
        case
            when sums.after_term > 0 and sums.before_term > 0
                then sqrt(sums.variance / (sums.after_term * sums.before_term))
        end as error,
        case
            when
                sums.churned_before + sums.churned_after >= milestone_settings.min_at_risk
                and sums.variance > 0
                then -abs(sums.after_term - sums.before_term) / sqrt(sums.variance)
        end as score
    from person_time
    cross join milestone_settings
    left join sums
        on person_time.milestone_id = sums.milestone_id
),

-- An interval that spans nearly all numbers says nothing.
bounds as (
    select
        estimates.*,
        case when abs(log_ratio) + {{ z }} * error < ln(1000000) then exp(log_ratio) end
            as rate_ratio,
        case when abs(log_ratio) + {{ z }} * error < ln(1000000) then {{ z }} * error end as reach,
        2 * {{ normal_cdf('score') }} as p_value
    from estimates
),

{%- set number = 'cast(' ~ round_half_up('{}', 2) ~ ' as ' ~ dbt.type_string() ~ ')' %}

hazards as (
    select
        milestone_id,
        accounts,
        accounts_reached,
        days_before,
        churned_before,
        days_after,
        churned_after,
        {{ round_half_up('rate_ratio', 9) }} as rate_ratio,
        {{ round_half_up('rate_ratio * exp(-reach)', 9) }} as rate_ratio_lower,
        {{ round_half_up('rate_ratio * exp(reach)', 9) }} as rate_ratio_upper,
        {{ round_half_up('p_value', 10) }} as p_value,
        case
            when churned_before + churned_after < min_at_risk
                then
                    'too few churned: '
                    || cast(churned_before + churned_after as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_at_risk as {{ dbt.type_string() }})
            when rate_ratio is null
                then 'nothing to compare: hardly any churned before it, or hardly any after'
            else
                'once reached, accounts of the same week of age and segment churn at '
                || {{ number.format('rate_ratio') }} || ' times the rate ('
                || {{ number.format('rate_ratio * exp(-reach)') }} || ' to '
                || {{ number.format('rate_ratio * exp(reach)') }}
                || '); an association, not an effect'
        end as verdict
    from bounds
)

select * from hazards
