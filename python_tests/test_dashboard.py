"""The pages without a browser: queries read marts alone, numbers are those of the marts, and what is missing is said in words."""

import datetime as dt
import re
import shutil
from decimal import Decimal

import duckdb
import pandas as pd
import pytest

pytest.importorskip("streamlit")

from streamlit.testing.v1 import AppTest  # noqa: E402

from onboarding_health import cli, published  # noqa: E402
from onboarding_health.dashboard import charts, db, report, tokens, words  # noqa: E402
from onboarding_health.dashboard.views import what_if  # noqa: E402

PAGES = ["customer_success", "account", "executive", "revenue_operations", "what_if"]
QUERIES = sorted(db.SQL.glob("*.sql"))
VALUES = {
    "owner": None, "segment": "all", "band": None, "horizon": 90, "renewal_days": 30, "account": "nobody", "dimension": "all",
    "value": "all", "version": "v1", "metrics": ["nps"], "weights": [1.0],
    "yellow": 50, "green": 70, "yellow_now": 50, "green_now": 70,
}  # fmt: skip


def script(page):
    """What Streamlit runs: one page, with what the app says where there is nothing to read."""
    from importlib import import_module

    from onboarding_health.dashboard import frame

    frame.framed(import_module(f"onboarding_health.dashboard.views.{page}").page)()


def shown(page, **filters):
    """A page after it ran, and all its text without tags."""
    app = AppTest.from_function(script, kwargs={"page": page}, default_timeout=60)
    for name, value in filters.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, [error.value for error in app.exception]
    html = " ".join(block.proto.body for block in app.get("html"))
    return app, html, " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.fixture
def marts(published_demo, monkeypatch):
    """A connection to the published marts that the pages read."""
    monkeypatch.setenv("ONBOARDING_HEALTH_WAREHOUSE", str(published_demo))
    file = published.current(published.folder_of())
    with duckdb.connect(str(file), read_only=True, config={"enable_external_access": "false"}) as connection:
        yield connection


@pytest.fixture
def changed(published_demo, tmp_path, monkeypatch):
    """A function that publishes the demo changed by a function of a connection and its marts."""

    def change(how):
        folder = tmp_path / "published_changed"
        folder.mkdir()
        file = folder / f"{how.__name__}.duckdb"
        shutil.copy(published.current(published.folder_of(str(published_demo))), file)
        with duckdb.connect(str(file)) as connection:
            tables = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]
            how(connection, tables)
        (folder / published.LINK).symlink_to(file.name)
        monkeypatch.setenv("ONBOARDING_HEALTH_WAREHOUSE", str(tmp_path / "changed.duckdb"))

    return change


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_query_reads_marts_alone_and_says_what_it_is(marts, path):
    text = path.read_text()
    assert re.match(r"-- [A-Z].*\. .*[Oo]ne row.*\n", text) or re.match(r"(-- .*\n)+", text) and "ne row" in text
    given = {name: VALUES[name] for name in set(re.findall(r"\$(\w+)", text))}
    named = set(re.findall(r"^\s*(?:left |inner |cross )?(?:from|join) (\w+)", text, re.MULTILINE))
    named |= set(re.findall(r"\bfrom (\w+)", re.sub(r"--.*", "", text)))
    steps = set(re.findall(r"^(\w+) as \($", text, re.MULTILINE))
    assert named - steps and {name for name in named - steps if not re.match("(dim|fct|rpt)_", name)} == set()
    marts.execute(text, given or None)


def test_every_query_is_used():
    code = " ".join(path.read_text() for path in db.SQL.parent.rglob("*.py"))
    assert {path.stem for path in QUERIES} == set(re.findall(r'query\(\s*"(\w+)"', code))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_begins_with_a_sentence(marts, page):
    _, html, text = shown(page)
    assert html.count("<h1>") == 1 and "As of" in text
    assert not re.search(r"\b(nan|NaT|None|N/A|null|NaN)\b", text), text


