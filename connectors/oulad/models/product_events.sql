with

clicks as (
    select * from {{ source('oulad', 'clicks') }}
),

sites as (
    select * from {{ source('oulad', 'sites') }}
),

assessments as (
    select * from {{ source('oulad', 'assessments') }}
),

submissions as (
    select * from {{ source('oulad', 'submissions') }}
),

-- Rows alike in everything get the same set of numbers in any order.
numbered_clicks as (
    select
        concat_ws(
            '-',
            clicks.code_module,
            clicks.code_presentation,
            cast(clicks.id_student as bigint)
        ) as account_id,
        cast(clicks.id_student as bigint) as id_student,
        cast(clicks.id_site as bigint) as id_site,
        cast(clicks.date as integer) as click_day,
        cast(clicks.sum_click as integer) as sum_click,
        sites.activity_type,
        {{ course_day('clicks.code_presentation', 'clicks.date') }} as clicked_at,
        row_number() over (
            partition by
                clicks.code_module,
                clicks.code_presentation,
                clicks.id_student,
                clicks.id_site,
                clicks.date
            order by clicks.sum_click
        ) as ordinal
    from clicks
    left join sites
        on clicks.id_site = sites.id_site
),

clicked as (
    select
        account_id || '/' || id_site || '/' || click_day || '/' || ordinal as event_id,
        activity_type || '_viewed' as event_type,
        account_id,
        cast(id_student as varchar) as user_id,
        clicked_at as occurred_at,
        cast(json_object('site_id', id_site, 'clicks', sum_click) as varchar) as payload
    from numbered_clicks
),

numbered_assessments as (
    select
        *,
        row_number() over (
            partition by code_module, code_presentation
            order by date nulls last, id_assessment
        ) as ordinal
    from assessments
),

submitted as (
    select
        cast(submissions.id_assessment as bigint) || '/' || cast(submissions.id_student as bigint)
            as event_id,
        'assessment_' || numbered_assessments.ordinal || '_submitted' as event_type,
        concat_ws(
            '-',
            numbered_assessments.code_module,
            numbered_assessments.code_presentation,
            cast(submissions.id_student as bigint)
        ) as account_id,
        cast(cast(submissions.id_student as bigint) as varchar) as user_id,
        {{ course_day('numbered_assessments.code_presentation', 'submissions.date_submitted') }}
            as occurred_at,
        cast(
            json_object(
                'assessment_id', cast(submissions.id_assessment as bigint),
                'is_banked', submissions.is_banked = 1
            ) as varchar
        ) as payload
    from submissions
    left join numbered_assessments
        on submissions.id_assessment = numbered_assessments.id_assessment
),

unioned as (
    select * from clicked
    union all
    select * from submitted
),

enveloped as (
    select
        event_id,
        event_type,
        account_id,
        user_id,
        occurred_at,
        occurred_at as loaded_at,
        payload
    from unioned
)

select * from enveloped
