-- What each opportunity was from when on: the versions of its history and, where they lack its own
-- values, these since the last change. One row per opportunity and change.
with

opportunities as (
    select * from {{ source('salesforce', 'opportunity') }}
    where
        not {{ is_true('is_deleted') }}
        and coalesce(try_cast(_fivetran_active as boolean), true)
),

history as (
    select * from {{ source('salesforce', 'opportunity_history') }}
),

rows_of_both as (
    select
        history.id as opportunity_id,
        history.stage_name,
        history.amount,
        history.close_date,
        {{ moment('history._fivetran_start') }} as happens_at,
        1 as read_number
    from history
    union all
    select
        id as opportunity_id,
        stage_name,
        amount,
        close_date,
        coalesce({{ moment('last_modified_date') }}, {{ moment('_fivetran_synced') }})
            as happens_at,
        2 as read_number
    from opportunities
),

-- The first version is of the opportunity's beginning, whenever it was first read. lag leaves out a
-- version that only repeats the one before it.
ordered_versions as (
    select
        rows_of_both.opportunity_id,
        opportunities.account_id,
        lower(opportunities.type) as opportunity_type,
        upper(opportunities.currency_iso_code) as currency,
        rows_of_both.stage_name,
        try_cast(rows_of_both.amount as decimal(18, 2)) as amount,
        try_cast({{ moment('rows_of_both.close_date') }} as date) as closes_on,
        rows_of_both.happens_at,
        {{ moment('opportunities.created_date') }} as created_at,
        row_number() over (
            partition by rows_of_both.opportunity_id
            order by rows_of_both.happens_at, rows_of_both.read_number
        ) as version_number
    from rows_of_both
    inner join opportunities
        on rows_of_both.opportunity_id = opportunities.id
),

compared_versions as (
    select
        opportunity_id,
        account_id,
        opportunity_type,
        currency,
        stage_name,
        amount,
        closes_on,
        version_number,
        case when version_number = 1 then coalesce(created_at, happens_at) else happens_at end
            as happens_at,
        [stage_name, cast(amount as varchar), cast(closes_on as varchar)] as terms,
        lag([stage_name, cast(amount as varchar), cast(closes_on as varchar)]) over (
            partition by opportunity_id order by version_number
        ) as terms_before
    from ordered_versions
),

opportunity_versions as (
    select * from compared_versions
    where version_number = 1 or terms <> terms_before
)

select * from opportunity_versions
