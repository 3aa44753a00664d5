"""Experiments equal SciPy and statsmodels on drawn arms; placebos show nothing, and the simulator's variant shows what it is."""

import datetime
import random
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import warehouse
from scipy.stats import chisquare, norm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, power_proportions_2indep, proportions_ztest

from onboarding_health.simulator.company import MILESTONES, NEVER, draw_accounts

DAY = datetime.timedelta(days=1)
Z, POWER_Z = norm.ppf(0.975), norm.ppf(0.8)
MIN_AT_RISK = 10  # of milestone_settings
SEED = warehouse.seed_rows()
TRUTH = 0.85 / 1.10  # waits of the treatment beside the control, in the simulator


def experiment(name, kind="randomised", **changes):
    row = {column: "x" for column in SEED["onboarding_experiments"][0]} | {
        "experiment_id": name, "kind": kind, "control_variant": "a", "treatment_variant": "b", "treatment_share": "0.5",
        "rollout_segment": "", "starts_on": "2025-01-01", "ends_on": "",
    }  # fmt: skip
    if kind == "rollout":
        row |= {"control_variant": "", "treatment_variant": "", "treatment_share": "", "rollout_segment": "smb"}
    return row | changes


def metric(name, metric="value", measure="first_value", by_day="30", baseline="0.6", effect="0.06"):
    return {
        "experiment_id": name, "metric": metric, "measure": measure, "by_day": by_day, "baseline": baseline,
        "predicted_effect": effect, "source": "x",
    }  # fmt: skip


TABLES = {
    "base_build_moment": "as_of date",
    "int_experiment_arms": "experiment_id varchar, account_id varchar, variant varchar, is_treatment boolean, assigned_on date",
    "int_experiment_outcomes": "experiment_id varchar, metric varchar, account_id varchar, onboarding_number int, "
    "is_treated boolean, is_after boolean, from_on date, is_lived boolean, is_reached boolean",
    "fct_time_to_value": "account_id varchar, onboarding_number int, persona varchar, is_primary boolean, segment varchar, "
    "product_category varchar, started_on date, outcome varchar, days_to_value bigint, entered_after_days bigint, "
    "followed_days bigint",
}


def judged(experiments, metrics, **tables):
    """Rows of rpt_experiments by key, from rows of its parents."""
    seeds = {"onboarding_experiments": experiments, "experiment_metrics": metrics}
    with warehouse.seeded(seeds) as connection:
        tables["base_build_moment"] = [(datetime.date(2025, 12, 31),)]
        for table, columns in TABLES.items():
            names = [column.split()[0] for column in columns.split(", ")]
            connection.execute(f"create table {table} ({columns})")
            if tables.get(table):
                connection.register("frame", pd.DataFrame(tables[table], columns=names, dtype=object))
                connection.execute(f"insert into {table} select * from frame")
        for model in ("rpt_ttv_comparisons", "int_experiment_effects", "rpt_experiments"):
            connection.execute(f"create table {model} as {warehouse.model_sql(model)}")
        found = connection.execute(
            "select rpt_experiments.*, restricted_to_days from rpt_experiments left join rpt_ttv_comparisons as waits "
            "on measure = 'wait' and waits.experiment_id = rpt_experiments.experiment_id and persona = 'primary'"
        ).df()
        return found.set_index("experiment_key").astype(object).where(found.set_index("experiment_key").notna(), None)


def cells(members):
    """[accounts, reached] by (is_treated, is_after)."""
    counts = defaultdict(lambda: [0, 0])
    for _, is_treated, is_after, is_reached in members:
        counts[is_treated, is_after][0] += 1
        counts[is_treated, is_after][1] += is_reached
    return counts


def did(members):
    """The difference in differences, its error and p, by a regression with clustered errors."""
    account, treated, after, reached = (np.array(column) for column in zip(*members, strict=True))
    columns = np.column_stack([np.ones(len(account)), treated, after, treated & after]).astype(float)
    fitted = sm.OLS(reached.astype(float), columns).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(account)[0]}, use_t=False
    )
    return fitted.params[3], fitted.bse[3], fitted.pvalues[3]


