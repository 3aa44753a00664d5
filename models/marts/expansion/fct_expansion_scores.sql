-- The latest expansion score, its expected ARR and why it is handed over or not. One row per
-- account.
with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

scores as (
    select * from {{ ref('int_expansion_scores') }}
),

expansion_settings as (
    select * from {{ ref('expansion_settings') }}
),

-- Expansion rate of earlier leads of the band, at the shortest horizon with enough of them.
own_rates as (
    select
        band,
        expansion_rate_lower,
        expansion_rate_upper,
        row_number() over (partition by band order by horizon_days) as place
    from {{ ref('rpt_expansion') }}
    where
        population = 'scored'
        and segment = 'all'
        and closed_leads >= min_leads
),

latest_scores as (
    select
        scores.*,
        accounts.owner_id,
        {% for number, places in [
            ('scores.score', 2), ('scores.coverage', 4), ('scores.held_share', 4),
            ('scores.core_share', 4), ('expansion_settings.agree_points', 2),
            ('expansion_settings.coverage_floor', 4), ('expansion_settings.min_held_share', 4),
            ('expansion_settings.min_core_share', 4),
        ] -%}
        cast(
            cast({{ number }} as decimal(9, {{ places }})) as {{ dbt.type_string() }}
        ) as {{ number.split('.')[1] }}_words,
        {% endfor -%}
        {% for number in ['min_account_age_days', 'min_agreeing', 'min_days_held'] -%}
        cast(expansion_settings.{{ number }} as {{ dbt.type_string() }}) as {{ number }}_words,
        {% endfor -%}
        own_rates.expansion_rate_lower,
        own_rates.expansion_rate_upper,
        cast(scores.indicators_agreeing as {{ dbt.type_string() }}) as agreeing_words,
        cast(coalesce(scores.days_persisted, 0) as {{ dbt.type_string() }}) as persisted_words
    from scores
    inner join accounts
        on
            scores.account_id = accounts.account_id
            and scores.score_date = accounts.observed_until
    cross join expansion_settings
    left join own_rates
        on
            scores.band = own_rates.band
            and own_rates.place = 1
),

score_texts as (
    select
        latest_scores.*,
        'at least ' || min_agreeing_words || ' indicators of ' || agree_points_words
        || ' points or more' as agreement_words,
        'score ' || score_words || ' is in band ' || band as band_words
    from latest_scores
),

expansion_scores as (
    select
        account_id,
        score_date,
        segment,
        owner_id,
        arr,
        status,
        score,
        band,
        coverage,
        indicators_agreeing,
        days_persisted,
        held_share,
        core_share,
        triggers,
        expected_expansion_rate,
        {{ round_half_up(as_double('expected_uplift_share') ~ ' * ' ~ as_double('arr'), 2) }}
            as expected_uplift,
        {{ round_half_up(
            as_double('expected_expansion_rate') ~ ' * ' ~ as_double('expected_uplift_share')
            ~ ' * ' ~ as_double('arr'), 2
        ) }} as expected_arr,
        {% for bound in ['lower', 'upper'] -%}
        {{ round_half_up(
            as_double('expansion_rate_' ~ bound) ~ ' * ' ~ as_double('expected_uplift_share')
            ~ ' * ' ~ as_double('arr'), 2
        ) }} as own_expected_arr_{{ bound }},
        {% endfor -%}
        is_qualified,
        qualified_since,
        qualification,
        case qualification
            when 'not_subscribed' then 'no subscription was ever recorded'
            when 'churned' then 'no subscription runs any more'
            when 'completed' then 'what it bought has run its course'
            when 'too_early' then 'younger than ' || min_account_age_days_words || ' days'
            when 'too_little_data'
                then
                    'indicators of only ' || coverage_words
                    || ' of the weight are observed, needs ' || coverage_floor_words
            when 'low_band' then band_words || ', which is not handed over'
            when 'too_few_agree' then agreeing_words || ' agree, needs ' || agreement_words
            when 'not_held'
                then
                    'needs ' || agreement_words || ' for ' || min_days_held_words
                    || ' days, so far ' || persisted_words
            when 'too_little_held'
                then
                    'indicators that have held for ' || min_days_held_words || ' days give only '
                    || held_share_words || ' of the score, needs ' || min_held_share_words
            when 'too_little_core'
                then
                    'core indicators give ' || core_share_words || ' of the score, needs '
                    || min_core_share_words
            else
                band_words || '; ' || agreement_words || ' have held for ' || persisted_words
                || ' days; core indicators give ' || core_share_words || ' of the score'
        end as reason
    from score_texts
)

select * from expansion_scores
