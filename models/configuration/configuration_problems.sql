-- All contradictions within the seeds, with their remedies; one row stops the build. One row per
-- problem.
with

column_problems as (
    select * from {{ ref('column_problems') }}
),

-- A wrong cell makes its row contradict others, so problems of columns come first.
problems as (
    select
        precedence,
        file_path,
        row_key,
        problem,
        remedy
    from column_problems
    {% for folder in ['shared', 'catalog', 'scoring', 'plays', 'expansion', 'sync'] -%}
    union all
    select
        {{ 4 + loop.index }} as precedence,
        file_path,
        row_key,
        problem,
        remedy
    from {{ ref(folder ~ '_problems') }}
    {% endfor %}
)

select * from problems
