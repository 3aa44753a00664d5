-- Inputs given by hand, such as the sentiment of a note, and whether favourable ones came
-- suspiciously close before a score date. One row per input.
with

inputs as (
    select * from {{ ref('int_manual_inputs') }}
),

rules as (
    select * from {{ ref('manual_inputs') }}
),

inputs_before_scores as (
    select
        inputs.event_id,
        inputs.input,
        inputs.account_id,
        inputs.user_id,
        inputs.given_on,
        inputs.value_before,
        inputs.value,
        inputs.is_favourable,
        {{ add_days('inputs.given_on', 'inputs.days_before_score') }} as next_score_date,
        cast(inputs.days_before_score as bigint) as days_before_score,
        inputs.is_favourable
        and inputs.days_before_score <= rules.days_before_score as is_sign_of_gaming
    from inputs
    inner join rules
        on inputs.input = rules.input
)

select * from inputs_before_scores
