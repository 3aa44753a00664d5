-- What people entered by hand that moves the score (sentiments of notes, milestone decisions,
-- overrides) in the account's life, and whether the entry favours the account. One row per entry.
with

accounts as (
    select * from {{ ref('int_accounts') }}
),

notes as (
    select * from {{ ref('stg_crm__notes') }}
    where sentiment is not null
),

decisions as (
    select * from {{ ref('stg_crm__milestone_decisions') }}
),

overrides as (
    select * from {{ ref('int_health_overrides') }}
),

health_bands as (
    select * from {{ ref('health_bands') }}
),

ordered_notes as (
    select
        notes.*,
        lag(sentiment) over (
            partition by account_id order by occurred_at, loaded_at, event_id
        ) as sentiment_before
    from notes
),

-- Favourable is a sentiment above that of the note before, an override above the band measured when
-- it began, and each milestone decision, as it confirms or waives a milestone. Sentiments are cast
-- to decimal first, so that every engine writes the same text.
inputs as (
    select
        'note_sentiment' as input,
        event_id,
        account_id,
        user_id,
        {{ day_of('occurred_at') }} as given_on,
        cast(cast(sentiment_before as decimal(9, 2)) as {{ dbt.type_string() }}) as value_before,
        cast(cast(sentiment as decimal(9, 2)) as {{ dbt.type_string() }}) as value,
        coalesce(sentiment > sentiment_before, false) as is_favourable
    from ordered_notes
    union all
    select
        'milestone_decision' as input,
        event_id,
        account_id,
        user_id,
        {{ day_of('occurred_at') }} as given_on,
        cast(null as {{ dbt.type_string() }}) as value_before,
        event_type || ' ' || milestone_id as value,
        true as is_favourable
    from decisions
    union all
    select
        'health_override' as input,
        overrides.override_id as event_id,
        overrides.account_id,
        overrides.user_id,
        overrides.starts_on as given_on,
        overrides.measured_band as value_before,
        overrides.band as value,
        coalesce(chosen.lower_edge > measured.lower_edge, false) as is_favourable
    from overrides
    left join health_bands as chosen
        on
            overrides.measured_version = chosen.model_version
            and overrides.band = chosen.band
    left join health_bands as measured
        on
            overrides.measured_version = measured.model_version
            and overrides.measured_band = measured.band
),

-- Weekdays are numbered 1 to 7: the days until the next score weekday are the difference, modulo 7.
given_inputs as (
    select
        inputs.input,
        inputs.event_id,
        inputs.account_id,
        inputs.user_id,
        inputs.given_on,
        inputs.value_before,
        inputs.value,
        inputs.is_favourable,
        (
            {{ var('score_weekday') }} - {{ iso_weekday('inputs.given_on') }} + 7
        ) % 7 as days_before_score
    from inputs
    inner join accounts
        on
            inputs.account_id = accounts.account_id
            and inputs.given_on >= accounts.started_on
            and inputs.given_on <= accounts.ended_on
)

select * from given_inputs
