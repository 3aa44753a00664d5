{%- set z = var('confidence_z') -%}

-- What people answer in surveys, and how many do. One row per kind, milestone after which it was
-- sent, segment and quarter.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

surveys as (
    select * from {{ ref('int_surveys') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

survey_scales as (
    select * from {{ ref('survey_scales') }}
),

retention_settings as (
    select * from {{ ref('retention_settings') }}
),

surveys_with_deadline as (
    select
        surveys.*,
        {{ add_days('surveys.sent_on', 'survey_scales.answer_days') }} as answer_by,
        coalesce(survey_scales.satisfied_lowest, survey_scales.promoter_lowest) as top_box_lowest
    from surveys
    inner join survey_scales
        on surveys.kind = survey_scales.kind
),

-- A survey belongs to the quarter of its sending, or of its answer where no sending was told.
surveys_with_outcome as (
    select
        surveys.account_id,
        accounts.segment,
        surveys.kind,
        coalesce(surveys.milestone_id, 'none') as milestone_id,
        cast(
            {{ dbt.date_trunc('quarter', 'coalesce(surveys.sent_on, surveys.answered_on)') }}
            as date
        ) as quarter_start,
        case when surveys.sent_on is not null then 1 else 0 end as sent,
        case when surveys.answer_by <= build_moment.over_on then 1 else 0 end as closed,
        case
            when
                surveys.answer_by <= build_moment.over_on
                and surveys.answered_on <= surveys.answer_by
                then 1
            else 0
        end as in_time,
        case when surveys.score is not null then 1 else 0 end as answered,
        coalesce(surveys.score, 0) as score,
        case when surveys.score >= surveys.top_box_lowest then 1 else 0 end as top_box
    from surveys_with_deadline as surveys
    cross join build_moment
    inner join accounts
        on surveys.account_id = accounts.account_id
),

surveys_by_segment as (
    select surveys_with_outcome.*, segment as cohort_segment from surveys_with_outcome
    union all
    select surveys_with_outcome.*, 'all' as cohort_segment from surveys_with_outcome
),

surveys_by_milestone as (
    select surveys_by_segment.*, milestone_id as cohort_milestone from surveys_by_segment
    union all
    select surveys_by_segment.*, 'all' as cohort_milestone from surveys_by_segment
),

account_answers as (
    select
        kind,
        cohort_milestone,
        cohort_segment,
        quarter_start,
        account_id,
        sum(sent) as sent,
        cast(sum(closed) as decimal(19, 2)) as closed,
        cast(sum(in_time) as decimal(19, 2)) as in_time,
        cast(sum(answered) as decimal(19, 2)) as answered,
        cast(sum(score) as decimal(18, 6)) as score,
        cast(sum(top_box) as decimal(19, 2)) as top_box
    from surveys_by_milestone
    group by kind, cohort_milestone, cohort_segment, quarter_start, account_id
),

{% set ratios = {
    'response': ['in_time', 'closed'], 'top': ['top_box', 'answered'], 'mean': ['score', 'answered']
} -%}
totals as (
    select
        kind,
        cohort_milestone,
        cohort_segment,
        quarter_start,
        {% for name, (part, whole) in ratios.items() -%}
        {{ as_double('sum(' ~ part ~ ')') }} / nullif({{ as_double('sum(' ~ whole ~ ')') }}, 0)
            as {{ name }}_share,
        {{ as_double('sum(' ~ part ~ ' * ' ~ part ~ ')') }} as {{ name }}_squares,
        {{ as_double('sum(' ~ part ~ ' * ' ~ whole ~ ')') }} as {{ name }}_products,
        {{ as_double('sum(' ~ whole ~ ' * ' ~ whole ~ ')') }} as {{ name }}_base_squares,
        {% endfor -%}
        cast(count(*) as bigint) as accounts,
        cast(sum(sent) as bigint) as sent_surveys,
        cast(sum(closed) as bigint) as closed_surveys,
        cast(sum(in_time) as bigint) as in_time_answers,
        cast(sum(answered) as bigint) as answers,
        cast(sum(top_box) as bigint) as top_answers,
        sum(case when closed > 0 then 1 else 0 end) as response_accounts,
        sum(case when answered > 0 then 1 else 0 end) as top_accounts,
        sum(case when answered > 0 then 1 else 0 end) as mean_accounts
    from account_answers
    group by kind, cohort_milestone, cohort_segment, quarter_start
),

-- Answers of one account resemble each other, so the accounts are the clusters of the variance.
totals_with_variance as (
    select
        totals.*,
        {% for name, whole in {
            'response': 'closed_surveys', 'top': 'answers', 'mean': 'answers'
        }.items() -%}
        {{ ratio_variance(
            name ~ '_share', name ~ '_squares', name ~ '_products', name ~ '_base_squares',
            'totals.' ~ whole
        ) }} * totals.{{ name }}_accounts / nullif(totals.{{ name }}_accounts - 1, 0)
            as {{ name }}_variance,
        {% endfor -%}
        retention_settings.min_at_risk
    from totals
    cross join retention_settings
),

-- As many independent answers as tell as much; the accounts where all answer alike.
totals_with_size as (
    select
        {%- for name, whole in {'response': 'closed_surveys', 'top': 'answers'}.items() %}
        case
            when {{ name }}_variance > 0 and {{ name }}_share > 0 and {{ name }}_share < 1
                then
                    least(
                        {{ as_double(whole) }},
                        {{ name }}_share * (1 - {{ name }}_share) / {{ name }}_variance
                    )
            else {{ as_double(name ~ '_accounts') }}
        end as {{ name }}_size,
        {%- endfor %}
        totals_with_variance.*
    from totals_with_variance
),

scores as (
    select
        kind || '|' || cohort_milestone || '|' || cohort_segment || '|'
        || cast(quarter_start as {{ dbt.type_string() }}) as score_key,
        kind,
        cohort_milestone as milestone_id,
        cohort_segment as segment,
        quarter_start,
        accounts,
        sent_surveys,
        closed_surveys,
        in_time_answers,
        answers,
        top_answers,
        {%- for rate, (name, whole) in {
            'response_rate': ['response', 'closed_surveys'], 'top_box_share': ['top', 'answers']
        }.items() %}
        {%- set size = name ~ '_size' %}
        {%- set part = name ~ '_share * ' ~ size %}
        case
            when {{ whole }} >= min_at_risk then {{ round_half_up(name ~ '_share', 6) }}
        end as {{ rate }},
        case
            when {{ whole }} >= min_at_risk
                then {{ round_half_up(wilson_bound(part, size, '-'), 6) }}
        end as {{ rate }}_lower,
        case
            when {{ whole }} >= min_at_risk
                then {{ round_half_up(wilson_bound(part, size, '+'), 6) }}
        end as {{ rate }}_upper,
        {%- endfor %}
        {%- for column, value in {
            'mean_score': 'mean_share',
            'mean_score_lower': 'mean_share - ' ~ z ~ ' * sqrt(mean_variance)',
            'mean_score_upper': 'mean_share + ' ~ z ~ ' * sqrt(mean_variance)',
        }.items() %}
        case when answers >= min_at_risk then {{ round_half_up(value, 6) }} end as {{ column }},
        {%- endfor %}
        case
            when answers < min_at_risk
                then
                    'too few answers: ' || cast(answers as {{ dbt.type_string() }})
                    || ', needs ' || cast(min_at_risk as {{ dbt.type_string() }})
        end as missing_because
    from totals_with_size
)

select * from scores