def check(row, members, baseline, effect):
    """A row of rpt_experiments against libraries; returns its p."""
    counts = cells(members)
    (control, control_reached), (treated, treated_reached) = counts[False, True], counts[True, True]
    assert [row.control_accounts, row.control_reached] == [control, control_reached]
    assert [row.treated_accounts, row.treated_reached] == [treated, treated_reached]
    needed = [control, treated]
    if row.kind == "rollout":
        before = [counts[False, False][0], counts[True, False][0]]
        assert [row.control_before_accounts, row.treated_before_accounts] == before
        needed += before
    if min(needed) < MIN_AT_RISK:
        assert row.finding == "too_few_accounts" and row.effect is None and row.p_value is None and row.power is None
        return None
    share = baseline + effect
    if row.kind == "rollout":
        found, error, p = did(members)
        bounds = [found - Z * error, found + Z * error]
        smallest = (Z + POWER_Z) * error
        null = np.sqrt(baseline * (1 - baseline) * sum(1 / n for n in needed))
        spread = np.sqrt(baseline * (1 - baseline) * sum(1 / n for n in [control, *before]) + share * (1 - share) / treated)
        power = norm.cdf((abs(effect) - Z * null) / spread) + norm.cdf((-abs(effect) - Z * null) / spread)
    else:
        found = treated_reached / treated - control_reached / control
        bounds = confint_proportions_2indep(treated_reached, treated, control_reached, control, method="newcomb", compare="diff")
        _, p = proportions_ztest([treated_reached, control_reached], [treated, control])
        pooled = (treated_reached + control_reached) / (treated + control)
        smallest = (Z + POWER_Z) * np.sqrt(pooled * (1 - pooled) * (1 / treated + 1 / control))
        power = power_proportions_2indep(effect, baseline, treated, control / treated, 0.05).power
    assert float(row.effect) == pytest.approx(found, abs=1e-8)
    if np.isnan(p) or (row.kind == "rollout" and error < 1e-9):
        assert row.p_value is None and row.power is None and row.smallest_effect is None
        return None
    assert [float(row.effect_lower), float(row.effect_upper)] == pytest.approx(list(bounds), abs=2e-8)
    assert float(row.p_value) == pytest.approx(p, abs=1e-7)
    assert float(row.smallest_effect) == pytest.approx(smallest, abs=2e-8)
    assert float(row.power) == pytest.approx(power, abs=1e-9)
    return row.p_value


def check_holm(found):
    """Corrected p values of each experiment, and findings that follow from them."""
    for _, rows in found[found["p_value"].notna()].groupby("experiment_id"):
        corrected = multipletests(rows["p_value"].astype(float), method="holm")[1]
        assert rows["p_value_holm"].astype(float).tolist() == pytest.approx(corrected.tolist(), abs=1e-9)
        assert set(rows["metrics_tested"]) == {len(rows)}
        open_rows = rows[~rows["finding"].isin(["arms_not_as_planned"])]
        for row, p in zip(open_rows.itertuples(), corrected[~rows["finding"].isin(["arms_not_as_planned"])], strict=True):
            assert (row.finding in ("better", "worse")) == (p < 0.05), row


