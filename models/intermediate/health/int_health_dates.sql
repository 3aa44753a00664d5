-- Score dates with a fingerprint of what they are scored on; a build adds those that are new or
-- changed. One row per score date.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

fingerprints as (
    {{ date_fingerprints() }}
),

changed_dates as (
    select
        fingerprints.score_date,
        fingerprints.account_count,
        fingerprints.fingerprint,
        build_moment.build_number
    from fingerprints
    cross join build_moment
    {% if is_incremental() -%}
    where fingerprints.score_date not in (select kept.score_date from {{ this }} as kept)
    {%- endif %}
)

select * from changed_dates
