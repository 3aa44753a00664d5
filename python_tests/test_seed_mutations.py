"""Cells of all seeds, changed at random: a nonsense value is named with its file and row, and what passes builds.

What may stand in a column is said here a second time, apart from column_checks: which may be blank, hold any text, be
negative, be huge.
"""

import functools
import random
import re
from collections import Counter

import company_strategy
import jinja2
import pytest
import warehouse

SEED = 12
SEEDS = {node["name"]: node for node in warehouse.compiled()["nodes"].values() if node["resource_type"] == "seed"}
TYPES = {name: node["config"]["column_types"] for name, node in SEEDS.items()}
KEYS = {name: node["config"]["meta"]["key"] for name, node in SEEDS.items()}
FILES = {name: "/".join(node["original_file_path"].split("/")[-2:]) for name, node in SEEDS.items()}
CHECKS = [node["name"] for node in warehouse._plan(False)[1] if node["path"].startswith("configuration/")]
CHECKS.remove("configuration_values")

# Columns whose text is told to people or compared with nothing else, by seed; `description` and `source` everywhere.
FREE = {
    "activation_milestones": {"persona"},
    "journey_milestones": {"persona"},
    "milestones": {"milestone", "entry_criteria", "exit_criteria"},
    "tracking_plan": {"event_type", "feature", "module"},
    "arr_scenario_cohorts": {"cohort"},
    "arr_scenarios": {"scenario"},
    "expansion_bands": {"band", "owner_role", "action"},
    "expansion_triggers": {"trigger"},
    "alert_kinds": {"owner_role"},
    "alert_routes": {"channel", "also_to_role"},
    "playbooks": {"play_name", "audience", "channel", "owner_role", "script_name", "expected_effect"},
    "risk_criteria": {"label"},
    "risk_rules": {"rule", "owner_role"},
    "risk_windows": {"risk_window"},
    "business_hours": {"country"},
    "ageing_buckets": {"ageing_bucket"},
    "cancellation_reasons": {"reason"},
    "event_schemas": {"payload_key", "allowed_values"},
    "exchange_rates": {"currency"},
    "excluded_days": {"reason"},
    "excluded_users": {"user_id", "reason"},
    "holidays": {"country", "holiday"},
    "lifecycle_stages": {"stage"},
    "experiment_metrics": {"metric"},
    "onboarding_experiments": {
        *("experiment_id", "control_variant", "treatment_variant", "objective", "hypothesis", "belongs_to"),
        *("decision_rule", "outcome", "learning"),
    },
    "onboarding_retention_assumptions": {"assumption"},
    "opportunity_stages": {"stage"},
    "published_effects": {"published_effect"},
    "owners": {"owner_id", "owner_role"},
    "metric_advice": {"label", "step", "first_step", "source"},
    "scorecards": {"label", "question", "owner_role"},
    "signals": {"null_means", "owner_role", "cadence"},
    "ticket_topics": {"written", "topic"},
    "task_outcomes": {"outcome"},
    "timezones": {"timezone"},
    "health_metrics": {"metric"},
    "health_model_versions": {"author_role", "rationale", "expected_effect", "track"},
    "sync_destinations": {"secret_header", "secret_scheme", "success_field", "success_value"},
    "sync_fields": {"target"},
    "sync_values": {"value", "target_value"},
    "sync_routes": {"path"},
    "kpis": {"kpi_name", "objective", "owner_role", "cadence", "mart", "definition", "narrative"},
    "service_levels": {"level_name", "owner_role"},
    "programme_gates": {"gate_name"},
    "benchmark_metrics": {"metric_name"},
    "benchmark_groups": {"product_category"},
    "maturity_stages": {"stage_name", "owner_role", "if_late"},
    "maturity_criteria": {"label"},
    "resource_measures": {"measure_name"},
    "resource_rules": {"rule", "rule_name", "investment", "serves", "owner_role"},
    "programme_capabilities": {"capability", "capability_name"},
}
# The names that other rows use: another one is an unknown one there, unless nobody does.
NAMES = {
    *(("journeys", "product_category"), ("playbooks", "play_id"), ("risk_severities", "severity"), ("risk_rules", "rule_id")),
    *(("size_classes", "segment"), ("health_bands", "band"), ("expansion_indicators", "indicator"), ("health_metrics", "metric")),
    *(("journey_milestones", "journey"), ("milestones", "milestone_id"), ("health_model_versions", "model_version")),
    *(("event_schemas", "payload_key"), ("tracking_plan", "event_type"), ("lifecycle_stages", "stage")),
    *(("sync_destinations", "destination"), ("exchange_rates", "currency"), ("owner_turns", "owner_role")),
    *(("kpi_checkpoints", "checkpoint"), ("benchmark_groups", "benchmark_group"), ("maturity_stages", "stage")),
    ("resource_measures", "measure"),
}
OPTIONAL = {
    "journey_milestones": {"persona"},
    "milestones": {"entry_criteria", "exit_criteria", "expected_ttv_impact_days"},
    "milestone_criteria": {"within_days"},
    "stop_evidence": {"lookback_days"},
    "tracking_plan": {"feature", "module", "role", "deep_use_days", "call_result"},
    "sla_targets": {"resolution_hours"},
    "expansion_rubrics": {"from_value", "to_value"},
    "expansion_signals": {"lookback_days"},
    "alert_kinds": {"severity", "owner_role"},
    "alert_routes": {"also_to_role"},
    "play_triggers": {"to_day", "moot_by"},
    "playbooks": {"cadence_limit"},
    "priority_terms": {"value_when_null"},
    "risk_criteria": {"within_days"},
    "risk_rules": {"to_day", "band_cap"},
    "billing_settings": {"lapse_grace_days"},
    "coverage_rules": {"silent_after_days"},
    "drift_thresholds": {"fail_at"},
    "event_schemas": {"allowed_values", "unless_key"},
    "event_types": {"document_key"},
    "support_costs": {"author_role"},
    "holidays": {"holiday"},
    "lift_targets": {"published_lift"},
    "manual_inputs": {"stale_after_days"},
    "onboarding_experiments": {"ends_on", "outcome", "learning"},
    "onboarding_retention_assumptions": {"baseline_annual_arr_loss"},
    "signals": {"observed_by", "window_days", "observed_over", "occasion"},
    "survey_scales": {"detractor_highest", "promoter_lowest"},
    "health_metrics": {"age_signal", "lower_bound", "upper_bound"},
    "health_model_versions": {"effective_to", "unobserved_decay_per_day"},
    "metric_advice": {"reach", "peer_share", "count_signal", "effort", "step", "first_step"},
    "programme_roi_claims": {"published_benefit", "published_roi"},
    "programme_capabilities": {"evidence", "min_rows", "is_declared"},
    "service_levels": {"within_minutes"},
    "sync_destinations": {"secret_scheme", "success_field", "success_value"},
    "sync_routes": {"path"},
    "sync_values": {"value", "target_value"},
}
SIGNED = {
    *(("milestones", "expected_ttv_impact_days"), ("milestone_criteria", "threshold"), ("risk_criteria", "threshold")),
    *(("expansion_rubrics", "from_value"), ("expansion_rubrics", "to_value"), ("expansion_triggers", "threshold")),
    *(("priority_terms", column) for column in ("worth_nothing_at", "worth_all_at", "value_when_null")),
    *(("survey_scales", column) for column in ("lowest", "highest", "detractor_highest", "promoter_lowest")),
    *(("survey_scales", column) for column in ("dropped_from", "dropped_below", "satisfied_lowest")),
    *(("health_metrics", "lower_bound"), ("health_metrics", "upper_bound"), ("event_schemas", "min_value")),
    *(("event_schemas", "max_value"), ("kpi_targets", "target"), ("maturity_criteria", "threshold")),
    ("experiment_metrics", "predicted_effect"),
}
MUTATIONS = ("blank", "negative", "zero", "huge", "text", "unknown", "fraction", "twice", "gone", "swapped")


