"""The whole job on data that nobody here wrote, against counts that pandas takes from the source tables."""

import os
import subprocess
import sys

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from test_connectors import CONNECTORS, ravenstack_ends, run, source
from test_validation import Z, clustered, groups_of, pairs_of
from warehouse import dbt

pytestmark = pytest.mark.slow


def house(connector, work):
    """Build the house on a connector's streams and opinions; return the connection and the script's summary."""
    streamed = run(connector, source(connector), work / "raw", work)
    assert streamed.returncode == 0, streamed.stdout
    path = str(work / "house.duckdb")
    built = dbt(
        "build", "--exclude-resource-type", "unit_test", "--vars", f"raw_path: {work / 'raw'}",
        "--target-path", str(work / "house"), "--log-path", str(work / "house"),
        ONBOARDING_HEALTH_OPINIONS=f"connectors/{connector}/opinions",
        ONBOARDING_HEALTH_WAREHOUSE=path,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout
    summary = subprocess.run(
        [sys.executable, "-m", "onboarding_health", "summary"],
        cwd=CONNECTORS.parent,
        env=os.environ | {"ONBOARDING_HEALTH_WAREHOUSE": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return duckdb.connect(path, read_only=True), summary


@pytest.fixture(scope="module")
def ravenstack(tmp_path_factory):
    return house("ravenstack", tmp_path_factory.mktemp("ravenstack"))


@pytest.fixture(scope="module")
def oulad(tmp_path_factory):
    return house("oulad", tmp_path_factory.mktemp("oulad"))


def counts(connection, query):
    return {tuple(row[:-1]): row[-1] for row in connection.execute(query).fetchall()}


def test_ravenstack_refuses_and_places_what_pandas_counts(ravenstack):
    connection, _ = ravenstack
    folder = source("ravenstack")
    accounts = pd.read_csv(folder / "ravenstack_accounts.csv")
    subscriptions = pd.read_csv(folder / "ravenstack_subscriptions.csv")
    usage = pd.read_csv(folder / "ravenstack_feature_usage.csv")
    errors = usage[usage.error_count > 0]
    churns = pd.read_csv(folder / "ravenstack_churn_events.csv")
    late = ravenstack_ends({"subscriptions": subscriptions, "churn_events": churns}).query("is_late").subscription_id

    duplicates = int(usage.usage_id.duplicated().sum()) + int(errors.usage_id.duplicated().sum())
    refused = counts(connection, "select source, reject_reason, count(*) from fct_rejected_events group by all")
    assert refused == {("product", "duplicate_id"): duplicates} and duplicates == 22

    trial_only = set(accounts[accounts.is_trial].account_id) - set(subscriptions[~subscriptions.is_trial].account_id)
    published = {row[0] for row in connection.execute("select account_id from dim_accounts").fetchall()}
    assert published == set(accounts.account_id) and not trial_only

    placed = usage.merge(subscriptions[["subscription_id", "account_id"]], on="subscription_id")
    signed_up = accounts.rename(columns={"signup_date": "start_date"})
    sent = subscriptions[subscriptions.is_trial | ~subscriptions.subscription_id.isin(late)]
    starts = pd.concat([sent, signed_up[signed_up.is_trial]]).groupby("account_id").start_date.min()
    starts = starts.reindex(accounts.account_id).fillna(signed_up.set_index("account_id").start_date)
    # The earliest of a duplicated id is the one that stays.
    kept = [
        rows.sort_values("usage_date").drop_duplicates("usage_id") for rows in (placed, placed[placed.error_count > 0])
    ]
    early_rows = sum(int((rows.usage_date < rows.account_id.map(starts)).sum()) for rows in kept)
    found = connection.execute(
        "select raw_count, before_start_count from rpt_stream_reconciliation where source = 'product'"
    ).fetchone()
    assert found == (len(usage) + len(errors), early_rows)


@pytest.fixture(scope="module")
def paid():
    """RavenStack's contracts, which are no trials and begin before the account left, with the day on which it left."""
    tables = {
        name: pd.read_csv(source("ravenstack") / f"ravenstack_{name}.csv") for name in ("subscriptions", "churn_events")
    }
    return ravenstack_ends(tables).query("not is_trial and not is_late")


def churn_days(paid):
    """The day on which each account that had paid before its last reported churn left."""
    return pd.to_datetime(paid.groupby("account_id").left.first()).dropna()


def test_ravenstack_signals_agree_with_its_subscriptions(ravenstack, paid):
    connection, _ = ravenstack
    as_of = str(connection.execute("select max(as_of) from dim_accounts").fetchone()[0])
    running = paid[(paid.start_date <= as_of) & ~(paid.end <= as_of)]
    arr = (running.groupby("account_id").mrr_amount.sum() * 12).to_dict()
    found = dict(connection.execute("select account_id, arr from dim_accounts").fetchall())
    never = set(found) - set(paid.account_id)
    assert {key for key, value in found.items() if value is None} == never
    expected = dict.fromkeys(set(found) - never, 0) | arr
    assert {key: float(value) for key, value in found.items() if value is not None} == expected


def test_oulad_churn_and_first_value_are_what_the_tables_say(oulad):
    connection, summary = oulad
    folder = source("oulad")
    registrations = pd.read_parquet(folder / "studentRegistration.parquet")
    withdrawn = registrations.date_unregistration.notna().sum()
    churned = connection.execute("select count(*) from dim_accounts where churned_on is not null").fetchone()[0]
    assert churned == withdrawn
    assert f"churned{withdrawn:>16}" in summary.replace(",", "")

    assessments = pd.read_parquet(folder / "assessments.parquet")
    first = assessments[assessments.date.notna()].sort_values("date").id_assessment.iloc[0]
    handed_in = pd.read_parquet(folder / "studentAssessment.parquet")
    submitted = handed_in[handed_in.id_assessment == first].set_index("id_student").date_submitted
    start = registrations.set_index("id_student").date_registration.clip(lower=0)
    left = registrations.set_index("id_student").date_unregistration
    # What was handed in before the start counts on the first day.
    days = (submitted - start.reindex(submitted.index)).clip(lower=0)[~(left.reindex(submitted.index) < submitted)]
    # More than a week in which nobody hands in is a gap: what is handed in after it by who began before counts on its day.
    handed_in_on = submitted.sort_values().drop_duplicates()
    first_gap_after = handed_in_on[~(handed_in_on.shift(-1) - handed_in_on - 1 <= 7)].iloc[0]
    late = (submitted.reindex(days.index) > first_gap_after) & (start.reindex(days.index) <= first_gap_after)
    assert set(days.index[late]) == {141377, 1414443}
    found = connection.execute(
        "select split_part(account_id, '-', 3)::int, days_to_value, reached_in_or_after_gap from fct_time_to_value"
        " where is_primary and days_to_value is not null"
    ).fetchall()
    assert {student for student, _, is_after_gap in found if is_after_gap} == {141377, 1414443}
    found = {student: day for student, day, _ in found}
    assert found == {int(student): int(day) for student, day in days.items()}


@pytest.mark.parametrize("connector", ["ravenstack", "oulad"])
def test_accounts_are_scored_and_summed_up(connector, request):
    connection, summary = request.getfixturevalue(connector)
    statuses = dict(connection.execute("select status, count(*) from fct_current_health group by 1").fetchall())
    churned = connection.execute("select count(*) from dim_accounts where churned_on is not null").fetchone()[0]
    assert statuses["churned"] == churned and statuses["scored"] > 0.9 * (sum(statuses.values()) - churned)
    for heading in ("Accounts by band", "Time to value", "Does the score predict", "Most at risk", "Warehouse"):
        assert heading in summary


def test_usage_on_oulad_is_what_pandas_counts(oulad):
    """Stickiness, sessions, growth and breadth of fifty students on all days that are over, from events by the definitions."""
    connection, _ = oulad
    plan = pd.read_csv(CONNECTORS / "oulad/opinions/catalog/tracking_plan.csv").set_index("event_type")
    found = connection.execute(
        """
        select account_id, date_day, dau_mau_30d::double as dau_mau, sessions_30d, sessions_baseline_share_7d::double as of_usual,
            usage_growth_28d::double as growth, module_coverage_30d::double as breadth
        from fct_account_signals
        where account_id in (select account_id from dim_accounts order by md5(account_id) limit 50)
            and date_day <= (select complete_through from base_stream_watermarks where source = 'product')
        order by account_id, date_day
        """
    ).df()
    events = connection.execute(
        "select account_id, event_type, user_id, occurred_at from stg_product__events where account_id in (select unnest(?))",
        [found.account_id.unique().tolist()],
    ).df()
    compared = 0
    for account_id, rows in found.groupby("account_id"):
        spine = pd.DatetimeIndex(rows.date_day)
        mine = events[(events.account_id == account_id) & (events.occurred_at >= spine[0])].sort_values("occurred_at")
        day = mine.occurred_at.dt.normalize()
        active = day.value_counts().reindex(spine, fill_value=0)
        goes_on = mine.groupby("user_id").occurred_at.diff() <= pd.Timedelta(minutes=30)
        sessions = day[~goes_on].value_counts().reindex(spine, fill_value=0)
        users = (active > 0).astype(int)  # a student is the one user of an account
        monthly = users.rolling(30, min_periods=1).max()
        modules = pd.crosstab(day, mine.event_type.map(plan.module)).reindex(spine, fill_value=0).gt(0).astype(int)
        usual = sum(sessions.shift(days) for days in (7, 14, 21)).rolling(7).sum() / 3
        before = active.shift(28).rolling(28).sum()
        expected = pd.DataFrame({
            "dau_mau": (users.rolling(30, min_periods=1).mean() * monthly).fillna(0),
            "sessions_30d": sessions.rolling(30, min_periods=1).sum(),
            "of_usual": sessions.rolling(7).sum().where(usual > 0) / usual.where(usual > 0),
            "growth": active.rolling(28).sum() / before.where(before > 0) - 1,
            "breadth": modules.rolling(30, min_periods=1).max().sum(axis=1) / plan.module.nunique(),
        })  # fmt: skip
        for column in expected:
            said = rows.set_index(pd.DatetimeIndex(rows.date_day))[column].astype(float).dropna()
            assert (said - expected[column].reindex(said.index)).abs().max() < 1e-6 or said.empty, (account_id, column)
            compared += len(said)
    assert compared > 10_000


def verdicts(connection, condition):
    query = f"select churners, verdict from rpt_health_validation where basis = 'restated' and {condition}"
    return connection.execute(query).fetchall()


def test_ravenstack_churn_is_the_last_report_of_an_account_that_had_paid(ravenstack, paid):
    connection, summary = ravenstack
    found = connection.execute("select account_id, churned_on from dim_accounts where churned_on is not null").df()
    assert found.set_index("account_id").churned_on.to_dict() == churn_days(paid).to_dict()
    assert f"churned{len(found):>16}" in summary


def test_on_ravenstack_the_score_is_said_not_to_predict(ravenstack, paid):
    """Labels from the tables, the AUC of each date and stage by scikit-learn, its interval by pairs of accounts."""
    connection, summary = ravenstack
    outcomes = connection.execute(
        "select account_id, score_date, horizon_days, compared_stage, score::double as value, has_churned::int as churned "
        "from fct_churn_labels where basis = 'restated' and outcome in ('churned', 'retained')"
    ).df()
    # An account has left by the window's end if all that it had signed by then has ended.
    closes = outcomes.score_date + pd.to_timedelta(7 + outcomes.horizon_days, unit="D")
    contracts = paid.assign(start=pd.to_datetime(paid.start_date), until=pd.to_datetime(paid.end.fillna("2100-01-01")))
    signed = outcomes.assign(row=outcomes.index, closes=closes).merge(contracts[["account_id", "start", "until"]])
    left = signed[signed.start <= signed.closes].groupby("row").until.max().reindex(outcomes.index)
    left = left.fillna(pd.Timestamp("2100-01-01"))
    assert (left > outcomes.score_date + pd.Timedelta(days=7)).all()
    assert (outcomes.churned == (left <= closes)).all() and outcomes.churned.any()
    said = connection.execute(
        "select horizon_days, observations, churners, auc, auc_lower, auc_upper, finding, verdict from rpt_health_validation "
        "where basis = 'restated' and predictor = 'score' and segment = 'all' and split = 'all' and population = 'all'"
    ).fetchall()
    assert len(said) == 3
    findings = {}
    for horizon, observations, churners, auc, lower, upper, finding, verdict in said:
        of_horizon = outcomes[outcomes.horizon_days == horizon]
        assert (observations, churners) == (len(of_horizon), of_horizon.churned.sum())
        groups = [(value, churned) for value, churned, _ in groups_of(of_horizon) if 0 < churned.sum() < len(churned)]
        weights = [churned.sum() * (1 - churned).sum() for _, churned in groups]
        area = np.average([roc_auc_score(churned, -value) for value, churned in groups], weights=weights)
        margin = Z * clustered(*pairs_of(of_horizon)) ** 0.5
        assert [float(auc), float(lower), float(upper)] == pytest.approx([area, area - margin, area + margin], abs=1e-9)
        assert lower <= 0.5 <= upper and churners >= 50
        assert finding == ("does_not_predict" if observations >= 1000 else "too_few_observations")
        assert f"within {horizon} days: {verdict}" in summary
        findings[horizon] = verdict.split(":")[0]
    assert findings == {30: "does not predict here", 60: "does not predict here", 90: "too few observations"}


def test_on_oulad_the_labels_are_the_withdrawals_and_too_few_to_judge(oulad):
    connection, summary = oulad
    registrations = pd.read_parquet(source("oulad") / "studentRegistration.parquet").set_index("id_student")
    left = registrations.date_unregistration
    outcomes = connection.execute(
        "select split_part(account_id, '-', 3)::int as id_student, score_date - date '2013-10-01' as day, horizon_days, outcome "
        "from fct_churn_labels where basis = 'restated' and outcome <> 'window_open'"
    ).df()
    gone = outcomes.id_student.map(left)
    since = gone - outcomes.day
    expected = pd.Series("retained", index=outcomes.index)
    expected[since <= 7 + outcomes.horizon_days] = "churned"
    expected[since <= 7] = "churned_in_gap"
    assert (since.dropna() > 0).all() and (outcomes.outcome == expected).all() and (expected == "churned").sum() > 100
    for churners, verdict in verdicts(connection, "predictor = 'score' and segment = 'all' and split = 'all'"):
        assert 30 < churners < 50 and verdict == f"too few churners: {churners}, needs 50"
    assert "within 30 days: too few churners" in summary
