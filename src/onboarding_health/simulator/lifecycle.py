"""The crm, support, billing and survey streams: what people and systems record about an account.

Times are seconds counted from the start of the window; a user is the number inside its account.
"""

import numpy as np

from .company import MILESTONES, NEVER, sigmoid

DAY, HOUR = 86400, 3600
SLA_HOURS = np.array([24, 12, 4, 1])
# Kind of survey, the milestone of the catalog after which it is sent (0: none) and the events that reach that.
MILESTONE_SURVEYS = [
    (2, 3, ["dataset_ingested"]),
    (2, 12, ["api_key_created"]),
    (3, 7, ["report_built", "workflow_built", "workflow_deployed", "custom_report_built"]),
    (4, 0, []),
]


class Log:
    """Collects events as blocks of one event type each, in the order of their adding."""

    def __init__(self, first_account, days):
        self.first_account, self.end, self.blocks = first_account, days * DAY - 1, []

    def add(self, source, event_type, account, at, keep=True, user=-1, **params):
        """Add the events with ``keep`` true that happen by the end of the window.

        account is a position in the log's accounts, at a time in seconds, user a number in the
        account (-1: nobody) and params the values that the payload is made of; all broadcast.
        """
        columns = {"account": account, "at": at, "user": user, **params}
        columns["home"] = columns.get("home", account)
        keep, *values = np.broadcast_arrays(np.asarray(keep), *map(np.asarray, columns.values()))
        keep = keep & (values[1] >= 0) & (values[1] <= self.end)
        block = {k: v[keep] for k, v in zip(columns, values, strict=True)}
        block["account"] = block["account"] + self.first_account
        block["home"] = block["home"] + self.first_account
        block["at"] = block["at"].astype(np.int64)
        if len(block["at"]):
            self.blocks.append((source, event_type, block))


def _office(day, rng):
    """A moment between 07:00 and 19:00 of each day."""
    return np.asarray(day) * DAY + rng.integers(7 * HOUR, 19 * HOUR, np.shape(day))


def _anyone(accounts, users, account, day, rng):
    """Number of a user present at the account that day; its first admin where none was drawn."""
    counts = np.bincount(users.account, minlength=len(accounts))
    first = np.cumsum(counts) - counts
    pick = first[account] + (rng.random(len(account)) * counts[account]).astype(int)
    there = (users.join[pick] <= day) & (users.leave[pick] >= day)
    return np.where(there, users.number[pick], 0)


def _weekly(accounts, rate, rng):
    """Account, day and health of events that happen at a weekly rate, (accounts, weeks)."""
    account, week = np.nonzero(rate > 0)
    counts = rng.poisson(rate[account, week])
    account, week = np.repeat(account, counts), np.repeat(week, counts)
    day = week * 7 + np.minimum(rng.integers(0, 7, len(week)), rng.integers(0, 7, len(week)))
    keep = (day > accounts.onboarding[account]) & (day <= accounts.last_day[account])
    account, week, day = account[keep], week[keep], day[keep]
    return account, day, accounts.health[account, week]