def test_arms_and_rollouts_equal_the_libraries():
    rng = random.Random(3)
    experiments, metrics, outcomes, arms, drawn, sizes = [], [], [], [], {}, {}
    for number in range(60):
        name, kind = f"e{number}", rng.choice(("randomised", "rollout"))
        share = rng.choice((0.5, 0.5, 0.3))
        experiments.append(experiment(name, kind) | ({"treatment_share": str(share)} if kind == "randomised" else {}))
        for place in range(rng.choice((1, 2, 3))):
            effect = rng.choice((0.06, -0.1, 0.2))
            metrics.append(metric(name, f"m{place}", effect=str(effect)))
            chances = [rng.choice((0, 0.3, 0.6, 1)) if rng.random() < 0.3 else rng.uniform(0.2, 0.8) for _ in range(4)]
            members = []
            for account in range(rng.choice((12, 60, 200, 400))):
                for onboarding in range(1, 1 + rng.choice((1, 1, 1, 2))):
                    is_treated = rng.random() < 0.5
                    is_after = kind == "randomised" or rng.random() < 0.5
                    is_reached = rng.random() < chances[2 * is_treated + is_after]
                    is_lived = rng.random() < 0.9
                    row = (name, f"m{place}", f"{account}", onboarding, is_treated, is_after, None, is_lived)
                    outcomes.append((*row, is_reached if is_lived else None))
                    if is_lived:
                        members.append((account, is_treated, is_after, is_reached))
            drawn[f"{name}|m{place}"] = (members, 0.6, effect)
        if kind == "randomised":
            sizes[name] = (rng.randint(1, 100), rng.randint(1, 100), share)
            for is_treated in (False, True):
                arms += [(name, f"{is_treated}{n}", "x", is_treated, None) for n in range(sizes[name][is_treated])]
    found = judged(experiments, metrics, int_experiment_outcomes=outcomes, int_experiment_arms=arms)
    assert set(found.index) == set(drawn)
    for key, (members, baseline, effect) in drawn.items():
        check(found.loc[key], members, baseline, effect)
    check_holm(found)
    for row in found.itertuples():
        if row.kind == "rollout":
            assert row.sample_ratio_p is None
            continue
        control, treated, share = sizes[row.experiment_id]
        both = control + treated
        p = chisquare([control, treated], [both * (1 - share), both * share]).pvalue
        assert float(row.sample_ratio_p) == pytest.approx(p, abs=1e-9)
        assert (row.finding == "arms_not_as_planned") == (p < 0.001 and row.finding != "too_few_accounts"), row.Index
    findings = {"better", "worse", "no_effect_found", "too_few_accounts", "arms_not_as_planned", "nothing_to_compare"}
    assert set(found["finding"]) == findings


def test_who_counts_equals_a_plain_replay(dirty_house):
    """The shipped experiments on a simulated company, from its onboardings, steps and first assignments."""
    onboardings, steps = defaultdict(list), {}
    for row in dirty_house.execute("from int_onboardings").df().itertuples():
        onboardings[row.account_id].append(row)
    primary = [row for row in SEED["activation_milestones"] if row["is_primary"] == "true"]
    first_value = {row["product_category"]: row["milestone_id"] for row in primary}
    for row in dirty_house.execute("from int_onboarding_steps where is_observable").df().itertuples():
        if row.milestone_id == first_value[row.product_category]:
            steps[row.account_id, row.onboarding_number] = row
    over_on = pd.Timestamp(dirty_house.execute("select over_on from base_build_moment").fetchone()[0])
    arms = dirty_house.execute("from int_experiment_arms").df()
    found = dirty_house.execute("from rpt_experiments").df().set_index("experiment_key")
    found = found.astype(object).where(found.notna(), None)
    told = 0
    for registered in SEED["onboarding_experiments"]:
        name, starts_on = registered["experiment_id"], pd.Timestamp(registered["starts_on"])
        own = arms[arms["experiment_id"] == name].itertuples()
        members = [(onboardings[arm.account_id][0], arm.is_treatment, True, arm.assigned_on) for arm in own]
        if registered["kind"] == "rollout":
            members = [
                (row, row.segment == registered["rollout_segment"], row.started_on >= starts_on, row.started_on)
                for rows in onboardings.values() for row in rows
            ]  # fmt: skip
        for judged_by in (row for row in SEED["experiment_metrics"] if row["experiment_id"] == name and row["measure"] != "wait"):
            days = pd.Timedelta(days=int(judged_by["by_day"]))
            counted, waiting = [], 0
            for row, is_treated, is_after, start in members:
                step = steps.get((row.account_id, row.onboarding_number))
                is_first_value = judged_by["measure"] == "first_value"
                has_left = row.churned_on <= start or (not is_after and start + days >= starts_on)
                if has_left or (is_first_value and (step is None or step.reached_on < start or step.waived_on < start)):
                    continue
                if start + days > (step.seen_until if is_first_value else over_on):
                    waiting += 1
                    continue
                is_reached = step.reached_on <= start + days if is_first_value else not row.churned_on <= start + days
                counted.append((row.account_id, is_treated, is_after, is_reached))
            row = found.loc[f"{name}|{judged_by['metric']}"]
            assert row.waiting_accounts == waiting
            told += check(row, counted, float(judged_by["baseline"]), float(judged_by["predicted_effect"])) is not None
    assert told > 0
    check_holm(found)


