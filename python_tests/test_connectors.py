"""The connectors' streams against counts that pandas takes from the source on its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CONNECTORS = Path(__file__).parents[1] / "connectors"
SEEDS = Path(__file__).parents[1] / "seeds"
FOLDERS = {"ravenstack": "ravenstack", "oulad": "oulad_sample"}
STREAMS = ["product", "crm", "support", "billing", "survey"]
ENVELOPE = [
    "event_id",
    "event_type",
    "account_id",
    "user_id",
    "occurred_at",
    "loaded_at",
    "payload",
]
DAY_0 = pd.Timestamp("2013-10-01")


def source(connector):
    folder = ROOT / "shared/data" / FOLDERS[connector]
    if not folder.is_dir():
        pytest.skip(f"no {folder}: the data for development is not here")
    return folder


def run(connector, folder, raw, work):
    return subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "build"],
        cwd=CONNECTORS / connector,
        env=os.environ
        | {
            "SOURCE": str(folder),
            "RAW": str(raw),
            "DBT_PROFILES_DIR": str(CONNECTORS / connector),
            "DBT_TARGET_PATH": str(work / "target"),
            "DBT_LOG_PATH": str(work / "logs"),
        },
        capture_output=True,
        text=True,
    )


def streams(connector, work):
    result = run(connector, source(connector), work / "raw", work)
    assert result.returncode == 0, result.stdout
    return {s: pd.read_parquet(work / "raw" / s) for s in STREAMS}


@pytest.fixture(scope="module")
def ravenstack(tmp_path_factory):
    return streams("ravenstack", tmp_path_factory.mktemp("ravenstack"))


@pytest.fixture(scope="module")
def oulad(tmp_path_factory):
    return streams("oulad", tmp_path_factory.mktemp("oulad"))


@pytest.fixture(scope="module")
def tables():
    """RavenStack's tables by their short names."""
    return {
        path.stem.removeprefix("ravenstack_"): pd.read_csv(
            path, keep_default_na=False, na_values=[""]
        )
        for path in source("ravenstack").glob("*.csv")
    }


@pytest.fixture(scope="module")
def course():
    return {path.stem: pd.read_parquet(path) for path in source("oulad").glob("*.parquet")}


def types(events):
    return events.event_type.value_counts().to_dict()


def payloads(events, event_type):
    rows = events[events.event_type == event_type]
    return pd.DataFrame([json.loads(p) for p in rows.payload], index=rows.event_id)


def at(day):
    return DAY_0 + pd.to_timedelta(day, unit="D")


@pytest.mark.parametrize("connector", FOLDERS)
def test_envelope(connector, request):
    declared = pd.read_csv(SEEDS / "shared/event_schemas.csv")
    keys = declared.groupby(["source", "event_type"]).payload_key.agg(set).to_dict()
    required = declared[declared.is_required].groupby(["source", "event_type"]).payload_key.agg(set)
    for stream, events in request.getfixturevalue(connector).items():
        assert list(events.columns) == ENVELOPE
        assert str(events.occurred_at.dtype).startswith("datetime64")
        assert (events.occurred_at == events.loaded_at).all()
        assert events[["event_id", "event_type", "account_id", "payload"]].notna().all(axis=None)
        if stream != "product":
            assert events.event_id.is_unique
            for event_type in events.event_type.unique():
                kind = (stream, event_type)
                found = payloads(events, event_type)
                assert set(found.columns) <= keys[kind]
                assert required.get(kind, set()) <= set(found.columns)
                assert found[list(required.get(kind, []))].notna().all(axis=None)


def ravenstack_ends(tables):
    """RavenStack's subscriptions with `left`, the day of the account's last reported churn, and `end`.

    `end` is that day, or the table's own end where it is earlier; `is_late` is what would start on that day or later.
    """
    ends = tables["subscriptions"].copy()
    ends["left"] = ends.account_id.map(tables["churn_events"].groupby("account_id").churn_date.max())
    is_earlier = ends.end_date.notna() & ~(ends.left < ends.end_date)
    ends["is_by_leaving"] = ends.left.notna() & ~is_earlier
    ends["end"] = ends.end_date.where(~ends.is_by_leaving, ends.left)
    ends["is_late"] = ends.start_date >= ends.left
    return ends


