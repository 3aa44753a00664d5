{#- Drops and creates in one transaction, as DuckDB can. dbt-duckdb builds a table aside, renames twice and drops after the commit:
    three more statements and one more sync of the disk per model. -#}
{% materialization table, adapter='duckdb' %}{{ return(build_in_one_transaction('table')) }}{% endmaterialization %}

{% materialization view, adapter='duckdb' %}{{ return(build_in_one_transaction('view')) }}{% endmaterialization %}

{% macro build_in_one_transaction(type) %}
    {% set existing = load_cached_relation(this) %}
    {% set relation = this.incorporate(type=type) %}
    {#- A view without a database name can be read in a copy of the file under any name. -#}
    {% if type == 'view' %}{% set sql = sql | replace('"' ~ this.database ~ '".', '') %}{% endif %}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') %}
        {% if existing %}drop {{ existing.type }} if exists {{ existing }};{% endif %}
        {{ create_table_as(false, relation, sql) if type == 'table' else create_view_as(relation, sql) }}
    {% endcall %}
    {% if type == 'table' %}{% do create_indexes(relation) %}{% endif %}
    {{ run_hooks(post_hooks) }}
    {% do persist_docs(relation, model) %}
    {% do adapter.commit() %}
    {{ return({'relations': [relation]}) }}
{% endmacro %}