def test_today_tells_what_the_marts_hold(marts):
    owner = marts.execute(
        "select owner_id from fct_current_health where status = 'scored' group by 1 order by count(*) desc, 1 limit 1"
    ).fetchone()[0]
    scored, mean, red, tasks, overdue = marts.execute(
        """
        select
            count(score), avg(score), coalesce(sum(arr) filter (band = 'red'), 0),
            (select count(*) from fct_interventions join fct_current_health h using (account_id)
             where fct_interventions.status in ('open', 'overdue') and h.owner_id = $owner
                 and h.status not in ('churned', 'completed')),
            (select count(*) from fct_interventions join fct_current_health h using (account_id)
             where fct_interventions.status = 'overdue' and h.owner_id = $owner
                 and h.status not in ('churned', 'completed'))
        from fct_current_health where owner_id = $owner and status not in ('churned', 'completed')
        """,
        {"owner": owner},
    ).fetchone()
    app, html, text = shown("customer_success", owner=owner)
    assert app.selectbox[0].value == owner
    assert f"Mean health score {mean:.0f} " in text and f"n = {scored}" in text
    assert f"ARR in the red band {words.money(red)} " in text
    assert f"Open tasks {tasks:,} {overdue:,} overdue" in text
    ids = re.findall(r'href="account\?account=([^"]+)"', html)
    of_owner = marts.execute(
        "select account_id from fct_current_health where owner_id = ? and status not in ('churned', 'completed')", [owner]
    ).fetchall()
    assert len(ids) == len(set(ids)) == min(len(of_owner), 40) and {(account,) for account in ids} <= set(of_owner)


def test_who_is_red_or_late_needs_somebody_today(marts):
    book = db.query("book", owner=None, segment=None, band=None, horizon=90, renewal_days=30)
    as_of = marts.execute("select max(as_of) from dim_accounts").fetchone()[0]
    late = {
        account for account, due_at in marts.execute(
            "select account_id, min(due_at) from fct_interventions where status in ('open', 'overdue') group by 1"
        ).fetchall() if due_at < dt.datetime.combine(as_of + dt.timedelta(days=2), dt.time())
    }  # fmt: skip
    renews = {
        account for account, on in marts.execute(
            "select account_id, min(term_ends_on) from fct_renewals where outcome in ('open', 'notice_given') "
            "and term_ends_on >= ? group by 1", [as_of],
        ).fetchall() if (on - as_of).days <= 30
    }  # fmt: skip
    wanted = {
        row.account_id for row in book.itertuples()
        if row.account_id in late or row.band == "red" or (row.account_id in renews and row.band in ("yellow", "red"))
    }  # fmt: skip
    assert set(book[book.needs_today].account_id) == wanted and wanted
    assert book.needs_today.is_monotonic_decreasing


def test_an_account_is_linked_by_the_url_and_tells_its_marts(marts):
    account, name, score, band, explanation = marts.execute(
        "select account_id, account_name, health.score, health.band, explanation from fct_current_health as health "
        "join fct_health_explanations using (account_id) where health.status = 'scored' order by arr desc nulls last limit 1"
    ).fetchone()
    app, html, text = shown("account", account=account)
    assert app.selectbox[0].value == account
    assert name in text and f" {band}" in text and words.told(explanation)[:60] in html
    figures = [block.proto for block in app.get("plotly_chart")]
    assert len(figures) >= 3
    points = marts.execute(
        "select round(sum(points), 2) from fct_health_explained_metrics where account_id = ?", [account]
    ).fetchone()[0]
    assert points == score and float(score) == db.query("account_drivers", account=account).points.sum().round(2)


def test_the_executive_sees_the_marts(marts):
    _, _, text = shown("executive")
    last = marts.execute(
        "select end_arr, end_accounts from rpt_arr_waterfall where segment = 'all' and is_complete "
        "order by month_start desc limit 1"
    ).fetchone()
    assert f"ARR {words.money(last[0])} " in text and f"{last[1]} accounts" in text
    median = marts.execute("select median_days from rpt_ttv_cohorts where cohort_key = 'all||primary|all|all'").fetchone()[0]
    assert median is None or f"Median days to first value {median} " in text
    net = marts.execute(
        "select net_retention from rpt_revenue_retention where segment = 'all' and cohort = 'all' and is_complete "
        "and net_retention is not null order by window_months desc, month_start desc limit 1"
    ).fetchone()
    assert net is None or f" {words.share(net[0])} " in text


