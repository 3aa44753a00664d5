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

latest as (
    select
        scores.*,
        accounts.owner_id,
        expansion_settings.min_account_age_days,
        expansion_settings.coverage_floor,
        expansion_settings.agree_points,
        expansion_settings.min_agreeing,
        expansion_settings.min_days_held,
        expansion_settings.min_core_share,
        'at least ' || cast(expansion_settings.min_agreeing as {{ dbt.type_string() }})
        || ' indicators of ' || cast(expansion_settings.agree_points as {{ dbt.type_string() }})
        || ' points or more' as agreement_words
    from scores
    inner join accounts
        on
            scores.account_id = accounts.account_id
            and scores.score_date = accounts.observed_until
    cross join expansion_settings
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
        core_share,
        triggers,
        expected_conversion,
        expected_uplift,
        {{ round_half_up(
            as_double('expected_conversion') ~ ' * ' ~ as_double('expected_uplift'), 2
        ) }} as expected_arr,
        is_qualified,
        qualified_since,
        qualification,
        case qualification
            when 'not_subscribed' then 'no subscription was ever recorded'
            when 'churned' then 'no subscription runs any more'
            when 'too_early'
                then
                    'younger than ' || cast(min_account_age_days as {{ dbt.type_string() }})
                    || ' days'
            when 'too_little_data'
                then
                    'indicators of only ' || cast(coverage as {{ dbt.type_string() }})
                    || ' of the weight are observed, needs '
                    || cast(coverage_floor as {{ dbt.type_string() }})
            when 'low_band'
                then
                    'score ' || cast(score as {{ dbt.type_string() }}) || ' is in band ' || band
                    || ', which is not handed over'
            when 'too_few_agree'
                then
                    cast(indicators_agreeing as {{ dbt.type_string() }})
                    || ' agree, needs ' || agreement_words
            when 'not_held'
                then
                    'needs ' || agreement_words || ' for '
                    || cast(min_days_held as {{ dbt.type_string() }}) || ' days, so far '
                    || cast(coalesce(days_persisted, 0) as {{ dbt.type_string() }})
            when 'too_little_core'
                then
                    'core indicators give ' || cast(core_share as {{ dbt.type_string() }})
                    || ' of the score, needs ' || cast(min_core_share as {{ dbt.type_string() }})
            else
                'score ' || cast(score as {{ dbt.type_string() }}) || ' is in band ' || band
                || '; ' || agreement_words || ' have held for '
                || cast(days_persisted as {{ dbt.type_string() }})
                || ' days; core indicators give ' || cast(core_share as {{ dbt.type_string() }})
                || ' of the score'
        end as reason
    from latest
)

select * from expansion_scores