def test_ravenstack_counts(ravenstack, tables):
    accounts, subscriptions = tables["accounts"], ravenstack_ends(tables)
    usage, tickets = tables["feature_usage"], tables["support_tickets"]
    contracts = subscriptions[~subscriptions.is_late]
    product = types(ravenstack["product"])
    assert product.pop("usage_error") == (usage.error_count > 0).sum()
    assert product == (usage.feature_name + "_used").value_counts().to_dict()
    assert types(ravenstack["crm"]) == {
        "account_created": len(accounts),
        "note_logged": len(tables["churn_events"]),
    }
    assert types(ravenstack["support"]) == {
        "ticket_created": len(tickets),
        "ticket_replied": tickets.first_response_time_minutes.count(),
        "ticket_escalated": tickets.escalation_flag.sum(),
        "ticket_solved": tickets.closed_at.count(),
    }
    assert types(ravenstack["billing"]) == {
        "trial_started": accounts.is_trial.sum() + subscriptions.is_trial.sum(),
        "subscription_started": (~contracts.is_trial).sum(),
        "subscription_cancelled": contracts.end.count(),
    }
    assert types(ravenstack["survey"]) == {
        "survey_sent": len(tickets),
        "survey_answered": tickets.satisfaction_score.count(),
    }
    assert sum(map(len, ravenstack.values())) == 25000 + 7731 + 1100 + 6095 + 6150 + 3175


def test_ravenstack_duplicates_and_orphans(ravenstack, tables):
    usage = tables["feature_usage"]
    failed = usage[usage.error_count > 0]
    product = ravenstack["product"]
    repeats = product[product.event_id.duplicated()]
    assert (repeats.event_type != "usage_error").sum() == usage.usage_id.duplicated().sum() == 21
    assert (repeats.event_type == "usage_error").sum() == failed.usage_id.duplicated().sum() == 1
    known = set(tables["accounts"].account_id)
    assert all(events.account_id.isin(known).all() for events in ravenstack.values())
    assert all(events.user_id.isna().all() for events in ravenstack.values())


def test_ravenstack_values(ravenstack, tables):
    subscriptions, tickets = ravenstack_ends(tables), tables["support_tickets"]
    paid = subscriptions[~subscriptions.is_trial & ~subscriptions.is_late]
    started = payloads(ravenstack["billing"], "subscription_started")
    assert started.mrr.sum() == paid.mrr_amount.sum() == subscriptions[~subscriptions.is_late].mrr_amount.sum()
    assert started.seats.sum() == paid.seats.sum()
    assert set(started.currency) == {"USD"}
    assert payloads(ravenstack["survey"], "survey_answered").score.sum() == (
        tickets.satisfaction_score.sum()
    )
    priorities = payloads(ravenstack["support"], "ticket_created").priority.value_counts()
    assert priorities.rename({"normal": "medium"}).to_dict() == types(
        tickets.rename(columns={"priority": "event_type"})
    )
    minutes = (
        ravenstack["support"]
        .groupby("event_type")
        .occurred_at.apply(
            lambda times: (times - pd.Timestamp("2023-01-01")).dt.total_seconds().sum() / 60
        )
    )
    assert minutes["ticket_replied"] - minutes["ticket_created"] == (
        tickets.first_response_time_minutes.sum()
    )
    assert minutes["ticket_solved"] - minutes["ticket_created"] == (
        tickets.resolution_time_hours.sum() * 60
    )
    usage = ravenstack["product"].occurred_at
    assert (str(usage.min().date()), str(usage.max().date())) == ("2023-01-01", "2024-12-31")
    latest = max(events.loaded_at.max() for events in ravenstack.values())
    assert latest == pd.to_datetime(tickets.closed_at).max() == pd.Timestamp("2024-12-31 19:00")


def test_ravenstack_the_last_reported_churn_ends_every_subscription(ravenstack, tables):
    ends = ravenstack_ends(tables).set_index("subscription_id")
    by_leaving = ends[ends.is_by_leaving]
    assert (by_leaving.account_id.nunique(), (~by_leaving.is_late).sum(), ends.is_late.sum()) == (352, 1985, 1409)
    ends, by_leaving = ends[~ends.is_late], by_leaving[~by_leaving.is_late]
    found = payloads(ravenstack["billing"], "subscription_cancelled").set_index("subscription_id")
    assert found.index.is_unique
    assert found.effective_on.to_dict() == ends.end.dropna().to_dict()
    assert set(found.index[found.reason.notna()]) == set(by_leaving.index)
    cancelled = ravenstack["billing"].query("event_type == 'subscription_cancelled'")
    assert (cancelled.loaded_at.dt.strftime("%Y-%m-%d").values == found.effective_on.values).all()
    given = tables["churn_events"].groupby(["account_id", "churn_date"]).reason_code.agg(set)
    for subscription_id, row in by_leaving.iterrows():
        assert found.reason[subscription_id] in given[row.account_id, row.left]


