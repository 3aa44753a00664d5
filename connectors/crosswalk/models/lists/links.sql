-- The account of each record, or why it has none. What a person or the record itself says decides;
-- else the only candidate, or the only one with the same domain and name; else the record is
-- ambiguous and linked with none. One row per vendor and record.
with

vendor_records as (
    select * from {{ ref('vendor_records') }}
),

candidates as (
    select * from {{ ref('candidates') }}
),

match_evidence as (
    select * from {{ ref('match_evidence') }}
),

record_candidates as (
    select
        vendor,
        vendor_id,
        bool_or(evidence = 'by hand') as is_by_hand,
        any_value(account_id) filter (where evidence = 'by hand') as hand_account_id,
        list(distinct account_id order by account_id) filter (where evidence = 'id') as by_id,
        list(distinct account_id order by account_id) filter (where evidence = 'domain and name')
            as by_both,
        list(distinct account_id order by account_id) filter (where account_id is not null)
            as accounts
    from candidates
    group by vendor, vendor_id
),

chosen as (
    select
        vendor,
        vendor_id,
        is_by_hand,
        accounts,
        case
            when is_by_hand then hand_account_id
            when len(by_id) = 1 then by_id[1]
            when len(by_id) > 1 then null
            when len(accounts) = 1 then accounts[1]
            when len(by_both) = 1 then by_both[1]
        end as account_id
    from record_candidates
),

best_evidence as (
    select
        chosen.vendor,
        chosen.vendor_id,
        max(match_evidence.confidence) as confidence,
        max_by(match_evidence.evidence, match_evidence.confidence) as evidence,
        bool_or(match_evidence.is_used) as is_used
    from chosen
    inner join candidates
        on
            chosen.vendor = candidates.vendor
            and chosen.vendor_id = candidates.vendor_id
            and chosen.account_id = candidates.account_id
    inner join match_evidence
        on candidates.evidence = match_evidence.evidence
    group by chosen.vendor, chosen.vendor_id
),

links as (
    select
        vendor_records.vendor,
        vendor_records.vendor_id,
        vendor_records.record_name,
        case
            when best_evidence.is_used then 'linked'
            when chosen.account_id is not null then 'proposed'
            when chosen.is_by_hand then 'none by hand'
            when len(chosen.accounts) > 0 then 'ambiguous'
            else 'unmatched'
        end as status,
        case when best_evidence.is_used then chosen.account_id end as account_id,
        chosen.account_id as proposed_account_id,
        best_evidence.evidence,
        best_evidence.confidence,
        array_to_string(chosen.accounts, ' | ') as candidates
    from vendor_records
    left join chosen
        on
            vendor_records.vendor = chosen.vendor
            and vendor_records.vendor_id = chosen.vendor_id
    left join best_evidence
        on
            vendor_records.vendor = best_evidence.vendor
            and vendor_records.vendor_id = best_evidence.vendor_id
)

select * from links
