"""What the validation calls known then is what a build of that day says, and late rows cannot leak an outcome into it."""

import datetime
import json
import random

import company_strategy
import pytest
import warehouse
from warehouse import STREAMS

pytestmark = pytest.mark.slow

DAY = datetime.timedelta(days=1)
MONDAY = datetime.date(2000, 1, 3)
WEEKS = (5, 9, 13)  # every so many weeks as a horizon of 30, 60 or 90 days fills


def end_of(day):
    return datetime.datetime.combine(day + DAY, datetime.time()) - datetime.timedelta(seconds=1)


def sampled(first, last, horizons=WEEKS):
    """The score dates that the validation samples."""
    weeks = range((first - MONDAY).days // 7, (last - MONDAY).days // 7 + 1)
    return [MONDAY + 7 * week * DAY for week in weeks if any(week % every == 0 for every in horizons)]


def built_in_order(company, days):
    """A house that was built at the end of each day, and at last with everything."""
    house, last = warehouse.Nightly(), datetime.datetime.min
    for until in (*map(end_of, days), datetime.datetime.max):
        house.load(
            warehouse.raw_frames(
                {
                    stream: [row for row in company[stream] if row["loaded_at"] and last < row["loaded_at"] <= until]
                    for stream in STREAMS
                }
            )
        )
        house.build()
        last = until
    return house


def test_what_was_known_then_is_what_a_replay_of_the_day_says():
    company = company_strategy.random_company(3, n_accounts=6, n_days=100, late=0.3, merges=0, special=0, activity=2)
    moments = sorted(row["loaded_at"].date() for rows in company.values() for row in rows if row["loaded_at"])
    days = sampled(moments[0], moments[-1] - DAY)
    frames = warehouse.raw_frames(company)
    connection = built_in_order(company, days).connection
    late = 0
    for day in days:
        found, known_at = (
            connection.execute(
                "select account_id, score from fct_churn_labels where basis = 'known_then' and score_date = ?", [day]
            ).fetchall(),
            connection.execute("select max(known_at) from completed_builds where as_of <= ?", [day]).fetchone()[0],
        )
        if known_at is None or known_at.date() < day:
            assert not found
            continue
        needed = ("fct_account_health", "fct_health_drivers")
        with warehouse.build(frames, as_of=day, known_at=end_of(day), needed=needed) as replay:
            wanted = replay.execute(
                "select account_id, score from fct_account_health where status = 'scored' and score_date = ?", [day]
            ).fetchall()
            drivers = replay.execute(
                "select account_id, metric, (100 * normalised)::decimal(18, 6) from fct_health_drivers "
                "where value_status = 'observed' and weight > 0 and score_date = ?",
                [day],
            ).fetchall()
        named = {account for (account,) in connection.execute("select account_id from int_accounts").fetchall()}
        assert set(found) == {row for row in wanted if row[0] in named}, day
        metrics = connection.execute(
            "select distinct account_id, predictor, predictor_value from int_health_predictions "
            "where basis = 'known_then' and predictor <> 'score' and score_date = ?",
            [day],
        ).fetchall()
        labelled = {row[0] for row in metrics}
        assert set(metrics) == {row for row in drivers if row[0] in labelled}
        restated = dict(
            connection.execute(
                "select account_id, score from fct_account_health where status = 'scored' and score_date = ?", [day]
            ).fetchall()
        )
        late += sum(restated.get(account) != score for account, score in found)
    assert late > 3, "nothing came late that moved a score, so nothing was tried"


def leaking_company(rng, accounts, first, weeks):
    """Half of the accounts leave. Their NPS is dated before each score date and loaded after it, once all is known."""
    company = {stream: [] for stream in STREAMS}
    last = first + 7 * weeks * DAY

    def add(stream, event_type, account, day, loaded=None, user=None, **payload):
        moment = datetime.datetime.combine(day, datetime.time(9))
        company[stream].append(
            {
                "event_id": f"e{sum(map(len, company.values()))}", "event_type": event_type, "account_id": account,
                "user_id": user, "occurred_at": moment, "loaded_at": loaded or moment,
                "payload": json.dumps(payload) if payload else None,
            }
        )  # fmt: skip

    for number in range(accounts):
        account, leaves = f"acc{number}", number % 2
        add("crm", "account_created", account, first, name=account, product_category="analytics")
        add("crm", "onboarding_started", account, first)
        add("billing", "subscription_started", account, first, subscription_id=f"s{number}", seats=2, mrr=100, currency="USD")
        for user in "xy":
            add("crm", "contact_added", account, first, user=account + user, persona="end_user")
            for day in range(0, 7 * weeks, 2):
                add("product", "session_started", account, first + day * DAY, user=account + user)
                add("product", "dashboard_viewed", account, first + day * DAY, user=account + user)
        for day in range(0, 7 * weeks, 60):
            add("crm", "note_logged", account, first + day * DAY, sentiment=0)
        for number_of_score, day in enumerate(sampled(first + 30 * DAY, last)):
            loaded = datetime.datetime.combine(last, datetime.time(10))
            score = rng.choice((0, 1, 2) if leaves else (9, 10))
            answer = {"survey_id": f"{account} {number_of_score}", "kind": "nps"}
            add("survey", "survey_answered", account, day - DAY, loaded, user=account + "x", score=score, **answer)
        if leaves:
            gone = first + rng.randrange(60, 7 * weeks - 10) * DAY
            add("billing", "subscription_cancelled", account, gone, subscription_id=f"s{number}",
                effective_on=gone.isoformat(), reason="price")  # fmt: skip
    for day in range(7 * weeks + 1):
        add("crm", "account_updated", "nobody", first + day * DAY, loaded=end_of(first + day * DAY), name="a sign of life")
    return company


def test_late_rows_that_know_the_outcome_raise_the_restated_area_only():
    first = MONDAY + 7 * 1300 * DAY
    company = leaking_company(random.Random(5), accounts=50, first=first, weeks=30)
    connection = built_in_order(company, sampled(first + 30 * DAY, first + 7 * 24 * DAY, horizons=(5,))).connection
    areas = {
        basis: (float(area), observations, churners, left_out)
        for basis, area, observations, churners, left_out in connection.execute(
            "select basis, auc, observations, churners, left_out from rpt_health_validation "
            "where horizon_days = 30 and predictor = 'score' and segment = 'all' and split = 'all' and population = 'all'"
        ).fetchall()
    }
    scores = dict(connection.execute(
        "select basis, max(different) from (select basis, count(distinct score) as different from fct_churn_labels "
        "where horizon_days = 30 and has_churned is not null group by basis, score_date) group by basis"
    ).fetchall())  # fmt: skip
    # As known then, who leaves and who stays look alike on each date: an area above 0.5 tells dates apart, not accounts.
    assert scores == {"known_then": 1, "restated": 2}
    assert areas["restated"][0] > 0.7 and areas["restated"][0] > areas["known_then"][0] + 0.2
    assert areas["known_then"][2] >= 10
    known, restated = (set(connection.execute(
        "select account_id, score_date from fct_churn_labels where horizon_days = 30 and has_churned is not null "
        "and basis = ?", [basis]).fetchall()) for basis in ("known_then", "restated"))  # fmt: skip
    assert areas["known_then"][1] == len(known)
    assert (areas["known_then"][3] or 0) == len(restated - known)


def test_a_date_that_nothing_was_built_on_is_left_out_and_counted():
    company = company_strategy.random_company(3, n_accounts=6, n_days=100, merges=0, special=0, churn=0)
    with warehouse.build(warehouse.raw_frames(company)) as connection:
        rows = connection.execute(
            "select basis, observations, left_out, finding from rpt_health_validation where predictor = 'score' "
            "and segment = 'all' and split = 'all' and population = 'all' and horizon_days = 30"
        ).fetchall()
    found = {basis: (observations, left_out, finding) for basis, observations, left_out, finding in rows}
    assert found["restated"][0] > 0
    assert found["known_then"] == (0, found["restated"][0], "not_published")
