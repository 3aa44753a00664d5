{#- Incremental models delete outdated rows in a hook, in the same transaction, and then insert the missing ones. -#}

{#- The first day of an account that a model computes. -#}
{% macro first_day() -%}
    {{ 'recompute_from' if is_incremental() else 'started_on' }}
{%- endmacro %}

{#- The last moment at which a row can have been loaded: the start of the run plus the permitted clock skew. -#}
{% macro latest_load_at() -%}
    {%- set moment = run_started_at + modules.datetime.timedelta(minutes=var('clock_skew_minutes')) -%}
    cast('{{ moment.strftime("%Y-%m-%d %H:%M:%S") }}' as timestamp)
{%- endmacro %}

{#- Whether a time is plausible: not infinite and not in years from which no day can be counted. -#}
{% macro is_of_this_age(moment) -%}
    {{ moment }} >= cast('0001-01-01' as timestamp) and {{ moment }} < cast('2200-01-01' as timestamp)
{%- endmacro %}

{#- Point in time: the raw_events that a build may see, those loaded by its moment that did not happen after it. Rows without a load
    time, or loaded after the run began, are included to be rejected. -#}
{% macro is_visible() -%}
    (
        raw_events.loaded_on = cast('9999-12-31' as date)
        {% if not var('known_at') -%}
        or raw_events.loaded_at > build_moment.latest_load_at
        {% endif -%}
        or (
            raw_events.loaded_at <= build_moment.known_at
            and (
                raw_events.occurred_at is null
                or raw_events.occurred_at < build_moment.as_of_ends_at
                or raw_events.is_future
            )
        )
    )
{%- endmacro %}

{#- Deletes all load days from the first one whose raw rows differ from those in base_events: the first load of an id wins, so a load
    can only change later ones. Loads in the future are read again, as their time may come; so are rows without a load, as an
    unreadable line may be mended by the next build. -#}
{% macro delete_changed_loads() -%}
    {%- set condition -%}
    loaded_on = cast('9999-12-31' as date)
    or loaded_on >= (
        select min(coalesce(load_days.loaded_on, kept_loads.loaded_on))
        from {{ ref('base_load_days') }} as load_days
        full outer join (
            select
                source,
                loaded_on,
                count(*) as row_count,
                max(case when reject_reason = 'future_load' then 1 else 0 end) = 1
                or max(loaded_at) > (
                    select latest_load_at from {{ ref('base_build_moment') }}
                ) as is_in_future
            from {{ this }}
            group by source, loaded_on
        ) as kept_loads
            on load_days.source = kept_loads.source and load_days.loaded_on = kept_loads.loaded_on
        where
            coalesce(load_days.row_count <> kept_loads.row_count, true)
            or kept_loads.is_in_future
            or (select must_reload from {{ ref('base_build_moment') }})
    )
    {%- endset -%}
    {{ delete_rows(condition) }}
{%- endmacro %}

{#- Reports loads of the last build that now have fewer rows, before their effects are deleted. A build of an earlier moment sees fewer. -#}
{% macro log_lost_loads() %}
    {% if not execute or not is_incremental() or var('known_at') or var('as_of') %}{{ return('') }}{% endif %}
    {% for source, loaded_on, row_count, rows_left in run_query(
        'select kept.source, kept.loaded_on, kept.row_count, coalesce(load_days.row_count, 0) from (select source, '
        ~ 'loaded_on, count(*) as row_count from ' ~ this ~ " where loaded_on < cast('9999-12-31' as date) "
        ~ 'group by source, loaded_on) as kept left join ' ~ ref('base_load_days') ~ ' as load_days on kept.source = '
        ~ 'load_days.source and kept.loaded_on = load_days.loaded_on where coalesce(load_days.row_count, 0) < kept.row_count '
        ~ 'order by kept.source, kept.loaded_on limit 20'
    ).rows %}
        {% do add_message(
            'The ' ~ source ~ ' load of ' ~ loaded_on ~ ' had ' ~ row_count ~ ' rows at the last build and has ' ~ rows_left
            ~ ' now: the build takes back what the others told. Restore them if that is wrong.'
        ) %}
    {% endfor %}
{% endmacro %}

{#- Deletes the account-days that int_account_updates has recomputed, and those that no longer exist. -#}
{% macro delete_recomputed_days() -%}
    {%- set condition -%}
    not exists (
        select 1 from {{ ref('int_account_updates') }} as updates
        where
            updates.account_id = {{ this }}.account_id
            and updates.started_on <= {{ this }}.date_day
            and updates.recompute_from > {{ this }}.date_day
    )
    {%- endset -%}
    {{ delete_rows(condition) }}
{%- endmacro %}

{#- A fingerprint of all inputs of a score date. -#}
{% macro date_fingerprints() -%}
    select
        score_date,
        cast(sum(account_count) as bigint) as account_count,
        {{ xor_of('fingerprint') }} as fingerprint
    from (
        select
            score_date,
            count(*) as account_count,
            {{ xor_of(hash_of(
                'account_id, segment, product_category, model_version, eligibility, ' ~ signal_columns() | join(', ')
            )) }} as fingerprint
        from {{ ref('int_health_score_days') }}
        group by score_date
        union all
        select
            score_date,
            0 as account_count,
            {{ xor_of(hash_of('account_id, signal, last_seen_on, last_value')) }} as fingerprint
        from {{ ref('int_last_seen_signals') }}
        group by score_date
    ) as judged_on
    group by score_date
{%- endmacro %}

{#- Deletes the score dates whose inputs have changed, or no longer exist. -#}
{% macro delete_differing_dates() -%}
    {%- set condition -%}
    (select must_rebuild from {{ ref('base_build_moment') }})
    or score_date not in (
        select kept.score_date
        from {{ this }} as kept
        inner join ({{ date_fingerprints() }}) as fresh
            on
                kept.score_date = fresh.score_date
                and kept.account_count = fresh.account_count
                and kept.fingerprint = fresh.fingerprint
    )
    {%- endset -%}
    {{ delete_rows(condition) }}
{%- endmacro %}

{#- The score dates that a model computes: all, or those that int_health_dates has scored again in this build. -#}
{% macro changed_dates() -%}
    select health_dates.score_date
    from {{ ref('int_health_dates') }} as health_dates
    {% if is_incremental() -%}
    inner join {{ ref('base_build_moment') }} as build_moment
        on health_dates.build_number > build_moment.last_build_number
    {%- endif %}
{%- endmacro %}

{#- Deletes the score dates that int_health_dates has scored again in this build, and those that no longer exist. -#}
{% macro delete_changed_dates() -%}
    {%- set condition -%}
    score_date not in (
        select score_date from {{ ref('int_health_dates') }}
        where build_number <= (select last_build_number from {{ ref('base_build_moment') }})
    )
    {%- endset -%}
    {{ delete_rows(condition) }}
{%- endmacro %}
