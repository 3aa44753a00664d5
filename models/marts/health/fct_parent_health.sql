-- Health of a parent account and all its descendants, weighted by ARR. One row per parent account.
with

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

current_health as (
    select * from {{ ref('fct_current_health') }}
),

parents as (
    select * from {{ ref('int_account_parents') }}
),

descendants as (
    select
        parents.ancestor_account_id as parent_account_id,
        parents.account_id
    from parents
    inner join accounts
        on parents.account_id = accounts.account_id
    inner join accounts as ancestors
        on parents.ancestor_account_id = ancestors.account_id
),

-- A parent is a member of its own group.
groups as (
    select
        parent_account_id,
        account_id
    from descendants
    union distinct
    select
        parent_account_id,
        parent_account_id as account_id
    from descendants
),

members as (
    select
        groups.parent_account_id,
        current_health.account_id,
        current_health.status,
        current_health.score,
        current_health.arr,
        case
            when current_health.status = 'scored' and current_health.arr > 0
                then current_health.arr
            else 0
        end as scored_arr
    from groups
    inner join current_health
        on groups.account_id = current_health.account_id
),

ranked_members as (
    select
        members.*,
        row_number() over (
            partition by parent_account_id
            order by case when status = 'scored' then 0 else 1 end, score, account_id
        ) as weakness
    from members
),

group_totals as (
    select
        parent_account_id,
        count(*) as accounts,
        sum(case when status = 'scored' then 1 else 0 end) as scored_accounts,
        sum(arr) as arr,
        sum(scored_arr) as scored_arr,
        {{ round_half_up(
            as_double('sum(scored_arr * coalesce(score, 0))') ~ ' / nullif(sum(scored_arr), 0)', 2
        ) }} as score,
        max(case when weakness = 1 and status = 'scored' then account_id end) as weakest_account_id,
        max(case when weakness = 1 and status = 'scored' then score end) as weakest_score
    from ranked_members
    group by parent_account_id
),

band_ranges as (
    select
        health_bands.band,
        health_bands.lower_edge,
        lead(health_bands.lower_edge) over (order by health_bands.lower_edge) as upper_edge
    from {{ ref('health_bands') }} as health_bands
    inner join {{ ref('health_model_versions') }} as versions
        on health_bands.model_version = versions.model_version
    cross join build_moment
    where
        versions.track = 'live'
        and versions.segment = 'any'
        and versions.stage = 'any'
        and build_moment.as_of >= versions.effective_from
        and coalesce(build_moment.as_of <= versions.effective_to, true)
),

group_bands as (
    select
        group_totals.parent_account_id,
        cast(group_totals.accounts as bigint) as accounts,
        cast(group_totals.scored_accounts as bigint) as scored_accounts,
        cast(group_totals.arr as decimal(38, 2)) as arr,
        cast(group_totals.scored_arr as decimal(38, 2)) as scored_arr,
        cast(group_totals.score as decimal(9, 2)) as score,
        band_ranges.band,
        group_totals.weakest_account_id,
        cast(group_totals.weakest_score as decimal(9, 2)) as weakest_score
    from group_totals
    left join band_ranges
        on
            group_totals.score >= band_ranges.lower_edge
            and coalesce(group_totals.score < band_ranges.upper_edge, true)
)

select * from group_bands
