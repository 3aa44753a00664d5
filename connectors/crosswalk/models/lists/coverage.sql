-- How many records of each vendor have an account. One row per vendor.
with

links as (
    select * from {{ ref('links') }}
),

coverage as (
    select
        vendor,
        count(*) as record_count,
        count(*) filter (where status = 'linked') as linked_count,
        count(*) filter (where status = 'proposed') as proposed_count,
        count(*) filter (where status = 'ambiguous') as ambiguous_count,
        count(*) filter (where status in ('unmatched', 'none by hand')) as unmatched_count,
        round(count(*) filter (where status = 'linked') / count(*), 4) as linked_share
    from links
    group by vendor
)

select * from coverage
