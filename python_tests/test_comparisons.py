"""Groups of accounts compared by their time to value, and its days by layer, equal statsmodels, lifelines and plain replays.

On drawn times to value, and on a simulated company.
"""

import datetime
import itertools
import random
from collections import defaultdict
from fractions import Fraction

import duckdb
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import warehouse
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time
from scipy.stats import norm
from statsmodels.duration.survfunc import survdiff
from statsmodels.stats.multitest import multipletests

DAY = datetime.timedelta(days=1)
DRAWS = 25
TOLERANCE = 1e-9  # the marts hold 10 decimals
Z = 1.959963984540054
MIN_AT_RISK = 10  # of milestone_settings
LAYERS = {"M1": "tactical", "M2": "behavioral", "M3": "strategic", "M4": "tactical"}
SCOPE = ["persona", "segment", "product_category"]


def draw(rng):
    """One random persona: rows of fct_time_to_value, int_experiment_arms and int_onboarding_milestones."""
    persona, times, arms, milestones = f"draw {rng.random()}", [], [], []
    size, longest = rng.choice((3, 25, 80, 150)), rng.choice((0, 3, 20, 60, 200))
    share, late, is_followed = rng.choice((0, 0.5, 0.9)), rng.choice((0, 0, 0.3, 1)), rng.random() < 0.3
    for number in range(size):
        account, started_on = f"{persona} {number}", datetime.date(2024, 12, 20) + rng.choice((0, 0, 5, 40, 130)) * DAY
        group, category = rng.choice(("smb", "smb", "mid", "enterprise")), rng.choice(("api", "api", "hr"))
        days = rng.randint(0, longest) // (2 if group == "smb" else 1)
        entered = rng.randint(0, days) if rng.random() < late else 0
        is_activated = is_followed or rng.random() < share
        outcome = "activated" if is_activated else rng.choice(("churned", "censored", "waived"))
        value = days + (rng.random() < 0.1) if is_activated else None
        followed = days
        if rng.random() < 0.05:
            entered = followed = None
            outcome = outcome if is_activated else "not_observable"
        activated_on = started_on + value * DAY if is_activated else None
        times.append(
            (account, rng.choice((1, 1, 1, 1, 2)), persona, number % 3 > 0, "M1", group, category, started_on, activated_on)
            + (outcome, value, entered, followed)
        )
        if rng.random() < 0.6:
            arms.append(
                (rng.choice("ef"), account, arm := rng.choice(("b", "a")), arm == "a", started_on + rng.choice((0, 0, 9)) * DAY)
            )
        for milestone, layer in LAYERS.items():
            if layer == "strategic" and category == "api":
                continue
            reached_on = activated_on if milestone == "M1" else started_on + rng.randint(0, longest) * DAY
            is_reached = reached_on is not None and (milestone == "M1" or rng.random() < 0.8)
            moment = datetime.datetime.combine(reached_on, datetime.time(rng.randint(0, 23))) if is_reached else None
            milestones.append((account, times[-1][1], milestone, moment, rng.random() < 0.9))
    return times, arms, milestones


@pytest.fixture(scope="module")
def drawn():
    """A connection to the marts of drawn times to value, in which every draw is a persona of its own."""
    rng = random.Random(4)
    times, arms, milestones = (list(itertools.chain(*rows)) for rows in zip(*(draw(rng) for _ in range(DRAWS)), strict=True))
    with duckdb.connect(":memory:") as connection:
        for table, columns, rows in (
            (
                "fct_time_to_value",
                "account_id varchar, onboarding_number int, persona varchar, is_primary boolean, "
                "activation_milestone_id varchar, segment varchar, product_category varchar, started_on date, "
                "activated_on date, outcome varchar, days_to_value bigint, entered_after_days bigint, followed_days bigint",
                times,
            ),
            (
                "int_experiment_arms",
                "experiment_id varchar, account_id varchar, variant varchar, is_treatment boolean, assigned_on date",
                arms,
            ),
            (
                "int_onboarding_milestones",
                "account_id varchar, onboarding_number int, milestone_id varchar, achieved_at timestamp, is_observable boolean",
                milestones,
            ),
            ("milestones", "milestone_id varchar, layer varchar", list(LAYERS.items())),
        ):
            frame = pd.DataFrame(rows, columns=[column.split()[0] for column in columns.split(", ")], dtype=object)
            connection.register("frame", frame)
            connection.execute(f"create table {table} ({columns}); insert into {table} select * from frame")
        connection.execute(f"create table milestone_settings as select {MIN_AT_RISK} as min_at_risk")
        for model in ("rpt_ttv_comparisons", "rpt_ttv_layers"):
            connection.execute(f"create table {model} as {warehouse.model_sql(model)}")
        yield connection


