"""The company: accounts, their latent health, their churn, and the people who use the product.

Days are integers counted from the first day of the window; weeks are ``day // 7``.
"""

from dataclasses import dataclass, replace
from datetime import date
from functools import cache

import numpy as np
import pandas as pd

from .. import PROJECT

SEGMENTS = ["smb", "mid_market", "enterprise"]
CATEGORIES = ["collaboration", "analytics", "api", "general_saas", "fintech", "hr_tech"]
CURRENCIES = {"USD": 1.0, "EUR": 1.08, "GBP": 1.27, "CAD": 0.74, "AUD": 0.66}
PERSONAS = ["admin", "end_user", "power_user", "developer"]
API = CATEGORIES.index("api")
COUNTRIES = ["US", "US", "DE", "GB", "FR", "IN", "AU", "CA"]
_HOLIDAYS = PROJECT / "seeds" / "shared" / "holidays.csv"

# Milestone event, the category that has it (None: all), median days to it, logit of reaching it.
MILESTONES = [
    ("user_invited", None, 2, 2.2),
    ("seat_configured", None, 3, 1.8),
    ("setup_guide_completed", None, 3, 1.0),
    ("invite_guide_completed", None, 6, 0.7),
    ("first_value_guide_completed", None, 9, 0.5),
    ("integration_connected", None, 14, 0.4),
    ("channel_created", "collaboration", 4, 2.0),
    ("workflow_built", "collaboration", 14, 1.2),
    ("dataset_ingested", "analytics", 6, 2.0),
    ("dashboard_created", "analytics", 9, 1.4),
    ("report_built", "analytics", 14, 1.2),
    ("api_key_created", "api", 3, 2.4),
    ("webhook_registered", "api", 14, 0.6),
    ("workflow_deployed", "api", 16, 1.1),
    ("custom_report_built", "general_saas", 14, 1.2),
]
API_KEY = [m[0] for m in MILESTONES].index("api_key_created")

NEVER = 30_000
HAZARD_LEVEL, HAZARD_SLOPE = -6.2, 1.6
HELP_EFFECT = 0.3  # what a task that was done adds to the health of the week after; it fades as all of the state does
_SEATS = {"median": [10, 42, 100], "sigma": [0.55, 0.4, 0.45], "low": [3, 25, 70]}
_SEATS["high"] = [49, 180, 900]
_PRICE_LOW, _PRICE_HIGH = np.array([24, 86, 300]), np.array([38, 110, 340])


def sigmoid(x):
    """Logistic function of an array."""
    return 1 / (1 + np.exp(-x))


def churn_probability(health):
    """Probability in (0, 1) that a customer of this latent health gives notice in a week."""
    return sigmoid(HAZARD_LEVEL - HAZARD_SLOPE * np.asarray(health, dtype=float))


def family(category):
    """Index of the tracking plan's product category; fintech and hr_tech use general_saas."""
    return np.minimum(category, 3)


