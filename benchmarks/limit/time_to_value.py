"""Time to value: fct_time_to_value, rpt_ttv_survival and rpt_ttv_cohorts."""

from __future__ import annotations

from .session import Session, round_half_up

_KEYS = "cohort_key, cohort_period, cohort_start, persona, segment, product_category"


def load(session: Session) -> None:
    """Make the tables of time to value."""
    session.run(
        "time to value",
        """create table fct_time_to_value as
        select
            account_id,
            milestone_id as activation_milestone_id,
            activation_milestones.persona,
            is_primary,
            segment,
            product_category,
            started_on,
            cast(achieved_at as date) as activated_on,
            case
                when achieved_at is not null then 'activated'
                when churned_on is not null then 'churned'
                else 'censored'
            end as outcome,
            activated_on - started_on as days_to_value,
            coalesce(activated_on, ended_on) - started_on as followed_days
        from achievements
        inner join activation_milestones using (product_category, milestone_id)""",
    )
    spread = f"{session.variables['confidence_z']} * sqrt(greenwood) / nullif(abs(log_survival), 0)"
    session.run(
        "time to value",
        f"""create table rpt_ttv_survival as
        with

        of_all as (
            select
                unnest(['all', 'month', 'week']) as cohort_period,
                persona, segment, product_category, started_on, followed_days, activated_on
            from (
                select
                    unnest(case when is_primary then [persona, 'primary'] else [persona] end) as persona,
                    segment, product_category, started_on, followed_days, activated_on
                from (
                    select persona, is_primary, unnest([segment, 'all']) as segment, product_category,
                        started_on, followed_days, activated_on
                    from (
                        select persona, is_primary, segment, unnest([product_category, 'all'])
                            as product_category, started_on, followed_days, activated_on
                        from fct_time_to_value
                    )
                )
            )
        ),

        days as (
            select
                cohort_period,
                case cohort_period
                    when 'month' then cast(date_trunc('month', started_on) as date)
                    when 'week' then cast(date_trunc('week', started_on) as date)
                end as cohort_start,
                persona,
                segment,
                product_category,
                cohort_period || '|' || coalesce(cast(cohort_start as varchar), '')
                || '|' || persona || '|' || segment || '|' || product_category as cohort_key,
                followed_days as day,
                count(*) as leaving,
                count(activated_on) as activated
            from of_all
            group by all
        ),

        at_risk as (
            select *, sum(leaving) over (partition by cohort_key order by day desc) as at_risk
            from days
        ),

        accumulated as (
            select
                *,
                sum(
                    case when activated < at_risk then ln(cast(at_risk - activated as double) / at_risk) else 0 end
                ) over so_far as log_survival,
                sum(
                    case
                        when activated < at_risk
                            then cast(activated as double) / (cast(at_risk as double) * (at_risk - activated))
                        else 0
                    end
                ) over so_far as greenwood,
                max(case when activated = at_risk then 1 else 0 end) over so_far as is_exhausted
            from at_risk
            window so_far as (partition by cohort_key order by day)
        ),

        estimated as (
            select
                *,
                case when is_exhausted = 1 then 0 else exp(log_survival) end as estimate,
                {spread} as spread
            from accumulated
        )

        select
            {_KEYS},
            cast(day as integer) as day,
            cast(at_risk as bigint) as at_risk,
            activated,
            leaving - activated as censored,
            {round_half_up("estimate", 10)} as survival,
            case
                when is_exhausted = 1 then null
                when log_survival = 0 then 1
                else {round_half_up("power(estimate, exp(spread))", 10)}
            end as survival_lower,
            case
                when is_exhausted = 1 then null
                when log_survival = 0 then 1
                else {round_half_up("power(estimate, exp(-spread))", 10)}
            end as survival_upper
        from estimated""",
    )
    shares = ", ".join(
        f"""case
            when max(day) >= {days} or min(survival) = 0
                then 1 - coalesce(min(survival) filter (day <= {days}), 1)
        end as activated_share_{days}d"""
        for days in (14, 30, 90)
    )
    session.run(
        "time to value",
        f"""create table rpt_ttv_cohorts as
        select
            {_KEYS},
            max(at_risk) as accounts,
            cast(sum(activated) as bigint) as activated,
            cast(sum(censored) as bigint) as censored,
            max(day) as followed_days,
            min(day) filter (survival <= 0.75) as days_to_25_percent,
            min(day) filter (survival <= 0.50) as median_days,
            min(day) filter (survival <= 0.25) as days_to_75_percent,
            {shares}
        from rpt_ttv_survival
        group by {_KEYS}""",
    )
