"""The marts of adoption, usage states and activation equal a replay of their definitions (sections 7c and 7d), row for row, on a
simulated company with every defect."""

import datetime
from collections import Counter, defaultdict

import warehouse
from statsmodels.stats.proportion import proportion_confint
from test_onboarding_marts import by_key, compare, rows
from test_survival import incidence, incidence_interval

DAY = datetime.timedelta(days=1)
SEEDS = warehouse.seed_rows()
SETTINGS = {column: int(value) for column, value in SEEDS["adoption_settings"][0].items() if column != "source"}
LEAST = int(SEEDS["milestone_settings"][0]["min_at_risk"])
PLANNED = {row["product_category"] for row in SEEDS["tracking_plan"]}


def offers_of(category):
    """{feature: its rows of the plan} on offer to a product category."""
    category = category if category in PLANNED else "general_saas"
    features = defaultdict(list)
    for row in SEEDS["tracking_plan"]:
        if row["feature"] and row["product_category"] in ("any", category):
            features[row["feature"]].append(row)
    return features


def days_between(first, last):
    return {first + number * DAY for number in range((last - first).days + 1)}


def observed(connection):
    """{subject of the product stream: days that are observed}, and the last complete day."""
    ((as_of, complete),) = connection.execute(
        "select as_of, complete_through from base_build_moment, base_stream_watermarks where source = 'product'"
    ).fetchall()
    days = defaultdict(set)
    for row in rows(connection, "from base_coverage where source = 'product'"):
        days[row["subject"]] |= days_between(row["observed_from"], row["observed_until"] or as_of)
    return days, complete


def accounts_of(connection, complete):
    """Accounts with the days that count, `lived`, and {(user, event type): days with an event}."""
    accounts = {row["account_id"]: row | {"uses": defaultdict(set)} for row in rows(connection, "from int_accounts")}
    for account in accounts.values():
        account["last_day"] = min(account["ended_on"], complete)
        account["lived"] = days_between(account["started_on"], account["last_day"])
    events = connection.execute(
        "select distinct account_id, user_id, event_type, occurred_at::date from stg_product__events"
    ).fetchall()
    for account_id, user, event_type, day in events:
        if account_id in accounts and day in accounts[account_id]["lived"]:
            accounts[account_id]["uses"][user, event_type].add(day)
    return accounts


def adopted_on(use_days, needed):
    for day in sorted(use_days):
        if sum(day - 29 * DAY <= other <= day for other in use_days) >= needed:
            return day
    return None


def replay_features(connection):
    subjects, complete = observed(connection)
    users = dict(((account, day), number) for account, day, number in connection.execute(
        "select account_id, date_day, active_users_30d from fct_account_signals").fetchall())  # fmt: skip
    expected = {}
    for account_id, account in accounts_of(connection, complete).items():
        last, window = account["last_day"], days_between(account["last_day"] - 29 * DAY, account["last_day"])
        for feature, plan in offers_of(account["product_category"]).items():
            types = {row["event_type"] for row in plan}
            needed = int(plan[0]["deep_use_days"]) if plan[0]["deep_use_days"] else None
            by_people = {row["event_type"] for row in plan if row["is_active"] == "true"}
            seen = account["lived"].intersection(*(subjects[event_type] for event_type in types))
            use_days = {day for (_, kind), days in account["uses"].items() if kind in types for day in days}
            people = {user for (user, kind), days in account["uses"].items() if user and kind in by_people and days & window}
            active = users.get((account_id, last))
            adopted = adopted_on(use_days, needed or 1)
            is_seen, unused = last in seen, None
            if use_days and is_seen:
                unused = sum(day > max(use_days) for day in seen)
            state = "adopted"
            if not is_seen:
                state = "not_observed"
            elif not use_days:
                state = "not_used"
            elif adopted is None:
                state = "tried"
            elif needed and unused >= SETTINGS["stagnant_after_days"]:
                state = "stagnant"
            in_window = len(use_days & window)
            number = len(people) if is_seen and by_people and active is not None else None
            expected[account_id, feature] = {
                "last_day": last, "observed_from": min(seen, default=None), "observed_until": max(seen, default=None),
                "observed_days": len(seen) if account["lived"] else None,
                "unobserved_days": len(account["lived"] - seen) if account["lived"] else None,
                "first_used_on": min(use_days, default=None), "last_used_on": max(use_days, default=None),
                "adopted_on": adopted, "days_used": len(use_days) if seen else None,
                "days_used_30d": in_window if is_seen else None, "deep_use_days": needed,
                "is_used_in_depth_30d": in_window >= needed if is_seen and needed else None,
                "people_30d": number, "active_people_30d": active if is_seen else None,
                "people_share_30d": number / active if number is not None and active else None,
                "unused_days": unused, "state": state,
                "is_stagnant": state == "stagnant" if is_seen and adopted and needed else None,
            }  # fmt: skip
    return expected


