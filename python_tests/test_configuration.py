# ruff: noqa: E501 (a message is one line)
"""What is wrong in the seeds is said in one sentence with its file, its row and what to do."""

import datetime

import duckdb
import pytest
import warehouse
from test_seed_mutations import checked

SEEDS = warehouse.seed_rows()


@pytest.fixture(scope="module")
def connection():
    with warehouse.seeded() as connection:
        yield connection


def changed(seed, place, **cells):
    """The seed with other cells in one row, counted from 0."""
    return {seed: [row | (cells if number == place else {}) for number, row in enumerate(SEEDS[seed])]}


def added(seed, place=0, **cells):
    """The seed with one of its rows once more, with other cells."""
    return {seed: SEEDS[seed] + [SEEDS[seed][place] | cells]}


def lacking(seed, **cells):
    """The seed without the rows that have these cells."""
    return {seed: [row for row in SEEDS[seed] if not cells.items() <= row.items()]}


def second_version(first_ends, begins):
    """The seeds with a second version of the health model, its weights and bands."""
    later = {"model_version": "v3"}
    seeds = {
        seed: SEEDS[seed] + [row | later for row in SEEDS[seed] if row["model_version"] == "v2"]
        for seed in ("health_weights", "health_bands")
    }
    live, *candidates = SEEDS["health_model_versions"]
    versions = [live | {"effective_to": first_ends}, live | later | {"effective_from": begins}, *candidates]
    return seeds | {"health_model_versions": versions}


def candidate(name="v3", **cells):
    """The seeds with a candidate version that is the live one but for some cells."""
    seeds = {
        seed: SEEDS[seed] + [row | {"model_version": name} for row in SEEDS[seed] if row["model_version"] == "v2"]
        for seed in ("health_weights", "health_bands")
    }
    return seeds | added("health_model_versions", model_version=name, track="idea", **cells)



