"""Independent replay of the marts in plain Python.

The dbt project computes its marts in SQL. This module computes the same tables from the same raw events and
seeds with loops, sets and exact fractions, from the written definitions alone (the project's definition document,
called "definitions" below, with its section number). It shares no code and no query with the SQL, so a difference
between the two is a defect of one of them.

Conventions: days are UTC ``datetime.date``, moments are UTC-naive ``datetime.datetime``. Inside the module every
measured number is an ``int`` or an exact ``Fraction``; the returned tables hold ``int`` for counts and days and
``float`` for everything else. ``None`` means not observed.
"""

import bisect
import csv
import json
import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from statistics import NormalDist

SOURCES = ("product", "crm", "support", "billing", "survey")
OLDEST_MOMENT = datetime(2000, 1, 1)
CLOCK_TOLERANCE = timedelta(minutes=10)
DEFAULT_CATEGORY = "general_saas"
ONE_DAY = timedelta(days=1)
SUBSCRIPTION_STARTS = ("subscription_started", "subscription_changed", "subscription_renewed")
NUMERIC_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
STANDARD_NORMAL = NormalDist()


# ---------------------------------------------------------------------------------------------------------------------
# Numbers
# ---------------------------------------------------------------------------------------------------------------------

def round_half_up(value, places):
    """Round as the definitions' preamble says: floor(x * 10^p + 0.5 + 1e-6) / 10^p, exactly.

    value: int, Fraction, Decimal or float (a float is taken at its exact binary value). places: decimals, >= 0.
    Returns a Fraction. Negative numbers use floor as well, so -0.5 rounds to 0 at zero places.
    """
    value = Fraction(value)
    return _rounded(value.numerator, value.denominator, places)


