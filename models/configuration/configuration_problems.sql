with

column_problems as (
    select * from {{ ref('column_problems') }}
),

-- A cell that is wrong makes rows wrong together, so it is said first.
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
