{#- Write this stream to <RAW>/<stream>/<connector>0.parquet, so that several connectors fill one folder.
    Not dbt-duckdb's `external`: that needs the folder to be there, and writes an empty stream as one row
    of nulls, an event to refuse. -#}
{% macro write_stream() %}
    {% set raw = env_var('RAW') | replace("'", "''") %}
    {% set stream = this.identifier | replace('_events', '') %}
    copy (
        select * from {{ this }}
        order by occurred_at, event_id, payload
    )
    to '{{ raw }}/{{ stream }}' ({{ one_file(connector_name(), 'parquet') }})
{% endmacro %}

{#- With a size limit DuckDB writes into a folder, which it makes; this large is one file. -#}
{% macro one_file(name, format) -%}
    format {{ format }},
    filename_pattern '{{ name }}',
    file_size_bytes '1TB',
    overwrite_or_ignore true
{%- endmacro %}

{#- Write a list that is no stream to <RAW>/<connector>_<model>0.csv. -#}
{% macro write_list() %}
    copy (select * from {{ this }} order by all)
    to '{{ env_var('RAW') | replace("'", "''") }}' (
        {{ one_file(connector_name() ~ '_' ~ this.identifier, 'csv') }}
    )
{% endmacro %}
