"""Risk episodes equal a day-by-day replay of the definitions, and later builds neither rename nor rewrite them.

EXAMPLES sets how many.
"""

import datetime
import json
import random
from collections import defaultdict
from fractions import Fraction

import company_strategy
import oracle
import pytest
import warehouse
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_observable import Coverage
from test_point_in_time import NOTHING_LAPSES, settled

DAY = datetime.timedelta(days=1)
SEEDS = warehouse.seed_rows()
COMPANIES = settings(
    max_examples=warehouse.examples(30),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
# Signal, thresholds that random companies cross, and the operators.
LEVELS = {
    "sessions_7d": (0, 2, 5),
    "session_change_7d": (-0.4, 0, 0.5),
    "sessions_baseline_share_7d": (0.5, 1),
    "tickets_open": (0, 1),
    "tickets_awaiting_us": (0, 1),
    "nps_last_score_180d": (5, 8),
    "nps_dropped_users_180d": (0, 1),
    "milestone_completion_due": (0.3, 0.8),
    "days_since_milestone": (10, 30),
    "days_overdue": (0, 10),
    "oldest_ticket_days": (0, 10),
    "days_to_renewal": (20, 200),
}
SEEN = defaultdict(int)


def random_rules(rng):
    """Seeds of a dozen rules with every measure, windows, holes in the windows of segments, and long and short memories."""
    rules, criteria = [], []
    for number in range(12):
        rule_id = f"rule_{number}"
        for segment in rng.choice((["any"], ["any", "smb"], ["smb"], ["any", "mid_market"])):
            from_day = rng.choice((0, 0, 7, 31))
            rules.append(
                SEEDS["risk_rules"][0]
                | {
                    "rule_id": rule_id,
                    "segment": segment,
                    "from_day": str(from_day),
                    "to_day": rng.choice(("", "", str(from_day + rng.choice((0, 20, 60))))),
                    "clear_after_days": str(rng.choice((1, 1, 2, 7, 14))),
                    "severity": rng.choice(("low", "high")),
                    "band_cap": rng.choice(("", "yellow", "red")),
                }
            )
        rows = {}
        for _ in range(rng.choice((1, 1, 2, 3))):
            measure = rng.choice(("signal", "signal", "milestone_days_overdue", "health_score", "fall"))
            if measure == "signal":
                subject = rng.choice(sorted(LEVELS))
                operator, threshold = rng.choice(("<", "<=", ">=", ">")), rng.choice(LEVELS[subject])
            elif measure == "fall":
                subject, operator, threshold = "sessions_7d", rng.choice(("<", "<", ">=")), rng.choice((0.05, 0.5, 1))
            elif measure == "health_score":
                subject = rng.choice(("score", "score", "highest", "drop"))
                operator, threshold = rng.choice(("<", ">=")), rng.choice((0, 3, 10) if subject == "drop" else (40, 50, 60))
            else:
                subject = rng.choice(("any", "due_by:7", "due_by:14", "M005", "M006", "M001"))
                operator, threshold = rng.choice((">=", ">", "<")), rng.choice((0, 1, 7, 20))
            rows[measure, subject] = {
                "rule_id": rule_id,
                "measure": measure,
                "subject": subject,
                "operator": operator,
                "threshold": str(threshold),
                "within_days": str(rng.choice((7, 28))) if subject in ("highest", "drop") else "",
                "min_days": "",
                "sustained_days": str(rng.choice((1, 1, 3, 8))),
                "holds_when_null": "true" if measure == "signal" and rng.random() < 0.2 else "false",
                "label": subject,
            }
        criteria += rows.values()
    return {"risk_rules": rules, "risk_criteria": criteria, "play_triggers": []}


def table(connection, query):
    result = connection.execute(query)
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


class Replay:
    """The days of a built company, as the definitions of the section on risk read them."""

    def __init__(self, connection, seeds):
        self.seeds = seeds
        self.coverage = Coverage(connection, seeds)
        self.seen = {}
        self.register = {row["signal"]: row for row in seeds["signals"]}
        self.unscored = {
            (row["account_id"], row["score_date"])
            for row in table(connection, "from fct_account_health where status = 'too_little_data'")
        }
        self.completions = {(row["account_id"], row["completed_on"]) for row in table(connection, "from int_account_completions")}
        self.segments = {row["account_id"]: row["segment"] for row in table(connection, "from dim_accounts")}
        self.signals = defaultdict(dict)
        for row in table(connection, "from fct_account_signals order by account_id, date_day"):
            self.signals[row["account_id"]][row["date_day"]] = row
        self.milestones = defaultdict(list)
        for row in table(connection, "from fct_milestones"):
            self.milestones[row["account_id"]].append(row)
        self.scores = {
            (row["account_id"], row["score_date"]): row["score"]
            for row in table(connection, "from fct_account_health where status = 'scored'")
        }
        self.falls = {
            (row["account_id"], row["date_day"]): row["false_discovery_rate"] for row in table(connection, "from int_risk_falls")
        }
        self.deadlines = {(row["journey"], row["milestone_id"]): int(row["deadline_days"]) for row in seeds["journey_milestones"]}
        self.need_seats = {
            row["milestone_id"]
            for row in seeds["milestone_criteria"]
            if row["phase"] == "exit" and oracle.is_true(row["needs_seats"])
        }

    def seen_until(self, account_id, milestone_id, due_on):
        """The last day on which anybody could see that a milestone is overdue; None where nobody could on its due day."""
        key = account_id, milestone_id
        if key not in self.seen:
            self.seen[key] = self._seen_until(*key, due_on)
        return self.seen[key]

    def _seen_until(self, account_id, milestone_id, due_on):
        subjects = self.coverage.subjects(milestone_id)
        stretch = self.coverage.stretch(subjects, due_on)
        if stretch is None or due_on > self.coverage.complete_through(subjects):
            return None
        return self.coverage.last_seen(subjects) if stretch[0] <= min(self.signals[account_id]) else None

    def days_overdue(self, account_id, subject, day, is_lost=False):
        """Days since the milestone open longest could be overdue; with `is_lost` of those that nobody can see any more."""
        first_seats_on = min((d for d, row in self.signals[account_id].items() if row["seats"]), default=None)
        ages = []
        for row in self.milestones[account_id]:
            until = self.seen_until(account_id, row["milestone_id"], row["due_on"])
            if until is None or (until < day) != is_lost:
                continue
            deadline = self.deadlines[row["journey"], row["milestone_id"]]
            is_meant = subject in ("any", row["milestone_id"]) or (subject.startswith("due_by:") and deadline <= int(subject[7:]))
            ends = [row[at].date() for at in ("achieved_at", "waived_at") if row[at]]
            since = row["due_on"]
            if row["milestone_id"] in self.need_seats and not is_lost:
                since = max(since, first_seats_on or datetime.date.max)
            if is_meant and since <= day and all(day < end for end in ends):
                ages.append((day - since).days)
        return max(ages, default=None)

    def value(self, account_id, criterion, day):
        if criterion["measure"] == "signal":
            return self.signals[account_id][day][criterion["subject"]]
        if criterion["measure"] == "fall":
            return self.falls.get((account_id, day))
        if criterion["measure"] == "health_score":
            return self.score_value(account_id, criterion, day - day.weekday() * DAY)
        return self.days_overdue(account_id, criterion["subject"], day)

    def score_value(self, account_id, criterion, monday):
        now = self.scores.get((account_id, monday))
        if now is None or criterion["subject"] == "score":
            return now
        keys = [(account_id, monday - day * DAY) for day in range(int(criterion["within_days"]) + 1)]
        highest = max(self.scores[key] for key in keys if key in self.scores)
        return highest if criterion["subject"] == "highest" else highest - now

    def true_days(self, account_id, criterion):
        """The days on which a criterion holds, with the value."""
        found, streak = {}, 0
        for day in self.signals[account_id]:
            value = self.value(account_id, criterion, day)
            if value is None:
                is_true = oracle.is_true(criterion["holds_when_null"])
            else:
                is_true = oracle.holds(Fraction(value), criterion["operator"], Fraction(criterion["threshold"]))
            is_true = is_true and self.is_wholly_seen(criterion, day, self.signals[account_id][day]["account_age_days"])
            streak = streak + 1 if is_true else 0
            if streak >= int(criterion["sustained_days"]):
                found[day] = value
        return found

    def is_wholly_seen(self, criterion, day, age):
        """Whether less than a threshold says something on a day: whether the whole window was observed."""
        if criterion["measure"] != "signal" or criterion["operator"] not in ("<", "<="):
            return True
        signal = self.register[criterion["subject"]]
        if not signal["window_days"] or not signal["observed_by"]:
            return True
        since = self.observed_since(signal, day)
        return since is not None and since <= day - min(int(signal["window_days"]) - 1, age) * DAY

    def observed_since(self, signal, day):
        """Since when a signal is observed on a day; None where it is not, or only in a part of the times that it compares."""
        since = self.coverage.observed_since(self.coverage.subjects_of_signal(signal["signal"]), day)
        if since and signal["observed_over"] == "window" and since > day - (int(signal["window_days"]) - 1) * DAY:
            return None
        return since

    def is_unseen(self, account_id, criterion, day):
        """Whether nobody can see on a day if a criterion holds."""
        if criterion["measure"] == "health_score":
            return (account_id, day - day.weekday() * DAY) in self.unscored
        if criterion["measure"] == "milestone_days_overdue":
            return self.days_overdue(account_id, criterion["subject"], day, is_lost=True) is not None
        if criterion["subject"] == "milestone_completion_due":
            return self.days_overdue(account_id, "any", day, is_lost=True) is not None
        return self.observed_since(self.register[criterion["subject"]], day) is None

    def occasions(self, criteria, true_days, day):
        """The earliest and the latest day of what a rule is about on a day on which it holds."""
        found = []
        for criterion, days in zip(criteria, true_days, strict=True):
            kind, value = None, days[day]
            if criterion["measure"] == "milestone_days_overdue":
                kind = "since"
            elif criterion["measure"] == "signal" and value is not None:
                kind = self.register[criterion["subject"]]["occasion"]
                kind = None if kind == "since" and value == 0 else kind
            if kind:
                found.append(day + (DAY if kind == "until" else -DAY) * int(value))
        return (min(found), max(found)) if found else None

    def rule_of(self, account_id, rule_id):
        rows = {row["segment"]: row for row in self.seeds["risk_rules"] if row["rule_id"] == rule_id}
        return rows.get(self.segments[account_id], rows.get("any"))

    def episodes(self):
        """{(account, rule, first day): the episode}."""
        found = {}
        for rule_id in sorted({row["rule_id"] for row in self.seeds["risk_rules"]}):
            criteria = [row for row in self.seeds["risk_criteria"] if row["rule_id"] == rule_id]
            for account_id in self.signals:
                rule = self.rule_of(account_id, rule_id)
                if rule:
                    for episode in self.of_rule(account_id, rule, criteria):
                        found[account_id, rule_id, episode["first_seen_on"]] = episode
        return found

    def of_rule(self, account_id, rule, criteria):
        true_days = [self.true_days(account_id, criterion) for criterion in criteria]
        to_day = int(rule["to_day"]) if rule["to_day"] else 10**6
        episode, quiet, occasions = None, 0, None
        for day, row in self.signals[account_id].items():
            age, is_live = row["account_age_days"], row["is_subscribed"] != 0
            holds = is_live and int(rule["from_day"]) <= age <= to_day and all(day in days for days in true_days)
            is_new = holds and episode is not None and self.occasions(criteria, true_days, day) != occasions
            if is_new:
                is_unseen = any(self.is_unseen(account_id, criterion, day) for criterion in criteria)
                SEEN["another occasion"] += 1
                yield episode | {"cleared_on": day, "cleared_by": "not_observed" if is_unseen else "resolved"}
                episode = None
            if episode is None:
                if not holds:
                    continue
                occasions = self.occasions(criteria, true_days, day)
                episode = {
                    "occasion_on": occasions and occasions[0],
                    "first_seen_on": day,
                    "severity": rule["severity"],
                    "band_cap": rule["band_cap"] or None,
                    "risk_window": max(
                        (int(window["from_day"]), window["risk_window"])
                        for window in self.seeds["risk_windows"]
                        if int(window["from_day"]) <= age
                    )[1],
                    "cleared_on": None,
                    "cleared_by": None,
                }
                first_values = [days[day] for days in true_days]
            quiet = 0 if holds else quiet + 1
            if holds:
                episode["last_seen_on"] = day
                episode["evidence"] = {
                    (criterion["measure"], criterion["subject"], Fraction(criterion["threshold"])): (first, days[day])
                    for criterion, first, days in zip(criteria, first_values, true_days, strict=True)
                }
            reason = (
                "completed" if (account_id, day) in self.completions
                else "churned" if not is_live
                else "out_of_window" if age > to_day
                else "resolved" if quiet == int(rule["clear_after_days"])
                else None
            )  # fmt: skip
            if reason == "resolved" and any(self.is_unseen(account_id, criterion, day) for criterion in criteria):
                reason = "not_observed"
            if reason:
                yield episode | {"cleared_on": day, "cleared_by": reason}
                episode = None
        if episode:
            yield episode


def evidence_of(text):
    return {
        (item["measure"], item["subject"], item["threshold"]): (item["first_value"], item["last_value"])
        for item in json.loads(text, parse_float=Fraction, parse_int=Fraction)
    }


@pytest.mark.slow
@COMPANIES
@given(company=company_strategy.companies(), seed=st.integers(0, 2**32 - 1))
def test_episodes_equal_the_replay(company, seed):
    seeds = SEEDS | random_rules(random.Random(seed))
    needed = ("plays_problems", "fct_risk_episodes", "int_risk_falls", "dim_accounts", "fct_account_signals", "fct_milestones")
    needed += ("fct_account_health", "int_account_completions")
    with warehouse.build(warehouse.raw_frames(company), seeds=seeds, needed=needed) as connection:
        problems = connection.execute("from plays_problems").fetchall()
        built = {
            (row["account_id"], row["rule_id"], row["first_seen_on"]): row for row in table(connection, "from fct_risk_episodes")
        }
        replayed = Replay(connection, seeds).episodes()
    assert not problems
    assert built.keys() == replayed.keys()
    for key, episode in replayed.items():
        row = built[key] | {"evidence": evidence_of(built[key]["evidence"])}
        for column, value in episode.items():
            assert row[column] == value, (key, column)
        SEEN["churned" if row["cleared_by"] == "completed" else row["cleared_by"] or "active"] += 1


@pytest.mark.slow
def test_the_companies_had_every_end():
    ends = {"active", "churned", "out_of_window", "resolved", "not_observed", "another occasion"}
    assert set(SEEN) == ends, dict(SEEN)
    # One occasion seldom gives way to another. Fewer draws (EXAMPLES) are held to fewer counts.
    least = {end: warehouse.examples(4 if end == "another occasion" else 10) for end in ends}
    assert all(SEEN[end] >= least[end] for end in ends), dict(SEEN)


@pytest.mark.slow
@settings(parent=COMPANIES, max_examples=warehouse.examples(2))
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.5, 0.9))
def test_later_days_keep_episodes_and_alerts(seed, share):
    company = company_strategy.random_company(
        seed, n_accounts=6, n_days=100, dirt=0, duplicates=0, merges=0, edge_times=0.3, outages=0, activity=2
    )
    moments = sorted(row["occurred_at"].date() for rows in company.values() for row in rows)
    first_day = moments[0] + int(share * (moments[-1] - moments[0]).days) * DAY
    events, _ = settled(company, first_day)
    # Every day is over at its end and no stream falls silent: what proves that later restates the days between.
    seeds = SEEDS | random_rules(random.Random(seed)) | NOTHING_LAPSES
    before, alerts, previous_day = {}, {}, first_day - DAY
    for day in (first_day, first_day + DAY, first_day + 2 * DAY, first_day + 9 * DAY):
        known_at = datetime.datetime.combine(day, datetime.time.max)
        with warehouse.build(
            warehouse.raw_frames(events), seeds=seeds, as_of=day, known_at=known_at, needed=("fct_risk_episodes", "fct_alerts")
        ) as connection:
            now = {row["risk_signal_id"]: row for row in table(connection, "from fct_risk_episodes")}
            alerts_now = {row["alert_id"]: row for row in table(connection, "from fct_alerts where alert_kind not like 'band_%'")}
        for key, row in alerts.items():
            # What had not ended may end on a later day.
            ended_on = row["ended_on"] or alerts_now[key]["ended_on"]
            assert row["ended_on"] or ended_on is None or ended_on > previous_day
            assert alerts_now[key] == row | {"ended_on": ended_on}
        for key in alerts_now.keys() - alerts.keys():
            assert previous_day < first_day or alerts_now[key]["alerted_on"] > previous_day
        for key, row in before.items():
            assert key in now, f"{row['reason']} is gone"
            same = ("account_id", "rule_id", "first_seen_on", "occasion_on", "risk_window", "severity", "owner_role", "band_cap")
            if not row["is_active"]:
                same = row.keys() - {"reason", "owner_id"}
            for column in same:
                assert now[key][column] == row[column], (key, column)
            assert now[key]["last_seen_on"] >= row["last_seen_on"]
        for key in now.keys() - before.keys():
            assert previous_day < first_day or now[key]["first_seen_on"] > previous_day
        before, alerts, previous_day = now, alerts_now, day
    assume(before)