@functools.cache
def remedy_template():
    macro = warehouse.compiled()["macros"]["macro.onboarding_health.remedy_of_cell"]["macro_sql"]
    return jinja2.Environment(extensions=["jinja2.ext.do"]).from_string(macro + "{{ remedy_of_cell(cell, kind) }}")


@functools.cache
def remedy(cell, kind):
    """What dbt seed says of a cell that does not fit its column; '' where it fits."""
    return remedy_template().render(cell=cell, kind=kind, modules={"re": re}, **{"return": str}).strip()


def is_number(kind):
    return kind in ("integer", "bigint") or kind.startswith("decimal")


def mutated(rng, seed, kind):
    """The rows of a seed after a mutation, the column and the row it hit; None where the seed has nothing of the kind."""
    rows = [dict(row) for row in warehouse.seed_rows()[seed]]
    numbers = [column for column, kind_of in TYPES[seed].items() if is_number(kind_of)]
    texts = [column for column, kind_of in TYPES[seed].items() if kind_of == "string"]
    dates = [column for column, kind_of in TYPES[seed].items() if kind_of == "date"]
    columns = {"blank": list(TYPES[seed]), "text": [*numbers, *dates], "unknown": texts, "swapped": dates[:1]}.get(kind, numbers)
    if not rows or (kind not in ("twice", "gone") and not columns):
        return None
    place = rng.randrange(len(rows))
    row = rows[place]
    if kind == "twice":
        return [*rows, row], None, row
    if kind == "gone":
        return rows[:place] + rows[place + 1 :], None, row
    column = rng.choice(columns)
    if kind == "swapped":
        row[dates[0]], row[dates[-1]] = "2031-01-01", "2030-01-01"
        return (rows, dates[-1], row) if len(dates) > 1 else None
    before = row[column]
    row[column] = {
        "blank": "", "negative": "-" + rng.choice(["1", "7", "0.5"]), "zero": "0", "huge": rng.choice(["1" + "0" * 10, "9" * 40]),
        "text": "a lot", "unknown": f"no {seed} {column}", "fraction": rng.choice(["1.5", "0.123456789012345678"]),
    }[kind]  # fmt: skip
    if TYPES[seed][column] in ("integer", "bigint") and kind == "negative":
        row[column] = f"-{7 + list(SEEDS).index(seed)}"  # Of two seeds that are changed at once neither knows the other's value.
    return (rows, column, row) if row[column] != before else None


