"""Tasks and what came of them equal plain Python, written from the definitions: triggers, turns, due times, statistics."""

import datetime
import json
import random
import zoneinfo
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

import company_strategy
import numpy as np
import pandas as pd
import pytest
import warehouse
from scipy import stats
from statsmodels.stats import proportion
from test_point_in_time import NOTHING_LAPSES, settled

DAY = datetime.timedelta(days=1)
UTC = datetime.UTC
FOREVER = datetime.date(9999, 12, 31)
FIRST = datetime.date(2024, 1, 1)
SEGMENTS = ("smb", "mid_market", "enterprise")
MODELS = ("int_trigger_episodes", "int_play_candidates", "int_play_tasks", "int_business_days", "int_play_due_times")
MODELS += ("fct_interventions",)
TRIGGERS = (("rule", "quiet"), ("rule", "overdue"), ("band", "red"))


def midnight(day):
    return datetime.datetime.combine(day, datetime.time())


def fill(connection, name, columns, rows):
    """Create a table; columns are 'name type' joined by commas."""
    connection.execute(f"create or replace table {name} ({columns})")
    if rows:
        texts = [[None if value is None else str(value) for value in row] for row in rows]
        connection.register("frame", pd.DataFrame(texts, dtype=object))
        connection.execute(f"insert into {name} select * from frame")


def rows_of(connection, query):
    result = connection.execute(query)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


# Due times


def business_hours(seeds, country, day):
    """Opening and closing hour of the day in the country, None on a closed day."""
    own = [row for row in seeds["business_hours"] if row["country"] == country]
    hours = own or [row for row in seeds["business_hours"] if row["country"] == "any"]
    if any(row["country"] == country and row["holiday_on"] == day.isoformat() for row in seeds["holidays"]):
        return None
    for row in hours:
        if int(row["weekday"]) == day.isoweekday():
            return Decimal(row["opens_hour"]), Decimal(row["closes_hour"])
    return None


