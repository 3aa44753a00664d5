{#- dbt's own materialization of unit tests, adapted to two limits of Postgres: a name has at most 63 letters, and numbers lose their
    scale in an expression, so 0.5 and 0.500000 are compared without it. -#}
{% materialization unit, adapter='postgres' %}
    {% set rows = config.get('expected_rows') %}
    {% set sample = make_temp_relation(api.Relation.create(identifier=this.identifier[:40], type='table')) %}
    {% do run_query(get_create_table_as_sql(true, sample, get_empty_subquery_sql(sql))) %}
    {% set types = {} %}
    {% set quoted = {} %}
    {% for column in adapter.get_columns_in_relation(sample) %}
        {% do types.update({column.name | lower: column.data_type}) %}
        {% do quoted.update({column.name | lower: column.quoted}) %}
    {% endfor %}
    {% do adapter.drop_relation(sample) %}

    {% set compared = [] %}
    {% for name in (rows[0].keys() if rows else types.keys()) %}
        {% set column = quoted[name | lower] %}
        {% do compared.append(
            'trim_scale(' ~ column ~ ') as ' ~ column if types[name | lower].startswith('numeric') else column
        ) %}
    {% endfor %}
    {% set expected_sql = config.get('expected_sql') or get_expected_sql(rows, types, quoted) %}
    {% call statement('main', fetch_result=true) %}
        {{ get_unit_test_sql(sql, expected_sql, compared) }}
    {% endcall %}
    {{ return({'relations': []}) }}
{% endmaterialization %}