def may_pass(seed, kind, column, row):
    """Whether the house may build with it; where False it must be refused."""
    if kind in ("twice", "text", "swapped"):
        return False
    if kind == "blank":
        return column in OPTIONAL.get(seed, ()) or column == "description" or seed == "column_checks"
    if kind == "negative":
        return (seed, column) in SIGNED
    if kind == "huge":
        return (seed, column) == ("size_classes", "min_arr")  # there are currencies of little worth
    if kind == "unknown":
        if seed == "column_checks" or (seed, column) in NAMES:
            return True
        return column in ("description", "source") or column in FREE.get(seed, ())
    return True


@pytest.fixture(scope="module")
def warehouse_of_seeds():
    with warehouse.seeded() as connection:
        yield connection


def checked(connection, seeds):
    """The problems of the seeds, in the order in which they are said."""
    connection.execute("begin")
    try:
        for name, rows in seeds.items():
            connection.execute(f"drop table {name}; {warehouse._seed_sql(SEEDS[name], rows)}")
        for name in CHECKS:
            connection.execute(f"create table {name} as {warehouse.model_sql(name)}")
        return connection.execute("select * from configuration_problems order by all").fetchall()
    finally:
        connection.execute("rollback")


def test_every_seed_and_column_is_checked_and_nothing_else():
    columns = {(FILES[name], column) for name, types in TYPES.items() for column in types}
    assert {(row["file_path"], row["column_name"]) for row in warehouse.seed_rows()["column_checks"]} == columns
    with warehouse.seeded() as connection:
        connection.execute(f"create table cells as {warehouse.model_sql('configuration_cells')}")
        found = connection.execute("select distinct seed, column_name from cells").fetchall()
    empty = {name for name, rows in warehouse.seed_rows().items() if not rows}
    assert set(found) == {(name, column) for name, types in TYPES.items() if name not in empty for column in types}