def bounds(members, day, share, known):
    if 0 < share < 1:
        return incidence_interval(members, day)
    return proportion_confint(int(share) * known, known, method="wilson")


def replay_curves(connection):
    accounts = {row["account_id"]: row for row in rows(connection, "from dim_accounts")}
    members, left_out = defaultdict(list), Counter()
    for (account_id, feature), row in replay_features(connection).items():
        account = accounts[account_id]
        start, seen_from, until = account["started_on"], row["observed_from"], row["observed_until"]
        slices = {"all": "all", "month": f"{start.replace(day=1)}", "segment": account["segment"],
                  "stage": account["lifecycle_stage"]}  # fmt: skip
        adopted = row["adopted_on"]
        is_on = seen_from is not None and (seen_from - start).days <= SETTINGS["seen_within_days"]
        is_on = is_on and not (adopted and adopted < seen_from)
        for dimension, value in slices.items():
            key = f"{dimension}|{value}|{feature}"
            left_out[key] += not is_on
            members[key] += []
            if is_on:
                is_adopted = adopted is not None and adopted <= until
                has_left = not is_adopted and account["churned_on"] is not None and account["churned_on"] <= until
                followed = ((adopted if is_adopted else until) - start).days
                members[key].append(((seen_from - start).days, followed, is_adopted, has_left))
    expected = {}
    for key, all_members in members.items():
        feature = key.split("|")[-1]
        own = [row for row in SEEDS["adoption_baselines"] if row["feature"] == feature]
        last_entry = max((entered for entered, *_ in all_members), default=0)
        alone = [day for day in range(last_entry) if not any(entered <= day <= until for entered, until, *_ in all_members)]
        by_day = incidence(all_members) if all_members else {}
        for baseline in own or [row for row in SEEDS["adoption_baselines"] if row["feature"] == "any"]:
            t = 7 * int(baseline["week"])
            at_risk = sum(entered <= t <= followed for entered, followed, *_ in all_members)
            known = at_risk + sum((adopted or left) and followed < t for _, followed, adopted, left in all_members)
            row = {
                "accounts": len(all_members), "left_out": left_out[key], "at_risk": at_risk, "known": known,
                "adopted": sum(adopted and followed <= t for _, followed, adopted, _ in all_members),
                "adopted_share": None, "adopted_share_lower": None, "adopted_share_upper": None,
                "finding": None, "gap_to_baseline": None, "missing_because": None,
            }  # fmt: skip
            share, waiting = by_day[min(t, max(by_day))] if by_day else (None, None)
            if not all_members:
                row["missing_because"] = "the feature was not observed from the start"
            elif (alone and alone[0] <= t) or (at_risk == 0 and waiting > 0):
                row["missing_because"] = "the accounts are not followed so long"
            elif known < LEAST:
                row["missing_because"] = f"too few accounts: {known}, needs {LEAST}"
            else:
                lower, upper = bounds(all_members, min(t, max(by_day)), share, known)
                target = float(baseline["baseline_share"])
                finding = "ahead" if lower > target else "behind" if upper < target else "not_told_apart"
                row |= {"adopted_share": float(share), "adopted_share_lower": lower, "adopted_share_upper": upper,
                        "finding": finding, "gap_to_baseline": float(share) - target}  # fmt: skip
            expected[f"{key}|{baseline['week']}"] = row
    return expected


def clustered(counts):
    """(share, lower, upper, effective number) of successes among trials that come in clusters of (trials, successes)."""
    counts = [(trials, successes) for trials, successes in counts if trials]
    n, c = (sum(column) for column in zip(*counts, strict=True))
    share = c / n
    if len(counts) == 1 or c in (0, n):
        effect = sum(trials**2 for trials, _ in counts) / n
    else:
        between = sum((successes - share * trials) ** 2 for trials, successes in counts)
        effect = len(counts) / (len(counts) - 1) * between * (n - 1) / (c * (n - c))
    effective = n / max(1, effect)
    return share, *proportion_confint(share * effective, effective, method="wilson"), effective


