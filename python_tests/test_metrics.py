"""Each metric equals plain SQL on the marts, and what must not be put together is null and no number."""

import datetime
import itertools
import re

import duckdb
import pytest
import warehouse
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow.validation.data_warehouse_model_validator import DataWarehouseModelValidator
from metricflow_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
from warehouse import PROJECT

MANIFEST = warehouse.compiled()
METRICS = {metric["name"]: metric for metric in MANIFEST["metrics"].values()}
PUBLISHED = {name for name, metric in METRICS.items() if not metric["config"]["meta"].get("input")}
MARTS = {
    node["name"]: {"totals_in": [], "read_one": [], "adds_up": []} | node["config"]["meta"]
    for node in MANIFEST["nodes"].values()
    if node["resource_type"] == "model" and node["path"].startswith("marts/")
}
SAVED = [query["name"] for query in MANIFEST["saved_queries"].values()]

CUSTOMERS = "fct_current_health where status not in ('churned', 'completed')"
SCORED = """fct_account_health as health where status = 'scored' and score_date = (select max(score_date) from fct_account_health
    as other where other.status = 'scored' and date_trunc('month', other.score_date) = date_trunc('month', health.score_date))"""
JUDGED = """(select fct_milestones.*, segment from fct_milestones inner join dim_accounts using (account_id))
    where is_judged"""
COMPLETED = "count(*) filter (status in ('achieved', 'achieved_late'))"
ON_TIME = "count(*) filter (status = 'achieved')"
MOVEMENTS = "new_arr, reactivation_arr, expansion_arr, contraction_arr, churned_arr"
RETENTION = "net_retention, gross_retention, gross_arr_churn, logo_churn from rpt_revenue_retention where is_complete"
RATES = "net_revenue_retention, gross_revenue_retention, arr_churn, logo_churn"
VALUE = """accounts, activated_share_14d, activated_share_30d, activated_share_90d, median_days, median_days_lower,
    median_days_upper from rpt_ttv_cohorts where persona = 'primary' and product_category = 'all'"""
FIRST_VALUE = (
    "ttv_accounts, activated_share_14d, activated_share_30d, activated_share_90d, median_days_to_value, "
    "median_days_to_value_lower, median_days_to_value_upper"
)
OF_PRIMARY = {"ttv_cohort__persona": "primary", "ttv_cohort__product_category": "all"}
TASKS = "tasks, tasks_open, tasks_overdue, tasks_settled, tasks_done, tasks_done_in_time, task_in_time_share"
COUNTED = """count(*), count(*) filter (status in ('open', 'overdue')), count(*) filter (status = 'overdue'),
    count(*) filter (status in ('completed', 'lapsed')), count(*) filter (status = 'completed'),
    count(*) filter (status = 'completed' and not is_late),
    count(*) filter (status = 'completed' and not is_late) / nullif(count(*) filter (status in ('completed', 'lapsed')), 0)
    from fct_interventions"""