def test_the_project_s_own_seeds_are_sound(warehouse_of_seeds):
    assert checked(warehouse_of_seeds, {}) == []
    for name, rows in warehouse.seed_rows().items():
        for row in rows:
            for column, kind in TYPES[name].items():
                assert not row[column] or remedy(row[column], kind) == "", (name, row)


def names_the_row(problem, seed, column, row):
    """Whether a problem is of the seed's file, and of the row or the column that was changed."""
    _, file, row_key, text, action = problem
    words = f"{row_key} {text} {action}"
    cells = [row[key] for key in KEYS[seed] if row[key]]
    return file == FILES[seed] and (
        not KEYS[seed] or any(cell in words for cell in cells) or (column is not None and column in words)
    )


@pytest.mark.parametrize("kind", MUTATIONS)
def test_a_nonsense_cell_of_any_seed_is_named(warehouse_of_seeds, kind):
    """One row of every seed at a time, three times: each that may not pass is said by its file and row."""
    rng = random.Random(f"{SEED} {kind}")
    outcomes = Counter()
    silent = []
    for _ in range(3):
        mutations = {seed: mutated(rng, seed, kind) for seed in SEEDS}
        loaded = {}
        for seed, mutation in mutations.items():
            if mutation is None:
                continue
            rows, column, row = mutation
            if column and row[column] and remedy(row[column], TYPES[seed][column]):
                outcomes["refused when it is loaded"] += 1
            else:
                loaded[seed] = mutation
        problems = checked(warehouse_of_seeds, {seed: rows for seed, (rows, _, _) in loaded.items()})
        assert all(None not in problem for problem in problems if problem[0] < 5)
        for seed, (_, column, row) in loaded.items():
            if any(names_the_row(problem, seed, column, row) for problem in problems):
                outcomes["named"] += 1
            elif may_pass(seed, kind, column, row):
                outcomes["passes"] += 1
            else:
                silent.append((seed, column, row))
    print(kind, dict(outcomes))
    assert not silent, "\n".join(map(str, silent))
    assert sum(outcomes.values()) > 40 or kind == "swapped"


@pytest.mark.slow
def test_one_fault_is_one_message_and_what_passes_builds(warehouse_of_seeds):
    """Single mutations: the message that is said first names the file that was changed; some of those that pass are built."""
    rng = random.Random(SEED)
    outcomes = Counter()
    passing, unclear = [], []
    while sum(outcomes.values()) < 60:
        seed, kind = rng.choice(sorted(SEEDS)), rng.choice(MUTATIONS)
        mutation = mutated(rng, seed, kind)
        if mutation is None:
            continue
        rows, column, row = mutation
        if column and row[column] and remedy(row[column], TYPES[seed][column]):
            outcomes["refused when it is loaded"] += 1
            continue
        problems = checked(warehouse_of_seeds, {seed: rows})
        if not problems:
            outcomes["passes"] += 1
            passing.append({seed: rows})
            if not may_pass(seed, kind, column, row):
                unclear.append((seed, kind, column, row))
            continue
        outcomes["named"] += 1
        said = [problem for problem in problems if problem[0] == problems[0][0]]
        first = min(said, key=lambda problem: f"{problem[1]}, {problem[2]}: {problem[3]} {problem[4]}")
        if FILES[seed] != first[1] and seed not in f"{first[3]} {first[4]}":
            unclear.append((seed, kind, column, row, first))
    print(dict(outcomes))
    assert unclear == []
    for seeds in passing[:BUILT]:
        builds(seeds)


BUILT = 6
RULES = [
    node for node in warehouse.compiled()["nodes"].values() if (node.get("test_metadata") or {}).get("name") == "rules_hold"
]


def builds(seeds):
    """Build a small company with the seeds; its rules must hold."""
    frames = warehouse.raw_frames(company_strategy.random_company(5, n_accounts=4, n_days=70, dirt=0))
    with warehouse.build(frames, seeds=seeds) as built:
        for node in RULES:
            assert built.execute(node["compiled_code"]).fetchall() == [], (node["name"], list(seeds))