def period_of(kind, day):
    return day.replace(day=1) if kind == "month" else day - day.weekday() * DAY


def replay_states(connection):
    subjects, complete = observed(connection)
    ((as_of,),) = connection.execute("select as_of from base_build_moment").fetchall()
    accounts = accounts_of(connection, complete)
    inactive = {row["event_type"] for row in SEEDS["tracking_plan"] if row["is_active"] == "false"}
    segments = {account["segment"] for account in accounts.values()} | {"all"}
    first, expected = min(subjects["users"]), {}
    for kind in ("week", "month"):
        days = defaultdict(set)
        for day in days_between(period_of(kind, first), as_of + 31 * DAY):
            days[period_of(kind, day)].add(day)
        periods = [start for start in sorted(days) if start <= as_of]
        covered = {}
        for start in periods:
            so_far = {day for day in days[start] if day <= complete}
            covered[start] = bool(so_far) and so_far <= subjects["users"]
        active = defaultdict(lambda: defaultdict(set))  # {person: periods}
        for account_id, account in accounts.items():
            if account["started_on"] >= first:
                for (user, event_type), used in account["uses"].items():
                    if user and event_type not in inactive:
                        active[account_id][user] |= {period_of(kind, day) for day in used}
        for place, start in enumerate(periods):
            is_open = max(days[start]) > complete
            before = periods[place - 1] if place else None
            is_known = covered[start] and place > 0 and covered[before] and max(days[before]) <= complete
            for segment in segments:
                counts, clusters, left_out = Counter(), [], 0
                for account_id, account in accounts.items():
                    if segment not in ("all", account["segment"]):
                        continue
                    left_out += account["started_on"] < first
                    were, stayed = 0, 0
                    for seen in active[account_id].values():
                        was, is_there = before in seen, start in seen
                        were, stayed = were + was, stayed + (was and is_there)
                        counts["active"] += is_there
                        counts["new"] += is_there and min(seen) == start
                        counts["resurrected"] += is_there and not was and min(seen) < start
                        counts["dormant"] += was and not is_there
                    clusters.append((were, stayed))
                people, kept = (sum(column) for column in zip(*clusters, strict=True))
                row = dict.fromkeys(("retained_share", "retained_share_lower", "retained_share_upper", "effective_people",
                                     "missing_because"))  # fmt: skip
                if not covered[start]:
                    row["missing_because"] = "not every day of the period is observed"
                elif not is_known:
                    row["missing_because"] = "not every day of the period before is observed"
                elif is_open:
                    row["missing_because"] = "the period is not over"
                elif people < LEAST:
                    row["missing_because"] = f"too few people before: {people}, needs {LEAST}"
                else:
                    share, lower, upper, effective = clustered(clusters)
                    row |= {"retained_share": share, "retained_share_lower": lower, "retained_share_upper": upper,
                            "effective_people": floor_to_cents(effective)}  # fmt: skip
                expected[f"{kind}|{start}|{segment}"] = row | {
                    "is_open": is_open, "accounts_left_out": left_out,
                    "active_people": counts["active"] if covered[start] else None,
                    "new_people": counts["new"] if is_known else None, "retained_people": kept if is_known else None,
                    "resurrected_people": counts["resurrected"] if is_known else None,
                    "dormant_people": counts["dormant"] if is_known and not is_open else None,
                    "people_before": people if is_known else None,
                }  # fmt: skip
    return expected


def floor_to_cents(number):
    return int(number * 100 + 0.500001) / 100