def crm(log, accounts, users, kind, rng):
    """Records of accounts, contacts, onboarding, opportunities, notes and tasks.

    kind is 0 for a customer, 1 for an internal account and 2 for a test account. Returns account and moment of the
    expansions won.
    """
    n = len(accounts)
    every = np.arange(n)
    parent = np.where(rng.random(n) < 0.03, rng.random(n) * (every + log.first_account), -1)
    parent = np.where((parent >= 0) & (kind == 0) & (log.first_account + every > 0), parent, -1)
    record = {
        "industry": rng.integers(0, 8, n), "place": accounts.place,
        "category": accounts.category, "plan": accounts.segment, "owner": rng.integers(1, 13, n),
        "employees": (accounts.seats * rng.uniform(1.1, 12, n)).astype(int),
        "parent": parent.astype(int), "internal": kind == 1, "test": kind == 2,
    }  # fmt: skip
    created = accounts.start * DAY + rng.integers(5 * HOUR, 7 * HOUR, n)
    log.add("crm", "account_created", every, created, **record)
    record["owner"] = 1 + (record["owner"] + rng.integers(0, 4, n)) % 12
    record["employees"] = (record["employees"] * rng.uniform(0.9, 1.4, n)).astype(int)
    updated = accounts.start + rng.integers(20, 300, n)
    keep = (rng.random(n) < 0.2) & (updated <= accounts.last_day)
    log.add("crm", "account_updated", every, _office(updated, rng), keep, **record)

    # A directory sync adds and removes users outside the hours of use (06:00 to 23:00).
    night = rng.integers(0, 6 * HOUR, len(users))
    who = {"user": users.number, "persona": users.persona}
    log.add("crm", "contact_added", users.account, users.join * DAY + night, **who)
    evening = users.leave * DAY + DAY - 1 - rng.integers(0, HOUR // 2, len(users))
    log.add("crm", "contact_removed", users.account, evening, users.leaves, **who)

    onboarding = accounts.onboarding * DAY + 19 * HOUR + rng.integers(0, 4 * HOUR, n)
    variant = {"variant": accounts.treated.astype(int)}
    log.add("crm", "onboarding_started", every, onboarding, category=-1, **variant)
    # Some buy another product later, and are onboarded for it; of draws of its own, so that all others stay.
    later = rng.spawn(1)[0]
    again, another = onboarding + later.integers(60, 240, n) * DAY, (accounts.category + later.integers(1, 6, n)) % 6
    keep = (later.random(n) < 0.12) & (again // DAY <= accounts.last_day)
    log.add("crm", "onboarding_started", every, again, keep, category=another, **variant)
    assigned = (rng.random(n) < 0.6) & (kind == 0)
    log.add("crm", "experiment_assigned", every, onboarding + 5, assigned, **variant)

    account, which = np.nonzero(rng.random((n, 8)) < 0.025)
    day = accounts.onboarding[account] + rng.integers(3, 60, len(account))
    waived, at = rng.random(len(account)) < 0.3, _office(day, rng)
    alive = day <= accounts.last_day[account]
    log.add("crm", "milestone_confirmed", account, at, alive & ~waived, milestone=which + 1)
    log.add("crm", "milestone_waived", account, at, alive & waived, milestone=which + 1)

    value = accounts.seats * accounts.price * 12
    deal = {"opportunity": (log.first_account + every) * 100, "amount": value}
    deal |= {"currency": accounts.currency, "deal": 0, "stage": 4}
    won = accounts.subscribed
    log.add("crm", "opportunity_stage_changed", every, _office(won, rng), close=won, **deal)
    account, day, health = _weekly(accounts, np.full(accounts.health.shape, 0.03), rng)
    grows = rng.random(len(account)) < sigmoid(health)
    close = day + rng.integers(20, 60, len(day))
    won = rng.random(len(account)) < sigmoid(0.7 * health - 0.2)
    deal = {k: v[account] for k, v in deal.items() if k not in ("deal", "stage")} | {"close": close}
    deal["opportunity"] = deal["opportunity"] + 1 + np.arange(len(account)) % 99
    deal["amount"] = (deal["amount"] * np.where(grows, 0.2, 1.0)).astype(int)
    deal["deal"] = np.where(grows, 1, 2)
    for stage, share in ((0, 0.0), (1, 0.3), (2, 0.7), (np.where(won, 4, 5), 1.0)):
        at = _office(day, rng) + ((close - day) * share).astype(int) * DAY
        alive = at // DAY <= accounts.last_day[account]
        log.add("crm", "opportunity_stage_changed", account, at, alive, stage=stage, **deal)
    sold = grows & won & (at // DAY < np.minimum(accounts.cancelled, accounts.last_day)[account])
    sold = account[sold], at[sold]

    account, day, health = _weekly(accounts, np.full(accounts.health.shape, 0.25), rng)
    mood = np.tanh(0.6 * health + 0.4 * rng.normal(0, 1, len(day))).round(2)
    topic = rng.integers(0, 5, len(day))
    log.add("crm", "note_logged", account, _office(day, rng), sentiment=mood, topic=topic)
    account, week = np.nonzero(accounts.asked)
    day = week * 7 + rng.integers(0, 5, len(week))
    there = (day > accounts.onboarding[account]) & (day <= accounts.last_day[account])
    account, week, day = account[there], week[there], day[there]
    outcome = ~accounts.helped[account, week] + 0
    at, is_older = _office(day, rng), day > accounts.onboarding[account] + 30
    # Who looks after an account works through what is asked for it, by the names of the plays.
    for turn in range(3):
        log.add("crm", "task_completed", account, at + 900 * turn, play=turn + 3 * is_older, outcome=outcome)
    account, day, health = _weekly(accounts, np.full(accounts.health.shape, 0.0005), rng)
    band = np.digitize(health, [-0.5, 0.5])
    log.add("crm", "health_overridden", account, _office(day, rng), band=band, expires=day + 30)

    # Most accounts keep their seats in the directory: a seat goes with its user.
    tells = (log.first_account + users.account) % 10 < 7
    log.add("crm", "seat_assigned", users.account, users.join * DAY + night + 1, tells, users.number)
    log.add("crm", "seat_released", users.account, evening - 1, tells & users.leaves, users.number)
    return sold


def support(log, accounts, users, rng):
    """Tickets: more of them, and slower answers, in bad health. Adds the csat surveys too.

    A machine answers some at once, an agent opens some, some wait for the customer or a third party, and some are spam.
    """
    rate = 0.02 + 0.012 * np.sqrt(accounts.seats)[:, None]
    account, day, health = _weekly(accounts, rate * np.exp(-0.5 * accounts.health), rng)
    n = len(account)
    z, u = rng.normal(0, 1, (3, n)), rng.random((8, n))
    own = rng.spawn(1)[0]
    by_agent, holds, has_bot = own.random((3, n)) < np.array([[0.06], [0.3], [0.35]])
    priority = np.digitize(np.clip(u[0] - 0.05 * health, 0, 1), [0.25, 0.70, 0.92])
    user = _anyone(accounts, users, account, day, rng)
    at = _office(day, rng)
    ticket = {"ticket": log.first_account * 10_000 + np.arange(n)}
    wish = (u[1] < 0.03 + 0.09 * sigmoid(health)) & (priority < 2)
    details = {"priority": priority, "topic": rng.integers(0, 6, n), "wish": wish, "by_agent": by_agent}
    log.add("support", "ticket_created", account, at, user=user, **ticket, **details)

    answer = SLA_HOURS[priority] * HOUR * np.exp(-1.0 - 0.35 * health + 0.8 * z[0])
    first = at + 60 + answer.astype(int)
    agent, customer = {"role": 0, **ticket}, {"role": 1, "user": user, **ticket}
    note = at + 30 + (answer * 0.3).astype(int)
    log.add("support", "ticket_replied", account, note, u[2] < 0.15, public=False, **agent)
    log.add("support", "ticket_replied", account, first, public=True, **agent)
    back = first + 600 + (20 * HOUR * u[3]).astype(int)
    more = u[4] < 0.55
    log.add("support", "ticket_replied", account, back, more, public=True, **customer)
    again = back + 600 + (answer * 0.8).astype(int)
    log.add("support", "ticket_replied", account, again, more, public=True, **agent)

    escalated = u[5] < 0.06 * np.exp(-0.5 * health)
    log.add("support", "ticket_escalated", account, first + 2 * HOUR, escalated, **ticket)
    solved = again + (20 * HOUR * np.exp(0.9 * z[1] - 0.4 * health)).astype(int)
    done = u[6] > 0.05 * np.exp(-0.5 * health)
    log.add("support", "ticket_solved", account, solved, done, **ticket)
    reopened = solved + (DAY * (0.2 + 4 * u[3])).astype(int)
    returns = done & (u[7] < 0.07)
    log.add("support", "ticket_reopened", account, reopened, returns, user=user, **ticket)
    solved_again = reopened + DAY + answer.astype(int)
    log.add("support", "ticket_solved", account, solved_again, returns, **ticket)

    machine = {"role": 2, "public": True, **ticket}
    log.add("support", "ticket_replied", account, at + 5, has_bot & ~by_agent, **machine)
    held = first + 300
    waits = {"waits_for": np.where(more, 0, 1), **ticket}
    log.add("support", "ticket_on_hold", account, held, holds, **waits)
    log.add("support", "ticket_resumed", account, back + 1, holds, **ticket)
    closed = solved + 4 * DAY
    log.add("support", "ticket_closed", account, closed, done & ~returns, spam=False, **ticket)
    spam = own.random(n) < 0.04
    junk = {"ticket": ticket["ticket"][spam] + n}
    sent = _office(day[spam], own)
    details = {"priority": 1, "topic": 0, "wish": False, "by_agent": False}
    log.add("support", "ticket_created", account[spam], sent, **junk, **details)
    binned = sent + own.integers(60, 2 * DAY, len(sent))
    log.add("support", "ticket_closed", account[spam], binned, spam=True, **junk)

    survey = {"user": user, "survey": ticket["ticket"], "kind": 1}
    asked = done & (u[2] > 0.3)
    log.add("survey", "survey_sent", account, solved + HOUR, asked, milestone=0, **survey)
    score = np.clip((3.9 + 0.5 * health - 0.3 * z[0] + 0.7 * z[2]).round(), 1, 5).astype(int)
    answered, when = asked & (u[4] < 0.4), solved + HOUR + (2 * DAY * u[1]).astype(int) + 60
    log.add("survey", "survey_answered", account, when, answered, score=score, **survey)


def billing(log, accounts, sold, rng):
    """Trials, subscriptions with their changes, renewals and end, and monthly invoices.

    Each expansion sold (accounts and moments) is a subscription of its own from the next second on. Some of those who leave
    say nothing: their term ends and nobody renews it. What a contract meters has a variable part beside its price.
    """
    n, days = len(accounts), accounts.days
    every = np.arange(n)
    currency, start = accounts.currency, accounts.subscribed
    plan = {"plan": accounts.segment}
    at = accounts.onboarding * DAY + 23 * HOUR
    log.add("billing", "trial_started", every, at, accounts.trial, **plan)

    steps = days // 90 + 1
    change = start[:, None] + 60 + 90 * np.arange(steps) + rng.integers(0, 30, (n, steps))
    seats = np.empty((n, steps + 1), dtype=int)
    seats[:, 0] = accounts.seats
    for step in range(steps):
        health = accounts.health[every, np.minimum(change[:, step], days - 1) // 7]
        growth = np.exp(0.03 + 0.07 * health + 0.1 * rng.normal(0, 1, n))
        growth = np.where(rng.random(n) < 0.5, growth, 1)
        seats[:, step + 1] = np.maximum(1, (seats[:, step] * growth).round())
    annual = rng.random(n) < 0.6
    early = accounts.start < 14
    term = start + np.where(early, rng.integers(60, 366, n), 365)
    cap = np.where(rng.random(n) < 0.3, accounts.seats * rng.integers(12, 40, n) // 5, -1)
    own, silent = rng.spawn(2)
    length = accounts.effective - 1 - start
    lapses = annual & (length >= 60) & (length < 366) & (silent.random(n) < 0.4)
    term = np.where(lapses, accounts.effective - 1, term)
    beyond = (accounts.seats * accounts.price * silent.uniform(5, 30, n)).astype(int)
    main = {"seq": 1, "currency": currency, "cap": cap, "variable": np.where(cap >= 0, beyond, -1), **plan}

    def seats_on(day):
        """Seats of the main subscription on days (accounts, columns)."""
        return np.take_along_axis(seats, (change[:, :, None] <= day[:, None, :]).sum(1), 1)

    def state(day, term_end):
        """Values of a subscription event by account on its days."""
        count = seats_on(day[:, None])[:, 0]
        end = np.where(annual, term_end, -1)
        return {"seats": count, "cents": count * accounts.price * 100, "term": end}

    moment = _office(start, rng)
    kwargs = state(start, term) | {"begins": -1}
    log.add("billing", "subscription_started", every, moment, **kwargs, **main)
    for step in range(steps):
        day, alive = change[:, step], change[:, step] < accounts.cancelled
        years = np.maximum(0, -(-(day + 1 - term) // 365))
        changed = alive & (seats[:, step + 1] != seats[:, step]) & ~(lapses & (day >= term))
        values = state(day, term + 365 * years) | main | {"begins": -1}
        log.add("billing", "subscription_changed", every, _office(day, rng), changed, **values)
    for year in range(days // 365 + 1):
        day = term + 365 * year
        u = own.random(n)
        early, late = u < 0.3, u > 0.9
        signed = day + np.where(early, -own.integers(5, 60, n), np.where(late, own.integers(3, 25, n), 0))
        values = state(day, day + 365) | {"begins": np.where(early, day, -1)}
        alive = annual & (np.maximum(day, signed) < accounts.cancelled) & ~lapses
        log.add("billing", "subscription_renewed", every, signed * DAY + 60, alive, **values, **main)

    second = start + rng.integers(30, 150, n)
    has_second = (rng.random(n) < 0.12) & (second < accounts.cancelled)
    extra = {"seats": np.maximum(1, accounts.seats // 5), "currency": currency, "plan": 3, "seq": 2}
    extra |= {"cents": extra["seats"] * accounts.price * 60, "term": -1, "cap": -1, "begins": -1, "variable": -1}
    log.add("billing", "subscription_started", every, _office(second, rng), has_second, **extra)
    buyer, bought = sold
    more = {"seats": np.maximum(1, accounts.seats[buyer] // 5), "currency": currency[buyer], "plan": 3}
    more |= {"cents": more["seats"] * accounts.price[buyer] * 100, "term": -1, "cap": -1, "begins": -1, "variable": -1}
    more["seq"] = 3 + np.arange(len(buyer)) - np.searchsorted(buyer, buyer)
    log.add("billing", "subscription_started", buyer, bought + 1, **more)
    gone = {"effective": accounts.effective, "reason": rng.integers(0, 5, n)}
    notice = accounts.cancelled * DAY + rng.integers(19 * HOUR, 23 * HOUR, n)
    for seq, left in ((1, (accounts.cancelled < NEVER) & ~lapses), (2, has_second)):
        log.add("billing", "subscription_cancelled", every, notice + seq, left, seq=seq, **gone)
    ends = {key: value[buyer] for key, value in gone.items()} | {"seq": more["seq"]}
    left = accounts.cancelled[buyer] < NEVER
    log.add("billing", "subscription_cancelled", buyer, notice[buyer] + more["seq"], left, **ends)

    day = start[:, None] + 30 * np.arange(days // 30 + 1)
    cents = seats_on(day) * (accounts.price * 100)[:, None]
    cents += np.where(has_second[:, None] & (second[:, None] <= day), extra["cents"][:, None], 0)
    np.add.at(cents, buyer, (bought[:, None] // DAY < day[buyer]) * more["cents"][:, None])
    billed = (day <= accounts.last_day[:, None]).ravel()
    account, day, cents = np.repeat(every, day.shape[1])[billed], day.ravel()[billed], cents.ravel()
    health = accounts.health[account, day // 7]
    bill = {"invoice": (log.first_account + account) * 1000 + (day - start[account]) // 30}
    amount, due = {"cents": cents[billed]}, {"currency": currency[account], "due": day + 30}
    at = day * DAY + 20 * HOUR
    log.add("billing", "invoice_issued", account, at, **bill, **amount, **due)
    u, z = rng.random(len(day)), rng.normal(0, 1, len(day))
    void = u < 0.02
    log.add("billing", "invoice_voided", account, at + 2 * DAY, void, **bill)
    paid = ~void & (u > 0.02 + 0.02 * np.exp(-0.7 * health))
    wait = DAY * 16 * np.exp(0.55 * z - 0.35 * health)
    paid_at = at + 60 + wait.astype(int)
    log.add("billing", "invoice_paid", account, paid_at, paid, **bill, **amount)
    u = own.random(len(day))
    corrected, given_up = paid & (u < 0.01), ~void & ~paid & (u < 0.3)
    part = {"cents": amount["cents"] // 5}
    log.add("billing", "invoice_credited", account, paid_at + DAY, corrected, **bill, **part)
    log.add("billing", "invoice_refunded", account, paid_at + 3 * DAY, corrected, **bill, **part)
    log.add("billing", "invoice_written_off", account, at + 100 * DAY, given_up, **bill)


def survey(log, accounts, users, rng):
    """The nps rounds, about one a quarter, to up to three users of an account."""
    for turn in range(accounts.days // 90 + 1):
        for seat in range(3):
            day = accounts.onboarding + 25 + 90 * turn + rng.integers(0, 20, len(accounts))
            account = np.flatnonzero((day <= accounts.last_day) & (rng.random(len(day)) > 0.2))
            day = day[account]
            health = accounts.health[account, day // 7]
            user = _anyone(accounts, users, account, day, rng) if seat else 0
            number = ((log.first_account + account) * 100 + turn) * 10 + seat
            asked = {"user": user, "survey": number, "kind": 0}
            at = _office(day, rng)
            log.add("survey", "survey_sent", account, at, milestone=0, **asked)
            score = (7.4 + 1.2 * health + 1.4 * rng.normal(0, 1, len(day))).round()
            answers = rng.random(len(day)) < 0.25 + 0.3 * sigmoid(health)
            at = at + 600 + (3 * DAY * rng.random(len(day))).astype(int)
            score = np.clip(score, 0, 10).astype(int)
            log.add("survey", "survey_answered", account, at, answers, score=score, **asked)


def milestone_surveys(log, accounts, rng):
    """Questions to the first admin the day after a milestone: ease of integration, perceived value; after 45 days support."""
    names = [milestone[0] for milestone in MILESTONES]
    for turn, (kind, milestone, events) in enumerate(MILESTONE_SURVEYS):
        reached = accounts.onboarding + 44
        if events:
            reached = accounts.milestones[:, [names.index(event) for event in events]].min(1)
        account = np.flatnonzero(reached + 1 <= accounts.last_day)
        day = reached[account] + 1
        health = accounts.health[account, day // 7]
        asked = {"user": 0, "survey": (log.first_account + account) * 10 + turn, "kind": kind}
        at = _office(day, rng)
        log.add("survey", "survey_sent", account, at, milestone=milestone, **asked)
        score = np.clip((3.6 + 0.5 * health + 0.8 * rng.normal(0, 1, len(day))).round(), 1, 5).astype(int)
        answers = rng.random(len(day)) < 0.3 + 0.3 * sigmoid(health)
        at = at + 600 + (5 * DAY * rng.random(len(day))).astype(int)
        log.add("survey", "survey_answered", account, at, answers, score=score, **asked)
