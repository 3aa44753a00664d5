-- Cells of the seeds that break a check of column_checks, keys that stand twice, and values that no
-- row has. One row per problem.
with

cells as (
    select * from {{ ref('configuration_cells') }}
),

column_checks as (
    select * from {{ ref('column_checks') }}
),

-- Elsewhere some values are written with a prefix, as a role is in a criterion.
known_values as (
    select distinct
        seed || '.' || column_name as reference,
        cell
    from cells
    where cell is not null
    union all
    select distinct
        'role:tracking_plan.role' as reference,
        'role:' || cell as cell
    from cells
    where seed = 'tracking_plan' and column_name = 'role' and cell is not null
),

checked_cells as (
    select
        cells.file_path,
        cells.row_key,
        cells.column_name,
        cells.cell,
        cells.number,
        column_checks.presence,
        column_checks.lowest,
        column_checks.highest,
        column_checks.accepted,
        column_checks.known_in,
        coalesce(column_checks.at_least, column_checks.more_than) as other_column,
        column_checks.more_than is not null as is_strict,
        coalesce(' where ' || conditions.column_name || ' is ' || conditions.cell, '') as condition,
        others.cell as other_cell,
        others.number as other_number
    from cells
    inner join column_checks
        on
            cells.file_path = column_checks.file_path
            and cells.column_name = column_checks.column_name
            and column_checks.must_hold is null
    left join cells as conditions
        on
            cells.file_path = conditions.file_path
            and cells.row_key = conditions.row_key
            and column_checks.where_column = conditions.column_name
    left join cells as others
        on
            cells.file_path = others.file_path
            and cells.row_key = others.row_key
            and coalesce(column_checks.at_least, column_checks.more_than) = others.column_name
    where
        column_checks.where_column is null
        or {{ is_listed('conditions.cell', 'column_checks.where_values') }}
),

found_values as (
    select distinct
        checked_cells.file_path,
        checked_cells.column_name,
        checked_cells.known_in,
        checked_cells.cell
    from checked_cells
    inner join known_values
        on
            checked_cells.cell = known_values.cell
            and {{ is_listed('known_values.reference', 'checked_cells.known_in') }}
),

cells_with_fault as (
    select
        checked_cells.*,
        case
            when checked_cells.cell is null
                then case when checked_cells.presence = 'required' then 'blank' end
            when checked_cells.presence = 'forbidden' then 'filled'
            when
                checked_cells.number < {{ try_cast_to('checked_cells.lowest', 'decimal(18, 6)') }}
                or checked_cells.number
                > {{ try_cast_to('checked_cells.highest', 'decimal(18, 6)') }}
                or (
                    checked_cells.number is null
                    and (
                        checked_cells.cell < checked_cells.lowest
                        or checked_cells.cell > checked_cells.highest
                    )
                )
                then 'beyond'
            when
                (checked_cells.accepted is not null or checked_cells.known_in is not null)
                and found_values.cell is null
                and not coalesce(
                    {{ is_listed('checked_cells.cell', 'checked_cells.accepted') }}, false
                )
                then 'unknown'
            when
                checked_cells.number < checked_cells.other_number
                or (
                    checked_cells.number is null and checked_cells.cell < checked_cells.other_cell
                )
                or (checked_cells.is_strict and checked_cells.cell = checked_cells.other_cell)
                then 'before'
        end as fault
    from checked_cells
    left join found_values
        on
            checked_cells.file_path = found_values.file_path
            and checked_cells.column_name = found_values.column_name
            and checked_cells.known_in = found_values.known_in
            and checked_cells.cell = found_values.cell
),

cell_problems as (
    select
        case when fault = 'blank' then 1 else 3 end as precedence,
        file_path,
        row_key,
        case fault
            when 'blank' then column_name || ' is blank' || condition || '.'
            when 'filled' then column_name || ' says nothing' || condition || '.'
            when 'unknown' then 'unknown ' || column_name || ' ' || cell || condition || '.'
            when 'before'
                then column_name || ' is ' || cell || ' and ' || other_column || ' is '
                    || other_cell || '.'
            else column_name || ' is ' || cell || condition || '.'
        end as problem,
        case fault
            when 'blank' then 'Fill it in.'
            when 'filled' then 'Leave it blank.'
            when 'beyond'
                then 'It goes' || coalesce(' from ' || lowest, '')
                    || coalesce(' to ' || highest, '') || '.'
            when 'unknown'
                then 'Use ' || coalesce(replace(accepted, '|', ', '), '')
                    || case when accepted is null or known_in is null then '' else ' or ' end
                    || coalesce('a value of ' || replace(known_in, '|', ', '), '') || '.'
            when 'before'
                then 'Let ' || column_name
                    || case when is_strict then ' be more' else ' be no less' end
                    || ' than ' || other_column || '.'
        end as remedy
    from cells_with_fault
    where fault is not null
),

-- A row has one cell per column, so a key that has more than one of a column stands more than once.
repeated_keys as (
    select
        file_path,
        row_key,
        count(*) / count(distinct column_name) as row_count
    from cells
    group by file_path, row_key
    having count(*) > count(distinct column_name)
),

repeated_values as (
    select
        cells.file_path,
        cells.column_name,
        cells.cell,
        count(*) as row_count
    from cells
    inner join column_checks
        on
            cells.file_path = column_checks.file_path
            and cells.column_name = column_checks.column_name
            and column_checks.is_unique
    where cells.cell is not null
    group by cells.file_path, cells.column_name, cells.cell
    having count(*) > 1
),

missing_values as (
    select
        column_checks.file_path,
        column_checks.column_name,
        column_checks.must_hold
    from column_checks
    left join cells
        on
            column_checks.file_path = cells.file_path
            and column_checks.column_name = cells.column_name
            and (
                column_checks.must_hold = cells.cell
                or column_checks.must_hold = '*'
                or {{ try_cast_to('column_checks.must_hold', 'decimal(18, 6)') }} = cells.number
            )
    where column_checks.must_hold is not null and cells.file_path is null
),

problems as (
    select * from cell_problems
    union all
    select
        2 as precedence,
        file_path,
        row_key,
        'it stands ' || cast(cast(row_count as bigint) as {{ dbt.type_string() }}) || ' times.'
            as problem,
        'Keep one row.' as remedy
    from repeated_keys
    union all
    select
        3 as precedence,
        file_path,
        column_name || ' ' || cell as row_key,
        'it stands ' || cast(row_count as {{ dbt.type_string() }}) || ' times.' as problem,
        'Keep one row.' as remedy
    from repeated_values
    union all
    select
        4 as precedence,
        file_path,
        'column ' || column_name as row_key,
        case
            when must_hold = '*' then 'there is no row.'
            else 'no row has ' || must_hold || '.'
        end as problem,
        'Add one.' as remedy
    from missing_values
)

select * from problems
