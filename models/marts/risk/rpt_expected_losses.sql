-- ARR expected to be lost, by week. One row per segment, horizon and score weekday.
with

losses as (
    select * from {{ ref('int_expected_losses') }}
    where {{ is_score_weekday('score_date') }}
),

losses_by_segment as (
    select losses.*, segment as cohort_segment from losses
    union all
    select losses.*, 'all' as cohort_segment from losses
),

weeks as (
    select
        score_date,
        cohort_segment as segment,
        horizon_days,
        cast(count(*) as bigint) as accounts,
        cast(sum(case when is_at_risk then 1 else 0 end) as bigint) as accounts_at_risk,
        cast(sum(case when expected_arr_loss is null then 1 else 0 end) as bigint)
            as unknown_accounts,
        cast(sum(arr) as decimal(18, 2)) as arr,
        -- Null where nothing is known of the accounts that can leave; those bound by terms add 0.
        case
            when
                count(case when is_at_risk then expected_arr_loss end) > 0
                or sum(case when is_at_risk then 1 else 0 end) = 0
                then cast(sum(expected_arr_loss) as decimal(18, 2))
        end as expected_arr_loss
    from losses_by_segment
    group by score_date, cohort_segment, horizon_days
),

weeks_with_change as (
    select
        weeks.*,
        {{ ratio('weeks.expected_arr_loss', 'weeks.arr') }} as expected_loss_share,
        cast(weeks.expected_arr_loss - before.expected_arr_loss as decimal(18, 2)) as change_7d
    from weeks
    left join weeks as before
        on
            weeks.segment = before.segment
            and weeks.horizon_days = before.horizon_days
            and before.score_date = {{ add_days('weeks.score_date', -7) }}
)

select * from weeks_with_change