def due_time(seeds, opened_at, hours, in_business_hours, country, timezone):
    """When so many hours after a moment are over, UTC; the moment is UTC without a zone."""
    if not in_business_hours:
        return opened_at + datetime.timedelta(hours=hours)
    try:
        zone = zoneinfo.ZoneInfo(timezone)
    except (TypeError, ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        zone = zoneinfo.ZoneInfo("UTC")
    now = opened_at.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    left = datetime.timedelta(hours=hours)
    while True:
        span = business_hours(seeds, country, now.date())
        if span:
            opens, closes = (
                midnight(now.date()) + datetime.timedelta(minutes=int(60 * hour)) for hour in span
            )
            now = max(now, opens)
            if now < closes:
                if now + left <= closes:
                    due = (now + left).replace(tzinfo=zone)
                    return due.astimezone(UTC).replace(tzinfo=None)
                left -= closes - now
        now = midnight(now.date() + DAY)


def test_due_times_of_every_timezone():
    """Each timezone of the seed, 2023 to 2025; country XX has hours from 4 to 23 each day, close to changes of the clock."""
    rng = random.Random(9)
    seeds = dict(warehouse.seed_rows())
    countries = ["XX", "US", None]
    seeds["business_hours"] = seeds["business_hours"] + [
        {"country": "XX", "weekday": str(day), "opens_hour": "4", "closes_hour": "23"} for day in range(1, 8)
    ]
    template = seeds["playbooks"][0] | {"uses_business_hours": "true"}
    seeds["playbooks"] = [template | {"play_id": str(hours), "due_within_hours": str(hours)} for hours in range(1, 40)]
    accounts, tasks, expected = [], [], {}
    for row in seeds["timezones"]:
        for country in countries:
            accounts.append((f"{row['timezone']} {country}", row["timezone"], country, datetime.date(2023, 1, 1)))
            for _ in range(3):
                day, hours = datetime.date(2023, 1, 1) + rng.randrange(1090) * DAY, rng.randrange(1, 40)
                tasks.append((f"t{len(tasks)}", accounts[-1][0], str(hours), day, "opened"))
                due_at = due_time(seeds, midnight(day + DAY), hours, True, country, row["timezone"])
                expected[tasks[-1][0]] = due_at, accounts[-1][0], hours
    with warehouse.seeded(seeds) as connection:
        fill(connection, "base_build_moment", "as_of date", [(datetime.date(2026, 1, 1),)])
        columns = "account_id varchar, timezone varchar, country varchar, started_on date"
        fill(connection, "int_accounts", columns, accounts)
        columns = "task_id varchar, account_id varchar, play_id varchar, opens_on date, turn varchar"
        fill(connection, "int_play_tasks", columns, tasks)
        for name in ("int_business_days", "int_play_due_times"):
            connection.execute(f"create table {name} as {warehouse.model_sql(name)}")
        found = dict(connection.execute("select task_id, due_at from int_play_due_times").fetchall())
    assert len(found) == len(expected)
    wrong = [(found[task_id], *row) for task_id, row in expected.items() if found[task_id] != row[0]]
    assert not wrong, (len(wrong), sorted({row[2].split()[0] for row in wrong}), wrong[:5])


# Tasks


def candidate_key(candidate):
    return candidate["wanted_on"], not candidate["is_high_risk"], candidate["task_id"]


def spells_of(candidates, completions):
    """Tasks of one account and play, day by day: what is wanted while nothing of it is there opens one."""
    ids = {candidate["task_id"] for candidate in candidates}
    done = {}  # by day, the ids that count as done on it
    for candidate in candidates:
        if candidate["task_id"] in completions:
            at = completions[candidate["task_id"]][0]
            done.setdefault(max(at.date(), candidate["wanted_on"] + DAY), []).append(candidate["task_id"])
    days = {candidate["wanted_on"] for candidate in candidates} | set(done)
    days |= {candidate["ends_on"] for candidate in candidates}
    spells, alive, current = [], [], None
    for day in sorted(days):
        gone = [one for one in alive if one["ends_on"] == day or day in done]
        alive = [one for one in alive if one not in gone]
        if current and gone and not alive:
            why = ["done_before" if day in done else one["ended_by"] for one in gone]
            current |= {"over_on": day, "over_by": min(why)}
            current = None
        for candidate in sorted((one for one in candidates if one["wanted_on"] == day), key=candidate_key):
            if current is None:
                current = {"head": candidate, "members": []}
                spells.append(current)
            current["members"].append(candidate)
            alive.append(candidate)
    for spell in spells:
        events = [(completions[one["task_id"]], one) for one in spell["members"] if one["task_id"] in completions]
        spell["completion"] = min((event for event, _ in events), default=None)
        assert spell["head"]["task_id"] in ids
    return spells


def turns_of(spells, limit):
    """The day on which each spell of an account and tier opens, first come, first served."""
    served = []
    for spell in sorted(
        spells, key=lambda one: (one["head"]["wanted_on"], -one["head"]["priority"], one["head"]["task_id"])
    ):
        day = max([spell["head"]["wanted_on"], *served])
        while limit and sum(day - 6 * DAY <= other <= day for other in served) >= limit:
            day += DAY
        served.append(day)
        spell["opens_on"] = day


def priority(seeds, values):
    total = Decimal(0)
    for row in seeds["priority_terms"]:
        value = values[row["term"]]
        value = Decimal(row["value_when_null"]) if value is None else Decimal(value)
        low, high = Decimal(row["worth_nothing_at"]), Decimal(row["worth_all_at"])
        total += Decimal(row["weight"]) * min(max((value - low) / (high - low), Decimal(0)), Decimal(1))
    return (100 * total).quantize(Decimal("0.01"), ROUND_HALF_UP)


class World:
    """Random accounts, episodes, scores and completions, crowded so that tasks wait, overlap and end in every way."""

    def __init__(self, seed):
        rng = self.rng = random.Random(seed)
        self.seeds = dict(warehouse.seed_rows())
        self.days = rng.choice((30, 90, 200, 400))
        self.as_of = FIRST + self.days * DAY
        self.tasks_from = FIRST + rng.choice((-9, 0, rng.randrange(self.days), self.days)) * DAY
        self.known_at = rng.choice(
            (midnight(self.as_of + DAY), midnight(self.as_of) + datetime.timedelta(seconds=rng.randrange(86400)))
        )
        if rng.random() < 0.5:
            self.seeds["playbooks"] = [
                row
                | {"cadence_limit": str(int(row["tier"]) % 3 or ""), "uses_business_hours": rng.choice(("true", "false"))}
                | {"due_within_hours": str(rng.choice((1, 8, 9, 40, 100)))}
                | {"lapses_after_days": str(rng.choice((1, 5, 20, 300)))}
                for row in self.seeds["playbooks"]
            ]
            self.seeds["business_hours"] = self.seeds["business_hours"] + [
                {"country": "GB", "weekday": str(day), "opens_hour": "4.25", "closes_hour": rng.choice(("12.5", "22.75"))}
                for day in rng.sample(range(1, 8), 3)
            ]
        self.zones = [row["timezone"] for row in self.seeds["timezones"]]
        self.accounts = [
            {
                "account_id": f"a{number}",
                "segment": rng.choice(SEGMENTS),
                "started_on": FIRST + rng.randrange(max(1, self.days - 20)) * DAY,
                "timezone": rng.choice((None, "Mars/Olympus", "europe/berlin", "", *rng.choices(self.zones, k=8))),
                "country": rng.choice((None, "Utopia", "US", "DE", "GB", "IL", "IN", "AU")),
                "owner_id": rng.choice((None, "o1", "o2")),
            }
            for number in range(rng.choice((1, 4, 12)))
        ]
        self.arr = {
            (account["account_id"], FIRST + day * DAY): rng.choice((None, Decimal(rng.randrange(0, 200000))))
            for account in self.accounts
            for day in range(self.days + 1)
        }
        self.scores = {
            key: (Decimal(rng.randrange(0, 10001)) / 100).quantize(Decimal("0.01"))
            for key in self.arr
            if rng.random() < 0.5
        }
        self.episodes = []
        names = sorted({(row["trigger_type"], row["trigger_name"]) for row in self.seeds["play_triggers"]})
        for account in self.accounts:
            for kind, name in rng.sample(names, rng.choice((1, 3, len(names)))):
                day = account["started_on"] + rng.randrange(30) * DAY
                while day <= self.as_of:
                    end = day + rng.choice((1, 2, 5, 30, 100)) * DAY
                    over = end <= self.as_of
                    if kind == "churn":
                        back = over and end < day + 60 * DAY
                        end, over = end if back else day + 60 * DAY, True
                    cleared_by = rng.choice(("resolved", "resolved", "out_of_window", "churned")) if over else None
                    if kind == "churn":
                        cleared_by = "returned" if back else "over"
                    self.episodes.append(
                        {
                            "account_id": account["account_id"],
                            "trigger_type": kind,
                            "trigger_name": name,
                            "trigger_id": f"{account['account_id']}-{name}-{day}",
                            "first_seen_on": day,
                            "cleared_on": end if over else None,
                            "cleared_by": cleared_by,
                        }
                    )
                    day = end + rng.choice((1, 3, 40)) * DAY
        kinds = ("value_realised", "renewed", "recovered")
        self.moots = sorted(
            {
                (account["account_id"], rng.choice(kinds), FIRST + rng.randrange(self.days + 1) * DAY)
                for account in self.accounts
                for _ in range(rng.choice((0, 1, 8)))
            }
        )
        asked = {"open_tasks_per_owner": str(rng.choice((1, 4, 15))), "win_back_days": "60"}
        asked |= {"win_back_landmark_days": "14", "expected_loss_days": "90", "source": "test"}
        self.stakes = {}  # today's, of accounts that are judged today; others have left, or were never judged
        for account in self.accounts:
            last = max((day for name, day in self.scores if name == account["account_id"]), default=None)
            if last and rng.random() < 0.7:
                self.stakes[account["account_id"]] = last, rng.choice((None, Decimal(0), Decimal(rng.randrange(4) * 100)))
        self.seeds["task_settings"] = [asked]
        self.completed = []

    def create(self, connection):
        """Fill the tables that the models read."""
        ends_at = midnight(self.as_of + DAY)
        fill(
            connection, "base_build_moment", "as_of date, known_at timestamp, as_of_ends_at timestamp, tasks_from date",
            [(self.as_of, self.known_at, ends_at, self.tasks_from)],
        )  # fmt: skip
        fill(
            connection, "int_accounts",
            "account_id varchar, segment varchar, started_on date, timezone varchar, country varchar, owner_id varchar",
            [tuple(account.values()) for account in self.accounts],
        )  # fmt: skip
        fill(
            connection, "int_measured_signals", "account_id varchar, date_day date, arr decimal(18, 2)",
            [(*key, value) for key, value in self.arr.items()],
        )  # fmt: skip
        fill(
            connection, "int_health_scores",
            "account_id varchar, score_date date, score decimal(18, 2), track varchar, status varchar",
            [(*key, value, "live", "scored") for key, value in self.scores.items()],
        )  # fmt: skip
        fill(
            connection, "int_expected_losses",
            "account_id varchar, score_date date, arr_at_stake decimal(18, 2), stake_basis varchar",
            [(name, day, stake, "told") for name, (day, stake) in self.stakes.items()],
        )  # fmt: skip
        common = "first_seen_on date, cleared_on date, cleared_by varchar"
        for kind, name, columns in (
            ("rule", "int_risk_episodes", "account_id varchar, rule_id varchar, risk_signal_id varchar"),
            ("band", "int_band_episodes", "account_id varchar, band varchar, band_episode_id varchar"),
        ):
            rows = [
                tuple(value for key, value in one.items() if key != "trigger_type")
                for one in self.episodes
                if one["trigger_type"] == kind
            ]
            fill(connection, name, f"{columns}, {common}", rows)
        fill(
            connection, "int_churn_episodes",
            "account_id varchar, churn_episode_id varchar, first_seen_on date, cleared_on date, has_returned boolean",
            [
                tuple(one[name] for name in ("account_id", "trigger_id", "first_seen_on", "cleared_on"))
                + (one["cleared_by"] == "returned",)
                for one in self.episodes
                if one["trigger_type"] == "churn"
            ],
        )  # fmt: skip
        fill(connection, "int_play_moots", "account_id varchar, moot_by varchar, happened_on date", self.moots)
        connection.execute("alter table int_band_episodes add column score decimal(18, 2) default 40.5")
        connection.execute(
            "create or replace table fct_risk_episodes as "
            "select risk_signal_id, 'why' as reason, '[]' as evidence from int_risk_episodes"
        )
        self.complete(connection)

    def complete(self, connection):
        """Fill the CRM's completions."""
        fill(
            connection, "stg_crm__tasks",
            "event_id varchar, account_id varchar, task_id varchar, play_id varchar, outcome varchar, occurred_at timestamp, "
            "loaded_at timestamp",
            self.completed,
        )  # fmt: skip

    def run(self, connection):
        for name in MODELS:
            connection.execute(f"create or replace table {name} as {warehouse.model_sql(name)}")

    def draw_completions(self, connection):
        """Complete some of the tasks, opened or not, at any time around them; also ids that nobody gave out."""
        rng = self.rng
        last = min(self.known_at, midnight(self.as_of + DAY))
        for account_id, task_id, play_id, wanted_on in connection.execute(
            "select account_id, task_id, play_id, wanted_on from int_play_candidates order by task_id"
        ).fetchall():
            for number in range(rng.choice((0, 0, 0, 1, 2))):
                at = midnight(wanted_on) + datetime.timedelta(seconds=rng.randrange(86400 * rng.choice((1, 4, 60))))
                if at < last:
                    outcome = rng.choice(("done", "no answer", "odd", None))
                    named = rng.choice(((task_id, None), (None, play_id)))
                    self.completed.append((f"{task_id}-{number}", account_id, *named, outcome, at, at))
        for named in (("nobody's", None), (None, "nobody's")):
            self.completed.append((named, "a0", *named, "done", midnight(FIRST), midnight(FIRST)))

    def expected(self, ids):
        """The rows of int_play_candidates and fct_interventions; `ids` names a candidate by account, play, trigger and day."""
        books = {row["play_id"]: row for row in self.seeds["playbooks"]}
        accounts = {account["account_id"]: account for account in self.accounts}
        candidates = []
        for episode in self.episodes:
            account = accounts[episode["account_id"]]
            for row in self.seeds["play_triggers"]:
                if (row["trigger_type"], row["trigger_name"]) != (episode["trigger_type"], episode["trigger_name"]):
                    continue
                if row["segment"] not in ("any", account["segment"]):
                    continue
                days = []  # on which it is wanted, walked one by one
                day, cleared = episode["first_seen_on"], episode["cleared_on"]
                for offset in range((self.as_of - day).days + 1):
                    age = (day + offset * DAY - account["started_on"]).days
                    if cleared and day + offset * DAY >= cleared:
                        break
                    if day + offset * DAY < self.tasks_from:
                        continue
                    if age >= int(row["from_day"]) and (not row["to_day"] or age <= int(row["to_day"])):
                        days.append(day + offset * DAY)
                if not days:
                    continue
                outgrows = account["started_on"] + (int(row["to_day"]) + 1) * DAY if row["to_day"] else FOREVER
                book = books[row["play_id"]]
                lapses = days[0] + int(book["lapses_after_days"]) * DAY
                moot = min(
                    (
                        on for who, kind, on in self.moots
                        if (who, kind) == (account["account_id"], row["moot_by"]) and (on > days[0] or kind == "value_realised")
                    ),
                    default=FOREVER,
                )  # fmt: skip
                if moot <= days[0]:
                    continue
                ends_on = min(cleared or FOREVER, outgrows, lapses, moot)
                ended_by = {
                    "churned": "account_churned", "out_of_window": "outgrown", "returned": "reactivated", "over": "lapsed",
                }.get(episode["cleared_by"])  # fmt: skip
                if outgrows < (cleared or FOREVER):
                    ended_by = "outgrown"
                if lapses < min(cleared or FOREVER, outgrows):
                    ended_by = "lapsed"
                if moot == ends_on != FOREVER:
                    ended_by = row["moot_by"]
                monday = days[0] - days[0].weekday() * DAY
                score = self.scores.get((account["account_id"], monday))
                risk = None if score is None else 100 - score
                arr = self.arr[account["account_id"], days[0]]
                candidates.append(
                    {
                        "task_id": ids[account["account_id"], row["play_id"], episode["trigger_id"], days[0]],
                        "account_id": account["account_id"],
                        "play_id": row["play_id"],
                        "trigger_name": episode["trigger_name"],
                        "is_high_risk": row["is_high_risk"] == "true",
                        "wanted_on": days[0],
                        "ends_on": ends_on,
                        "ended_by": ended_by or "withdrawn",
                        "arr": arr,
                        "risk": risk,
                        "priority": priority(
                            self.seeds, {"impact": book["impact"], "effort": book["effort"], "arr": arr, "risk": risk}
                        ),
                    }
                )
        first = {}
        for _, account_id, task_id, play_id, outcome, at, _ in sorted(self.completed, key=lambda row: (row[5], str(row[0]))):
            there = [
                (one["wanted_on"], one)
                for one in candidates
                if (one["account_id"], one["play_id"]) == (account_id, play_id)
                and one["wanted_on"] <= at.date() < one["ends_on"]
            ]
            if play_id and there:
                last = max(day for day, _ in there)
                task_id = min(one["task_id"] for day, one in there if day == last)
            first.setdefault(task_id, (at, outcome))
        groups, queues = defaultdict(list), defaultdict(list)
        for candidate in candidates:
            groups[candidate["account_id"], candidate["play_id"]].append(candidate)
        for (account_id, play_id), group in groups.items():
            queues[account_id, books[play_id]["tier"], books[play_id]["cadence_limit"]] += spells_of(group, first)
        tasks = []
        treats = {row["outcome"]: row["is_intervention"] == "true" for row in self.seeds["task_outcomes"]}
        now = min(self.known_at, midnight(self.as_of + DAY))
        for (account_id, tier, limit), spells in queues.items():
            turns_of(spells, int(limit or 0))
            for spell in spells:
                head, account = spell["head"], accounts[account_id]
                over_on = spell.get("over_on", FOREVER)
                done_on = spell["completion"] and spell["completion"][0].date()
                is_served = spell["opens_on"] < over_on or spell["opens_on"] == over_on == done_on
                if not is_served or spell["opens_on"] > self.as_of:
                    continue
                book = books[head["play_id"]]
                opened_at = midnight(spell["opens_on"] + DAY)
                due_at = due_time(
                    self.seeds, opened_at, int(book["due_within_hours"]), book["uses_business_hours"] == "true",
                    account["country"], account["timezone"] if account["timezone"] in self.zones else None,
                )  # fmt: skip
                at, outcome = spell["completion"] or (None, None)
                closed_on = over_on if over_on <= self.as_of else None
                if at:
                    status, closed_on = "completed", min(over_on, max(at.date(), spell["opens_on"]))
                    is_late, is_treated = at > due_at, treats.get(outcome, True)
                    hours = max(Decimal(0), Decimal((at - opened_at) // datetime.timedelta(microseconds=1)))
                    hours = (hours / 3600000000).quantize(Decimal("0.01"), ROUND_HALF_UP)
                else:
                    status = spell["over_by"] if closed_on else "overdue" if due_at < now else "open"
                    is_late = {"open": None, "overdue": True}.get(status, closed_on and midnight(closed_on) > due_at)
                    if closed_on and midnight(closed_on) > due_at and due_at >= now:
                        is_late = False
                    is_treated = hours = None
                tasks.append(
                    {
                        "task_id": head["task_id"],
                        "account_id": account_id,
                        "play_id": head["play_id"],
                        "tier": int(tier),
                        "owner_id": account["owner_id"],
                        "trigger_name": head["trigger_name"],
                        "trigger_count": len(spell["members"]),
                        "is_high_risk": head["is_high_risk"],
                        "wanted_on": head["wanted_on"],
                        "opened_on": spell["opens_on"],
                        "opened_at": opened_at,
                        "due_at": due_at,
                        "status": status,
                        "closed_on": closed_on,
                        "completed_at": at,
                        "outcome": outcome,
                        "is_treated": is_treated,
                        "hours_to_action": hours,
                        "is_late": is_late,
                        "arr": head["arr"],
                        "risk": head["risk"],
                        "priority": head["priority"],
                        "priority_rank": None,
                    }
                )
        ranks = defaultdict(int)
        judged = {name for name, _ in self.scores}

        def stake(task):
            return self.stakes.get(task["account_id"], (None, None))[1]

        for task in sorted(tasks, key=lambda one: (-(stake(one) or 0), -one["priority"], one["due_at"], one["task_id"])):
            if task["status"] in ("open", "overdue"):
                told = "the account has left" if task["account_id"] in judged else "the account was never judged"
                told = "told" if task["account_id"] in self.stakes else told
                task["rank_basis"] = told if stake(task) is not None else f"points: {told}"
                task["arr_at_stake"] = stake(task)
                ranks[task["owner_id"]] += 1
                task["priority_rank"] = ranks[task["owner_id"]]
                if ranks[task["owner_id"]] > int(self.seeds["task_settings"][0]["open_tasks_per_owner"]):
                    task |= {"status": "queued", "is_late": None}
        return candidates, tasks


@pytest.mark.parametrize("seed", range(warehouse.examples(15)))
def test_tasks_are_what_plain_python_says(seed):
    world = World(seed)
    with warehouse.seeded(world.seeds) as connection:
        world.create(connection)
        world.run(connection)
        world.draw_completions(connection)
        world.complete(connection)
        world.run(connection)
        found = rows_of(connection, "select * from int_play_candidates")
        ids = {(r["account_id"], r["play_id"], r["trigger_id"], r["wanted_on"]): r["task_id"] for r in found}
        published = {row["task_id"]: row for row in rows_of(connection, "select * from fct_interventions")}
    candidates, tasks = world.expected(ids)
    assert len(found) == len(candidates) == len(ids)
    by_id = {row["task_id"]: row for row in found}
    for candidate in candidates:
        for column in ("wanted_on", "ends_on", "ended_by", "arr", "risk", "priority", "is_high_risk"):
            assert by_id[candidate["task_id"]][column] == candidate[column], (column, candidate)
    assert published.keys() == {task["task_id"] for task in tasks}
    for task in tasks:
        for column, value in task.items():
            assert published[task["task_id"]][column] == value, (column, task, published[task["task_id"]])


# A replay sees what was known, and a later build does not rewrite it


@pytest.mark.parametrize("seed", range(warehouse.examples(6)))
def test_a_task_stays_as_it_was_opened(seed):
    """Builds at a day and at 1, 7 and 40 days later, of episodes and completions as they were known by then."""
    world = World(seed)
    with warehouse.seeded(world.seeds) as connection:
        world.create(connection)
        world.run(connection)
        world.draw_completions(connection)
    episodes, completed, moots, end = world.episodes, world.completed, world.moots, world.as_of
    past, stays = {}, ("opened_on", "opened_at", "due_at", "arr", "risk", "priority", "reason", "wanted_on", "tier")
    moment = FIRST + world.rng.randrange(5, world.days) * DAY
    last = FIRST - DAY
    for day in sorted({min(moment + days * DAY, end) for days in (0, 1, 7, 40, 400)}):
        world.as_of, world.known_at = day, midnight(day + DAY)
        world.moots = [row for row in moots if row[2] <= day]
        world.completed = [row for row in completed if row[5] < world.known_at]
        world.episodes = [
            one | (unknown if (one["cleared_on"] or FOREVER) > day else {})
            for one in episodes
            if one["first_seen_on"] <= day
            for unknown in (
                {"cleared_on": one["first_seen_on"] + 60 * DAY, "cleared_by": "over"}
                if one["trigger_type"] == "churn"
                else {"cleared_on": None, "cleared_by": None},
            )
        ]
        with warehouse.seeded(world.seeds) as connection:
            world.create(connection)
            world.run(connection)
            present = {row["task_id"]: row for row in rows_of(connection, "select * from fct_interventions")}
        for task_id, task in past.items():
            assert {column: present[task_id][column] for column in stays} == {column: task[column] for column in stays}
            if task["closed_on"]:
                late = task["completed_at"] is None and present[task_id]["status"] == "completed"
                assert late or present[task_id] | {"trigger_count": 0} == task | {"trigger_count": 0}
        assert all(row["opened_on"] > last or task_id in past for task_id, row in present.items())
        past, last = present, day


@pytest.mark.parametrize("seed", range(warehouse.examples(6)))
def test_cadence_and_one_open_task_hold_on_every_day(seed):
    world = World(1000 + seed)
    with warehouse.seeded(world.seeds) as connection:
        world.create(connection)
        world.run(connection)
        world.draw_completions(connection)
        world.complete(connection)
        world.run(connection)
        tasks = rows_of(connection, "select * from fct_interventions")
    limits = {int(row["tier"]): int(row["cadence_limit"] or 10**6) for row in world.seeds["playbooks"]}
    opened, spans = defaultdict(list), defaultdict(list)
    for task in tasks:
        opened[task["account_id"], task["tier"]].append(task["opened_on"])
        spans[task["account_id"], task["play_id"]].append((task["opened_on"], task["closed_on"] or FOREVER))
    for (_, tier), days in opened.items():
        assert max(sum(day - 6 * DAY <= other <= day for other in days) for day in days) <= limits[tier]
    for ranges in spans.values():
        ranges.sort()
        assert all(first[1] <= second[0] for first, second in zip(ranges, ranges[1:], strict=False))


# What came of them


class History:
    """Random scores, churn, treatments and completed tasks."""

    def __init__(self, seed):
        rng = random.Random(seed)
        self.seeds = dict(warehouse.seed_rows())
        plays = [row["play_id"] for row in self.seeds["playbooks"]]
        self.tiers = {row["play_id"]: int(row["tier"]) for row in self.seeds["playbooks"]}
        edges = {"red": 0, "yellow": 50, "green": 70}
        self.as_of, step = FIRST + 200 * DAY, rng.choice((Decimal("0.01"), Decimal(5)))
        self.accounts, self.left, self.scores, self.treated, self.tasks = {}, {}, {}, set(), []
        self.completed, self.started, self.episodes = set(), {}, {}
        caliper, self.min_pairs = str(rng.choice((0, 60, 365))), rng.choice((1, 3))
        settings = self.seeds["outcome_settings"][0] | {"age_caliper_days": caliper, "min_pairs": str(self.min_pairs)}
        self.seeds["outcome_settings"] = [settings]
        segments, ages, hold = SEGMENTS[: rng.choice((1, 3))], rng.choice((30, 400)), rng.choice((1, 0.8))
        for number in range(rng.choice((2, 30, 120))):
            account, segment = f"a{number}", rng.choice(segments)
            churned_on = rng.choice((None, FIRST + rng.randrange(30, 200) * DAY))
            self.accounts[account] = segment, churned_on
            self.started[account] = FIRST - 7 * rng.randrange(ages // 7) * DAY
            self.episodes[account] = []
            for trigger in TRIGGERS:
                day = FIRST - rng.randrange(60) * DAY
                while day < self.as_of and rng.random() < hold:
                    end = day + rng.randrange(1, 200) * DAY
                    self.episodes[account].append((trigger, day, end if end <= self.as_of else None))
                    day = end + rng.choice((0, 1, 20)) * DAY
            level = rng.uniform(20, 90)
            for week in range(29):
                day = FIRST + 7 * week * DAY
                if rng.random() < 0.9 and day < (churned_on or FOREVER):
                    score = Decimal(min(100, max(0, rng.gauss(level, 12)))).quantize(step) * 1
                    score = score.quantize(Decimal("0.01"))
                    band = max((band for band in edges if score >= edges[band]), key=edges.get)
                    self.scores[account, day] = score, band
            for _ in range(rng.choice((0, 0, 0, 1))):
                self.treated.add((account, FIRST + rng.randrange(200) * DAY))
            for _ in range(rng.choice((0, 0, 1, 2))):
                at = midnight(FIRST) + datetime.timedelta(seconds=rng.randrange(200 * 86400))
                if at.date() >= (churned_on or FOREVER) and rng.random() < 0.8:
                    continue
                outcome = rng.choice(("done", "done", "no answer", None))
                if outcome != "no answer":
                    self.treated.add((account, at.date()))
                self.tasks.append(
                    {
                        "task_id": f"t{len(self.tasks)}",
                        "account_id": account,
                        "play_id": rng.choice(plays[:2] if seed % 2 else plays),
                        "segment": segment,
                        "trigger": rng.choice(TRIGGERS),
                        "arr": rng.choice((None, Decimal(rng.randrange(10**6)))),
                        "completed_at": at,
                        "outcome": outcome,
                        "opened_at": midnight(at.date() - rng.randrange(4) * DAY),
                        "is_high_risk": rng.random() < 0.5,
                    }
                )
            self.left[account] = [(FIRST - 100 * DAY, churned_on)]
            if churned_on and churned_on.day % 5 == 0:
                self.completed.add((account, churned_on))
            if churned_on and rng.random() < 0.3:
                self.left[account].append((churned_on + rng.randrange(1, 60) * DAY, None))
        self.waiting = [(rng.choice(("waiting", "never_opened")), rng.choice(plays), rng.choice(SEGMENTS)) for _ in range(9)]

    def is_live(self, account, day):
        return any(start <= day < (end or FOREVER) for start, end in self.left[account])

    @staticmethod
    def stage(account):
        return "young" if int(account[1:]) % 3 == 0 else "old"

    def trend(self, account, day):
        now, earlier = self.scores[account, day][0], self.scores.get((account, day - 28 * DAY), (None,))[0]
        if earlier is None:
            return "unknown"
        return "falling" if now <= earlier - 5 else "rising" if now >= earlier + 5 else "steady"

    def has_trigger(self, account, trigger, day):
        return any(
            one == trigger and first <= day < (cleared or FOREVER) for one, first, cleared in self.episodes[account]
        )

    def untreated(self, task, before):
        """Accounts scored on a day that have the task's trigger on the day before it is done, and nobody treats."""
        day = task["completed_at"].date()
        return [
            account
            for account, date in self.scores
            if date == before
            and self.has_trigger(account, task["trigger"], day - DAY)
            and self.is_live(account, day)
            and not any(who == account and before <= on <= day for who, on in self.treated)
        ]

    def has_completed(self, account, day):
        """Whether it has no terms on a day as those that ended last had run their course."""
        return not self.is_live(account, day) and any((account, end) in self.completed for _, end in self.left[account])

    def pairs(self):
        """The treated tasks with their matches: the nearest score, of two as near the nearer age."""
        caliper = int(self.seeds["outcome_settings"][0]["age_caliper_days"])
        found = {}
        for task in self.tasks:
            if task["outcome"] == "no answer":
                continue
            account, day = task["account_id"], task["completed_at"].date()
            before = max(FIRST + 7 * week * DAY for week in range(-1, 40) if FIRST + 7 * week * DAY < day)
            end = day + 30 * DAY
            last = end - end.weekday() * DAY
            mine = self.scores.get((account, before))
            match, comparison = None, "not_scored"
            if mine:
                is_triggered = self.has_trigger(account, task["trigger"], day - DAY)
                pool = self.untreated(task, before) if is_triggered else []
                alike = [
                    (abs(self.scores[other, before][0] - mine[0]), abs(self.started[other] - self.started[account]), other)
                    for other in pool
                    if self.scores[other, before][1] == mine[1]
                    and self.accounts[other][0] == task["segment"]
                    and self.stage(other) == self.stage(account)
                    and self.trend(other, before) == self.trend(account, before)
                    and abs(self.started[other] - self.started[account]) <= caliper * DAY
                ]
                match = min(alike, default=(None,))[-1]
                comparison = "no_match" if match is None else "window_open" if end > self.as_of else "compared"
                comparison = comparison if pool else "none_untreated" if is_triggered else "trigger_over"
                is_over = any(self.has_completed(who, end) for who in (account, match) if who)
                comparison = comparison if self.is_live(account, day) and not is_over else "not_at_risk"
            pair = task | {"comparison": comparison, "control_account_id": match, "score_date": before}
            for name, who in (("", account if mine else None), ("control_", match)):
                pair[f"{name}age_days"] = (before - self.started[who]).days if who else None
            for name, who in (("", account), ("control_", match)):
                compared = comparison == "compared"
                green = [
                    date
                    for (other, date), (_, band) in self.scores.items()
                    if other == who and band == "green" and before < date <= end
                ]
                changed = self.scores.get((who, last)) if compared else None
                pair[f"{name}converted"] = int(bool(green)) if compared and mine[1] != "green" else None
                pair[f"{name}churned"] = int(not self.is_live(who, end)) if compared else None
                pair[f"{name}score_change"] = changed[0] - self.scores[who, before][0] if changed else None
            found[task["task_id"]] = pair
        return found

    def create(self, connection):
        moment = midnight(self.as_of + DAY)
        columns = "as_of date, known_at timestamp, as_of_ends_at timestamp"
        fill(connection, "base_build_moment", columns, [(self.as_of, moment, moment)])
        fill(connection, "int_account_completions", "account_id varchar, completed_on date", sorted(self.completed))
        periods = [(account, *period) for account, spans in self.left.items() for period in spans]
        fill(connection, "int_subscription_periods", "account_id varchar, starts_on date, ends_on date", periods)
        fill(connection, "int_treated_days", "account_id varchar, treated_on date", sorted(self.treated))
        fill(connection, "int_accounts", "account_id varchar, started_on date", sorted(self.started.items()))
        fill(
            connection, "int_trigger_episodes",
            "account_id varchar, trigger_type varchar, trigger_name varchar, first_seen_on date, cleared_on date",
            [(account, *trigger, *days) for account, spans in self.episodes.items() for trigger, *days in spans],
        )  # fmt: skip
        fill(
            connection, "int_health_scores",
            "account_id varchar, score_date date, segment varchar, score decimal(18, 2), band varchar, track varchar, "
            "status varchar, model_version varchar, stage varchar",
            [
                (a, d, self.accounts[a][0], s, b, "live", "scored", "v1", self.stage(a))
                for (a, d), (s, b) in self.scores.items()
            ],
        )  # fmt: skip
        fill(
            connection, "int_play_tasks",
            "task_id varchar, account_id varchar, play_id varchar, tier integer, segment varchar, arr decimal(18, 2), "
            "completed_at timestamp, outcome varchar, turn varchar, trigger_type varchar, trigger_name varchar",
            [
                (t["task_id"], t["account_id"], t["play_id"], self.tiers[t["play_id"]], t["segment"], t["arr"])
                + (t["completed_at"], t["outcome"], "opened", *t["trigger"])
                for t in self.tasks
            ]
            + [
                (f"w{n}", "a0", play, 1, segment, None, None, None, turn, None, None)
                for n, (turn, play, segment) in enumerate(self.waiting)
            ],
        )  # fmt: skip
        fill(
            connection, "fct_interventions",
            "task_id varchar, account_id varchar, play_id varchar, segment varchar, status varchar, is_treated boolean, "
            "is_late boolean, is_high_risk boolean, opened_on date, opened_at timestamp, hours_to_action decimal(18, 2)",
            [
                (t["task_id"], t["account_id"], t["play_id"], t["segment"], "completed", t["outcome"] != "no answer", False)
                + (t["is_high_risk"], t["opened_at"].date() - DAY, t["opened_at"], self.hours(t))
                for t in self.tasks
            ],
        )  # fmt: skip

    @staticmethod
    def hours(task):
        return round(max(0, (task["completed_at"] - task["opened_at"]).total_seconds()) / 3600, 2)


PAIR_COLUMNS = ("comparison", "control_account_id", "score_date", "converted", "control_converted", "churned")
PAIR_COLUMNS += ("control_churned", "score_change", "control_score_change", "age_days", "control_age_days")


def newcombe(both, only_first, only_second, neither):
    """Interval of the difference of paired proportions: method 10 of Newcombe (1998), Wilson's intervals by statsmodels."""
    n = both + only_first + only_second + neither
    first, second = both + only_first, both + only_second
    (low1, high1), (low2, high2) = (proportion.proportion_confint(k, n, method="wilson") for k in (first, second))
    p1, p2, product = first / n, second / n, both * neither - only_first * only_second
    if product > 0:
        product = max(product - n / 2, 0)
    margins = first * (n - first) * second * (n - second)
    phi = product / np.sqrt(margins) if margins else 0
    lower = np.sqrt((p1 - low1) ** 2 - 2 * phi * (p1 - low1) * (high2 - p2) + (high2 - p2) ** 2)
    upper = np.sqrt((high1 - p1) ** 2 - 2 * phi * (high1 - p1) * (p2 - low2) + (p2 - low2) ** 2)
    return p1 - p2 - lower, p1 - p2 + upper


def test_the_interval_is_the_published_one():
    """Airway responsiveness before and after transplantation, Bentur (2009): -0.507 to -0.026 in Fagerland et al. (2014)."""
    assert newcombe(1, 1, 7, 12) == pytest.approx((-0.507, -0.026), abs=5e-4)


def error_of_pairs(difference, *clusters):
    """Error of the mean of paired differences that share accounts on either side (Cameron, Gelbach and Miller 2011)."""
    excess = difference - difference.mean()
    both = [f"{first} {second}" for first, second in zip(*clusters, strict=True)]
    first, second, pairs = (pd.Series(excess).groupby(pd.Series(names)).sum().pow(2).sum() for names in (*clusters, both))
    return np.sqrt(max(first + second - pairs, pairs)) / len(excess)


def outcomes_of(history, pairs, play, segment):
    """Figures of rpt_play_outcomes for a play and segment, by SciPy and statsmodels."""
    inside = [
        pair
        for pair in pairs.values()
        if play in ("all", pair["play_id"]) and segment in ("all", pair["segment"])
    ]
    tasks = [
        task
        for task in history.tasks
        if play in ("all", task["play_id"]) and segment in ("all", task["segment"])
    ]
    hours = [history.hours(task) for task in tasks]
    treated = [task for task in tasks if task["outcome"] != "no answer"]
    calls = {(task["account_id"], task["opened_at"]) for task in tasks if task["is_high_risk"]}
    in_time = {(task["account_id"], task["opened_at"]) for task in treated if task["is_high_risk"] and history.hours(task) <= 48}
    now = midnight(history.as_of + DAY)
    calls = {call for call in calls if call in in_time or call[1] + 2 * DAY <= now}
    expected = {
        "task_count": len(tasks),
        "completed_count": len(tasks),
        "treated_count": len(treated),
        "treated_account_count": len({task["account_id"] for task in treated}),
        "response_rate": round(len(treated) / len(tasks), 6) if tasks else None,
        "median_hours_to_action": round(float(np.median(hours)) + 1e-7, 2) if hours else None,
        "high_risk_count": len(calls),
        "high_risk_in_time_count": len(in_time),
        "not_eligible_count": sum(pair["comparison"] in ("not_scored", "not_at_risk", "trigger_over") for pair in inside),
        "none_untreated_count": sum(pair["comparison"] == "none_untreated" for pair in inside),
        "no_match_count": sum(pair["comparison"] == "no_match" for pair in inside),
        "window_open_count": sum(pair["comparison"] == "window_open" for pair in inside),
        **{
            f"{turn}_count": sum(
                turn == one and play in ("all", which) and segment in ("all", where) for one, which, where in history.waiting
            )
            for turn in ("waiting", "never_opened")
        },
    }
    compared = [pair for pair in inside if pair["comparison"] == "compared"]
    expected["compared_count"] = len(compared)
    figures = (
        "green_rate control_green_rate green_difference green_difference_lower green_difference_upper power required_per_arm "
        "score_change control_score_change score_difference score_difference_lower score_difference_upper churn_rate "
        "control_churn_rate kept_value kept_value_lower kept_value_upper cost roi_gross roi_net roi_net_lower roi_net_upper "
        "effective_pairs compared_arr"
    )
    expected |= dict.fromkeys(figures.split())
    if compared:
        clusters = [[pair[key] for pair in compared] for key in ("account_id", "control_account_id")]
        gains = np.array([pair["control_churned"] - pair["churned"] for pair in compared], dtype=float)
        costs = {int(row["tier"]): float(row["cost_per_task"]) for row in history.seeds["play_economics"]}
        arr = [float(pair["arr"]) for pair in compared if pair["arr"] is not None]
        cost = sum(costs[history.tiers[pair["play_id"]]] for pair in compared)
        rates = [np.mean([pair[f"{arm}churned"] for pair in compared]) for arm in ("", "control_")]
        expected |= {"churn_rate": rates[0], "control_churn_rate": rates[1], "cost": cost}
        if arr:
            value = sum(arr) * 0.75 * (rates[1] - rates[0])
            expected |= {"compared_arr": sum(arr), "kept_value": value}
            expected |= {"roi_gross": value / cost, "roi_net": (value - cost) / cost}
            reach = stats.norm.ppf(0.975) * error_of_pairs(gains, *clusters) * sum(arr) * 0.75
            expected |= {"kept_value_lower": value - reach, "kept_value_upper": value + reach}
            expected |= {"roi_net_lower": (value - reach - cost) / cost, "roi_net_upper": (value + reach - cost) / cost}
    changes = [
        (float(pair["score_change"]), float(pair["control_score_change"]))
        for pair in compared
        if pair["score_change"] is not None and pair["control_score_change"] is not None
    ]
    expected["scored_count"] = len(changes)
    if changes:
        first, second = np.array(changes).T
        expected |= {"score_change": first.mean(), "control_score_change": second.mean()}
        expected["score_difference"] = (first - second).mean()
        if len(changes) > 1:
            reach = stats.norm.ppf(0.975) * stats.sem(first - second)
            expected["score_difference_lower"] = (first - second).mean() - reach
            expected["score_difference_upper"] = (first - second).mean() + reach
    green = [(pair["converted"], pair["control_converted"]) for pair in compared if pair["converted"] is not None]
    expected["pair_count"] = n = len(green)
    if green:
        cells = [green.count(cell) for cell in ((1, 1), (1, 0), (0, 1), (0, 0))]
        first, second = (cells[0] + cells[1]) / n, (cells[0] + cells[2]) / n
        expected |= {"green_rate": first, "control_green_rate": second, "green_difference": first - second}
        sides = "account_id", "control_account_id"
        clusters = [[pair[key] for pair in compared if pair["converted"] is not None] for key in sides]
        difference = np.array([one - other for one, other in green], dtype=float)
        lone, shared = difference.var() / n, error_of_pairs(difference, *clusters) ** 2
        share = lone / shared if shared > lone > 0 else 1
        expected["effective_pairs"] = share * n
        expected["green_difference_lower"], expected["green_difference_upper"] = newcombe(*(share * cell for cell in cells))
        lift = min(0.12, 1 - second)
        if lift > 1e-12:
            expected["power"] = proportion.power_proportions_2indep(lift, second, n, return_results=False)
            needed = proportion.samplesize_proportions_2indep_onetail(lift, second, 0.8)
            expected["required_per_arm"] = int(np.ceil(needed - 1e-9))
    for count, figure in (("pair", "green"), ("scored", "score"), ("compared", "churn")):
        if expected[f"{count}_count"] < history.min_pairs:
            expected |= {column: None for column in expected if column.removeprefix("control_").startswith(f"{figure}_")}
    return expected


@pytest.mark.parametrize("seed", range(warehouse.examples(8)))
def test_outcomes_are_what_scipy_and_statsmodels_say(seed):
    history = History(seed)
    with warehouse.seeded(history.seeds) as connection:
        history.create(connection)
        steps = [f"int_play_{step}" for step in ("pairs", "scopes", "counts", "errors", "effects")]
        for name in (*steps, "rpt_play_outcomes"):
            connection.execute(f"create or replace table {name} as {warehouse.model_sql(name)}")
        pairs = {row["task_id"]: row for row in rows_of(connection, "select * from int_play_pairs")}
        outcomes = rows_of(connection, "select * from rpt_play_outcomes")
        effects = {(row["play_id"], row["segment"]): row for row in rows_of(connection, "select * from int_play_effects")}
    expected = history.pairs()
    assert pairs.keys() == expected.keys()
    for task_id, pair in expected.items():
        for column in PAIR_COLUMNS:
            assert pairs[task_id][column] == pair[column], (column, pair, pairs[task_id])
    assert len(outcomes) == (len(history.tiers) + 1) * (len(SEGMENTS) + 1)
    for row in outcomes:
        for column, value in outcomes_of(history, expected, row["play_id"], row["segment"]).items():
            found = row[column]
            if column.startswith(("kept_value", "roi")):
                assert found is None or row["pair_count"] >= row["required_per_arm"]
                found = effects[row["play_id"], row["segment"]][column]
            assert (found is None) == (value is None), (column, value, row)
            if value is not None:
                tolerance = {"kept": 0.0051, "roi": 5.1e-5, "median": 0.011, "effective": 1e-6}
                tolerance = tolerance.get(column.partition("_")[0], 1e-9)
                assert float(found) == pytest.approx(value, rel=0, abs=tolerance), (column, row)


def test_tasks_without_effect_are_read_as_none():
    """Scores wander about a level of each account; some of those that have just fallen get a task that does nothing.

    Only accounts under strain, which holds the score down for weeks, get it, and the new ones, which rise by themselves, most.
    """
    rng, world = np.random.default_rng(4), History(0)
    world.accounts, world.left, world.scores, world.treated, world.tasks, world.waiting = {}, {}, {}, set(), [], []
    world.completed, world.started, world.episodes = set(), {}, {}
    world.seeds["outcome_settings"] = [world.seeds["outcome_settings"][0] | {"age_caliper_days": "90"}]
    books, edges, strain = 16, {"red": 0, "yellow": 50, "green": 70}, TRIGGERS[0]
    for number in range(120 * books):
        account, book = f"a{number}", f"book{number % books}"
        world.accounts[account], world.left[account] = (book, None), [(FIRST - 100 * DAY, None)]
        is_new, world.episodes[account] = number // books % 2 == 0, []
        world.started[account] = FIRST - (30 if is_new else 400) * DAY
        level, off, history, until = rng.normal(66, 8), 0.0, [], 0
        for week in range(29):
            day = FIRST + 7 * week * DAY
            if week >= until and rng.random() < 0.08:
                until = week + 10
                world.episodes[account].append((strain, day, day + 70 * DAY))
            off = 0.7 * off + rng.normal(0, 6) - (4 if week < until else 0)
            score = level + off + (week if is_new else 0)
            score = Decimal(float(np.clip(score, 0, 100))).quantize(Decimal("0.01"))
            history.append(score)
            world.scores[account, day] = score, max((band for band in edges if score >= edges[band]), key=edges.get)
            has_fallen = week >= 4 and score <= history[week - 4] - 5 and score < 70
            if has_fallen and week < until and rng.random() < (0.7 if is_new else 0.3):
                at = midnight(day + 3 * DAY)
                world.treated.add((account, at.date()))
                task = {"task_id": f"t{len(world.tasks)}", "account_id": account, "play_id": next(iter(world.tiers))}
                task |= {"segment": book, "arr": None, "completed_at": at, "outcome": "done", "opened_at": at}
                world.tasks.append(task | {"is_high_risk": False, "trigger": strain})
    with warehouse.seeded(world.seeds) as connection:
        world.create(connection)
        query = warehouse.model_sql("int_play_pairs")
        pairs = connection.execute(query).df()
        connection.execute("update outcome_settings set age_caliper_days = 36500")
        of_any_age = connection.execute(query).df()
        connection.execute("update outcome_settings set age_caliper_days = 90")
        always = "select account_id, 'rule', 'quiet', date '2000-01-01', null from int_accounts"
        connection.execute(f"insert into int_trigger_episodes {always}")
        of_any_trigger = connection.execute(query).df()
    days = {}
    for account, day in world.treated:
        days.setdefault(account, []).append(pd.Timestamp(day))
    pairs["later"] = [
        any(row.treated_on < day <= row.window_ends_on for day in days.get(row.control_account_id, ()))
        for row in pairs.itertuples()
    ]
    found = []
    for taken in (pairs, pairs[~pairs.later], of_any_age, of_any_trigger):
        found.append([])
        for _, table in taken[taken.converted.notna()].groupby("segment"):
            difference = (table.converted - table.control_converted).to_numpy(dtype=float)
            error = error_of_pairs(difference, list(table.account_id), list(table.control_account_id))
            found[-1].append(difference.mean() / error)
    assert sum(abs(z) > 1.96 for z in found[0]) <= 3 and abs(np.mean(found[0])) < 0.8
    means = np.mean(found, axis=1)
    assert means[1] < -0.7, "controls that nobody treats later are those that recover by themselves, so the test can fail"
    assert means[2] > 1, "older controls rise less by themselves"
    assert means[3] < -1, "controls without strain recover by themselves"


# The loop: a task goes out, somebody completes it, the next build says what came of it


def built(company, day):
    known_at = datetime.datetime.combine(day, datetime.time.max)
    settings = {"open_tasks_per_owner": "10000", "win_back_days": "60", "win_back_landmark_days": "14"}
    settings |= {"expected_loss_days": "90", "source": "test"}
    seeds = NOTHING_LAPSES | {"task_settings": [settings]}
    return warehouse.build(warehouse.raw_frames(company), as_of=day, known_at=known_at, seeds=seeds)


@pytest.mark.slow
@pytest.mark.parametrize("seed", (3, 4))
def test_a_completed_task_comes_back_with_its_outcome(seed):
    rng = random.Random(seed)
    company = company_strategy.random_company(
        seed, n_accounts=12, n_days=150, dirt=0, duplicates=0, merges=0, special=0, churn=0.1, turns=0, outages=0
    )
    moments = sorted(row["occurred_at"].date() for rows in company.values() for row in rows)
    middle, end = moments[0] + 75 * DAY, moments[-1]
    company, _ = settled(company, middle)
    with built(company, middle) as connection:
        before = {row["task_id"]: row for row in rows_of(connection, "select * from fct_interventions")}
    todo = sorted(task_id for task_id, task in before.items() if task["status"] in ("open", "overdue"))
    assert len(todo) >= 3
    with built(company, end) as unanswered:
        silent = {row["task_id"]: row for row in rows_of(unanswered, "select * from fct_interventions")}
        nobody = rows_of(unanswered, "select * from rpt_play_outcomes where treated_count > 0")
    events = []
    for task_id in rng.sample(todo, len(todo) // 2 + 1):
        at = midnight(middle + DAY) + datetime.timedelta(minutes=rng.randrange(3000))
        outcome = rng.choice(("done", "done", "no answer"))
        task = {"event_id": f"done-{task_id}", "event_type": "task_completed", "user_id": None, "occurred_at": at}
        task |= {"account_id": before[task_id]["account_id"], "loaded_at": at}
        named = {"task_id": task_id}
        if rng.random() < 0.5 and at.date() < (silent[task_id]["closed_on"] or FOREVER):
            named = {"play_id": before[task_id]["play_id"]}
        task |= {"payload": json.dumps(named | {"outcome": outcome})}
        events.append((task_id, at, outcome, task))
    answered = company | {"crm": company["crm"] + [event for *_, event in events]}
    with built(answered, end) as connection:
        after = {row["task_id"]: row for row in rows_of(connection, "select * from fct_interventions")}
        pairs = {row["task_id"] for row in rows_of(connection, "select * from int_play_pairs")}
        outcomes = {(row["play_id"], row["segment"]): row for row in rows_of(connection, "select * from rpt_play_outcomes")}
        treated_days = set(connection.execute("select account_id, treated_on from int_treated_days").fetchall())
    assert not nobody
    treated = set()
    for task_id, at, outcome, _ in events:
        task = after[task_id]
        assert (task["status"], task["outcome"], task["completed_at"]) == ("completed", outcome, at)
        assert task["is_treated"] == (outcome == "done")
        assert task["closed_on"] == min(at.date(), silent[task_id]["closed_on"] or FOREVER)
        assert float(task["hours_to_action"]) == pytest.approx((at - task["opened_at"]).total_seconds() / 3600, abs=0.0051)
        assert task["is_late"] == (at > task["due_at"])
        if task["is_treated"]:
            treated.add(task_id)
            assert (task["account_id"], at.date()) in treated_days
    assert pairs == treated
    everything = outcomes["all", "all"]
    assert (everything["completed_count"], everything["treated_count"]) == (len(events), len(treated))
    counts = ("not_eligible", "none_untreated", "no_match", "window_open", "compared")
    assert sum(everything[f"{name}_count"] for name in counts) == len(treated)
    for play_id in {task["play_id"] for task in after.values()}:
        count = sum(after[task_id]["play_id"] == play_id for task_id in treated)
        assert outcomes[play_id, "all"]["treated_count"] == count
    done = {after[task_id]["account_id"] for task_id, *_ in events}
    others = {task_id: task for task_id, task in silent.items() if task["account_id"] not in done}
    assert others
    for task_id, task in others.items():
        later = {column: after[task_id][column] for column in ("priority_rank", "arr_at_stake", "rank_basis")}
        assert after[task_id] == task | later


@pytest.mark.slow
@pytest.mark.parametrize("seed", (5, 6, 7))
def test_tasks_of_a_company_stay_in_later_builds(seed):
    company = company_strategy.random_company(
        seed, n_accounts=8, n_days=110, dirt=0, duplicates=0, merges=0, edge_times=0.3, turns=0, outages=0
    )
    moments = sorted(row["occurred_at"].date() for rows in company.values() for row in rows)
    day = moments[0] + 50 * DAY
    events, accounts = settled(company, day)
    past, last = {}, FIRST - 9999 * DAY
    for later in (0, 7, 30):
        with built(events, day + later * DAY) as connection:
            present = {
                row["task_id"]: row
                for row in rows_of(connection, "select * from fct_interventions")
                if row["account_id"] in accounts
            }
        for task_id, task in past.items():
            for column in ("account_id", "play_id", "opened_on", "due_at", "arr", "risk", "priority", "wanted_on"):
                assert present[task_id][column] == task[column], (column, task)
        assert all(row["opened_on"] > last or task_id in past for task_id, row in present.items())
        past, last = present, day + later * DAY
    assert past
