"""The SQL marts equal the independent replay, row for row, on random companies.

EXAMPLES sets how many, half of them with peer groups small enough to be used.
"""

from collections import Counter

import company_strategy
import oracle
import pytest
import warehouse
from hypothesis import HealthCheck, given, settings

COMPANIES = settings(
    max_examples=warehouse.examples(14),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# The replay's table, the model, the key, and where the replay's names differ from the model's columns.
TABLES = {
    "merges": ("fct_account_merges", ["event_id"], {}),
    "watermarks": ("base_stream_watermarks", ["source"], {}),
    "observed_days": ("base_observed_days", ["source", "subject", "date_day"], {}),
    "accounts": ("int_accounts", ["account_id"], {}),
    "signals": ("fct_account_signals", ["account_id", "date_day"], {}),
    "milestones": ("fct_milestones", ["account_id", "milestone_id"], {}),
    "health": ("fct_account_health", ["account_id", "score_date"], {}),
    "drivers": (
        "fct_health_drivers",
        ["account_id", "score_date", "metric"],
        {"change_needed_x": "change_needed_for_next_band"},
    ),
    "steady_bands": ("int_health_steady_bands", ["account_id", "score_date"], {}),
    "overrides": ("fct_health_overrides", ["override_id"], {}),
    "renewals": ("fct_renewals", ["renewal_key"], {}),
    "time_to_value": (
        "fct_time_to_value",
        ["account_id", "onboarding_number", "persona"],
        {"duration_days": "followed_days", "milestone_id": "activation_milestone_id"},
    ),
}
NEEDED = ("fct_rejected_events", *(model for model, _, _ in TABLES.values()))
# Steps of the replay that no model publishes.
UNPUBLISHED = {"accounts": {"first_seats_on"}, "milestones": {"first_seats_on", "achieved_on", "waived_on"}}

# Every month: all product events of one day, the logins of some, one of which is excluded twice, and what milestones count.
EXCLUDED_DAYS = [
    {"event_type": event_type, "excluded_from": f"{month}-{first}", "excluded_to": f"{month}-{last}", "reason": "test"}
    for month in (f"{2025 + number // 12}-{number % 12 + 1:02}" for number in range(18))
    for event_type, first, last in (
        ("any", "10", "10"),
        ("session_started", "08", "12"),
        ("session_started", "12", "14"),
        ("seat_configured", "01", "20"),
        ("channel_created", "05", "25"),
    )
]


@pytest.fixture(scope="module")
def small_peer_groups():
    """The seeds with peers that a handful of accounts can have, so that an account's own group is used, a version
    of its own from some day on, for a segment, for a stage and for both, excluded days, and terms that renew by themselves."""
    seeds = warehouse.seed_rows()
    seeds = seeds | {
        name: [row for row in seeds[name] if row["model_version"] == "v2"]
        for name in ("health_model_versions", "health_weights", "health_bands")
    }
    (first,) = (
        row | {"min_peers": "2", "max_missing_peer_share": "0.5"} for row in seeds["health_model_versions"]
    )
    versions = [
        first | {"effective_to": "2025-04-30"},
        first | {
            "model_version": "v1", "effective_from": "2025-05-01", "min_account_age_days": "7",
            "unobserved_decay_per_day": "0.05",
        },
        first | {"model_version": "of_smb", "segment": "smb", "effective_from": "2025-06-01"},
        first | {"model_version": "of_adopting", "stage": "adopting", "coverage_floor": "0.3", "unobserved_decay_per_day": ""},
        first | {"model_version": "of_both", "segment": "smb", "stage": "adopting"},
    ]
    weights, bands = (
        [row | {"model_version": version["model_version"]} for version in versions for row in seeds[name]]
        for name in ("health_weights", "health_bands")
    )
    for row in weights:
        if row["model_version"] == "v1" and row["metric"] in ("dau_mau", "csat_score"):
            row["weight"] = "0.10"
    own = [
        row | {"model_version": "v1", "upper_bound": "0.3"}
        for row in seeds["health_metrics"]
        if row["metric"] == "dau_mau"
    ]
    return seeds | {
        "lifecycle_stages": [row | {"from_day": str(int(row["from_day"]) // 2)} for row in seeds["lifecycle_stages"]],
        "health_model_versions": versions,
        "scorecards": [],
        "health_weights": weights,
        "health_bands": bands,
        "health_metrics": seeds["health_metrics"] + own,
        "excluded_days": EXCLUDED_DAYS,
        "billing_settings": [row | {"lapse_grace_days": ""} for row in seeds["billing_settings"]],
        "sla_targets": [
            row | {
                "clock": clock, "pauses_on_customer": pauses,
                "resolution_hours": hours, "resolution_pauses_on_customer": str(pauses == "false").lower(),
            }
            for row, clock, pauses, hours in zip(
                seeds["sla_targets"], ("business", "business", "always", "business"), ("true", "false", "true", "true"),
                ("20", "", "24", "2"), strict=True,
            )
        ],
        "excluded_users": [{"user_id": f"u{number:04}", "reason": "test"} for number in range(3, 10**4, 10)],
        "milestone_settings": [{"not_due_credit": "0.3", "momentum_kept_per_week": "0.8", "min_at_risk": "10", "source": "test"}],
        "usage_settings": [{"session_gap_minutes": "240"}],
        "onboarding_starts": [
            {"event_type": "subscription_started", "preference": "1"},
            {"event_type": "account_created", "preference": "2"},
        ],
    }


def rows(connection, model):
    result = connection.execute(f"select * from {model}")
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def is_same(built, replayed):
    if (
        built is None
        or replayed is None
        or isinstance(replayed, str | bool)
        or not hasattr(built, "__float__")
    ):
        return built == replayed
    return abs(float(built) - float(replayed)) < 1e-9


def first_difference(connection, replayed):
    """Say where the build and the replay first differ: mart, key, column and both values; None where nowhere."""
    refused = [
        Counter((row["source"], row["event_id"], row[reason]) for row in table)
        for table, reason in (
            (rows(connection, "fct_rejected_events"), "reject_reason"),
            (replayed["fct_rejected_events"], "reason"),
        )
    ]
    if refused[0] != refused[1]:
        return (
            f"fct_rejected_events: only built {refused[0] - refused[1]}, only replayed {refused[1] - refused[0]}"
        )
    for table, (model, key, renamed) in TABLES.items():
        built = {tuple(row[column] for column in key): row for row in rows(connection, model)}
        if connection.execute(f"select count(*) from {model}").fetchone()[0] != len(built):
            return f"{model}: {', '.join(key)} is not unique"
        expected = {tuple(row[column] for column in key): row for row in replayed[table]}
        if table == "observed_days":
            replayed_subjects = {(row["source"], row["subject"]) for row in replayed["subjects"]}
            built = {name: row for name, row in built.items() if name[:2] in replayed_subjects}
        for name in sorted(built.keys() ^ expected.keys()):
            return f"{model} {name}: only {'built' if name in built else 'replayed'}"
        for name, row in expected.items():
            for column, value in row.items():
                if column in UNPUBLISHED.get(table, ()):
                    continue
                found = built[name][renamed.get(column, column)]
                if not is_same(found, value):
                    return f"{model} {name}, {column}: built {found!r}, replayed {value!r}"
    return None


def compare(company, seeds, timezone="UTC"):
    events, as_of, known_at = company
    frames = warehouse.raw_frames(events)
    with oracle.in_timezone(timezone):
        if as_of is not None or known_at is not None:
            known_at, as_of = oracle.resolve_moments(events, as_of, known_at)
        replayed = oracle.replay(events, seeds, as_of, known_at)
    moment = {"as_of": as_of, "known_at": known_at, "timezone": timezone}
    with warehouse.build(frames, seeds=seeds, needed=NEEDED, **moment) as connection:
        difference = first_difference(connection, replayed)
    assert difference is None, difference


@COMPANIES
@given(company=company_strategy.companies(with_moments=True))
def test_marts_equal_the_replay(company):
    compare(company, warehouse.seed_rows())


@pytest.mark.slow
@COMPANIES
@given(company=company_strategy.companies(with_moments=True))
def test_marts_equal_the_replay_in_small_peer_groups(small_peer_groups, company):
    compare(company, small_peer_groups)


# Behind UTC and ahead of it, with clocks that change and one that doesn't; in Havana midnight comes twice in November.
@pytest.mark.parametrize("timezone", ["America/New_York", "America/Havana", "Asia/Tokyo", "Pacific/Auckland"])
@settings(COMPANIES, max_examples=2)
@given(company=company_strategy.companies(with_moments=True))
def test_marts_equal_the_replay_in_the_company_s_timezone(small_peer_groups, timezone, company):
    compare(company, small_peer_groups, timezone)
