{#- Creates functions that an engine lacks and other macros call, in the schema of the build. -#}
{% macro create_functions() %}
    {% if not execute or flags.WHICH not in ('build', 'run', 'test') %}{{ return('') }}{% endif %}
    {{ return(adapter.dispatch('create_functions')()) }}
{% endmacro %}

{% macro default__create_functions() %}{{ return('') }}{% endmacro %}

{#- A strict function is not called with a null, so the state of last_known is the last value that is not null. The json
    type keeps repeated keys, of which the first counts on every engine; a fraction of more digits than a double has is read
    as one, and a nested value loses its blanks, as on every engine too. -#}
{% macro postgres__create_functions() -%}
    {%- set collation = run_query(
        'select datcollate from pg_database where datname = current_database()'
    ).rows[0][0] -%}
    {%- if collation.split('.')[0] not in ('C', 'POSIX') -%}
        {{ exceptions.raise_compiler_error(
            'The database sorts text by the collation ' ~ collation ~ ', other engines by its bytes, and ties are broken by text. '
            ~ "Create it so: create database onboarding_health encoding 'UTF8' lc_collate 'C' lc_ctype 'C' template template0"
        ) }}
    {%- endif -%}
    create schema if not exists {{ target.schema }};

    create or replace function {{ target.schema }}.raise_error(message text) returns boolean
    language plpgsql as $$ begin raise exception '%', message; end $$;

    create or replace function {{ target.schema }}.later_of(earlier anyelement, later anyelement) returns anyelement
    language sql immutable strict parallel safe as 'select $2';

    create or replace aggregate {{ target.schema }}.last_known(anyelement) (
        sfunc = {{ target.schema }}.later_of, stype = anyelement
    );

    create or replace function {{ target.schema }}.is_json_object(payload text) returns boolean
    language plpgsql immutable strict as $$
    begin
        return jsonb_typeof(payload::jsonb) = 'object'
            and (select count(*) = count(distinct key) from json_object_keys(payload::json) as keys (key));
    exception when others then
        return false;
    end $$;

    create or replace function {{ target.schema }}.json_text(payload text, wanted text) returns text
    language plpgsql immutable strict as $$
    begin
        return (
            select
                case
                    when json_typeof(pairs.value) in ('object', 'array')
                        then regexp_replace(pairs.value::text, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g')
                    when json_typeof(pairs.value) = 'number' and pairs.value::text ~ '[.eE]' and length(pairs.value::text) > 17
                        then pairs.value::text::double precision::text
                    else pairs.value #>> '{}'
                end
            from json_each(payload::json) with ordinality as pairs (key, value, place)
            where pairs.key = wanted
            order by pairs.place
            limit 1
        );
    exception when others then
        return null;
    end $$;

    create or replace function {{ target.schema }}.try_decimal(expression text) returns numeric
    language plpgsql immutable strict as $$
    begin
        return cast(expression as decimal(18, 6));
    exception when others then
        return null;
    end $$;

    create or replace function {{ target.schema }}.try_timestamp(expression text) returns timestamp
    language plpgsql immutable strict as $$
    begin
        if expression ~ '^\d{4}-\d\d-\d\d([ T]\d\d?:\d\d?(:\d\d?([.]\d+)?)?( ?(Z|[+-]\d\d(:?\d\d)?))?)?$' then
            return cast(expression as timestamp);
        end if;
        return null;
    exception when others then
        return null;
    end $$
{%- endmacro %}

{% macro bigquery__create_functions() -%}
    create or replace function {{ target.schema }}.middle_of(numbers array<float64>) returns float64 as ((
        select percentile_cont(number, 0.5) over () from unnest(numbers) as number limit 1
    ))
{%- endmacro %}