def replay_people(connection):
    """rpt_activation of people by its definition."""
    subjects, complete = observed(connection)
    roles = defaultdict(set)
    for row in SEEDS["tracking_plan"]:
        roles[row["event_type"]].add(row["event_type"])
        if row["role"]:
            roles[f"role:{row['role']}"].add(row["event_type"])
    asked = defaultdict(list)
    for row in SEEDS["milestone_criteria"]:
        if row["phase"] == "exit" and row["by_persona"] == "true" and row["measure"] != "signal" and row["subject"] in roles:
            asked[row["milestone_id"]].append(row["subject"])
    milestones = {(row["product_category"], row["persona"]): row["milestone_id"] for row in SEEDS["activation_milestones"]}
    excluded = {row["user_id"] for row in SEEDS["excluded_users"]}
    accounts, joined = accounts_of(connection, complete), {}
    for row in rows(connection, "from base_memberships where persona is not null"):
        account = accounts.get(row["account_id"])
        key = row["account_id"], row["user_id"], row["persona"]
        milestone = account and milestones.get((account["product_category"], row["persona"]))
        if asked.get(milestone) and row["user_id"] not in excluded:
            joined[key] = min(joined.get(key, datetime.date.max), row["member_from"].date())
    cells = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))  # {cohort: {account: members, known, activated}}
    for (account_id, user, persona), day in joined.items():
        account = accounts[account_id]
        day = max(day, account["started_on"])
        if day > account["ended_on"]:
            continue
        needed = asked[milestones[account["product_category"], persona]]
        uses = [[first for kind in roles[subject] for first in account["uses"].get((user, kind), ())] for subject in needed]
        done = max(max(map(min, uses)), day) if all(uses) else None
        seen = set.intersection(*(subjects[subject] for subject in needed))
        for h in (14, 30, 90):
            then = day + h * DAY
            is_known = then <= complete and days_between(day, then) <= seen
            for segment in ("all", account["segment"]):
                for cohort in ("all|", f"month|{day.replace(day=1)}"):
                    cell = cells[f"person|{persona}|{segment}|{cohort}|{h}"][account_id]
                    cell[0] += 1
                    cell[1] += is_known
                    cell[2] += is_known and done is not None and done <= then
    expected = {}
    for key, by_account in cells.items():
        members, known, _ = (sum(column) for column in zip(*by_account.values(), strict=True))
        row = dict.fromkeys(("activated_share", "activated_share_lower", "activated_share_upper", "effective_known"))
        if known >= LEAST:
            share, lower, upper, effective = clustered([cell[1:] for cell in by_account.values()])
            row = {"activated_share": share, "activated_share_lower": lower, "activated_share_upper": upper,
                   "effective_known": floor_to_cents(effective)}  # fmt: skip
        why = None if known >= LEAST else f"too few: {known}, needs {LEAST}"
        expected[key] = row | {"members": members, "known": known, "missing_because": why}
    return expected


def test_feature_adoption(dirty_house):
    built = by_key(dirty_house, "fct_feature_adoption", "account_id", "feature")
    compare(built, replay_features(dirty_house))
    states = Counter(row["state"] for row in built.values())
    assert set(states) >= {"adopted", "tried", "stagnant", "not_used"}, states
    assert sum(row["people_share_30d"] is not None for row in built.values()) >= 100


def test_adoption_curves(dirty_house):
    built = by_key(dirty_house, "rpt_adoption_curves", "curve_key")
    compare(built, replay_curves(dirty_house))
    findings = Counter(row["finding"] for row in built.values())
    assert set(findings) >= {"ahead", "behind", "not_told_apart", None}, findings


def test_usage_states(dirty_house):
    built = by_key(dirty_house, "rpt_usage_states", "state_key")
    compare(built, replay_states(dirty_house))
    for row in built.values():
        before = built.get(f"{row['period']}|{period_of(row['period'], row['period_start'] - DAY)}|{row['segment']}")
        if row["people_before"] is not None:
            assert row["people_before"] == before["active_people"], row["state_key"]
    for state in ("new", "retained", "resurrected", "dormant"):
        assert sum(row[f"{state}_people"] or 0 for row in built.values()) > 0, state


def test_activation(dirty_house):
    built = by_key(dirty_house, "rpt_activation", "activation_key")
    compare({key: row for key, row in built.items() if row["unit"] == "person"}, replay_people(dirty_house))
    cohorts = rows(dirty_house, "from rpt_ttv_cohorts where product_category = 'all' and cohort_period <> 'week'")
    cohorts = [row for row in cohorts if row["persona"] != "primary"]
    assert sum(row["unit"] == "account" for row in built.values()) == 3 * len(cohorts)
    for cohort in cohorts:
        start = cohort["cohort_start"] or ""
        for h in (14, 30, 90):
            row = built[f"account|{cohort['persona']}|{cohort['segment']}|{cohort['cohort_period']}|{start}|{h}"]
            assert row["activated_share"] == cohort[f"activated_share_{h}d"], row
            assert row["known"] == cohort[f"at_risk_{h}d"] and row["members"] == cohort["accounts"], row
    shares = [row["activated_share"] for row in built.values() if row["unit"] == "person" and row["activated_share"] is not None]
    assert len(shares) >= 10 and max(shares) > 0