# Metrics, what they are asked by, what is asked for, and the same in SQL: first what it is asked by, then the metrics.
EQUAL = [
    (
        "accounts, banded_accounts, green_accounts, green_share, arr, banded_arr, arr_at_risk, arr_at_risk_share", by, {},
        f"""select {column} count(*), count(band), count(*) filter (band = 'green'),
        count(*) filter (band = 'green') / count(band),
        sum(arr), sum(arr) filter (band is not null), coalesce(sum(arr) filter (band in ('red', 'yellow')), 0),
        coalesce(sum(arr) filter (band in ('red', 'yellow')), 0) / sum(arr) filter (band is not null)
        from {CUSTOMERS} group by all""",
    )
    for by, column in (("", ""), ("account__segment", "segment, "), ("account__product_category", "product_category, "))
] + [
    (
        "scored_accounts, scored_green_accounts, scored_green_share, mean_health_score",
        "metric_time__month, account_score__segment", {},
        f"""select date_trunc('month', score_date), segment, count(*), count(*) filter (band = 'green'),
        count(*) filter (band = 'green') / count(*), avg(score) from {SCORED} group by all""",
    ),
    (
        "milestones_judged, milestones_completed, milestones_on_time, milestone_completion, milestone_on_time_share",
        "metric_time__week, account__segment", {},
        f"""select date_trunc('week', due_on), segment, count(*), {COMPLETED}, {ON_TIME}, {COMPLETED} / count(*),
        {ON_TIME} / count(*) from {JUDGED} group by all""",
    ),
    (
        "milestones_judged, milestones_completed, milestones_on_time", "account_milestone__milestone_id", {},
        "select milestone_id, judged, on_time + late, on_time from rpt_milestone_heatmap where dimension = 'all' and judged > 0",
    ),
    (
        f"start_arr, {MOVEMENTS}, end_arr, net_new_arr, new_accounts, reactivated_accounts, churned_accounts",
        "metric_time__month, arr_movement__segment", {},
        f"""select month_start, segment, start_arr, {MOVEMENTS}, end_arr, end_arr - start_arr, new_accounts, reactivated_accounts,
        churned_accounts from rpt_arr_waterfall where segment <> 'all'""",
    ),
    (
        f"start_arr, {MOVEMENTS}, end_arr", "metric_time__year", {},
        """select date_trunc('year', month_start), arg_min(start_arr, month_start), sum(new_arr), sum(reactivation_arr),
        sum(expansion_arr), sum(contraction_arr), sum(churned_arr), arg_max(end_arr, month_start)
        from rpt_arr_waterfall where segment = 'all' group by all""",
    ),
    (
        RATES, "metric_time__month, retention__window_months", {},
        f"select month_start, window_months, {RETENTION} and segment = 'all' and cohort = 'all'",
    ),
    (
        RATES, "metric_time__month, retention__segment", {"retention__window_months": 1},
        f"select month_start, segment, {RETENTION} and segment <> 'all' and cohort = 'all' and window_months = 1",
    ),
    (
        RATES, "metric_time__month, retention__cohort", {"retention__window_months": 1},
        f"select month_start, cohort, {RETENTION} and segment = 'all' and cohort <> 'all' and window_months = 1",
    ),
    (
        RATES, "retention__segment", {"retention__window_months": 3},
        f"""select segment, {RETENTION} and segment <> 'all' and cohort = 'all' and window_months = 3
        qualify month_start = max(month_start) over ()""",
    ),
    (
        FIRST_VALUE, "ttv_cohort__segment", OF_PRIMARY | {"ttv_cohort__cohort_period": "all"},
        f"select segment, {VALUE} and cohort_period = 'all'",
    ),
    (
        FIRST_VALUE, "metric_time__month", OF_PRIMARY | {"ttv_cohort__cohort_period": "month", "ttv_cohort__segment": "all"},
        f"select cohort_start, {VALUE} and cohort_period = 'month' and segment = 'all'",
    ),
    (
        TASKS, "task__owner_role, metric_time__month", {},
        f"select owner_role, date_trunc('month', opened_on), {COUNTED} group by all",
    ),
]  # fmt: skip


# Population, band, horizon, outcome, number of leads: the demo of a few months has none.
LEADS = [
    ("qualified", "all", 60, "won", 1), ("qualified", "all", 60, "arr_grew", 2), ("qualified", "all", 60, "churned", 1),
    ("qualified", "all", 60, "no_expansion", 4), ("qualified", "all", 60, "window_open", 9), ("qualified", "all", 90, "won", 3),
    ("qualified", "all", 180, "no_expansion", 2), ("qualified", "engage", 60, "won", 5), ("scored", "all", 60, "won", 7),
]  # fmt: skip
RATES_OF_LEADS = {60: (8, 3 / 8, 1 / 8), 90: (3, 1, 1), 180: (2, 0, 0)}


