"""Small random companies as raw events, for tests that compare the SQL marts with the oracle.

A company is the ``events`` dict that ``oracle.replay`` takes: {source: [row]} with the sources product, crm, support,
billing and survey, a row being a dict with event_id, event_type, account_id, user_id, occurred_at, loaded_at
(UTC-naive datetimes in whole seconds, or None) and payload (JSON text or None). Hypothesis draws a seed and a few
knobs only; the rows come from ``random.Random(seed)``, so hundreds of companies are cheap and a failing one shrinks
to fewer accounts, fewer days and less dirt. Event types, roles and features are those of the seed tracking_plan.
"""

import json
import random
from datetime import date, datetime, time, timedelta

from hypothesis import strategies as st

SOURCES = ("product", "crm", "support", "billing", "survey")

ANY_EVENTS = ("session_started", "error_shown", "search_run", "user_invited", "seat_configured", "setting_changed",
              "integration_connected", "setup_guide_completed", "invite_guide_completed",
              "first_value_guide_completed")
CATEGORY_EVENTS = {
    "collaboration": ("channel_created", "message_posted", "file_shared", "meeting_held", "workflow_built"),
    "analytics": ("dataset_ingested", "query_run", "dashboard_viewed", "dashboard_created", "alert_created",
                  "export_run", "report_built"),
    "api": ("api_key_created", "webhook_registered", "sandbox_used", "api_called", "api_failed", "log_viewed",
            "workflow_deployed"),
    "general_saas": ("record_created", "record_updated", "approval_completed", "custom_report_built"),
}
CATEGORIES = ("collaboration", "analytics", "api", "general_saas", "fintech", "hr_tech", "unheard_of", None)
UNMAPPED_EVENTS = ("mystery_clicked", "beta_opened")
MILESTONES = tuple(f"M{n:03d}" for n in range(1, 14))          # M013 is in no catalog
CURRENCIES = ("USD", "USD", "USD", "EUR", "GBP", "INR")
MRR = (0, 49.99, 100, 333.33, 1234.5, 2083.33, 2083.34, 20833.34, 25000)
PRIORITIES = ("low", "normal", "high", "urgent")
SLA_HOURS = {"low": 24, "normal": 12, "high": 4, "urgent": 1}  # only to aim replies at the target's edge
EDGE_TIMES = (time(0, 0, 0), time(23, 59, 59), time(9, 0, 0))  # day edges, and one that makes ties

KNOBS = {
    "n_accounts": 4,         # accounts created, 1-6
    "n_days": 80,            # days between the first and the last moment, 20-150
    "activity": 1.0,         # product events: 0 none, 1 about one session of a user in three days
    "dirt": 0.04,            # share of rows that get a rejected companion
    "duplicates": 0.03,      # share of rows repeated, exactly or later with other content
    "late": 0.05,            # share of rows loaded days after they occurred
    "edge_times": 0.2,       # share of moments on a day edge or on the one tie time
    "merges": 0.1,           # share of accounts merged into another
    "special": 0.1,          # share of accounts that are internal, test, on trial or without billing or users
    "churn": 0.3,            # share of subscriptions cancelled
    "support": 1.0,          # tickets: 0 none, 1 about one in 15 days
    "null_accounts": 0.1,    # share of product rows that name no account
    "turns": 0.15,           # chance of each turn a document can take: changed, withdrawn, moved, held, shared ids
    "outages": 0.1,          # chance of each thing that happens to a stream: silence, a late start, a broken clock
}


