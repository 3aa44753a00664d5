-- Accepted survey_sent and survey_answered events, one row each. A milestone that no journey has
-- is unknown.
with

source as (
    select * from {{ ref('base_resolved_events') }}
    where
        source = 'survey'
        and event_type in ('survey_sent', 'survey_answered')
        and reject_reason is null
),

milestones as (
    select distinct milestone_id from {{ ref('journey_milestones') }}
),

event_types as (
    select * from {{ ref('event_types') }}
    where source = 'survey'
),

renamed as (
    select
        source.event_id,
        source.account_id,
        source.user_id,
        {{ json_text('source.payload', "'survey_id'") }} as survey_id,
        source.event_type,
        {{ json_text('source.payload', "'kind'") }} as kind,
        {{ try_cast_to(json_text('source.payload', "'score'"), 'decimal(18, 6)') }} as score,
        case
            when {{ json_text('source.payload', "'milestone_id'") }} is not null
                then coalesce(milestones.milestone_id, 'unknown')
        end as milestone_id,
        event_types.business_order,
        source.occurred_at,
        source.loaded_at
    from source
    inner join event_types
        on source.event_type = event_types.event_type
    left join milestones
        on {{ json_text('source.payload', "'milestone_id'") }} = milestones.milestone_id
)

select * from renamed