class Client:
    """What MetricFlow asks of an engine, on the connection of a test."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def __init__(self, connection: duckdb.DuckDBPyConnection):
        self.connection = connection

    def render_bind_parameter_key(self, key):
        return key

    def dry_run(self, stmt, sql_bind_parameter_set=None):
        self.connection.execute("explain " + stmt)


@pytest.fixture(scope="module")
def semantics():
    return parse_manifest_from_dbt_generated_manifest(warehouse.semantic_manifest())


@pytest.fixture(scope="module")
def house(dirty_house):
    return dirty_house.cursor()


@pytest.fixture(scope="module")
def ask(semantics, house):
    engine = MetricFlowEngine(SemanticManifestLookup(semantics), Client(house))

    def sql(**question):
        return f"({engine.explain(MetricFlowQueryRequest.create(**question)).sql_statement.sql})"

    return sql


def words(text):
    return [word for word in text.split(", ") if word]


def comparable(value):
    if isinstance(value, datetime.date | datetime.datetime):
        return str(value)[:10]
    if value is None or isinstance(value, str):
        return value
    return None if value != value else float(value)


def rows(connection, query, keys):
    found = [tuple(map(comparable, row)) for row in connection.execute(query).fetchall()]
    by_key = {row[:keys]: row[keys:] for row in found}
    assert len(by_key) == len(found) > 0
    return by_key


@pytest.mark.parametrize("metrics, by, where, sql", EQUAL, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_metrics_equal_the_marts(ask, house, metrics, by, where, sql):
    metrics, by = words(metrics), words(by)
    conditions = [f"{{{{ Dimension('{name}') }}}} = {value!r}" for name, value in where.items()]
    answer = ask(metric_names=metrics, group_by_names=by, where_constraints=conditions)
    found = rows(house, f"select {', '.join([*by, *metrics])} from {answer}", len(by))
    expected = rows(house, sql, len(by))
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, abs=1.1e-6), key


def test_every_metric_is_compared():
    compared = set(itertools.chain.from_iterable(words(metrics) for metrics, _, _, _ in EQUAL))
    assert compared | {"expansion_rate", "lead_to_win_rate"} == PUBLISHED


def test_the_rates_of_leads_equal_a_count(ask):
    with duckdb.connect() as made:
        made.execute("create table fct_expansion_leads (population text, band text, horizon_days integer, outcome text)")
        for *lead, number in LEADS:
            made.executemany("insert into fct_expansion_leads values (?, ?, ?, ?)", [lead] * number)
        answer = made.execute(f"from {ask(saved_query_name='expansion_by_horizon')}").fetchall()
    assert {horizon: tuple(rates) for horizon, *rates in answer} == RATES_OF_LEADS


def test_the_model_is_valid_and_its_columns_exist(semantics, house):
    checked = SemanticManifestValidator().validate_semantic_manifest(semantics)
    assert [issue.as_readable_str() for issue in (*checked.errors, *checked.future_errors, *checked.warnings)] == []
    validator = DataWarehouseModelValidator(Client(house))
    for kind in ("semantic_models", "dimensions", "entities", "simple_metrics", "metrics"):
        found = getattr(validator, f"validate_{kind}")(semantics)
        assert [issue.as_readable_str() for issue in found.errors] == [], kind


@pytest.mark.parametrize("name", sorted({*SAVED} - {"expansion_by_horizon"}))
def test_a_saved_query_answers(ask, house, name):
    answer = house.sql(f"from {ask(saved_query_name=name)}").df()
    assert len(answer) > 0
    assert [column for column in answer if answer[column].isna().all()] == []


@pytest.mark.parametrize("metric", [*words(RATES), *words(FIRST_VALUE), "expansion_rate", "lead_to_win_rate"])
def test_what_must_not_be_put_together_is_null(ask, house, metric):
    assert house.execute(f"from {ask(metric_names=[metric])}").fetchall() == [(None,)]


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_a_metric_says_what_it_is(metric):
    described = METRICS[metric]
    assert described["label"] and described["description"].strip().endswith(".")
    assert set(described["config"]["meta"]) - {"input"} == {"owner", "not_summed_over"}


def test_the_band_that_is_not_at_risk_is_the_best_of_each_live_version():
    seeds = warehouse.seed_rows()
    live = {row["model_version"] for row in seeds["health_model_versions"] if row["track"] == "live"}
    for version in live:
        bands = [row for row in seeds["health_bands"] if row["model_version"] == version]
        assert max(bands, key=lambda row: float(row["lower_edge"]))["band"] == "green"


def test_the_time_spine_has_every_day(house):
    days = [day for (day,) in house.execute("select date_day from time_spine order by 1").fetchall()]
    first, last = house.execute("select min(started_on), max(as_of) from dim_accounts").fetchone()
    assert days == [first + datetime.timedelta(days=number) for number in range((last - first).days + 1)]


def test_the_page_lists_the_metrics():
    page = (PROJECT / "docs/metrics.md").read_text()
    listed = re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(listed))) == sorted([*PUBLISHED, *SAVED])


def test_a_mart_names_the_columns_that_hold_totals_beside_their_parts(house):
    for mart, says in MARTS.items():
        texts = [column for column, kind, *_ in house.execute(f"describe {mart}").fetchall() if kind == "VARCHAR"]
        flags = ", ".join(f"coalesce(bool_or({column} = 'all'), false)" for column in texts) or "1"
        found = house.execute(f"select {flags} from {mart}").fetchone()
        held = {column for column, has in zip(texts, found, strict=False) if has is True}
        assert held <= {*says["totals_in"], *says["read_one"]}, mart


@pytest.mark.parametrize("mart", [mart for mart, says in MARTS.items() if says["totals_in"]])
def test_parts_add_up_to_their_total(house, mart):
    says = MARTS[mart]
    for column in says["totals_in"]:
        others = [other for other in (*says["totals_in"], *says["read_one"]) if other != column]
        for amount in says["adds_up"]:
            sums = house.execute(f"""
                select sum({amount}) filter ({column} <> 'all'), sum({amount}) filter ({column} = 'all') from {mart}
                group by {", ".join(others) or "()"}
            """).fetchall()
            assert sums and [pair for pair in sums if pair[0] != pair[1]] == [], (column, amount)


@pytest.mark.parametrize("exposure", MANIFEST["exposures"].values(), ids=lambda exposure: exposure["name"])
def test_an_exposure_names_the_marts_that_its_code_reads(exposure):
    path = PROJECT / exposure["config"]["meta"]["code"]
    texts = [file.read_text() for file in ([path] if path.is_file() else path.rglob("*")) if file.suffix in (".py", ".sql")]
    named = set(re.findall(r"\b(?:dim|fct|rpt)_\w+", " ".join(texts)))
    assert {node.split(".")[-1] for node in exposure["depends_on"]["nodes"]} == named
    assert exposure["owner"]["name"] in {node["config"]["meta"].get("owner") for node in MANIFEST["nodes"].values()}
