-- What tickets are about, how they went, and whether the accounts that wrote them left more often
-- than the others. One row per topic, segment and quarter.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

tickets as (
    select
        int_ticket_topics.*,
        cast({{ dbt.date_trunc('quarter', 'created_on') }} as date) as quarter_start
    from {{ ref('int_ticket_topics') }} as int_ticket_topics
),

support_work as (
    select * from {{ ref('int_support_work') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

subscription_periods as (
    select * from {{ ref('int_subscription_periods') }}
),

completions as (
    select * from {{ ref('int_account_completions') }}
),

support_settings as (
    select * from {{ ref('support_settings') }}
),

retention_settings as (
    select * from {{ ref('retention_settings') }}
),

-- Accounts of a quarter in which their support was observed. The quarter's last day is a landmark:
-- who is a customer on it is followed from it.
observed_accounts as (
    select
        support_work.account_id,
        support_work.quarter_start,
        accounts.segment,
        {{ add_days(
            'cast(' ~ dbt.date_trunc('quarter', add_days('support_work.quarter_start', 95))
            ~ ' as date)', -1
        ) }} as quarter_end
    from support_work
    inner join accounts
        on support_work.account_id = accounts.account_id
),

landmarks as (
    select
        observed_accounts.*,
        {{ add_days('observed_accounts.quarter_end', 'support_settings.topic_follow_days') }}
            as followed_until
    from observed_accounts
    cross join support_settings
),

account_states as (
    select
        {%- for state, day in {
            'is_customer': 'landmarks.quarter_end', 'is_still_customer': 'landmarks.followed_until'
        }.items() %}
        max(
            case
                when
                    subscription_periods.starts_on <= {{ day }}
                    and coalesce(subscription_periods.ends_on > {{ day }}, true)
                    then 1
                else 0
            end
        ) as {{ state }},
        {%- endfor %}
        landmarks.account_id,
        landmarks.quarter_start
    from landmarks
    inner join subscription_periods
        on landmarks.account_id = subscription_periods.account_id
    group by landmarks.account_id, landmarks.quarter_start
),

account_quarters as (
    select
        landmarks.account_id,
        landmarks.segment,
        landmarks.quarter_start,
        landmarks.quarter_end,
        landmarks.followed_until <= build_moment.over_on as is_followed,
        case
            when
                landmarks.followed_until <= build_moment.over_on
                and account_states.is_customer = 1
                and completions.account_id is null
                then 1 - account_states.is_still_customer
        end as has_churned
    from landmarks
    cross join build_moment
    left join account_states
        on
            landmarks.account_id = account_states.account_id
            and landmarks.quarter_start = account_states.quarter_start
    left join completions
        on
            landmarks.account_id = completions.account_id
            and landmarks.followed_until >= completions.completed_on
            and landmarks.followed_until
            < coalesce(completions.returned_on, cast('9999-12-31' as date))
),

account_quarters_by_segment as (
    select account_quarters.*, segment as cohort_segment from account_quarters
    union all
    select account_quarters.*, 'all' as cohort_segment from account_quarters
),

books as (
    select
        cohort_segment,
        quarter_start,
        quarter_end,
        is_followed,
        cast(count(*) as bigint) as accounts,
        cast(count(has_churned) as bigint) as followed_accounts,
        cast(sum(coalesce(has_churned, 0)) as bigint) as churned_accounts
    from account_quarters_by_segment
    group by cohort_segment, quarter_start, quarter_end, is_followed
),

topic_accounts as (
    select distinct
        topic,
        account_id,
        quarter_start
    from tickets
),

topic_books as (
    select
        account_quarters_by_segment.cohort_segment,
        account_quarters_by_segment.quarter_start,
        topic_accounts.topic,
        cast(count(*) as bigint) as topic_accounts,
        cast(count(account_quarters_by_segment.has_churned) as bigint) as followed_topic_accounts,
        cast(sum(coalesce(account_quarters_by_segment.has_churned, 0)) as bigint)
            as churned_topic_accounts
    from account_quarters_by_segment
    inner join topic_accounts
        on
            account_quarters_by_segment.account_id = topic_accounts.account_id
            and account_quarters_by_segment.quarter_start = topic_accounts.quarter_start
    group by
        account_quarters_by_segment.cohort_segment,
        account_quarters_by_segment.quarter_start,
        topic_accounts.topic
),

topic_tickets as (
    select
        account_quarters_by_segment.cohort_segment,
        account_quarters_by_segment.quarter_start,
        tickets.topic,
        cast(count(*) as bigint) as tickets,
        cast(
            sum(case when tickets.reply_outcome in ('in_time', 'breached') then 1 else 0 end)
            as bigint
        ) as judged_tickets,
        cast(sum(case when tickets.reply_outcome = 'breached' then 1 else 0 end) as bigint)
            as breached_tickets,
        cast(sum(case when tickets.is_solved then 1 else 0 end) as bigint) as solved_tickets,
        cast(sum(case when tickets.is_solved and tickets.is_reopened then 1 else 0 end) as bigint)
            as reopened_tickets,
        {{ median('tickets.first_reply_hours') }} as median_hours
    from account_quarters_by_segment
    inner join tickets
        on
            account_quarters_by_segment.account_id = tickets.account_id
            and account_quarters_by_segment.quarter_start = tickets.quarter_start
    group by
        account_quarters_by_segment.cohort_segment,
        account_quarters_by_segment.quarter_start,
        tickets.topic
),

totals as (
    select
        books.*,
        topic_tickets.topic,
        topic_tickets.tickets,
        topic_tickets.judged_tickets,
        topic_tickets.breached_tickets,
        topic_tickets.solved_tickets,
        topic_tickets.reopened_tickets,
        topic_tickets.median_hours,
        topic_books.topic_accounts,
        topic_books.followed_topic_accounts,
        topic_books.churned_topic_accounts,
        books.followed_accounts - topic_books.followed_topic_accounts as followed_other_accounts,
        books.churned_accounts - topic_books.churned_topic_accounts as churned_other_accounts,
        books.quarter_end <= build_moment.over_on as is_complete,
        retention_settings.min_at_risk
    from topic_tickets
    cross join build_moment
    cross join retention_settings
    inner join topic_books
        on
            topic_tickets.cohort_segment = topic_books.cohort_segment
            and topic_tickets.quarter_start = topic_books.quarter_start
            and topic_tickets.topic = topic_books.topic
    inner join books
        on
            topic_tickets.cohort_segment = books.cohort_segment
            and topic_tickets.quarter_start = books.quarter_start
),

totals_with_bounds as (
    select
        {%- for group in ['topic', 'other'] %}
        {%- set churned = 'churned_' ~ group ~ '_accounts' %}
        {%- set followed = 'followed_' ~ group ~ '_accounts' %}
        {{ as_double(churned) }} / nullif({{ followed }}, 0) as {{ group }}_share,
        {{ wilson_bound(churned, followed, '-') }} as {{ group }}_lower,
        {{ wilson_bound(churned, followed, '+') }} as {{ group }}_upper,
        {%- endfor %}
        least(followed_topic_accounts, followed_other_accounts) >= min_at_risk as is_compared,
        totals.*
    from totals
),

-- Newcombe's interval of a difference (method 10, 1998).
totals_with_difference as (
    select
        totals_with_bounds.*,
        topic_share - other_share as difference,
        topic_share - other_share - sqrt(
            (topic_share - topic_lower) * (topic_share - topic_lower)
            + (other_upper - other_share) * (other_upper - other_share)
        ) as difference_lower,
        topic_share - other_share + sqrt(
            (topic_upper - topic_share) * (topic_upper - topic_share)
            + (other_share - other_lower) * (other_share - other_lower)
        ) as difference_upper
    from totals_with_bounds
),

{% set breached = ['breached_tickets', 'judged_tickets'] -%}
{% set reopened = ['reopened_tickets', 'solved_tickets'] -%}
topics as (
    select
        cohort_segment || '|' || topic || '|' || cast(quarter_start as {{ dbt.type_string() }})
            as topic_key,
        topic,
        cohort_segment as segment,
        quarter_start,
        quarter_end,
        is_complete,
        accounts,
        topic_accounts,
        tickets,
        {{ ratio('100 * tickets', 'accounts') }} as tickets_per_100_accounts,
        {{ round_half_up('median_hours', 6) }} as first_reply_median_hours,
        judged_tickets,
        breached_tickets,
        solved_tickets,
        reopened_tickets,
        {%- for share, (part, whole) in {
            'breached_share': breached, 'reopened_share': reopened
        }.items() %}
        case when {{ whole }} >= min_at_risk then {{ ratio(part, whole) }} end as {{ share }},
        {%- for bound, sign in {'lower': '-', 'upper': '+'}.items() %}
        case
            when {{ whole }} >= min_at_risk
                then {{ round_half_up(wilson_bound(part, whole, sign), 6) }}
        end as {{ share }}_{{ bound }},
        {%- endfor %}
        {%- endfor %}
        followed_topic_accounts,
        churned_topic_accounts,
        followed_accounts,
        churned_accounts,
        {%- for column, value in {
            'churned_share': 'topic_share',
            'all_churned_share':
                as_double('churned_accounts') ~ ' / nullif(followed_accounts, 0)',
            'difference_to_others': 'difference',
            'difference_to_others_lower': 'difference_lower',
            'difference_to_others_upper': 'difference_upper',
        }.items() %}
        case when is_compared then {{ round_half_up(value, 6) }} end as {{ column }},
        {%- endfor %}
        case
            when not is_followed then 'the days after the quarter are not over'
            when not is_compared
                then
                    'too few accounts: '
                    || cast(followed_topic_accounts as {{ dbt.type_string() }}) || ' and '
                    || cast(followed_other_accounts as {{ dbt.type_string() }})
                    || ' others, needs ' || cast(min_at_risk as {{ dbt.type_string() }})
            when difference_lower > 0 then 'left more often than the others (association)'
            when difference_upper < 0 then 'left less often than the others (association)'
            else 'no difference from the others can be told'
        end as finding
    from totals_with_difference
)

select * from topics