def test_operations_see_where_every_row_went(marts):
    raw, rejected = marts.execute("select sum(raw_count), sum(rejected_count) from rpt_stream_reconciliation").fetchone()
    _, _, text = shown("revenue_operations", view="data")
    assert f"of {raw:,} rows" in text
    for (reason,) in marts.execute("select distinct reject_reason from fct_rejected_events").fetchall():
        assert reason.replace("_", " ") in text
    app, _, text = shown("revenue_operations", view="score")
    assert app.selectbox[0].value == "score" and "risk rules" in text


def test_what_if_gives_the_score_that_is_published_and_seed_rows_that_sum_to_1(marts):
    weights = db.query("what_if_weights")
    edges = db.query("what_if_edges", version=weights.model_version[0]).iloc[0]
    given = {"version": weights.model_version[0], "yellow_now": edges.yellow, "green_now": edges.green, "yellow": edges.yellow}
    book = db.query("what_if", metrics=weights.metric.tolist(), weights=weights.weight.tolist(), green=edges.green, **given)
    assert len(book) and ((book.score_now - book.score).abs() <= 0.02).all() and (book.score_now == book.score_then).all()
    assert (book.band_now == book.band_then).all() and set(book.band_now) <= set(["red", "yellow", "green"])
    _, _, text = shown("what_if")
    assert "no account changes its band" in text
    lost = weights.metric[0]
    app, _, text = shown("what_if", **{f"w_{lost}": "0", "green": "90"})
    tried = [0 if metric == lost else weight for metric, weight in zip(weights.metric, weights.weight, strict=True)]
    then = db.query("what_if", metrics=weights.metric.tolist(), weights=tried, green=90, **given)
    moved = then[then.band_now != then.band_then]
    assert len(moved) and f"{words.count(len(moved), 'account')} worth {words.money(moved.arr.sum())} would change band" in text
    rows, bands = what_if.seed_rows({"a": 33.0, "b": 33.0, "c": 33.0}, 50, 70.5)
    assert sum(Decimal(line.split(",")[2]) for line in rows.splitlines()[1:]) == 1
    assert "candidate,green,70.5,2," in bands and bands.splitlines()[0] == "model_version,band,lower_edge,hold_margin,source"


def empty(connection, tables):
    for name in tables:
        connection.execute(f"delete from {name}")


def one_account(connection, tables):
    scored = "select account_id from fct_current_health where status = 'scored' order by 1 limit 1"
    account = connection.execute(scored).fetchone()[0]
    for name in tables:
        columns = [column for (column,) in connection.execute(f"select column_name from (describe {name})").fetchall()]
        if "account_id" in columns:
            connection.execute(f"delete from {name} where account_id is distinct from ?", [account])
        elif name.startswith("rpt_") and name != "rpt_stream_reconciliation":
            connection.execute(f"delete from {name}")
    connection.execute("update fct_current_health set account_name = '<img src=x onerror=alert(1)>'")


def another_version(connection, tables):
    connection.execute("alter table fct_health_explained_metrics drop column label")
    connection.execute("drop table rpt_arr_waterfall")
    connection.execute("drop table rpt_stream_reconciliation")


@pytest.mark.parametrize("page", PAGES)
def test_nothing_published_an_empty_copy_and_one_account_are_told_in_words(changed, page, tmp_path, monkeypatch):
    changed(one_account)
    _, html, text = shown(page)
    assert "<img src=x" not in html and not re.search(r"\b(nan|NaT|None|NaN)\b", text), text
    shutil.rmtree(tmp_path / "published_changed")
    changed(empty)
    assert "No account is known yet" in shown(page)[2]
    shutil.rmtree(tmp_path / "published_changed")
    assert "Nothing is published yet" in shown(page)[2]


@pytest.mark.parametrize("page", PAGES)
def test_a_copy_of_another_version_is_told_in_words(changed, page):
    changed(another_version)
    assert "of another version of the project" in shown(page)[2]