@dataclass
class Accounts:
    """Account arrays, one entry an account; ``health`` is (accounts, weeks)."""

    segment: np.ndarray
    category: np.ndarray
    fit: np.ndarray
    health: np.ndarray
    asked: np.ndarray  # (accounts, weeks): somebody worked on a task that week
    helped: np.ndarray  # and it was done, so that health rose
    start: np.ndarray
    onboarding: np.ndarray
    treated: np.ndarray
    seats: np.ndarray
    currency: np.ndarray
    price: np.ndarray  # of a seat and month, in the currency
    trial: np.ndarray
    subscribed: np.ndarray
    cancelled: np.ndarray  # day of the notice, NEVER if none
    effective: np.ndarray  # first day without service, NEVER if none
    milestones: np.ndarray  # (accounts, MILESTONES) day, NEVER if not reached
    place: np.ndarray  # position in COUNTRIES
    days: int
    first: date  # the window's first day

    @property
    def last_day(self):
        """Last day of product use, by account."""
        return np.minimum(self.effective, self.days) - 1

    def __len__(self):
        return len(self.fit)

    def slice(self, low, high):
        """The accounts from low to high, as Accounts."""
        arrays = {k: v[low:high] for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        return replace(self, **arrays)

    @staticmethod
    def concat(parts):
        """One Accounts of several with the same window."""
        keys = [k for k, v in vars(parts[0]).items() if isinstance(v, np.ndarray)]
        return replace(parts[0], **{k: np.concatenate([vars(p)[k] for p in parts]) for k in keys})


@cache
def work_pace(first, days):
    """Use of a day beside that of a working day, (days, COUNTRIES): weekends, holidays and the turn of the year are quiet."""
    holidays = pd.read_csv(_HOLIDAYS, parse_dates=["holiday_on"])
    dates = pd.date_range(first, periods=days)
    turn = ((dates.month == 12) & (dates.day >= 24)) | ((dates.month == 1) & (dates.day == 1))
    pace = np.empty((days, len(COUNTRIES)))
    for place, country in enumerate(COUNTRIES):
        off = dates.isin(holidays["holiday_on"][holidays["country"] == country])
        pace[:, place] = np.where((dates.dayofweek >= 5) | off, 0.13, np.where(turn, 0.5, 1.0))
    return pace


def draw_accounts(n, days, first, rng):
    """Draw n accounts over a window of that many days from its first one, a datetime.date."""
    segment = rng.choice(3, n, p=[0.70, 0.22, 0.08])
    category = rng.choice(6, n, p=[0.30, 0.25, 0.20, 0.15, 0.05, 0.05])
    fit = rng.normal(0, 0.8, n)
    weeks = (days + 6) // 7
    health = np.empty((n, weeks))
    state = rng.normal(0, 0.65, n)
    care = rng.spawn(1)[0]
    asked, helped = np.zeros((2, n, weeks), dtype=bool)
    diligence = np.where(care.random(n) < 0.25, 0, 0.3)  # of who looks after the account: some never find the time
    for week in range(weeks):
        health[:, week] = fit + state
        asked[:, week] = care.random(n) < diligence * sigmoid(-health[:, week])
        helped[:, week] = asked[:, week] & (care.random(n) < 0.7)
        state = 0.85 * state + rng.normal(0, 0.35, n) + HELP_EFFECT * helped[:, week]

    early = rng.random(n) < 0.3
    start = np.where(early, rng.integers(0, min(14, days), n), rng.integers(0, days, n))
    onboarding = start + np.minimum(rng.geometric(0.45, n) - 1, 3)
    treated = rng.random(n) < 0.5
    place = rng.spawn(1)[0].integers(0, len(COUNTRIES), n)
    spec = {k: np.array(v)[segment] for k, v in _SEATS.items()}
    seats = spec["median"] * np.exp(spec["sigma"] * rng.normal(0, 1, n))
    seats = np.clip(seats.round(), spec["low"], spec["high"]).astype(int)
    currency = rng.choice(5, n, p=[0.62, 0.24, 0.10, 0.02, 0.02])
    price = rng.uniform(_PRICE_LOW[segment], _PRICE_HIGH[segment])
    price = np.ceil(price / np.array(list(CURRENCIES.values()))[currency]).astype(int)

    trial = rng.random(n) < 0.25
    subscribed = onboarding + np.where(trial, 14, rng.integers(0, 2, n))
    week_start = np.arange(weeks) * 7
    exposed = week_start[None, :] >= subscribed[:, None] + 7
    hit = exposed & (rng.random((n, weeks)) < churn_probability(health))
    notice = hit.argmax(1) * 7 + rng.integers(0, 7, n)
    cancelled = np.where(hit.any(1) & (notice < days), notice, NEVER)
    wait = np.where(rng.random(n) < 0.4, 0, rng.integers(1, 31, n))
    effective = np.where(cancelled < NEVER, cancelled + wait, NEVER)

    needs = np.array([-1 if m[1] is None else CATEGORIES.index(m[1]) for m in MILESTONES])
    own = (needs == -1) | (needs == family(category)[:, None])
    early_health = (0.6 * fit + 0.4 * health[np.arange(n), start // 7])[:, None]
    logit = np.array([m[3] for m in MILESTONES]) + 0.9 * early_health
    pace = 0.6 * rng.normal(0, 1, (n, len(MILESTONES))) + 0.35 * rng.normal(0, 1, (n, 1))
    wait = np.array([m[2] for m in MILESTONES]) * np.exp(pace - 0.25 * early_health)
    wait = wait * np.where(treated, 0.85, 1.1)[:, None]
    day = onboarding[:, None] + 1 + wait.astype(int)
    reached = own & (rng.random(day.shape) < sigmoid(logit))
    reached &= day <= (np.minimum(effective, days) - 1)[:, None]
    milestones = np.where(reached, day, NEVER)
    return Accounts(
        segment, category, fit, health, asked, helped, start, onboarding, treated, seats, currency, price,
        trial, subscribed, cancelled, effective, milestones, place, days, first,
    )  # fmt: skip


@dataclass
class Users:
    """User arrays, ordered by account then number; number 0 is the account's first admin."""

    account: np.ndarray  # position in the Accounts they were drawn for
    number: np.ndarray
    persona: np.ndarray
    join: np.ndarray
    leave: np.ndarray  # last day at the account
    leaves: np.ndarray  # whether leave is a departure, not the account's end
    base: np.ndarray  # chance of a use day in ordinary health
    rate: np.ndarray  # mean events of a use day beyond the first

    def __len__(self):
        return len(self.account)


def draw_users(accounts, rng):
    """Draw the users of the accounts; each joins after its account was created."""
    filled = np.minimum(0.66 + 0.48 * sigmoid(1.2 * accounts.fit), 1)
    counts = np.maximum(2, (accounts.seats * filled).round().astype(int))
    account = np.repeat(np.arange(len(accounts)), counts)
    n = len(account)
    number = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    developers = np.where(accounts.category == API, 0.45, 0.08)[account]
    u = rng.random(n)
    persona = np.select([u < 0.04, u < 0.04 + developers, u < 0.22 + developers], [0, 3, 2], 1)
    persona[number == 0] = 0

    start, last = accounts.start[account], accounts.last_day[account]
    soon = rng.exponential(7 * np.exp(-0.3 * accounts.fit[account]))
    join = start + 1 + np.where(rng.random(n) < 0.92, soon, rng.uniform(14, 400, n)).astype(int)
    join[number == 0] = start[number == 0] + 1
    base = np.choose(persona, [0.38, 0.25, 0.45, 0.33]) * np.exp(rng.normal(0, 0.5, n))
    rate = np.choose(persona, [0.9, 0.6, 1.4, 1.0]) * np.exp(rng.normal(0, 0.3, n))

    service = (number == 1) & (accounts.category[account] == API)
    persona[service], base[service] = 3, 1.2
    rate[service] = 16 * np.exp(rng.normal(0, 0.5, service.sum()))
    join[service] = np.maximum(join, accounts.milestones[account, API_KEY] + 1)[service]

    quit_day = join + rng.exponential(2200, n).astype(int)
    quit_day[number == 0] = NEVER
    leaves = quit_day < last
    leave = np.where(leaves, quit_day, last)
    keep = (join <= leave) | (number == 0)
    values = (account, number, persona, join, leave, leaves, base, rate)
    return Users(*(v[keep] for v in values))


def usage_probability(accounts, users):
    """Chance of use by day and user: float32, (days, users), 0 outside a user's time."""
    days = np.arange(accounts.days)
    health = accounts.health[:, days // 7].T
    age = days[:, None] - accounts.start[None, :]
    vigor = 1.45 * sigmoid(0.35 + 0.9 * health) * np.clip(0.7 + age / 60, 0, 1)
    vigor *= np.where(days[:, None] >= accounts.cancelled[None, :], 0.4, 1.0)
    vigor *= work_pace(accounts.first, accounts.days)[:, accounts.place]
    p = vigor.astype(np.float32)[:, users.account] * users.base.astype(np.float32)
    np.minimum(p, 0.92, out=p)
    p[(days[:, None] < users.join) | (days[:, None] > users.leave)] = 0
    return p


def expected_weight(accounts):
    """Rough product events of each account at activity 1, to cut the company in even chunks."""
    return accounts.seats * np.maximum(accounts.last_day - accounts.start, 1) * 0.45 + 50


def expected_events(accounts, seed, pilot=1500):
    """Mean number of product events of these accounts at activity 1, from a pilot share of them."""
    head = accounts.slice(0, pilot)
    total = 0.0
    for low in range(0, len(head), 100):
        part = head.slice(low, low + 100)
        users = draw_users(part, np.random.default_rng([seed, low, 99]))
        total += float((usage_probability(part, users).sum(0) * (1 + users.rate)).sum())
    return total * expected_weight(accounts).sum() / expected_weight(head).sum()
