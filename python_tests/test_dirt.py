"""Defects are counted and change nothing else: a dirty company's marts are those of the clean one.

The simulator adds each defect as an extra row, so the accepted rows of a dirty company are the clean company's rows,
some loaded later. Only merged accounts and users who move bring events that the clean company lacks.
"""

import pytest
import warehouse

from onboarding_health.simulator import dirt

AWKWARD = ("merges", "movers")
MONITORING = ("fct_rejected_events", "rpt_stream_reconciliation", "fct_stream_coverage", "fct_account_merges")
MONITORING += ("fct_build_warnings", "rpt_service_levels")


@pytest.fixture(scope="module")
def clean(simulated_frames):
    with warehouse.build(simulated_frames()[0]) as connection:
        return warehouse.published(connection)


def test_rejects_are_the_injected_defects(dirty_house, dirty_company):
    injected = dirty_company[1]["injected"]
    expected = injected.dropna(subset="reason").set_index(["source", "reason"])["rows"].to_dict()
    query = "select source, reject_reason, count(*) from fct_rejected_events group by all"
    assert {
        (source, reason): rows for source, reason, rows in dirty_house.execute(query).fetchall()
    } == expected
    assert len(expected) == 41 and {reason for _, reason in expected} == {
        r for _, r in dirt.KINDS.values() if r
    }


def test_every_row_is_staged_or_rejected(dirty_house, dirty_company):
    rows = dirty_house.execute(
        "select source, raw_count, staged_count + rejected_count from rpt_stream_reconciliation"
    ).fetchall()
    assert {(source, len(frame), len(frame)) for source, frame in dirty_company[0].items()} == set(rows)


@pytest.mark.slow
def test_defects_change_no_mart(simulated_frames, clean):
    shares = {kind: share for kind, (share, _) in dirt.KINDS.items() if kind not in AWKWARD}
    with warehouse.build(simulated_frames(**shares)[0]) as connection:
        difference = warehouse.difference(clean, warehouse.published(connection), skip=MONITORING)
    assert difference is None, difference


def test_merges_and_movers_touch_their_accounts_alone(clean, dirty_house, dirty_company):
    frames, truth = dirty_company
    merges = truth["merges"]
    joins = frames["crm"].query("event_type == 'contact_added'").drop_duplicates("event_id")
    moves = joins[joins.duplicated("user_id", keep=False)]
    touched = set(merges["account_id"]) | set(merges["into_account_id"]) | set(moves["account_id"])
    published = warehouse.published(dirty_house)
    untouched = {}
    for mart in ("dim_accounts", "fct_account_signals", "fct_milestones", "fct_time_to_value"):
        place = sorted(column[0] for column in dirty_house.execute(f"describe {mart}").fetchall()).index(
            "account_id"
        )
        untouched[mart] = tuple(
            [row for row in marts[mart] if row[place] not in touched] for marts in (clean, published)
        )
    assert 50 < len(untouched["dim_accounts"][0]) < 200
    difference = warehouse.difference(
        *({mart: rows[side] for mart, rows in untouched.items()} for side in (0, 1))
    )
    assert difference is None, difference


def test_accounts_that_are_none_of_the_customers_are_absent(dirty_house, dirty_company):
    frames, truth = dirty_company
    kinds = truth["accounts"].set_index("account_id")["kind"]
    customers = set(kinds.index[kinds == "customer"])
    assert set(kinds) == {"customer", "internal", "test"} and len(truth["merges"]) > 0
    assert not customers & set(truth["merges"]["account_id"])
    marts = dirty_house.execute(
        "select distinct table_name from information_schema.columns where column_name = 'account_id' "
        "and table_name in (select unnest(?))",
        [list(warehouse.published(dirty_house).keys() - set(MONITORING))],
    ).fetchall()
    assert len(marts) >= 7
    for (mart,) in marts:
        found = {
            account
            for (account,) in dirty_house.execute(f"select distinct account_id from {mart}").fetchall()
        }
        assert found - {None} <= customers, mart  # a change of the configuration is nobody's
    assert {
        account for (account,) in dirty_house.execute("select account_id from dim_accounts").fetchall()
    } == customers


def test_events_of_excluded_accounts_are_counted(dirty_house, dirty_company):
    frames, truth = dirty_company
    kinds = truth["accounts"].set_index("account_id")["kind"]
    excluded = set(kinds.index[kinds != "customer"])
    rejected = dirty_house.execute(
        "select source, event_id, account_id, user_id, loaded_at from fct_rejected_events"
    ).df()
    query = "select source, excluded_account_count from rpt_stream_reconciliation"
    counts = dict(dirty_house.execute(query).fetchall())
    for source, frame in frames.items():
        rows = frame[frame["account_id"].isin(excluded)]
        refused = rejected[(rejected["source"] == source) & rejected["account_id"].isin(excluded)]
        unnamed = frame[frame["account_id"].isna() & frame["user_id"].isin(users_of(frames["crm"], excluded))]
        assert len(rows) - len(refused) <= counts[source] <= len(rows) - len(refused) + len(unnamed), source
    assert sum(counts.values()) > 0


def users_of(crm, accounts):
    return crm[(crm["event_type"] == "contact_added") & crm["account_id"].isin(accounts)]["user_id"]