def test_what_is_missing_can_be_asked_whether_it_is_true(marts, monkeypatch, tmp_path):
    text = "select * from (values (1, true, 'a', date '2025-01-01', 1.5), (null, null, null, null, null)) as t (a, b, c, d, e)"
    (tmp_path / "missing.sql").write_text(text)
    monkeypatch.setattr(db, "SQL", tmp_path)
    row = db.query("missing").iloc[1]
    assert [bool(row[column]) for column in "bc"] == [False, False] and not any(row[column] > 0 for column in "ae")
    assert not any(words.is_known(value) for value in row)


def test_what_a_spreadsheet_would_run_is_a_text_in_the_csv_file(monkeypatch):
    from onboarding_health.dashboard import parts

    given = {}
    monkeypatch.setattr(parts.st, "download_button", lambda label, text, *rest, **options: given.update(text=text))
    parts.download(pd.DataFrame({"name": ["=1+1", "Acme"], "change": [-1.5, 2.0]}), "accounts", "csv")
    assert given["text"] == "name,change\n'=1+1,-1.5\nAcme,2.0\n"


def test_every_colour_is_read_on_ground_and_card():
    def light(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for theme in (tokens.LIGHT, tokens.DARK):
        for colour in (theme.ink, theme.quiet, theme.accent, theme.green, theme.yellow, theme.red, theme.unknown):
            for ground in (theme.ground, theme.card):
                high, low = sorted((light(colour), light(ground)), reverse=True)
                assert (high + 0.05) / (low + 0.05) >= 4.5, (theme.name, colour, ground)


@pytest.mark.parametrize("written, wanted", [
    (words.money(1_234_567), "1.2M"), (words.money(412_300), "412K"), (words.money(999_600), "1.0M"), (words.money(9_999), "10K"),
    (words.money(950), "950"), (words.money(-1500), "−1,500"), (words.money(None), "unknown"), (words.share(0.126), "13 %"),
    (words.told("since 2025-05-04 <b>"), "since 4 May 2025 &lt;b&gt;"), (words.count(1, "account"), "1 account"),
    (words.due(dt.datetime(2025, 12, 31, 22), dt.date(2025, 12, 31), "Europe/Berlin"), "due today, 23:00"),
    (words.due(dt.datetime(2025, 12, 31, 23, 30), dt.date(2025, 12, 31), "Europe/Berlin"), "due tomorrow, 00:30"),
    (words.due(dt.datetime(2025, 12, 29, 9), dt.date(2025, 12, 31), None), "overdue since 29 Dec 09:00"),
])  # fmt: skip
def test_numbers_and_days_are_written_as_people_do(written, wanted):
    assert written == wanted


def test_a_waterfall_begins_at_its_start_and_what_is_not_observed_is_a_gap():
    months = pd.DataFrame({
        "month_start": [pd.Timestamp("2025-01-01")], "month_end": [pd.Timestamp("2025-01-31")], "start_arr": [100.0],
        "new_arr": [50.0], "reactivation_arr": [0.0], "expansion_arr": [10.0], "contraction_arr": [5.0], "churned_arr": [20.0],
        "end_arr": [135.0], "end_accounts": [3],
    })  # fmt: skip
    bars = charts.waterfall(months, tokens.LIGHT).data[0]
    assert bars.measure == ("absolute", "relative", "relative", "relative", "relative", "total")
    assert list(bars.y[:-1]) == [100, 50, 10, -5, -20] and sum(bars.y[:-1]) == bars.y[-1]
    days = pd.DataFrame({"date_day": pd.date_range("2025-01-01", periods=3), "active_users_7d": [4, None, 6], "seats": [9, 9, 9]})
    figure = charts.usage(days, tokens.DARK)
    assert pd.isna(figure.data[1].y[1]) and figure.layout.meta["finding"] == "6 people of 9 seats used it in the last week"


def told_as(name):
    return words.safe(name) if words.is_known(name) else "an account without a name"


def written(tmp_path, *options):
    """What the command writes, without Plotly's own code, and its text."""
    file = tmp_path / "report.html"
    assert cli.run(["report", "--out", str(file), *options]) == 0
    html = file.read_text()
    assert html.count(report.get_plotlyjs()) == 1
    html = html.replace(report.get_plotlyjs(), "")
    return html, " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL)).split())


def test_a_report_has_the_numbers_of_the_marts_and_needs_nothing_else(marts, tmp_path):
    html, text = written(tmp_path)
    arr, accounts = marts.execute(
        "select end_arr, end_accounts from rpt_arr_waterfall where segment = 'all' and is_complete "
        "order by month_start desc limit 1"
    ).fetchone()
    assert f"ARR {words.money(arr)} " in text and words.count(accounts, "account") in text
    raw = marts.execute("select sum(raw_count) from rpt_stream_reconciliation").fetchone()[0]
    assert f"of {raw:,} rows" in text or f"{raw:,} rows was refused" in text
    as_of = marts.execute("select max(as_of) from dim_accounts").fetchone()[0]
    assert f"As of {words.day(as_of)}, from the copy {db.copy().stem}" in text
    assert html.count("<h1>") == 1 and not re.search(r"\b(nan|NaT|None|N/A|null|NaN)\b", text), text
    assert not re.search(r"https?:|src=\"(?!data:)|<link|@import|url\(", html)
    drawn = re.findall(r'<div id="(\w+)" class="plotly-graph-div"', html)
    assert drawn and set(drawn) <= {
        "waterfall", "retention", "survival", "funnel", "bands_by_arr", "heatmap", "lift", "calibration"
    }  # fmt: skip
    book = db.query("book", owner=None, segment=None, band=None, horizon=90, renewal_days=30)
    named = re.findall(r"<tr><td><b>([^<]+)</b><br>", html)
    assert named == [told_as(name) for name in book.account_name.head(report.FIRST)]
    assert not any(re.search(rf"\b{re.escape(account)}\b", text) for account in book.account_id)
    assert written(tmp_path) == (html, text)


def test_an_owners_report_has_the_accounts_of_the_owner_alone(marts, tmp_path):
    owner, names = marts.execute(
        "select owner_id, list(account_name) from fct_current_health where status not in ('churned', 'completed') "
        "and owner_id is not null group by owner_id order by count(*) desc, owner_id limit 1"
    ).fetchone()
    html, text = written(tmp_path, "--owner", owner)
    assert sorted(re.findall(r"<tr><td><b>([^<]+)</b><br>", html)) == sorted(told_as(name) for name in names)
    assert f"accounts of {owner}" in text and "The whole company" in text


def test_a_segments_report_has_its_money_and_accounts(marts, tmp_path):
    segment, arr = marts.execute(
        "select segment, arg_max(end_arr, month_start) from rpt_arr_waterfall where segment <> 'all' and is_complete "
        "group by segment order by segment limit 1"
    ).fetchone()
    html, text = written(tmp_path, "--segment", segment)
    assert f"ARR {words.money(arr)} " in text
    book = db.query("book", owner=None, segment=segment, band=None, horizon=90, renewal_days=30)
    named = re.findall(r"<tr><td><b>([^<]+)</b><br>", html)
    assert named == [told_as(name) for name in book.account_name.head(report.FIRST)]


def test_a_report_of_nothing_or_of_nobody_is_told_in_words(changed, marts, tmp_path):
    for options in (["--owner", "nobody"], ["--segment", "nothing"]):
        with pytest.raises(SystemExit, match="There is no (owner of live accounts|segment) no"):
            cli.run(["report", "--out", str(tmp_path / "none.html"), *options])
    assert cli.run(["report", "--owner", "a", "--segment", "b"]) == 2
    changed(one_account)
    html, text = written(tmp_path)
    assert "<img src=x" not in html and not re.search(r"\b(nan|NaT|None|NaN)\b", text), text
    shutil.rmtree(tmp_path / "published_changed")
    changed(empty)
    assert "No account is known yet" in written(tmp_path)[1]
    shutil.rmtree(tmp_path / "published_changed")
    changed(another_version)
    with pytest.raises(SystemExit, match="another version of the project"):
        cli.run(["report", "--out", str(tmp_path / "none.html")])
    shutil.rmtree(tmp_path / "published_changed")
    with pytest.raises(SystemExit, match="Nothing is published yet"):
        cli.run(["report", "--out", str(tmp_path / "none.html")])
    assert not (tmp_path / "none.html").exists()
