-- Counts and sums of each play's matched pairs and of its tasks not opened. One row per play and
-- segment, and `all` of either.
with

playbooks as (
    select * from {{ ref('playbooks') }}
),

play_economics as (
    select * from {{ ref('play_economics') }}
),

scopes as (
    select * from {{ ref('int_play_scopes') }}
),

tasks as (
    select * from {{ ref('int_play_tasks') }}
),

pairs as (
    select
        pairs.*,
        play_economics.cost_per_task
    from {{ ref('int_play_pairs') }} as pairs
    inner join play_economics
        on pairs.tier = play_economics.tier
),

rows_of_scopes as (
    select
        scopes.scope,
        scopes.segment_scope,
        max(playbooks.play_name) as play_name,
        max(playbooks.tier) as tier,
        min(playbooks.expected_lift) as expected_lift
    from scopes
    inner join playbooks
        on scopes.play_id = playbooks.play_id
    group by scopes.scope, scopes.segment_scope
),

turn_counts as (
    select
        scopes.scope,
        scopes.segment_scope,
        sum(case when tasks.turn = 'waiting' then 1 else 0 end) as waiting_count,
        sum(case when tasks.turn = 'never_opened' then 1 else 0 end) as never_opened_count
    from tasks
    inner join scopes
        on
            tasks.play_id = scopes.play_id
            and tasks.segment = scopes.segment
    group by scopes.scope, scopes.segment_scope
),

pair_counts as (
    select
        scopes.scope,
        scopes.segment_scope,
        sum(case when pairs.comparison = 'compared' then 1 else 0 end) as compared_count,
        sum(case when pairs.comparison = 'window_open' then 1 else 0 end) as window_open_count,
        sum(
            case
                when pairs.comparison in ('not_scored', 'not_at_risk', 'trigger_over') then 1
                else 0
            end
        ) as not_eligible_count,
        sum(case when pairs.comparison = 'none_untreated' then 1 else 0 end)
            as none_untreated_count,
        sum(case when pairs.comparison = 'no_match' then 1 else 0 end) as no_match_count,
        min(case when pairs.comparison = 'window_open' then pairs.window_ends_on end)
            as first_window_ends_on,
        count(pairs.converted) as pair_count,
        sum(pairs.converted * pairs.control_converted) as both_converted,
        sum(pairs.converted * (1 - pairs.control_converted)) as only_treated_converted,
        sum((1 - pairs.converted) * pairs.control_converted) as only_control_converted,
        sum(pairs.churned) as churned_count,
        sum(pairs.control_churned) as control_churned_count,
        count(pairs.score_change - pairs.control_score_change) as scored_count,
        sum(
            case when pairs.control_score_change is not null then pairs.score_change end
        ) as score_changes,
        sum(
            case when pairs.score_change is not null then pairs.control_score_change end
        ) as control_score_changes,
        sum(
            (pairs.score_change - pairs.control_score_change)
            * (pairs.score_change - pairs.control_score_change)
        ) as squared_differences,
        sum(case when pairs.comparison = 'compared' then pairs.arr end) as compared_arr,
        sum(case when pairs.comparison = 'compared' then pairs.cost_per_task end) as cost
    from pairs
    inner join scopes
        on
            pairs.play_id = scopes.play_id
            and pairs.segment = scopes.segment
    group by scopes.scope, scopes.segment_scope
),

counts as (
    select
        rows_of_scopes.scope as play_id,
        rows_of_scopes.segment_scope as segment,
        case when rows_of_scopes.scope <> 'all' then rows_of_scopes.play_name end as play_name,
        case when rows_of_scopes.scope <> 'all' then rows_of_scopes.tier end as tier,
        rows_of_scopes.expected_lift,
        cast(coalesce(turn_counts.waiting_count, 0) as bigint) as waiting_count,
        cast(coalesce(turn_counts.never_opened_count, 0) as bigint) as never_opened_count,
        cast(coalesce(pair_counts.compared_count, 0) as bigint) as compared_count,
        cast(coalesce(pair_counts.window_open_count, 0) as bigint) as window_open_count,
        cast(coalesce(pair_counts.not_eligible_count, 0) as bigint) as not_eligible_count,
        cast(coalesce(pair_counts.none_untreated_count, 0) as bigint) as none_untreated_count,
        cast(coalesce(pair_counts.no_match_count, 0) as bigint) as no_match_count,
        pair_counts.first_window_ends_on,
        cast(coalesce(pair_counts.pair_count, 0) as bigint) as pair_count,
        cast(pair_counts.both_converted as bigint) as both_converted,
        cast(pair_counts.only_treated_converted as bigint) as only_treated_converted,
        cast(pair_counts.only_control_converted as bigint) as only_control_converted,
        cast(pair_counts.churned_count as bigint) as churned_count,
        cast(pair_counts.control_churned_count as bigint) as control_churned_count,
        cast(coalesce(pair_counts.scored_count, 0) as bigint) as scored_count,
        pair_counts.score_changes,
        pair_counts.control_score_changes,
        pair_counts.squared_differences,
        cast(pair_counts.compared_arr as decimal(18, 2)) as compared_arr,
        case
            when pair_counts.compared_count > 0 then cast(pair_counts.cost as decimal(18, 2))
        end as cost
    from rows_of_scopes
    left join turn_counts
        on
            rows_of_scopes.scope = turn_counts.scope
            and rows_of_scopes.segment_scope = turn_counts.segment_scope
    left join pair_counts
        on
            rows_of_scopes.scope = pair_counts.scope
            and rows_of_scopes.segment_scope = pair_counts.segment_scope
)

select * from counts
