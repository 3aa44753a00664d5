"""Who the accounts are: merges, memberships, attributes, starts, subscriptions, exclusions, segments."""

from __future__ import annotations

from .session import Session, round_half_up


def load(session: Session) -> None:
    """Make the temporary tables alias, memberships, periods, accounts and scope."""
    session.run(
        "accounts alias",
        """create temp table alias as
        with recursive

        created as (
            select distinct account_id from crm
            where event_type = 'account_created' and account_id is not null
        ),

        merges as (
            select account_id, into_account_id
            from crm
            where
                event_type = 'account_merged'
                and account_id in (from created)
                and into_account_id in (from created)
            qualify
                row_number() over (
                    partition by account_id order by occurred_at desc, loaded_at desc, event_id desc
                ) = 1
        ),

        chains as (
            select account_id, into_account_id, 1 as steps from merges
            union all
            select chains.account_id, merges.into_account_id, chains.steps + 1 as steps
            from chains
            inner join merges on chains.into_account_id = merges.account_id
            where chains.steps < 17
        ),

        survivors as (
            select
                account_id,
                case when steps > 16 then error('The merges run in a circle') else into_account_id end
                    as into_account_id
            from chains
            where into_account_id not in (select account_id from merges) or steps > 16
        )

        select
            created.account_id as source_account_id,
            coalesce(survivors.into_account_id, created.account_id) as account_id
        from created
        left join survivors on created.account_id = survivors.account_id""",
    )
    for stream in ("crm", "support", "billing", "survey"):
        session.run(
            "accounts alias",
            f"""create temp view {stream}_events as
            select {stream}.* replace (alias.account_id as account_id), alias.source_account_id
            from {stream}
            inner join alias on {stream}.account_id = alias.source_account_id""",
        )
    session.run(
        "accounts periods",
        f"""create temp table periods as
        with

        states as (
            select
                account_id,
                subscription_id,
                event_type <> 'subscription_cancelled' as is_active,
                case
                    when event_type = 'subscription_cancelled' then cast(effective_on as date)
                    else cast(occurred_at as date)
                end as starts_on,
                cast(term_end as date) as term_ends_on,
                cast(seats as bigint) as seats,
                cast(mrr as decimal(18, 6)) as mrr,
                currency,
                cast(usage_cap as decimal(18, 6)) as usage_cap,
                occurred_at,
                loaded_at,
                event_id
            from billing_events
            where starts_with(event_type, 'subscription_')
        ),

        last_of_day as (
            select *
            from states
            qualify
                row_number() over (
                    partition by subscription_id, starts_on
                    order by occurred_at desc, loaded_at desc, event_id desc
                ) = 1
        ),

        bounded as (
            select
                *,
                lead(starts_on) over (partition by subscription_id order by starts_on) as ends_on
            from last_of_day
        )

        select
            account_id,
            starts_on,
            ends_on,
            term_ends_on,
            seats,
            usage_cap,
            {round_half_up("12 * cast(mrr as double) * rate_to_reporting_currency", 2)} as arr
        from bounded
        inner join exchange_rates using (currency)
        where is_active""",
    )
    as_of = f"date '{session.known_at:%Y-%m-%d}'"
    session.run(
        "accounts",
        f"""create temp table accounts as
        with

        attributes as (
            select
                account_id,
                last(product_category order by occurred_at, loaded_at, event_id)
                    filter (product_category is not null) as product_category,
                coalesce(
                    last(cast(is_internal as boolean) order by occurred_at, loaded_at, event_id)
                        filter (is_internal is not null), false
                ) as is_internal,
                coalesce(
                    last(cast(is_test as boolean) order by occurred_at, loaded_at, event_id)
                        filter (is_test is not null), false
                ) as is_test
            from crm_events
            where
                event_type in ('account_created', 'account_updated')
                and source_account_id = account_id
            group by account_id
        ),

        starts as (
            select account_id, event_type, occurred_at from crm_events
            where event_type in ('onboarding_started', 'account_created')
            union all
            select account_id, event_type, occurred_at from billing_events
            where event_type in ('trial_started', 'subscription_started')
        ),

        begun as (
            select
                account_id,
                coalesce(
                    min(occurred_at) filter (event_type = 'onboarding_started'),
                    min(occurred_at)
                        filter (event_type in ('trial_started', 'subscription_started')),
                    min(occurred_at)
                ) as started_at,
                coalesce(bool_or(event_type = 'trial_started'), false)
                and not coalesce(bool_or(event_type = 'subscription_started'), false) as is_trial
            from starts
            group by account_id
        ),

        subscribed as (
            select
                account_id,
                starts_on = min(starts_on) over (partition by account_id) as is_first,
                seats,
                arr,
                ends_on
            from periods
            where starts_on <= {as_of}
        ),

        contracts as (
            select
                account_id,
                sum(seats) filter (is_first) as seats,
                sum(arr) filter (is_first) as arr,
                case
                    when not bool_or(coalesce(ends_on > {as_of}, true)) then max(ends_on)
                end as churned_on
            from subscribed
            group by account_id
        ),

        sized as (
            select contracts.account_id, size_classes.segment
            from contracts
            inner join size_classes
                on
                    (size_classes.min_seats = 0 and size_classes.min_arr = 0)
                    or (size_classes.min_seats > 0 and contracts.seats >= size_classes.min_seats)
                    or (size_classes.min_arr > 0 and contracts.arr >= size_classes.min_arr)
            qualify
                row_number() over (
                    partition by contracts.account_id
                    order by min_arr desc, min_seats desc, segment
                ) = 1
        ),

        placed as (
            select
                attributes.account_id,
                coalesce(
                    categories.product_category, '{session.variables["default_product_category"]}'
                ) as product_category,
                coalesce(
                    sized.segment,
                    (select segment from size_classes where min_seats = 0 and min_arr = 0)
                ) as segment,
                begun.started_at,
                cast(begun.started_at as date) as started_on,
                contracts.churned_on,
                greatest(
                    coalesce(contracts.churned_on, {as_of}), cast(begun.started_at as date)
                ) as ended_on
            from attributes
            inner join begun using (account_id)
            left join contracts using (account_id)
            left join sized using (account_id)
            left join (select distinct product_category from journeys) as categories
                using (product_category)
            where not (
                (is_internal and 'internal' in (select reason from exclusion_rules where is_excluded))
                or (is_test and 'test' in (select reason from exclusion_rules where is_excluded))
                or (is_trial and 'trial' in (select reason from exclusion_rules where is_excluded))
            )
        )

        select
            cast(row_number() over (order by account_id) as integer) as account,
            placed.*,
            coalesce(by_segment.journey, by_category.journey) as journey
        from placed
        left join journeys as by_segment
            on
                placed.product_category = by_segment.product_category
                and placed.segment = by_segment.segment
        left join journeys as by_category
            on
                placed.product_category = by_category.product_category
                and by_category.segment = 'any'""",
    )
    session.run(
        "accounts scope",
        """create temp table scope as
        select source_account_id, account, started_on, ended_on
        from alias
        inner join accounts using (account_id)""",
    )
    session.run(
        "accounts memberships",
        """create temp table memberships as
        with

        ordered as (
            select
                user_id,
                account_id,
                event_type,
                occurred_at as member_from,
                lead(occurred_at, 1, timestamp '9999-12-31') over (
                    partition by user_id order by occurred_at, loaded_at, event_id
                ) as member_to
            from crm
            where event_type in ('contact_added', 'contact_removed') and user_id is not null
        )

        select user_id, member_from, member_to, account, started_on, ended_on
        from ordered
        inner join scope on ordered.account_id = scope.source_account_id
        where event_type = 'contact_added'""",
    )
