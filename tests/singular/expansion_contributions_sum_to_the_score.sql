with

scores as (
    select * from {{ ref('fct_expansion_scores') }}
),

indicators as (
    select * from {{ ref('fct_expansion_indicators') }}
),

expansion_indicators as (
    select count(*) as indicators from {{ ref('expansion_indicators') }}
),

summed as (
    select
        account_id,
        count(*) as indicators,
        sum(contribution) as contribution
    from indicators
    group by account_id
),

compared as (
    select
        scores.account_id,
        scores.score,
        summed.contribution,
        summed.indicators
    from scores
    left join summed
        on scores.account_id = summed.account_id
)

select compared.*
from compared
cross join expansion_indicators
where
    coalesce(compared.indicators, 0) <> expansion_indicators.indicators
    or (
        coalesce(compared.contribution <> compared.score, true)
        and not (compared.contribution is null and compared.score is null)
    )
