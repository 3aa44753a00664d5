-- Scores that changed after they were first published, split by cause. One row per account and
-- score date with more than one revision.
with

revised_dates as (
    select distinct
        account_id,
        score_date
    from {{ ref('fct_score_records') }}
    where revision > 1
),

records as (
    select records.*
    from {{ ref('fct_score_records') }} as records
    inner join revised_dates
        on
            records.account_id = revised_dates.account_id
            and records.score_date = revised_dates.score_date
),

ranked_records as (
    select
        records.*,
        row_number() over (
            partition by account_id, score_date order by revision
        ) as first_rank,
        row_number() over (
            partition by account_id, score_date order by revision desc
        ) as last_rank
    from records
),

first_and_last as (
    select
        account_id,
        score_date,
        max(revision) as revisions,
        min(computed_at) as recorded_at,
        max(computed_at) as restated_at,
        max(case when first_rank = 1 then model_version end) as recorded_version,
        max(case when last_rank = 1 then model_version end) as restated_version,
        max(case when first_rank = 1 then status end) as recorded_status,
        max(case when last_rank = 1 then status end) as restated_status,
        max(case when first_rank = 1 then score end) as recorded_score,
        max(case when last_rank = 1 then score end) as restated_score,
        max(case when first_rank = 1 then band end) as recorded_band,
        max(case when last_rank = 1 then band end) as restated_band,
        sum(behaviour_change) as behaviour_change,
        sum(configuration_change) as configuration_change,
        sum(late_data_change) as late_data_change,
        sum(coalesce(unsplit_change, 0)) as unsplit_change
    from ranked_records
    group by account_id, score_date
),

differences as (
    select
        first_and_last.*,
        restated_score - recorded_score as difference
    from first_and_last
),

restatements as (
    select
        account_id,
        score_date,
        cast(revisions as bigint) as revisions,
        recorded_at,
        restated_at,
        recorded_version,
        restated_version,
        recorded_status,
        restated_status,
        cast(recorded_score as decimal(9, 2)) as recorded_score,
        cast(restated_score as decimal(9, 2)) as restated_score,
        recorded_band,
        restated_band,
        cast(difference as decimal(9, 2)) as difference,
        cast(case when difference is not null then behaviour_change end as decimal(9, 2))
            as behaviour_change,
        cast(case when difference is not null then configuration_change end as decimal(9, 2))
            as configuration_change,
        cast(case when difference is not null then late_data_change end as decimal(9, 2))
            as late_data_change,
        cast(case when difference is not null then unsplit_change end as decimal(9, 2))
            as unsplit_change
    from differences
)

select * from restatements