def test_placebo_arms_are_found_different_about_as_often_as_alpha_says():
    """400 experiments whose arms are drawn by lot and 400 rollouts of nothing: p is below 0.05 in about 5 %."""
    rng = np.random.default_rng(8)
    kinds = {f"{kind} {number}": kind for kind in ("randomised", "rollout") for number in range(400)}
    outcomes = []
    for name, kind in kinds.items():
        for account in range(200):
            is_after = kind == "randomised" or rng.random() < 0.5
            is_reached = rng.random() < 0.4 + 0.1 * is_after
            outcomes.append((name, "value", str(account), 1, rng.random() < 0.5, is_after, None, True, is_reached))
    found = judged(
        [experiment(*item) for item in kinds.items()], [metric(name) for name in kinds], int_experiment_outcomes=outcomes
    )
    wrong = found.assign(is_low=found["p_value"].astype(float) < 0.05).groupby("kind")["is_low"].mean()
    print(wrong.to_dict())
    assert wrong.between(0.03, 0.075).all()


def waits_of(accounts):
    """Days from the onboarding to the guide of first value, days followed, and whether it was reached."""
    day = accounts.milestones[:, [name for name, *_ in MILESTONES].index("first_value_guide_completed")]
    is_reached = day < NEVER
    return np.where(is_reached, day, accounts.last_day) - accounts.onboarding, is_reached


def mean_wait(days, is_reached, until):
    """The restricted mean of Kaplan and Meier's curve."""
    events = np.bincount(days[is_reached], minlength=until)[:until]
    at_risk = (days[:, None] >= np.arange(until)).sum(axis=0)
    return np.cumprod(1 - events / at_risk).sum()


def test_the_simulators_variant_is_found_and_its_intervals_hold_the_truth():
    """40 companies of 600 accounts and one of 8,000: the truth is that of 200,000."""
    first = datetime.date(2024, 1, 1)
    many = draw_accounts(200_000, 365, first, np.random.default_rng(1))
    columns = (*waits_of(many), many.onboarding)
    many = {is_treated: [values[many.treated == is_treated] for values in columns] for is_treated in (0, 1)}
    soon = [np.median((days - 0.5)[is_reached & (onboarding < 200)]) for days, is_reached, onboarding in many.values()]
    assert soon[1] / soon[0] == pytest.approx(TRUTH, abs=0.03)
    share = [(is_reached & (days <= 14))[onboarding <= 350].mean() for days, is_reached, onboarding in many.values()]

    arms, outcomes, times, names = [], [], [], [f"company {number}" for number in range(41)]
    for number, name in enumerate(names):
        accounts = draw_accounts(600 if number < 40 else 8000, 365, first, np.random.default_rng(100 + number))
        for account, (days, is_reached) in enumerate(zip(*waits_of(accounts), strict=True)):
            key, is_treated = f"{name} {account}", bool(accounts.treated[account])
            onboarding, followed = int(accounts.onboarding[account]), int(days)
            if followed < 0:
                continue
            started_on = first + onboarding * DAY
            arms.append((name, key, "ab"[is_treated], is_treated, started_on))
            is_lived = onboarding <= 350
            is_soon = bool(is_reached and days <= 14) if is_lived else None
            outcomes.append((name, "value", key, 1, is_treated, True, started_on, is_lived, is_soon))
            outcome = "activated" if is_reached else "censored"
            times.append((key, 1, "user", True, "smb", "api", started_on, outcome, followed if is_reached else None, 0, followed))
    found = judged(
        [experiment(name) for name in names],
        [row for name in names for row in (metric(name), metric(name, "wait", "wait", "", "", "1.18"))],
        int_experiment_arms=arms, int_experiment_outcomes=outcomes, fct_time_to_value=times,
    )  # fmt: skip
    held = defaultdict(list)
    for row in found.itertuples():
        truth = share[1] - share[0]
        if row.measure == "wait":
            until = int(row.restricted_to_days)
            means = [mean_wait(days[days >= 0], is_reached[days >= 0], until) for days, is_reached, _ in many.values()]
            truth = means[1] - means[0]
        held[row.measure].append(row.effect_lower <= truth <= row.effect_upper)
    print({name: np.mean(values) for name, values in held.items()}, found["finding"].value_counts().to_dict())
    assert all(np.mean(values) >= 0.85 for values in held.values()) and "worse" not in set(found["finding"])
    assert found.loc[found["experiment_id"] == names[-1], "finding"].tolist() == ["better", "better"]