def test_ravenstack_starts_come_before_cancellations_of_their_day(ravenstack, tables):
    one_day = ravenstack_ends(tables).query("start_date == end and not is_late").subscription_id
    billing = ravenstack["billing"]
    subscription_id = billing.event_id.str.split("-").str[:2].str.join("-")
    events = billing[subscription_id.isin(one_day)].sort_values(["occurred_at", "event_id"])
    assert len(events) == 2 * len(one_day) == 2 * 5
    assert list(events.event_type == "subscription_cancelled") == [False, True] * len(one_day)


def test_oulad_counts(oulad, course):
    registered, submitted = course["studentRegistration"], course["studentAssessment"]
    clicks = course["studentVle"].merge(course["vle"], on="id_site", how="left")
    due = course["assessments"].sort_values("date").id_assessment
    ordinal = {assessment: n for n, assessment in enumerate(due, 1)}
    handed_in = submitted.id_assessment.map(ordinal).map("assessment_{}_submitted".format)
    assert types(oulad["product"]) == (
        (clicks.activity_type + "_viewed").value_counts().to_dict()
        | handed_in.value_counts().to_dict()
    )
    assert types(oulad["crm"]) == dict.fromkeys(
        ["account_created", "contact_added", "onboarding_started"], len(registered)
    )
    assert types(oulad["billing"]) == {
        "subscription_started": len(registered),
        "subscription_cancelled": registered.date_unregistration.count(),
    }
    assert oulad["support"].empty and oulad["survey"].empty
    assert len(oulad["product"]) == 180_982 + 1_633 and len(registered) == 383


def test_oulad_keys(oulad, course):
    product = oulad["product"]
    assert product.event_id.is_unique
    enrolled = "AAA-2013J-" + course["studentRegistration"].id_student.astype(int).astype(str)
    assert set(oulad["crm"].account_id) == set(oulad["billing"].account_id) == set(enrolled)
    assert product.account_id.isin(enrolled).all()
    assert (product.account_id == "AAA-2013J-" + product.user_id).all()
    clicks = course["studentVle"]
    assert clicks.duplicated().sum() == 7_439
    viewed = product[product.event_type.str.endswith("_viewed")]
    counts = viewed.groupby("user_id").payload.agg(
        lambda rows: sum(json.loads(row)["clicks"] for row in rows)
    )
    expected = clicks.groupby(clicks.id_student.astype(int).astype(str)).sum_click.sum()
    assert counts.to_dict() == expected.to_dict()


def test_oulad_days(oulad, course):
    registered = course["studentRegistration"].set_index("id_student").sort_index()
    registered.index = "AAA-2013J-" + registered.index.astype(int).astype(str)
    crm = oulad["crm"].pivot(index="account_id", columns="event_type", values="occurred_at")
    crm = crm.loc[registered.index]
    assert (crm.account_created == at(registered.date_registration)).all()
    assert (crm.contact_added == crm.account_created).all()
    assert (crm.onboarding_started == at(registered.date_registration.clip(lower=0))).all()
    billing = oulad["billing"].pivot(index="account_id", columns="event_type", values="occurred_at")
    billing = billing.loc[registered.index]
    withdrawn = registered.date_unregistration.dropna()
    assert (billing.subscription_started == crm.account_created).all()
    assert (billing.subscription_cancelled.dropna() == at(withdrawn)).all()
    assert (billing.subscription_cancelled < crm.onboarding_started).sum() == 7
    effective = payloads(oulad["billing"], "subscription_cancelled").effective_on
    assert sorted(pd.to_datetime(effective)) == sorted(at(withdrawn))
    days = pd.concat([course["studentVle"].date, course["studentAssessment"].date_submitted])
    assert sorted(oulad["product"].occurred_at) == sorted(at(days))


