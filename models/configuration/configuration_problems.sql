with

reference_problems as (
    select * from {{ ref('reference_problems') }}
),

catalog_problems as (
    select * from {{ ref('catalog_problems') }}
),

scoring_problems as (
    select * from {{ ref('scoring_problems') }}
),

plays_problems as (
    select * from {{ ref('plays_problems') }}
),

expansion_problems as (
    select * from {{ ref('expansion_problems') }}
),

sync_problems as (
    select * from {{ ref('sync_problems') }}
),

problems as (
    select 1 as precedence, file_path, row_key, problem, remedy from reference_problems
    union all
    select 2 as precedence, file_path, row_key, problem, remedy from catalog_problems
    union all
    select 3 as precedence, file_path, row_key, problem, remedy from scoring_problems
    union all
    select 4 as precedence, file_path, row_key, problem, remedy from plays_problems
    union all
    select 5 as precedence, file_path, row_key, problem, remedy from expansion_problems
    union all
    select 6 as precedence, file_path, row_key, problem, remedy from sync_problems
)

select * from problems