@pytest.fixture(scope="module", params=["drawn", "dirty_house"])
def house(request):
    return request.getfixturevalue(request.param)


def first_onboardings(connection):
    """Rows of fct_time_to_value that count, each with the personas that it counts for."""
    for row in connection.execute("from fct_time_to_value where onboarding_number = 1").df().itertuples():
        yield row, [row.persona, "primary"] if row.is_primary else [row.persona]


def groups(connection):
    """{(dimension, experiment, persona): {group: [(stratum, entered, followed, is_activated)]}}, the groups in their order."""
    arms = defaultdict(list)
    for arm in connection.execute("from int_experiment_arms").df().itertuples():
        arms[arm.account_id].append(arm)
    found = defaultdict(lambda: defaultdict(list))
    for row, personas in first_onboardings(connection):
        if pd.isna(row.followed_days):
            continue
        entered, followed = int(row.entered_after_days), int(row.followed_days)
        is_activated = bool(row.outcome == "activated" and row.days_to_value == followed)
        quarter = f"{row.started_on.year}-{(row.started_on.month - 1) // 3 * 3 + 1:02}-01"
        for persona in personas:
            for dimension, group in (
                ("segment", row.segment),
                ("product_category", row.product_category),
                ("start_quarter", quarter),
            ):
                member = ("all", entered, followed, is_activated)
                found[dimension, None, persona][group, group].append(member)
            for arm in arms[row.account_id]:
                assigned = max(entered, (arm.assigned_on - row.started_on).days)
                if assigned <= followed:
                    member = (row.segment, assigned, followed, is_activated)
                    found["experiment", arm.experiment_id, persona][arm.is_treatment, arm.variant].append(member)
    return {key: {group[1]: members for group, members in sorted(by_group.items())} for key, by_group in found.items()}


def at_risk(members):
    """How many of a group are at risk on each day."""
    _, entered, followed, _ = (np.array(column) for column in zip(*members, strict=True))
    days = np.arange(followed.max() + 2)[:, None]
    return ((entered <= days) & (days <= followed)).sum(axis=1)


def restricted_mean(members, until):
    """The restricted mean of a group by lifelines, and its variance by a plain replay."""
    _, entered, followed, activated = (np.array(column) for column in zip(*members, strict=True))
    fitter = KaplanMeierFitter().fit(followed, activated, entry=np.maximum(entered - 0.5, 0))
    mean = restricted_mean_survival_time(fitter, t=until)
    risks = at_risk(members)[:until]
    events = np.bincount(followed[activated], minlength=until)[:until]
    curve = np.cumprod(1 - events / risks)
    ahead = np.cumsum(curve[::-1])[::-1]
    variance = sum(
        area**2 * count / (risk * (risk - count)) for area, count, risk in zip(ahead, events, risks, strict=True) if count < risk
    )
    if entered.max() == 0 and (activated | (followed >= until)).all():
        # Nobody is censored: the variance of a mean.
        assert variance == pytest.approx(np.minimum(followed, until).var() / len(members), abs=TOLERANCE)
    return mean, variance


def log_rank(place, stratum, entered, followed, activated):
    """Chi-square and p by statsmodels, nan where nothing is to compare.

    Its strata know no late entry: the strata follow each other in time instead, so that their risk sets are apart.
    """
    _, number = np.unique(stratum, return_inverse=True)
    with np.errstate(all="ignore"):
        try:
            return survdiff(followed + 1e4 * number, activated.astype(float), place, entry=entered - 0.5 + 1e4 * number)
        except np.linalg.LinAlgError:
            return np.nan, np.nan


