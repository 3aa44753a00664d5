"""Every data test can fail: tiny tables that break it make its compiled SQL return rows, sound ones none."""

import re

import duckdb
import pytest
from warehouse import compiled, seed_rows

NODES = compiled()["nodes"]
TESTS = [node for node in NODES.values() if node["resource_type"] == "test"]
SINGULAR = {node["name"]: node for node in TESTS if not node.get("test_metadata")}
GENERIC = {
    name: [node for node in TESTS if (node.get("test_metadata") or {}).get("name") == name]
    for name in ("unique_combination_of_columns", "rules_hold")
}
SIGNALS = [row["signal"] for row in seed_rows()["signals"]]
REGISTER = ", ".join(f"('{signal}')" for signal in SIGNALS)
DRIFT = "model_version, month, measure, subject, segment, drift, noise, status, level, finding"
DAYS = "('a', 1), ('a', 2), ('b', 2)"

# A world in which every singular test finds nothing: the tables' columns and rows. Days are numbers here.
SOUND = {
    "base_accounts": ("source_account_id, account_id", "('a', 'a'), ('d', 'a')"),
    "fct_build_warnings": ("topic, sentence", "('merges', 'x'), ('not_connected', 'x')"),
    "configuration_problems": ("problem", "('x') limit 0"),
    "fct_current_health": ("account_id, score_date", "('a', 2), ('b', 2)"),
    "dim_accounts": (
        "account_id, journey, started_on, observed_until, as_of, arr",
        "('a', 'j', 1, 2, 2, 12.00), ('b', 'j', 2, 2, 2, null)",
    ),
    "drift_thresholds": ("measure, fail_at", "('psi', 0.5), ('coverage', null)"),
    "expansion_indicators": ("indicator", "('x'), ('y')"),
    "fct_account_health": (
        "account_id, score_date, status, model_version, score",
        "('a', 1, 'scored', 'v1', 60.00), ('a', 8, 'churned', 'v1', 60.00)",
    ),
    "fct_account_signals": (
        f"account_id, date_day, {', '.join(SIGNALS)}",
        ", ".join(row[:-1] + ", 0" * len(SIGNALS) + ")" for row in ("('a', 1)", "('a', 2)", "('b', 2)")),
    ),
    "fct_arr_movements": ("account_id, month_end, end_arr", "('a', 1, 5.00), ('a', 2, 12.00)"),
    "fct_expansion_indicators": (
        "account_id, indicator, contribution",
        "('a', 'x', 40.00), ('a', 'y', 20.00), ('b', 'x', null), ('b', 'y', null)",
    ),
    "fct_expansion_scores": ("account_id, score", "('a', 60.00), ('b', null)"),
    "fct_health_drivers": (
        "account_id, score_date, model_version, metric, weight, points, points_lost",
        "('a', 1, 'v1', 'm', 0.5, 40.00, 10.01), ('a', 1, 'v1', 'n', 0.5, 20.00, 30.00)",
    ),
    "fct_health_explained_metrics": (
        "account_id, points, points_change_7d",
        "('a', 40.00, -1.00), ('a', 20.00, 2.00), ('b', 80.00, null)",
    ),
    "fct_health_steps": (
        "account_id, step_points, is_needed, is_band_within_reach",
        "('a', 10.00, true, true), ('a', 5.00, false, true)",
    ),
    "fct_health_explanations": (
        "account_id, status, score, change_7d, points_to_next_band",
        "('a', 'scored', 60.00, 1.00, 10.00), ('b', 'scored', 80.00, null, null), ('c', 'too_early', null, null, null)",
    ),
    "fct_milestones": ("account_id, journey, milestone_id", "('a', 'j', 'M1'), ('b', 'j', 'M1')"),
    "rpt_health_drift": (
        DRIFT,
        "('v1', 1, 'psi', 'm', 'smb', 0.9, 0.1, 'compared', 'alert', ''),"
        "('v1', 2, 'psi', 'm', 'smb', 0.4, 0.1, 'compared', 'ok', ''),"
        "('v2', 1, 'coverage', 'm', 'all', -0.9, 0.1, 'compared', 'ok', ''),"
        "('v2', 1, 'psi', 'm', 'all', 0.9, 0.1, 'too_few_accounts', null, '')",
    ),
    "health_weights": ("model_version, metric, weight", "('v1', 'm', 0.5), ('v1', 'n', 0.5)"),
    "int_account_exclusions": ("account_id, reason", "('c', 'test')"),
    "journey_milestones": ("journey, milestone_id", "('j', 'M1'), ('k', 'M2')"),
    "reject_thresholds": ("source, warn_share, fail_share", "('crm', 0.1, 0.1)"),
    "fct_rejected_events": ("source", "('crm')"),
    "signals": ("signal", REGISTER),
    "rpt_stream_reconciliation": ("source, raw_count, staged_count, rejected_count", "('crm', 10, 9, 1)"),
    "rpt_ttv_layers": (
        "persona, segment, product_category, layer, total_days, layer_days, share",
        "('p', 'all', 'all', 'x', 15, 7.000000, 0.4666666667), ('p', 'all', 'all', 'y', 15, 8.000000, 0.5333333333),"
        "('q', 'all', 'all', 'x', 2, 2.000000, null)",
    ),
    "rpt_ttv_survival": (
        "cohort_key, day, survival, at_risk, activated, churned, censored",
        "('c', 3, 0.75, 4, 1, 0, 0), ('c', 5, 0.75, 3, 0, 1, 0), ('c', 9, 0, 2, 2, 0, 0), ('d', 1, 1, 1, 0, 0, 1)",
    ),
}
# Per test: one table at a time whose rows, or columns and rows, are replaced so that the test must fail.
BROKEN = {
    "arr_movements_end_with_the_arr_of_the_accounts": [
        ("fct_arr_movements", "('a', 1, 5.00), ('a', 2, 11.99)"),
        ("fct_arr_movements", "('a', 1, 12.00)"),
        ("fct_arr_movements", "('a', 2, 12.00), ('b', 2, 1.00)"),
    ],
    "configuration_has_no_problem": [("configuration_problems", "('x')")],
    "raw_rows_are_staged_or_rejected": [
        ("rpt_stream_reconciliation", "('crm', 11, 9, 1)"),
        ("fct_rejected_events", "('crm'), ('crm')"),
        ("fct_rejected_events", "('crm'), ('billing')"),
    ],
    "rejects_stay_below_warn_share": [("fct_build_warnings", "('rejects', 'x')")],
    "rejects_stay_below_fail_share": [
        ("reject_thresholds", "('crm', 0.09, 0.09)"),
        ("reject_thresholds", "('survey', 1, 1)"),
    ],
    "drift_stays_below_warn": [("fct_build_warnings", "('drift', 'x')")],
    "risk_rules_hold_for_few_accounts": [("fct_build_warnings", "('rules', 'x')")],
    "drift_stays_below_fail": [
        ("rpt_health_drift", "('v1', 2, 'psi', 'm', 'smb', 0.5, 0.1, 'compared', 'alert', '')"),
        ("drift_thresholds", "('psi', 0.5), ('coverage', 0.9)"),
    ],
    "volume_has_no_recent_anomaly": [("fct_build_warnings", "('volume', 'x')")],
    "streams_are_not_silent": [("fct_build_warnings", "('silent_streams', 'x')")],
    "driver_points_sum_to_the_score": [
        ("fct_account_health", "('a', 1, 'scored', 'v1', 60.01)"),
        ("fct_account_health", "('a', 2, 'scored', 'v1', 60.00)"),
        ("fct_health_drivers", "('a', 1, 'v1', 'm', 1.0, 60.00, 40.02)"),
        ("fct_health_drivers", "('a', 1, 'v1', 'm', 1, 61, 40), ('a', 1, 'v1', 'n', 0, -1, 0)"),
    ],
    "every_scored_row_has_each_metric": [
        ("health_weights", "('v1', 'm', 0.5), ('v1', 'n', 0.4)"),
        ("health_weights", "('v1', 'm', 0.5), ('v1', 'n', 0.5), ('v1', 'o', 0.0)"),
        ("health_weights", "('v1', 'm', 0.5)"),
        ("fct_account_health", "('a', 1, 'too_early', 'v1', null)"),
    ],
    "expansion_contributions_sum_to_the_score": [
        ("fct_expansion_scores", "('a', 60.01), ('b', null)"),
        ("fct_expansion_scores", "('a', 60.00), ('b', 0.00)"),
        ("fct_expansion_scores", "('a', null), ('b', null)"),
        ("fct_expansion_scores", "('a', 60.00), ('b', null), ('c', null)"),
        ("expansion_indicators", "('x'), ('y'), ('z')"),
    ],
    "explained_points_sum_exactly": [
        ("fct_health_explained_metrics", "('a', 60.01, 1.00), ('b', 80.00, null)"),
        ("fct_health_explained_metrics", "('a', 60.00, 1.01), ('b', 80.00, null)"),
        ("fct_health_explained_metrics", "('a', 60.00, null), ('b', 80.00, null)"),
        ("fct_health_explained_metrics", "('a', 60.00, 1.00)"),
        ("fct_health_steps", "('a', 9.98, true, true)"),
        ("fct_health_steps", "('a', 10.02, true, false)"),
        ("fct_health_steps", "('a', 10.00, true, true), ('b', 1.00, true, true)"),
    ],
    "score_predicts_where_it_can_be_judged": [("fct_build_warnings", "('validation', 'x')")],
    "signal_register_is_complete": [
        ("signals", f"{REGISTER}, ('x')"),
        ("signals", REGISTER.replace("('arr'), ", "")),
        ("fct_account_signals", (f"x, {', '.join(SIGNALS)}", f"(0{', 0' * len(SIGNALS)})")),
        ("fct_account_signals", (", ".join(SIGNALS[1:]), f"({', '.join('0' * (len(SIGNALS) - 1))})")),
    ],
    "every_account_has_each_day": [
        ("fct_account_signals", ("account_id, date_day", "('a', 1), ('a', 2)")),
        ("fct_account_signals", ("account_id, date_day", "('a', 2), ('b', 2)")),
        ("fct_account_signals", ("account_id, date_day", f"{DAYS}, ('b', 2)")),
        ("fct_account_signals", ("account_id, date_day", f"{DAYS}, ('c', 2)")),
        ("dim_accounts", "('a', 'j', 1, 3, 3, 12.00), ('b', 'j', 2, 2, 2, null)"),
    ],
    "every_account_has_its_journey": [
        ("fct_milestones", "('a', 'j', 'M1')"),
        ("fct_milestones", "('a', 'j', 'M1'), ('b', 'j', 'M1'), ('b', 'k', 'M2')"),
    ],
    "layer_days_sum_exactly": [
        ("rpt_ttv_layers", "('p', 'all', 'all', 'x', 15, 7.000000, 0.5), ('p', 'all', 'all', 'y', 15, 7.999999, 0.5)"),
        ("rpt_ttv_layers", "('p', 'all', 'all', 'x', 15, 15.000000, 0.9999999999)"),
    ],
    "survival_never_rises": [
        ("rpt_ttv_survival", "('c', 3, 0.75, 2, 1, 0, 0), ('c', 5, 0.76, 1, 1, 0, 0)"),
        ("rpt_ttv_survival", "('c', 3, 0.75, 3, 1, 0, 0), ('c', 5, 0.00, 1, 1, 0, 0)"),
        ("rpt_ttv_survival", "('c', 3, 0.75, 2, 1, 0, 0)"),
    ],
    "no_excluded_account_is_published": [
        ("int_account_exclusions", "('a', 'test')"),
        ("base_accounts", "('a', 'a'), ('b', 'a')"),
    ],
    "every_account_has_current_health": [
        ("fct_current_health", "('a', 2)"),
        ("fct_current_health", "('a', 1), ('b', 2)"),
        ("fct_current_health", "('a', 2), ('b', 2), ('c', 2)"),
    ],
}


