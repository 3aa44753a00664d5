{#- Increments go on from the last build that ended well. A build that was cut short has no row in completed_builds, so the next one
    does its work again; its row in started_builds says what it made rows with. One with --empty counts as cut short. -#}
{% macro create_build_log() %}
    {% if not execute or flags.WHICH not in ('build', 'run') %}{{ return('') }}{% endif %}
    {% do run_query('create schema if not exists ' ~ target.schema) %}
    {% do run_query(
        'create table if not exists ' ~ target.schema ~ '.completed_builds (build_number bigint, known_at timestamp, '
        ~ 'as_of date, tracking_starts ' ~ dbt.type_string() ~ ', intake_definition ' ~ dbt.type_string()
        ~ ', definition ' ~ dbt.type_string() ~ ')'
    ) %}
    {% do run_query(
        'create table if not exists ' ~ target.schema ~ '.started_builds (build_number bigint, intake_definition '
        ~ dbt.type_string() ~ ', definition ' ~ dbt.type_string() ~ ', moment ' ~ dbt.type_string() ~ ')'
    ) %}
    {% do create_sync_log() %}
    {% do say_how_to_split() %}
    insert into {{ target.schema }}.started_builds
    select
        coalesce(max(build_number), 0) + 1 as build_number,
        '{{ definition(intake=true) }}' as intake_definition,
        '{{ definition(intake=false) }}' as definition,
        '{{ 'none, as it was empty' if flags.EMPTY else asked_moment() }}' as moment
    from {{ target.schema }}.completed_builds
{% endmacro %}

{#- The moment that a build was asked for; the latest where it was not. -#}
{% macro asked_moment() -%}
    {{ var('as_of') or 'latest' }}, {{ var('known_at') or 'latest' }}
{%- endmacro %}

{#- A changed configuration that is built on the data of the build before is told apart from the data that comes after. -#}
{% macro say_how_to_split() %}
    {% set builds = run_query(
        'select intake_definition, definition, as_of, known_at from ' ~ target.schema
        ~ '.completed_builds order by known_at desc, as_of desc, build_number desc'
    ).rows %}
    {% if builds and not var('known_at')
        and (builds[0][0] != definition(intake=true) or builds[0][1] != definition(intake=false)) %}
        {% do log(
            'A seed, a model or a variable has changed since the last build. If rows were loaded since, health_score_records '
            ~ "can't tell what either did to a published score (unsplit_change). To tell them apart, run first: dbt run "
            ~ "--vars '{as_of: " ~ builds[0][2] ~ ', known_at: "' ~ builds[0][3] ~ '"}' ~ "'", info=true
        ) %}
    {% endif %}
{% endmacro %}

{#- The checksums of what the kept rows were made with. `intake` is what base_events depends on, the rest is what all others do; what
    judges scores or acts on them is in neither, as no kept row rests on it. -#}
{% macro definition(intake) %}
    {% set parts = [] %}
    {% for node in (graph.nodes.values() if execute else []) | sort(attribute='name') if node.resource_type in ('seed', 'model') %}
        {% if node.name in ('base_raw_events', 'base_visible_events', 'base_events', 'event_schemas', 'exchange_rates') %}
            {% if intake %}{% do parts.append(node.name ~ ':' ~ node.checksum.checksum[:8]) %}{% endif %}
        {% elif node.original_file_path.split('/')[-2] in ('validation', 'drift', 'risk', 'plays', 'expansion', 'sync', 'monitoring') %}
        {% elif not intake and (not node.path.startswith('marts/') or node.config.materialized == 'incremental') %}
            {% do parts.append(node.name ~ ':' ~ node.checksum.checksum[:8]) %}
        {% endif %}
    {% endfor %}
    {% for name in (['clock_skew_minutes', 'earliest_event_on'] if intake else ['score_weekday', 'default_product_category']) %}
        {% do parts.append(name ~ ':' ~ var(name)) %}
    {% endfor %}
    {{ return(parts | join(' ')) }}
{% endmacro %}

{% macro is_full_refresh() -%}
    {{ 'true' if flags.FULL_REFRESH else 'false' }}
{%- endmacro %}

{#- name:checksum of every seed, sorted by name. -#}
{% macro seed_checksums() %}
    {% set checksums = [] %}
    {% for node in (graph.nodes.values() if execute else []) | sort(attribute='name') if node.resource_type == 'seed' %}
        {% do checksums.append(node.name ~ ':' ~ node.checksum.checksum[:8]) %}
    {% endfor %}
    {{ return(checksums) }}
{% endmacro %}

{#- After a build in which every incremental model succeeded. -#}
{% macro record_build(results) %}
    {% if not execute or flags.WHICH not in ('build', 'run') or flags.EMPTY %}{{ return('') }}{% endif %}
    {% set succeeded = results | selectattr('status', 'equalto', 'success') | map(attribute='node.unique_id') | list %}
    {% for node in graph.nodes.values() if node.config.materialized == 'incremental' and node.unique_id not in succeeded %}
        {{ return('') }}
    {% endfor %}
    {% set build = run_query(
        'select must_rebuild, last_build_number, last_as_of from ' ~ target.schema ~ '.base_build_moment'
    ).rows[0] %}
    {% if build[0] and build[1] > 0 %}
        {% do log(
            'Everything was computed anew: a seed, a model or a variable has changed since the build of '
            ~ build[2] ~ ', or this one is of an earlier moment, or a full refresh.', info=true
        ) %}
    {% endif %}
    {% do remember_files() %}
    insert into {{ target.schema }}.completed_builds
    select
        moment.build_number,
        moment.known_at,
        moment.as_of,
        tracking.tracking_starts,
        '{{ definition(intake=true) }}' as intake_definition,
        '{{ definition(intake=false) }}' as definition
    from {{ target.schema }}.base_build_moment as moment
    cross join (
        select coalesce({{ joined_texts('entry') }}, '') as tracking_starts
        from {{ target.schema }}.base_coverage_entries
    ) as tracking
{% endmacro %}
