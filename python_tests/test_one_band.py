"""One band per account and day: digest, payload, alerts, tasks, explanation and summary never say two of one account."""

import datetime
import json
import re
from collections import defaultdict

import pytest
import warehouse

from onboarding_health import digest, summary

BANDS = ("red", "yellow", "green")
WORD = re.compile(rf"\b({'|'.join(BANDS)})\b")


@pytest.fixture(scope="module")
def house(dirty_company):
    """A house of a company in which, on the last day, bands are held, capped and set by hand."""
    frames = dirty_company[0]
    seeds = {
        # Of the rules as delivered only falls of sessions keep a band down, and they are rare.
        "risk_rules": [
            row | ({"band_cap": "yellow"} if row["rule_id"] == "milestone_overdue" else {})
            for row in warehouse.seed_rows()["risk_rules"]
        ],
        "health_bands": [
            row | ({"hold_margin": "6"} if row["band"] != "red" else {}) for row in warehouse.seed_rows()["health_bands"]
        ],
        "manual_inputs": [row | {"stale_after_days": "60"} for row in warehouse.seed_rows()["manual_inputs"]
                          if row["input"] == "health_override"]
        + [row for row in warehouse.seed_rows()["manual_inputs"] if row["input"] != "health_override"],
    }  # fmt: skip
    with warehouse.build(frames, seeds=seeds) as connection:
        yield connection


def rows(connection, query):
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def said(house):
    """{(account, day): {(page, band)}}: each band that a page says of an account, with the day that it says it of."""
    found = defaultdict(set)
    as_of = {row["account_id"]: row["score_date"] for row in rows(house, "from fct_current_health")}
    for row in rows(house, "from fct_sync_account_health"):
        band = json.loads(row["payload"])["band"]
        if band:
            found[row["account_id"], as_of[row["account_id"]]].add(("payload", band))
    for row in rows(house, "from fct_health_explanations where status = 'scored'"):
        opening = row["explanation"].split(").")[0]
        found[row["account_id"], row["score_date"]] |= {("explanation", band) for band in WORD.findall(opening)}
    for row in rows(house, "from fct_alerts where band is not null"):
        found[row["account_id"], row["alerted_on"]].add((row["alert_kind"], row["band"]))
    tasks = "select account_id, trigger_name, reason from fct_interventions where trigger_type = 'band'"
    for row in rows(house, tasks):
        band, day = re.fullmatch(r"Band (\w+) on ([0-9-]+) with a score of [0-9.]+", row["reason"]).groups()
        assert band == row["trigger_name"]
        found[row["account_id"], datetime.date.fromisoformat(day)].add(("task", band))
    return found, as_of


def test_no_page_says_two_bands_of_an_account_on_a_day(house):
    found, as_of = said(house)
    two = {key: pages for key, pages in found.items() if len({band for _, band in pages}) > 1}
    assert not two, two
    assert {page for pages in found.values() for page, _ in pages} >= {"payload", "explanation", "band_worse", "task"}
    of_today = [pages for (account, day), pages in found.items() if day == as_of[account]]
    assert sum(len(pages) > 1 for pages in of_today) > 50
    assert sum({"band_worse", "task"} <= {page for page, _ in pages} for pages in found.values()) > 0


def test_every_reason_occurs_and_says_what_it_rests_on(house):
    found = rows(house, "from fct_current_health where band is not null")
    assert {row["band_reason"] for row in found} == {"measured", "confirmed", "capped", "overridden"}
    rank = {band: number for number, band in enumerate(BANDS)}
    for row in found:
        if row["band_reason"] == "overridden":
            assert row["band"] == row["override_band"] and row["override_ends_on"] >= row["score_date"]
        elif row["band_reason"] == "capped":
            assert row["band"] == row["band_cap"] and rank[row["band"]] < rank[row["steady_band"]]
        else:
            assert row["band"] == row["steady_band"]
            assert (row["band"] == row["measured_band"]) == (row["band_reason"] == "measured")
        if row["next_band"] is not None:
            assert rank[row["next_band"]] > rank[row["band"]]


def test_the_pages_of_owners_say_it_and_no_other(house):
    """In the table of an owner each account stands once, with its band; the counts are of the same."""
    shown = {row["account_id"]: row for row in rows(house, "from fct_current_health")}
    by_name = defaultdict(list)
    for row in shown.values():
        by_name[digest._name(row)].append(row)
    seen = 0
    for page in digest.digests(house).values():
        table = page.split("## Where the accounts stand")[1]
        for line in table.splitlines():
            if not line.startswith("| ") or line.startswith("| account |"):
                continue
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            bands = set(WORD.findall(cells[4]))
            assert any(bands == ({row["band"]} if row["band"] else set()) for row in by_name[cells[0]]), line
            seen += 1
    assert seen > 50


def test_the_summary_counts_the_same_bands(house):
    counted = {band: accounts for band, accounts, _ in house.execute(summary.BANDS).fetchall()}
    query = "select band, count(*) from fct_current_health where status <> 'churned' and band is not null group by band"
    counts = dict(house.execute(query).fetchall())
    assert set(counts) == set(BANDS) and counts.items() <= counted.items()


def test_an_alert_that_no_longer_holds_says_so(house):
    """What is said to hold does: the last change of band is the band shown, a risk that is not over is active."""
    current = """
        select count(*) from fct_alerts inner join fct_current_health using (account_id)
        where alert_kind in ('band_worse', 'band_better') and ended_on is null and fct_alerts.band <> fct_current_health.band
            and fct_current_health.status = 'scored'"""
    assert house.execute(current).fetchone() == (0,)
    risks = """
        select count(*), count(*) filter (where not is_active) from fct_alerts
        inner join fct_risk_episodes on fct_alerts.source_id = fct_risk_episodes.risk_signal_id
        where alert_kind = 'risk_began' and ended_on is null"""
    active, over = house.execute(risks).fetchone()
    assert active > 0 and over == 0
    ended = "select count(*) from fct_alerts where alert_kind = 'risk_began' and ended_on is not null"
    assert house.execute(ended).fetchone()[0] > 0
