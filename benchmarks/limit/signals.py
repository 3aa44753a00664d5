"""Every signal of every account and day: fct_account_signals, but for what milestones add."""

from __future__ import annotations

from .session import Session, ratio
from .tracking import COUNTED_ROLES, Tracking

# Two counts share one number, so that one window sums both.
_LOW_BITS = 31


def _pack(high: str, low: str) -> str:
    return f"({high}) * {1 << _LOW_BITS} + ({low})"


def _high(packed: str) -> str:
    return f"({packed} >> {_LOW_BITS})"


def _low(packed: str) -> str:
    return f"({packed} & {(1 << _LOW_BITS) - 1})"


def load(session: Session, tracking: Tracking) -> None:
    """Make the table int_measured_signals."""
    ((tracked_from, users_tracked_from),) = session.run(
        "signals", "select min(day), min(day) filter (users > 0) from usage_days where events > 0"
    )
    is_tracked = f"date_day >= date '{tracked_from or '9999-12-31'}'"
    is_user_tracked = f"date_day >= date '{users_tracked_from or '9999-12-31'}'"
    counts = ", ".join(
        f"coalesce({tracking.counted('roles', role)}, 0) as \"{role}s\"" for role in COUNTED_ROLES
    )

    def active_users(users: str, events: str) -> str:
        return f"case when {is_user_tracked} and ({users} > 0 or {events} = 0) then {users} end"

    def tracked(value: str) -> str:
        return f"case when {is_tracked} then {value} end"

    usage = {
        "events_7d": _high("events_active_7"),
        "events_30d": _high("events_active_30"),
        "logins_7d": _high("logins_cores_7"),
        "logins_30d": _high("logins_values_30"),
        "active_users_1d": active_users("users", "events"),
        "active_users_7d": active_users("users_7", _high("events_active_7")),
        "active_users_30d": active_users("users_30", _high("events_active_30")),
        "dau_mau_30d": f"""case
            when {is_user_tracked} and (users_30 > 0 or {_high("events_active_30")} = 0)
                then {ratio(f"({_low('users_shares_30')} / 1e6)", "least(account_age_days + 1, 30)")}
        end""",
        "active_days_7d": _low("events_active_7"),
        "active_days_30d": _low("events_active_30"),
        "logins_per_active_user_7d": ratio(_high("logins_cores_7"), "users_7"),
        "login_change_7d": f"""case
            when account_age_days >= 13
                then {ratio(_high("logins_cores_7"), f"(logins_14 - {_high('logins_cores_7')})")} - 1
        end""",
        "logins_baseline_share_7d": f"""case
            when account_age_days >= 29
                then {ratio(
                    f"23 * {_high('logins_cores_7')}",
                    f"(7 * ({_high('logins_values_30')} - {_high('logins_cores_7')}))",
                )}
        end""",
        "usage_growth_30d": f"""case
            when account_age_days >= 59
                then {ratio(_high("events_active_30"), f"(events_60 - {_high('events_active_30')})")} - 1
        end""",
        "core_events_7d": _low("logins_cores_7"),
        "value_events_30d": _low("logins_values_30"),
        "features_used_30d": "features_30",
        "modules_used_30d": "modules_30",
        "module_coverage_30d": f"least({ratio('modules_30', 'offered_modules')}, 1)",
        "depth_score_30d": f"least({ratio('10 * features_30', 'offered_features')}, 10)",
        "error_rate_7d": ratio(_high("errors_api_calls_7"), _high("events_active_7")),
        "api_calls_per_day_7d": ratio(_low("errors_api_calls_7"), "7"),
        "session_depth_30d": ratio(_high("events_active_30"), _high("users_shares_30")),
        "guided_task_share": f"""least({ratio(
            tracking.count("bits_so_far", "guided_task"), "offered_guided_tasks"
        )}, 1)""",
        "configuration_maturity": f"""least({ratio(
            tracking.count("bits_so_far", "configuration"), "offered_configurations"
        )}, 1)""",
    }
    whole = ("users", "events", "logins", "days", "used")
    usage_columns = ",\n".join(
        f"cast({tracked(value)} as bigint) as {name}"
        if any(word in name for word in whole) and not name.startswith(("logins_per", "logins_baseline"))
        else f"{tracked(value)} as {name}"
        for name, value in usage.items()
    )
    session.run(
        "signals",
        f"""create table int_measured_signals as
        with

        spine as (
            select
                account,
                cast(unnest(range(started_on, ended_on + 1, interval 1 day)) as date) as day
            from accounts
        ),

        daily as (
            select
                spine.account,
                spine.day,
                coalesce(events, 0) as events,
                coalesce(users, 0) as users,
                {counts},
                coalesce(bits, 0::{tracking.bits_type}) as bits,
                {_pack("coalesce(change_7, 0)", "coalesce(change_30, 0)")} as changes,
                segments.segment
            from spine
            left join usage_days on spine.account = usage_days.account and spine.day = usage_days.day
            left join segments on spine.account = segments.account and spine.day = segments.day
        ),

        accumulated as (
            select
                * exclude (changes, segment),
                max(segment) over so_far as segment,
                cast(sum(changes) over so_far as bigint) as users_7_30,
                bit_or(bits) over so_far as bits_so_far
            from daily
            window so_far as (partition by account order by day)
        ),

        shared as (
            select
                *,
                coalesce(
                    cast(
                        floor(cast(users as double) / nullif({_low("users_7_30")}, 0) * 1e6 + 0.500001)
                        as bigint
                    ), 0
                ) as share
            from accumulated
        ),

        running as (
            select
                account,
                day,
                segment,
                events,
                users,
                {_high("users_7_30")} as users_7,
                {_low("users_7_30")} as users_30,
                bits_so_far,
                bit_or(bits) over last_30 as bits_30,
                cast(sum({_pack("events", "cast(events > 0 as bigint)")}) over last_7 as bigint)
                    as events_active_7,
                cast(sum({_pack("events", "cast(events > 0 as bigint)")}) over last_30 as bigint)
                    as events_active_30,
                cast(sum({_pack("logins", "cores")}) over last_7 as bigint) as logins_cores_7,
                cast(sum({_pack("logins", '"values"')}) over last_30 as bigint) as logins_values_30,
                cast(sum({_pack("errors", "api_calls")}) over last_7 as bigint) as errors_api_calls_7,
                cast(sum({_pack("users", "share")}) over last_30 as bigint) as users_shares_30,
                cast(sum(logins) over last_14 as bigint) as logins_14,
                cast(sum(events) over last_60 as bigint) as events_60
            from shared
            window
                last_7 as (partition by account order by day rows 6 preceding),
                last_14 as (partition by account order by day rows 13 preceding),
                last_30 as (partition by account order by day rows 29 preceding),
                last_60 as (partition by account order by day rows 59 preceding)
        ),

        offers as (
            select
                categories.product_category,
                count(distinct feature) as offered_features,
                count(distinct module) as offered_modules,
                count(*) filter (role = 'guided_task') as offered_guided_tasks,
                count(*) filter (role = 'configuration') as offered_configurations
            from (select distinct product_category from accounts) as categories
            left join tracking_plan
                on tracking_plan.product_category in ('any', categories.product_category)
            group by categories.product_category
        ),

        placed as (
            select
                running.* exclude (account, day),
                accounts.account_id,
                running.day as date_day,
                running.day - accounts.started_on as account_age_days,
                {tracking.count("bits_30", "feature")} as features_30,
                {tracking.count("bits_30", "module")} as modules_30,
                offers.* exclude (product_category)
            from running
            inner join accounts using (account)
            inner join offers using (product_category)
        ),

        used as (
            select
                account_id,
                date_day,
                account_age_days,
                segment,
                {usage_columns}
            from placed
        )

        select
            used.* exclude (segment),
            {ratio("active_users_30d", "segments.seats")} as seats_used_share_30d,
            cast(tickets_opened_30d as bigint) as tickets_opened_30d,
            cast(tickets_open as bigint) as tickets_open,
            case when has_tickets then {ratio("tickets_opened_30d", "active_users_30d")} end
                as tickets_per_user_30d,
            first_response_hours_30d,
            cast(sla_breaches_30d as bigint) as sla_breaches_30d,
            sla_breach_rate_90d,
            cast(escalations_30d as bigint) as escalations_30d,
            cast(tickets_reopened_30d as bigint) as tickets_reopened_30d,
            replies_per_ticket_90d,
            cast(expansion_requests_90d as bigint) as expansion_requests_90d,
            is_subscribed,
            arr,
            segments.seats,
            case when is_invoiced then coalesce(date_day - oldest_due_on, 0) end as days_overdue,
            renews_on - date_day as days_to_renewal,
            {ratio("events_30d", "usage_cap")} as usage_cap_share_30d,
            nps_180d,
            nps_score_180d,
            nps_last_score_180d,
            nps_best_score_180d,
            date_day - last_nps_on as days_since_nps,
            csat_90d,
            date_day - last_csat_on as days_since_csat,
            survey_response_rate_90d,
            note_sentiment_90d,
            date_day - last_note_on as days_since_note
        from used
        inner join segments on used.segment = segments.segment""",
    )