def test_comparisons(house):
    found = house.execute("from rpt_ttv_comparisons").df().set_index("comparison_key", verify_integrity=True)
    found = found.astype(object).where(found.notna(), None)
    keys, compared = set(), 0
    for (dimension, experiment, persona), by_group in groups(house).items():
        names = list(by_group)
        pairs = itertools.pairwise(names) if dimension == "start_quarter" else itertools.combinations(names, 2)
        tested = {}
        for first, second in pairs:
            key = f"{dimension}|{experiment or ''}|{persona}|{first}|{second}"
            keys.add(key)
            row, members = found.loc[key], (by_group[first], by_group[second])
            assert [row[f"{place}_accounts"] for place in ("first", "second")] == [len(group) for group in members], key
            events = [sum(is_activated for *_, is_activated in group) for group in members]
            assert [row.first_activated, row.second_activated] == events, key
            assert float(row.first_expected + row.second_expected) == pytest.approx(sum(events), abs=TOLERANCE)
            check_means(key, row, *members)
            rows = [(place, *member) for place, group in enumerate(members) for member in group]
            place, stratum, entered, followed, activated = (np.array(column) for column in zip(*rows, strict=True))
            if min(map(len, members)) < MIN_AT_RISK:
                assert (row.finding, row.p_value) == ("too_few_accounts", None), key
                continue
            chi_square, p_value = log_rank(place, stratum, entered, followed, activated)
            if np.isnan(chi_square) or not activated.any():
                assert (row.finding, row.p_value) == ("nothing_to_compare", None), key
                continue
            assert float(row.chi_square) == pytest.approx(chi_square, rel=TOLERANCE, abs=TOLERANCE), key
            assert float(row.p_value) == pytest.approx(p_value, abs=TOLERANCE), key
            tested[key] = p_value
        if not tested:
            continue
        corrected = list(tested.values())
        if len(tested) > 1:  # it collects garbage, which takes longer than all else
            corrected = multipletests(corrected, method="holm")[1]
        for key, p_value in zip(tested, corrected, strict=True):
            row = found.loc[key]
            assert row.pairs_tested == len(tested), key
            assert float(row.p_value_holm) == pytest.approx(p_value, abs=TOLERANCE), key
            sooner = "first_sooner" if row.first_activated > row.first_expected else "second_sooner"
            assert row.finding == (sooner if p_value < 2 * norm.sf(Z) else "no_clear_difference"), key
            compared += 1
    assert keys == set(found.index)
    assert compared > 10


def check_means(key, row, *members):
    # The last day until which enough were at risk in each group, on every day.
    until = min(int(np.argmax(at_risk(group) < MIN_AT_RISK)) for group in members) - 1
    if until < 1:
        assert [row.restricted_to_days, row.first_mean_days, row.mean_days_difference] == [None] * 3, key
        return
    assert row.restricted_to_days == until, key
    means, variances = zip(*(restricted_mean(group, until) for group in members), strict=True)
    for place, mean, variance in zip(("first", "second"), means, variances, strict=True):
        assert float(row[f"{place}_mean_days"]) == pytest.approx(mean, abs=TOLERANCE), key
        if variance == 0:
            assert row[f"{place}_mean_days_error"] is None, key
        else:
            assert float(row[f"{place}_mean_days_error"]) == pytest.approx(np.sqrt(variance), abs=1e-8), key
    assert float(row.mean_days_difference) == pytest.approx(means[1] - means[0], abs=TOLERANCE), key
    bounds = [row.mean_days_difference_lower, row.mean_days_difference_upper]
    if min(variances) == 0:
        assert bounds == [None, None], key
    else:
        spread = Z * np.sqrt(sum(variances))
        expected = [means[1] - means[0] - spread, means[1] - means[0] + spread]
        assert [float(bound) for bound in bounds] == pytest.approx(expected, abs=1e-8), key


def layer_days(row, milestones):
    """{layer: the days of one account's time to value that its milestones ended}, in exact fractions."""
    reached = defaultdict(list)
    for milestone in milestones:
        is_seen = milestone.is_observable or milestone.milestone_id == row.activation_milestone_id
        if is_seen and not pd.isna(milestone.achieved_at) and milestone.achieved_at.date() <= row.activated_on.date():
            reached[(milestone.achieved_at.normalize() - row.started_on).days].append(milestone.layer)
    days, before = defaultdict(Fraction), 0
    for day, layers in sorted(reached.items()):
        for layer in layers:
            days[layer] += Fraction(day - before, len(layers))
        before = day
    assert before == row.days_to_value
    return days


