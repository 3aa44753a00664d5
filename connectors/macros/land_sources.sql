{#- Present the loader's tables as this project's sources, each column as text: <folder>/<table>.csv, .csv.gz or
    .parquet. A column that is absent is null, one with another loader's name (meta `also`) takes ours, an absent
    table marked `optional` is empty, and any other absent table stops the run with its name. -#}
{% macro land_sources() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set read = [] %}
    {% for table in graph.sources.values() if table.package_name == project_name %}
        {% set folder = table.source_meta.folder %}
        {% set files = run_query(
            "select file from glob('" ~ quoted(folder) ~ "/*') where parse_filename(file) in ('" ~ table.identifier
            ~ ".csv', '" ~ table.identifier ~ ".csv.gz', '" ~ table.identifier ~ ".parquet')"
        ).columns[0].values() if folder else [] %}
        {% if not files and not table.meta.optional %}
            {{ exceptions.raise_compiler_error(
                "Folder '" ~ folder ~ "' lacks " ~ table.identifier ~ '.csv or .parquet; see the README.md of '
                ~ project_name ~ '.'
            ) }}
        {% endif %}
        {% do read.extend(files) %}
        {% do run_query('create schema if not exists ' ~ table.schema) %}
        {% do run_query(
            'create or replace view ' ~ table.schema ~ '."' ~ table.identifier ~ '" as ' ~ landed(table, files)
        ) %}
    {% endfor %}
    {% if not read %}
        {{ exceptions.raise_compiler_error("No table under '" ~ env_var('SOURCE') ~ "'; see the README.md.") }}
    {% endif %}
    copy (
        select
            parse_filename(filename) as source_file,
            size as bytes
        from read_blob([
            {%- for file in read %}'{{ quoted(file) }}'{{ ', ' if not loop.last }}{% endfor -%}
        ])
        order by source_file
    ) to '{{ quoted(env_var('RAW')) }}' ({{ one_file(connector_name() ~ '_sources', 'csv') }})
{% endmacro %}

{% macro landed(table, files) %}
    select
    {%- for column in table.columns.values() %}
        coalesce("{{ column.name }}"{% for name in also(column) %}, "{{ name }}"{% endfor %}, null)
            as "{{ column.name }}"{{ ',' if not loop.last }}
    {%- endfor %}
    from (
        select
        {%- for column in table.columns.values() -%}
            {%- for name in [column.name] + also(column) %}
            cast(null as varchar) as "{{ name }}",
            {%- endfor -%}
        {%- endfor %}
        where false
        {%- for file in files %}
        union all by name
        select columns(*)::varchar from {{
            "read_parquet('" ~ quoted(file) ~ "')" if file.endswith('.parquet')
            else "read_csv('" ~ quoted(file) ~ "', header = true, all_varchar = true)"
        }}
        {%- endfor %}
    )
{% endmacro %}

{% macro also(column) %}{{ return((column.config.meta or column.meta).get('also', [])) }}{% endmacro %}

{% macro quoted(text) %}{{ return(text | replace("'", "''")) }}{% endmacro %}

{% macro connector_name() %}{{ return(project_name | replace('_connector', '')) }}{% endmacro %}