def _rounded(top, bottom, places):
    """round_half_up of the quotient of two ints, bottom > 0: floor(top / bottom * scale + 500001 / 10^6) / scale."""
    scale = 10 ** places
    return Fraction((top * scale * 10**6 + bottom * 500001) // (bottom * 10**6), scale)


def ratio(top, bottom, places=6):
    """Rounded ratio of two numbers, None when the bottom is 0 or either is None (definitions, preamble).

    top, bottom: int, Fraction or None, the bottom not negative. Returns a Fraction with at most ``places`` decimals.
    """
    if top is None or bottom is None or bottom == 0:
        return None
    return _rounded(top.numerator * bottom.denominator, top.denominator * bottom.numerator, places)


def middle(values):
    """Median of a non-empty list of exact numbers; the mean of the middle two when the count is even, not rounded."""
    values = sorted(values)
    half = len(values) // 2
    if len(values) % 2:
        return Fraction(values[half])
    return Fraction(values[half - 1] + values[half]) / 2


def holds(value, operator, threshold):
    """Whether ``value operator threshold`` is true. Operators: >=, >, <=, <, =. Raises ValueError on another."""
    if operator == ">=":
        return value >= threshold
    if operator == ">":
        return value > threshold
    if operator == "<=":
        return value <= threshold
    if operator == "<":
        return value < threshold
    if operator == "=":
        return value == threshold
    raise ValueError(f"unknown operator {operator!r}")


# ---------------------------------------------------------------------------------------------------------------------
# Seeds
# ---------------------------------------------------------------------------------------------------------------------

def load_seeds(folder):
    """Read every CSV below ``folder`` (any depth): {file name without .csv: [row dict of strings]}, '' means null.

    Raises ValueError when two files share a name or the folder holds none.
    """
    seeds = {}
    for path in sorted(Path(folder).rglob("*.csv")):
        if path.stem in seeds:
            raise ValueError(f"two seeds are named {path.stem}")
        with path.open(newline="", encoding="utf-8") as file:
            seeds[path.stem] = list(csv.DictReader(file))
    if not seeds:
        raise ValueError(f"no seeds under {folder}")
    return seeds


def is_true(text):
    """Boolean of a seed cell: 'true' (any case) is true, everything else false."""
    return (text or "").strip().lower() == "true"


def number_or_none(text):
    """Fraction of a seed cell, None for an empty cell. Raises ValueError for other text."""
    return Fraction(text) if text not in (None, "") else None


# ---------------------------------------------------------------------------------------------------------------------
# Payload values (definitions, section 1, reasons 7 and 8)
# ---------------------------------------------------------------------------------------------------------------------

def as_number(value):
    """Fraction of a JSON number or of numeric text, else None. JSON booleans are not numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, Decimal)):
        return Fraction(value)
    if isinstance(value, str) and NUMERIC_TEXT.fullmatch(value):
        return Fraction(Decimal(value))
    return None


def as_integer(value):
    """int of a whole JSON number or of text of one, else None."""
    number = as_number(value)
    return int(number) if number is not None and number.denominator == 1 else None


def as_boolean(value):
    """bool of JSON true/false or of the text 'true'/'false', else None."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def as_date(value):
    """date of text that begins with a real YYYY-MM-DD, else None."""
    if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            return None
    return None


def as_timestamp(value):
    """datetime of ISO text, else None. A zone is converted to UTC and dropped."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is None else (moment - moment.utcoffset()).replace(tzinfo=None)


def as_text(value):
    """str of any JSON value: text itself, true/false, the digits of a number, compact JSON of the rest. None stays."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return str(value)
    return json.dumps(value, separators=(",", ":"), default=str)


def is_blank(value):
    """Whether a payload value counts as absent: JSON null or empty text (reason 7)."""
    return value is None or value == ""


def fits(value, value_type, allowed_values, currencies):
    """Whether a present payload value casts to its declared type and is an allowed value (reason 8).

    value_type: number, integer, boolean, date, timestamp, currency or text. allowed_values: set of texts, empty =
    any. currencies: set of codes. Raises ValueError on an unknown value_type.
    """
    if value_type == "number":
        cast = as_number(value)
    elif value_type == "integer":
        cast = as_integer(value)
    elif value_type == "boolean":
        cast = as_boolean(value)
    elif value_type == "date":
        cast = as_date(value)
    elif value_type == "timestamp":
        cast = as_timestamp(value)
    elif value_type == "currency":
        cast = value if isinstance(value, str) and value in currencies else None
    elif value_type == "text":
        cast = as_text(value)
    else:
        raise ValueError(f"unknown value_type {value_type!r}")
    return cast is not None and (not allowed_values or as_text(value) in allowed_values)


# ---------------------------------------------------------------------------------------------------------------------
# Section 1: raw envelope -> accepted events
# ---------------------------------------------------------------------------------------------------------------------

@dataclass(eq=False)
class Event:
    """One raw row. ``payload`` is the parsed object ({} for null), ``account`` the canonical account once resolved."""

    source: str
    event_id: str | None
    event_type: str | None
    account_id: str | None
    user_id: str | None
    occurred_at: datetime | None
    loaded_at: datetime | None
    payload_text: str | None
    payload: dict = field(default_factory=dict)
    account: str | None = None
    reason: str | None = None

    @property
    def order(self):
        """The order of events that is used wherever 'last' or 'earliest' needs one."""
        return (self.occurred_at, self.loaded_at, self.event_id)

    def get(self, key):
        """Payload value of a key; None when absent, null or empty text."""
        value = self.payload.get(key)
        return None if is_blank(value) else value


def clean_text(value):
    """Trimmed text, None for null or nothing but blanks (section 1)."""
    value = value.strip() if value is not None else None
    return value or None


def is_future(event):
    """Whether the event happened more than the tolerated ten minutes after it was loaded."""
    return (event.occurred_at is not None and event.loaded_at is not None
            and event.occurred_at > event.loaded_at + CLOCK_TOLERANCE)


def read_events(events):
    """Raw dict rows -> list of Event with trimmed texts. events: {source: [row]}; raises KeyError on a new source."""
    unknown = set(events) - set(SOURCES)
    if unknown:
        raise KeyError(f"unknown sources {sorted(unknown)}")
    found = []
    for source in SOURCES:
        for row in events.get(source, []):
            found.append(Event(
                source, clean_text(row.get("event_id")), clean_text(row.get("event_type")),
                clean_text(row.get("account_id")), clean_text(row.get("user_id")),
                row.get("occurred_at"), row.get("loaded_at"), clean_text(row.get("payload"))))
    return found


def is_visible(event, known_at, as_of):
    """Whether a raw row exists for a build at ``known_at`` (moment) and ``as_of`` (day); section 1."""
    if event.loaded_at is None:
        return True
    if event.loaded_at > known_at:
        return False
    return (event.occurred_at is None or event.occurred_at < datetime.combine(as_of + ONE_DAY, time())
            or is_future(event))


def mark_duplicates(events):
    """Set of ids() of the Event objects that are not the first of their (source, event_id); section 1, reason 2."""
    def nulls_last(value):
        return (value is None, "" if value is None else value)

    groups = defaultdict(list)
    for event in events:
        if event.event_id is not None:
            groups[(event.source, event.event_id)].append(event)
    late = set()
    for group in groups.values():
        group.sort(key=lambda e: tuple(nulls_last(v) for v in (
            e.loaded_at, e.occurred_at, e.event_type, e.account_id, e.user_id, e.payload_text)))
        late.update(id(event) for event in group[1:])
    return late


def parse_payload(text):
    """JSON object text -> dict with Decimals, {} for None; raises ValueError when it is not JSON or not an object."""
    if text is None:
        return {}

    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    value = json.loads(text, parse_float=Decimal, parse_constant=refuse)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def reject_reason(event, duplicates, schemas, currencies):
    """First of the reasons 1-8 that applies to a visible row, else None; fills ``event.payload`` on the way.

    duplicates: from mark_duplicates. schemas: {(source, event_type): [event_schemas row]}. currencies: set of codes.
    """
    if event.event_id is None:
        return "missing_id"
    if id(event) in duplicates:
        return "duplicate_id"
    if event.occurred_at is None or event.loaded_at is None or event.occurred_at < OLDEST_MOMENT:
        return "bad_time"
    if is_future(event):
        return "future_time"
    try:
        event.payload = parse_payload(event.payload_text)
    except ValueError:
        return "invalid_json"
    schema = schemas.get((event.source, event.event_type), [])
    if event.event_type is None or (event.source != "product" and not schema):
        return "unknown_type"
    for key in schema:
        if is_true(key["is_required"]) and is_blank(event.payload.get(key["payload_key"])):
            return "missing_key"
    for key in schema:
        value = event.payload.get(key["payload_key"])
        allowed = set(key["allowed_values"].split("|")) if key["allowed_values"] else set()
        if not is_blank(value) and not fits(value, key["value_type"], allowed, currencies):
            return "mistyped_key"
    return None


# ---------------------------------------------------------------------------------------------------------------------
# Section 2: identity
# ---------------------------------------------------------------------------------------------------------------------

def canonical_accounts(clear_events):
    """{known account_id: surviving account_id} from the rows that passed reasons 1-8; section 2.

    Raises ValueError when the merges form a cycle (an account merged into itself is one).
    """
    known = {e.account_id for e in clear_events
             if e.source == "crm" and e.event_type == "account_created" and e.account_id is not None}
    merged_into = {}
    for event in sorted((e for e in clear_events if e.source == "crm" and e.event_type == "account_merged"),
                        key=lambda e: e.order):
        target = as_text(event.get("into_account_id"))
        if event.account_id in known and target in known:
            merged_into[event.account_id] = target
    survivors = {}
    for account_id in known:
        seen = [account_id]
        while seen[-1] in merged_into:
            following = merged_into[seen[-1]]
            if following in seen:
                raise ValueError(f"account merges form a cycle: {' -> '.join(seen + [following])}")
            seen.append(following)
        survivors[account_id] = seen[-1]
    return survivors


def memberships(clear_events):
    """{user_id: ([moment], [account_id or None])}: whom the user belongs to from each moment on; section 2.

    Moments ascend; of several at one moment the last in event order holds. None = the user left.
    """
    found = {}
    changes = [e for e in clear_events if e.source == "crm" and e.user_id is not None
               and e.event_type in ("contact_added", "contact_removed")]
    for event in sorted(changes, key=lambda e: e.order):
        moments, accounts = found.setdefault(event.user_id, ([], []))
        moments.append(event.occurred_at)
        accounts.append(event.account_id if event.event_type == "contact_added" else None)
    return found


def member_of(user_id, moment, membership):
    """account_id the user belongs to at a moment, None when unknown. membership: from memberships()."""
    if user_id not in membership:
        return None
    moments, accounts = membership[user_id]
    position = bisect.bisect_right(moments, moment) - 1
    return accounts[position] if position >= 0 else None


def accept_events(events, seeds, known_at, as_of):
    """Sections 1 and 2: split the visible rows into accepted and rejected.

    events: {source: [row]}. Returns (accepted Events with .account set, rejected Events with .reason set, survivors
    {known account_id: canonical account_id}). Raises ValueError on a merge cycle.
    """
    schemas = defaultdict(list)
    for row in seeds["event_schemas"]:
        schemas[(row["source"], row["event_type"])].append(row)
    currencies = {row["currency"] for row in seeds["exchange_rates"]}

    visible = [e for e in read_events(events) if is_visible(e, known_at, as_of)]
    duplicates = mark_duplicates(visible)
    for event in visible:
        event.reason = reject_reason(event, duplicates, schemas, currencies)

    clear = [e for e in visible if e.reason is None]
    survivors = canonical_accounts(clear)
    membership = memberships(clear)
    for event in clear:
        account_id = event.account_id
        if account_id is None and event.source == "product":
            account_id = member_of(event.user_id, event.occurred_at, membership)
        event.account = survivors.get(account_id)
        if event.account is None:
            event.reason = "no_account"
    accepted = sorted((e for e in visible if e.reason is None), key=lambda e: e.order)
    return accepted, [e for e in visible if e.reason is not None], survivors


# ---------------------------------------------------------------------------------------------------------------------
# Section 3: subscriptions and accounts
# ---------------------------------------------------------------------------------------------------------------------

@dataclass
class SubscriptionState:
    """A subscription's state on the days starts_on <= d < ends_on (ends_on None: open). arr: reporting currency."""

    account: str
    subscription_id: str
    starts_on: date
    ends_on: date | None
    active: bool
    seats: int | None = None
    arr: Fraction | None = None
    term_end: date | None = None
    usage_cap: Fraction | None = None

    def covers(self, day):
        """Whether the state holds on a day."""
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)


def subscription_states(accepted, seeds):
    """All states of all subscriptions, ordered per subscription; section 3."""
    rates = {row["currency"]: Fraction(row["rate_to_reporting_currency"]) for row in seeds["exchange_rates"]}
    by_subscription = defaultdict(list)
    for event in accepted:
        if event.source != "billing":
            continue
        if event.event_type in SUBSCRIPTION_STARTS:
            by_subscription[as_text(event.get("subscription_id"))].append((event.occurred_at.date(), event))
        elif event.event_type == "subscription_cancelled":
            by_subscription[as_text(event.get("subscription_id"))].append((as_date(event.get("effective_on")), event))
    states = []
    for subscription_id, changes in by_subscription.items():
        last_of_day = {}
        for starts_on, event in sorted(changes, key=lambda c: (c[0],) + c[1].order):
            last_of_day[starts_on] = event
        starts = sorted(last_of_day)
        for starts_on, ends_on in zip(starts, starts[1:] + [None]):  # noqa: B905
            event = last_of_day[starts_on]
            state = SubscriptionState(event.account, subscription_id, starts_on, ends_on,
                                      event.event_type in SUBSCRIPTION_STARTS)
            if state.active:
                state.seats = as_integer(event.get("seats"))
                state.arr = round_half_up(as_number(event.get("mrr")) * 12 * rates[event.get("currency")], 2)
                state.term_end = as_date(event.get("term_end"))
                state.usage_cap = as_number(event.get("usage_cap"))
            states.append(state)
    return states


