-- For signals that are not observed on a score date: the account's value on the last day before it
-- on which they were. One row per account, score date and signal with such a value.
with

score_days as (
    select distinct
        account_id,
        score_date
    from {{ ref('int_health_score_days') }}
    where eligibility = 'eligible' and unobserved_decay_per_day is not null
),

-- A metric with an age_signal fades by that age already, and keeps no value here.
signals_without_age as (
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

-- A signal is observed on the same days for all accounts, so its last day is the same, too.
last_days as (
    select
        signals_without_age.signal,
        score_dates.score_date,
        max(signal_coverage.date_day) as last_seen_on
    from score_dates
    cross join signals_without_age
    inner join signal_coverage
        on
            signals_without_age.signal = signal_coverage.signal
            and score_dates.score_date >= signal_coverage.date_day
    group by signals_without_age.signal, score_dates.score_date
    having max(signal_coverage.date_day) < score_dates.score_date
),

values_on_last_day as (
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

-- An account without a value on that day has none here: no earlier day is looked at.
last_seen_signals as (
    select * from values_on_last_day
    where last_value is not null
)

select * from last_seen_signals
