{#- Write this stream to <RAW>/<stream>/events0.parquet. Not dbt-duckdb's `external`: that needs the
    folder to be there, and writes an empty stream as one row of nulls, an event to refuse. -#}
{% macro write_stream() %}
    {% set raw = env_var('RAW') | replace("'", "''") %}
    {% set stream = this.identifier | replace('_events', '') %}
    copy (
        select * from {{ this }}
        order by occurred_at, event_id, payload
    )
    to '{{ raw }}/{{ stream }}' ({{ one_file('events', 'parquet') }})
{% endmacro %}

{#- With a size limit DuckDB writes into a folder, which it makes; this large is one file. -#}
{% macro one_file(name, format) -%}
    format {{ format }},
    filename_pattern '{{ name }}',
    file_size_bytes '1TB',
    overwrite_or_ignore true
{%- endmacro %}