def total_seats(states, day):
    """Sum of the non-null seats of the active states on a day; None when no active state names seats."""
    seats = [s.seats for s in states if s.active and s.covers(day) and s.seats is not None]
    return sum(seats) if seats else None


def seats_on(states, day):
    """The signal 'seats' of a day (section 4, billing): None before the first active day, 0 when none is active."""
    active = [s for s in states if s.active]
    if not active or day < min(s.starts_on for s in active):
        return None
    if not any(s.covers(day) for s in active):
        return 0
    return total_seats(active, day)


def segment_of(states, seeds):
    """Size class of an account by its first subscribed day (section 3). states: the account's own."""
    active = [s for s in states if s.active]
    seats, arr = 0, Fraction(0)
    if active:
        day = min(s.starts_on for s in active)
        seats = total_seats(active, day) or 0
        arr = sum((s.arr for s in active if s.covers(day)), Fraction(0))
    best = None
    for row in seeds["size_classes"]:
        min_seats, min_arr = Fraction(row["min_seats"]), Fraction(row["min_arr"])
        if min_seats == 0 and min_arr == 0:
            candidate = True
        else:
            candidate = (min_seats > 0 and seats >= min_seats) or (min_arr > 0 and arr >= min_arr)
        if candidate and (best is None or min_arr > best[0]):
            best = (min_arr, row["segment"])
    return best[1]


@dataclass
class Account:
    """An in-scope account: attributes, its events (in event order) and its subscription states."""

    account_id: str
    segment: str
    product_category: str
    started_at: datetime
    started_on: date
    churned_on: date | None
    ended_on: date
    first_seats_on: date | None
    events: list
    states: list

    def spine(self):
        """Every day from started_on to ended_on."""
        return [self.started_on + timedelta(days=n) for n in range((self.ended_on - self.started_on).days + 1)]


def attribute(account_id, events, key):
    """Last non-null payload value of a key over account_created/account_updated of that very account_id."""
    last = None
    for event in sorted(events, key=lambda e: e.order):
        if (event.source == "crm" and event.event_type in ("account_created", "account_updated")
                and event.account_id == account_id and event.get(key) is not None):
            last = event.get(key)
    return last


def is_on_excluded_day(event, seeds):
    """Section 3: whether a product event lies on a day that the seed excluded_days takes out."""
    return event.source == "product" and any(
        row["event_type"] in (event.event_type, "any")
        and date.fromisoformat(row["excluded_from"]) <= event.occurred_at.date()
        <= date.fromisoformat(row["excluded_to"])
        for row in seeds["excluded_days"])


def build_accounts(accepted, survivors, seeds, as_of):
    """Section 3: the in-scope accounts, sorted by id. accepted: Events; survivors: {account_id: canonical}."""
    states_by_account = defaultdict(list)
    for state in subscription_states(accepted, seeds):
        states_by_account[state.account].append(state)
    events_by_account = defaultdict(list)
    for event in accepted:
        if not is_on_excluded_day(event, seeds):
            events_by_account[event.account].append(event)
    excluded_reasons = {row["reason"] for row in seeds["exclusion_rules"] if is_true(row["is_excluded"])}
    categories = {row["product_category"] for row in seeds["journeys"]}

    accounts = []
    for account_id in sorted(set(survivors.values())):
        events = events_by_account[account_id]
        states = states_by_account[account_id]

        def moments(*pairs, events=events):
            return [e.occurred_at for e in events if (e.source, e.event_type) in pairs]

        trials = moments(("billing", "trial_started"))
        subscribed = moments(("billing", "subscription_started"))
        reasons = set()
        if as_boolean(attribute(account_id, events, "is_internal")):
            reasons.add("internal")
        if as_boolean(attribute(account_id, events, "is_test")):
            reasons.add("test")
        if trials and not subscribed:
            reasons.add("trial")
        if reasons & excluded_reasons:
            continue

        category = as_text(attribute(account_id, events, "product_category"))
        if category not in categories:
            category = DEFAULT_CATEGORY
        started_at = min(moments(("crm", "onboarding_started")) or trials + subscribed
                         or moments(("crm", "account_created")))
        active = [s for s in states if s.active and s.starts_on <= as_of]
        churned_on = None
        if active and not any(s.covers(as_of) for s in active):
            churned_on = max(s.ends_on for s in active)
        account = Account(account_id, segment_of(states, seeds), category, started_at, started_at.date(), churned_on,
                          max(started_at.date(), churned_on or as_of), None, events, states)
        account.first_seats_on = next((d for d in account.spine() if (seats_on(states, d) or 0) > 0), None)
        accounts.append(account)
    return accounts


# ---------------------------------------------------------------------------------------------------------------------
# Section 4: signals
# ---------------------------------------------------------------------------------------------------------------------

def tracked_from(clear_events, source, with_user=False):
    """First day of any event of a source among those that passed reasons 1-8, None when there is none.

    with_user: look only at events that carry a user.
    """
    days = [e.occurred_at.date() for e in clear_events
            if e.source == source and (e.user_id is not None or not with_user)]
    return min(days, default=None)


def in_window(day, end, length):
    """Whether a day lies in the window of ``length`` days that ends on ``end``."""
    return end - timedelta(days=length) < day <= end