def test_layers(house):
    milestones = defaultdict(list)
    for milestone in (
        house.execute("from int_onboarding_milestones join milestones using (milestone_id) where onboarding_number = 1")
        .df()
        .itertuples()
    ):
        milestones[milestone.account_id].append(milestone)
    outcomes, days, layers = defaultdict(list), defaultdict(list), defaultdict(set)
    for row, personas in first_onboardings(house):
        own = layer_days(row, milestones[row.account_id]) if row.outcome == "activated" else None
        for scope in itertools.product(personas, (row.segment, "all"), (row.product_category, "all")):
            outcomes[scope].append(row.outcome)
            layers[scope] |= {milestone.layer for milestone in milestones[row.account_id]}
            if own is not None:
                days[scope].append((int(row.days_to_value), own))
    found = house.execute("from rpt_ttv_layers").df().set_index([*SCOPE, "layer"], verify_integrity=True).sort_index()
    found = found.astype(object).where(found.notna(), None)
    assert set(found.index) == {(*scope, layer) for scope in layers for layer in layers[scope]}
    told = 0
    for scope in layers:
        accounts, total = days[scope], sum(value for value, _ in days[scope])
        rows = found.loc[scope]
        for layer, row in rows.iterrows():
            ended = [row.accounts_with_value, row.accounts_waiting, row.accounts_churned]
            ended += [row.accounts_waived, row.accounts_not_observable]
            kinds = ("activated", "censored", "churned", "waived", "not_observable")
            assert ended == [outcomes[scope].count(kind) for kind in kinds] and row.accounts == sum(ended), scope
            assert row.total_days == total, scope
            of_layer = sum(own[layer] for _, own in accounts)
            assert float(row.layer_days) == pytest.approx(float(of_layer), abs=1e-5), scope
            if len(accounts) < MIN_AT_RISK or total == 0:
                assert row.missing_because and row.share is None and row.share_lower is None, scope
                continue
            told += 1
            share = of_layer / total
            assert row.missing_because is None and float(row.share) == pytest.approx(float(share), abs=TOLERANCE), scope
            parts = [(value, float(own[layer] / value)) for value, own in accounts if value]
            weights, shares = map(np.array, zip(*parts, strict=True))
            fitted = sm.WLS(shares, np.ones(len(parts)), weights=weights).fit(cov_type="HC0")
            error = fitted.bse[0] * np.sqrt(len(accounts) / (len(accounts) - 1))
            if not 0 < share < 1 or error < 1e-7:
                assert row.share_lower is None and row.share_upper is None, scope
                continue
            logit, spread = np.log(float(share / (1 - share))), Z * error / float(share * (1 - share))
            bounds = [float(row.share_lower), float(row.share_upper)]
            assert bounds == pytest.approx([1 / (1 + np.exp(sign * spread - logit)) for sign in (1, -1)], abs=1e-8), scope
    assert told > 10
    sums = f"select {', '.join(SCOPE)} from rpt_ttv_layers group by all"
    assert house.execute(f"{sums} having sum(share) <> 1 or sum(layer_days) <> max(total_days)").fetchall() == []


def test_the_draws_meet_the_edges(drawn):
    queries = {
        "a difference": "rpt_ttv_comparisons where finding in ('first_sooner', 'second_sooner')",
        "no difference": "rpt_ttv_comparisons where finding = 'no_clear_difference'",
        "too few": "rpt_ttv_comparisons where finding = 'too_few_accounts'",
        "nobody reached value": "rpt_ttv_comparisons where finding = 'nothing_to_compare'",
        "arms": "rpt_ttv_comparisons where dimension = 'experiment' and p_value is not null",
        "more than two groups": "rpt_ttv_comparisons where pairs_tested > 2",
        "a test without a mean": "rpt_ttv_comparisons where p_value is not null and first_mean_days is null",
        "a mean without an error": "rpt_ttv_comparisons where first_mean_days is not null and first_mean_days_error is null",
        "a layer with an interval": "rpt_ttv_layers where share_lower is not null",
        "a layer that ended no wait": "rpt_ttv_layers where share = 0",
        "too few with value": "rpt_ttv_layers where missing_because like 'too few%'",
        "nobody waited": "rpt_ttv_layers where missing_because like 'nobody%'",
    }
    for edge, query in queries.items():
        assert drawn.execute(f"select count(*) from {query}").fetchone()[0] >= 3, edge
