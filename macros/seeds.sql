{#- What dbt_project and the seeds' yml declare for a seed: its file below the seeds folder, its key and the types of its columns. -#}
{% macro shape_of_seed(name) %}
    {% set node = graph.nodes['seed.onboarding_health.' ~ name] if execute else {'config': {}, 'original_file_path': name} %}
    {{ return({
        'file_path': node.original_file_path.split('/')[-2:] | join('/'),
        'key': node.config.get('meta', {}).get('key', []),
        'types': node.config.get('column_types', {'none': 'string'}),
    }) }}
{% endmacro %}

{#- Names a row of seed_rows in words, by the filled cells of its key. -#}
{% macro row_key(key) -%}
    {% for column in key -%}
    {% set cell = 'cast(seed_rows.' ~ column ~ ' as ' ~ dbt.type_string() ~ ')' -%}
    {% if loop.first -%}
    '{{ column }} ' || coalesce({{ cell }}, 'nothing')
    {%- else %}
    || coalesce(', {{ column }} ' || {{ cell }}, '')
    {%- endif %}
    {%- else -%}
    'the only row'
    {%- endfor %}
{%- endmacro %}

{#- dbt's own macro, after a check of each cell: engines round, cut or refuse one that does not fit its column, and name no file. -#}
{% macro load_csv_rows(model, agate_table) %}
    {% set file = shape_of_seed(model.name).file_path %}
    {% set types = model.config.column_types %}
    {% set wrong = agate_table.column_names | reject('in', types) | list + types | reject('in', agate_table.column_names) | list %}
    {% if wrong %}
        {% do exceptions.raise_compiler_error(
            file ~ ', the header: ' ~ wrong | join(', ') ~ ' should not stand there or is missing. Its columns are '
            ~ types | join(', ') ~ '.'
        ) %}
    {% endif %}
    {% for row in agate_table.rows %}
        {% set line = loop.index + 1 %}
        {% for column in agate_table.column_names if row[column] is not none %}
            {% set remedy = remedy_of_cell(row[column], types[column]) %}
            {% if remedy %}
                {% do exceptions.raise_compiler_error(
                    file ~ ', line ' ~ line ~ ': ' ~ column ~ " is '" ~ row[column] ~ "'. " ~ remedy
                ) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {{ return(adapter.dispatch('load_csv_rows', 'dbt')(model, agate_table)) }}
{% endmacro %}

{#- What to write instead of a text that does not fit the type; nothing where it fits. -#}
{% macro remedy_of_cell(cell, type) %}
    {% if cell != cell.strip() %}
        {{ return('Remove the blanks around it.') }}
    {% elif type in ('integer', 'bigint') %}
        {% set limit = 2147483647 if type == 'integer' else 9223372036854775807 %}
        {% if not modules.re.match('-?[0-9]+$', cell) or cell | int | abs > limit %}
            {{ return('Write a whole number up to ' ~ limit ~ '.') }}
        {% endif %}
    {% elif type.startswith('decimal') %}
        {% set digits, places = type[8:-1].split(',') %}
        {% set most = (digits | int - places | int) | string %}
        {% if not modules.re.match('-?0*[0-9]{1,' ~ most ~ '}([.][0-9]{1,' ~ places ~ '}0*)?$', cell) %}
            {{ return('Write a number of at most ' ~ most ~ ' digits and ' ~ places.strip() ~ ' decimals.') }}
        {% endif %}
    {% elif type == 'boolean' and cell | lower not in ('true', 'false') %}
        {{ return('Write true or false.') }}
    {% elif type == 'date' %}
        {% set is_date = modules.re.match('[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$', cell) %}
        {% set month = cell[5:7] | int %}
        {% if not is_date or cell[8:] | int > 30 + (month + month // 8) % 2 or (month == 2 and cell[8:] | int > (
            29 if cell[:4] | int % 4 == 0 and (cell[:4] | int % 100 or cell[:4] | int % 400 == 0) else 28
        )) %}
            {{ return('Write a date like 2025-01-31.') }}
        {% endif %}
    {% endif %}
    {{ return('') }}
{% endmacro %}

{#- Whether a text is in a list divided by vertical bars. -#}
{% macro is_listed(value, list) -%}
    (
        {{ dbt.position("'|'", value) }} = 0
        and {{ dbt.position("'|' || " ~ value ~ " || '|'", "'|' || " ~ list ~ " || '|'") }} > 0
    )
{%- endmacro %}