def usage_signals(account, seeds, first_day, first_user_day):
    """{day: {signal: value}} of the product signals.

    first_day, first_user_day: when product events, and those that carry a user, began (None: never).
    """
    plan = {row["event_type"]: row for row in seeds["tracking_plan"]}
    offered = [row for row in seeds["tracking_plan"] if row["product_category"] in ("any", account.product_category)]
    offered_features = len({row["feature"] for row in offered if row["feature"]})
    offered_modules = len({row["module"] for row in offered if row["module"]})
    offered_types = {role: len({row["event_type"] for row in offered if row["role"] == role})
                     for role in ("guided_task", "configuration")}

    by_day = defaultdict(list)
    for event in account.events:
        if event.source == "product" and event.occurred_at.date() >= account.started_on:
            by_day[event.occurred_at.date()].append(event)

    def window(end, length):
        return [e for n in range(length) for e in by_day.get(end - timedelta(days=n), [])]

    def users(events):
        return {e.user_id for e in events if e.user_id is not None}

    def observed_users(events, day):
        if first_user_day is None or day < first_user_day or (events and not users(events)):
            return None
        return len(users(events))

    def role(event):
        return plan[event.event_type]["role"] if event.event_type in plan else ""

    def with_role(events, name):
        return sum(role(e) == name for e in events)

    def distinct(events, column):
        return len({plan[e.event_type][column] for e in events if e.event_type in plan} - {""})

    def at_most(limit, value):
        return None if value is None else min(Fraction(limit), value)

    def change(now, before):
        quotient = ratio(now, before)
        return None if quotient is None else quotient - 1

    signals = {}
    daily_users, daily_share = {}, {}     # day -> distinct users, day -> DAU/MAU
    types_done = {"guided_task": set(), "configuration": set()}
    for d in account.spine():
        last_7, last_30 = window(d, 7), window(d, 30)
        daily_users[d] = len(users(by_day.get(d, [])))
        daily_share[d] = ratio(daily_users[d], len(users(last_30))) or Fraction(0)
        for event in by_day.get(d, []):
            if role(event) in types_done:
                types_done[role(event)].add(event.event_type)
        if first_day is None or d < first_day:
            signals[d] = {}
            continue

        window_days = [i for i in (d - timedelta(days=n) for n in range(30)) if i >= account.started_on]
        s = signals[d] = {}
        s["events_7d"], s["events_30d"] = len(last_7), len(last_30)
        s["logins_7d"], s["logins_30d"] = with_role(last_7, "login"), with_role(last_30, "login")
        s["active_users_1d"] = observed_users(by_day.get(d, []), d)
        s["active_users_7d"] = observed_users(last_7, d)
        s["active_users_30d"] = observed_users(last_30, d)
        s["dau_mau_30d"] = None
        if s["active_users_30d"] is not None:
            s["dau_mau_30d"] = ratio(sum(daily_share[i] for i in window_days), len(window_days))
        s["active_days_7d"] = len({e.occurred_at.date() for e in last_7})
        s["active_days_30d"] = len({e.occurred_at.date() for e in last_30})
        s["logins_per_active_user_7d"] = ratio(s["logins_7d"], s["active_users_7d"])
        s["login_change_7d"] = s["logins_baseline_share_7d"] = s["usage_growth_30d"] = None
        if d - timedelta(days=29) >= account.started_on:
            s["logins_baseline_share_7d"] = ratio(23 * s["logins_7d"], 7 * (s["logins_30d"] - s["logins_7d"]))
        if d - timedelta(days=13) >= account.started_on:
            s["login_change_7d"] = change(s["logins_7d"], with_role(window(d - timedelta(days=7), 7), "login"))
        if d - timedelta(days=59) >= account.started_on:
            s["usage_growth_30d"] = change(len(last_30), len(window(d - timedelta(days=30), 30)))
        s["core_events_7d"] = with_role(last_7, "core")
        s["value_events_30d"] = with_role(last_30, "value")
        s["features_used_30d"] = distinct(last_30, "feature")
        s["modules_used_30d"] = distinct(last_30, "module")
        s["module_coverage_30d"] = at_most(1, ratio(s["modules_used_30d"], offered_modules))
        s["depth_score_30d"] = at_most(10, ratio(10 * s["features_used_30d"], offered_features))
        s["error_rate_7d"] = ratio(with_role(last_7, "error"), len(last_7))
        s["api_calls_per_day_7d"] = ratio(with_role(last_7, "api_call"), 7)
        s["session_depth_30d"] = ratio(len(last_30), sum(daily_users[i] for i in window_days))
        s["guided_task_share"] = at_most(1, ratio(len(types_done["guided_task"]), offered_types["guided_task"]))
        s["configuration_maturity"] = at_most(
            1, ratio(len(types_done["configuration"]), offered_types["configuration"]))
        s["seats_used_share_30d"] = ratio(s["active_users_30d"], seats_on(account.states, d))
    return signals


def ticket_registry(accepted):
    """{ticket_id: its earliest ticket_created Event} over all accounts; section 4, support."""
    tickets = {}
    for event in sorted(accepted, key=lambda e: e.order):
        if event.source == "support" and event.event_type == "ticket_created":
            tickets.setdefault(as_text(event.get("ticket_id")), event)
    return tickets


