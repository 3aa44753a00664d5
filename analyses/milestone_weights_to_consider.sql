-- Which weights would the data give the milestones? Rows of journey_milestones.csv for a
-- candidate: each milestone's difference in retention 90 days after its deadline (rpt_predictors),
-- drawn to the catalog's weight the less sure it is. It reads associations: people decide, and
-- nothing is edited.
with

predictors as (
    select * from {{ ref('rpt_predictors') }}
    where
        factor_kind = 'milestone'
        and outcome = 'retained'
        and horizon_days = 90
        and risk_difference_error > 0
),

journey_milestones as (
    select * from {{ ref('journey_milestones') }}
),

-- How much milestones differ beyond chance: the variance of their differences less that of the
-- errors.
spread as (
    select
        greatest(
            var_samp({{ as_double('risk_difference') }})
            - avg({{ as_double('risk_difference_error * risk_difference_error') }}), 0
        ) as between_variance
    from predictors
),

milestones as (
    select
        journey_milestones.journey,
        journey_milestones.milestone_id,
        journey_milestones.persona,
        journey_milestones.deadline_days,
        {{ as_double('journey_milestones.weight') }} as weight,
        journey_milestones.weight as catalog_weight,
        predictors.risk_difference,
        predictors.compared_with + predictors.compared_without as accounts,
        greatest({{ as_double('predictors.risk_difference') }}, 0) as gain,
        case
            when predictors.risk_difference is null then 0
            else
                coalesce(spread.between_variance, 0)
                / (
                    coalesce(spread.between_variance, 0)
                    + {{ as_double(
                        'predictors.risk_difference_error * predictors.risk_difference_error'
                    ) }}
                )
        end as trust
    from journey_milestones
    cross join spread
    left join predictors
        on journey_milestones.milestone_id = predictors.factor
),

-- The journey's weight of measured milestones, shared by their gains.
milestones_with_share as (
    select
        milestones.*,
        coalesce(
            gain
            * sum(case when risk_difference is not null then weight end) over (partition by journey)
            / nullif(sum(case when risk_difference is not null then gain end) over (
                partition by journey
            ), 0),
            weight
        ) as measured_weight
    from milestones
),

candidates as (
    select
        milestones_with_share.*,
        (1 - trust) * weight + trust * measured_weight as candidate
    from milestones_with_share
),

-- Rounded running sums, so that the weights of a journey sum to 1.
running_sums as (
    select
        candidates.*,
        {{ round_half_up(
            'sum(candidate) over (partition by journey order by milestone_id)'
            ~ ' / sum(candidate) over (partition by journey)', 4
        ) }} as weight_so_far
    from candidates
)

select
    journey,
    milestone_id,
    persona,
    deadline_days,
    weight_so_far - coalesce(
        lag(weight_so_far) over (partition by journey order by milestone_id), 0
    ) as weight,
    'candidate: catalog ' || cast(catalog_weight as {{ dbt.type_string() }})
    || coalesce(
        '; retention differs by '
        || cast(
            {{ round_half_up('100 * ' ~ as_double('risk_difference'), 1) }}
            as {{ dbt.type_string() }}
        )
        || ' points among ' || cast(accounts as {{ dbt.type_string() }}) || ' accounts',
        '; not measured'
    ) as source
from running_sums
order by journey, milestone_id
