"""What the project says of itself: every public column typed and described, pages whose links, paths and commands exist."""

import re
import subprocess
import sys

import pytest
from warehouse import PROJECT, compiled, dbt, seed_rows

from onboarding_health.cli import commands

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


@pytest.mark.slow
def test_docs_generate_without_a_warning(tmp_path):
    finished = dbt(
        "docs", "generate", "--no-partial-parse", "--show-all-deprecations",
        "--target-path", str(tmp_path), "--log-path", str(tmp_path),
        ONBOARDING_HEALTH_WAREHOUSE=":memory:",
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout
    assert "warning" not in finished.stdout.lower() and "deprecat" not in finished.stdout.lower()
    assert (tmp_path / "catalog.json").is_file()


PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page):
    text = page.read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith("http")]
    assert [link for link in links if not (page.parent / link).exists()] == []
    paths = re.findall(r"`((?:seeds|models|macros|docs|src|python_tests)/[\w./-]+)`", text)
    assert [path for path in paths if not (PROJECT / path).exists()] == []
    targets = set(re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for line in re.findall(r"(?:^|`)make ([a-z][a-z -]+)", text, re.MULTILINE):
        assert set(line.split()) <= targets, line
    assert set(re.findall(r"(?:^|`)onboarding-health ([a-z-]+)", text, re.MULTILINE)) - {"--help"} <= set(commands.commands)
    marts = {mart["name"] for mart in MARTS}
    named = set(re.findall(r"`((?:dim|fct|rpt)_\w+)(?:\.\w+)?`", text))
    assert named <= marts
    if page.name == "marts.md":
        assert named == marts


def test_the_picture_names_marts():
    texts = re.findall(r">([^<]+)</text>", (PROJECT / "docs/assets/house.svg").read_text())
    named = set(re.findall(r"\w+_\w+", " ".join(texts)))
    assert named and named <= {mart["name"] for mart in MARTS}


def test_the_readme_is_short():
    assert len((PROJECT / "README.md").read_text().splitlines()) <= 120


def test_the_pages_are_a_site_that_asks_nobody(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", tmp_path]
    subprocess.run(command, cwd=PROJECT, check=True)
    pages = [path.read_text() for path in tmp_path.rglob("*.html")]
    assert len(pages) > len(list((PROJECT / "docs").glob("*.md")))
    assert [found for page in pages for found in re.findall(r"<(?:script|link|img)[^>]*https?://[^>]*>", page)] == []
