{#- dbt's own macro, with the types of the seeds translated like those of the contracts: string is text. Seeds of a project that
    installs this one are left to dbt. -#}
{% macro postgres__create_csv_table(model, agate_table) %}
    {% if model.package_name != 'onboarding_health' %}{{ return(dbt.default__create_csv_table(model, agate_table)) }}{% endif %}
    {% set types = model['config']['column_types'] %}
    {% set columns = [] %}
    {% for column in agate_table.column_names %}
        {% do columns.append(column ~ ' ' ~ api.Column.translate_type(types[column])) %}
    {% endfor %}
    {% set sql = 'create table ' ~ this.render() ~ ' (' ~ columns | join(', ') ~ ')' %}
    {% call statement('_') %}{{ sql }}{% endcall %}
    {{ return(sql) }}
{% endmacro %}
