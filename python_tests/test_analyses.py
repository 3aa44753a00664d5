"""The analyses: each is described and answers with rows; three of them against pandas over the same marts."""

import pandas as pd
import pytest
from warehouse import PROJECT, compiled

ANALYSES = {node["name"]: node for node in compiled()["nodes"].values() if node["resource_type"] == "analysis"}


def test_every_file_is_described():
    assert set(ANALYSES) == {path.stem for path in (PROJECT / "analyses").glob("*.sql")}
    assert [name for name, node in ANALYSES.items() if not node["description"].endswith(".")] == []


@pytest.mark.parametrize("name", sorted(ANALYSES))
def test_it_has_an_answer(name, dirty_house):
    answer = dirty_house.execute(ANALYSES[name]["compiled_code"]).df()
    assert len(answer)
    assert not answer.duplicated().any()


def answer_of(name, house):
    return house.execute(ANALYSES[name]["compiled_code"]).df()


def test_bands_hold_the_arr_of_all_accounts_that_are_there(dirty_house):
    accounts = dirty_house.sql("from dim_accounts where churned_on is null").df()
    bands = answer_of("arr_by_band", dirty_house)
    assert bands["accounts"].sum() == len(accounts)
    assert float(bands["arr"].sum()) == pytest.approx(float(accounts["arr"].sum()))
    assert bands.groupby("segment")["arr_share_of_segment"].sum().tolist() == pytest.approx([1] * bands["segment"].nunique())


def test_retention_counts_those_who_were_there_on_day_30(dirty_house):
    rows = dirty_house.sql("""
        select fct_time_to_value.started_on, days_to_value, dim_accounts.segment, churned_on, as_of
        from fct_time_to_value inner join dim_accounts using (account_id) where is_primary and onboarding_number = 1
    """).df()
    started, left = pd.to_datetime(rows["started_on"]), pd.to_datetime(rows["churned_on"])
    rows["lived"] = (left - started).dt.days.fillna(10_000)
    seen = rows[(rows["lived"] > 30) & (pd.to_datetime(rows["as_of"]) - started).dt.days.ge(90)]
    expected = seen.assign(is_activated=seen["days_to_value"].le(30).fillna(False)).groupby(["segment", "is_activated"])["lived"]
    found = answer_of("retention_by_activation", dirty_house).set_index(["segment", "is_activated"])
    assert found["accounts"].to_dict() == expected.count().to_dict()
    assert found["retained"].to_dict() == expected.apply(lambda lived: (lived > 90).sum()).to_dict()


def test_tasks_are_counted_once(dirty_house):
    tasks = dirty_house.sql("from fct_interventions").df()
    by_owner = answer_of("tasks_by_owner", dirty_house)
    assert by_owner["tasks"].sum() == len(tasks)
    assert by_owner["completed_in_time"].sum() == ((tasks["status"] == "completed") & (tasks["is_late"] == False)).sum()  # noqa: E712
    open_accounts = tasks.loc[tasks["status"].isin(["open", "overdue"]), "account_id"].nunique()
    assert len(answer_of("accounts_to_call_today", dirty_house)) == open_accounts


def test_candidate_weights_are_drawn_to_the_catalog_s_and_sum_to_1(dirty_house):
    catalog = dirty_house.sql("from journey_milestones").df().set_index(["journey", "milestone_id"]).sort_index()
    found = answer_of("milestone_weights_to_consider", dirty_house).set_index(["journey", "milestone_id"]).sort_index()
    assert found.index.equals(catalog.index) and (found["deadline_days"] == catalog["deadline_days"]).all()
    assert found["weight"].astype(float).groupby("journey").sum().tolist() == pytest.approx([1] * 4, abs=1e-12)
    measured = dirty_house.sql("""
        select factor as milestone_id, risk_difference::double as difference, risk_difference_error::double as error
        from rpt_predictors
        where factor_kind = 'milestone' and outcome = 'retained' and horizon_days = 90 and risk_difference_error > 0
    """).df().set_index("milestone_id")
    between = max(measured["difference"].var() - (measured["error"] ** 2).mean(), 0) if len(measured) > 1 else 0
    for _, rows in catalog.join(measured).groupby("journey"):
        weight, known = rows["weight"].astype(float), rows["difference"].notna()
        gain = rows["difference"].clip(lower=0)
        shared = gain * weight[known].sum() / gain.sum() if gain.sum() else weight
        trust = (between / (between + rows["error"] ** 2)).fillna(0)
        raw = (1 - trust) * weight + trust * shared.fillna(weight)
        assert found.loc[rows.index, "weight"].astype(float).tolist() == pytest.approx((raw / raw.sum()).tolist(), abs=1e-4)
