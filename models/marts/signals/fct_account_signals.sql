{{ config(materialized='view') }}

-- Every signal of every account and day, those of milestones included. One row per account and day.
with

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
),

milestone_signals as (
    select * from {{ ref('int_milestone_signals') }}
),

account_signals as (
    select
        measured_signals.account_id,
        measured_signals.date_day,
        {{ signal_columns() | join(',\n        ') }}
    from measured_signals
    inner join milestone_signals
        on
            measured_signals.account_id = milestone_signals.account_id
            and measured_signals.date_day = milestone_signals.date_day
)

select * from account_signals
