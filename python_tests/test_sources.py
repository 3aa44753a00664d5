"""Each number that is an opinion names its source, or says that it is ours."""

import pytest
import warehouse

FOLDERS = ("scoring", "catalog", "expansion", "plays", "programme")
NUMBERS = ("integer", "bigint", "decimal")
# Their numbers are an order, or stand under a rule whose row of risk_rules names the source.
WITHOUT = {"risk_severities", "onboarding_starts", "risk_criteria"}
SEEDS = {
    node["name"]: node["config"]["column_types"]
    for node in warehouse.compiled()["nodes"].values()
    if node["resource_type"] == "seed" and node["original_file_path"].split("/")[-2] in FOLDERS
}
OPINIONS = sorted(name for name, types in SEEDS.items() if any(kind.startswith(NUMBERS) for kind in types.values()))


def test_the_folders_hold_the_opinions_that_are_meant():
    assert {"health_weights", "journey_milestones", "expansion_rubrics", "playbooks", "risk_rules"} <= set(OPINIONS)
    assert set(OPINIONS) >= WITHOUT


@pytest.mark.parametrize("seed", [name for name in OPINIONS if name not in WITHOUT])
def test_each_row_with_a_number_names_its_source(seed):
    rows = warehouse.seed_rows()[seed]
    numbers = [column for column, kind in SEEDS[seed].items() if kind.startswith(NUMBERS)]
    for row in rows:
        assert row["source"], row
        if row["source"] == "no number":
            assert all(row[column] in ("", "0") for column in numbers if column != "choice"), row


def test_each_criterion_stands_under_a_rule_with_a_source():
    rules = {row["rule_id"] for row in warehouse.seed_rows()["risk_rules"] if row["source"]}
    assert {row["rule_id"] for row in warehouse.seed_rows()["risk_criteria"]} <= rules
