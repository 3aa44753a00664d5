{#- Stop with a message when a source file is missing; otherwise note in the out folder what was
    read, which also makes that folder: DuckDB makes the last folder of a path, not its parents. -#}
{% macro list_sources() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set folder = env_var('SOURCE') | replace("'", "''") %}
    {% set files = graph.sources.values() | map(attribute='identifier') | sort %}
    {% set found = run_query("select parse_filename(file) from glob('" ~ folder ~ "/*')") %}
    {% set missing = files | reject('in', found.columns[0].values()) | list %}
    {% if missing %}
        {{ exceptions.raise_compiler_error(
            "SOURCE folder '" ~ env_var('SOURCE') ~ "' lacks " ~ missing | join(', ')
            ~ '. This connector reads ' ~ files | join(', ') ~ '; see its README.md.'
        ) }}
    {% endif %}
    copy (
        select
            parse_filename(filename) as source_file,
            size as bytes
        from read_blob('{{ folder }}/*')
        where parse_filename(filename) in ('{{ files | join("', '") }}')
        order by source_file
    ) to '{{ env_var('RAW') | replace("'", "''") }}' ({{ one_file('sources', 'csv') }})
{% endmacro %}