SUM = "Change them so that they sum to 1."
VERSION = "scoring/health_model_versions.csv, model_version v2"
BAND = "scoring/health_bands.csv, model_version v2"
METRIC = "scoring/health_metrics.csv, model_version any, metric dau_mau"
WEIGHT = "scoring/health_weights.csv, model_version v2, metric dau_mau"
CRITERION = "catalog/milestone_criteria.csv, milestone_id M001, phase exit, measure {}, subject {}, operator {}, threshold 1.000000"
INVITED = CRITERION.format("event_count", "role:invite", ">=")
RUBRIC = "expansion/expansion_rubrics.csv, indicator breadth, signal module_coverage_30d"
STEPS = (
    "Start with a blank from_value, end with a blank to_value, let each step start where the one before ends, with as many "
    "points or more."
)
A_DAY_BEFORE = "Let effective_to be the day before the next effective_from."
# What one column tells: each kind of check, and what was tried on the health model.
COLUMNS = [
    (changed("health_model_versions", 0, coverage_floor=""), f"{VERSION}: coverage_floor is blank. Fill it in."),
    (changed("health_model_versions", 0, coverage_floor="-0.5"), f"{VERSION}: coverage_floor is -0.5000. It goes from 0 to 1."),
    (changed("health_model_versions", 0, min_peers="0"), f"{VERSION}: min_peers is 0. It goes from 1 to 1000000."),
    (changed("health_model_versions", 0, min_account_age_days="-1"), f"{VERSION}: min_account_age_days is -1. It goes from 0 to 3650."),
    (changed("health_model_versions", 0, effective_from="1066-10-14"), f"{VERSION}: effective_from is 1066-10-14. It goes from 1900-01-01 to 2199-12-31."),
    (changed("health_model_versions", 0, effective_to="1999-01-01"), f"{VERSION}: effective_to is 1999-01-01 and effective_from is 2000-01-01. Let effective_to be no less than effective_from."),
    (candidate(segment="giant"), "scoring/health_model_versions.csv, model_version v3: unknown segment giant. Use any or a value of size_classes.segment."),
    (changed("health_metrics", 0, method="guess"), f"{METRIC}: unknown method guess. Use bounded, peer."),
    (changed("health_metrics", 0, upper_bound="0"), f"{METRIC}: upper_bound is 0.000000 and lower_bound is 0.000000. Let upper_bound be more than lower_bound."),
    (changed("health_metrics", 0, upper_bound=""), f"{METRIC}: upper_bound is blank where method is bounded. Fill it in."),
    (changed("health_weights", 0, model_version=""), "scoring/health_weights.csv, model_version nothing, metric dau_mau: model_version is blank. Fill it in."),
    (added("health_weights"), f"{WEIGHT}: it stands 2 times. Keep one row."),
    (changed("milestone_criteria", 0, subject="role:boss"), CRITERION.format("event_count", "role:boss", ">=") + ": unknown subject role:boss where measure is event_count. Use a value of tracking_plan.event_type, event_schemas.event_type, role:tracking_plan.role."),
    (changed("milestone_criteria", 4, by_persona="true"), "catalog/milestone_criteria.csv, milestone_id M002, phase exit, measure signal, subject seats_used_share_30d, operator >=, threshold 0.800000: unknown by_persona true where measure is signal. Use false."),
    (changed("milestone_criteria", 0, operator="<="), CRITERION.format("event_count", "role:invite", "<=") + ": unknown operator <= where measure is event_count. Use >=, >."),
    (changed("milestone_criteria", 0, within_days="7"), f"{INVITED}, within_days 7: within_days says nothing where measure is event_count. Leave it blank."),
    (changed("milestone_criteria", 0, measure="event_user_days", min_days="4", within_days="3"), CRITERION.format("event_user_days", "role:invite", ">=") + ", within_days 3, min_days 4: within_days is 3 and min_days is 4. Let within_days be no less than min_days."),
    (lacking("sla_targets", priority="high"), "shared/sla_targets.csv, column priority: no row has high. Add one."),
    (lacking("drift_settings"), "monitoring/drift_settings.csv, column reference_weeks: there is no row. Add one."),
    (added("drift_settings", min_accounts="40"), "monitoring/drift_settings.csv, the only row: it stands 2 times. Keep one row."),
    (changed("lifecycle_stages", 1, from_day="0"), "shared/lifecycle_stages.csv, from_day 0: it stands 2 times. Keep one row."),
    (changed("lifecycle_stages", 0, from_day="1"), "shared/lifecycle_stages.csv, column from_day: no row has 0. Add one."),
]  # fmt: skip
# What rows are together.
ROWS = [
    (changed("journeys", 0, segment="smb"), "catalog/journeys.csv, product_category collaboration: no row of segment any says the journey of the other segments. Add one."),
    (changed("journey_milestones", 0, weight="0.2"), f"catalog/journey_milestones.csv, journey collaboration: the weights sum to 1.100000. {SUM}"),
    (added("milestones", milestone_id="M099") | added("milestone_criteria", milestone_id="M099"), "catalog/milestones.csv, milestone_id M099: it is in no journey. Add it to journey_milestones.csv, or remove it here and from milestone_criteria.csv."),
    (lacking("milestone_criteria", milestone_id="M003", phase="exit"), "catalog/milestones.csv, milestone_id M003: no exit criterion. Add a row of phase exit to milestone_criteria.csv."),
    ({"milestone_criteria": [row | {"by_persona": "false"} if row["milestone_id"] == "M003" else row for row in SEEDS["milestone_criteria"]]}, "catalog/journey_milestones.csv, journey analytics, milestone_id M003: it belongs to admin, and no exit criterion asks for what users of this persona did. Set by_persona to true on one in milestone_criteria.csv, or leave persona blank."),
    (added("milestone_criteria", 4, subject="milestone_completion_due"), "catalog/milestone_criteria.csv, milestone_id M002, subject milestone_completion_due: a milestone cannot rest on the signal milestone_completion_due, which rests on milestones. Use another signal of signals.csv."),
    (added("milestone_criteria", measure="event_days", threshold="8", within_days="7"), "catalog/milestone_criteria.csv, milestone_id M001, subject role:invite: threshold days do not fit into within_days days. Lower threshold or raise within_days."),
    (changed("activation_milestones", 0, milestone_id="M003"), "catalog/activation_milestones.csv, product_category collaboration, persona admin: milestone M003 is in no journey of the category. Name a milestone of one of its journeys."),
    (changed("activation_milestones", 1, is_primary="false"), "catalog/activation_milestones.csv, product_category collaboration: the category needs exactly one primary activation milestone. Set is_primary to true on one row."),
    (second_version("", "2025-01-01"), f"{VERSION}: its dates overlap those of v3. {A_DAY_BEFORE}"),
    (second_version("2025-01-01", "2025-01-01"), f"{VERSION}: its dates overlap those of v3. {A_DAY_BEFORE}"),
    (second_version("2024-12-30", "2025-01-01"), f"{VERSION}: no version holds between its end and the start of v3. {A_DAY_BEFORE}"),
    (candidate("any"), "scoring/health_model_versions.csv, model_version any: any is no name for a version. Choose another."),
    (changed("health_model_versions", 0, segment="smb"), "scoring/health_model_versions.csv, track live, segment any, stage any: no version is live for everybody from some day on without an end. Leave effective_to of the last one blank."),
    (changed("health_weights", 0, weight="0.19"), f"scoring/health_weights.csv, model_version v2: the weights sum to 0.990000. {SUM}"),
    (candidate() | added("health_metrics", model_version="v3", metric="joy") | {"health_weights": candidate()["health_weights"] + [SEEDS["health_weights"][0] | {"metric": "joy", "weight": "0"}]}, "scoring/health_weights.csv, model_version v2, metric joy: health_metrics.csv describes the metric for other versions only. Add a row of the version, or of any, there."),
    (changed("health_bands", 0, lower_edge="10"), f"{BAND}: the lowest band must start at 0 and no two at the same edge. Correct lower_edge."),
    (changed("health_bands", 2, hold_margin="18.01"), f"{BAND}, band green: hold_margin must be 0 for the lowest band, and not reach into that of the band below. Lower it."),
    (changed("event_schemas", 4, min_value="5", max_value="1"), "shared/event_schemas.csv, source crm, event_type account_created, payload_key employees: min_value and max_value are no bounds of its value_type. Use days from 1900-01-01 to 2199-12-31, or numbers from -100000000000 to 100000000000, the lower one first."),
    (lacking("event_schemas", event_type="trial_started") | lacking("tracking_plan", event_type="none"), "shared/event_types.csv, source billing, event_type trial_started: unknown event_type trial_started. Use a value of event_schemas.event_type."),
    (changed("size_classes", 1, min_seats="0", min_arr="0"), "shared/size_classes.csv, segment with min_seats 0 and min_arr 0: exactly one class must start at zero. Add or remove one."),
    (changed("sla_targets", 0, is_default="true"), "shared/sla_targets.csv, column is_default: exactly one priority must be the default. Set is_default to true on one row."),
    (changed("survey_scales", 0, promoter_lowest="11"), "shared/survey_scales.csv, kind nps: a limit lies above the scale. Let detractor_highest, promoter_lowest, dropped_from and satisfied_lowest go from lowest to highest."),
    (changed("validation_horizons", 0, train_share="0.9"), "validation/validation_horizons.csv, horizon_days 30: train_share and validation_share leave nothing for the holdout. Let them sum to less than 1."),
    (changed("lift_targets", 9, bucket="12"), "validation/lift_targets.csv, the buckets: they do not count from 1 without a gap. Number the rows 1, 2, 3 and so on."),
    (changed("lift_targets", 0, published_lift="9"), "validation/lift_targets.csv, the lifts: they ask for more churners than there are, or for fewer. Let the lifts sum to the number of buckets, or to no more where some are blank."),
    (lacking("timezones", timezone="UTC") | {"owners": [SEEDS["owners"][0] | {"timezone": "Europe/Berlin"}]},
     "shared/timezones.csv, the var company_timezone: unknown timezone UTC. Use a name of timezones.csv."),
    ({"excluded_days": [{"event_type": "note_logged", "excluded_from": "2025-01-01", "excluded_to": "2025-01-01", "reason": "x"}]}, "monitoring/excluded_days.csv, event_type note_logged: only product events can be taken out, and this is one of another stream. Name a product event, or any."),
    (lacking("risk_criteria", rule_id="nps_low_early"), "plays/risk_rules.csv, rule_id nps_low_early, segment any: the rule has no criterion. Add a row of it to risk_criteria.csv."),
    (changed("risk_criteria", 0, subject="due_by:soon"), "plays/risk_criteria.csv, rule_id setup_missed, subject due_by:soon: unknown milestone due_by:soon. Use any, due_by:<day> or a milestone_id of milestones.csv."),
    (lacking("alert_kinds", alert_kind="risk_began"), "plays/alert_kinds.csv, alert_kind risk_began: the kind has no row of band any. Add one."),
    (lacking("alert_routes", severity="low"), "plays/alert_routes.csv, severity low: the severity has no route of segment any. Add one."),
    (changed("playbooks", 0, cadence_limit="3"), "plays/playbooks.csv, tier 1: the plays of the tier have several limits. Give them the same cadence_limit, or none."),
    (changed("playbooks", 3, due_within_hours="1041"), "plays/playbooks.csv, play_id onboarding_session: due_within_hours is more than half a year of business hours. Lower it, or lengthen the shortest week of business_hours.csv."),
    (added("play_triggers", from_day="20"), "plays/play_triggers.csv, trigger setup_missed, play setup_nudge: two rows ask for the play at one age, from day 0 and from day 20."),
    (changed("priority_terms", 0, weight="0.3"), f"plays/priority_terms.csv, weight: the weights sum to 0.950000. {SUM}"),
    (changed("priority_terms", 0, worth_all_at="0"), "plays/priority_terms.csv, term impact: worth_nothing_at and worth_all_at must differ. Say where the term is worth nothing and where all."),
    (changed("outcome_settings", 0, power_target="0.9"), "plays/outcome_settings.csv, the only row: power_z is not the quantile of power_target. The standard normal quantile of 0.8 is 0.841621233572914."),
    (changed("expansion_indicators", 0, weight="0.1"), f"expansion/expansion_indicators.csv, the weights: they sum to 0.900000. {SUM}"),
    (lacking("expansion_signals", indicator="breadth") | lacking("expansion_rubrics", indicator="breadth"), "expansion/expansion_indicators.csv, indicator breadth: the indicator is read from no signal. Add a row of it to expansion_signals.csv."),
    (added("expansion_signals", choice="2"), "expansion/expansion_signals.csv, indicator breadth, signal module_coverage_30d: the signal stands more than once. Keep one row."),
    (changed("expansion_triggers", 0, signal="milestone_completion_due"), "expansion/expansion_triggers.csv, trigger renewal_ahead: the signal rests on milestones. Use another signal of signals.csv."),
    (changed("expansion_rubrics", 1, from_value="0.3"), f"{RUBRIC}, from_value nothing: the steps of trend any leave a gap or overlap. {STEPS}"),
    (changed("expansion_rubrics", 1, points="60"), f"{RUBRIC}, from_value 0.200000: a higher value would get fewer points. {STEPS}"),
    (changed("expansion_rubrics", 4, points="90"), f"{RUBRIC}: its points do not span 0 to 100. Let the lowest step give 0 points and the highest 100."),
    (added("expansion_rubrics", 1, trend="rising"), f"{RUBRIC}, trend rising: lookback_days is missing for it in expansion_signals.csv. Add it there."),
    (changed("onboarding_experiments", 0, treatment_variant="control"), "revenue/onboarding_experiments.csv, experiment_id guided-setup: its two variants are not two, or it is named completed_onboarding. Name two different variants, and the experiment otherwise."),
    (changed("experiment_metrics", 0, predicted_effect="0.4"), "revenue/experiment_metrics.csv, experiment_id guided-setup, metric first_value_by_day_30: baseline and predicted_effect give no share between 0 and 1. Predict another effect."),
    (changed("experiment_metrics", 1, predicted_effect="1"), "revenue/experiment_metrics.csv, experiment_id guided-setup, metric wait_for_first_value: predicted_effect says that nothing changes. Predict another effect."),
    (changed("experiment_metrics", 1, experiment_id="kickoff-call"), "revenue/experiment_metrics.csv, experiment_id kickoff-call, metric wait_for_first_value: a rollout is not judged by the wait. Take first_value or retained."),
    (changed("sync_destinations", 0, success_field="ok"), "sync/sync_destinations.csv, destination webhook: success_field and success_value go together. Fill in both or neither."),
    (changed("sync_destinations", 1, is_active="true") | lacking("sync_routes", destination="hubspot") | lacking("sync_fields", destination="hubspot") | lacking("sync_values", destination="hubspot"), "sync/sync_destinations.csv, destination hubspot: it is active and nothing is routed to it. Add a row to sync_routes.csv, or set is_active to false."),
    (changed("sync_routes", 0, path="v1"), "sync/sync_routes.csv, destination webhook, object_type account_health: the path does not begin with a slash."),
    (changed("sync_routes", 0, body="{"), "sync/sync_routes.csv, destination webhook, object_type account_health: the body is not JSON."),
    (changed("sync_routes", 0, body='"{fields}"'), "sync/sync_routes.csv, destination webhook, object_type account_health: nothing in it says which object it is of."),
    (changed("sync_fields", 0, field="mood"), "sync/sync_fields.csv, destination hubspot, object_type account_health, target onboarding_health_score: the payload has no field mood."),
    (changed("sync_values", 0, field="mood"), "sync/sync_values.csv, destination hubspot, object_type task, field mood: the field is not sent there. Name a row of sync_fields.csv."),
]  # fmt: skip


@pytest.mark.parametrize(("seeds", "message"), [*COLUMNS, *ROWS])
def test_a_broken_seed_names_file_row_and_remedy(connection, seeds, message):
    problems = checked(connection, seeds)
    said = [problem for problem in problems if problem[0] == problems[0][0]]
    first = min(f"{file}, {row}: {problem} {remedy}" for _, file, row, problem, remedy in said)
    assert first.startswith(message)


def test_an_unknown_company_timezone_stops_the_build_before_a_day_is_asked_for():
    at = datetime.datetime(2025, 3, 10, 3, 30)
    frames = warehouse.raw_frames({"product": [{"event_id": "p1", "event_type": "search", "occurred_at": at, "loaded_at": at}]})
    message = "shared/timezones.csv, the var company_timezone: unknown timezone Mars/Olympus. Use a name of timezones.csv."
    with pytest.raises(duckdb.Error) as stopped:
        warehouse.build(frames, timezone="Mars/Olympus")
    assert message in str(stopped.value)
