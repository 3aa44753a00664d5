with

-- Rendered, so that a build with --empty compares it too.
registered as (
    select signal from {{ ref('signals').render() }}
),

readable as (
    {% for column in signal_columns() -%}
    select '{{ column }}' as signal
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

published as (
    select lower(column_name) as signal
    from {{ columns_of(ref('fct_account_signals')) }} as columns_of_mart
    where lower(column_name) not in ('account_id', 'date_day')
),

places as (
    select signal, 1 as in_register, 0 as in_macro, 0 as in_mart from registered
    union all
    select signal, 0 as in_register, 1 as in_macro, 0 as in_mart from readable
    union all
    select signal, 0 as in_register, 0 as in_macro, 1 as in_mart from published
),

counted as (
    select
        signal,
        sum(in_register) as in_register,
        sum(in_macro) as in_macro,
        sum(in_mart) as in_mart
    from places
    group by signal
)

select * from counted
where in_register <> 1 or in_macro <> 1 or in_mart <> 1
