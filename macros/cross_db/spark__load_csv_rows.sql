{#- In a session, dbt-spark's own macro writes an empty cell as the text None, and an apostrophe ends its text. Seeds of a project that
    installs this one are left to it. -#}
{% macro spark__load_csv_rows(model, agate_table) %}
    {% if model.package_name != 'onboarding_health' %}{{ return(dbt.spark__load_csv_rows(model, agate_table)) }}{% endif %}
    {% set types = model['config']['column_types'] %}
    {% set rows = [] %}
    {% for row in agate_table.rows %}
        {% set cells = [] %}
        {% for column in agate_table.column_names %}
            {% set value = row[column] %}
            {% set text = "null" if value is none else "'" ~ dbt.escape_single_quotes(value | string) ~ "'" %}
            {% do cells.append('cast(' ~ text ~ ' as ' ~ types[column] ~ ')') %}
        {% endfor %}
        {% do rows.append('(' ~ cells | join(', ') ~ ')') %}
    {% endfor %}
    {% set sql = 'insert into ' ~ this.render() ~ ' values ' ~ rows | join(', ') %}
    {% if rows %}{% do adapter.add_query(sql, abridge_sql_log=True) %}{% endif %}
    {{ return(sql) }}
{% endmacro %}
