"""What the project says of itself: every public column typed and described, and nothing dbt warns about."""

import pytest
from warehouse import compiled, dbt, seed_rows

MANIFEST = compiled()
NODES = list(MANIFEST["nodes"].values())
MARTS = [node for node in NODES if node["resource_type"] == "model" and node["path"].startswith("marts/")]


@pytest.mark.parametrize("mart", MARTS, ids=lambda node: node["name"])
def test_mart_is_a_public_contract(mart):
    assert mart["config"]["contract"]["enforced"]
    assert mart["access"] == "public"
    assert mart["columns"]
    assert [name for name, column in mart["columns"].items() if not column["data_type"]] == []
    assert [name for name, column in mart["columns"].items() if not column["description"].strip()] == []


def test_everything_is_described():
    described = [
        *(node for node in NODES if node["resource_type"] in ("model", "seed")),
        *(node for node in NODES if node["resource_type"] == "test" and not node.get("test_metadata")),
        *MANIFEST["sources"].values(),
        *(
            macro
            for macro in MANIFEST["macros"].values()
            if macro["package_name"] == "onboarding_health" and macro["name"].startswith("test_")
        ),
    ]
    assert [node["unique_id"] for node in described if not node["description"].strip()] == []


def test_signals_are_described_as_registered():
    columns = {mart["name"]: mart for mart in MARTS}["fct_account_signals"]["columns"]
    register = {row["signal"]: row for row in seed_rows()["signals"]}
    assert set(columns) - {"account_id", "date_day"} == set(register)
    for signal, row in register.items():
        text = columns[signal]["description"].lower()
        assert row["description"].lower() in text
        assert f"unit: {row['unit']}".lower() in text
        assert row["null_means"].lower() in text


def test_docs_generate_without_a_warning(tmp_path):
    finished = dbt(
        "docs", "generate", "--no-partial-parse", "--show-all-deprecations",
        "--target-path", str(tmp_path), "--log-path", str(tmp_path),
        ONBOARDING_HEALTH_WAREHOUSE=":memory:",
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout
    assert "warning" not in finished.stdout.lower() and "deprecat" not in finished.stdout.lower()
    assert (tmp_path / "catalog.json").is_file()
