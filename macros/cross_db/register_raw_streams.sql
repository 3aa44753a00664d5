{#- Where the raw streams are files: check them, then show them as <raw schema>.<stream>_events, the tables
    that a warehouse already has. -#}
{% macro register_raw_streams() %}
    {{ return(adapter.dispatch('register_raw_streams')()) }}
{% endmacro %}

{% macro default__register_raw_streams() %}{% endmacro %}

{% macro duckdb__register_raw_streams() %}{{ return(register_raw_files()) }}{% endmacro %}

{% macro spark__register_raw_streams() %}{{ return(register_raw_files()) }}{% endmacro %}

{% macro register_raw_files() %}
    {% set root = var('raw_path') %}
    {% if not execute or flags.WHICH not in ('build', 'run') or not root %}{{ return('') }}{% endif %}

    {% set files = adapter.dispatch('list_raw_files')(root) %}
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
                {% do paths.append(file) %}
            {% endfor %}
            {% if paths %}
                {% do selects.append(adapter.dispatch('read_raw_files')(stream, format, paths)) %}
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

{#- The columns as `describe` tells them: {name: type}. Stops the build where they do not hold a stream. -#}
{% macro raw_column_types(stream, format, described) %}
    {% set problems = [] %}
    {% set types = {} %}
    {% for column in described.rows %}
        {% do types.update({column[0]: column[1]}) %}
    {% endfor %}
    {#- A JSON line may leave out what is null; an empty JSON file has no keys at all. -#}
    {% set is_empty = format == 'json' and types.keys() | list in ([], ['json']) %}
    {% set can_lack = ['account_id', 'user_id', 'payload'] if format == 'json' else [] %}
    {% for column in ['event_id', 'event_type', 'account_id', 'user_id', 'occurred_at', 'loaded_at', 'payload'] %}
        {% set type = types.get(column, '') | lower %}
        {% if not type %}
            {% if not is_empty and column not in can_lack %}
                {% do problems.append('column ' ~ column ~ ' is missing') %}
            {% endif %}
        {% elif column.endswith('_at') and not modules.re.match('timestamp|date$|varchar$|string$|json$', type) %}
            {% do problems.append('column ' ~ column ~ ' is ' ~ types[column] ~ ' and not a timestamp') %}
        {% elif not column.endswith('_at') and format != 'json' and modules.re.search('[(<\\[]|blob|binary', type) %}
            {% do problems.append('column ' ~ column ~ ' is ' ~ types[column] ~ ' and not text') %}
        {% endif %}
    {% endfor %}
    {% if problems %}
        {{ exceptions.raise_compiler_error(
            'The ' ~ stream ~ " stream in '" ~ var('raw_path') ~ '/' ~ stream ~ "' is misshapen: "
            ~ problems | join('; ') ~ '. Found: ' ~ types.keys() | join(', ') ~ '. '
            ~ expected_raw_columns()
        ) }}
    {% endif %}
    {{ return(types) }}
{% endmacro %}

{#- Engines whose raw streams are tables never come here, but dbt looks for what they would call. -#}
{% macro default__list_raw_files(root) %}{{ return([]) }}{% endmacro %}

{% macro default__read_raw_files(stream, format, paths) %}{{ return('') }}{% endmacro %}

{% macro duckdb__list_raw_files(root) %}
    {{ return(run_query(
        "select file from glob('" ~ root | replace("'", "''") ~ "/*/*') order by file"
    ).columns[0].values()) }}
{% endmacro %}

{% macro duckdb__read_raw_files(stream, format, paths) %}
    {% set quoted = [] %}
    {% for path in paths %}{% do quoted.append("'" ~ path | replace("'", "''") ~ "'") %}{% endfor %}
    {% set files = '[' ~ quoted | join(', ') ~ ']' %}
    {% set reader = {
        'parquet': 'read_parquet(' ~ files ~ ', union_by_name = true)',
        'csv': 'read_csv(' ~ files ~ ', all_varchar = true, header = true, union_by_name = true)',
        'json': 'read_json(' ~ files ~ ", format = 'newline_delimited', maximum_depth = 1)",
    }[format] %}
    {% set types = raw_column_types(stream, format, run_query('describe select * from ' ~ reader)) %}
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

{#- Only the names are read: `content` is left alone. -#}
{% macro spark__list_raw_files(root) %}
    {% do run_query(
        'create or replace temporary view raw_files using binaryFile options (path '
        ~ spark__quoted(root) ~ ", recursiveFileLookup 'true')"
    ) %}
    {{ return(run_query('select path from raw_files order by path').columns[0].values()) }}
{% endmacro %}

{#- All files of one format are an external table. CSV files must agree in the order of their columns,
    which Spark checks as it reads them. -#}
{% macro spark__read_raw_files(stream, format, paths) %}
    {% set table = var('raw_schema') ~ '.' ~ stream ~ '_' ~ format ~ '_files' %}
    {% set reader = 'using ' ~ format ~ ' options (path ' ~ spark__quoted(paths[0].rsplit('/', 1)[0]) ~ ', ' ~ {
        'parquet': "pathGlobFilter '*.parquet', mergeSchema 'true'",
        'csv': "pathGlobFilter '*.{csv,csv.gz}', header 'true', multiLine 'true', escape '\"', enforceSchema 'false'",
        'json': "pathGlobFilter '*.{ndjson,jsonl,ndjson.gz,jsonl.gz}'",
    }[format] ~ ')' %}
    {% do run_query('drop table if exists ' ~ table) %}
    {% do run_query('create table ' ~ table ~ ' ' ~ reader) %}
    {% set types = raw_column_types(stream, format, run_query('describe table ' ~ table)) %}
    {% if format == 'json' %}
        {% do run_query('drop table ' ~ table) %}
        {% do run_query(
            'create table ' ~ table ~ ' (event_id string, event_type string, account_id string, user_id string, '
            ~ 'occurred_at string, loaded_at string, payload string) ' ~ reader
        ) %}
        {% do types.update({'occurred_at': 'string', 'loaded_at': 'string'}) %}
    {% endif %}
    {{ return(
        'select cast(event_id as string) as event_id, cast(event_type as string) as event_type, '
        ~ 'cast(account_id as string) as account_id, cast(user_id as string) as user_id, '
        ~ spark__utc('occurred_at', types) ~ ', ' ~ spark__utc('loaded_at', types)
        ~ ', cast(payload as string) as payload from ' ~ table
    ) }}
{% endmacro %}

{#- A timestamp without a zone is of the session's zone, which is UTC. -#}
{% macro spark__utc(column, types) %}
    {% set moment = try_cast_to(column, 'timestamp') if types[column] == 'string'
        else 'cast(' ~ column ~ ' as timestamp)' %}
    {{ return(moment ~ ' as ' ~ column) }}
{% endmacro %}

{% macro spark__quoted(text) %}
    {{ return("'" ~ text | replace('\\', '\\\\') | replace("'", "\\'") ~ "'") }}
{% endmacro %}
