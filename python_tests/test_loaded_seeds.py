"""What a build rests on are the rows of the seeds as they were loaded: an edit that is not loaded is said, one that is loaded
computes again what rests on it and nothing else."""


import duckdb
import engines
import pytest
import warehouse
from test_bad_input import lone

pytestmark = pytest.mark.slow

STAGED_AGAIN = ("event_schemas", "exchange_rates", "survey_scales")
SCORED_AGAIN = (
    *("event_types", "exclusion_rules", "health_bands", "health_metrics", "health_model_versions"),
    *("health_weights", "journey_milestones", "journeys", "lifecycle_stages", "milestone_criteria", "size_classes"),
    *("sla_targets", "tracking_plan", "business_hours", "holidays", "timezones"),
)
LEFT_ALONE = (
    *("activation_milestones", "alert_kinds", "alert_routes", "drift_settings", "drift_thresholds"),
    *("expansion_bands", "expansion_settings", "lift_targets", "manual_inputs", "milestones", "opportunity_stages"),
    *("play_triggers", "playbooks", "priority_terms", "reject_thresholds", "retention_settings", "retention_windows"),
    *("risk_criteria", "risk_rules", "scorecards", "sync_destinations", "sync_fields", "task_outcomes"),
    *("validation_horizons", "volume_rules"),
)


def frames():
    return warehouse.raw_frames({"crm": lone()})


@pytest.fixture(scope="module")
def house():
    """A house of one account that has been built once; only the tables that say what is computed again."""
    house = warehouse.Nightly(needed=("base_build_moment", "base_coverage_entries"))
    house.load(frames())
    house.build()
    return house


def again(house):
    """Build; say whether that judges the raw rows again, and scores again."""
    house.build()
    return house.connection.execute("select must_reload, must_rebuild from base_build_moment").fetchone()


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [(STAGED_AGAIN, (True, True)), (SCORED_AGAIN, (False, True)), (LEFT_ALONE, (False, False))],
    ids=["staged again", "scored again", "left alone"],
)
def test_only_what_kept_rows_rest_on_computes_them_again(house, seeds, expected):
    again(house)
    for seed in seeds:
        rows = warehouse.seed_rows()[seed]
        house.change_seed(seed, [row | {"edited": "yes"} for row in rows])
        assert again(house) == expected, seed
        assert again(house) == (False, False), seed
        house.change_seed(seed, rows)
        assert again(house) == expected, f"{seed}, as it was"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loaded_seeds")
    for stream, frame in frames().items():
        (folder / "raw" / stream).mkdir(parents=True)
        frame.to_parquet(folder / "raw" / stream / "none.parquet")
    warehouse.copied_opinions(folder / "opinions")
    return folder


def dbt(work, *arguments):
    """Run dbt with the opinions of the folder; return the process and its words."""
    finished = warehouse.dbt(
        *arguments, "--vars", f"raw_path: {work / 'raw'}", "--target-path", str(work / "target"), "--log-path", str(work),
        ONBOARDING_HEALTH_WAREHOUSE=str(work / "house.duckdb"), **engines.opinions(work),
    )  # fmt: skip
    return finished.returncode, " ".join(finished.stdout.split())


def moment(work):
    with duckdb.connect(work / "house.duckdb", read_only=True) as built:
        return built.execute("select must_reload, must_rebuild from base_build_moment").fetchone()


def complete(work):
    """Count the last run as a whole build."""
    with duckdb.connect(work / "house.duckdb") as built:
        built.execute(
            "insert into completed_builds select build_number, known_at, as_of, null, intake_definition, definition "
            "from base_build_moment"
        )


def test_an_edit_that_is_not_loaded_is_said_and_changes_nothing(work):
    run = ("run", "--select", "+base_build_moment")
    failed, words = dbt(work, *run)
    assert failed and "Run dbt seed first, or dbt build in the place of dbt run." in words and "Traceback" not in words
    assert not dbt(work, "seed")[0]
    failed, words = dbt(work, *run)
    assert not failed and "Edited" not in words
    complete(work)

    weights = work / "opinions" / "scoring" / "health_weights.csv"
    weights.write_text(weights.read_text().replace("v2,nps,0.15", "v2,nps,0.10").replace("v2,breadth,0", "v2,breadth,0.05"))
    failed, words = dbt(work, *run)
    assert not failed and "opinions/scoring/health_weights.csv. This run goes on with the rows as they were loaded" in words
    assert moment(work) == (False, False)

    assert not dbt(work, "seed", "--select", "health_weights")[0]
    failed, words = dbt(work, *run)
    assert not failed and "Edited" not in words
    assert moment(work) == (False, True)


SENTENCES = {
    "catalog": ("milestones", "Core account configuration is complete"),
    "scoring": ("health_metrics", "Share of the modules on offer that are in use"),
    "plays": ("playbooks", "Point to the next setup step"),
    "shared": ("signals", "Mean NPS answer of 180 days"),
    "expansion": ("expansion_indicators", "How much of what is on offer the account uses"),
    "sync": ("sync_destinations", "Any receiver of your own"),
}


@pytest.mark.parametrize("own", [("plays",), tuple(SENTENCES)], ids=["plays", "all"])
def test_a_folder_of_opinions_swaps_what_it_holds_and_takes_the_rest_from_the_project(work, tmp_path, own):
    mine = tmp_path / "mine"
    named = warehouse.copied_opinions(mine, own)

    def dbt(*arguments):
        finished = warehouse.dbt(
            *arguments, "--vars", f"raw_path: {work / 'raw'}", "--target-path", str(tmp_path / "target"), "--log-path",
            str(tmp_path), ONBOARDING_HEALTH_WAREHOUSE=str(tmp_path / "house.duckdb"), **named,
        )  # fmt: skip
        assert finished.returncode == 0, finished.stdout
        return " ".join(finished.stdout.split())

    def edit(text, replacement):
        for folder in own:
            path = mine / folder / f"{SENTENCES[folder][0]}.csv"
            content = path.read_text()
            assert (text or SENTENCES[folder][1]) in content
            path.write_text(content.replace(text or SENTENCES[folder][1], replacement))

    edit(None, "Our own words")
    dbt("seed")
    with duckdb.connect(tmp_path / "house.duckdb", read_only=True) as built:
        for folder, (seed, sentence) in SENTENCES.items():
            texts = str(built.execute(f"from {seed}").fetchall())
            assert ("Our own words" in texts, sentence in texts) == (folder in own, folder not in own), folder
    edit("Our own words", "Other words")
    words = dbt("run", "--select", "+base_build_moment")
    for folder, (seed, _) in SENTENCES.items():
        assert (f"{named['ONBOARDING_HEALTH_OPINIONS']}/{folder}/{seed}.csv" in words) == (folder in own), folder