class _Company:
    """Builds the rows of one company from a Random and the knobs."""

    def __init__(self, rng, knobs):
        self.rng = rng
        self.knobs = knobs
        self.events = {source: [] for source in SOURCES}
        self.used_ids = set()
        self.first_day = date(2025, 1, 1) + timedelta(days=rng.randrange(300))
        self.n_days = knobs["n_days"]
        self.end = datetime.combine(self.first_day + timedelta(days=self.n_days), time(12, 0, 0))
        self.accounts = [f"acc{n}" for n in rng.sample(range(1, 90), knobs["n_accounts"])]
        self.everybody = []

    # -- helpers ------------------------------------------------------------------------------------------------------

    def chance(self, share):
        return self.rng.random() < share

    def new_id(self):
        while True:
            event_id = f"e{self.rng.randrange(16**7):07x}"
            if event_id not in self.used_ids:
                self.used_ids.add(event_id)
                return event_id

    def moment(self, day_number):
        """A moment on the company's n-th day: on a day edge, on the common tie time or anywhere."""
        day = self.first_day + timedelta(days=int(day_number))
        if self.chance(self.knobs["edge_times"]):
            return datetime.combine(day, self.rng.choice(EDGE_TIMES))
        return datetime.combine(day, time()) + timedelta(seconds=self.rng.randrange(86400))

    def turn(self):
        return self.chance(self.knobs["turns"])

    def shared_id(self, kind, account_id, number):
        """An id of a document: the account's own, or one that other accounts may have too."""
        return f"{number + 1}" if self.turn() else f"{kind}-{account_id}-{number}"

    def some_day(self, low=0, high=None):
        high = self.n_days if high is None else high
        return self.rng.randint(int(low), max(int(low), int(high)))

    def loaded(self, occurred_at):
        """When a row was loaded: minutes later, days later, at once or up to the tolerated ten minutes before."""
        rng = self.rng
        if self.chance(self.knobs["late"]):
            return occurred_at + timedelta(days=rng.randint(1, 20), seconds=rng.randrange(86400))
        return occurred_at + timedelta(seconds=rng.choice((-600, -300, 0, 60, 1800, 3600, 7200, rng.randrange(9000))))

    def add(self, source, event_type, account_id, occurred_at, payload=None, user_id=None):
        """Append a row unless it would happen after the company's last moment."""
        if occurred_at > self.end:
            return None
        if payload:
            payload = {key: self.as_written(value) for key, value in payload.items()}
        row = {
            "event_id": self.new_id(), "event_type": event_type, "account_id": account_id, "user_id": user_id,
            "occurred_at": occurred_at, "loaded_at": self.loaded(occurred_at),
            "payload": json.dumps(payload) if payload is not None else None}
        for column in ("event_id", "account_id", "user_id"):
            if row[column] is not None and self.chance(0.01):
                row[column] = f" {row[column]}  "                # trimmed by the build
        self.events[source].append(row)
        return row

    def as_written(self, value):
        """A value, now and then as text of itself: numeric text and text booleans are legal, dates may go on."""
        if self.chance(0.04):
            if isinstance(value, bool):
                return "true" if value else "false"
            if isinstance(value, (int, float)):
                return str(value)
            if isinstance(value, str) and len(value) == 10 and value[4] == value[7] == "-":
                return value + "T00:00:00"
        return value

    # -- one account --------------------------------------------------------------------------------------------------

    def account(self, account_id):
        rng = self.rng
        special = rng.choice(("internal", "test", "trial", "no_billing", "no_users", "idle", "un_test")) \
            if self.chance(self.knobs["special"]) else None
        category = rng.choices(CATEGORIES, (3, 3, 3, 2, 1, 1, 0.3, 0.5))[0]
        begin = self.some_day(0, self.n_days * 0.35) if self.chance(0.85) else self.some_day()
        created = {"name": account_id.upper(), "country": rng.choice(("DE", "US", "IL", "ZZ", None)),
                   "timezone": rng.choice((None, "Nowhere", "Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland"))}
        if category is not None:
            created["product_category"] = category
        if special in ("internal", "test"):
            created[f"is_{special}"] = True
        elif special == "un_test":
            created["is_test"] = True
        elif self.chance(0.3):
            created.update({"is_internal": False, "is_test": None})
        self.add("crm", "account_created", account_id, self.moment(max(0, begin - rng.choice((0, 0, 1, 3)))), created)
        if special == "un_test":
            self.add("crm", "account_updated", account_id, self.moment(begin + 2), {"is_test": False})
        if self.chance(0.15):
            update = rng.choice(({"product_category": rng.choice(CATEGORIES[:6])}, {"product_category": None},
                                 {"name": "renamed"}, {"employees": 12}, {}))
            self.add("crm", "account_updated", account_id, self.moment(self.some_day(begin)), update)
        if self.chance(0.8):
            self.add("crm", "onboarding_started", account_id, self.moment(begin), rng.choice((None, {"variant": "b"})))
            if self.chance(0.1):
                self.add("crm", "onboarding_started", account_id, self.moment(begin + rng.randint(0, 9)))

        users = []
        if special != "no_users":
            users = [f"u{rng.randrange(10**4):04d}" for _ in range(rng.randint(1, 5))]
            self.contacts(account_id, users, begin)
        self.later_starts_and_seats(account_id, users, begin)
        category = category if category in CATEGORIES[:6] else "general_saas"
        self.known_later(account_id, users, begin)
        if special != "idle":
            self.product(account_id, category, users, begin, special == "no_users")
        if special != "no_billing":
            self.billing(account_id, begin, max(1, len(users)), special == "trial")
        self.tickets(account_id, users, begin)
        self.surveys_and_notes(account_id, users, begin)
        self.crm_noise(account_id, begin)

    def later_starts_and_seats(self, account_id, users, begin):
        """Onboardings of another product or anew, and seats that pass on, by draws of their own."""
        others, self.rng = self.rng, random.Random(f"{self.first_day} {account_id} {begin}")
        rng = self.rng
        while self.chance(0.3):
            self.add("crm", "onboarding_started", account_id, self.moment(self.some_day(begin)),
                     rng.choice((None, {"product_category": rng.choice(CATEGORIES)})))
        for user_id in users if self.chance(0.4) else ():
            for day in sorted(self.some_day(max(0, begin - 3)) for _ in range(rng.choice((0, 1, 1, 2, 4)))):
                self.add("crm", rng.choice(("seat_assigned", "seat_assigned", "seat_released")), account_id,
                         self.moment(day), None, rng.choice((user_id, user_id, user_id, *users, None)))
        self.rng = others

    def known_later(self, account_id, users, begin):
        """Anonymous ids of users, which are told apart by a later event, now and then by two."""
        rng = self.rng
        for user_id in users:
            if not self.turn():
                continue
            anonymous_id = f"anon{rng.randrange(30)}"
            for _ in range(rng.choice((1, 1, 2))):
                self.add("crm", "user_identified", account_id, self.moment(self.some_day(begin)),
                         {"anonymous_id": anonymous_id}, user_id)
            for _ in range(rng.randint(1, 6)):
                self.add("product", rng.choice(ANY_EVENTS), rng.choice((None, None, account_id)),
                         self.moment(self.some_day(max(0, begin - 3))), None, anonymous_id)

    def contacts(self, account_id, users, begin):
        rng = self.rng
        for user_id in users:
            self.everybody.append(user_id)
            if self.chance(0.9):
                self.add("crm", "contact_added", account_id, self.moment(begin + rng.choice((0, 0, 0, 1, 5))),
                         {"persona": rng.choice(("admin", "end_user", "power_user", "developer"))}, user_id)
            if self.chance(0.12):                                 # leaves, perhaps another account's list
                self.add("crm", "contact_removed", rng.choice((account_id, account_id, *self.accounts)),
                         self.moment(self.some_day(begin)), None, user_id)
            if self.chance(0.15):                                 # moves, now and then to nowhere known
                target = rng.choice((*self.accounts, "acc_nowhere") if self.chance(0.3) else self.accounts)
                self.add("crm", "contact_added", target, self.moment(self.some_day(begin)), {}, user_id)

    def product(self, account_id, category, users, begin, without_users):
        rng, activity = self.rng, self.knobs["activity"]
        own = CATEGORY_EVENTS.get(category, CATEGORY_EVENTS["general_saas"])
        habit = rng.choice(("steady", "steady", "power", "burst", "fading", "gaps"))
        share = {"steady": 0.3, "power": 0.55, "burst": 0.08, "fading": 0.4, "gaps": 0.35}[habit]
        nameless = 1.0 if without_users else rng.choice((0, 0, 0, 0.1, 0.5))

        def emit(event_type, day):
            user_id = rng.choice(users) if users and not self.chance(nameless) else None
            named = None if user_id is not None and self.chance(self.knobs["null_accounts"]) else account_id
            at = self.moment(day)
            self.add("product", event_type, named, at, rng.choice((None, None, {}, {"k": 1})), user_id)
            if self.chance(0.15):                                 # goes on within the session, or just not
                at += timedelta(minutes=rng.choice((1, 29, 30, 31, 300)), seconds=rng.choice((0, 0, 1)))
                self.add("product", rng.choice(own), named, at, None, user_id)

        if activity == 0:
            return
        last_day = self.n_days if habit != "fading" else begin + rng.randint(10, 40)
        silent_from = self.some_day(begin, self.n_days) if habit == "gaps" else self.n_days + 1
        if self.chance(0.15) and begin > 2:                       # use before the start does not count
            emit(own[0], begin - 2)
        for day in range(begin, last_day + 1):
            if silent_from <= day < silent_from + 14:
                continue
            for _ in range(max(1, len(users))):
                if not self.chance(share * activity):
                    continue
                emit("session_started", day)
                for _ in range(rng.choice((0, 0, 1, 1, 2))):
                    if self.chance(0.03):
                        event_type = rng.choice(UNMAPPED_EVENTS)
                    elif self.chance(0.04):
                        event_type = rng.choice(rng.choice(list(CATEGORY_EVENTS.values())))
                    else:
                        event_type = rng.choice(own + own + ANY_EVENTS[1:])
                    emit(event_type, day)
        for event_type in ("user_invited", "seat_configured", own[0], *ANY_EVENTS[7:], *own):
            if self.chance(0.6):                                  # the onboarding steps, early
                emit(event_type, begin + rng.randint(0, 12))
        if habit == "power":                                      # everything on offer within a few days
            day = begin + rng.randint(5, 45)
            for event_type in ANY_EVENTS + own:
                emit(event_type, day + rng.randint(0, 5))
            for user_id in users:
                self.add("product", own[0], account_id, self.moment(day), None, user_id)
            for user_id in users * 4:
                self.add("product", "session_started", account_id, self.moment(day + rng.randint(0, 5)), None, user_id)
        if category == "api" and self.chance(0.7):
            day = begin + rng.randint(0, 25)
            for _ in range(rng.choice((69, 70, 75, 80))):
                emit("api_called", day)

    def billing(self, account_id, begin, n_users, trial):
        rng = self.rng
        if trial or self.chance(0.15):
            self.add("billing", "trial_started", account_id, self.moment(max(0, begin - rng.randint(0, 3))),
                     {"plan": "try"} if self.chance(0.5) else None)
        if trial:
            return
        for number in range(rng.choice((1, 1, 1, 2))):
            self.subscription(account_id, self.shared_id("sub", account_id, number), begin, n_users)
        for number in range(rng.choice((0, 1, 2, 3))):
            self.invoice(account_id, self.shared_id("inv", account_id, number), self.some_day(max(0, begin - 3)))
        if self.turn():                                           # a discount is a line of its own
            day = max(0, begin)
            self.add("billing", "subscription_started", account_id, self.moment(day),
                     {"subscription_id": f"off-{account_id}", "mrr": -rng.choice((20, 99.5)), "currency": "USD"})

    def terms(self, n_users, subscription_id, day):
        rng = self.rng
        start = self.first_day + timedelta(days=int(day))
        terms = {
            "subscription_id": subscription_id,
            "mrr": rng.choice(MRR) if self.chance(0.5) else rng.randrange(100, 300000) / 100,
            "currency": rng.choice(CURRENCIES)}
        seats = rng.choices((n_users, n_users + 1, 2 * n_users + 2, 0, None, 49, 50, 500, "absent"),
                            (8, 4, 3, 1, 1, 0.5, 0.7, 0.7, 1))[0]
        if seats != "absent":
            terms["seats"] = seats
        if self.chance(0.2):                                      # begins later, or is told late
            terms["effective_on"] = (start + timedelta(days=rng.choice((-9, 0, 1, 20, 90)))).isoformat()
        if self.chance(0.6):
            terms["term_end"] = (start + timedelta(days=rng.choice((0, 14, 30, 90, 365)))).isoformat()
        if self.chance(0.4):
            terms["usage_cap"] = rng.choice((50, 100, 250.5, 1000, None, 0))
            terms["variable_mrr"] = rng.choice((0, 33.33, 400, None, None))
        return terms

    def subscription(self, account_id, subscription_id, begin, n_users):
        rng = self.rng
        day = max(0, begin + rng.choice((-5, 0, 0, 0, 1, 10, rng.randint(0, 40))))
        self.add("billing", "subscription_started", account_id, self.moment(day), self.terms(n_users, subscription_id, day))
        if self.turn():                                           # paused, and perhaps taken up again
            later = self.some_day(day)
            for at, share in ((later, 0), (later + rng.randint(1, 40), 1)):
                terms = self.terms(n_users, subscription_id, at)
                self.add("billing", "subscription_changed", account_id, self.moment(at),
                         terms | {"mrr": terms["mrr"] * share})
        if self.turn():                                           # cancelled on its first day, or from before its start
            at = datetime.combine(self.first_day + timedelta(days=int(day)), time(23, 59, 59))
            self.add("billing", "subscription_cancelled", account_id, at,
                     {"subscription_id": subscription_id,
                      "effective_on": (at.date() - timedelta(days=rng.choice((0, 0, 9)))).isoformat()})
        for _ in range(rng.choice((0, 0, 1, 2))):
            later = day if self.chance(0.15) else self.some_day(day)
            self.add("billing", rng.choice(("subscription_changed", "subscription_renewed")),
                     rng.choice(self.accounts) if self.chance(0.03) else account_id, self.moment(later),
                     self.terms(n_users, subscription_id, later))
        if self.chance(self.knobs["churn"]):
            cancelled = self.some_day(day)
            moment = self.moment(cancelled)
            effective = moment.date() + timedelta(days=rng.choice((0, 0, 0, 1, 7, 30, 60, -3, -40)))
            self.add("billing", "subscription_cancelled", account_id, moment,
                     {"subscription_id": subscription_id, "effective_on": effective.isoformat(),
                     "reason": "price" if effective.day % 3 else "Course completed"})
            if self.turn():                                       # cancelled once more: sooner, later or withdrawn
                anew = moment + timedelta(seconds=rng.choice((0, 1, 3600, 86400 * rng.randint(1, 20))))
                effective = anew.date() + timedelta(days=rng.choice((0, 5, 45, -10, -100)))
                self.add("billing", "subscription_cancelled", account_id, anew,
                         {"subscription_id": subscription_id, "effective_on": effective.isoformat()})
            if self.chance(0.2):
                again = self.some_day(cancelled, cancelled + 30)
                self.add("billing", "subscription_started", account_id, self.moment(again),
                         self.terms(n_users, subscription_id, again))

    def invoice(self, account_id, invoice_id, day):
        rng = self.rng
        amount = rng.choice((0, -50.0)) if self.turn() else rng.randrange(1000, 90000) / 100
        issued = self.moment(day)
        due_on = issued.date() + timedelta(days=rng.choice((0, 7, 14, 30)))
        self.add("billing", "invoice_issued", account_id, issued,
                 {"invoice_id": invoice_id, "amount": amount, "currency": rng.choice(CURRENCIES),
                  "due_on": due_on.isoformat()})
        if self.turn():                                           # issued again, another due day: the last counts
            self.add("billing", "invoice_issued", account_id, issued + timedelta(days=rng.choice((0, 2, 20))),
                     {"invoice_id": invoice_id, "amount": round(amount * rng.choice((0, 0.5, 1, 2, -1)), 2),
                      "currency": "USD", "due_on": (due_on + timedelta(days=rng.choice((-5, 3, 60)))).isoformat()})
        how = rng.choice(("in_time", "late", "parts", "short", "never", "void", "early"))
        cents = max(2, round(amount * 100))
        part = rng.randrange(1, cents)
        payments = {"in_time": [(cents, 3)], "late": [(cents, rng.randint(15, 60))],
                    "parts": [(part, rng.randint(0, 20)), (cents - part, rng.randint(10, 50))],
                    "short": [(cents - 1, 5)], "early": [(cents, -1)]}.get(how, [])
        for paid, days in payments:
            self.add("billing", "invoice_paid", account_id, self.moment(max(0, day + days)),
                     {"invoice_id": invoice_id, "amount": paid / 100})
        for kind in ("invoice_credited", "invoice_refunded", "invoice_written_off"):
            if self.turn():
                left = {} if kind == "invoice_written_off" else {"amount": rng.choice((0, part, cents - part, cents)) / 100}
                self.add("billing", kind, account_id, self.moment(day + rng.randint(0, 60)), {"invoice_id": invoice_id} | left)
        if how == "void" or self.chance(0.05):
            self.add("billing", "invoice_voided", account_id, self.moment(day + rng.randint(0, 40)),
                     {"invoice_id": invoice_id})

    def tickets(self, account_id, users, begin):
        rng = self.rng
        if self.chance(0.3):
            return
        expected = self.knobs["support"] * (self.n_days - begin) / 15 * rng.choice((0.3, 1, 1, 2))
        for number in range(int(expected + rng.random())):
            self.ticket(account_id, self.shared_id("t", account_id, number), self.some_day(max(0, begin - 2)), users)
        if self.chance(0.2):
            for event_type in ("ticket_replied", "ticket_escalated", "ticket_solved", "ticket_reopened")[:rng.randint(1, 4)]:
                payload = {"ticket_id": "t-unknown"}
                if event_type == "ticket_replied":
                    payload.update({"author_role": "agent", "is_public": True})
                self.add("support", event_type, account_id, self.moment(self.some_day(begin)), payload)

    def ticket(self, account_id, ticket_id, day, users):
        rng = self.rng
        created_at, priority = self.moment(day), rng.choice(PRIORITIES)
        created = {"ticket_id": ticket_id, "priority": priority, "topic": rng.choice(("bug", "how_to"))}
        if self.turn():
            created.pop("priority")
        if self.chance(0.4):
            created["is_expansion_request"] = self.chance(0.5)
        if self.chance(0.4):
            created["created_by"] = rng.choice(("agent", "customer"))
        user_id = rng.choice(users) if users and self.chance(0.7) else None
        self.add("support", "ticket_created", account_id, created_at, created, user_id)
        if self.turn():                                           # changed, or created again as an upsert sends it
            for _ in range(rng.randint(1, 3)):
                self.add("support", rng.choice(("ticket_created", "ticket_changed")), account_id,
                         created_at + timedelta(seconds=rng.choice((0, 1, 300, 7200, 86400, 400000))),
                         {**created, "priority": rng.choice(PRIORITIES)})

        def later(hours):
            return created_at + timedelta(seconds=rng.randrange(max(1, int(hours * 3600))))

        target = timedelta(hours=SLA_HOURS[priority])
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            at = rng.choice((created_at, created_at + target, created_at + target + timedelta(seconds=1),
                             created_at - timedelta(seconds=1), later(3), later(30), later(100)))
            who = rng.choice(self.accounts) if self.chance(0.05) else account_id
            self.add("support", "ticket_replied", who, at,
                     {"ticket_id": ticket_id, "author_role": rng.choice(("agent", "agent", "customer", "bot")),
                      "is_public": self.chance(0.8)})
        for event_type, share, hours in (("ticket_escalated", 0.25, 80), ("ticket_solved", 0.7, 150),
                                         ("ticket_reopened", 0.3, 300), ("ticket_solved", 0.3, 400)):
            if self.chance(share):
                who = rng.choice(self.accounts) if self.chance(0.05) else account_id
                at = created_at if self.chance(0.05) else later(hours)
                self.add("support", event_type, who, at, {"ticket_id": ticket_id})
        for event_type, more in (("ticket_on_hold", {"waiting_for": rng.choice(("customer", "third_party"))}),
                                 ("ticket_resumed", {}),
                                 ("ticket_closed", rng.choice(({}, {"close_reason": "other"}, {"close_reason": "spam"}))),
                                 ("ticket_deleted", {}),
                                 ("ticket_merged", {"into_ticket_id": f"t-{account_id}-0"}), ("ticket_reopened", {})):
            if self.turn() and (event_type != "ticket_deleted" or self.chance(0.5)):
                who = rng.choice(self.accounts) if self.chance(0.2) else account_id
                at = created_at if self.chance(0.1) else later(300)
                self.add("support", event_type, who, at, {"ticket_id": ticket_id, **more})

    def surveys_and_notes(self, account_id, users, begin):
        rng = self.rng
        mood = rng.choice((2, 5, 8, 9))
        for number in range(rng.choice((0, 1, 2, 4))):
            kind, survey_id = rng.choice(("nps", "csat")), f"s-{account_id}-{number}"
            day = self.some_day(begin)
            user_id = rng.choice(users) if users and self.chance(0.8) else None
            if self.chance(0.85):
                self.add("survey", "survey_sent", account_id, self.moment(day), {"survey_id": survey_id, "kind": kind},
                         user_id)
            for _ in range(rng.choice((0, 1, 1, 2, 3) if self.turn() else (0, 1, 1, 1))):
                score = min(10, max(0, mood + rng.randint(-2, 2))) if kind == "nps" else rng.randint(1, 5)
                score = rng.choice((-1, 9, 11, 100)) if self.chance(0.03) else score
                self.add("survey", "survey_answered", account_id, self.moment(day + rng.randint(0, 5)),
                         {"survey_id": survey_id, "kind": kind, "score": score}, user_id)
        for _ in range(rng.choice((0, 1, 2, 3))):
            payload = rng.choice((None, {"topic": "call"}, {"sentiment": None})) if self.chance(0.2) \
                else {"sentiment": rng.randint(-100, 100) / 100}
            self.add("crm", "note_logged", account_id, self.moment(self.some_day(begin)), payload)

    def crm_noise(self, account_id, begin):
        rng = self.rng
        for event_type, share in (("milestone_confirmed", 0.3), ("milestone_waived", 0.3)):
            while self.chance(share):
                day = self.some_day(0 if self.chance(0.1) else begin)
                self.add("crm", event_type, account_id, self.moment(day),
                         {"milestone_id": rng.choice(MILESTONES), "reason": "agreed"})
        for event_type, payload in (
                ("task_completed", {rng.choice(("task_id", "play_id", "task")): "csm_outreach", "outcome": "done"}),
                ("opportunity_stage_changed", {"opportunity_id": "o1", "stage": "won", "kind": "renewal"}),
                ("experiment_assigned", {"experiment_id": "x1", "variant": "a"})):
            if self.chance(0.1):
                self.add("crm", event_type, account_id, self.moment(self.some_day(begin)), payload)
        while self.chance(0.4):
            day = self.some_day(begin)
            override = {"band": rng.choice(("red", "yellow", "green")), "reason": "call"}
            if self.chance(0.7):
                override["expires_on"] = str(self.first_day + timedelta(days=day + rng.randrange(-2, 60)))
            self.add("crm", "health_overridden", account_id, self.moment(day), override)

    # -- the company --------------------------------------------------------------------------------------------------

    def merge_accounts(self):
        """Merges into any account: chains, circles, corrections, into itself and to nowhere known."""
        for account_id in self.accounts:
            while self.chance(self.knobs["merges"]):
                target = "acc_nowhere" if self.chance(0.1) else self.rng.choice(self.accounts)
                self.add("crm", "account_merged", account_id, self.moment(self.some_day()),
                         {"into_account_id": target})

    def break_streams(self):
        """What happens to trackers and loaders: silence for good or for a while, a late start, a broken clock."""
        rng = self.rng

        def drop(source, low, high, event_type=None):
            first, last = (self.first_day + timedelta(days=int(day)) for day in (low, high))
            self.events[source] = [
                row for row in self.events[source]
                if not (first <= row["occurred_at"].date() <= last and event_type in (None, row["event_type"]))]

        def happens():
            return self.chance(self.knobs["outages"])

        for source in ("product", "support", "survey"):
            if happens():                                         # stops, pauses, begins late, or never came
                low, high = sorted((self.some_day(), self.some_day()))
                drop(source, *rng.choice(((low, self.n_days), (low, high), (0, low), (0, self.n_days))))
        if happens():
            drop("product", self.some_day(), self.n_days, "session_started")
        if happens():
            drop("support", 0, self.n_days, "ticket_replied")
        if happens():
            for _ in range(rng.choice((1, 1, 2, 3))):
                row = self.add("product", "session_started", rng.choice(self.accounts), self.moment(self.some_day()),
                               None, rng.choice(self.everybody or [None]))
                if row:
                    row["occurred_at"] -= timedelta(days=rng.choice((8000, 8001, 400)))
        if happens():
            source = rng.choice(SOURCES)                          # the loader is a day or two late
            last = self.end - timedelta(days=rng.randint(1, 2))
            self.events[source] = [row for row in self.events[source] if row["loaded_at"] <= last]
        if happens():
            rows = self.events[rng.choice(SOURCES)]
            if rows:
                rng.choice(rows)["loaded_at"] = datetime(2099, 6, 1)

    def repeat_rows(self):
        """Duplicates: exact ones, and later loads of the same event_id with other content."""
        rng = self.rng
        for rows in self.events.values():
            for row in list(rows):
                if not self.chance(self.knobs["duplicates"]):
                    continue
                copy = dict(row)
                if self.chance(0.6) and row["loaded_at"] and row["occurred_at"]:
                    copy["loaded_at"] += timedelta(seconds=rng.choice((0, 1, 3600, 86400 * 4)))
                    change = rng.choice(("payload", "account_id", "occurred_at", "event_type", "user_id"))
                    copy[change] = {
                        "payload": rng.choice((None, "{}", '{"seats": 7}')),
                        "account_id": rng.choice(self.accounts + [None]),
                        "occurred_at": row["occurred_at"] - timedelta(seconds=rng.choice((1, 3600, 86400))),
                        "event_type": rng.choice((row["event_type"], "other")),
                        "user_id": rng.choice(self.everybody or [None])}[change]
                rows.append(copy)

    def spoil_rows(self):
        """Rejected companions: copies under a new event_id, each broken in one way (now and then in two)."""
        rng = self.rng
        for source, rows in self.events.items():
            for row in list(rows):
                while self.chance(self.knobs["dirt"]):
                    copy = dict(row, event_id=self.new_id())
                    for _ in range(rng.choice((1, 1, 1, 2))):
                        self.spoil(source, copy)
                    rows.append(copy)

    def spoil(self, source, row):
        rng = self.rng
        kinds = ["id", "no_time", "no_load", "old", "future", "json", "type", "account", "user"]
        if source != "product":                                   # product payloads have no declared keys
            kinds += ["missing", "mistyped"] * 4
        kind = rng.choice(kinds)
        at = row["occurred_at"] or self.end
        if kind == "id":
            row["event_id"] = rng.choice((None, "", "  "))
        elif kind == "no_time":
            row["occurred_at"] = None
        elif kind == "no_load":
            row["loaded_at"] = None
        elif kind == "old":
            row["occurred_at"] = rng.choice((datetime(1999, 12, 31, 23, 59, 59), datetime(1970, 1, 1)))
        elif kind == "future":
            row["occurred_at"] = at
            row["loaded_at"] = at - rng.choice((timedelta(seconds=601), timedelta(hours=5), timedelta(days=9)))
            if self.chance(0.3):
                row["occurred_at"] = self.end + timedelta(days=rng.randint(1, 400))
        elif kind == "json":
            row["payload"] = rng.choice(("{", "[1, 2]", '"text"', "12", "null", "nonsense", '{"a": }', "{'a': 1}"))
        elif kind == "type":
            row["event_type"] = rng.choice((None, " ")) if source == "product" or self.chance(0.4) else "unheard_of"
        elif kind in ("missing", "mistyped"):
            self.spoil_payload(kind, row)
        elif kind == "account":
            row["account_id"] = "acc_nowhere" if self.chance(0.6) else None
        elif kind == "user":
            row["user_id"] = rng.choice((None, "u_nobody"))
            if self.chance(0.7):
                row["account_id"] = None

    def spoil_payload(self, kind, row):
        rng = self.rng
        try:
            payload = json.loads(row["payload"] or "{}")
        except ValueError:
            return
        if not isinstance(payload, dict):
            return
        if kind == "missing":
            if payload:
                key = rng.choice(sorted(payload))
                if self.chance(0.4):
                    payload.pop(key)
                else:
                    payload[key] = rng.choice((None, ""))
        else:
            bad = {"mrr": ("free", "12 EUR", True), "seats": (7.5, "many", "7.5"), "currency": ("XXX", "usd", 5),
                   "amount": ("a lot",), "due_on": ("soon", "2025-02-30", 20250301), "term_end": ("never", "2025-13-01"),
                   "effective_on": ("tomorrow", "2025-02-29"), "usage_cap": ("unlimited",), "score": ("nine",),
                   "kind": ("ces",), "priority": ("asap", "High"), "author_role": ("robot",),
                   "is_public": ("maybe", 1, "yes"), "is_expansion_request": ("perhaps",), "persona": ("boss",),
                   "sentiment": ("happy",), "is_test": ("unsure",), "employees": (3.5,), "band": ("orange",)}
            keys = sorted(set(payload) & set(bad))
            if keys:
                key = rng.choice(keys)
                payload[key] = rng.choice(bad[key])
        row["payload"] = json.dumps(payload)

    def build(self):
        for account_id in self.accounts:
            self.account(account_id)
        self.merge_accounts()
        self.break_streams()
        self.spoil_rows()
        self.repeat_rows()
        for rows in self.events.values():
            self.rng.shuffle(rows)
        return self.events


