{{ config(severity='warn') }}

select
    cohort_key,
    verdict
from {{ ref('health_validation') }}
where
    predictor = 'score'
    and segment = 'all'
    and split in ('all', 'holdout')
    and population = 'all'
    and finding in ('does_not_predict', 'predicts_the_wrong_way', 'predicts_weakly')
