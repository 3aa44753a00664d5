-- The first day that this build recomputes of each account, one row per account. Without a full
-- rebuild it is the day after the last build, or the earliest day that new events, lapses or
-- changes of coverage may touch.
{{ config(materialized='table') }}

with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

coverage_entries as (
    select
        entries.*,
        ',' || build_moment.last_tracking_starts || ',' as last_entries
    from {{ ref('base_coverage_entries') }} as entries
    cross join build_moment
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

aliases as (
    select * from {{ ref('base_accounts') }}
),

document_types as (
    select * from {{ ref('event_types') }}
    where document_key is not null
),

new_product_events as (
    select
        account_id,
        min({{ day_of('occurred_at') }}) as date_day
    from {{ ref('base_resolved_events') }}
    where
        source = 'product'
        and build_number > (select build_moment.last_build_number from build_moment)
        and (select not build_moment.must_rebuild from build_moment)
    group by account_id
),

created_accounts as (
    select distinct source_account_id from {{ ref('base_resolved_events') }}
    where
        source = 'crm'
        and event_type = 'account_created'
        and build_number > (select build_moment.last_build_number from build_moment)
),

-- The older events of an account that is created in this build are new too: they count from now on.
other_events as (
    select
        events.source,
        events.event_type,
        events.account_id,
        events.source_account_id,
        events.user_id,
        {{ day_of('events.occurred_at') }} as date_day,
        events.build_number > build_moment.last_build_number
        or created_accounts.source_account_id is not null as is_new,
        events.reject_reason,
        coalesce(events.loaded_at <= build_moment.last_known_at, false) as is_known_to_last_build,
        case when {{ is_json_object('events.payload') }} then events.payload end as payload
    from {{ ref('base_resolved_events') }} as events
    cross join build_moment
    left join created_accounts
        on events.source_account_id = created_accounts.source_account_id
    where events.source <> 'product' and not build_moment.must_rebuild
),

-- These events may change the whole life of the account, so it is recomputed from its start.
whole_accounts as (
    select
        account_id,
        cast('0001-01-01' as date) as date_day
    from other_events
    where
        is_new
        and event_type in (
            'account_created',
            'account_updated',
            'onboarding_started',
            'trial_started',
            'subscription_started',
            'subscription_changed',
            'subscription_renewed',
            'subscription_cancelled'
        )
),

merge_ends as (
    select source_account_id as account_id from other_events
    where event_type = 'account_merged'
    union distinct
    select {{ json_text('payload', "'into_account_id'") }} as account_id from other_events
    where event_type = 'account_merged'
),

new_merges as (
    select count(*) as event_count
    from other_events
    where
        is_new
        and (
            event_type = 'account_merged'
            or (
                event_type = 'account_created'
                and source_account_id in (select merge_ends.account_id from merge_ends)
            )
        )
),

merged_accounts as (
    select
        aliases.account_id,
        cast('0001-01-01' as date) as date_day
    from merge_ends
    inner join aliases
        on merge_ends.account_id = aliases.source_account_id
    cross join new_merges
    where new_merges.event_count > 0
),

contacts as (
    select
        user_id,
        account_id,
        date_day,
        is_new
    from other_events
    where event_type in ('contact_added', 'contact_removed')
),

new_contacts as (
    select
        user_id,
        min(date_day) as date_day
    from contacts
    where is_new
    group by user_id
),

identifications as (
    select
        user_id,
        {{ json_text('payload', "'anonymous_id'") }} as anonymous_id,
        is_new
    from other_events
    where event_type = 'user_identified'
),

-- Anonymous ids whose events may now count for another user, or for the account that a user moved
-- to.
affected_anonymous_ids as (
    select
        identifications.anonymous_id,
        max(case when identifications.is_new then 1 else 0 end) = 1 as is_identified_now
    from identifications
    left join new_contacts
        on identifications.user_id = new_contacts.user_id
    where identifications.is_new or new_contacts.user_id is not null
    group by identifications.anonymous_id
),

anonymous_days as (
    select
        events.user_id as anonymous_id,
        events.account_id as source_account_id,
        affected_anonymous_ids.is_identified_now,
        min({{ day_of('events.occurred_at') }}) as date_day
    from {{ ref('base_events') }} as events
    inner join affected_anonymous_ids
        on events.user_id = affected_anonymous_ids.anonymous_id
    where events.source = 'product'
    group by events.user_id, events.account_id, affected_anonymous_ids.is_identified_now
),

identified_accounts as (
    select
        aliases.account_id,
        anonymous_days.date_day
    from anonymous_days
    inner join aliases
        on anonymous_days.source_account_id = aliases.source_account_id
    where anonymous_days.is_identified_now
),

users_of_anonymous_ids as (
    select anonymous_id, user_id from identifications
    union distinct
    select anonymous_id, anonymous_id as user_id from identifications
),

-- Users with new contact events. With them move the events of their anonymous ids that name no
-- account.
moved_users as (
    select user_id, date_day from new_contacts
    union all
    select
        users_of_anonymous_ids.user_id,
        anonymous_days.date_day
    from anonymous_days
    inner join users_of_anonymous_ids
        on anonymous_days.anonymous_id = users_of_anonymous_ids.anonymous_id
    where anonymous_days.source_account_id is null
),

contact_accounts as (
    select
        contacts.account_id,
        min(moved_users.date_day) as date_day
    from moved_users
    inner join contacts
        on moved_users.user_id = contacts.user_id
    group by contacts.account_id
),

document_events as (
    select
        other_events.source,
        document_types.document_key,
        {{ json_text('other_events.payload', 'document_types.document_key') }} as document_id,
        other_events.source_account_id,
        other_events.account_id,
        other_events.is_new,
        document_types.begins_document as begins,
        other_events.reject_reason is null as is_accepted,
        other_events.is_known_to_last_build,
        case
            when document_types.document_key = 'subscription_id' then cast('0001-01-01' as date)
            else other_events.date_day
        end as date_day
    from other_events
    inner join document_types
        on
            other_events.source = document_types.source
            and other_events.event_type = document_types.event_type
),

-- One row per document id and account that names it, with what is new about it.
document_mentions as (
    select
        source,
        document_key,
        document_id,
        source_account_id,
        account_id,
        min(date_day) as date_day,
        max(case when is_new then 1 else 0 end) = 1 as has_news,
        max(case when is_new and (begins or not is_accepted) then 1 else 0 end) = 1
            as has_other_beginnings,
        max(case when is_known_to_last_build then 1 else 0 end) = 1
        and max(case when begins and is_accepted and not is_new then 1 else 0 end) = 0
            as may_leave
    from document_events
    where document_id is not null
    group by source, document_key, document_id, source_account_id, account_id
),

-- A new or newly rejected first event may move the events of other accounts with the same id to
-- another document. The documents that an account began itself stay where they are.
document_ids as (
    select
        source,
        document_key,
        document_id,
        min(date_day) as date_day
    from document_mentions
    group by source, document_key, document_id
    having
        max(case when has_other_beginnings then 1 else 0 end) = 1
        and max(case when may_leave then 1 else 0 end) = 1
),

mentions_of_documents as (
    select
        document_mentions.account_id,
        document_mentions.source,
        document_mentions.date_day,
        document_mentions.has_news,
        documents.document
    from document_mentions
    inner join {{ ref('base_documents') }} as documents
        on
            document_mentions.source = documents.source
            and document_mentions.document_key = documents.document_key
            and document_mentions.source_account_id = documents.source_account_id
            and document_mentions.document_id = documents.document_id
),

new_documents as (
    select
        source,
        document,
        min(date_day) as date_day
    from mentions_of_documents
    group by source, document
    having max(case when has_news then 1 else 0 end) = 1
),

document_accounts as (
    select
        mentions_of_documents.account_id,
        new_documents.date_day
    from new_documents
    inner join mentions_of_documents
        on
            new_documents.source = mentions_of_documents.source
            and new_documents.document = mentions_of_documents.document
    union all
    select
        document_mentions.account_id,
        document_ids.date_day
    from document_ids
    inner join document_mentions
        on
            document_ids.source = document_mentions.source
            and document_ids.document_key = document_mentions.document_key
            and document_ids.document_id = document_mentions.document_id
),

-- Coverage now against coverage at the last build. A new entry changes results from its day on.
-- Where an entry is gone, that day is unknown and everything is recomputed.
entries_and_last_build as (
    select
        coverage_entries.*,
        {{ dbt.position("',' || entry || ','", 'last_entries') }} > 0 as was_there,
        {{ try_cast_to(
            "case when kind = 'complete' then substr(last_entries, "
            ~ dbt.position("',' || source || ' complete'", 'last_entries')
            ~ " + length(source) + 19, 10) end", 'date'
        ) }} as last_complete_through
    from coverage_entries
),

coverage_changes as (
    select
        case
            when
                sum(
                    case when was_there or kind = 'complete' then length(entry) + 1 else 0 end
                ) + 1 < max(length(last_entries))
                then cast('0001-01-01' as date)
            else
                min(
                    case
                        when was_there then null
                        when kind = 'complete'
                            then {{ add_days('least(last_complete_through, date_day)', 1) }}
                        else date_day
                    end
                )
        end as date_day
    from entries_and_last_build
),

-- Usage signals after the last complete product day are provisional and computed again.
complete_days as (
    select min(date_day) as date_day
    from coverage_entries
    where kind = 'complete' and source = 'product'
),

-- Lapses that the last build could not see, as the days of grace were not over.
new_lapses as (
    select
        terms.account_id,
        terms.lapsed_on as date_day
    from {{ ref('int_subscription_terms') }} as terms
    cross join {{ ref('billing_settings') }} as billing_settings
    cross join build_moment
    where
        {{ add_days('terms.lapsed_on', 'billing_settings.lapse_grace_days') }}
        > build_moment.last_as_of
),

changes as (
    select account_id, date_day from new_product_events
    union all
    select account_id, date_day from new_lapses
    union all
    select account_id, date_day from other_events
    where is_new
    union all
    select account_id, date_day from whole_accounts
    union all
    select account_id, date_day from merged_accounts
    union all
    select account_id, date_day from contact_accounts
    union all
    select account_id, date_day from identified_accounts
    union all
    select account_id, date_day from document_accounts
),

first_changes as (
    select
        account_id,
        min(date_day) as date_day
    from changes
    group by account_id
),

accounts_with_first_change as (
    select
        accounts.account_id,
        accounts.started_on,
        accounts.ended_on,
        case
            when build_moment.must_rebuild then accounts.started_on
            else
                least(
                    coalesce(first_changes.date_day, cast('9999-12-31' as date)),
                    coalesce(coverage_changes.date_day, cast('9999-12-31' as date)),
                    coalesce(complete_days.date_day, cast('9999-12-31' as date))
                )
        end as date_day,
        {{ add_days('build_moment.last_as_of', 1) }} as next_day
    from accounts
    cross join build_moment
    cross join coverage_changes
    cross join complete_days
    left join first_changes
        on accounts.account_id = first_changes.account_id
),

updates as (
    select
        account_id,
        started_on,
        ended_on,
        greatest(started_on, least(date_day, coalesce(next_day, started_on))) as recompute_from
    from accounts_with_first_change
)

select * from updates