def failures(node: dict, tables: dict[str, tuple[str, str]]) -> list[tuple]:
    with duckdb.connect(":memory:") as connection:
        for name, (columns, rows) in tables.items():
            connection.execute(f"create table {name} as select * from (values {rows}) as t ({columns})")
        return connection.execute(node["compiled_code"]).fetchall()


def test_every_singular_test_has_a_failing_case():
    assert {name for name, changes in BROKEN.items() if changes} == set(SINGULAR)


@pytest.mark.parametrize("name", BROKEN)
def test_singular_test_can_fail(name):
    assert failures(SINGULAR[name], SOUND) == []
    for table, rows in BROKEN[name]:
        changed = rows if isinstance(rows, tuple) else (SOUND[table][0], rows)
        assert failures(SINGULAR[name], SOUND | {table: changed}), rows


@pytest.mark.parametrize("node", GENERIC["unique_combination_of_columns"], ids=lambda node: node["name"])
def test_a_key_of_several_columns_can_fail(node):
    model = NODES[node["attached_node"]]
    key = node["test_metadata"]["kwargs"]["combination_of_columns"]
    others = [column for column in model["columns"] if column not in key]
    columns = ", ".join([*key, *others])

    def table(*last_values: str) -> dict:
        rows = [["'a'"] * (len(key) - 1) + [value] + ["null"] * len(others) for value in last_values]
        return {model["name"]: (columns, ", ".join(f"({', '.join(row)})" for row in rows))}

    assert failures(node, table("'a'", "'b'")) == []
    assert failures(node, table("'a'", "'a'", "'b'")) == [("a",) * len(key) + (2,)]
    assert len(failures(node, table("'a'", "null"))) == 1


