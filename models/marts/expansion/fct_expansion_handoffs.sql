-- Qualified expansion leads for the team that takes them over, with the three indicators that
-- contribute most. One row per account.
with

scores as (
    select * from {{ ref('fct_expansion_scores') }}
    where is_qualified
),

indicators as (
    select * from {{ ref('fct_expansion_indicators') }}
    where contribution > 0
),

expansion_bands as (
    select * from {{ ref('expansion_bands') }}
),

ranked_indicators as (
    select
        account_id,
        indicator || ' ' || cast({{ round_half_up('value', 2) }} as {{ dbt.type_string() }})
        || ' (' || cast(cast(contribution as decimal(9, 2)) as {{ dbt.type_string() }}) || ' points'
        || coalesce(', held ' || cast(days_held as {{ dbt.type_string() }}) || ' days', '') || ')'
            as indicator_words,
        row_number() over (
            partition by account_id order by contribution desc, indicator asc
        ) as place
    from indicators
),

evidence as (
    select
        account_id,
        max(case when place = 1 then indicator_words end)
        || coalesce('; ' || max(case when place = 2 then indicator_words end), '')
        || coalesce('; ' || max(case when place = 3 then indicator_words end), '') as best_words
    from ranked_indicators
    group by account_id
),

handoffs as (
    select
        {{ id_of(
            "'expansion_handoff|' || scores.account_id || '|' || scores.band || '|' || cast("
            ~ 'scores.qualified_since as ' ~ dbt.type_string() ~ ')'
        ) }} as handoff_id,
        scores.account_id,
        scores.score_date,
        scores.qualified_since,
        scores.segment,
        scores.arr,
        scores.score,
        scores.band,
        coalesce(scores.triggers, 'score') as triggers,
        'Score '
        || cast(cast(scores.score as decimal(9, 2)) as {{ dbt.type_string() }})
        || ', ' || scores.band
        || ' since ' || cast(scores.qualified_since as {{ dbt.type_string() }}) || ': '
        || evidence.best_words
        || coalesce('. Occasion: ' || scores.triggers, '') as evidence,
        expansion_bands.owner_role,
        scores.owner_id,
        expansion_bands.action,
        scores.expected_expansion_rate,
        scores.expected_uplift,
        scores.expected_arr
    from scores
    inner join expansion_bands
        on scores.band = expansion_bands.band
    left join evidence
        on scores.account_id = evidence.account_id
)

select * from handoffs
