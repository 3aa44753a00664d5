-- When people did what gives value to somebody of their persona: each event that the activation
-- milestone of their category asks of the persona, once. One row per account, user and persona.
with

memberships as (
    select * from {{ ref('base_memberships') }}
    where persona is not null
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

excluded_users as (
    select * from {{ ref('excluded_users') }}
),

activation_milestones as (
    select * from {{ ref('activation_milestones') }}
),

milestone_criteria as (
    select * from {{ ref('milestone_criteria') }}
    where phase = 'exit' and by_persona and measure <> 'signal'
),

subjects as (
    select * from {{ ref('base_subjects') }}
    where source = 'product' and event_type is not null
),

user_event_types as (
    select * from {{ ref('int_user_event_types') }}
),

needed_events as (
    select distinct
        activation_milestones.product_category,
        activation_milestones.persona,
        activation_milestones.milestone_id,
        subjects.subject,
        subjects.event_type
    from activation_milestones
    inner join milestone_criteria
        on activation_milestones.milestone_id = milestone_criteria.milestone_id
    inner join subjects
        on milestone_criteria.subject = subjects.subject
),

needed_subjects as (
    select
        product_category,
        persona,
        milestone_id,
        count(distinct subject) as subjects
    from needed_events
    group by product_category, persona, milestone_id
),

people as (
    select
        memberships.account_id,
        memberships.user_id,
        memberships.persona,
        accounts.segment,
        accounts.product_category,
        needed_subjects.milestone_id,
        needed_subjects.subjects,
        accounts.ended_on,
        greatest({{ day_of('min(memberships.member_from)') }}, accounts.started_on) as joined_on
    from memberships
    inner join accounts
        on memberships.account_id = accounts.account_id
    inner join needed_subjects
        on
            accounts.product_category = needed_subjects.product_category
            and memberships.persona = needed_subjects.persona
    left join excluded_users
        on memberships.user_id = excluded_users.user_id
    where excluded_users.user_id is null
    group by
        memberships.account_id,
        memberships.user_id,
        memberships.persona,
        accounts.segment,
        accounts.product_category,
        needed_subjects.milestone_id,
        needed_subjects.subjects,
        accounts.started_on,
        accounts.ended_on
),

first_uses as (
    select
        people.account_id,
        people.user_id,
        people.persona,
        needed_events.subject,
        min(user_event_types.first_used_on) as first_used_on
    from people
    inner join needed_events
        on
            people.product_category = needed_events.product_category
            and people.persona = needed_events.persona
    inner join user_event_types
        on
            people.account_id = user_event_types.account_id
            and people.user_id = user_event_types.user_id
            and needed_events.event_type = user_event_types.event_type
    group by people.account_id, people.user_id, people.persona, needed_events.subject
),

last_first_uses as (
    select
        account_id,
        user_id,
        persona,
        count(*) as subjects,
        max(first_used_on) as done_on
    from first_uses
    group by account_id, user_id, persona
),

person_activations as (
    select
        people.account_id,
        people.user_id,
        people.persona,
        people.segment,
        people.product_category,
        people.milestone_id,
        people.joined_on,
        case
            when last_first_uses.done_on is not null
                then greatest(last_first_uses.done_on, people.joined_on)
        end as activated_on
    from people
    left join last_first_uses
        on
            people.account_id = last_first_uses.account_id
            and people.user_id = last_first_uses.user_id
            and people.persona = last_first_uses.persona
            and people.subjects = last_first_uses.subjects
    where people.joined_on <= people.ended_on
)

select * from person_activations
