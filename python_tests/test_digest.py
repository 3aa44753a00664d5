"""The digests tell each owner everything that is theirs, the same way each time, and leave other files alone."""

import datetime

import duckdb
import pytest

from onboarding_health import digest


@pytest.fixture(scope="module")
def pages(dirty_house):
    return digest.digests(dirty_house)


def test_each_owner_has_a_page_with_each_live_account(dirty_house, pages):
    owners = dirty_house.execute(
        "select owner_id, list(coalesce(account_name, account_id)), count(*) from dim_accounts "
        "where churned_on is null group by owner_id"
    ).fetchall()
    assert len(owners) > 5
    for owner_id, names, count in owners:
        page = pages[digest.file_name(owner_id)]
        table = page.split("## Where the accounts stand")[1]
        assert table.count("\n|") == min(count, digest.ACCOUNTS_SHOWN) + 2
        assert sum(f"| {digest._plain(name)} |" in table for name in names) == min(count, digest.ACCOUNTS_SHOWN)
        hidden = count - digest.ACCOUNTS_SHOWN
        assert (f"\n{digest._count(hidden, 'more account')}, none with a lower score" in table) == (hidden > 0)


def test_the_pages_count_the_tasks_and_tell_the_news(dirty_house, pages):
    for owner_id, mine, others in dirty_house.execute(
        "select owner_id, count(*) filter (owner_role = 'customer_success_manager'), "
        "count(*) filter (owner_role <> 'customer_success_manager') "
        "from fct_interventions where status in ('open', 'overdue') group by owner_id"
    ).fetchall():
        page = pages[digest.file_name(owner_id)]
        assert f"\n{digest._count(mine, 'task')} open for you" in page and f"; {others} with others. Times" in page
        assert page.count("\n- with the ") == min(others, digest.OTHERS_SHOWN)
    news = dirty_house.execute(
        "select fct_alerts.owner_id, fct_alerts.account_id, reason from fct_alerts inner join dim_accounts using (account_id) "
        "where churned_on is null and alerted_on > as_of - 7"
    ).fetchall()
    assert len(news) > 20
    told = 0
    for owner_id in {row[0] for row in news}:
        page, own = pages[digest.file_name(owner_id)], [row for row in news if row[0] == owner_id]
        told += sum(digest._plain(reason) in page for *_, reason in own)
        if len({account for _, account, _ in own}) <= digest.NEWS_SHOWN:
            assert all(digest._plain(reason) in page for *_, reason in own)
    assert told > 20


def test_the_pages_tell_the_milestones_that_are_due_soon(dirty_house, pages):
    found = dirty_house.execute(
        "select accounts.owner_id, count(*) from fct_milestones inner join dim_accounts as accounts using (account_id) "
        "where status in ('pending', 'not_due') and due_on <= as_of + 7 and churned_on is null group by all"
    ).fetchall()
    assert found
    for owner_id, count in found:
        section = pages[digest.file_name(owner_id)].split("## Milestones due by ")[1].split("\n## ")[0]
        shown = min(count, digest.MILESTONES_SHOWN)
        assert section.count(" Reached when: ") == shown and section.count("\n- ") == shown + (count > shown)


def test_a_page_fits_one_page(pages):
    assert max(len(page.splitlines()) for page in pages.values()) <= 120


def test_the_same_warehouse_gives_the_same_bytes(dirty_house, pages, tmp_path):
    for _ in range(2):
        digest.write(digest.digests(dirty_house), tmp_path)
        assert {path.name: path.read_bytes().decode() for path in tmp_path.iterdir()} == pages


def test_pages_of_owners_who_are_gone_are_removed_and_nothing_else_is(tmp_path):
    digest.write({"one.md": f"{digest.MARK}\n1", "two.md": f"{digest.MARK}\n2"}, tmp_path)
    (tmp_path / "notes.md").write_text("mine")
    digest.write({"two.md": f"{digest.MARK}\n3"}, tmp_path)
    assert {path.name: path.read_text()[-1] for path in tmp_path.iterdir()} == {"two.md": "3", "notes.md": "e"}


def test_no_two_owners_share_a_file_and_none_leaves_the_folder():
    owners = [None, "csm-01", "CSM-01", "csm 01", "csm/01", "../csm-01", "_no_owner", "", ".", "é" * 300, "ö" * 300]
    names = [digest.file_name(owner) for owner in owners]
    assert len({name.lower() for name in names}) == len(owners)
    assert all("/" not in name and not name.startswith(".") and len(name) < 100 for name in names)


