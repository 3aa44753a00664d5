{#- On DuckDB the raw streams are files: check them, then show them as <raw schema>.<stream>_events,
    the tables that a warehouse already has. -#}
{% macro register_raw_streams() %}
    {{ return(adapter.dispatch('register_raw_streams')()) }}
{% endmacro %}

{% macro default__register_raw_streams() %}{% endmacro %}

{% macro duckdb__register_raw_streams() %}
    {% if not execute or flags.WHICH not in ('build', 'run') %}{{ return('') }}{% endif %}

    {% set root = var('raw_path') %}
    {% set files = run_query(
        "select file from glob('" ~ root | replace("'", "''") ~ "/*/*') order by file"
    ).columns[0].values() %}
    {% if not files %}
        {{ exceptions.raise_compiler_error(
            "No raw events under '" ~ root ~ "'. Make the demo company with 'python -m simulator --out "
            ~ root ~ "', or name the folder of your own streams: dbt build --vars 'raw_path: <folder>'. "
            ~ expected_raw_columns()
        ) }}
    {% endif %}

    {% do run_query('create schema if not exists ' ~ var('raw_schema')) %}
    {% for stream in ['product', 'crm', 'support', 'billing', 'survey'] %}
        {% set selects = [] %}
        {% for format, extension in {
            'parquet': '[.]parquet$',
            'csv': '[.]csv([.]gz)?$',
            'json': '[.](ndjson|jsonl)([.]gz)?$',
        }.items() %}
            {% set paths = [] %}
            {% for file in files if file.split('/')[-2] == stream and modules.re.search(extension, file) %}
                {% do paths.append("'" ~ file | replace("'", "''") ~ "'") %}
            {% endfor %}
            {% if paths %}
                {% do selects.append(duckdb__read_raw_files(stream, format, paths | join(', '))) %}
            {% endif %}
        {% endfor %}
        {% if not selects %}
            {{ exceptions.raise_compiler_error(
                'The ' ~ stream ~ " stream is missing: '" ~ root ~ '/' ~ stream ~ "' holds no .parquet, "
                ~ '.csv or .ndjson file (.gz too for the last two). ' ~ expected_raw_columns()
                ~ ' A company without such events puts a file with these columns and no row there.'
            ) }}
        {% endif %}
        {% do run_query(
            'create or replace view ' ~ var('raw_schema') ~ '.' ~ stream ~ '_events as '
            ~ selects | join(' union all ')
        ) %}
    {% endfor %}
    {{ return('') }}
{% endmacro %}

{% macro expected_raw_columns() %}
    {{- return(
        'Expected columns: event_id, event_type, account_id, user_id, payload (text), occurred_at and '
        ~ 'loaded_at (timestamp, UTC).'
    ) -}}
{% endmacro %}

{% macro duckdb__read_raw_files(stream, format, paths) %}
    {% set reader = {
        'parquet': 'read_parquet([' ~ paths ~ '], union_by_name = true)',
        'csv': 'read_csv([' ~ paths ~ '], all_varchar = true, header = true, union_by_name = true)',
        'json': "read_json([" ~ paths ~ "], format = 'newline_delimited', maximum_depth = 1)",
    }[format] %}
    {% set problems = [] %}
    {% set types = {} %}
    {% for column in run_query('describe select * from ' ~ reader).rows %}
        {% do types.update({column[0]: column[1]}) %}
    {% endfor %}
    {#- A JSON line may leave out what is null; an empty JSON file has no keys at all. -#}
    {% set can_lack = {
        'json': types.keys() if types.keys() | list == ['json'] else ['account_id', 'user_id', 'payload'],
    }.get(format, []) %}
    {% for column in ['event_id', 'event_type', 'account_id', 'user_id', 'occurred_at', 'loaded_at', 'payload'] %}
        {% set type = types.get(column) %}
        {% if type is none %}
            {% if column not in can_lack and 'json' not in can_lack %}
                {% do problems.append('column ' ~ column ~ ' is missing') %}
            {% endif %}
        {% elif column.endswith('_at') and not modules.re.match('TIMESTAMP|DATE$|VARCHAR$|JSON$', type) %}
            {% do problems.append('column ' ~ column ~ ' is ' ~ type ~ ' and not a timestamp') %}
        {% elif not column.endswith('_at') and format != 'json' and modules.re.search('[(]|\\[|BLOB', type) %}
            {% do problems.append('column ' ~ column ~ ' is ' ~ type ~ ' and not text') %}
        {% endif %}
    {% endfor %}
    {% if problems %}
        {{ exceptions.raise_compiler_error(
            'The ' ~ stream ~ " stream in '" ~ var('raw_path') ~ '/' ~ stream ~ "' is misshapen: "
            ~ problems | join('; ') ~ '. Found: ' ~ types.keys() | join(', ') ~ '. '
            ~ expected_raw_columns()
        ) }}
    {% endif %}

    {% if format == 'json' %}
        {% set reader = reader | replace(
            'maximum_depth = 1',
            "columns = {event_id: 'VARCHAR', event_type: 'VARCHAR', account_id: 'VARCHAR', "
            ~ "user_id: 'VARCHAR', occurred_at: 'VARCHAR', loaded_at: 'VARCHAR', payload: 'JSON'}"
        ) %}
    {% endif %}
    {{ return(
        'select cast(event_id as varchar) as event_id, cast(event_type as varchar) as event_type, '
        ~ 'cast(account_id as varchar) as account_id, cast(user_id as varchar) as user_id, '
        ~ duckdb__utc('occurred_at', types) ~ ', ' ~ duckdb__utc('loaded_at', types) ~ ', '
        ~ ("json_extract_string(payload, '$')" if format == 'json' else 'cast(payload as varchar)')
        ~ ' as payload from ' ~ reader
    ) }}
{% endmacro %}

{#- Text may carry an offset from UTC, which a plain cast would drop. -#}
{% macro duckdb__utc(column, types) %}
    {% set type = 'timestamp' if types.get(column, '').startswith('TIMESTAMP') else 'timestamptz' %}
    {{ return('cast(try_cast(' ~ column ~ ' as ' ~ type ~ ') as timestamp) as ' ~ column) }}
{% endmacro %}
