-- Scores as they were published by the end of the score date: the last revision in
-- fct_score_records. One row per account and score weekday.
with

records as (
    select * from {{ ref('fct_score_records') }}
    where
        {{ is_score_weekday('score_date') }}
        and computed_at < {{ day_starts_at(add_days('score_date', 1)) }}
),

last_revisions as (
    select
        account_id,
        score_date,
        max(revision) as revision
    from records
    group by account_id, score_date
),

published_records as (
    select
        records.account_id,
        records.score_date,
        records.model_version,
        records.status,
        records.score,
        records.band,
        records.components,
        records.computed_at
    from records
    inner join last_revisions
        on
            records.account_id = last_revisions.account_id
            and records.score_date = last_revisions.score_date
            and records.revision = last_revisions.revision
)

select * from published_records