def test_oulad_milestones_are_the_assessments(course):
    milestones = pd.read_csv(CONNECTORS / "oulad/opinions/catalog/journey_milestones.csv").iloc[:5]
    assessments = course["assessments"].dropna(subset="date").sort_values("date")
    assert list(milestones.deadline_days) == list(assessments.date)
    assert list(milestones.weight.round(4)) == list((assessments.weight / 100 * 0.9).round(4))


@pytest.mark.parametrize("connector", FOLDERS)
def test_same_rows_again(connector, request, tmp_path):
    again = streams(connector, tmp_path)
    for stream, events in request.getfixturevalue(connector).items():
        pd.testing.assert_frame_equal(events, again[stream])


def test_missing_file_is_named(tmp_path):
    partial = tmp_path / "source"
    shutil.copytree(source("oulad"), partial, ignore=shutil.ignore_patterns("vle.parquet"))
    result = run("oulad", partial, tmp_path / "raw", tmp_path)
    assert result.returncode != 0
    assert f"SOURCE folder '{partial}' lacks vle.parquet." in " ".join(result.stdout.split())
    assert not (tmp_path / "raw").exists()


def test_unmapped_rows_become_events(tmp_path):
    folder = tmp_path / "source"
    shutil.copytree(source("ravenstack"), folder)
    for table, row in {
        "feature_usage": "U-1,S-none,2024-01-01,feature_1,1,1,0,False",
        "accounts": "A-1,Company,X,US,no date,other,Pro,1,False,False",
        "support_tickets": "T-1,A-none,2024-01-01,2024-01-02 00:00:00,24.0,odd,5,,False",
    }.items():
        path = folder / f"ravenstack_{table}.csv"
        path.chmod(0o644)
        path.write_text(path.read_text().rstrip("\n") + "\n" + row + "\n")
    result = run("ravenstack", folder, tmp_path / "raw", tmp_path)
    assert result.returncode == 0, result.stdout
    events = pd.concat(pd.read_parquet(tmp_path / "raw" / s) for s in STREAMS)
    events = events.set_index("event_id")
    assert events.loc["U-1", "account_id"] is None
    assert pd.isna(events.loc["A-1-created", "occurred_at"])
    assert json.loads(events.loc["T-1-1-created", "payload"])["priority"] == "odd"


@pytest.mark.parametrize("connector", FOLDERS)
def test_catalog(connector):
    folder = CONNECTORS / connector / "opinions/catalog"
    catalog = {path.stem: pd.read_csv(path) for path in folder.glob("*.csv")}
    house = {path.stem: pd.read_csv(path) for path in (SEEDS / "catalog").glob("*.csv")}
    assert {k: list(v) for k, v in catalog.items()} == {k: list(v) for k, v in house.items()}
    plan, milestones = catalog["tracking_plan"], catalog["journey_milestones"]
    criteria, journeys = catalog["milestone_criteria"], catalog["journeys"]
    assert plan.event_type.is_unique
    assert not milestones.duplicated(["journey", "milestone_id"]).any()
    assert (milestones.groupby("journey").weight.sum().round(6) == 1).all()
    assert (milestones.groupby("journey").size() <= 10).all()
    assert set(milestones.journey) == set(journeys.journey)
    assert set(criteria.milestone_id) == set(milestones.milestone_id) == set(catalog["milestones"].milestone_id)
    signals = set(pd.read_csv(SEEDS / "shared/signals.csv").signal)
    schemas = set(pd.read_csv(SEEDS / "shared/event_schemas.csv").event_type)
    roles = set("role:" + plan.role.dropna())
    assert set(criteria[criteria.measure == "signal"].subject) <= signals
    assert set(criteria[criteria.measure != "signal"].subject) <= (
        set(plan.event_type) | schemas | roles
    )
    activation = catalog["activation_milestones"]
    assert set(activation.milestone_id) <= set(milestones.milestone_id)
    assert set(activation.product_category) == set(journeys.product_category)
    assert (activation.groupby("product_category").is_primary.sum() == 1).all()


@pytest.mark.parametrize("connector", FOLDERS)
def test_tracking_plan_covers_the_product_stream(connector, request):
    plan = pd.read_csv(CONNECTORS / connector / "opinions/catalog/tracking_plan.csv")
    assert set(request.getfixturevalue(connector)["product"].event_type) == set(plan.event_type)
