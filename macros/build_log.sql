{#- Increments continue from the last successful build. An interrupted build has no row in completed_builds, so the next one repeats
    its work; its row in started_builds has the configuration that it made rows with. A build with --empty counts as interrupted. -#}
{% macro create_build_log() %}
    {% if not execute or flags.WHICH not in ('build', 'run', 'seed') %}{{ return('') }}{% endif %}
    {% set text = dbt.type_string() %}
    {% do run_query('create schema if not exists ' ~ target.schema) %}
    {% do run_query(
        'create table if not exists ' ~ target.schema ~ '.loaded_seeds (load_number bigint, seed ' ~ text ~ ', checksum ' ~ text ~ ')'
    ) %}
    {% if flags.WHICH == 'seed' %}{{ return('') }}{% endif %}
    {% do run_query(
        'create table if not exists ' ~ target.schema ~ '.completed_builds (build_number bigint, known_at timestamp, '
        ~ 'as_of date, tracking_starts ' ~ text ~ ', intake_definition ' ~ text ~ ', definition ' ~ text ~ ')'
    ) %}
    {% do run_query(
        'create table if not exists ' ~ target.schema ~ '.started_builds (run_number bigint, build_number bigint, '
        ~ 'intake_definition ' ~ text ~ ', definition ' ~ text ~ ', moment ' ~ text ~ ')'
    ) %}
    {% do create_sync_log() %}
    {% set checksums = seed_checksums() %}
    {% do say_how_to_split(checksums) %}
    insert into {{ target.schema }}.started_builds
    select
        coalesce((select max(run_number) from {{ target.schema }}.started_builds), 0) + 1 as run_number,
        coalesce(max(build_number), 0) + 1 as build_number,
        '{{ definition(checksums, intake=true) }}' as intake_definition,
        '{{ definition(checksums, intake=false) }}' as definition,
        '{{ 'none, as it was empty' if flags.EMPTY else asked_moment() }}' as moment
    from {{ target.schema }}.completed_builds
{% endmacro %}

{#- The moment that the build was asked for, or the latest one. -#}
{% macro asked_moment() -%}
    {{ var('as_of') or 'latest' }}, {{ var('known_at') or 'latest' }}
{%- endmacro %}

{#- A changed configuration built on the data of the build before can be told apart from the effect of later data. -#}
{% macro say_how_to_split(checksums) %}
    {% set builds = run_query(
        'select intake_definition, definition, as_of, known_at from ' ~ target.schema
        ~ '.completed_builds order by known_at desc, as_of desc, build_number desc'
    ).rows %}
    {% if builds and not var('known_at')
        and (builds[0][0] != definition(checksums, intake=true) or builds[0][1] != definition(checksums, intake=false)) %}
        {% do log(
            'A seed, a model or a variable has changed since the last build. If rows were loaded since, fct_score_records '
            ~ "can't tell what either did to a published score (unsplit_change). To tell them apart, run first: dbt run "
            ~ "--vars '{as_of: " ~ builds[0][2] ~ ', known_at: "' ~ builds[0][3] ~ '"}' ~ "'", info=true
        ) %}
    {% endif %}
{% endmacro %}

{#- The nodes of this project, which may be installed as a package. -#}
{% macro own_nodes() %}{{ return(graph.nodes.values() | selectattr('package_name', 'equalto', 'onboarding_health') | list) }}{% endmacro %}

{#- The relation of a model in its configured schema, as hooks have no ref. -#}
{% macro place_of(name) %}{{ return(graph.nodes['model.onboarding_health.' ~ name].relation_name) }}{% endmacro %}

{#- The checksums of everything upstream of incremental models: for `intake` of base_events, otherwise of all other incremental
    models. Whatever validates scores or acts on them is in neither, as it is not upstream. -#}
{% macro definition(checksums, intake) %}
    {% set incremental = own_nodes() | selectattr('config.meta.incremental_by', 'defined') | map(attribute='unique_id') %}
    {% set of_intake = rested_on(['model.onboarding_health.base_events']) %}
    {% set of_others = rested_on(incremental) | reject('in', of_intake) | list %}
    {% set parts = [] %}
    {% for node in own_nodes() | sort(attribute='name') if node.unique_id in (of_intake if intake else of_others) %}
        {% do parts.append(node.name ~ ':' ~ checksums.get(node.name, node.checksum.checksum[:8])) %}
    {% endfor %}
    {% set intake_vars = ['clock_skew_minutes', 'earliest_event_on', 'company_timezone'] %}
    {% for name in (intake_vars if intake else ['score_weekday', 'default_product_category']) %}
        {% do parts.append(name ~ ':' ~ var(name)) %}
    {% endfor %}
    {{ return(parts | join(' ')) }}
{% endmacro %}

{#- These models and everything upstream. The checks of the seeds are left out: no row depends on them. -#}
{% macro rested_on(models) %}
    {% set found = models | list %}
    {% set checks = 'model.onboarding_health.configuration_problems' %}
    {% for key in found %}
        {% for parent in graph.nodes[key].depends_on.get('nodes', []) if parent in graph.nodes and parent not in found + [checks] %}
            {% do found.append(parent) %}
        {% endfor %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{#- The checksum of each seed's rows as this run reads them: of the file if the run loads it, otherwise of the file loaded last. -#}
{% macro seed_checksums() %}
    {% set checksums = {} %}
    {% for row in run_query('select seed, checksum from ' ~ target.schema ~ '.loaded_seeds order by load_number').rows %}
        {% do checksums.update({row[0]: row[1]}) %}
    {% endfor %}
    {% set missing = [] %}
    {% set edited = [] %}
    {% for node in own_nodes() | sort(attribute='name') if node.resource_type == 'seed' %}
        {% set checksum = node.checksum.checksum[:8] %}
        {% if flags.WHICH == 'build' and node.unique_id in selected_resources %}
            {% do checksums.update({node.name: checksum}) %}
        {% elif node.name not in checksums %}
            {% do missing.append(node.original_file_path.removeprefix('./')) %}
        {% elif checksums[node.name] != checksum %}
            {% do edited.append(node.original_file_path.removeprefix('./')) %}
        {% endif %}
    {% endfor %}
    {% if missing %}
        {% do exceptions.raise_compiler_error(
            'Not in the warehouse yet: ' ~ missing[0] ~ (' and ' ~ (missing | length - 1) ~ ' other seeds' if missing | length > 1 else '')
            ~ '. Run dbt seed first, or dbt build in the place of dbt run.'
        ) %}
    {% elif edited %}
        {% do exceptions.warn(
            'Edited since it was loaded: ' ~ edited | join(', ') ~ '. This run goes on with the rows as they were loaded; to use the '
            ~ 'edit, run dbt seed first, or dbt build.'
        ) %}
    {% endif %}
    {{ return(checksums) }}
{% endmacro %}

{#- The file that the rows of a seed come from. -#}
{% macro record_loaded_seed() -%}
    insert into {{ target.schema }}.loaded_seeds
    select
        coalesce(max(load_number), 0) + 1 as load_number,
        '{{ model.name }}' as seed,
        '{{ model.checksum.checksum[:8] }}' as checksum
    from {{ target.schema }}.loaded_seeds
    where seed = '{{ model.name }}'
{%- endmacro %}

{% macro is_full_refresh() -%}
    {{ 'true' if flags.FULL_REFRESH else 'false' }}
{%- endmacro %}

{#- After a build in which every incremental model succeeded. -#}
{% macro record_build(results) %}
    {% if not execute or flags.WHICH not in ('build', 'run') or flags.EMPTY %}{{ return('') }}{% endif %}
    {% set succeeded = results | selectattr('status', 'equalto', 'success') | map(attribute='node.unique_id') | list %}
    {% for node in own_nodes() if node.config.materialized == 'incremental' and node.unique_id not in succeeded %}
        {{ return('') }}
    {% endfor %}
    {% set build = run_query(
        'select must_rebuild, last_build_number, last_as_of from ' ~ place_of('base_build_moment')
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
        moment.intake_definition,
        moment.definition
    from {{ place_of('base_build_moment') }} as moment
    cross join (
        select coalesce({{ joined_texts('entry') }}, '') as tracking_starts
        from {{ place_of('base_coverage_entries') }}
    ) as tracking
{% endmacro %}

{#- Prints the warnings at the end of a build, at most five sentences per topic. `onboarding-health summary` prints the same. -#}
{% macro say_warnings(results) %}
    {% if not execute or flags.WHICH not in ('build', 'run') %}{{ return('') }}{% endif %}
    {% set succeeded = results | selectattr('status', 'equalto', 'success') | map(attribute='node.name') | list %}
    {% if 'fct_build_warnings' not in succeeded %}{{ return('') }}{% endif %}
    {% set lines = [] %}
    {% for message in run_query('select message from ' ~ target.schema ~ '.build_messages').columns[0].values() %}
        {% do lines.append('  ' ~ message) %}
    {% endfor %}
    {% for place, sentence, mart, count in run_query(
        'select place, sentence, mart, count(*) over (partition by topic) from '
        ~ place_of('fct_build_warnings') ~ ' order by topic_order, place'
    ).rows if place <= 6 %}
        {% do lines.append('  ' ~ (sentence if place <= 5 else '... and ' ~ (count - 5) ~ ' more like it in ' ~ mart)) %}
    {% endfor %}
    {% do print('\nWarnings\n' ~ (lines | join('\n') or '  none')) %}
{% endmacro %}
