-- Days on which an event type came far more or less often than expected: a robust z-score against
-- the median of the same weekday. One row per source, event type and day.
with

event_counts as (
    select * from {{ ref('int_event_counts') }}
    where place <> 'rejected'
),

build_moment as (
    select * from {{ ref('base_build_moment') }}
),

volume_rules as (
    select * from {{ ref('volume_rules') }}
),

excluded_days as (
    select * from {{ ref('base_excluded_days') }}
),

counts as (
    select
        source,
        event_type,
        date_day,
        cast(sum(event_count) as bigint) as event_count
    from event_counts
    group by source, event_type, date_day
),

lives as (
    select
        counts.source,
        counts.event_type,
        min(counts.date_day) as first_day,
        max({{ add_days('build_moment.as_of', '-volume_rules.settle_days') }}) as last_day
    from counts
    inner join volume_rules
        on counts.source = volume_rules.source
    cross join build_moment
    group by counts.source, counts.event_type
),

days as (
    select
        source,
        event_type,
        {{ each_day('first_day', 'last_day') }} as date_day
    from lives
    where first_day <= last_day
),

daily_counts as (
    select
        days.source,
        days.event_type,
        days.date_day,
        {{ iso_weekday('days.date_day') }} as weekday,
        coalesce(counts.event_count, 0) as event_count,
        excluded_days.date_day is not null as is_excluded,
        {{ last_known('counts.date_day') }} over (
            partition by days.source, days.event_type order by days.date_day
        ) as last_seen_on
    from days
    left join counts
        on
            days.source = counts.source
            and days.event_type = counts.event_type
            and days.date_day = counts.date_day
    left join excluded_days
        on
            case when days.source = 'product' then days.event_type end = excluded_days.event_type
            and days.date_day = excluded_days.date_day
),

-- A day without events is compared with the weeks before the silence, however long that lasts.
anchored_days as (
    select
        daily_counts.*,
        case
            when event_count = 0 then {{ add_days('last_seen_on', 1) }} else date_day
        end as anchor_day
    from daily_counts
),

-- The same weekday of the weeks before, without excluded days.
references_of_days as (
    select
        anchored_days.source,
        anchored_days.event_type,
        anchored_days.date_day,
        reference.event_count
    from anchored_days
    inner join volume_rules
        on anchored_days.source = volume_rules.source
    inner join daily_counts as reference
        on
            anchored_days.source = reference.source
            and anchored_days.event_type = reference.event_type
            and anchored_days.weekday = reference.weekday
            and anchored_days.anchor_day > reference.date_day
            and {{ add_days('anchored_days.anchor_day', '-7 * volume_rules.reference_weeks') }}
            <= reference.date_day
    where not reference.is_excluded
),

expectations as (
    select
        source,
        event_type,
        date_day,
        count(*) as reference_count,
        {{ round_half_up(median('event_count'), 2) }} as expected
    from references_of_days
    group by source, event_type, date_day
),

deviations as (
    select
        references_of_days.source,
        references_of_days.event_type,
        references_of_days.date_day,
        {{ round_half_up(
            median('abs(references_of_days.event_count - expectations.expected)'), 2
        ) }} as deviation
    from references_of_days
    inner join expectations
        on
            references_of_days.source = expectations.source
            and references_of_days.event_type = expectations.event_type
            and references_of_days.date_day = expectations.date_day
    group by
        references_of_days.source, references_of_days.event_type, references_of_days.date_day
),

-- 1.4826 times the median absolute deviation estimates a standard deviation. The spread is at least
-- that of a Poisson count (the square root of the expected count), and one event.
expected_days as (
    select
        anchored_days.*,
        expectations.expected,
        {{ round_half_up(
            '(anchored_days.event_count - expectations.expected) / greatest('
            ~ '1.4826 * ' ~ as_double('deviations.deviation') ~ ', '
            ~ 'sqrt(' ~ as_double('expectations.expected') ~ '), 1)', 2
        ) }} as robust_z
    from anchored_days
    inner join volume_rules
        on anchored_days.source = volume_rules.source
    left join expectations
        on
            anchored_days.source = expectations.source
            and anchored_days.event_type = expectations.event_type
            and anchored_days.date_day = expectations.date_day
            and volume_rules.min_reference_weeks <= expectations.reference_count
    left join deviations
        on
            expectations.source = deviations.source
            and expectations.event_type = deviations.event_type
            and expectations.date_day = deviations.date_day
),

silences as (
    select
        source,
        event_type,
        anchor_day,
        count(*) as day_count,
        sum(expected) as expected
    from expected_days
    where event_count = 0
    group by source, event_type, anchor_day
),

days_by_kind as (
    select
        expected_days.source,
        expected_days.event_type,
        expected_days.date_day,
        expected_days.event_count,
        expected_days.expected,
        expected_days.robust_z,
        expected_days.is_excluded,
        case
            when
                expected_days.event_count = 0
                and silences.day_count >= volume_rules.silent_days
                and silences.expected >= volume_rules.silent_expected
                then 'silent'
            when
                expected_days.robust_z >= volume_rules.min_robust_z
                and expected_days.event_count >= volume_rules.min_ratio * expected_days.expected
                then 'spike'
            when
                expected_days.robust_z <= -volume_rules.min_robust_z
                and expected_days.event_count * volume_rules.min_ratio <= expected_days.expected
                then 'drop'
        end as kind
    from expected_days
    inner join volume_rules
        on expected_days.source = volume_rules.source
    left join silences
        on
            expected_days.source = silences.source
            and expected_days.event_type = silences.event_type
            and expected_days.anchor_day = silences.anchor_day
),

-- Gaps and islands: date less row number is the same for all days of one uninterrupted run.
numbered_days as (
    select
        days_by_kind.*,
        row_number() over (
            partition by source, event_type, kind order by date_day
        ) as day_number
    from days_by_kind
    where kind is not null
),

anomalies as (
    select
        source,
        event_type,
        date_day,
        kind,
        min(date_day) over (
            partition by source, event_type, kind, {{ add_days('date_day', '-day_number') }}
        ) as since,
        cast(event_count as bigint) as observed,
        cast(expected as decimal(18, 2)) as expected,
        cast(robust_z as decimal(18, 2)) as robust_z,
        is_excluded
    from numbered_days
)

select * from anomalies
