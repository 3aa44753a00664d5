"""Candidates are scored beside the live versions: they change nothing there, and a copy of the live rows repeats it."""

import pytest
import warehouse

SEEDS = warehouse.seed_rows()
SCORING = ("health_model_versions", "health_weights", "health_bands", "health_metrics")
OF_LIVE = {name: [row for row in SEEDS[name] if row["model_version"] in ("v2", "any")] for name in SCORING}


def live_seeds():
    """The scoring seeds with a live version from a day on, one of a segment and one of a stage."""
    first = SEEDS["health_model_versions"][0]
    versions = [
        first | {"effective_to": "2025-10-31"},
        first | {"model_version": "v3", "effective_from": "2025-11-01"},
        first | {"model_version": "of_smb", "segment": "smb", "effective_from": "2025-10-01"},
        first | {"model_version": "of_adopting", "stage": "adopting"},
    ]
    seeds = {
        name: [row | {"model_version": version["model_version"]} for version in versions for row in OF_LIVE[name]]
        for name in ("health_weights", "health_bands")
    }
    own = [row | {"model_version": "of_smb", "upper_bound": "0.3"} for row in SEEDS["health_metrics"][:1]]
    return seeds | {"health_model_versions": versions, "health_metrics": OF_LIVE["health_metrics"] + own, "scorecards": []}


def copies(seeds, track, **cells):
    """The rows that make each version once more as a candidate; `cells` go into the copied versions."""
    more = {
        name: [
            row | {"model_version": f"{track}_{row['model_version']}"}
            for row in seeds[name]
            if row["model_version"] != "any"
        ]
        for name in SCORING
    }
    more["health_model_versions"] = [row | {"track": track} | cells for row in more["health_model_versions"]]
    return more


def history(connection, table, track):
    """The rows of a track without the names of the track and of its versions."""
    names = [
        column
        for column, *_ in connection.execute(f"describe {table}").fetchall()
        if column not in ("track", "model_version")
    ]
    version = f"replace(model_version, '{track}_', '')"
    query = f"select {', '.join(names)}, {version} from {table} where track = '{track}' order by all"
    return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def frames(dirty_company):
    return dirty_company[0]


@pytest.fixture(scope="module")
def house(frames):
    live = live_seeds()
    same, strict = copies(live, "copycat"), copies(live, "stricter", min_account_age_days="60", min_peers="5")
    seeds = live | {name: live[name] + same[name] + strict[name] for name in SCORING}
    with warehouse.build(frames, seeds=seeds) as connection:
        yield connection


@pytest.mark.parametrize("table", ["int_health_scores", "int_health_drivers"])
def test_back_scoring_the_live_rows_repeats_the_live_history(house, table):
    live = history(house, table, "live")
    assert live and history(house, table, "copycat") == live
    assert history(house, table, "stricter") != live


def test_every_version_judges_someone(house):
    judged = house.execute("select distinct model_version from fct_account_health where status = 'scored'").fetchall()
    assert {name for (name,) in judged} == {"v2", "v3", "of_smb", "of_adopting"}


def test_candidates_change_nothing_that_is_live(house, frames):
    """The marts are equal but for the rows that name a candidate."""

    def of_candidates(row):
        return any(isinstance(value, str) and ("copycat" in value or "stricter" in value) for value in row)

    marts = {
        mart: [row for row in rows if not of_candidates(row)] for mart, rows in warehouse.published(house).items()
    }
    with warehouse.build(frames, seeds=live_seeds()) as alone:
        difference = warehouse.difference(marts, warehouse.published(alone))
        assert difference is None, difference
        assert alone.execute("select count(*) from fct_challenger_scores").fetchone() == (0,)


def test_the_comparison_shows_who_changes_band(house):
    rows = house.execute(
        "select track, sum(changes_band::int), sum(abs(score_difference)) from fct_challenger_scores group by all"
    ).fetchall()
    found = {track: numbers for track, *numbers in rows}
    assert found["copycat"] == [0, 0]
    assert found["stricter"][0] > 0