def random_company(seed, **knobs):
    """Random company as the ``events`` dict of ``oracle.replay``, the same one for the same seed and knobs.

    seed: int. knobs: any of KNOBS (counts, and rates between 0 and 1; activity and support may exceed 1).
    Raises TypeError on an unknown knob.
    """
    unknown = set(knobs) - set(KNOBS)
    if unknown:
        raise TypeError(f"unknown knobs {sorted(unknown)}")
    return _Company(random.Random(seed), {**KNOBS, **knobs}).build()


def random_moments(seed, events):
    """(as_of or None, known_at or None) for a build of a company: mostly the defaults, else in its later part.

    seed: int. events: the company. as_of is a date, known_at a UTC-naive datetime; both None for an empty company.
    """
    rng = random.Random(seed)
    loads = sorted(row["loaded_at"] for rows in events.values() for row in rows
                   if row["loaded_at"] is not None and row["loaded_at"].year < 2090)
    if not loads:
        return None, None
    known_at = as_of = None
    if rng.random() < 0.4:
        known_at = rng.choice(loads[len(loads) // 3:]) + timedelta(seconds=rng.choice((-1, 0, 1)))
    if rng.random() < 0.4:
        as_of = (known_at or loads[-1]).date() + timedelta(days=rng.choice((0, -1, -1, -7, -20, 1, 3)))
    return as_of, known_at


class Company(dict):
    """The ``events`` dict of a random company that shows the call that makes it, not its thousands of rows."""

    def __init__(self, seed, **knobs):
        super().__init__(random_company(seed, **knobs))
        self.call = f"random_company({seed}, **{knobs})"

    def __repr__(self):
        return self.call


@st.composite
def companies(draw, with_moments=False):
    """Hypothesis strategy of small random companies: the ``events`` dict of ``oracle.replay``.

    with_moments: draw (events, as_of or None, known_at or None) instead. The knobs shrink to one account over 20
    days without dirt; the seed shrinks to 0.
    """
    one_of = st.sampled_from             # shrinks to the first; integers() would draw its lower bound half the time
    knobs = {
        "n_accounts": draw(one_of((1, 2, 3, 4, 5, 6, 6))),
        "n_days": draw(one_of((20, 33, 45, 60, 75, 90, 105, 120, 150))),
        "activity": draw(one_of((0.5, 0, 0.3, 0.7, 1.0))),
        "dirt": draw(one_of((0, 0.02, 0.06))),
        "duplicates": draw(one_of((0, 0.03, 0.1))),
        "late": draw(one_of((0, 0.05, 0.2))),
        "edge_times": draw(one_of((0, 0.2, 0.6))),
        "merges": draw(one_of((0, 0, 0.1, 0.25))),
        "special": draw(one_of((0, 0.1, 0.3))),
        "churn": draw(one_of((0, 0.3, 0.7))),
        "support": draw(one_of((0, 0.5, 1.0, 1.5))),
        "null_accounts": draw(one_of((0, 0.1, 0.4))),
        "turns": draw(one_of((0, 0.1, 0.3))),
        "outages": draw(one_of((0, 0, 0.2, 0.5))),
    }
    seed = draw(st.integers(0, 2**32 - 1))
    events = Company(seed, **knobs)
    if not with_moments:
        return events
    if draw(st.booleans()):
        return (events, *random_moments(seed + 1, events))
    return events, None, None
