{#- For a hook of an incremental model: deletes its rows for which the condition is true; where it is null, the row stays. -#}
{% macro delete_rows(condition) %}{{ return(adapter.dispatch('delete_rows')(condition)) }}{% endmacro %}

{% macro default__delete_rows(condition) -%}
    {%- if is_incremental() -%} delete from {{ this }} where {{ condition }} {%- endif -%}
{%- endmacro %}

{#- Delta tables, the default of Databricks, can delete. -#}
{% macro databricks__delete_rows(condition) %}{{ return(default__delete_rows(condition)) }}{% endmacro %}

{#- Parquet tables cannot delete, but whole months of them can be rewritten. Spark has no transactions either: the rows that stay are
    kept in a table of their own until they are back, and the next build puts them back if this one is killed. Rows that it had
    not yet appended are missing then, as on any engine. -#}
{% macro spark__delete_rows(condition) %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set aside = this.incorporate(path={'identifier': this.identifier ~ '__aside'}) %}
    {% set was_killed = load_relation(aside) is not none %}
    {% if is_incremental() %}
        {#- A killed build can leave files in a month that the table does not know yet. -#}
        {% do run_query('msck repair table ' ~ this) %}
        {% if was_killed %}{% do spark__put_back(aside) %}{% endif %}
    {% endif %}
    {% if was_killed %}{% do run_query('drop table ' ~ aside) %}{% endif %}
    {% if not is_incremental() %}{{ return('') }}{% endif %}

    {% set months = run_query(
        'select distinct partition_month from ' ~ this ~ ' where ' ~ condition
    ).columns[0].values() %}
    {% if months %}
        {% do run_query(
            'create table ' ~ aside ~ ' as select * from ' ~ this
            ~ " where partition_month in ('" ~ months | join("', '") ~ "') and not coalesce((" ~ condition ~ '), false)'
        ) %}
        {% do run_query(
            'alter table ' ~ this ~ " drop partition (partition_month = '"
            ~ months | join("'), partition (partition_month = '") ~ "')"
        ) %}
        {% do spark__put_back(aside) %}
        {% do run_query('drop table ' ~ aside) %}
    {% endif %}
    {{ return('') }}
{% endmacro %}

{#- An overwrite can be repeated, an insert cannot. -#}
{% macro spark__put_back(aside) %}
    {% do run_query('set spark.sql.sources.partitionOverwriteMode = dynamic') %}
    {% do run_query('insert overwrite table ' ~ this ~ ' select * from ' ~ aside) %}
{% endmacro %}

{#- Partitions an incremental model by the month of the date that its meta.incremental_by names. Partitions by day would be too many
    small files for a company of any size that one session builds. Models of a project that installs this one go through here too, and
    see the macros of a package by its name only. -#}
{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') %}
    {% if onboarding_health.incremental_by() %}
        {% set month = 'left(cast(' ~ onboarding_health.incremental_by() ~ ' as string), 7)' %}
        {% set compiled_code = 'select *, ' ~ month ~ ' as partition_month from (\n' ~ compiled_code ~ '\n)' %}
    {% endif %}
    {{ return(dbt.spark__create_table_as(temporary, relation, compiled_code, language)) }}
{% endmacro %}

{% macro spark__partition_cols(label, required=false) -%}
    {%- if onboarding_health.incremental_by() -%}
        {{ label }} (partition_month)
    {%- else -%}
        {{ dbt.spark__partition_cols(label, required) }}
    {%- endif -%}
{%- endmacro %}

{% macro incremental_by() %}{{ return(model.config.meta.get('incremental_by') if model.resource_type == 'model') }}{% endmacro %}
