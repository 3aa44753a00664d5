{#- If the raw streams are files: checks them and presents them as <raw schema>.<stream>_events, the tables
    that a warehouse already has. Unreadable lines go to unreadable_rows, to be rejected with a reason. -#}
{% macro register_raw_streams() %}
    {% if not execute or flags.WHICH not in ('build', 'run') %}{{ return('') }}{% endif %}
    {% do run_query('create schema if not exists ' ~ target.schema) %}
    {{ return(adapter.dispatch('register_raw_streams')()) }}
{% endmacro %}

{% macro default__register_raw_streams() %}
    {% do run_query(
        'create table if not exists ' ~ target.schema ~ '.unreadable_rows (source ' ~ dbt.type_string() ~ ', file '
        ~ dbt.type_string() ~ ', place ' ~ dbt.type_string() ~ ', problem ' ~ dbt.type_string() ~ ', text '
        ~ dbt.type_string() ~ ')'
    ) %}
    {% do run_query('drop table if exists ' ~ target.schema ~ '.build_messages') %}
    {% do run_query('create table ' ~ target.schema ~ '.build_messages (message ' ~ dbt.type_string() ~ ')') %}
{% endmacro %}

{#- Prints a message that does not stop the build, and keeps it for the build's summary. -#}
{% macro add_message(message) %}
    {% do log(message, info=true) %}
    {% do run_query(
        'insert into ' ~ target.schema ~ ".build_messages values ('" ~ message | replace("'", "''") ~ "')"
    ) %}
{% endmacro %}

{% macro no_raw_events(root) %}
    {{ exceptions.raise_compiler_error(
        "No raw events under '" ~ root ~ "'. Make the demo company with 'onboarding-health simulate --out "
        ~ root ~ "', or name the folder of your own streams: dbt build --vars 'raw_path: <folder>'. "
        ~ expected_raw_columns()
    ) }}
{% endmacro %}

{% macro missing_raw_stream(root, stream) %}
    {{ exceptions.raise_compiler_error(
        'The ' ~ stream ~ " stream is missing: '" ~ root ~ '/' ~ stream ~ "' holds no .parquet, "
        ~ '.csv or .ndjson file (.gz too for the last two). ' ~ expected_raw_columns()
        ~ ' A company without such events puts a file with these columns and no row there.'
    ) }}
{% endmacro %}

{% macro expected_raw_columns() %}
    {{- return(
        'Expected columns: event_id, event_type, account_id, user_id, payload (text), occurred_at and '
        ~ 'loaded_at (timestamp, UTC).'
    ) -}}
{% endmacro %}

{#- Keeps what a successful build read, for comparison with what the next one finds. -#}
{% macro remember_files() %}
    {% if var('raw_path') and target.type == 'duckdb' %}
        {% do run_query(
            'create or replace table ' ~ target.schema ~ '.read_files as select source, file, row_count from '
            ~ target.schema ~ '.found_files where format is not null'
        ) %}
    {% endif %}
{% endmacro %}

{#- DuckDB lists the files with onboarding_health/raw_files.py. Rows of text files are kept in a table, so that rejected and accepted
    rows are of the same moment, and an unchanged file is read once. Parquet is read in place. -#}
{% macro duckdb__register_raw_streams() %}
    {% do default__register_raw_streams() %}
    {% set root = var('raw_path') %}
    {% if not root %}{{ return('') }}{% endif %}
    {% set house = target.schema %}
    {% set raw = var('raw_schema') %}
    {% set streams = ['product', 'crm', 'support', 'billing', 'survey'] %}

    {% do run_query('create schema if not exists ' ~ raw) %}
    {% for stream in streams %}
        {% do run_query(
            'create table if not exists ' ~ raw ~ '.' ~ stream ~ '_text (path varchar, line varchar, keys varchar, '
            ~ 'event_id varchar, event_type varchar, account_id varchar, user_id varchar, occurred_at timestamp, '
            ~ 'loaded_at timestamp, payload varchar)'
        ) %}
    {% endfor %}
    {% do run_query(
        'create table if not exists ' ~ house ~ '.read_files (source varchar, file varchar, row_count bigint)'
    ) %}
    {% do run_query(
        'create table if not exists ' ~ house ~ ".found_files as select unnest(raw_files('', null), max_depth := 2)"
    ) %}
    {% do run_query(
        'create or replace table ' ~ house ~ '.looked_at_files as select unnest(raw_files(' ~ duckdb__quoted(root) ~ ', '
        ~ duckdb__known_files(streams) ~ '), max_depth := 2)'
    ) %}
    {% do duckdb__check_raw_files(root, streams) %}

    {% for stream in streams %}
        {% do duckdb__read_raw_text(stream) %}
        {% do run_query(
            'create or replace view ' ~ raw ~ '.' ~ stream ~ '_events as select event_id, event_type, account_id, user_id, '
            ~ 'occurred_at, loaded_at, payload from ' ~ raw ~ '.' ~ stream ~ '_text ' ~ duckdb__parquet_selects(stream)
        ) %}
    {% endfor %}
    {% do run_query('create or replace table ' ~ house ~ '.found_files as from ' ~ house ~ '.looked_at_files') %}
    {% do run_query('drop table ' ~ house ~ '.looked_at_files') %}
    {% do run_query('delete from ' ~ house ~ '.unreadable_rows') %}
    {% do run_query(
        'insert into ' ~ house ~ '.unreadable_rows select source, file, case format when \'array\' then \'element \' '
        ~ 'else \'line \' end || row.line, row.problem, row.text from (select source, file, format, unnest(unreadable) as row '
        ~ 'from ' ~ house ~ '.found_files)'
    ) %}
    {% do duckdb__tell_of_raw_files() %}
    {{ return('') }}
{% endmacro %}

{#- Files whose rows are complete; a build may have been killed before they were, or after some were deleted. -#}
{% macro duckdb__known_files(streams) -%}
    {%- if flags.FULL_REFRESH -%} null
    {%- else -%}
    (
        select list(files)
        from {{ target.schema }}.found_files as files
        left join (
            {% for stream in streams -%}
            select path, count(*) as row_count from {{ var('raw_schema') }}.{{ stream }}_text group by path
            {{ 'union all' if not loop.last }}
            {% endfor %}
        ) as texts
            on files.path = texts.path
        where
            files.problem is null
            and (files.format = 'parquet' or files.row_count = coalesce(texts.row_count, 0))
    )
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__check_raw_files(root, all_streams) %}
    {% set files = run_query(
        "select source, file || ': ' || problem from " ~ target.schema ~ '.looked_at_files where problem is not null order by file'
    ).columns[1].values() %}
    {% if files %}
        {{ exceptions.raise_compiler_error(
            (files | length) ~ (' file' if files | length == 1 else ' files') ~ " under '" ~ root ~ "' can't be read. "
            ~ files[:20] | join('. ') ~ '.'
            ~ (' And ' ~ (files | length - 20) ~ ' more.' if files | length > 20 else '')
        ) }}
    {% endif %}
    {% set streams = run_query(
        'select distinct source from ' ~ target.schema ~ '.looked_at_files where format is not null'
    ).columns[0].values() %}
    {% if not streams %}{% do no_raw_events(root) %}{% endif %}
    {% for stream in all_streams if stream not in streams %}
        {% do missing_raw_stream(root, stream) %}
    {% endfor %}
{% endmacro %}

{#- Adds the rows of a stream's new CSV and JSON files, and deletes those of files that changed or are gone. -#}
{% macro duckdb__read_raw_text(stream) %}
    {% set files = target.schema ~ '.looked_at_files' %}
    {% set table = var('raw_schema') ~ '.' ~ stream ~ '_text' %}
    {% set rejects = 'raw_rejected_' ~ stream %}
    {% do run_query('drop table if exists ' ~ rejects ~ '_lines; drop table if exists ' ~ rejects ~ '_scans') %}
    {% do run_query(
        'delete from ' ~ table ~ ' where path not in (select path from ' ~ files ~ " where is_known and format <> 'parquet')"
    ) %}
    {% set groups = run_query(
        'select format, ' ~ duckdb__compression() ~ ', delimiter, to_json(columns)::varchar, ' ~ duckdb__paths() ~ ' from '
        ~ files ~ " where source = '" ~ stream ~ "' and format <> 'parquet' and not is_known group by all order by all"
    ).rows %}
    {% if not groups %}{{ return('') }}{% endif %}
    {% for format, compression, delimiter, columns, paths in groups %}
        {% do run_query('insert into ' ~ table ~ ' ' ~ duckdb__text_select(
            duckdb__csv_rows(paths, delimiter, fromjson(columns), compression, rejects) if format == 'csv'
            else duckdb__json_rows(paths, compression)
        )) %}
    {% endfor %}
    {% do duckdb__mend_csv(stream, table, rejects) %}
    {% do duckdb__number_json(stream, table) %}
    {% do run_query(
        'update ' ~ table ~ ' as text set path = files.path from ' ~ files
        ~ ' as files where text.path = files.read_from and files.read_from <> files.path'
    ) %}
    {% do run_query(
        'update ' ~ files ~ ' as files set row_count = (select count(*) from ' ~ table
        ~ " as text where text.path = files.path), read_from = null where source = '" ~ stream ~ "' and format <> 'parquet'"
    ) %}
{% endmacro %}

{#- CSV files with an unreadable row are read again without it, from the copy that mended_csv makes. -#}
{% macro duckdb__mend_csv(stream, table, rejects) %}
    {% set files = target.schema ~ '.looked_at_files' %}
    {% if not run_query("select 1 from duckdb_tables() where table_name = '" ~ rejects ~ "_lines'").rows %}
        {{ return('') }}
    {% endif %}
    {% do run_query(
        'create or replace temporary table mended as select read_from, mended_csv(read_from, delimiter, columns) as mended from '
        ~ files ~ " where source = '" ~ stream ~ "' and read_from in (select scans.file_path from " ~ rejects
        ~ '_lines as lines inner join ' ~ rejects
        ~ '_scans as scans on lines.scan_id = scans.scan_id and lines.file_id = scans.file_id)'
    ) %}
    {% set paths = run_query('select ' ~ duckdb__paths('mended.path') ~ ' from mended').rows[0][0] %}
    {% if not paths %}{{ return('') }}{% endif %}
    {% do run_query('delete from ' ~ table ~ ' where path in (select read_from from mended)') %}
    {% do run_query(
        'update ' ~ files ~ ' as files set read_from = mended.mended.path, unreadable = mended.mended.unreadable from mended '
        ~ 'where files.read_from = mended.read_from'
    ) %}
    {% do run_query(
        'insert into ' ~ table ~ ' ' ~ duckdb__text_select(duckdb__csv_rows(
            paths, ',', ['event_id', 'event_type', 'account_id', 'user_id', 'occurred_at', 'loaded_at', 'payload'], 'none'
        ))
    ) %}
{% endmacro %}

{#- Deletes lines that are not an object, or repeat a key, from the table; their files are read once more to number the lines. -#}
{% macro duckdb__number_json(stream, table) %}
    {% set files = target.schema ~ '.looked_at_files' %}
    {% do run_query(
        'create or replace temporary table bad_keys as select keys from (select distinct keys from ' ~ table
        ~ ') where ' ~ duckdb__are_bad_keys()
    ) %}
    {% set is_bad = 'coalesce(keys, chr(1)) in (select coalesce(keys, chr(1)) from bad_keys)' %}
    {% for path, compression in run_query(
        'select distinct path, ' ~ duckdb__compression('path') ~ ' from ' ~ table ~ ' where ' ~ is_bad ~ ' order by path'
    ).rows %}
        {% do run_query(
            'update ' ~ files ~ ' set unreadable = (select list(struct_pack(line := number, problem := case '
            ~ "when starts_with(line, chr(65533)) then 'it is not UTF-8. Save the file as UTF-8' "
            ~ "when not json_valid(line) then 'it is no whole JSON object. Write it again' "
            ~ "when json_type(line) <> 'OBJECT' then 'it is no JSON object. Write one object a line' "
            ~ "else 'it names a key twice. Write each key once' end, text := line[:1000]) order by number) "
            ~ 'from (select number, line, ' ~ duckdb__json_keys() ~ ' as keys from (select row_number() over () as number, '
            ~ 'line from ' ~ duckdb__lines('[' ~ duckdb__pattern(path) ~ ']', compression, ', parallel = false') ~ ') where '
            ~ duckdb__is_no_blank() ~ ') where ' ~ duckdb__are_bad_keys() ~ ') where read_from = ' ~ duckdb__quoted(path)
        ) %}
    {% endfor %}
    {% do run_query('delete from ' ~ table ~ ' where ' ~ is_bad) %}
{% endmacro %}

{#- Reports what is not read, rejected or gone before the build continues. -#}
{% macro duckdb__tell_of_raw_files() %}
    {% set house = target.schema %}
    {% for note, text in {
        'hidden': 'not read, as its name or folder begins with a dot or an underscore. If it is data, rename it.',
        'marker': 'not read, as loaders and systems leave such files beside data.',
    }.items() %}
        {% set files = run_query(
            'select file from ' ~ house ~ ".found_files where note = '" ~ note ~ "' order by file"
        ).columns[0].values() %}
        {% if files %}
            {% do add_message(
                files[:10] | join(', ') ~ (' and ' ~ (files | length - 10) ~ ' more' if files | length > 10 else '') ~ ': '
                ~ text
            ) %}
        {% endif %}
    {% endfor %}
    {% for file, rows, place, problem in run_query(
        "select file, count(*), min_by(place, number), min_by(problem, number) from (select file, place, problem, "
        ~ "split_part(place, ' ', 2)::bigint as number from " ~ house ~ '.unreadable_rows) group by file order by file limit 20'
    ).rows %}
        {% do add_message(
            file ~ ': ' ~ rows ~ (' row' if rows == 1 else ' rows') ~ " can't be read and "
            ~ ('is' if rows == 1 else 'are') ~ ' refused, the first in ' ~ place ~ ': ' ~ problem ~ '.'
        ) %}
    {% endfor %}
    {% for file, rows, left in run_query(
        'select read_files.file, read_files.row_count, found_files.row_count from ' ~ house ~ '.read_files left join ' ~ house
        ~ '.found_files on read_files.file = found_files.file and found_files.format is not null '
        ~ 'where coalesce(found_files.row_count, -1) < read_files.row_count order by read_files.file limit 20'
    ).rows %}
        {% do add_message(
            file ~ ' had ' ~ rows ~ (' row' if rows == 1 else ' rows') ~ ' at the last build and '
            ~ ('is gone' if left is none else 'has ' ~ left ~ ' now')
            ~ '. Restore it, unless other files hold its rows: what they told is taken back.'
        ) %}
    {% endfor %}
{% endmacro %}

{% macro duckdb__compression(path='read_from') %}
    {{ return('case when lower(' ~ path ~ ") like '%.gz' then 'gzip' else 'none' end") }}
{% endmacro %}

{#- Paths as literals in a list. Brackets keep DuckDB from reading a pattern into a name. -#}
{% macro duckdb__paths(column='read_from') -%}
    '[' || string_agg(
        '''' || replace(regexp_replace({{ column }}, '([*?\[])', '[\1]', 'g'), '''', '''''') || '''', ', ' order by {{ column }}
    ) || ']'
{%- endmacro %}

{% macro duckdb__pattern(path) %}{{ return(duckdb__quoted(modules.re.sub('([*?\\[])', '[\\1]', path))) }}{% endmacro %}

{% macro duckdb__quoted(text) %}{{ return("'" ~ text | replace("'", "''") ~ "'") }}{% endmacro %}

{#- One dialect: quotes are ", doubled inside, and the delimiter is that of the header line. -#}
{% macro duckdb__csv_rows(paths, delimiter, columns, compression, rejects=none) %}
    {% set kinds = [] %}
    {% set places = {} %}
    {% for column in columns %}
        {% do places.update({column: 'column_' ~ loop.index}) if column not in places %}
        {% do kinds.append('column_' ~ loop.index ~ ": 'varchar'") %}
    {% endfor %}
    {% set selected = [] %}
    {% for column in ['event_id', 'event_type', 'account_id', 'user_id', 'occurred_at', 'loaded_at', 'payload'] %}
        {% do selected.append(places[column] ~ ' as ' ~ column) %}
    {% endfor %}
    {{ return(
        "select filename as path, null as line, '' as keys, " ~ selected | join(', ') ~ ' from read_csv(' ~ paths
        ~ ', columns = {' ~ kinds | join(', ') ~ '}, auto_detect = false, header = true, delim = '
        ~ duckdb__quoted(delimiter) ~ ", quote = '\"', escape = '\"', compression = '" ~ compression ~ "', "
        ~ 'filename = true, hive_partitioning = false, '
        ~ ("store_rejects = true, rejects_limit = 0, rejects_table = '" ~ rejects ~ "_lines', rejects_scan = '" ~ rejects
           ~ "_scans'" if rejects else 'max_line_size = 100000000') ~ ')'
    ) }}
{% endmacro %}

{#- A line is parsed as a map, which keeps repeated keys; a line that is not an object has no keys. -#}
{% macro duckdb__json_rows(paths, compression) %}
    {% set selected = [] %}
    {% for column in ['event_id', 'event_type', 'account_id', 'user_id', 'occurred_at', 'loaded_at', 'payload'] %}
        {% do selected.append("object['" ~ column ~ "'] as " ~ column) %}
    {% endfor %}
    {{ return(
        'select path, case when object is null then line end as line, array_to_string(map_keys(object), chr(0)) as keys, '
        ~ selected | join(', ') ~ ' from (select filename as path, line, ' ~ duckdb__json_object() ~ ' as object from '
        ~ duckdb__lines(paths, compression) ~ ' where line is not null)'
    ) }}
{% endmacro %}

{% macro duckdb__json_object() %}{{ return("try(json_transform(line, '\"MAP(VARCHAR, VARCHAR)\"'))") }}{% endmacro %}

{% macro duckdb__json_keys() -%}
    array_to_string(map_keys({{ duckdb__json_object() }}), chr(0))
{%- endmacro %}

{% macro duckdb__are_bad_keys() -%}
    (keys is null or len(list_distinct(string_split(keys, chr(0)))) < len(string_split(keys, chr(0))))
{%- endmacro %}

{% macro duckdb__is_no_blank() %}{{ return("trim(line, ' ' || chr(9) || chr(13)) <> ''") }}{% endmacro %}

{#- The delimiter is the last character of Unicode, which no text holds. -#}
{% macro duckdb__lines(paths, compression, more='') -%}
    read_csv({{ paths }}, columns = {line: 'varchar'}, auto_detect = false, header = false, delim = '{{ '\U0010ffff' }}', quote = '',
    escape = '', compression = '{{ compression }}', strict_mode = false, filename = true, hive_partitioning = false,
    max_line_size = 100000000{{ more }})
{%- endmacro %}

{#- Turns the text of every format into the envelope. -#}
{% macro duckdb__text_select(rows) %}
    {{ return('select path, line, keys, ' ~ duckdb__envelope(['text'] * 7) ~ ' from (' ~ rows ~ ')') }}
{% endmacro %}

{% macro duckdb__parquet_selects(stream) %}
    {% set selects = [] %}
    {% for types, paths in run_query(
        'select types, ' ~ duckdb__paths('path') ~ ' from ' ~ target.schema ~ ".looked_at_files where source = '" ~ stream
        ~ "' and format = 'parquet' and types is not null group by types order by types"
    ).rows %}
        {% do selects.append(
            'union all select ' ~ duckdb__envelope(types.split(' ')) ~ ' from read_parquet(' ~ paths
            ~ ', hive_partitioning = false)'
        ) %}
    {% endfor %}
    {{ return(selects | join(' ')) }}
{% endmacro %}

{% macro duckdb__envelope(types) %}
    {% set selected = [] %}
    {% for column in ['event_id', 'event_type', 'account_id', 'user_id', 'occurred_at', 'loaded_at', 'payload'] %}
        {% set value = duckdb__utc(column, types[loop.index0]) if column.endswith('_at')
            else duckdb__id(column, types[loop.index0]) if column.endswith('_id')
            else 'cast(' ~ column ~ ' as varchar)' %}
        {% do selected.append(value ~ ' as ' ~ column) %}
    {% endfor %}
    {{ return(selected | join(', ')) }}
{% endmacro %}

{#- pandas makes a column of whole ids with a blank among them one of floats: 101.0 is 101. -#}
{% macro duckdb__id(column, type) %}
    {% if type == 'number' %}
        {{ return(
            'case when ' ~ column ~ ' = trunc(' ~ column ~ ') then cast(try_cast(' ~ column ~ ' as hugeint) as varchar) '
            ~ 'else nullif(cast(' ~ column ~ " as varchar), 'nan') end"
        ) }}
    {% endif %}
    {% set text = 'cast(' ~ column ~ ' as varchar)' %}
    {{ return(
        'case when ends_with(' ~ text ~ ", '.0') and regexp_full_match(" ~ text ~ ", '-?[0-9]+[.]0') then "
        ~ text ~ '[:-3] else ' ~ text ~ ' end'
    ) }}
{% endmacro %}

{#- Text may carry an offset from UTC, which a plain cast would drop. A number counts seconds since 1970, or thousandths,
    millionths or billionths of one: which, its size says, for the years 2000 to 2199. -#}
{% macro duckdb__utc(column, type) %}
    {% if type == 'timestamp' %}{{ return('cast(' ~ column ~ ' as timestamp)') }}{% endif %}
    {% if type == 'zoned' %}{{ return('cast(cast(' ~ column ~ ' as timestamptz) as timestamp)') }}{% endif %}
    {% set number = 'try_cast(' ~ column ~ ' as double)' %}
    {% set cases = [] %}
    {% for factor in ['1e6', '1e3', '1e0', '1e-3'] %}
        {% do cases.append(
            'when ' ~ number ~ ' * ' ~ factor ~ ' >= 946684800e6 and ' ~ number ~ ' * ' ~ factor
            ~ ' < 7258118400e6 then make_timestamp(cast(round(' ~ number ~ ' * ' ~ factor ~ ') as bigint))'
        ) %}
    {% endfor %}
    {% set moment = 'case ' ~ cases | join(' ') ~ ' end' %}
    {{ return(
        moment if type == 'number'
        else 'coalesce(cast(try_cast(' ~ column ~ ' as timestamptz) as timestamp), ' ~ moment ~ ')'
    ) }}
{% endmacro %}

{#- Spark lists the files itself, and leaves out names that begin with a dot or an underscore. Of a line that it can't read it knows the
    file and the text, not the number. -#}
{% macro spark__register_raw_streams() %}
    {% set root = var('raw_path') %}
    {% set house = target.schema %}
    {% set unreadable = [] %}
    {% do run_query('drop table if exists ' ~ house ~ '.build_messages') %}
    {% do run_query('create table ' ~ house ~ '.build_messages (message string)') %}
    {% if root %}
        {% set files = spark__list_raw_files(root) %}
        {% do run_query('create schema if not exists ' ~ var('raw_schema')) %}
        {% for stream in ['product', 'crm', 'support', 'billing', 'survey'] %}
            {% set selects = [] %}
            {% for format, ending in {
                'parquet': '[.](parquet|pq)$', 'csv': '[.]csv([.]gz)?$', 'json': '[.](ndjson|jsonl|json)([.]gz)?$'
            }.items() %}
                {% set paths = [] %}
                {% for file in files if '/' ~ stream ~ '/' in file and modules.re.search(ending, file | lower) %}
                    {% do paths.append(file) %}
                {% endfor %}
                {% if paths %}
                    {% set folder = spark__quoted(paths[0].rsplit('/' ~ stream ~ '/', 1)[0] ~ '/' ~ stream) %}
                    {% set read = spark__raw_parquet(stream, folder) if format == 'parquet'
                        else spark__raw_csv(stream, folder, paths | length) if format == 'csv'
                        else spark__raw_json(stream, folder) %}
                    {% do selects.append(read.rows) %}
                    {% do unreadable.append(read.unreadable) if read.unreadable %}
                {% endif %}
            {% endfor %}
            {% if not selects %}{% do missing_raw_stream(root, stream) %}{% endif %}
            {% do run_query(
                'create or replace view ' ~ var('raw_schema') ~ '.' ~ stream ~ '_events as ' ~ selects | join(' union all ')
            ) %}
        {% endfor %}
    {% endif %}
    {% do unreadable.append(
        "select '' as source, '' as file, '' as place, '' as problem, '' as text where false"
    ) %}
    {% do run_query(
        'create or replace view ' ~ house ~ '.unreadable_rows as ' ~ unreadable | join(' union all ')
    ) %}
    {% for file, row_count, problem in run_query(
        'select file, count(*), min(problem) from ' ~ house ~ '.unreadable_rows group by file order by file limit 20'
    ).rows %}
        {% do add_message(file ~ ': ' ~ row_count ~ " rows can't be read and are refused: " ~ problem ~ '.') %}
    {% endfor %}
    {{ return('') }}
{% endmacro %}

{#- Only the names are read: `content` is left alone. -#}
{% macro spark__list_raw_files(root) %}
    {% do run_query(
        'create or replace temporary view raw_files using binaryFile options (path '
        ~ spark__quoted(root) ~ ", recursiveFileLookup 'true')"
    ) %}
    {% set files = run_query('select path from raw_files order by path').columns[0].values() %}
    {% if not files %}{% do no_raw_events(root) %}{% endif %}
    {% set unknown = [] %}
    {% for file in files if modules.re.search('/(product|crm|support|billing|survey)/', file)
        and not modules.re.search('[.](parquet|pq|(csv|ndjson|jsonl|json)([.]gz)?)$', file | lower)
        or file.endswith('.GZ') %}
        {% do unknown.append(file) %}
    {% endfor %}
    {% if unknown %}
        {{ exceptions.raise_compiler_error(
            (unknown | length) ~ " files can't be read on Spark, which reads .parquet, .pq, .csv, .ndjson, .jsonl and .json, the "
            ~ 'last four also with .gz. Rename or unpack them, or move them away: ' ~ unknown[:20] | join(', ')
        ) }}
    {% endif %}
    {{ return(files) }}
{% endmacro %}

{#- All files of one format are an external table. -#}
{% macro spark__raw_table(name, columns, format, folder, pattern, options='') %}
    {% set table = var('raw_schema') ~ '.' ~ name %}
    {% do run_query('drop table if exists ' ~ table) %}
    {% do try_or_compiler_error(
        'The ' ~ format ~ ' files in ' ~ folder ~ ' do not agree in the types of their columns, or one is damaged. Write them again.',
        run_query,
        'create table ' ~ table ~ columns ~ ' using ' ~ format ~ ' options (path ' ~ folder ~ ", pathGlobFilter '" ~ pattern
        ~ "', recursiveFileLookup 'true'" ~ options ~ ')'
    ) %}
    {{ return(table) }}
{% endmacro %}

{% macro spark__raw_parquet(stream, folder) %}
    {% set table = spark__raw_table(
        stream ~ '_parquet_files', '', 'parquet', folder, '*.{[pP][aA][rR][qQ][uU][eE][tT],[pP][qQ]}', ", mergeSchema 'true'"
    ) %}
    {% set types = {} %}
    {% for column in run_query('describe table ' ~ table).rows %}{% do types.update({column[0]: column[1]}) %}{% endfor %}
    {% for column in ['event_id', 'event_type', 'account_id', 'user_id', 'occurred_at', 'loaded_at', 'payload'] %}
        {% set problem = 'is missing' if column not in types
            else 'is ' ~ types[column] ~ ' and not text' if modules.re.search('[(<]|binary', types[column]) and 'decimal' not in types[column]
            else 'is ' ~ types[column] ~ ' and not a timestamp' if column.endswith('_at') and types[column] == 'boolean' %}
        {% if problem %}
            {{ exceptions.raise_compiler_error(
                'The Parquet files in ' ~ folder ~ ": column " ~ column ~ ' ' ~ problem ~ '. ' ~ expected_raw_columns()
            ) }}
        {% endif %}
    {% endfor %}
    {{ return({'rows': spark__envelope(types) ~ ' from ' ~ table}) }}
{% endmacro %}

{#- The delimiter and the columns are those of the header lines, which must be alike. -#}
{% macro spark__raw_csv(stream, folder, file_count) %}
    {% set pattern = '*.{[cC][sS][vV],[cC][sS][vV].gz}' %}
    {% set lines = spark__raw_table(stream ~ '_csv_lines', ' (value string)', 'text', folder, pattern) %}
    {% set names = ['event_id', 'event_type', 'account_id', 'user_id', 'occurred_at', 'loaded_at', 'payload'] %}
    {% set is_header = [] %}
    {% for name in names %}{% do is_header.append("lower(value) like '%" ~ name ~ "%'") %}{% endfor %}
    {% set headers = run_query(
        "select lower(regexp_replace(value, '[\\ufeff\\r\\\"]', '')) as header, count(distinct _metadata.file_path) as files from "
        ~ lines ~ ' where ' ~ is_header | join(' and ') ~ ' group by 1 order by 1'
    ).rows %}
    {% if headers | length != 1 or headers[0][1] != file_count %}
        {{ exceptions.raise_compiler_error(
            'The CSV files in ' ~ folder ~ ' must all begin with one and the same header line on Spark, with the columns '
            ~ names | join(', ') ~ '. Write them alike.'
        ) }}
    {% endif %}
    {% set header = headers[0][0] %}
    {% set delimiter = modules.re.search('[,;\t|]', header).group() %}
    {% set columns = [] %}
    {% for column in header.split(delimiter) %}
        {% do columns.append('`' ~ (column | trim) ~ '` string') %}
    {% endfor %}
    {% set table = spark__raw_table(
        stream ~ '_csv_files', ' (' ~ columns | join(', ') ~ ', _corrupt_record string)', 'csv', folder, pattern,
        ", header 'true', multiLine 'true', escape '\"', enforceSchema 'true', mode 'PERMISSIVE', "
        ~ "columnNameOfCorruptRecord '_corrupt_record', sep " ~ spark__quoted(delimiter)
    ) %}
    {% set is_bad = "_corrupt_record is not null or concat_ws('', " ~ names | join(', ') ~ ") like '%\ufffd%'" %}
    {{ return({
        'rows': spark__envelope({}) ~ ' from ' ~ table ~ ' where not (' ~ is_bad ~ ')',
        'unreadable': spark__unreadable(
            stream, table, is_bad,
            "'it has more or fewer columns than the header, or is not UTF-8. Write it again'",
            "coalesce(_corrupt_record, concat_ws(',', " ~ names | join(', ') ~ '))'
        ),
    }) }}
{% endmacro %}

{#- A line is checked like a payload, so that both engines reject the same lines. -#}
{% macro spark__raw_json(stream, folder) %}
    {% set table = spark__raw_table(
        stream ~ '_json_lines', ' (value string)', 'text', folder,
        '*.{[nN][dD][jJ][sS][oO][nN],[jJ][sS][oO][nN][lL],[jJ][sS][oO][nN],[nN][dD][jJ][sS][oO][nN].gz,[jJ][sS][oO][nN][lL].gz,[jJ][sS][oO][nN].gz}'
    ) %}
    {% set line = "regexp_replace(value, '^\ufeff', '')" %}
    {% set is_bad = 'not ' ~ is_json_object(line) ~ " or value like '%\ufffd%'" %}
    {% set has_text = "trim(both ' \\t\\r' from value) <> ''" %}
    {% set values = [] %}
    {% for column in ['event_id', 'event_type', 'account_id', 'user_id', 'occurred_at', 'loaded_at', 'payload'] %}
        {% do values.append("object['" ~ column ~ "'] as " ~ column) %}
    {% endfor %}
    {{ return({
        'rows': spark__envelope({}) ~ ' from (select ' ~ values | join(', ') ~ ' from (select from_json(' ~ line
        ~ ", 'map<string, string>') as object from " ~ table ~ ' where ' ~ has_text ~ ' and not (' ~ is_bad ~ ')))',
        'unreadable': spark__unreadable(
            stream, table, has_text ~ ' and (' ~ is_bad ~ ')',
            "'it is no whole JSON object with each key once, or is not UTF-8. Write it again'", 'value'
        ),
    }) }}
{% endmacro %}

{% macro spark__unreadable(stream, table, is_bad, problem, text) %}
    {{ return(
        "select '" ~ stream ~ "' as source, '" ~ stream ~ "/' || substring_index(_metadata.file_path, '/" ~ stream
        ~ "/', -1) as file, 'a row' as place, " ~ problem ~ ' as problem, left(' ~ text ~ ', 1000) as text from ' ~ table
        ~ ' where ' ~ is_bad
    ) }}
{% endmacro %}

{% macro spark__envelope(types) %}
    {{ return(
        'select ' ~ spark__id('event_id', types) ~ ', cast(event_type as string) as event_type, '
        ~ spark__id('account_id', types) ~ ', ' ~ spark__id('user_id', types) ~ ', ' ~ spark__utc('occurred_at', types) ~ ', '
        ~ spark__utc('loaded_at', types) ~ ', cast(payload as string) as payload'
    ) }}
{% endmacro %}

{#- As duckdb__id. -#}
{% macro spark__id(column, types) %}
    {% set text = 'cast(' ~ column ~ ' as string)' %}
    {% if modules.re.match('double|float|decimal', types.get(column, 'string')) %}
        {{ return(
            'case when ' ~ column ~ ' = floor(' ~ column ~ ') then cast(cast(' ~ column ~ ' as decimal(38, 0)) as string) '
            ~ 'else nullif(' ~ text ~ ", 'NaN') end as " ~ column
        ) }}
    {% endif %}
    {{ return('case when ' ~ text ~ " rlike '^-?[0-9]+[.]0$' then left(" ~ text ~ ', length(' ~ text ~ ') - 2) else '
        ~ text ~ ' end as ' ~ column) }}
{% endmacro %}

{#- As duckdb__utc. A timestamp without a zone is of the session's zone, which is UTC. -#}
{% macro spark__utc(column, types) %}
    {% set type = types.get(column, 'string') %}
    {% if modules.re.match('timestamp|date|void', type) %}
        {{ return('cast(' ~ column ~ ' as timestamp) as ' ~ column) }}
    {% endif %}
    {% set number = 'try_cast(' ~ column ~ ' as double)' %}
    {% set cases = [] %}
    {% for factor in ['1e6', '1e3', '1e0', '1e-3'] %}
        {% do cases.append(
            'when ' ~ number ~ ' * ' ~ factor ~ ' >= 946684800e6 and ' ~ number ~ ' * ' ~ factor
            ~ ' < 7258118400e6 then timestamp_micros(cast(round(' ~ number ~ ' * ' ~ factor ~ ') as bigint))'
        ) %}
    {% endfor %}
    {% set moment = 'case ' ~ cases | join(' ') ~ ' end' %}
    {{ return(
        (moment if type != 'string' else 'coalesce(' ~ try_cast_to(column, 'timestamp') ~ ', ' ~ moment ~ ')') ~ ' as ' ~ column
    ) }}
{% endmacro %}

{% macro spark__quoted(text) %}
    {{ return("'" ~ text | replace('\\', '\\\\') | replace("'", "\\'") ~ "'") }}
{% endmacro %}
