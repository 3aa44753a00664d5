{%- set first_number = "cast('2000-01-01' as date)" -%}

-- One-sided binomial test of whether an account's last week of sessions fell, with the false
-- discovery rate of the day (Benjamini-Hochberg). One row per account and day with whole weeks.
with

measured_signals as (
    select * from {{ ref('int_measured_signals') }}
    where coalesce(is_subscribed, 1) <> 0 and sessions_7d is not null
),

signal_coverage as (
    select * from {{ ref('base_signal_coverage') }}
    where signal = 'sessions_7d'
),

risk_settings as (
    select * from {{ ref('risk_settings') }}
),

number_days as (
    select
        {{ each_day(first_number, 'last_number') }} as number_day
    from (
        select
            {{ add_days(first_number, 'greatest(exact_up_to, baseline_weeks)') }} as last_number
        from risk_settings
    ) as ranges{{ from_each_day(first_number, 'last_number') }}
),

numbers as (
    select {{ days_between(first_number, 'number_day') }} as number
    from number_days
),

-- The logarithm of a factorial is the running sum of logarithms.
log_factorials as (
    select
        number,
        sum(ln({{ as_double('case when number = 0 then 1 else number end') }})) over (
            order by number rows between unbounded preceding and current row
        ) as log_factorial
    from numbers
),

earlier_weeks as (
    select
        measured_signals.account_id,
        {{ add_days('measured_signals.date_day', '7 * numbers.number') }} as date_day,
        sum(measured_signals.sessions_7d) as session_count,
        count(*) as week_count
    from measured_signals
    cross join risk_settings
    inner join numbers
        on risk_settings.baseline_weeks >= numbers.number and numbers.number > 0
    group by
        measured_signals.account_id,
        {{ add_days('measured_signals.date_day', '7 * numbers.number') }}
),

-- Whole weeks only: the account existed throughout, and its users were observed without a gap.
weeks as (
    select
        measured_signals.account_id,
        measured_signals.date_day,
        measured_signals.sessions_7d as session_count,
        measured_signals.sessions_7d + earlier_weeks.session_count as all_count
    from measured_signals
    cross join risk_settings
    inner join earlier_weeks
        on
            measured_signals.account_id = earlier_weeks.account_id
            and measured_signals.date_day = earlier_weeks.date_day
            and risk_settings.baseline_weeks = earlier_weeks.week_count
    inner join signal_coverage
        on measured_signals.date_day = signal_coverage.date_day
    where
        measured_signals.account_age_days >= 7 * (risk_settings.baseline_weeks + 1) - 1
        and signal_coverage.observed_since <= {{ add_days(
            'measured_signals.date_day', '1 - 7 * (risk_settings.baseline_weeks + 1)'
        ) }}
),

books as (
    select
        date_day,
        count(*) as account_count,
        sum(session_count) as session_count,
        sum(all_count) as all_count
    from weeks
    group by date_day
),

tested_weeks as (
    select
        weeks.*,
        weeks.all_count > risk_settings.exact_up_to as is_approximated,
        {{ round_half_up(
            'case when books.account_count >= risk_settings.warn_from_accounts then '
            ~ as_double('books.session_count') ~ ' / books.all_count '
            ~ 'else 1.0 / (risk_settings.baseline_weeks + 1) end', 6
        ) }} as expected_share
    from weeks
    cross join risk_settings
    inner join books
        on weeks.date_day = books.date_day
    where weeks.all_count >= risk_settings.min_sessions and books.all_count > 0
),

fallen_weeks as (
    select
        account_id,
        date_day,
        session_count,
        all_count,
        is_approximated,
        {{ as_double('expected_share') }} as expected_share
    from tested_weeks
    where session_count < expected_share * all_count and expected_share < 1
),

exact_terms as (
    select
        fallen_weeks.account_id,
        fallen_weeks.date_day,
        of_all.log_factorial - of_some.log_factorial - of_others.log_factorial
        + of_some.number * ln(fallen_weeks.expected_share)
        + of_others.number * ln(1 - fallen_weeks.expected_share) as log_term
    from fallen_weeks
    inner join log_factorials as of_all
        on fallen_weeks.all_count = of_all.number
    inner join log_factorials as of_some
        on fallen_weeks.session_count >= of_some.number
    inner join log_factorials as of_others
        on fallen_weeks.all_count - of_some.number = of_others.number
    where not fallen_weeks.is_approximated
),

-- A term below e^-700 is 0 in every digit that is kept, and Postgres fails to compute it.
exact_tails as (
    select
        account_id,
        date_day,
        sum(case when log_term > -700 then exp(log_term) else 0 end) as p_value
    from exact_terms
    group by account_id, date_day
),

-- With many sessions the normal approximation, with correction for continuity. Where the expected
-- share is below a half its tail is the larger of the two, so that the test errs towards no fall.
approximate_scores as (
    select
        account_id,
        date_day,
        (session_count + 0.5 - all_count * expected_share)
        / sqrt(all_count * expected_share * (1 - expected_share)) as z
    from fallen_weeks
    where is_approximated
),

approximate_tails as (
    select
        account_id,
        date_day,
        {{ normal_cdf('z') }} as p_value
    from approximate_scores
),

tails as (
    select * from exact_tails
    union all
    select * from approximate_tails
),

-- Weeks that did not fall are tests too, with a p-value of 1.
weeks_with_p_value as (
    select
        tested_weeks.account_id,
        tested_weeks.date_day,
        tested_weeks.session_count,
        tested_weeks.all_count,
        tested_weeks.expected_share,
        {{ round_half_up('coalesce(tails.p_value, 1)', 9) }} as p_value
    from tested_weeks
    left join tails
        on
            tested_weeks.account_id = tails.account_id
            and tested_weeks.date_day = tails.date_day
),

ranked_weeks as (
    select
        weeks_with_p_value.*,
        count(*) over (partition by date_day) as test_count,
        row_number() over (partition by date_day order by p_value, account_id) as place
    from weeks_with_p_value
),

falls as (
    select
        account_id,
        date_day,
        session_count,
        all_count,
        expected_share,
        p_value,
        {{ round_half_up(
            false_discovery_rate(as_double('p_value'), 'place', 'test_count', 'date_day'), 6
        ) }} as false_discovery_rate
    from ranked_weeks
)

select * from falls
