-- The last observed value of signals that are no longer observed on a score date. One row per
-- account, score date and signal.
with

score_days as (
    select distinct
        account_id,
        score_date
    from {{ ref('int_health_score_days') }}
    where eligibility = 'eligible' and unobserved_decay_per_day is not null
),

ageless_signals as (
    select distinct signal from {{ ref('health_metrics') }}
    where age_signal is null
),

signal_coverage as (
    select * from {{ ref('base_signal_coverage') }}
),

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

score_dates as (
    select distinct score_date from score_days
),

last_days as (
    select
        ageless_signals.signal,
        score_dates.score_date,
        max(signal_coverage.date_day) as last_seen_on
    from score_dates
    cross join ageless_signals
    inner join signal_coverage
        on
            ageless_signals.signal = signal_coverage.signal
            and score_dates.score_date >= signal_coverage.date_day
    group by ageless_signals.signal, score_dates.score_date
    having max(signal_coverage.date_day) < score_dates.score_date
),

last_values as (
    select
        score_days.account_id,
        score_days.score_date,
        last_days.signal,
        last_days.last_seen_on,
        {{ signal_value('last_days.signal', with_milestones=false) }} as last_value
    from score_days
    inner join last_days
        on score_days.score_date = last_days.score_date
    inner join measured_signals
        on
            score_days.account_id = measured_signals.account_id
            and last_days.last_seen_on = measured_signals.date_day
),

last_seen_signals as (
    select * from last_values
    where last_value is not null
)

select * from last_seen_signals