DAYS = {"of": "date", "starts_at": "timestamp"}


def candidates(rule: str, data_type: str) -> list[str]:
    if data_type == "boolean":
        values = ["true", "false"]
    elif data_type in ("date", "timestamp"):
        values = [f"{data_type} '2025-01-0{day}'" for day in (1, 2, 3)]
    elif data_type == "string":
        values = [*dict.fromkeys(re.findall(r"'[^']*'", rule)), "'other'"]
    else:
        edges = {0, 1, *map(int, re.findall(r"(?<![\w.])-?\d+\b", rule))}
        values = [str(value) for value in sorted({edge + step for edge in edges for step in (-1, 0, 1)})]
    return [*values, "null"]


@pytest.mark.parametrize("node", GENERIC["rules_hold"], ids=lambda node: node["name"])
def test_each_rule_can_hold_and_break(node):
    model = NODES[node["attached_node"]]
    types = {name: column["data_type"] for name, column in model["columns"].items()}
    # The project's days are those of UTC, in which a macro for a day is a cast.
    rules = [
        re.sub(r"{{ day_(of|starts_at)\('(\w+)'\) }}", lambda found: f"cast({found[2]} as {DAYS[found[1]]})", rule)
        for rule in node["test_metadata"]["kwargs"]["rules"]
    ]
    with duckdb.connect(":memory:") as connection:
        columns = ", ".join(f"{name} {data_type}" for name, data_type in types.items())
        connection.execute(f"create table {model['name']} ({columns})")
        assert connection.execute(node["compiled_code"]).fetchall() == []
        for rule in rules:  # Some row of the values near the rule's own breaks it, some meets it.
            used = [name for name in types if re.search(rf"\b{name}\b", re.sub(r"'[^']*'", "", rule))]
            rows = " cross join ".join(
                f"(select unnest([{', '.join(candidates(rule, types[name]))}])::{types[name]} as {name})"
                for name in used
            )
            assert connection.execute(f"select 1 from {rows} where {rule} limit 1").fetchone(), rule
            broken = f"select {', '.join(used)} from {rows} where not ({rule}) order by all limit 1"
            connection.execute(f"insert into {model['name']} ({', '.join(used)}) {broken}")
        count = connection.execute(f"select count(*) from {model['name']}").fetchone()[0]
        assert count == len(rules), "a rule that no row can break"
        assert len(connection.execute(node["compiled_code"]).fetchall()) == count