@pytest.fixture
def one_account():
    """A warehouse of hand-made rows: one account with an awkward name and nobody who looks after it."""
    day = "date '2025-01-31'"
    with duckdb.connect() as connection:
        connection.execute(f"""
            create table fct_current_health as select
                null::varchar as owner_id, 'a|1' as account_id, E'A*b_c\\n|d' as account_name, 'mid_market' as segment,
                1000.5::decimal(18, 2) as arr, 'scored' as status, 45.5::decimal(9, 2) as score, 'yellow' as band,
                null::decimal(9, 2) as change_7d, 'capped' as band_reason, null::date as override_ends_on,
                'Few logins' as band_cap_reason;
            create table dim_accounts as select 'a|1' as account_id, {day} as as_of, null::date as churned_on;
            create table fct_health_explanations as select 'a|1' as account_id, 'Scores 45.50.' as explanation;
            create table risk_severities as from (values ('low', 1), ('high', 3)) as ranks (severity, severity_rank);
            create table fct_risk_episodes as select
                'a|1' as account_id, 'r' as rule_id, 'Few logins' as rule, 'high' as severity, true as is_active,
                {day} as first_seen_on;
            create table fct_alerts as select
                '1' as alert_id, 'a|1' as account_id, 'risk_began' as alert_kind, {day} - 7 as alerted_on,
                null::date as ended_on, 'high' as severity, 'Too old to be news.' as reason;
            create table fct_interventions as select
                't' || n as task_id, 'a|1' as account_id, 'Play ' || n as play_name, 'in_app' as channel,
                's' as script_name, 'the_role' as owner_role, 'band' as trigger_type, 'red' as trigger_name,
                timestamp '2025-02-01 10:00:00' as due_at,
                {day} as opened_on, 'open' as status, 'Because.' as reason, n as priority_rank
            from range(1, 10) as numbers (n)
            union all select
                't0', 'a|1', 'Check', 'call', 's', 'some_engineer', 'band', 'red', timestamp '2025-01-30 23:30:00', {day},
                'overdue', 'Because.', 0;
            create table milestones as select
                'M' || n as milestone_id, 'first_use' as milestone, 'Half of the team uses it' as description,
                'some_engineer' as owner_role, 'Someone has signed in' as entry_criteria, 'Half of the seats' as exit_criteria,
                [-3, null, 1, null, null, null, null][n] as expected_ttv_impact_days
            from range(1, 8) as numbers (n);
            create table fct_milestones as select
                'a|1' as account_id, 'M' || n as milestone_id, {day} + [0, 1, 7, 8, 0, 2, 3][n] as due_on,
                ['pending', 'not_due', 'pending', 'pending', 'achieved', 'pending', 'pending'][n] as status
            from range(1, 8) as numbers (n);
            create table owners as from (values ('any', 'the_role', 'Asia/Kolkata')) as owners (owner_id, owner_role, timezone);
        """)
        yield connection


def test_an_account_without_owner_has_a_page_whatever_its_name(one_account):
    ((name, page),) = digest.digests(one_account).items()
    assert name == digest.NO_OWNER
    assert page.splitlines()[1] == f"# Accounts without an owner, {digest._day(datetime.date(2025, 1, 31))}"
    assert r"**A\*b\_c \|d** (a\|1, mid market, ARR 1,000)" in page
    assert r"| A\*b\_c \|d | 1,000 | 45.50 |  | yellow at best: Few logins | Few logins |" in page
    assert "1. Play 1 (in app, script `s`), due 1 Feb 2025 15:30." in page
    assert "Why: Because. Now yellow." in page
    assert "9 tasks open for you, 0 of them overdue; 1 with others. Times are those of Asia/Kolkata." in page
    assert "\n- with the some engineer: Check at A" in page and ", overdue since 31 Jan 2025 05:00\n" in page
    assert "7. Play 7" in page and "Play 8" not in page and "2 more tasks wait behind these" in page
    due = page.split("## Milestones due by 7 Feb 2025\n\n")[1].split("\n\n")[0].splitlines()
    assert due[0] == (
        r"- A\*b\_c \|d: **first use**, due 31 Jan 2025, with the some engineer. Half of the team uses it. "
        "Reached when: Half of the seats. Expected to make the time to value 3 days shorter."
    )
    assert due[1].endswith("uses it. Not begun; it waits for: Someone has signed in. Reached when: Half of the seats.")
    assert len(due) == 5 and due[4].endswith("1 day longer.")
    assert "Nothing crossed a threshold." in page and "Too old" not in page