def support_signals(account, tickets, seeds, first_day, usage):
    """{day: {signal: value}} of the support signals.

    tickets: from ticket_registry. first_day: when support tracking began. usage: from usage_signals.
    """
    targets = {row["priority"]: Fraction(row["first_response_hours"]) for row in seeds["sla_targets"]}
    mine = {ticket_id: created for ticket_id, created in tickets.items()
            if created.account == account.account_id and created.occurred_at.date() >= account.started_on}
    events = [e for e in account.events if e.source == "support" and e.occurred_at.date() >= account.started_on
              and as_text(e.get("ticket_id")) in mine]
    opened = [e.occurred_at.date() for e in mine.values()]
    expansion = [e.occurred_at.date() for e in mine.values() if as_boolean(e.get("is_expansion_request"))]

    def days_of(event_type):
        return [e.occurred_at.date() for e in events if e.event_type == event_type]

    replies, escalations, reopenings = days_of("ticket_replied"), days_of("ticket_escalated"), days_of("ticket_reopened")

    first_replies = []                       # (day of the first reply, seconds after creation)
    breaches, in_time = [], []               # the days they count on
    histories = {}                           # ticket -> its status events in order
    for ticket_id, created in mine.items():
        own = [e for e in events if as_text(e.get("ticket_id")) == ticket_id]
        answers = [e.occurred_at for e in own if e.event_type == "ticket_replied"
                   and as_text(e.get("author_role")) == "agent" and as_boolean(e.get("is_public"))
                   and e.occurred_at >= created.occurred_at]
        reply_at = min(answers, default=None)
        seconds = int(targets[as_text(created.get("priority"))] * 3600)
        breach_at = created.occurred_at + timedelta(seconds=seconds)
        if reply_at is not None:
            wait = reply_at - created.occurred_at
            first_replies.append((reply_at.date(), Fraction(wait // timedelta(microseconds=1), 10**6)))
        if reply_at is None or reply_at > breach_at:
            breaches.append(breach_at.date())
        else:
            in_time.append(reply_at.date())
        histories[ticket_id] = sorted(
            [created] + [e for e in own if e.event_type in ("ticket_solved", "ticket_reopened")
                         and e.order > created.order], key=lambda e: e.order)

    signals = {}
    for d in account.spine():
        if first_day is None or d < first_day:
            signals[d] = {}
            continue

        def count(days, length, d=d):
            return sum(in_window(day, d, length) for day in days)

        s = signals[d] = {}
        s["tickets_opened_30d"] = count(opened, 30)
        s["tickets_open"] = 0
        for history in histories.values():
            until_now = [e for e in history if e.occurred_at.date() <= d]
            if until_now and until_now[-1].event_type in ("ticket_created", "ticket_reopened"):
                s["tickets_open"] += 1
        s["tickets_per_user_30d"] = None
        if any(day <= d for day in opened):
            s["tickets_per_user_30d"] = ratio(s["tickets_opened_30d"], usage[d].get("active_users_30d"))
        waits = [seconds for day, seconds in first_replies if in_window(day, d, 30)]
        s["first_response_hours_30d"] = ratio(sum(waits), 3600 * len(waits))
        s["sla_breaches_30d"] = count(breaches, 30)
        breached_90d = count(breaches, 90)
        s["sla_breach_rate_90d"] = ratio(breached_90d, breached_90d + count(in_time, 90))
        s["escalations_30d"] = count(escalations, 30)
        s["tickets_reopened_30d"] = count(reopenings, 30)
        s["replies_per_ticket_90d"] = ratio(count(replies, 90), count(opened, 90))
        s["expansion_requests_90d"] = count(expansion, 90)
    return signals


def invoices(account):
    """[(issued_on, due_on, closed_on or None)] of the account's invoices; section 4, billing."""
    events = [e for e in account.events if e.source == "billing"]
    issued, found = {}, []
    for event in events:
        if event.event_type == "invoice_issued":
            issued.setdefault(as_text(event.get("invoice_id")), event)
    for invoice_id, issue in issued.items():
        own = [e for e in events if as_text(e.get("invoice_id")) == invoice_id]
        closings = [e.occurred_at for e in own if e.event_type == "invoice_voided"]
        paid = Fraction(0)
        for event in own:
            if event.event_type == "invoice_paid":
                paid += as_number(event.get("amount"))
                if paid >= as_number(issue.get("amount")):
                    closings.append(event.occurred_at)
                    break
        found.append((issue.occurred_at.date(), as_date(issue.get("due_on")),
                      min(closings).date() if closings else None))
    return found


def billing_signals(account, usage):
    """{day: {signal: value}} of the billing signals. usage: from usage_signals (for the usage cap)."""
    active_states = [s for s in account.states if s.active]
    first_active_day = min((s.starts_on for s in active_states), default=None)
    bills = invoices(account)
    signals = {}
    for d in account.spine():
        active = [s for s in active_states if s.covers(d)]
        s = signals[d] = {}
        s["is_subscribed"] = s["arr"] = s["seats"] = None
        if first_active_day is not None and d >= first_active_day:
            s["is_subscribed"] = 1 if active else 0
            s["arr"] = sum((state.arr for state in active), Fraction(0))
        s["seats"] = seats_on(account.states, d)
        issued = [bill for bill in bills if bill[0] <= d]
        s["days_overdue"] = None
        if issued:
            open_due = [due_on for _, due_on, closed_on in issued if closed_on is None or closed_on > d]
            s["days_overdue"] = max(0, (d - min(open_due)).days) if open_due else 0
        s["days_to_renewal"] = min(((state.term_end - d).days for state in active
                                    if state.term_end is not None and state.term_end >= d), default=None)
        caps = [state.usage_cap for state in active if state.usage_cap is not None]
        s["usage_cap_share_30d"] = ratio(usage[d].get("events_30d"), sum(caps)) if caps else None
    return signals


def engagement_signals(account, seeds):
    """{day: {signal: value}} of the survey and note signals; section 4, engagement."""
    scale = next(row for row in seeds["survey_scales"] if row["kind"] == "nps")
    detractor_highest, promoter_lowest = Fraction(scale["detractor_highest"]), Fraction(scale["promoter_lowest"])
    own = [e for e in account.events if e.occurred_at.date() >= account.started_on]
    answered = [e for e in own if (e.source, e.event_type) == ("survey", "survey_answered")]
    sent = [e.occurred_at.date() for e in own if (e.source, e.event_type) == ("survey", "survey_sent")]
    answers = {kind: [(e.occurred_at.date(), as_number(e.get("score"))) for e in answered if e.get("kind") == kind]
               for kind in ("nps", "csat")}
    notes = [(e.occurred_at.date(), as_number(e.get("sentiment"))) for e in own
             if (e.source, e.event_type) == ("crm", "note_logged") and e.get("sentiment") is not None]

    def recent(pairs, d, length):
        return [(day, value) for day, value in pairs if in_window(day, d, length)]

    def mean(pairs):
        return ratio(sum(value for _, value in pairs), len(pairs))

    def since(pairs, d):
        return min(((d - day).days for day, _ in pairs), default=None)

    signals = {}
    for d in account.spine():
        nps, csat = recent(answers["nps"], d, 180), recent(answers["csat"], d, 90)
        sentiments = recent(notes, d, 90)
        promoters = sum(score >= promoter_lowest for _, score in nps)
        detractors = sum(score <= detractor_highest for _, score in nps)
        s = signals[d] = {}
        s["nps_180d"] = ratio(100 * (promoters - detractors), len(nps))
        s["nps_score_180d"] = mean(nps)
        by_day = {day: mean([pair for pair in nps if pair[0] == day]) for day, _ in nps}
        s["nps_last_score_180d"] = by_day[max(by_day)] if by_day else None
        s["nps_best_score_180d"] = max(by_day.values(), default=None)
        s["days_since_nps"] = since(nps, d)
        s["csat_90d"] = mean(csat)
        s["days_since_csat"] = since(csat, d)
        s["survey_response_rate_90d"] = ratio(
            sum(in_window(e.occurred_at.date(), d, 90) for e in answered),
            sum(in_window(day, d, 90) for day in sent))
        s["note_sentiment_90d"] = mean(sentiments)
        s["days_since_note"] = since(sentiments, d)
    return signals


def build_signals(accounts, accepted, clear_events, seeds):
    """{account_id: {day: {signal: value}}} of every signal but the two milestone ones (section 4)."""
    product_from, support_from = tracked_from(clear_events, "product"), tracked_from(clear_events, "support")
    first_user_day = tracked_from(clear_events, "product", with_user=True)
    tickets = ticket_registry(accepted)
    names = [row["signal"] for row in seeds["signals"]]
    found = {}
    for account in accounts:
        usage = usage_signals(account, seeds, product_from, first_user_day)
        parts = [usage, support_signals(account, tickets, seeds, support_from, usage),
                 billing_signals(account, usage), engagement_signals(account, seeds)]
        found[account.account_id] = {}
        for d in account.spine():
            values = dict.fromkeys(names)
            values["account_age_days"] = (d - account.started_on).days
            for part in parts:
                values.update(part[d])
            found[account.account_id][d] = values
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Section 5: milestones
# ---------------------------------------------------------------------------------------------------------------------

def smallest_count(operator, threshold):
    """Smallest whole number k >= 1 for which ``k operator threshold`` is true. Operators: >=, >."""
    if operator == ">=":
        return max(1, math.ceil(threshold))
    if operator == ">":
        return max(1, math.floor(threshold) + 1)
    raise ValueError(f"operator {operator!r} does not fit an event measure")


def completing_event(account, row, seeds):
    """The Event at which an event criterion is reached, None when never. row: a milestone_criteria row."""
    roles = {p["event_type"]: p["role"] for p in seeds["tracking_plan"]}
    subject = row["subject"]

    def concerns(event):
        if subject.startswith("role:"):
            return event.source == "product" and roles.get(event.event_type) == subject[len("role:"):]
        return event.event_type == subject

    on_spine = (e for e in account.events if account.started_on <= e.occurred_at.date() <= account.ended_on)
    events = sorted((e for e in on_spine if concerns(e)), key=lambda e: (e.occurred_at, e.event_id))
    operator, threshold = row["operator"], Fraction(row["threshold"])
    if row["measure"] != "event_count":                     # one event per user: the user's first
        first_of_user = {}
        for event in events:
            if event.user_id is not None:
                first_of_user.setdefault(event.user_id, event)
        events = list(first_of_user.values())
    if row["measure"] in ("event_count", "event_users"):
        k = smallest_count(operator, threshold)
        return events[k - 1] if len(events) >= k else None
    for n, event in enumerate(events, start=1):             # event_user_share
        seats = seats_on(account.states, event.occurred_at.date())
        if seats and holds(Fraction(n, seats), operator, threshold):
            return event
    return None


def signal_holds(account, row, signals):
    """{day: bool} of a signal criterion over the spine, with its sustained days. signals: {day: {signal: value}}."""
    sustained, null_holds = int(row["sustained_days"] or 1), is_true(row["holds_when_null"])
    threshold = Fraction(row["threshold"])
    found, streak = {}, 0
    for d in account.spine():
        value = signals[d][row["subject"]]
        true_today = null_holds if value is None else holds(value, row["operator"], threshold)
        streak = streak + 1 if true_today else 0
        found[d] = streak >= sustained
    return found


def rule_time(account, rows, signals, seeds):
    """(moment, evidence event_id or None) at which a rule's criteria first hold at once; (None, None) when never.

    rows: the milestone_criteria rows of one milestone and phase. signals: {day: {signal: value}}.
    """
    if not rows:
        return account.started_at, None
    latest = None
    for row in rows:
        if row["measure"] in ("event_count", "event_users", "event_user_share"):
            event = completing_event(account, row, seeds)
            if event is None:
                return None, None
            if latest is None or (event.occurred_at, event.event_id) > (latest.occurred_at, latest.event_id):
                latest = event
        elif row["measure"] != "signal":
            raise ValueError(f"unknown measure {row['measure']!r}")
    daily = [signal_holds(account, row, signals) for row in rows if row["measure"] == "signal"]
    if not daily:
        return latest.occurred_at, latest.event_id
    first_day = account.started_on if latest is None else latest.occurred_at.date()
    for d in account.spine():
        if d >= first_day and all(days[d] for days in daily):
            end_of_day = datetime.combine(d, time(23, 59, 59))
            if latest is not None and latest.occurred_at >= end_of_day:
                return latest.occurred_at, latest.event_id
            return end_of_day, None
    return None, None


def plan_of(account, seeds):
    """The milestone_catalog rows of the account's journey (section 5), [] when no journey fits."""
    journeys = {(row["product_category"], row["segment"]): row["journey"] for row in seeds["journeys"]}
    journey = journeys.get((account.product_category, account.segment),
                           journeys.get((account.product_category, "any")))
    return [row for row in seeds["milestone_catalog"] if row["journey"] == journey]


def account_milestones(account, signals, seeds):
    """Milestone rows of one account: the columns of the table 'milestones' plus den_from and needs_seats.

    signals: {day: {signal: value}}. weight is a Fraction, days are dates, moments are datetimes.
    """
    rows = []
    for planned in plan_of(account, seeds):
        milestone_id = planned["milestone_id"]
        criteria = [row for row in seeds["milestone_criteria"] if row["milestone_id"] == milestone_id]
        exits = [row for row in criteria if row["phase"] == "exit"]
        entered_at, _ = rule_time(account, [row for row in criteria if row["phase"] == "entry"], signals, seeds)
        achieved_at, evidence = rule_time(account, exits, signals, seeds)

        def of_milestone(event_type, milestone_id=milestone_id):
            return sorted((e for e in account.events if (e.source, e.event_type) == ("crm", event_type)
                           and as_text(e.get("milestone_id")) == milestone_id),
                          key=lambda e: (e.occurred_at, e.event_id))

        confirmed = [e for e in of_milestone("milestone_confirmed") if e.occurred_at >= account.started_at
                     and e.occurred_at.date() <= account.ended_on]
        if confirmed and (achieved_at is None or confirmed[0].occurred_at <= achieved_at):
            achieved_at, evidence = confirmed[0].occurred_at, confirmed[0].event_id
        waivers = of_milestone("milestone_waived")
        waived_at = waivers[0].occurred_at if waivers else None
        if waived_at is not None and achieved_at is not None and waived_at >= achieved_at:
            waived_at = None
        if waived_at is not None:
            achieved_at, evidence = None, waivers[0].event_id

        due_on = account.started_on + timedelta(days=int(planned["deadline_days"]))
        needs_seats = any(is_true(row["needs_seats"]) for row in exits)
        achieved_on = achieved_at.date() if achieved_at else None
        if waived_at is not None:
            status = "waived"
        elif achieved_on is not None:
            status = "achieved" if achieved_on <= due_on else "achieved_late"
        elif (needs_seats and account.first_seats_on is None) or (
                account.churned_on is not None and account.churned_on <= due_on):
            status = "not_applicable"
        elif account.ended_on > due_on:
            status = "overdue"
        elif entered_at is not None:
            status = "pending"
        else:
            status = "not_due"
        days_late = None
        if achieved_on is not None:
            days_late = max(0, (achieved_on - due_on).days)
        elif status == "overdue":
            days_late = (account.ended_on - due_on).days

        expected_from = due_on + ONE_DAY
        if needs_seats:
            expected_from = max(expected_from, account.first_seats_on) if account.first_seats_on else None
        rows.append({
            "account_id": account.account_id, "milestone_id": milestone_id, "journey": planned["journey"],
            "status": status, "due_on": due_on, "entered_at": entered_at, "achieved_at": achieved_at,
            "waived_at": waived_at, "days_late": days_late, "evidence_event_id": evidence,
            "weight": Fraction(planned["weight"]),
            "den_from": min((d for d in (achieved_on, expected_from) if d is not None), default=None)})
    return rows


def add_milestone_signals(account, milestones, signals):
    """Fill milestone_completion and days_since_milestone of every spine day (section 5, last paragraph)."""
    for d in account.spine():
        numerator = denominator = Fraction(0)
        reached = []
        for row in milestones:
            achieved_on = row["achieved_at"].date() if row["achieved_at"] else None
            waived_on = row["waived_at"].date() if row["waived_at"] else None
            if row["den_from"] is not None and d >= row["den_from"] and (waived_on is None or d < waived_on):
                denominator += row["weight"]
            if achieved_on is not None and d >= achieved_on:
                numerator += row["weight"]
                reached.append(achieved_on)
        signals[d]["milestone_completion"] = ratio(numerator, denominator)
        signals[d]["days_since_milestone"] = (d - max(reached)).days if reached else None


# ---------------------------------------------------------------------------------------------------------------------
# Section 6: health
# ---------------------------------------------------------------------------------------------------------------------

def score_dates(account):
    """The Mondays of the account's spine and its last spine day."""
    return [d for d in account.spine() if d.weekday() == 0 or d == account.ended_on]


def stage_at(age, seeds):
    """Stage of lifecycle_stages that an account of this age in days is in."""
    return max((int(row["from_day"]), row["stage"]) for row in seeds["lifecycle_stages"] if int(row["from_day"]) <= age)[1]


def version_on(day, segment, stage, track, seeds):
    """health_model_versions row of a track that judges a segment and stage on a day, None when none does.

    A row that names the segment goes before one that does not, then one that names the stage.
    """
    valid = [row for row in seeds["health_model_versions"]
             if row["track"] == track and row["segment"] in (segment, "any") and row["stage"] in (stage, "any")
             and date.fromisoformat(row["effective_from"]) <= day
             and (not row["effective_to"] or day <= date.fromisoformat(row["effective_to"]))]
    return min(valid, key=lambda row: (row["segment"] == "any", row["stage"] == "any"), default=None)


def metric_of(version_name, metric, seeds):
    """health_metrics row of a metric: the version's own, else that of any."""
    rows = [r for r in seeds["health_metrics"] if r["metric"] == metric and r["model_version"] in (version_name, "any")]
    return min(rows, key=lambda row: row["model_version"] == "any")


def faded(x, metric, values):
    """x drawn toward 0.5 by exp(-decay_per_day * age), rounded to 6 decimals. values: {signal: value} of the day."""
    age = (values[metric["age_signal"]] or 0) if metric["age_signal"] else 0
    exponent = -number_or_none(metric["decay_per_day"] or "0") * age
    if exponent != 0:
        half = Fraction(1, 2)
        x = half + (Fraction(x) - half) * Fraction(math.exp(exponent))
    return round_half_up(x, 6)


def observed_x(value, metric, values, peers):
    """Normalised x in 0..1 (rounded to 6) of an observed value.

    metric: health_metrics row. values: the account's signals of the day. peers: observed values of the peer group.
    """
    if metric["method"] == "bounded":
        low, high = Fraction(metric["lower_bound"]), Fraction(metric["upper_bound"])
        x = min(Fraction(1), max(Fraction(0), (value - low) / (high - low)))
    elif metric["method"] == "peer":
        rounded = [round_half_up(peer, 4) for peer in peers]
        mean = sum(rounded) / len(rounded)
        variance = sum((peer - mean) ** 2 for peer in rounded) / len(rounded)
        if variance == 0:
            x = Fraction(1, 2)
        else:
            x = Fraction(STANDARD_NORMAL.cdf(float(round_half_up(value, 4) - mean) / math.sqrt(variance)))
    else:
        raise ValueError(f"unknown method {metric['method']!r}")
    return faded(1 - x if metric["direction"] == "lower" else x, metric, values)


def normalise(eligible, metric, version):
    """{account_id: (value, x or None, value_status, peer_median or None)} of one metric on one date.

    eligible: [(Account, {signal: value})] of the date. version: health_model_versions row.
    """
    min_peers = int(version["min_peers"])
    max_missing = Fraction(version["max_missing_peer_share"])
    values = {a.account_id: s[metric["signal"]] for a, s in eligible}
    groups = {}
    for account, _ in eligible:
        groups[account.account_id] = [other.account_id for other, _ in eligible if other.segment == account.segment
                                      and other.product_category == account.product_category]
    everyone = list(values)

    x_of = {}
    for account, signals in eligible:
        value = values[account.account_id]
        if value is None:
            continue
        peers = [values[i] for i in groups[account.account_id] if values[i] is not None]
        if len(peers) < min_peers:
            peers = [values[i] for i in everyone if values[i] is not None]
        x_of[account.account_id] = observed_x(value, metric, signals, peers)

    found = {}
    for account, _ in eligible:
        group = groups[account.account_id]
        if len(group) < min_peers:
            group = everyone
        seen = [i for i in group if values[i] is not None]
        missing_share = Fraction(len(group) - len(seen), len(group))
        peer_median = round_half_up(middle([values[i] for i in seen]), 6) if seen else None
        value = values[account.account_id]
        if value is not None:
            x, status = x_of[account.account_id], "observed"
        elif metric["missing_policy"] == "drop" or missing_share > max_missing:
            x, status = None, "dropped"
        elif metric["missing_policy"] == "neutral":
            x, status = Fraction(1, 2), "neutral"
        elif metric["missing_policy"] == "median":
            if seen:
                x, status = round_half_up(middle([x_of[i] for i in seen]), 6), "imputed"
            else:
                x, status = None, "dropped"
        else:
            raise ValueError(f"unknown missing_policy {metric['missing_policy']!r}")
        found[account.account_id] = (value, x, status, peer_median)
    return found


def band_of(score, bands):
    """Band with the highest lower edge at or below the score. bands: [(lower_edge, band)] ascending."""
    return [band for edge, band in bands if edge <= score][-1]


def score_account(metrics, weights, bands):
    """Score one eligible account-date: (health columns, driver rows). Driver rows are [] when it is not scored.

    metrics: {metric: (value, x, value_status, peer_median)}. weights: {metric: Fraction}. bands: [(edge, band)].
    """
    observed = sum((w for m, w in weights.items() if metrics[m][2] == "observed"), Fraction(0))
    used = sum((w for m, w in weights.items() if metrics[m][2] != "dropped"), Fraction(0))
    coverage = ratio(observed, sum(weights.values()), 4)
    row = {"coverage": coverage, "score": None, "band": None, "top_driver_up": None, "top_driver_down": None}
    if used == 0:
        return row, []
    total = sum(w * metrics[m][1] for m, w in weights.items() if metrics[m][1] is not None)
    score = round_half_up(100 * total / used, 2)
    band = band_of(score, bands)
    target = next((edge for edge, _ in bands if edge > score), None)

    drivers, gained, lost = [], Fraction(0), Fraction(0)
    for metric in sorted(weights):
        value, x, status, peer_median = metrics[metric]
        weight = weights[metric]
        before = round_half_up(100 * gained / used, 2), round_half_up(100 * lost / used, 2)
        if x is not None:
            gained += weight * x
            lost += weight * (1 - x)
        change = None
        if target is not None and weight > 0 and x is not None:
            change = round_half_up((target - score) * used / (100 * weight), 6)
            if x + change > 1:
                change = None
        drivers.append({
            "metric": metric, "value": value, "normalised": x, "weight": weight, "value_status": status,
            "points": round_half_up(100 * gained / used, 2) - before[0],
            "points_lost": round_half_up(100 * lost / used, 2) - before[1],
            "peer_median": peer_median, "change_needed_x": change})
    row["score"], row["band"] = score, band
    for column, name in (("points", "top_driver_up"), ("points_lost", "top_driver_down")):
        best = max(drivers, key=lambda d: d[column])         # the first of equals, in alphabetical order
        row[name] = best["metric"] if best[column] > 0 else None
    return row, drivers


def build_health(accounts, signals, seeds, track="live"):
    """Section 6: (health rows, driver rows) of a track. signals: {account_id: {day: {signal: value}}}, exact."""
    versions = {row["model_version"]: row for row in seeds["health_model_versions"]}
    by_date = defaultdict(lambda: defaultdict(list))          # date -> version -> [(account, signals)]
    for account in accounts:
        for d in score_dates(account):
            values = signals[account.account_id][d]
            version = version_on(d, account.segment, stage_at(values["account_age_days"], seeds), track, seeds)
            if version is not None:
                by_date[d][version["model_version"]].append((account, values))

    health, drivers = [], []
    scored = defaultdict(list)                                # account -> [(date, score, band)] in date order
    for d in sorted(by_date):
        for name, judged in by_date[d].items():
            judge_date(d, versions[name], judged, seeds, scored, health, drivers)
    return health, drivers


def judge_date(d, version, judged, seeds, scored, health, drivers):
    """Append to health and drivers the rows of the accounts that one version judges on one date: [(Account, signals)].

    scored: {account_id: [(date, score, band)]} of the dates before; the date's scores are appended.
    """
    name = version["model_version"]
    weights = {r["metric"]: Fraction(r["weight"]) for r in seeds["health_weights"] if r["model_version"] == name}
    bands = sorted((Fraction(r["lower_edge"]), r["band"]) for r in seeds["health_bands"] if r["model_version"] == name)
    status = {}
    for account, values in judged:
        if values["is_subscribed"] == 0:
            status[account.account_id] = "churned"
        elif values["account_age_days"] < int(version["min_account_age_days"]):
            status[account.account_id] = "too_early"
        else:
            status[account.account_id] = "eligible"
    eligible = [(a, v) for a, v in judged if status[a.account_id] == "eligible"]
    normalised = {metric: normalise(eligible, metric_of(name, metric, seeds), version) for metric in weights}

    for account, _ in judged:
        account_id = account.account_id
        row = {"account_id": account_id, "score_date": d, "status": status[account_id], "score": None,
               "band": None, "coverage": None, "model_version": name, "change_7d": None, "change_30d": None,
               "top_driver_up": None, "top_driver_down": None}
        earlier = scored[account_id]
        if row["status"] == "churned" and earlier:
            row["score"], row["band"] = earlier[-1][1], earlier[-1][2]
        if row["status"] == "eligible":
            found, found_drivers = score_account(
                {metric: normalised[metric][account_id] for metric in weights}, weights, bands)
            row["status"] = "scored"
            if (found["score"] is None or found["coverage"] is None
                    or found["coverage"] < Fraction(version["coverage_floor"])):
                row["status"] = "too_little_data"
                found = {"coverage": found["coverage"]}
            row.update(found)
        if row["status"] == "scored":
            for column, days in (("change_7d", 7), ("change_30d", 30)):
                before = [s for when, s, _ in earlier if when <= d - timedelta(days=days)]
                row[column] = row["score"] - before[-1] if before else None
            drivers += [{"account_id": account_id, "score_date": d, **driver} for driver in found_drivers]
            earlier.append((d, row["score"], row["band"]))
        health.append(row)


def steady_bands(health, seeds):
    """Rows (account_id, score_date, model_version, steady_band) of the scored health rows: bands with hysteresis."""
    edges = defaultdict(list)                                 # version -> [(lower edge, margin, band)] ascending
    for row in seeds["health_bands"]:
        edges[row["model_version"]].append((Fraction(row["lower_edge"]), Fraction(row["hold_margin"]), row["band"]))
    found, sides = [], {}                                     # (account, version) -> {edge: is the account above}
    for row in sorted((r for r in health if r["status"] == "scored"), key=lambda r: (r["account_id"], r["score_date"])):
        name, score = row["model_version"], row["score"]
        own = sides.setdefault((row["account_id"], name), {edge: score >= edge for edge, _, _ in edges[name]})
        for edge, margin, _ in edges[name]:
            if score >= edge + margin:
                own[edge] = True
            elif score < edge - margin:
                own[edge] = False
        band = max((edge, band) for edge, _, band in edges[name] if own[edge])[1]
        found.append({"account_id": row["account_id"], "score_date": row["score_date"], "model_version": name,
                      "steady_band": band})
    return found


def build_overrides(accounts, health, seeds, as_of):
    """Rows of health_overrides. health: rows of build_health."""
    (rule,) = (row for row in seeds["manual_inputs"] if row["input"] == "health_override")
    found = []
    for account in accounts:
        scored = [r for r in health if r["account_id"] == account.account_id and r["status"] == "scored"]
        given = sorted((e for e in account.events if (e.source, e.event_type) == ("crm", "health_overridden")
                        and e.occurred_at.date() <= account.ended_on), key=lambda e: e.order)
        for number, event in enumerate(given):
            starts_on, band = event.occurred_at.date(), as_text(event.get("band"))
            expires_on = as_date(event.get("expires_on")) or starts_on + timedelta(days=int(rule["stale_after_days"]))
            followed_until = starts_on + timedelta(days=int(rule["follow_up_days"]))
            ends_on = min([expires_on] + [e.occurred_at.date() - ONE_DAY for e in given[number + 1:number + 2]]
                          + ([account.churned_on] if account.churned_on else []))
            before = max((r for r in scored if r["score_date"] <= starts_on), key=lambda r: r["score_date"], default={})
            reached_on = min((r["score_date"] for r in scored if starts_on < r["score_date"] <= followed_until
                              and r["band"] == band), default=None)
            churned_on = account.churned_on if account.churned_on and account.churned_on <= followed_until else None
            outcome = ("churned" if churned_on else "reached" if reached_on
                       else "open" if as_of < followed_until else "not_reached")
            found.append({
                "override_id": event.event_id, "account_id": account.account_id, "band": band, "starts_on": starts_on,
                "expires_on": expires_on, "ends_on": ends_on,
                "is_active": account.churned_on is None and starts_on <= as_of <= ends_on,
                "measured_on": before.get("score_date"), "measured_score": before.get("score"),
                "measured_band": before.get("band"), "reached_on": reached_on, "churned_on": churned_on,
                "outcome": outcome})
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Section 7: time to value
# ---------------------------------------------------------------------------------------------------------------------

def build_time_to_value(accounts, milestones, seeds):
    """Section 7: one row per in-scope account and activation milestone of its category that its journey holds.

    milestones: {account_id: rows of account_milestones}. Durations are in days.
    """
    rows = []
    for account in accounts:
        planned = {row["milestone_id"]: row for row in milestones[account.account_id]}
        for activation in seeds["activation_milestones"]:
            milestone = planned.get(activation["milestone_id"])
            if activation["product_category"] != account.product_category or milestone is None:
                continue
            activated_on = milestone["achieved_at"].date() if milestone["achieved_at"] else None
            days_to_value = (activated_on - account.started_on).days if activated_on else None
            if activated_on:
                outcome, duration = "activated", days_to_value
            else:
                outcome = "churned" if account.churned_on else "censored"
                duration = (account.ended_on - account.started_on).days
            rows.append({
                "account_id": account.account_id, "persona": activation["persona"],
                "milestone_id": activation["milestone_id"], "is_primary": is_true(activation["is_primary"]),
                "started_on": account.started_on, "activated_on": activated_on, "days_to_value": days_to_value,
                "outcome": outcome, "duration_days": duration})
    return rows


# ---------------------------------------------------------------------------------------------------------------------
# The whole replay
# ---------------------------------------------------------------------------------------------------------------------

def plain(row):
    """A row with its Fractions turned into floats (the correctly rounded double)."""
    return {key: float(value) if isinstance(value, Fraction) else value for key, value in row.items()}


def resolve_moments(events, as_of=None, known_at=None):
    """(known_at, as_of) of a build: the given ones, else the latest loaded_at of all rows and its day (section 1).

    events: {source: [row]}. Both are None when nothing was ever loaded and none is given.
    """
    if known_at is None:
        known_at = max((row["loaded_at"] for rows in events.values() for row in rows
                        if row.get("loaded_at") is not None), default=None)
    if as_of is None and known_at is not None:
        as_of = known_at.date()
    return known_at, as_of


def replay(events, seeds, as_of=None, known_at=None):
    """Recompute the marts from raw events.

    events: {source: [row]} for the sources product, crm, support, billing, survey; a row is a dict with event_id,
    event_type, account_id, user_id, payload (str or None) and occurred_at, loaded_at (UTC-naive datetime or None).
    seeds: {seed name: [row dict of strings]} as load_seeds gives. as_of: date, known_at: datetime; both default to
    the data (section 1 of the definitions).

    Returns {table: [row dict]}: rejected_events (source, event_id, event_type, account_id, user_id, occurred_at,
    loaded_at, reason), reject_counts (source, reason, rows), accepted_events (source, event_id, event_type,
    account_id = canonical, user_id, occurred_at), accounts, signals (one row per account and spine day, one key per
    row of the seed signals), milestones, health, drivers, steady_bands, overrides, time_to_value. Numbers are int or
    float; days are dates.
    Raises ValueError on a merge cycle or an unknown operator, measure or method in the seeds, KeyError on an
    unknown source.
    """
    tables = {name: [] for name in ("rejected_events", "reject_counts", "accepted_events", "accounts", "signals",
                                    "milestones", "health", "drivers", "steady_bands", "overrides", "time_to_value")}
    known_at, as_of = resolve_moments(events, as_of, known_at)
    if known_at is None:                 # no row was ever loaded: every row is visible and none can be accepted
        known_at, as_of = OLDEST_MOMENT, as_of or OLDEST_MOMENT.date()
    accepted, rejected, survivors = accept_events(events, seeds, known_at, as_of)

    counts = defaultdict(int)
    for event in rejected:
        counts[(event.source, event.reason)] += 1
        tables["rejected_events"].append({
            "source": event.source, "event_id": event.event_id, "event_type": event.event_type,
            "account_id": event.account_id, "user_id": event.user_id, "occurred_at": event.occurred_at,
            "loaded_at": event.loaded_at, "reason": event.reason})
    tables["reject_counts"] = [{"source": source, "reason": reason, "rows": rows}
                               for (source, reason), rows in sorted(counts.items())]
    tables["accepted_events"] = [
        {"source": e.source, "event_id": e.event_id, "event_type": e.event_type, "account_id": e.account,
         "user_id": e.user_id, "occurred_at": e.occurred_at} for e in accepted]

    accounts = build_accounts(accepted, survivors, seeds, as_of)
    clear_events = accepted + [e for e in rejected if e.reason == "no_account"]
    signals = build_signals(accounts, accepted, clear_events, seeds)
    milestones = {}
    for account in accounts:
        own_signals = signals[account.account_id]
        milestones[account.account_id] = account_milestones(account, own_signals, seeds)
        add_milestone_signals(account, milestones[account.account_id], own_signals)
    health, drivers = build_health(accounts, signals, seeds)

    names = [row["signal"] for row in seeds["signals"]]
    columns = ("account_id", "segment", "product_category", "started_at", "started_on", "churned_on", "ended_on",
               "first_seats_on")
    for account in accounts:
        tables["accounts"].append({column: getattr(account, column) for column in columns})
        for d in account.spine():
            values = signals[account.account_id][d]
            tables["signals"].append(plain({"account_id": account.account_id, "date_day": d,
                                            **{name: values[name] for name in names}}))
        tables["milestones"] += [plain({key: value for key, value in row.items() if key != "den_from"})
                                 for row in milestones[account.account_id]]
    tables["health"] = [plain(row) for row in health]
    tables["drivers"] = [plain(row) for row in drivers]
    tables["steady_bands"] = steady_bands(health, seeds)
    tables["overrides"] = [plain(row) for row in build_overrides(accounts, health, seeds, as_of)]
    tables["time_to_value"] = build_time_to_value(accounts, milestones, seeds)
    return tables
