with

silent as (
    select * from {{ ref('stream_coverage') }}
    where is_silent and is_used
),

-- Of a stream that is silent one row is enough.
reported as (
    select silent.*
    from silent
    left join silent as streams
        on silent.source = streams.source and streams.subject = 'any'
    where silent.subject = 'any' or streams.source is null
)

select * from reported
