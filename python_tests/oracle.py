"""Independent replay of the marts in plain Python.

The dbt project computes its marts in SQL. This module computes the same tables from the same raw events and
seeds with loops, sets and exact fractions, from the written definitions alone (the project's definition document,
called "definitions" below, with its section number). It shares no code and no query with the SQL, so a difference
between the two is a defect of one of them.

Conventions: days are ``datetime.date`` of the company's timezone, which is UTC but within ``in_timezone``; moments are
UTC-naive ``datetime.datetime``. Inside the module every measured number is an ``int`` or an exact ``Fraction``; the
returned tables hold ``int`` for counts and days and ``float`` for everything else. ``None`` means not observed.
"""

import bisect
import csv
import json
import math
import re
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from zoneinfo import ZoneInfo

SOURCES = ("product", "crm", "support", "billing", "survey")
OLDEST_DAY = date(2000, 1, 1)
BEYOND_SENSE = datetime(2200, 1, 1)
LONGEST_CHAIN = 64
CLOCK_TOLERANCE = timedelta(minutes=10)
DEFAULT_CATEGORY = "general_saas"
ONE_DAY = timedelta(days=1)
ONE_SECOND = timedelta(seconds=1)
SUBSCRIPTION_STARTS = ("subscription_started", "subscription_changed", "subscription_renewed")
NUMERIC_TEXT = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
STANDARD_NORMAL = NormalDist()


# ---------------------------------------------------------------------------------------------------------------------
# Days
# ---------------------------------------------------------------------------------------------------------------------

_company = [UTC]


@contextmanager
def in_timezone(name):
    """Within it a day is one of this zone, as the var company_timezone says. name: of the IANA database."""
    before, _company[:] = list(_company), [UTC if name == "UTC" else ZoneInfo(name)]
    try:
        yield
    finally:
        _company[:] = before


def day_of(moment):
    """The day on which a UTC moment falls."""
    (zone,) = _company
    return moment.date() if zone is UTC else moment.replace(tzinfo=UTC).astimezone(zone).date()


def day_starts_at(day):
    """The UTC moment at which a day begins: the first of a midnight that comes twice, the change that skips one."""
    (zone,) = _company
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


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


def median_6(values):
    """The median rounded to 6 places, None of nothing."""
    return round_half_up(middle(values), 6) if values else None


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


def fits(value, row, currencies, scale):
    """Whether a present payload value fits its event_schemas row (reason 8): type, bounds and allowed values.

    currencies: set of codes. scale: (lowest, highest) of a survey score, else None. Raises ValueError on an unknown
    value_type.
    """
    value_type = row["value_type"]
    allowed_values = set(row["allowed_values"].split("|")) if row["allowed_values"] else set()
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
    if cast is None or (allowed_values and as_text(value) not in allowed_values):
        return False
    if value_type in ("number", "integer"):
        lowest, highest = number_or_none(row["min_value"]), number_or_none(row["max_value"])
        if (lowest is not None and cast < lowest) or (highest is not None and cast > highest):
            return False
        if scale is not None and not scale[0] <= cast <= scale[1]:
            return False
    if value_type == "date":
        return (row["min_value"] or "0001-01-01") <= cast.isoformat() <= (row["max_value"] or "9999-12-31")
    return True


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
    rank: int = 0                       # business_order of the event type
    user: str | None = None             # the known user
    persona: str | None = None          # of the user on the account at the moment, None where it is unknown
    document: tuple | None = None       # (source, payload key, source account, id)

    @property
    def order(self):
        """Order by time alone, where the definitions name it."""
        return (self.occurred_at, self.loaded_at, self.event_id)

    @property
    def business(self):
        """Business order: that of 'last' and 'first' (section 1)."""
        return (self.occurred_at.replace(microsecond=0), self.rank, *self.order)

    def get(self, key):
        """Payload value of a key; None when absent, null or empty text."""
        value = self.payload.get(key)
        return None if is_blank(value) else value


def clean_text(value):
    """Trimmed text, None for null or nothing but blanks (section 1)."""
    value = value.strip() if value is not None else None
    return value or None


def sensible(moment):
    """A moment, None where it is beyond sense (section 1)."""
    return None if moment is None or moment >= BEYOND_SENSE else moment


def is_future_load(loaded_at, clock):
    """Whether a row was loaded after the run began, which the clock says."""
    return loaded_at is not None and loaded_at > clock + CLOCK_TOLERANCE


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
                sensible(row.get("occurred_at")), sensible(row.get("loaded_at")), clean_text(row.get("payload"))))
    return found


def is_visible(event, known_at, as_of, clock):
    """Whether a raw row exists for a build at ``known_at`` (moment) and ``as_of`` (day); section 1.

    clock: when the run began; None where known_at is given, which makes rows loaded in the future invisible.
    """
    if event.loaded_at is None or (clock is not None and is_future_load(event.loaded_at, clock)):
        return True
    if event.loaded_at > known_at:
        return False
    return (event.occurred_at is None or event.occurred_at < day_starts_at(as_of + ONE_DAY)
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


class _Pairs(dict):
    """A JSON object that knows whether a key of it came twice."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.is_repeated = len(self) < len(pairs)


def parse_payload(text):
    """JSON object text -> dict with Decimals, {} for None; raises ValueError when it is not JSON or not an object."""
    if text is None:
        return {}

    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    value = json.loads(text, parse_float=Decimal, parse_constant=refuse, object_pairs_hook=_Pairs)
    if not isinstance(value, dict) or value.is_repeated:
        raise ValueError("not an object with each key once")
    written = json.dumps(value, ensure_ascii=False, default=str)
    written.encode()                     # half of a surrogate pair is a ValueError
    if "\\u0000" in written:
        raise ValueError("a null character")
    return value


def reject_reason(event, duplicates, schemas, currencies, scales, clock):
    """First of the reasons 1-8 that applies to a visible row, else None; fills ``event.payload`` on the way.

    duplicates: from mark_duplicates. schemas: {(source, event_type): [event_schemas row]}. currencies: set of codes.
    scales: {kind: (lowest, highest)}. clock: as in is_visible.
    """
    if event.event_id is None:
        return "missing_id"
    if id(event) in duplicates:
        return "duplicate_id"
    if event.occurred_at is None or event.loaded_at is None or event.occurred_at < day_starts_at(OLDEST_DAY):
        return "bad_time"
    if clock is not None and is_future_load(event.loaded_at, clock):
        return "future_load"
    if is_future(event):
        return "future_time"
    try:
        event.payload = parse_payload(event.payload_text)
    except ValueError:
        return "invalid_json"
    schema = schemas.get((event.source, event.event_type), [])
    if event.event_type is None or (event.source != "product" and not schema):
        return "unknown_type"
    for row in schema:
        instead = row["unless_key"] and not is_blank(event.payload.get(row["unless_key"]))
        if is_true(row["is_required"]) and is_blank(event.payload.get(row["payload_key"])) and not instead:
            return "missing_key"
    for row in schema:
        value = event.payload.get(row["payload_key"])
        is_score = event.source == "survey" and row["payload_key"] == "score"
        scale = scales.get(event.payload.get("kind")) if is_score else None
        if not is_blank(value) and not fits(value, row, currencies, scale):
            return "mistyped_key"
    return None


# ---------------------------------------------------------------------------------------------------------------------
# Section 2: identity
# ---------------------------------------------------------------------------------------------------------------------

def merge_outcomes(clear_events, known):
    """{event: outcome} of every merge, and {account_id: account it is merged into}; section 2.

    clear_events: rows that passed reasons 1-8. known: set of account ids.
    """
    outcomes, last = {}, {}
    merges = [e for e in clear_events if (e.source, e.event_type) == ("crm", "account_merged")]
    for event in sorted(merges, key=lambda e: e.business):
        target = as_text(event.get("into_account_id"))
        if event.account_id == target:
            outcomes[event] = "itself"
        elif event.account_id not in known or target not in known:
            outcomes[event] = "unknown_account"
        else:
            if event.account_id in last:
                outcomes[last[event.account_id]] = "superseded"
            last[event.account_id] = event
    into = {account_id: as_text(event.get("into_account_id")) for account_id, event in last.items()}
    for circle in circles(into):
        if len(circle) <= LONGEST_CHAIN:
            latest = max((last[account_id] for account_id in circle), key=lambda e: e.business)
            survivor = into[latest.account_id]
            outcomes[last[survivor]] = "reversed"
            del into[survivor]
    return outcomes, last, into


def circles(into):
    """The circles of a graph of one arrow per node, each as a list of its nodes. into: {node: next node}."""
    found, done = [], set()
    for start in sorted(into):
        path = []
        while start in into and start not in done:
            done.add(start)
            path.append(start)
            start = into[start]
        if start in path:
            found.append(path[path.index(start):])
    return found


def canonical_accounts(clear_events):
    """({known account_id: surviving account_id}, {merge event: outcome}) from the rows that passed reasons 1-8."""
    known = {e.account_id for e in clear_events
             if e.source == "crm" and e.event_type == "account_created" and e.account_id is not None}
    outcomes, last, into = merge_outcomes(clear_events, known)
    survivors = {}
    for account_id in known:
        end, steps = account_id, 0
        while end in into and steps <= LONGEST_CHAIN:
            end, steps = into[end], steps + 1
        is_too_long = end in into
        survivors[account_id] = account_id if is_too_long else end
        if account_id in into:
            outcomes[last[account_id]] = "too_long" if is_too_long else "applied"
    return survivors, outcomes


def memberships(clear_events):
    """{user_id: ([moment], [[(account_id, persona)]])}: the user's open links from each moment on, added last first; section 2.

    Moments ascend; of several at one moment the last in business order holds.
    """
    found, links = {}, defaultdict(dict)
    changes = [e for e in clear_events if e.source == "crm" and None not in (e.user_id, e.account_id)
               and e.event_type in ("contact_added", "contact_removed")]
    for event in sorted(changes, key=lambda e: e.business):
        own = links[event.user_id]               # {account as sent: (business order of the last addition, persona)}
        if event.event_type == "contact_added":
            own[event.account_id] = (event.business, as_text(event.get("persona")))
        else:
            own.pop(event.account_id, None)
        moments, accounts = found.setdefault(event.user_id, ([], []))
        moments.append(event.occurred_at)
        added = sorted(own, key=lambda account_id: own[account_id][0], reverse=True)
        accounts.append([(account_id, own[account_id][1]) for account_id in added])
    return found


def open_links(user_id, moment, membership):
    """[(account_id, persona)] of the user at a moment, added last first. membership: from memberships()."""
    if user_id not in membership:
        return []
    moments, links = membership[user_id]
    position = bisect.bisect_right(moments, moment) - 1
    return links[position] if position >= 0 else []


def identifications(clear_events):
    """{anonymous_id: [user_identified Event in business order]} of those that name a user; section 2."""
    found = defaultdict(list)
    for event in sorted(clear_events, key=lambda e: e.business):
        if (event.source, event.event_type) == ("crm", "user_identified") and event.user_id is not None:
            found[as_text(event.get("anonymous_id"))].append(event)
    return found


def resolve_account(event, known_as, membership, survivors):
    """Set the known user, the canonical account and the persona of an event that passed reasons 1-8."""
    event.user, moment = event.user_id, event.occurred_at
    if event.source == "product" and event.user_id in known_as:
        tellers = known_as[event.user_id]
        teller = next((e for e in tellers if e.occurred_at >= event.occurred_at), tellers[-1])
        event.user, moment = teller.user_id, max(moment, teller.occurred_at)
    account_id = event.account_id
    if account_id is None and event.source == "product":
        account_id = next((account_id for account_id, _ in open_links(event.user, moment, membership)), None)
    event.account = survivors.get(account_id)
    event.persona = next((persona for account_id, persona in open_links(event.user, event.occurred_at, membership)
                          if event.account is not None and survivors.get(account_id) == event.account), None)


def name_documents(accepted, seeds, survivors):
    """Set the document of each accepted event that has one; section 1."""
    types = {(row["source"], row["event_type"]): row for row in seeds["event_types"]}
    begun_on = defaultdict(set)              # (source, key, id) -> source accounts that begin it
    with_document = []
    for event in accepted:
        row = types.get((event.source, event.event_type))
        if row is None or not row["document_key"]:
            continue
        kind = (event.source, row["document_key"], as_text(event.get(row["document_key"])))
        with_document.append((event, kind))
        if is_true(row["begins_document"]):
            begun_on[kind].add(event.account_id)
    for event, kind in with_document:
        own = event.account_id
        begun = begun_on[kind]
        family = {a for a in begun if survivors[a] == survivors[own]}
        if own not in begun and len(family) == 1:
            (own,) = family
        elif own not in begun and not family and len(begun) == 1:
            (own,) = begun
        event.document = (kind[0], kind[1], own, kind[2])


def accept_events(events, seeds, known_at, as_of, clock):
    """Sections 1 and 2: split the visible rows into accepted and rejected.

    events: {source: [row]}. clock: as in is_visible. Returns (accepted Events with .account set, rejected Events with
    .reason set, survivors {known account_id: canonical account_id}, {merge event: outcome}).
    """
    schemas = defaultdict(list)
    for row in seeds["event_schemas"]:
        schemas[(row["source"], row["event_type"])].append(row)
    currencies = {row["currency"] for row in seeds["exchange_rates"]}
    scales = {row["kind"]: (Fraction(row["lowest"]), Fraction(row["highest"])) for row in seeds["survey_scales"]}
    ranks = {(row["source"], row["event_type"]): int(row["business_order"]) for row in seeds["event_types"]}

    visible = [e for e in read_events(events) if is_visible(e, known_at, as_of, clock)]
    duplicates = mark_duplicates(visible)
    for event in visible:
        event.rank = ranks.get((event.source, event.event_type), 0)
        event.reason = reject_reason(event, duplicates, schemas, currencies, scales, clock)

    clear = [e for e in visible if e.reason is None]
    survivors, outcomes = canonical_accounts(clear)
    membership, known_as = memberships(clear), identifications(clear)
    for event in clear:
        resolve_account(event, known_as, membership, survivors)
        if event.account is None and (event.source, event.event_type) != ("crm", "user_identified"):
            event.reason = "no_account"
    accepted = sorted((e for e in visible if e.reason is None), key=lambda e: e.order)
    name_documents([e for e in accepted if e.account is not None], seeds, survivors)
    return accepted, [e for e in visible if e.reason is not None], survivors, outcomes


# ---------------------------------------------------------------------------------------------------------------------
# Section 3: subscriptions and accounts
# ---------------------------------------------------------------------------------------------------------------------

@dataclass
class Period:
    """Terms of a subscription on the days starts_on <= d < ends_on (ends_on None: open). arr: reporting currency."""

    account: str
    starts_on: date
    ends_on: date | None
    seats: int | None
    arr: Fraction
    term_end: date | None
    usage_cap: Fraction | None
    variable: Fraction | None

    def covers(self, day):
        """Whether the terms hold on a day."""
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)


@dataclass
class Terms:
    """What a decision on a subscription says from first_on on, with what it omits of the terms before."""

    account: str
    decided_on: date
    first_on: date
    seats: int | None
    arr: Fraction
    term_end: date | None
    usage_cap: Fraction | None
    variable: Fraction | None


@dataclass
class Signed:
    """The last signed terms of a subscription on the days begins <= d < ends (ends None: until now)."""

    account: str
    begins: date
    ends: date | None
    arr: Fraction
    term_end: date | None


def read_decisions(events, rates):
    """[(day of the decision, Terms or None where it cancels, first day)] of one subscription, in business order."""
    found, kept = [], {}
    for event in sorted(events, key=lambda e: e.business):
        day = day_of(event.occurred_at)
        first_on = as_date(event.get("effective_on")) or day
        if event.event_type == "subscription_cancelled":
            found.append((day, None, first_on))
            continue
        if event.event_type == "subscription_started":
            kept = {}
        if event.event_type == "subscription_renewed":
            kept.pop("term_end", None)
        said = {"seats": as_integer(event.get("seats")), "usage_cap": as_number(event.get("usage_cap")),
                "term_end": as_date(event.get("term_end")), "variable_mrr": as_number(event.get("variable_mrr"))}
        if said["term_end"] is not None and said["term_end"] < first_on:
            del said["term_end"]
        kept = kept | {key: value for key, value in said.items() if value is not None}
        arr, variable = (None if mrr is None else round_half_up(mrr * 12 * rates[event.get("currency")], 2)
                         for mrr in (as_number(event.get("mrr")), kept.get("variable_mrr")))
        terms = Terms(event.account, day, first_on, kept.get("seats"), arr, kept.get("term_end"), kept.get("usage_cap"),
                      variable)
        found.append((day, terms, first_on))
    return found


def timeline(decisions):
    """[(first day, Terms or None, day of the decision)] in order of days, as these decisions leave it; section 3."""
    entries = []
    for day, terms, first_on in decisions:
        if terms is None:
            entries = [entry for entry in entries
                       if entry[0] < first_on and (entry[1] is not None or entry[0] <= day)]
        else:
            entries = [entry for entry in entries
                       if entry[0] != first_on and (entry[1] is not None or entry[0] < first_on)]
        entries = sorted([*entries, (first_on, terms, day)], key=lambda entry: entry[0])
    return entries


def lapse_of(stretches, following, grace, as_of):
    """First day without a term that nobody renewed, None where it goes on; section 3. Parameters as whole_terms gives."""
    (terms, begins, _), (*_, until) = stretches[0], stretches[-1]
    if grace is None or terms.term_end is None or terms.term_end < begins:
        return None
    known_on = terms.term_end + timedelta(days=grace) + ONE_DAY       # the first day after the grace
    if as_of < known_on or (until is not None and until <= known_on):
        return None
    if following is not None and following[1] is None and following[2] < known_on:
        return None
    return terms.term_end + ONE_DAY


def whole_terms(decisions):
    """[([(Terms, first day, first day after or None)], entry after them or None)]: neighbours of one term_end are a term."""
    entries = timeline(decisions)
    found, before = [], None
    for number, (day, terms, _) in enumerate(entries):
        following = entries[number + 1] if number + 1 < len(entries) else None
        if terms is not None:
            if before is None or before.term_end is None or before.term_end != terms.term_end:
                found.append([])
            found[-1].append((terms, day, following))
        before = terms
    return [([(terms, day, following and following[0]) for terms, day, following in rows], rows[-1][2]) for rows in found]


def held_terms(decisions, grace, as_of):
    """([(Terms, first day, first day after or None)], {id of Terms: lapsed on}) of one subscription, lapses applied."""
    held, lapses = [], {}
    for stretches, following in whole_terms(decisions):
        lapsed_on = lapse_of(stretches, following, grace, as_of)
        for terms, day, until in stretches:
            if lapsed_on is not None:
                lapses[id(terms)] = lapsed_on
                until = min(until or lapsed_on, lapsed_on)
            if until is None or day < until:
                held.append((terms, day, until))
    return held, lapses


def build_renewals(accepted, accounts, seeds, as_of):
    """A row per term of an in-scope account that began and has an end; section 4, renewals."""
    segments = {account.account_id: account.segment for account in accounts}
    found = []
    for document, events in subscription_events(accepted).items():
        decisions = read_decisions(events, exchange_rates(seeds))
        for stretches, following in whole_terms(decisions):
            (_, begins, _), (last, _, until) = stretches[0], stretches[-1]
            end = last.term_end
            if end is None or end < begins or begins > as_of or last.account not in segments:
                continue
            lapsed_on = lapse_of(stretches, following, grace_of(seeds), as_of)
            successor = following and following[1]
            next_end = successor and successor.term_end
            if lapsed_on is None and next_end is not None and until <= next_end < end:
                continue
            if lapsed_on is not None:
                outcome = "lapsed"
            elif following is None:
                outcome = "open"
            elif successor is None:
                outcome = "churned" if until <= as_of else "notice_given"
            else:
                outcome = ("renewed_early" if successor.decided_on < end
                           else "renewed_on_time" if successor.decided_on <= end + ONE_DAY else "renewed_late")
            is_renewed = outcome.startswith("renewed")
            repricing = None
            due = [terms for terms, day, _ in stretches if day <= end][-1].arr
            if is_renewed:
                repricing = "up" if successor.arr > due else "down" if successor.arr < due else "flat"
            owner = document[2].replace("%", "%25").replace("/", "%2F")
            found.append({
                "renewal_key": f"{owner}/{document[1]}/{document[3]}|{begins}", "account_id": last.account,
                "segment": segments[last.account], "term_starts_on": begins, "term_ends_on": end, "outcome": outcome,
                "arr_up_for_renewal": due, "renewed_on": successor.decided_on if is_renewed else None,
                "renewed_from": until if is_renewed else None, "renewed_arr": successor.arr if is_renewed else None,
                "repricing": repricing,
                "ends_on": lapsed_on or (until if outcome in ("churned", "notice_given") else None)})
    return found


def exchange_rates(seeds):
    """{currency: rate to the reporting currency}."""
    return {row["currency"]: Fraction(row["rate_to_reporting_currency"]) for row in seeds["exchange_rates"]}


def grace_of(seeds):
    """The days of grace, None where terms renew by themselves."""
    (settings,) = seeds["billing_settings"]
    return int(settings["lapse_grace_days"]) if settings["lapse_grace_days"] else None


def subscription_events(accepted):
    """{document: events} of the decisions on subscriptions."""
    found = defaultdict(list)
    for event in accepted:
        if event.event_type in (*SUBSCRIPTION_STARTS, "subscription_cancelled") and event.source == "billing":
            found[event.document].append(event)
    return found


def subscriptions(accepted, seeds, as_of):
    """([Period], [Signed]) of all subscriptions; section 3."""
    rates, grace = exchange_rates(seeds), grace_of(seeds)

    def period(terms, starts_on, ends_on):
        return Period(terms.account, starts_on, ends_on, terms.seats, terms.arr, terms.term_end, terms.usage_cap,
                      terms.variable)

    found, signed = [], []
    for events in subscription_events(accepted).values():
        decisions = read_decisions(events, rates)
        held, lapses = held_terms(decisions, grace, as_of)
        found += [period(*row) for row in held]
        starts = [terms for _, terms, _ in decisions if terms is not None]
        if not held and starts:
            found.append(period(starts[0], starts[0].first_on, starts[0].first_on))
        decided = [day for day, *_ in decisions]
        for number, (day, until) in enumerate(zip(decided, [*decided[1:], None]), 1):  # noqa: B905
            last = timeline(decisions[:number])[-1][1]
            if last is None or until == day:
                continue
            lapsed_on = lapses.get(id(last))
            if lapsed_on is not None:
                until = min(until or lapsed_on, lapsed_on)
            if until is None or day < until:
                signed.append(Signed(last.account, day, until, last.arr, last.term_end))
    return found, signed


def ends_by_kind(accepted, seeds, as_of):
    """{account: {day on which cancellations end terms of it: whether all of them are of the kind completed}}."""
    kinds = {row["reason"]: row["churn_kind"] for row in seeds["cancellation_reasons"]}
    found = defaultdict(dict)
    for events in subscription_events(accepted).values():
        decisions = read_decisions(events, exchange_rates(seeds))
        reasons = {(first_on, day): kinds.get((as_text(event.get("reason")) or "").strip().lower())
                   for event, (day, terms, first_on) in zip(sorted(events, key=lambda e: e.business), decisions, strict=True)
                   if terms is None}
        for stretches, following in whole_terms(decisions):
            if following is None or following[1] is not None or lapse_of(stretches, following, grace_of(seeds), as_of):
                continue
            ends, day = found[stretches[-1][0].account], following[0]
            ends[day] = ends.get(day, True) and reasons[day, following[2]] == "completed"
    return found


def completions_of(states, ends):
    """[(first day, first day with terms again or None)] of the times that an account had completed; section 3."""
    return [(day, min((s.starts_on for s in states if s.starts_on > day and s.ends_on != s.starts_on), default=None))
            for day, is_completed in sorted(ends.items())
            if is_completed and any(s.ends_on == day for s in states) and not any(s.covers(day) for s in states)]


def total_seats(states, day):
    """Sum of the non-null seats of the terms that hold on a day; None when none name seats."""
    seats = [s.seats for s in states if s.covers(day) and s.seats is not None]
    return sum(seats) if seats else None


def seats_on(states, day):
    """The signal 'seats' of a day (section 4, billing): None before the first period, 0 when no terms hold."""
    if not states or day < min(s.starts_on for s in states):
        return None
    if not any(s.covers(day) for s in states):
        return 0
    return total_seats(states, day)


def segment_of(states, seeds):
    """Size class of an account by its first subscribed day (section 3). states: the account's own periods."""
    seats, arr = 0, Fraction(0)
    days = [s.starts_on for s in states if s.ends_on != s.starts_on]
    if days:
        day = min(days)
        seats = total_seats(states, day) or 0
        arr = sum((s.arr for s in states if s.covers(day)), Fraction(0))
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
    """An in-scope account: attributes, its events (in event order) and its periods of subscriptions."""

    account_id: str
    segment: str
    product_category: str
    country: str | None
    started_at: datetime
    started_on: date
    churned_on: date | None
    ended_on: date
    first_seats_on: date | None
    events: list
    states: list
    signed: list
    timezone: str | None
    completions: list

    def has_completed(self, day):
        """Whether it has no terms on a day as it completed."""
        return any(begins <= day and (ends is None or day < ends) for begins, ends in self.completions)

    def spine(self):
        """Every day from started_on to ended_on."""
        return [self.started_on + timedelta(days=n) for n in range((self.ended_on - self.started_on).days + 1)]

    def counting_day(self, event):
        """The day on which an event counts for milestones: what was set up before the first day counts on it."""
        return max(day_of(event.occurred_at), self.started_on)


def attribute(account_id, events, key):
    """Last non-null payload value of a key over account_created/account_updated of that very account_id."""
    last = None
    for event in sorted(events, key=lambda e: e.order):
        if (event.source == "crm" and event.event_type in ("account_created", "account_updated")
                and event.account_id == account_id and event.get(key) is not None):
            last = event.get(key)
    return last


def is_left_out(event, seeds):
    """Sections 3 and 4: whether a product event is of an excluded user or lies on an excluded day."""
    if event.source == "product" and event.user in {row["user_id"] for row in seeds["excluded_users"]}:
        return True
    return event.source == "product" and any(
        row["event_type"] in (event.event_type, "any")
        and date.fromisoformat(row["excluded_from"]) <= day_of(event.occurred_at)
        <= date.fromisoformat(row["excluded_to"])
        for row in seeds["excluded_days"])


def build_accounts(accepted, survivors, seeds, as_of):
    """Section 3: the in-scope accounts, sorted by id. accepted: Events; survivors: {account_id: canonical}."""
    states_by_account, signed_by_account = defaultdict(list), defaultdict(list)
    ends_by_account = ends_by_kind(accepted, seeds, as_of)
    found, signed = subscriptions(accepted, seeds, as_of)
    for state in found:
        states_by_account[state.account].append(state)
    for terms in signed:
        signed_by_account[terms.account].append(terms)
    events_by_account = defaultdict(list)
    for event in accepted:
        if not is_left_out(event, seeds):
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
        by_preference = defaultdict(list)
        for row in seeds["onboarding_starts"]:
            source = next(known["source"] for known in seeds["event_types"] if known["event_type"] == row["event_type"])
            by_preference[int(row["preference"])] += moments((source, row["event_type"]))
        started_at = min(next(found for _, found in sorted(by_preference.items()) if found))
        active = [s for s in states if s.starts_on <= as_of]
        churned_on = None
        if active and not any(s.covers(as_of) for s in active):
            churned_on = max(s.ends_on for s in active)
        account = Account(account_id, segment_of(states, seeds), category,
                          as_text(attribute(account_id, events, "country")), started_at, day_of(started_at), churned_on,
                          max(day_of(started_at), churned_on or as_of), None, events, states,
                          signed_by_account[account_id],
                          as_text(attribute(account_id, events, "timezone")),
                          completions_of(states, ends_by_account[account_id]))
        account.first_seats_on = next((d for d in account.spine() if (seats_on(states, d) or 0) > 0), None)
        accounts.append(account)
    return accounts


# ---------------------------------------------------------------------------------------------------------------------
# Section 4: signals
# ---------------------------------------------------------------------------------------------------------------------

@dataclass
class Stretch:
    """Days on which a subject is observed: from ``begins`` to ``ends`` (None: open, up to as_of)."""

    begins: date
    ends: date | None

    def covers(self, day):
        """Whether a day up to as_of lies in the stretch."""
        return self.begins <= day and (self.ends is None or day <= self.ends)


class Coverage:
    """What each stream covers (section 3b).

    clear_events: rows that passed reasons 1-8, with .account where it is known. known_at, as_of: of the build.
    """

    def __init__(self, clear_events, seeds, known_at, as_of):
        self.as_of, self.known_at = as_of, known_at
        self.by_source = defaultdict(list)
        for event in clear_events:
            self.by_source[event.source].append(event)
        self.rules = {(row["source"], row["subject"]): row for row in seeds["coverage_rules"]}
        self.roles = {row["event_type"]: row["role"] for row in seeds["tracking_plan"]}
        self.plan = {row["event_type"]: row for row in seeds["tracking_plan"]}
        self.observed_by = {row["signal"]: [self.subject_of(text) for text in row["observed_by"].split(";") if text]
                            for row in seeds["signals"]}
        self.window_days = {row["signal"]: int(row["window_days"]) for row in seeds["signals"] if row["window_days"]}
        self.sources_of_types = {row["event_type"]: row["source"] for row in seeds["event_types"]}
        self.over = min(day_of(known_at + ONE_SECOND) - ONE_DAY, as_of)
        self.found, self.met = {}, {}

    @staticmethod
    def subject_of(text):
        """(source, subject) of a text of signals.observed_by."""
        source, _, subject = text.strip().partition(" ")
        return source, subject or "any"

    def rule(self, source, subject):
        """The coverage_rules row of a subject, else that of 'any' of its source."""
        return self.rules.get((source, subject), self.rules[(source, "any")])

    def events_of(self, source, subject):
        """The accepted events of a subject."""
        events = self.by_source[source]
        if subject == "any":
            return events
        if subject == "users":
            return [e for e in events if e.user_id is not None]
        if subject.startswith("role:"):
            return [e for e in events if self.roles.get(e.event_type) == subject[len("role:"):]]
        return [e for e in events if e.event_type == subject]

    def quiet(self, days):
        """Quiet days between neighbours of a sorted list of days."""
        return [(after - before).days - 1 for before, after in zip(days, days[1:])]  # noqa: B905

    def own_stretches(self, source, subject):
        """The stretches that count of a subject by its own events alone."""
        rule = self.rule(source, subject)
        days = sorted({day_of(e.occurred_at) for e in self.events_of(source, subject)})
        if not days:
            return []
        if not rule["silent_after_days"]:
            return [Stretch(days[0], None)]
        limit = Fraction(rule["sparse_after_days"])
        if len(days) >= int(rule["min_days"]):
            limit = max(Fraction(rule["silent_after_days"]),
                        Fraction(rule["silent_after_gaps"]) * middle(self.quiet(days)))
        parts = [[days[0]]]
        for before, after in zip(days, days[1:]):  # noqa: B905
            if (after - before).days - 1 > limit:
                parts.append([])
            parts[-1].append(after)
        most = max(len(part) for part in parts)
        needed = max(Fraction(rule["min_stretch_days"]),
                     min(Fraction(rule["silent_after_days"]), Fraction(rule["min_stretch_share"]) * most))
        counting = [part for part in parts if len(part) >= needed]
        if not counting:
            counting = [[part for part in parts if len(part) == most][-1]]
        found = []
        for part in counting:
            is_open = part is parts[-1] and (self.over - part[-1]).days <= limit
            found.append(Stretch(part[0], None if is_open else part[-1]))
        return found

    def stretches(self, source, subject):
        """The stretches of a subject, in order: begun early where few could have been first, cut to those of 'any'."""
        if (source, subject) in self.found:
            return self.found[(source, subject)]
        own = self.own_stretches(source, subject)
        if subject != "any":
            of_stream = self.stretches(source, "any")
            if of_stream:
                first = own[0].begins if own else date.max
                before = [e for e in self.by_source[source] if day_of(e.occurred_at) < first]
                rule = self.rule(source, subject)
                accounts = {e.account for e in before if e.account is not None}
                if len(accounts) < int(rule["never_seen_accounts"]) or len(before) < int(rule["never_seen_events"]):
                    if own:
                        own[0] = Stretch(min(of_stream[0].begins, first), own[0].ends)
                    else:
                        own = [Stretch(of_stream[0].begins, None)]
            own = meet([own, of_stream])
        self.found[(source, subject)] = own
        return own

    def heard_until(self, source):
        """Until when a stream was heard: known_at, or its last load where a regular loader is late."""
        loads = [e.loaded_at for e in self.by_source[source]]
        if not loads:
            return self.known_at
        days = sorted({day_of(moment) for moment in loads})
        is_irregular = len(days) < int(self.rule(source, "any")["min_days"]) or middle(self.quiet(days)) > 0
        if is_irregular or max(days) >= day_of(self.known_at + ONE_SECOND):
            return self.known_at
        return max(loads)

    def complete_through(self, source):
        """The last day of a stream that is over and heard."""
        is_never_silent = not self.rule(source, "any")["silent_after_days"]
        if is_never_silent or all(stretch.ends is not None for stretch in self.stretches(source, "any")):
            return self.over
        return min(self.over, day_of(self.heard_until(source) + ONE_SECOND) - ONE_DAY)

    def of_all(self, subjects):
        """The stretches on which all of several subjects are observed; None where there are no subjects."""
        if not subjects:
            return None
        subjects = tuple(sorted(set(subjects)))
        if subjects not in self.met:
            self.met[subjects] = meet([self.stretches(*subject) for subject in subjects])
        return self.met[subjects]

    def since(self, subjects, day):
        """First day of the stretch of all subjects that holds a day; None where it is not observed."""
        for stretch in self.of_all(subjects):
            if stretch.covers(day):
                return stretch.begins
        return None

    def criterion_subjects(self, row):
        """The subjects of a milestone criterion (section 5, Observable)."""
        if row["measure"] == "signal":
            return self.observed_by[row["subject"]]
        return [(self.sources_of_types.get(row["subject"], "product"), row["subject"])]


def meet(lists):
    """The stretches of days that lie in a stretch of each list."""
    met = lists[0]
    for others in lists[1:]:
        found = []
        for one in met:
            for other in others:
                begins = max(one.begins, other.begins)
                ends = min((day for day in (one.ends, other.ends) if day is not None), default=None)
                if ends is None or begins <= ends:
                    found.append(Stretch(begins, ends))
        met = sorted(found, key=lambda s: s.begins)
    return met


def is_observed(signal, day, account, coverage):
    """Whether a usage or support signal may be said on a day (section 4, Coverage)."""
    subjects = coverage.observed_by[signal]
    if not subjects:
        return True
    since = coverage.since(subjects, day)
    if since is None:
        return False
    if signal in ("session_change_7d", "sessions_baseline_share_7d", "usage_growth_28d", "retained_users_30d",
                  "dormant_users_30d"):
        return since <= day - timedelta(days=coverage.window_days[signal] - 1)
    if signal in ("guided_task_share", "configuration_maturity", "new_users_30d", "returning_users_30d"):
        return all(coverage.stretches(*subject)[0].begins <= account.started_on for subject in subjects)
    return True


def in_window(day, end, length):
    """Whether a day lies in the window of ``length`` days that ends on ``end``."""
    return end - timedelta(days=length) < day <= end


COUNTS = ("events_7d", "events_30d", "logins_7d", "logins_30d", "sessions_7d", "sessions_30d",
          "active_users_1d", "active_users_7d", "active_users_30d", "active_days_7d", "active_days_30d",
          "core_events_7d", "value_events_30d", "metered_events_30d", "features_used_30d", "modules_used_30d")


def usage_signals(account, seeds, coverage):
    """{day: {signal: value}} of the product signals, null where they are not observed (sections 3b and 4)."""
    measured = measured_usage(account, seeds)
    last_day = coverage.complete_through("product")
    signals = {}
    for d in account.spine():
        s = signals[d] = dict(measured[d])
        if d > last_day:
            finished = measured.get(last_day, dict.fromkeys(s))
            for name in s:
                on_last_day = finished[name] if is_observed(name, last_day, account, coverage) else None
                s[name] = on_last_day
                if name in COUNTS:
                    values = [value for value in (on_last_day, measured[d][name]) if value is not None]
                    s[name] = max(values, default=None)
        for name in s:
            if not is_observed(name, d, account, coverage):
                s[name] = None
        seats = seats_on(account.states, d)
        s["seats_used_share_30d"] = s["idle_seats_30d"] = s["users_beyond_seats_30d"] = None
        if None not in (s["active_users_30d"], seats):
            in_use = min(s["active_users_30d"], seats)
            s["seats_used_share_30d"] = ratio(in_use, seats)
            s["idle_seats_30d"], s["users_beyond_seats_30d"] = seats - in_use, s["active_users_30d"] - in_use
    return signals


def seat_signals(account, usage, coverage):
    """{day: {signal: value}} of the signals of assigned seats. usage: of usage_signals."""
    told = sorted((e for e in account.events if e.source == "crm" and e.user is not None
                   and e.event_type in ("seat_assigned", "seat_released")), key=lambda e: e.business)
    first_on = min((day_of(e.occurred_at) for e in told if e.event_type == "seat_assigned"), default=None)
    active_days = usage_days_of_users(account, coverage.plan)

    def holders(day):
        last = {e.user: e.event_type for e in told if day_of(e.occurred_at) <= day}
        return {user for user, event_type in last.items() if event_type == "seat_assigned"}

    signals = {}
    for d in account.spine():
        s = signals[d] = dict.fromkeys(("assigned_seats", "assigned_seats_share", "idle_assigned_seats_30d",
                                        "replaced_seats_30d"))
        if first_on is None or d < first_on:
            continue
        now, before = holders(d), holders(d - timedelta(days=30))
        s["assigned_seats"] = len(now)
        s["assigned_seats_share"] = ratio(len(now), seats_on(account.states, d))
        if usage[d]["active_users_30d"] is not None:
            since = min(d, coverage.complete_through("product")) - timedelta(days=29)
            s["idle_assigned_seats_30d"] = sum(not any(since <= day <= d for day in active_days[user]) for user in now)
        if d - timedelta(days=30) >= first_on:
            s["replaced_seats_30d"] = min(len(before - now), len(now - before))
    return signals


def usage_days_of_users(account, plan):
    """{user: days with an active event} since the start. plan: the tracking_plan rows by event type."""
    days = defaultdict(set)
    for event in account.events:
        if event.source == "product" and event.user is not None and day_of(event.occurred_at) >= account.started_on \
                and (event.event_type not in plan or is_true(plan[event.event_type]["is_active"])):
            days[event.user].add(day_of(event.occurred_at))
    return days


def measured_usage(account, seeds):
    """{day: {signal: value}} of the product signals, whatever the stream covers."""
    plan = {row["event_type"]: row for row in seeds["tracking_plan"]}
    planned_as = account.product_category
    if all(row["product_category"] != planned_as for row in plan.values()):
        planned_as = DEFAULT_CATEGORY
    offered = [row for row in plan.values() if row["product_category"] in ("any", planned_as)]
    offered_types = {row["event_type"] for row in offered}
    of_role = {role: {row["event_type"] for row in offered if row["role"] == role}
               for role in ("guided_task", "configuration")}
    deep_use_days = {row["feature"]: int(row["deep_use_days"]) for row in offered
                     if row["feature"] and row["deep_use_days"]}
    gap = timedelta(minutes=int(seeds["usage_settings"][0]["session_gap_minutes"]))
    holidays = {date.fromisoformat(row["holiday_on"]) for row in seeds["holidays"]
                if account.country is not None and row["country"] == account.country}

    def column(event, name):
        return plan[event.event_type][name] if event.event_type in plan else ""

    def is_active(event):
        return event.event_type not in plan or is_true(column(event, "is_active"))

    by_day = defaultdict(list)
    for event in account.events:
        if event.source == "product" and day_of(event.occurred_at) >= account.started_on:
            by_day[day_of(event.occurred_at)].append(event)
    active_by_day = {day: [e for e in events if is_active(e)] for day, events in by_day.items()}

    moments = defaultdict(list)     # user -> the times of the active events
    for events in active_by_day.values():
        for event in events:
            if event.user is not None:
                moments[event.user].append(event.occurred_at)
    starts_by_day = Counter()
    for times in moments.values():
        times.sort()
        for before, now in zip([None, *times], times, strict=False):
            if before is None or now - before > gap:
                starts_by_day[day_of(now)] += 1
    first_active = {user: day_of(min(times)) for user, times in moments.items()}

    def days(end, length):
        return [end - timedelta(days=n) for n in range(length)]

    def window(end, length, events_by_day=by_day):
        return [e for day in days(end, length) for e in events_by_day.get(day, [])]

    def users(events):
        return {e.user for e in events if e.user is not None}

    def observed_users(events):
        return None if events and not users(events) else len(users(events))

    def with_role(events, name):
        return sum(column(e, "role") == name for e in events)

    def used(events, name):
        return {column(e, name) for e in events if e.event_type in offered_types} - {""}

    def change(now, before):
        quotient = ratio(now, before)
        return None if quotient is None else quotient - 1

    def alike(one, other):
        return one not in holidays and other not in holidays

    def compared(end, length, values):
        """The sums of a window and of the window before it, over the days of which neither is a holiday."""
        pairs = [(day, day - timedelta(days=length)) for day in days(end, length)]
        pairs = [pair for pair in pairs if alike(*pair)]
        return sum(values(day) for day, _ in pairs), sum(values(before) for _, before in pairs)

    def share_of_usual(end):
        now, usual = 0, Fraction(0)
        for day in days(end, 7):
            others = [day - timedelta(days=n) for n in (7, 14, 21)]
            others = [other for other in others if alike(day, other)]
            if others:
                now += starts_by_day[day]
                usual += Fraction(sum(starts_by_day[other] for other in others), len(others))
        return ratio(now, usual)

    def active_events(day):
        return len(active_by_day.get(day, []))

    signals = {}
    types_done = set()
    for d in account.spine():
        last_7, last_30 = window(d, 7), window(d, 30)
        active_7, active_30 = window(d, 7, active_by_day), window(d, 30, active_by_day)
        month, month_before = users(active_30), users(window(d - timedelta(days=30), 30, active_by_day))
        types_done |= {e.event_type for e in by_day.get(d, [])} & offered_types
        window_days = [i for i in days(d, 30) if i >= account.started_on]
        s = signals[d] = {}
        s["events_7d"], s["events_30d"] = len(last_7), len(last_30)
        s["logins_7d"], s["logins_30d"] = with_role(last_7, "login"), with_role(last_30, "login")
        s["sessions_7d"], s["sessions_30d"] = (sum(starts_by_day[i] for i in days(d, n)) for n in (7, 30))
        s["active_users_1d"] = observed_users(active_by_day.get(d, []))
        s["active_users_7d"] = observed_users(active_7)
        s["active_users_30d"] = observed_users(active_30)
        s["dau_mau_30d"] = s["wau_mau_30d"] = s["active_users_30d"]     # null or 0 where nobody was active
        if s["active_users_30d"]:
            daily = sum(len(users(active_by_day.get(i, []))) for i in window_days)
            s["dau_mau_30d"] = ratio(daily, len(window_days) * len(month))
            s["wau_mau_30d"] = ratio(len(users(active_7)), len(month))
        s["new_users_30d"] = sum(in_window(day, d, 30) for day in first_active.values())
        s["retained_users_30d"] = len(month & month_before)
        s["returning_users_30d"] = sum(first_active[u] <= d - timedelta(days=30) for u in month - month_before)
        s["dormant_users_30d"] = len(month_before - month)
        s["active_days_7d"], s["active_days_30d"] = (sum(active_events(i) > 0 for i in days(d, n)) for n in (7, 30))
        s["sessions_per_active_user_7d"] = ratio(s["sessions_7d"], s["active_users_7d"])
        s["session_change_7d"] = s["sessions_baseline_share_7d"] = s["usage_growth_28d"] = None
        if d - timedelta(days=27) >= account.started_on:
            s["sessions_baseline_share_7d"] = share_of_usual(d)
        if d - timedelta(days=13) >= account.started_on:
            s["session_change_7d"] = change(*compared(d, 7, lambda day: starts_by_day[day]))
        if d - timedelta(days=55) >= account.started_on:
            s["usage_growth_28d"] = change(*compared(d, 28, active_events))
        s["core_events_7d"] = with_role(last_7, "core")
        s["value_events_30d"] = with_role(last_30, "value")
        s["metered_events_30d"] = sum(is_true(column(e, "is_metered")) for e in last_30)
        s["features_used_30d"], s["modules_used_30d"] = len(used(last_30, "feature")), len(used(last_30, "module"))
        s["module_coverage_30d"] = ratio(s["modules_used_30d"], len({row["module"] for row in offered} - {""}))
        days_of_features = Counter(feature for i in days(d, 30) for feature in used(by_day.get(i, []), "feature"))
        deep = [feature for feature, least in deep_use_days.items() if days_of_features[feature] >= least]
        s["depth_score_30d"] = ratio(10 * len(deep), len(deep_use_days))
        calls = [column(e, "call_result") for e in last_7]
        s["error_rate_7d"] = ratio(calls.count("failed"), calls.count("failed") + calls.count("succeeded"))
        s["api_calls_per_day_7d"] = ratio(with_role(last_7, "api_call"), 7)
        s["session_depth_30d"] = ratio(sum(e.user is not None for e in active_30), s["sessions_30d"])
        for signal, role in (("guided_task_share", "guided_task"), ("configuration_maturity", "configuration")):
            s[signal] = ratio(len(types_done & of_role[role]), len(of_role[role]))
    return signals


@dataclass
class Ticket:
    """One ticket as it counts (section 4, support). ``steps``: [(moment, is open, is our turn)] after each event.

    clock: per event the latest time so far. resolutions: per event whether its priority's resolution
    target was missed before, and when it is missed between it and the next; None where there is none.
    """

    account: str
    begins_at: datetime
    is_created: bool
    is_expansion_request: bool
    is_agents: bool
    events: list
    steps: list
    clock: list
    first_reply_at: datetime | None
    due_at: datetime | None
    breach_at: datetime | None
    has_target: bool = False
    resolutions: list = field(default_factory=list)

    def state(self, moment):
        """(is open, is our turn) after the last event up to a moment; (False, False) before the first."""
        until_now = [step for step in self.steps if step[0] <= moment]
        return until_now[-1][1:] if until_now else (False, False)

    def stretches(self):
        """[Spell] in which the ticket was open or not, in order."""
        found, waited, answers = [], timedelta(0), 0
        for n, event in enumerate(self.events):
            if n and self.steps[n - 1][1] and self.steps[n - 1][2]:
                waited += self.clock[n] - self.clock[n - 1]
            answers += agent_reply(event)
            is_open = self.steps[n][1]
            if not found or found[-1].is_open != is_open:
                if found:
                    found[-1].ends_on = day_of(self.clock[n])
                found.append(Spell(is_open, day_of(self.clock[n]), None, answers,
                                   hours(self.clock[n] - self.clock[0]), hours(waited),
                                   bool(self.resolutions) and self.resolutions[n] is not None
                                   and not self.resolutions[n][0]))
        return found


@dataclass
class Spell:
    """A stretch of a ticket's life: ends_on is the day of the event that ends it, None while it lasts."""

    is_open: bool
    starts_on: date
    ends_on: date | None
    answers: int
    hours: Fraction
    waited: Fraction
    is_in_time: bool

    def holds(self, day):
        """Whether the ticket is in it at the end of a day."""
        return self.starts_on <= day and (self.ends_on is None or day < self.ends_on)


def hours(span):
    """Hours of a timedelta, 6 places."""
    return ratio(span // timedelta(microseconds=1), 3_600_000_000)


class BusinessHours:
    """The business hours of an account: those of its country, by its own clock (section 4, support)."""

    def __init__(self, account, seeds):
        countries = {row["country"] for row in seeds["business_hours"]} | {row["country"] for row in seeds["holidays"]}
        calendar = account.country if account.country in countries else "any"
        rows = [row for row in seeds["business_hours"] if row["country"] == calendar] or [
            row for row in seeds["business_hours"] if row["country"] == "any"]
        self.open = {int(row["weekday"]): tuple(timedelta(minutes=int(60 * Fraction(row[key])))
                                                for key in ("opens_hour", "closes_hour")) for row in rows}
        self.holidays = {row["holiday_on"] for row in seeds["holidays"] if row["country"] == calendar}
        known = {row["timezone"] for row in seeds["timezones"]}
        self.zone = ZoneInfo(account.timezone if account.timezone in known else "UTC")

    def local(self, moment):
        """The wall clock at a UTC moment."""
        return moment.replace(tzinfo=UTC).astimezone(self.zone).replace(tzinfo=None)

    def after(self, first, span):
        """The UTC moment at which so much time of business has run since another."""
        at, day = self.local(first), self.local(first).date()
        while True:
            if day.isoweekday() in self.open and day.isoformat() not in self.holidays:
                opens, closes = (datetime.combine(day, time()) + hour for hour in self.open[day.isoweekday()])
                begins = max(at, opens)
                if begins < closes:
                    if begins + span <= closes:
                        return (begins + span).replace(tzinfo=self.zone).astimezone(UTC).replace(tzinfo=None)
                    span -= closes - begins
            day += ONE_DAY

    def between(self, first, last):
        """The time of business between two UTC moments, a timedelta."""
        first, last, total = self.local(first), self.local(last), timedelta(0)
        day = first.date()
        while day <= last.date():
            if day.isoweekday() in self.open and day.isoformat() not in self.holidays:
                opens, closes = (datetime.combine(day, time()) + at for at in self.open[day.isoweekday()])
                total += max(timedelta(0), min(last, closes) - max(first, opens))
            day += ONE_DAY
        return total


def agent_reply(event):
    """Whether an event is an agent's public reply."""
    return (event.event_type == "ticket_replied" and as_text(event.get("author_role")) == "agent"
            and as_boolean(event.get("is_public")) is True)


def ticket_steps(events):
    """[(moment, is open, is our turn)] after each event of a ticket from its beginning on."""
    steps, is_open, is_ours = [], True, True
    for number, event in enumerate(events):
        kind = event.event_type
        if number == 0 or kind in ("ticket_reopened", "ticket_resumed"):
            is_open = is_ours = True
        if kind == "ticket_on_hold":
            is_open, is_ours = True, as_text(event.get("waiting_for")) != "customer"
        elif kind in ("ticket_solved", "ticket_closed", "ticket_merged", "ticket_deleted"):
            is_open = False
        elif kind == "ticket_replied" and as_text(event.get("author_role")) == "customer":
            is_ours = True
        elif agent_reply(event):
            is_ours = False
        steps.append((event.occurred_at, is_open, is_ours))
    return steps


def read_ticket(events, business_hours, seeds, heard_until):
    """The Ticket of its events, None where it is none. events: of one document, any order. business_hours: by account."""
    events = sorted(events, key=lambda e: e.business)
    account = events[-1].account
    events = [e for e in events if not (e.event_type == "ticket_merged"
                                        and as_text(e.get("into_ticket_id")) == as_text(e.get("ticket_id")))]
    created = [n for n, e in enumerate(events) if e.event_type == "ticket_created"]
    seen = created or [n for n, e in enumerate(events)
                       if e.event_type in ("ticket_reopened", "ticket_on_hold", "ticket_resumed")]
    gone = [n for n, e in enumerate(events) if e.event_type in ("ticket_merged", "ticket_deleted")
            or (e.event_type == "ticket_closed" and as_text(e.get("close_reason")) == "spam")]
    if not seen or (gone and not any(e.event_type == "ticket_reopened" for e in events[gone[-1]:])):
        return None
    events = events[seen[0]:]
    steps = ticket_steps(events)
    told = [as_boolean(e.get("is_expansion_request")) for e in events
            if e.event_type in ("ticket_created", "ticket_changed") and e.get("is_expansion_request") is not None]
    clock = [max(e.occurred_at for e in events[:n + 1]) for n in range(len(events))]
    is_agents = bool(created) and as_text(events[0].get("created_by")) == "agent"
    ticket = Ticket(account, events[0].occurred_at, bool(created), bool(told and told[-1]), is_agents, events, steps,
                    clock, None, None, None)
    replies = [n for n, e in enumerate(events) if agent_reply(e)]
    if replies and not is_agents:
        ticket.first_reply_at = clock[replies[0]]
    end = replies[0] if replies else None
    if end is None and not steps[-1][1]:
        end = next(n for n in range(len(steps)) if not any(step[1] for step in steps[n:]))
    targets = {row["priority"]: row for row in seeds["sla_targets"]}
    default = next(row["priority"] for row in seeds["sla_targets"] if is_true(row["is_default"]))
    priority, set_at = None, ticket.begins_at
    for event in events[:end]:
        if event.event_type in ("ticket_created", "ticket_changed") and event.get("priority") is not None:
            told_priority = as_text(event.get("priority"))
            if told_priority != (priority or default):
                set_at = event.occurred_at
            priority = told_priority
    target = targets.get(priority or default)
    ticket.has_target = ticket.is_created and not is_agents and target is not None
    if ticket.has_target and account in business_hours:
        ticket.due_at = due_at(ticket, replies[0] if replies else len(events), target, business_hours[account])
        ticket.breach_at = None if ticket.due_at is None else max(ticket.due_at, set_at)
    if ticket.is_created and account in business_hours:
        ticket.resolutions = resolutions(ticket, targets, default, business_hours[account], heard_until)
    return ticket


def resolutions(ticket, targets, default, business, heard_until):
    """Ticket.resolutions: the target of the priority at each event, by what its own clock shows then."""
    found, was_breached, priority = [], False, default
    for n, event in enumerate(ticket.events):
        if event.event_type in ("ticket_created", "ticket_changed") and event.get("priority") is not None:
            priority = as_text(event.get("priority"))
        target = targets.get(priority)
        if target is None or target["resolution_hours"] == "":
            found.append(None)
            continue
        runs = [is_open and (is_ours or not is_true(target["resolution_pauses_on_customer"]))
                for _, is_open, is_ours in ticket.steps]
        is_business = target["clock"] == "business"
        spans = [timedelta(0) if not runs[m] else business.between(first, last) if is_business else last - first
                 for m, (first, last) in enumerate(pairwise(ticket.clock))]
        left = timedelta(hours=int(target["resolution_hours"])) - sum(spans[:n], timedelta(0))
        at = None
        if runs[n] and not was_breached and (n == len(spans) or spans[n] > left):
            at = ticket.clock[n]
            if left > timedelta(0):
                at = business.after(at, left) if is_business else at + left
            at = at if at < heard_until else None
        found.append((was_breached, at))
        was_breached = was_breached or at is not None
    return found


def due_at(ticket, end, target, business):
    """When a target runs out on its clock over the events before a place, None while the clock stands still."""
    left = timedelta(hours=int(target["first_response_hours"]))
    for n in range(end):
        _, is_open, is_ours = ticket.steps[n]
        if is_true(target["pauses_on_customer"]) and is_open and not is_ours:
            continue
        is_business = target["clock"] == "business"
        if n + 1 < end:
            first, last = ticket.clock[n], ticket.clock[n + 1]
            run = business.between(first, last) if is_business else last - first
            if run < left:
                left -= run
                continue
        return business.after(ticket.clock[n], left) if is_business else ticket.clock[n] + left
    return None


def ticket_registry(accepted, accounts, seeds, heard_until):
    """{account_id: [Ticket]} of all tickets; section 4, support."""
    by_document = defaultdict(list)
    for event in accepted:
        if event.source == "support":
            by_document[event.document].append(event)
    found = defaultdict(list)
    business_hours = {account.account_id: BusinessHours(account, seeds) for account in accounts}
    for events in by_document.values():
        ticket = read_ticket(events, business_hours, seeds, heard_until)
        if ticket is not None:
            found[ticket.account].append(ticket)
    return found


def support_signals(account, tickets, coverage, usage, seeds):
    """{day: {signal: value}} of the support signals.

    tickets: the account's, from ticket_registry. usage: from usage_signals.
    """
    tickets = [t for t in tickets if account.started_on <= day_of(t.begins_at) <= account.ended_on]
    created = [t for t in tickets if t.is_created]
    opened = [day_of(t.begins_at) for t in created]
    expansion = [day_of(t.begins_at) for t in created if t.is_expansion_request]

    def days_of(event_type):
        return [day_of(e.occurred_at) for t in created for e in t.events
                if e.event_type == event_type and as_text(e.get("author_role")) != "bot"]

    def tickets_with(event_type, d):
        return sum(any(e.event_type == event_type and in_window(day_of(e.occurred_at), d, 30) for e in t.events) for t in created)

    replies = days_of("ticket_replied")
    heard_until = coverage.heard_until("support")
    business = BusinessHours(account, seeds)
    first_replies = []                       # (day of the first reply, seconds after creation, hours, business hours)
    breaches, in_time = [], []               # the days they count on
    for ticket in created:
        reply_at = ticket.first_reply_at
        if reply_at is not None:
            wait = reply_at - ticket.begins_at
            first_replies.append((day_of(reply_at), Fraction(wait // timedelta(microseconds=1), 10**6), hours(wait),
                                  hours(business.between(ticket.begins_at, reply_at))))
        if not ticket.has_target or (ticket.due_at is None and reply_at is None):
            continue
        if reply_at is not None and (ticket.due_at is None or reply_at <= ticket.due_at):
            in_time.append(day_of(reply_at))
        elif ticket.state(ticket.breach_at)[0] and (reply_at is not None or ticket.breach_at < heard_until):
            breaches.append(day_of(ticket.breach_at))

    n_days = timedelta(days=int(seeds["support_settings"][0]["first_contact_days"]))
    spells = [(t, t.stretches()) for t in tickets]
    contacts = []                            # (day on which it is judged, whether it was solved at first contact)
    for ticket, own in spells:
        first = next((spell for spell in own if not spell.is_open), None)
        if ticket.is_created and not ticket.is_agents and first is not None and first.answers:
            judged_on = first.starts_on + n_days
            contacts.append((judged_on, first.answers == 1 and (first.ends_on is None or first.ends_on > judged_on)))
    solutions = [(n, spell) for n, (ticket, own) in enumerate(spells) if ticket.is_created
                 for spell in own if not spell.is_open]
    missed = [day_of(each[1]) for t in created for each in t.resolutions if each is not None and each[1] is not None]
    escalated = [(day_of(t.begins_at), min((day_of(e.occurred_at) for e in t.events if e.event_type == "ticket_escalated"),
                                          default=date.max)) for t in created]

    signals = {}
    for d in account.spine():
        def count(days, length, d=d):
            return sum(in_window(day, d, length) for day in days)

        s = signals[d] = {}
        end_of_day = day_starts_at(d + ONE_DAY) - timedelta(microseconds=1)
        states = [t.state(end_of_day) for t in tickets]
        s["tickets_opened_30d"] = count(opened, 30)
        s["tickets_open"] = sum(is_open for is_open, _ in states)
        s["tickets_awaiting_us"] = sum(is_open and is_ours for is_open, is_ours in states)
        users = usage[d]["active_users_30d"]
        s["tickets_per_user_30d"] = ratio(s["tickets_opened_30d"], users)
        if users == 0 and s["tickets_opened_30d"]:      # somebody asked
            s["tickets_per_user_30d"] = Fraction(s["tickets_opened_30d"])
        answered = [reply for reply in first_replies if in_window(reply[0], d, 30)]
        s["first_response_hours_30d"] = ratio(sum(reply[1] for reply in answered), 3600 * len(answered))
        s["first_response_median_hours_30d"] = median_6([reply[2] for reply in answered])
        s["first_response_business_hours_30d"] = median_6([reply[3] for reply in answered])
        ages = [(d - day_of(ticket.clock[0])).days for ticket, own in spells
                if any(spell.is_open and spell.holds(d) for spell in own)]
        s["oldest_ticket_days"], s["median_ticket_days"] = max(ages, default=None), median_6(ages)
        solved = [spell for _, spell in solutions if spell.holds(d) and in_window(spell.starts_on, d, 30)]
        s["tickets_solved_30d"] = len(solved)
        s["resolution_median_hours_30d"] = median_6([spell.hours for spell in solved])
        s["wait_median_hours_30d"] = median_6([spell.waited for spell in solved])
        lately = [(n, spell) for n, spell in solutions if in_window(spell.starts_on, d, 90)]
        back = {n for n, spell in lately if spell.ends_on is not None and spell.ends_on <= d}
        s["reopened_ticket_share_90d"] = ratio(len(back), len({n for n, _ in lately}))
        judged = [is_first for day, is_first in contacts if in_window(day, d, 90)]
        s["first_contact_share_90d"] = ratio(sum(judged), len(judged))
        s["escalated_ticket_share_90d"] = ratio(
            sum(in_window(day, d, 90) and at <= d for day, at in escalated), count(opened, 90))
        s["sla_breaches_30d"] = count(breaches, 30)
        breached_90d = count(breaches, 90)
        s["sla_breach_rate_90d"] = ratio(breached_90d, breached_90d + count(in_time, 90))
        s["resolution_breaches_30d"] = count(missed, 30)
        in_time_90d = sum(spell.is_in_time and spell.holds(d) for _, spell in lately)
        s["resolution_breach_rate_90d"] = ratio(count(missed, 90), count(missed, 90) + in_time_90d)
        s["tickets_escalated_30d"] = tickets_with("ticket_escalated", d)
        s["tickets_reopened_30d"] = tickets_with("ticket_reopened", d)
        s["replies_per_ticket_90d"] = ratio(count(replies, 90), count(opened, 90))
        s["expansion_requests_90d"] = count(expansion, 90)
        for name in s:
            if not is_observed(name, d, account, coverage):
                s[name] = None
    return signals


def invoice_registry(accepted):
    """{account_id: [events of one invoice in business order]}; section 4, billing."""
    by_document = defaultdict(list)
    for event in sorted(accepted, key=lambda e: e.business):
        if event.source == "billing" and event.event_type.startswith("invoice_"):
            by_document[event.document].append(event)
    found = defaultdict(list)
    for events in by_document.values():
        issued = [e for e in events if e.event_type == "invoice_issued"]
        if issued:
            found[issued[-1].account].append(events)
    return found


@dataclass
class Bill:
    """An invoice at the end of a day. owed: in its own currency, 0 where nothing is; is_paid: paid to the end."""

    due_on: date
    currency: str
    owed: Fraction
    is_paid: bool


def bill_on(events, day):
    """The Bill that an invoice's events leave at the end of a day, None before it is issued; section 4, billing."""
    past = [e for e in events if day_of(e.occurred_at) <= day]
    issued = [e for e in past if e.event_type == "invoice_issued"]
    if not issued:
        return None

    def total(kind):
        return sum((as_number(e.get("amount")) for e in past if e.event_type == kind), Fraction(0))

    standing = [e for e in past if e.event_type in ("invoice_issued", "invoice_voided", "invoice_written_off")][-1]
    amount, paid = as_number(issued[-1].get("amount")), total("invoice_paid")
    left = amount - paid - total("invoice_credited")
    stands = standing.event_type == "invoice_issued" and amount > 0
    return Bill(as_date(issued[-1].get("due_on")), issued[-1].get("currency"), left if stands and left > 0 else Fraction(0),
                stands and left <= 0 and paid > 0)


def paid_on(events, day):
    """First day of those in a row up to this one at whose end the invoice is paid; None where it is not paid."""
    if not bill_on(events, day).is_paid:
        return None
    days = sorted({day_of(e.occurred_at) for e in events if day_of(e.occurred_at) <= day}, reverse=True)
    first = days[0]
    for earlier in days[1:]:
        bill = bill_on(events, earlier)
        if bill is None or not bill.is_paid:
            break
        first = earlier
    return first


def billing_signals(account, bills, usage, coverage, rates):
    """{day: {signal: value}} of the billing signals. bills: the account's, from invoice_registry."""
    first_day = min((s.starts_on for s in account.states), default=None)
    signals = {}
    for d in account.spine():
        active = [s for s in account.states if s.covers(d)]
        s = signals[d] = {}
        s["is_subscribed"] = s["arr"] = s["seats"] = None
        if first_day is not None and d >= first_day:
            s["is_subscribed"] = 1 if active else 0
            s["arr"] = sum((state.arr for state in active), Fraction(0))
        s["seats"] = seats_on(account.states, d)
        issued = [(events, bill) for events, bill in ((events, bill_on(events, d)) for events in bills) if bill]
        late = [bill for _, bill in issued if bill.owed and bill.due_on < d]
        s["days_overdue"] = max([(d - bill.due_on).days for bill in late], default=0) if issued else None
        s["overdue_amount"] = None
        if issued:
            s["overdue_amount"] = sum((round_half_up(bill.owed * rates[bill.currency], 2) for bill in late), Fraction(0))
        paid = [(paid_on(events, d), bill.due_on) for events, bill in issued if bill.is_paid]
        delays = [(on - due_on).days for on, due_on in paid if (d - on).days < 365]
        s["payment_delay_days_365d"] = ratio(sum(delays), len(delays)) if delays else None
        signed = [terms for terms in account.signed if terms.begins <= d and (terms.ends is None or d < terms.ends)]
        was_signed = any(terms.begins <= d for terms in account.signed)
        s["committed_arr"] = sum((terms.arr for terms in signed), Fraction(0)) if was_signed else None
        s["days_to_renewal"] = min(((terms.term_end - d).days for terms in signed
                                    if terms.term_end is not None and terms.term_end >= d), default=None)
        variable = [state.variable for state in active if state.variable is not None]
        s["variable_revenue_annual"] = sum(variable) if variable else None
        caps = [state.usage_cap for state in active if state.usage_cap is not None]
        s["usage_cap_share_30d"] = ratio(usage[d]["metered_events_30d"], sum(caps)) if caps else None
        if not is_observed("usage_cap_share_30d", d, account, coverage):
            s["usage_cap_share_30d"] = None
    return signals


def dropped_users(answers, scale):
    """How many users fell from a good NPS answer to a bad last one, None where nobody answered twice. answers: events."""
    of_user = defaultdict(list)
    for event in sorted(answers, key=lambda e: e.business):
        if event.user_id is not None:
            of_user[event.user_id].append(as_number(event.get("score")))
    twice = [scores for scores in of_user.values() if len(scores) > 1]
    if not twice:
        return None
    return sum(scores[-1] < scale["dropped_below"] and max(scores[:-1]) >= scale["dropped_from"] for scores in twice)


def engagement_signals(account, seeds):
    """{day: {signal: value}} of the survey and note signals; section 4, engagement."""
    scales = {row["kind"]: {key: Fraction(value) for key, value in row.items() if key != "kind" and value}
              for row in seeds["survey_scales"]}
    scale, satisfied_lowest = scales["nps"], scales["csat"]["satisfied_lowest"]
    own = [e for e in account.events if day_of(e.occurred_at) >= account.started_on]
    own.sort(key=lambda e: e.business)

    def person(event):
        return as_text(event.get("survey_id")), event.get("kind"), event.user_id

    answered = [e for e in own if (e.source, e.event_type) == ("survey", "survey_answered")]
    sent = {}
    for event in own:
        if (event.source, event.event_type) == ("survey", "survey_sent"):
            sent.setdefault(person(event), day_of(event.occurred_at))
    notes = [(day_of(e.occurred_at), as_number(e.get("sentiment"))) for e in own
             if (e.source, e.event_type) == ("crm", "note_logged") and e.get("sentiment") is not None]

    def recent(pairs, d, length):
        return [(day, value) for day, value in pairs if in_window(day, d, length)]

    def mean(pairs):
        return ratio(sum(value for _, value in pairs), len(pairs))

    def since(pairs, d):
        return min(((d - day).days for day, _ in pairs), default=None)

    signals = {}
    for d in account.spine():
        last = {person(e): e for e in answered if day_of(e.occurred_at) <= d}
        answers = {kind: [(day_of(e.occurred_at), as_number(e.get("score"))) for e in last.values()
                          if e.get("kind") == kind] for kind in ("nps", "csat")}
        nps, csat = recent(answers["nps"], d, 180), recent(answers["csat"], d, 90)
        sentiments = recent(notes, d, 90)
        promoters = sum(score >= scale["promoter_lowest"] for _, score in nps)
        detractors = sum(score <= scale["detractor_highest"] for _, score in nps)
        s = signals[d] = {}
        s["nps_answers_180d"] = len(nps)
        s["nps_180d"] = ratio(100 * (promoters - detractors), len(nps)) if len(nps) >= scale["min_answers"] else None
        s["nps_score_180d"] = mean(nps)
        by_day = {day: mean([pair for pair in nps if pair[0] == day]) for day, _ in nps}
        s["nps_last_score_180d"] = by_day[max(by_day)] if by_day else None
        s["nps_dropped_users_180d"] = dropped_users(
            [e for e in last.values() if e.get("kind") == "nps" and in_window(day_of(e.occurred_at), d, 180)], scale)
        s["days_since_nps"] = since(nps, d)
        s["csat_answers_90d"] = len(csat)
        s["csat_90d"] = ratio(sum(score >= satisfied_lowest for _, score in csat), len(csat))
        s["csat_score_90d"] = mean(csat)
        s["days_since_csat"] = since(csat, d)
        asked = [key for key, day in sent.items() if in_window(day, d, 90)]
        s["survey_response_rate_90d"] = ratio(sum(key in last for key in asked), len(asked))
        s["note_sentiment_90d"] = mean(sentiments)
        s["days_since_note"] = since(sentiments, d)
    return signals


def build_signals(accounts, accepted, coverage, seeds):
    """{account_id: {day: {signal: value}}} of every signal but the two milestone ones (section 4)."""
    tickets, bills = ticket_registry(accepted, accounts, seeds, coverage.heard_until("support")), invoice_registry(accepted)
    names = [row["signal"] for row in seeds["signals"]]
    rates = exchange_rates(seeds)
    found = {}
    for account in accounts:
        usage = usage_signals(account, seeds, coverage)
        parts = [usage, seat_signals(account, usage, coverage),
                 support_signals(account, tickets[account.account_id], coverage, usage, seeds),
                 billing_signals(account, bills[account.account_id], usage, coverage, rates),
                 engagement_signals(account, seeds)]
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


def completing_event(account, row, persona, seeds):
    """The Event at which an event criterion is reached, None when never.

    row: a milestone_criteria row. persona: that of the milestone, '' for none.
    """
    roles = {p["event_type"]: p["role"] for p in seeds["tracking_plan"]}
    subject = row["subject"]

    def concerns(event):
        if is_true(row["by_persona"]) and persona and event.persona not in (None, persona):
            return False
        if subject.startswith("role:"):
            return event.source == "product" and roles.get(event.event_type) == subject[len("role:"):]
        return event.event_type == subject

    until_end = (e for e in account.events if day_of(e.occurred_at) <= account.ended_on)
    events = sorted((e for e in until_end if concerns(e)), key=lambda e: (e.occurred_at, e.event_id))
    operator, threshold = row["operator"], Fraction(row["threshold"])
    if row["measure"] == "event_days" or row.get("within_days"):
        return completing_in_window(account, events, row)
    if row["measure"] != "event_count":                     # one event per user: the user's first
        first_of_user = {}
        for event in events:
            if event.user is not None:
                first_of_user.setdefault(event.user, event)
        events = list(first_of_user.values())
    if row["measure"] in ("event_count", "event_users"):
        k = smallest_count(operator, threshold)
        return events[k - 1] if len(events) >= k else None
    for n, event in enumerate(events, start=1):             # event_user_share
        seats = seats_on(account.states, account.counting_day(event))
        if seats and holds(Fraction(n, seats), operator, threshold):
            return event
    return None


def completing_in_window(account, events, row):
    """The Event at which a criterion on days or users within a window is reached, None when never (section 5).

    events: of the subject, in order of time. row: a milestone_criteria row.
    """
    k = smallest_count(row["operator"], Fraction(row["threshold"]))
    length = int(row["within_days"]) if row.get("within_days") else 10**6
    counted = {}                                            # user -> the event by which the user counts
    for n, event in enumerate(events):
        day = account.counting_day(event)
        recent = [e for e in events[:n + 1] if (day - account.counting_day(e)).days < length]
        if row["measure"] == "event_days":
            number = len({account.counting_day(e) for e in recent})
        elif row["measure"] == "event_users":
            number = len({e.user for e in recent if e.user is not None})
        elif row["measure"] == "event_user_days":
            own = {account.counting_day(e) for e in recent if e.user == event.user}
            if event.user is not None and len(own) >= int(row["min_days"]):
                counted.setdefault(event.user, event)
            number = len(counted)
        else:
            raise ValueError(f"{row['measure']!r} knows no window")
        if number >= k:
            return event
    return None


def signal_holds(row, signals):
    """{day: bool} of a signal criterion over the account's days, with its sustained days. signals: {day: {signal: value}}."""
    sustained, null_holds = int(row["sustained_days"] or 1), is_true(row["holds_when_null"])
    threshold = Fraction(row["threshold"])
    found, streak = {}, 0
    for d in sorted(signals):
        value = signals[d][row["subject"]]
        true_today = null_holds if value is None else holds(value, row["operator"], threshold)
        streak = streak + 1 if true_today else 0
        found[d] = streak >= sustained
    return found


def rule_time(account, rows, persona, signals, seeds):
    """(moment, evidence event_id or None) at which a rule's criteria first hold at once; (None, None) when never.

    rows: the milestone_criteria rows of one milestone and phase. persona: that of the milestone. signals: {day: {signal: value}}.
    """
    if not rows:
        return account.started_at, None
    latest = None
    for row in rows:
        if row["measure"].startswith("event_"):
            event = completing_event(account, row, persona, seeds)
            if event is None:
                return None, None
            if latest is None or (event.occurred_at, event.event_id) > (latest.occurred_at, latest.event_id):
                latest = event
        elif row["measure"] != "signal":
            raise ValueError(f"unknown measure {row['measure']!r}")
    daily = [signal_holds(row, signals) for row in rows if row["measure"] == "signal"]
    reached_at = account.started_at if latest is None else max(latest.occurred_at, account.started_at)
    if not daily:
        return reached_at, latest.event_id
    for d in account.spine():
        if d >= day_of(reached_at) and all(days[d] for days in daily):
            end_of_day = day_starts_at(d + ONE_DAY) - ONE_SECOND
            if latest is not None and reached_at >= end_of_day:
                return reached_at, latest.event_id
            return end_of_day, None
    return None, None


def plan_of(account, seeds):
    """The journey_milestones rows of the account's journey (section 5), [] when no journey fits."""
    journeys = {(row["product_category"], row["segment"]): row["journey"] for row in seeds["journeys"]}
    journey = journeys.get((account.product_category, account.segment),
                           journeys.get((account.product_category, "any")))
    return [row for row in seeds["journey_milestones"] if row["journey"] == journey]


def account_milestones(account, signals, seeds, coverage):
    """Milestone rows of one account: the columns of the table 'milestones' plus den_from and what observes it.

    signals: {day: {signal: value}}. weight is a Fraction, days are dates, moments are datetimes.
    """
    rows = []
    for planned in plan_of(account, seeds):
        milestone_id = planned["milestone_id"]
        criteria = [row for row in seeds["milestone_criteria"] if row["milestone_id"] == milestone_id]
        exits = [row for row in criteria if row["phase"] == "exit"]
        persona = planned["persona"]
        entered_at, _ = rule_time(account, [row for row in criteria if row["phase"] == "entry"], persona, signals, seeds)
        achieved_at, evidence = rule_time(account, exits, persona, signals, seeds)

        def of_milestone(event_type, milestone_id=milestone_id):
            return sorted((e for e in account.events if (e.source, e.event_type) == ("crm", event_type)
                           and as_text(e.get("milestone_id")) == milestone_id),
                          key=lambda e: (e.occurred_at, e.event_id))

        for event in of_milestone("milestone_confirmed")[:1]:
            confirmed_at = max(event.occurred_at, account.started_at)
            if day_of(event.occurred_at) <= account.ended_on and (achieved_at is None or confirmed_at <= achieved_at):
                achieved_at, evidence = confirmed_at, event.event_id
        waivers = of_milestone("milestone_waived")
        waived_at = waivers[0].occurred_at if waivers else None
        if waived_at is not None and achieved_at is not None and waived_at >= achieved_at:
            waived_at = None
        if waived_at is not None:
            achieved_at, evidence = None, waivers[0].event_id

        due_on = account.started_on + timedelta(days=int(planned["deadline_days"]))
        needs_seats = any(is_true(row["needs_seats"]) for row in exits)
        achieved_on = day_of(achieved_at) if achieved_at else None
        subjects = [subject for row in exits if not is_true(row["holds_when_null"])
                    for subject in coverage.criterion_subjects(row)]
        stretches = coverage.of_all(subjects)
        complete_through = min((coverage.complete_through(source) if source not in ("billing", "crm")
                                else coverage.over for source, _ in subjects), default=coverage.over)
        judged_on = min(due_on, coverage.as_of)
        holding = [s for s in stretches or [] if s.covers(judged_on)]
        is_observable = stretches is None or any(s.begins <= account.started_on for s in holding)
        last_seen_on = stretches[-1].ends if holding else None  # a gap that is over ends nothing
        if waived_at is not None:
            status = "waived"
        elif achieved_on is not None and achieved_on <= due_on:
            status = "achieved"
        elif achieved_on is None and account.churned_on is not None and account.churned_on <= due_on:
            status = "not_applicable"
        elif not is_observable:
            status = "not_observable"
        elif achieved_on is not None:
            status = "achieved_late"
        elif needs_seats and account.first_seats_on is None:
            status = "not_applicable"
        elif account.ended_on > due_on and due_on <= complete_through:
            status = "overdue"
        elif entered_at is not None:
            status = "pending"
        else:
            status = "not_due"
        days_late = None
        if status in ("achieved", "achieved_late"):
            days_late = max(0, (achieved_on - due_on).days)
        elif status == "overdue":
            days_late = (min(account.ended_on, last_seen_on or account.ended_on) - due_on).days

        expected_from = due_on + ONE_DAY
        if needs_seats:
            expected_from = max(expected_from, account.first_seats_on) if account.first_seats_on else None
        if not is_observable or (achieved_on is None and due_on > complete_through):
            expected_from = None
        planned_from = account.first_seats_on if needs_seats else account.started_on
        if not is_observable:
            planned_from = None
        rows.append({
            "account_id": account.account_id, "milestone_id": milestone_id, "journey": planned["journey"],
            "status": status, "due_on": due_on, "entered_at": entered_at, "achieved_at": achieved_at,
            "waived_at": waived_at, "days_late": days_late, "evidence_event_id": evidence,
            "is_judged": (status in ("achieved", "achieved_late", "overdue") and is_observable
                          and account.ended_on > due_on and due_on <= complete_through),
            "weight": Fraction(planned["weight"]), "deadline_days": int(planned["deadline_days"]),
            "stretches": [Stretch(date.min, None)] if stretches is None else stretches,
            "complete_through": complete_through,
            "unseen_from": None if last_seen_on is None or (achieved_on is not None and achieved_on <= last_seen_on)
                           else last_seen_on + ONE_DAY,
            "den_from": min((d for d in (achieved_on, expected_from) if d is not None), default=None),
            "all_from": min((d for d in (achieved_on, planned_from) if d is not None), default=None)})
    return rows


def add_milestone_signals(account, milestones, signals, settings):
    """Fill the signals of every spine day that rest on milestones (end of section 5). settings: milestone_settings row."""
    credit, kept = Fraction(settings["not_due_credit"]), float(settings["momentum_kept_per_week"])
    for d in account.spine():
        numerator = on_time = due = of_all = Fraction(0)
        momentum = 0.0
        reached = []
        for row in milestones:
            achieved_on = day_of(row["achieved_at"]) if row["achieved_at"] else None
            waived_on = day_of(row["waived_at"]) if row["waived_at"] else None
            is_reached = achieved_on is not None and d >= achieved_on
            is_seen = is_reached or row["unseen_from"] is None or d < row["unseen_from"]
            if is_seen and (waived_on is None or d < waived_on):
                due += row["weight"] if row["den_from"] is not None and d >= row["den_from"] else 0
                of_all += row["weight"] if row["all_from"] is not None and d >= row["all_from"] else 0
            if is_reached:
                numerator += row["weight"]
                on_time += row["weight"] if achieved_on <= row["due_on"] else 0
                momentum += float(row["weight"]) * kept ** ((d - achieved_on).days / 7)
                reached.append(achieved_on)
        signals[d]["milestone_completion_due"] = ratio(numerator, due)
        signals[d]["milestone_completion_all"] = ratio(numerator, of_all)
        signals[d]["milestone_completion_damped"] = ratio(numerator + credit * (of_all - due), of_all) if due else None
        signals[d]["milestones_on_time_share"] = ratio(on_time, due)
        signals[d]["milestone_momentum"] = ratio(Fraction(momentum), of_all)
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


def last_seen(signal, day, account, coverage):
    """The last day before a day on which a signal could be said of an account; None where it can on the day, or never could."""
    if is_observed(signal, day, account, coverage):
        return None
    earlier = (day - timedelta(days=n) for n in range(1, (day - account.started_on).days + 1))
    return next((d for d in earlier if is_observed(signal, d, account, coverage)), None)


def faded(x, metric, values, unseen=0):
    """x drawn toward 0.5 by its age, rounded to 6 decimals. values: {signal: value} of the day.

    unseen: decay times days since the value was last seen, of one that is no longer observed.
    """
    age = (values[metric["age_signal"]] or 0) if metric["age_signal"] else 0
    exponent = -number_or_none(metric["decay_per_day"] or "0") * age - unseen
    if exponent != 0:
        half = Fraction(1, 2)
        x = half + (Fraction(x) - half) * Fraction(math.exp(exponent))
    return round_half_up(x, 6)


def known_x(value, metric, values, peers, unseen=0):
    """Normalised x in 0..1 (rounded to 6) of a value that is observed, or was when last seen.

    metric: health_metrics row. values: the account's signals of the day. peers: known values of the peer group.
    unseen: see faded.
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
    return faded(1 - x if metric["direction"] == "lower" else x, metric, values, unseen)


def normalise(eligible, metric, version, day, signals, coverage):
    """{account_id: (value, x or None, value_status, peer_median or None, last_seen_on or None)} of one metric on one date.

    eligible: [(Account, {signal: value})] of the date. version: health_model_versions row. signals: {account_id: {day:
    {signal: value}}}.
    """
    min_peers = int(version["min_peers"])
    max_missing = Fraction(version["max_missing_peer_share"])
    values = {a.account_id: s[metric["signal"]] for a, s in eligible}
    decay = number_or_none(version["unobserved_decay_per_day"])
    seen_on = {}
    for account, _ in eligible:
        if decay is not None and not metric["age_signal"] and values[account.account_id] is None:
            last = last_seen(metric["signal"], day, account, coverage)
            if last is not None and signals[account.account_id][last][metric["signal"]] is not None:
                values[account.account_id] = signals[account.account_id][last][metric["signal"]]
                seen_on[account.account_id] = last
    groups = {}
    for account, _ in eligible:
        groups[account.account_id] = [other.account_id for other, _ in eligible if other.segment == account.segment
                                      and other.product_category == account.product_category]
    everyone = list(values)

    x_of = {}
    for account, own in eligible:
        value = values[account.account_id]
        if value is None:
            continue
        unseen = decay * (day - seen_on[account.account_id]).days if account.account_id in seen_on else 0
        peers = [values[i] for i in groups[account.account_id] if values[i] is not None]
        if len(peers) < min_peers:
            peers = [values[i] for i in everyone if values[i] is not None]
        x_of[account.account_id] = known_x(value, metric, own, peers, unseen)

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
            x, status = x_of[account.account_id], "last_seen" if account.account_id in seen_on else "observed"
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
        found[account.account_id] = (value, x, status, peer_median, seen_on.get(account.account_id))
    return found


def band_of(score, bands):
    """Band with the highest lower edge at or below the score. bands: [(lower_edge, band)] ascending."""
    return [band for edge, band in bands if edge <= score][-1]


def score_account(metrics, weights, bands):
    """Score one eligible account-date: (health columns, driver rows). Driver rows are [] when it is not scored.

    metrics: {metric: (value, x, value_status, peer_median, last_seen_on)}. weights: {metric: Fraction}. bands: [(edge, band)].
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
        value, x, status, peer_median, last_seen_on = metrics[metric]
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
            "last_seen_on": last_seen_on,
            "points": round_half_up(100 * gained / used, 2) - before[0],
            "points_lost": round_half_up(100 * lost / used, 2) - before[1],
            "peer_median": peer_median, "change_needed_x": change})
    row["score"], row["band"] = score, band
    for column, name in (("points", "top_driver_up"), ("points_lost", "top_driver_down")):
        best = max(drivers, key=lambda d: d[column])         # the first of equals, in alphabetical order
        row[name] = best["metric"] if best[column] > 0 else None
    return row, drivers


def build_health(accounts, signals, coverage, seeds, track="live"):
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
            judge_date(d, versions[name], judged, signals, coverage, seeds, scored, health, drivers)
    return health, drivers


def judge_date(d, version, judged, signals, coverage, seeds, scored, health, drivers):
    """Append to health and drivers the rows of the accounts that one version judges on one date: [(Account, signals)].

    scored: {account_id: [(date, score, band)]} of the dates before; the date's scores are appended.
    """
    name = version["model_version"]
    weights = {r["metric"]: Fraction(r["weight"]) for r in seeds["health_weights"] if r["model_version"] == name}
    bands = sorted((Fraction(r["lower_edge"]), r["band"]) for r in seeds["health_bands"] if r["model_version"] == name)
    status = {}
    for account, values in judged:
        if values["is_subscribed"] == 0:
            status[account.account_id] = "completed" if account.has_completed(d) else "churned"
        elif values["account_age_days"] < int(version["min_account_age_days"]):
            status[account.account_id] = "too_early"
        else:
            status[account.account_id] = "eligible"
    eligible = [(a, v) for a, v in judged if status[a.account_id] == "eligible"]
    normalised = {metric: normalise(eligible, metric_of(name, metric, seeds), version, d, signals, coverage)
                  for metric in weights}

    for account, _ in judged:
        account_id = account.account_id
        row = {"account_id": account_id, "score_date": d, "status": status[account_id], "score": None,
               "band": None, "coverage": None, "model_version": name, "change_7d": None, "change_30d": None,
               "top_driver_up": None, "top_driver_down": None}
        earlier = scored[account_id]
        if row["status"] in ("churned", "completed") and earlier:
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
    """Rows of fct_health_overrides. health: rows of build_health."""
    (rule,) = (row for row in seeds["manual_inputs"] if row["input"] == "health_override")
    found = []
    for account in accounts:
        scored = [r for r in health if r["account_id"] == account.account_id and r["status"] == "scored"]
        given = sorted((e for e in account.events if (e.source, e.event_type) == ("crm", "health_overridden")
                        and day_of(e.occurred_at) <= account.ended_on), key=lambda e: e.order)
        for number, event in enumerate(given):
            starts_on, band = day_of(event.occurred_at), as_text(event.get("band"))
            expires_on = as_date(event.get("expires_on")) or starts_on + timedelta(days=int(rule["stale_after_days"]))
            followed_until = starts_on + timedelta(days=int(rule["follow_up_days"]))
            ends_on = min([expires_on] + [day_of(e.occurred_at) - ONE_DAY for e in given[number + 1:number + 2]]
                          + ([account.churned_on] if account.churned_on else []))
            before = max((r for r in scored if r["score_date"] <= starts_on), key=lambda r: r["score_date"], default={})
            reached_on = min((r["score_date"] for r in scored if starts_on < r["score_date"] <= followed_until
                              and r["band"] == band), default=None)
            churned_on = account.churned_on if account.churned_on and account.churned_on <= followed_until else None
            left = churned_on and ("completed" if account.has_completed(churned_on) else "churned")
            outcome = left or ("reached" if reached_on else "open" if as_of < followed_until else "not_reached")
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

def onboardings(account, seeds):
    """[Account as it is onboarded, with the day on which the onboarding was lost or None]: the first, and later ones; section 7.

    A later one has the events from its first day on.
    """
    categories = {row["product_category"] for row in seeds["journeys"]}
    starts = sorted((e for e in account.events if (e.source, e.event_type) == ("crm", "onboarding_started")),
                    key=lambda e: (e.occurred_at, e.event_id))
    subscribed = {d: any(s.covers(d) for s in account.states) for d in account.spine()}
    lost_days = [d for d in account.spine()[1:] if not subscribed[d] and subscribed[d - ONE_DAY]]
    found, named, before = [[account, None]], set(), account.started_on
    for event in starts:
        category, day = as_text(event.get("product_category")), day_of(event.occurred_at)
        category = category if category in categories else None
        is_new = category not in (None, account.product_category, *named)
        named.add(category)
        lost = [d for d in lost_days if before < d <= day]
        before = max(day, account.started_on)
        if event.occurred_at <= account.started_at or day > account.ended_on or not (is_new or lost):
            continue
        category = category or account.product_category
        if lost:
            for number, (earlier, ended_on) in enumerate(found):
                if earlier.product_category == category and ended_on is None:
                    found[number][1] = lost[-1]
        found.append([replace(account, product_category=category, started_at=event.occurred_at, started_on=day,
                              events=[e for e in account.events if day_of(e.occurred_at) >= day]), None])
    return found


def follow(account, milestone):
    """(outcome, activated_on, after a gap, entered_after, duration_days) of an account's activation milestone; section 7."""
    unseen = ("not_observable", None, None, None, None)
    stretch = next((s for s in milestone["stretches"] if s.ends is None or s.ends >= account.started_on), None)
    if stretch is None or stretch.begins > account.ended_on:
        return unseen
    entered_after = max(0, (stretch.begins - account.started_on).days)
    achieved_on = day_of(milestone["achieved_at"]) if milestone["achieved_at"] else None
    if achieved_on is not None and achieved_on > account.ended_on:
        achieved_on = None
    if entered_after > milestone["deadline_days"] or (achieved_on is not None and achieved_on < stretch.begins
                                                      and entered_after > 0):
        return unseen
    last = milestone["stretches"][-1]
    followed_to = min(account.ended_on, milestone["complete_through"] if last.ends is None else last.ends)
    waived_on = day_of(milestone["waived_at"]) if milestone["waived_at"] else None
    is_waived = waived_on is not None and waived_on <= followed_to
    followed_to = waived_on if is_waived else followed_to
    is_seen = achieved_on is not None and stretch.begins <= achieved_on and (last.ends is None or achieved_on <= last.ends)
    activated_on = achieved_on if is_seen else None
    is_after_gap = None if activated_on is None else stretch.ends is not None and activated_on > stretch.ends
    if activated_on is not None:
        outcome = "activated"
    elif is_waived:
        outcome = "waived"
    else:
        outcome = "churned" if account.churned_on and account.churned_on <= followed_to else "censored"
    if followed_to < account.started_on + timedelta(days=entered_after):
        return outcome, activated_on, is_after_gap, None, None
    last_day = followed_to if activated_on is None else min(followed_to, activated_on)
    return outcome, activated_on, is_after_gap, entered_after, (last_day - account.started_on).days


def build_time_to_value(accounts, milestones, signals, coverage, seeds):
    """Section 7: one row per onboarding of an account and activation milestone of its category that its journey holds.

    milestones: {account_id: rows of account_milestones}, of the first onboarding. Durations are in days.
    """
    rows = []
    for account in accounts:
        for number, (onboarded, lost_on) in enumerate(onboardings(account, seeds), start=1):
            planned = (milestones[account.account_id] if number == 1
                       else account_milestones(onboarded, signals[account.account_id], seeds, coverage))
            planned = {row["milestone_id"]: row for row in planned}
            if lost_on is not None:
                onboarded = replace(onboarded, churned_on=lost_on, ended_on=lost_on)
            for activation in seeds["activation_milestones"]:
                milestone = planned.get(activation["milestone_id"])
                if activation["product_category"] != onboarded.product_category or milestone is None:
                    continue
                outcome, activated_on, is_after_gap, entered_after, duration = follow(onboarded, milestone)
                rows.append({
                    "account_id": account.account_id, "onboarding_number": number, "persona": activation["persona"],
                    "milestone_id": activation["milestone_id"], "is_primary": is_true(activation["is_primary"]),
                    "product_category": onboarded.product_category,
                    "started_on": onboarded.started_on, "activated_on": activated_on,
                    "days_to_value": (activated_on - onboarded.started_on).days if activated_on else None,
                    "reached_in_or_after_gap": is_after_gap,
                    "outcome": outcome, "entered_after_days": entered_after, "duration_days": duration})
    return rows


# ---------------------------------------------------------------------------------------------------------------------
# The whole replay
# ---------------------------------------------------------------------------------------------------------------------

def plain(row):
    """A row with its Fractions turned into floats (the correctly rounded double)."""
    return {key: float(value) if isinstance(value, Fraction) else value for key, value in row.items()}


def resolve_moments(events, as_of=None, known_at=None, clock=None):
    """(known_at, as_of) of a build: the given ones, else the latest load that is not in the future, and its day.

    events: {source: [row]}. clock: when the run began, UTC; now by default. Both are None when nothing was ever loaded
    and none is given.
    """
    clock = clock or datetime.now(UTC).replace(tzinfo=None)
    if known_at is None:
        loads = [sensible(row.get("loaded_at")) for rows in events.values() for row in rows]
        known_at = max((moment for moment in loads if moment is not None and not is_future_load(moment, clock)),
                       default=None)
    if as_of is None and known_at is not None:
        as_of = day_of(known_at)
    return known_at, as_of


INTERNAL = ("den_from", "all_from", "unseen_from", "stretches", "complete_through", "deadline_days")


def add_coverage(tables, coverage, seeds):
    """Fill observed_days and watermarks."""
    subjects = {subject for found in coverage.observed_by.values() for subject in found}
    subjects |= {subject for row in seeds["milestone_criteria"] for subject in coverage.criterion_subjects(row)}
    for source, subject in sorted(subjects):
        tables["subjects"].append({"source": source, "subject": subject})
        for stretch in coverage.stretches(source, subject):
            day, last_day = stretch.begins, coverage.as_of if stretch.ends is None else stretch.ends
            while day <= last_day:
                tables["observed_days"].append({"source": source, "subject": subject, "date_day": day,
                                                "observed_since": stretch.begins})
                day += ONE_DAY
    for source in SOURCES:
        tables["watermarks"].append({"source": source, "heard_until": coverage.heard_until(source),
                                     "complete_through": coverage.complete_through(source)})


def replay(events, seeds, as_of=None, known_at=None, clock=None):
    """Recompute the marts from raw events.

    events: {source: [row]} for the sources product, crm, support, billing, survey; a row is a dict with event_id,
    event_type, account_id, user_id, payload (str or None) and occurred_at, loaded_at (UTC-naive datetime or None).
    seeds: {seed name: [row dict of strings]} as load_seeds gives. as_of: date, known_at: datetime; both default to
    the data (section 1 of the definitions). clock: when the run began, UTC; now by default.

    Returns {table: [row dict]}: fct_rejected_events (source, event_id, event_type, account_id, user_id, occurred_at,
    loaded_at, reason), reject_counts (source, reason, rows), accepted_events (source, event_id, event_type,
    account_id = canonical, user_id, occurred_at), accounts, signals (one row per account and spine day, one key per
    row of the seed signals), milestones, health, drivers, steady_bands, overrides, time_to_value, renewals. Numbers are int or
    float; days are dates.
    merges (event_id, outcome), subjects (those that signals and criteria name), observed_days (of them; source,
    subject, date_day, observed_since), watermarks (source, heard_until, complete_through).
    Raises ValueError on an unknown operator, measure or method in the seeds, KeyError on an unknown source.
    """
    tables = {name: [] for name in ("fct_rejected_events", "reject_counts", "accepted_events", "accounts", "signals",
                                    "milestones", "health", "drivers", "steady_bands", "overrides", "time_to_value", "renewals",
                                    "merges", "subjects", "observed_days", "watermarks")}
    clock = clock or datetime.now(UTC).replace(tzinfo=None)
    visible_clock = clock if known_at is None else None
    known_at, as_of = resolve_moments(events, as_of, known_at, clock)
    if known_at is None:                 # no row was ever loaded: every row is visible and none can be accepted
        known_at, as_of = day_starts_at(OLDEST_DAY), as_of or OLDEST_DAY
    accepted, rejected, survivors, outcomes = accept_events(events, seeds, known_at, as_of, visible_clock)

    counts = defaultdict(int)
    for event in rejected:
        counts[(event.source, event.reason)] += 1
        tables["fct_rejected_events"].append({
            "source": event.source, "event_id": event.event_id, "event_type": event.event_type,
            "account_id": event.account_id, "user_id": event.user_id, "occurred_at": event.occurred_at,
            "loaded_at": event.loaded_at, "reason": event.reason})
    tables["reject_counts"] = [{"source": source, "reason": reason, "rows": rows}
                               for (source, reason), rows in sorted(counts.items())]
    tables["accepted_events"] = [
        {"source": e.source, "event_id": e.event_id, "event_type": e.event_type, "account_id": e.account,
         "user_id": e.user_id, "occurred_at": e.occurred_at} for e in accepted]

    tables["merges"] = [{"event_id": event.event_id, "outcome": outcome} for event, outcome in outcomes.items()]
    accounts = build_accounts(accepted, survivors, seeds, as_of)
    clear_events = accepted + [e for e in rejected if e.reason == "no_account"]
    coverage = Coverage(clear_events, seeds, known_at, as_of)
    add_coverage(tables, coverage, seeds)
    signals = build_signals(accounts, accepted, coverage, seeds)
    milestones = {}
    for account in accounts:
        own_signals = signals[account.account_id]
        milestones[account.account_id] = account_milestones(account, own_signals, seeds, coverage)
        add_milestone_signals(account, milestones[account.account_id], own_signals, seeds["milestone_settings"][0])
    health, drivers = build_health(accounts, signals, coverage, seeds)

    names = [row["signal"] for row in seeds["signals"]]
    columns = ("account_id", "segment", "product_category", "started_at", "started_on", "churned_on", "ended_on",
               "first_seats_on")
    for account in accounts:
        tables["accounts"].append({column: getattr(account, column) for column in columns})
        for d in account.spine():
            values = signals[account.account_id][d]
            tables["signals"].append(plain({"account_id": account.account_id, "date_day": d,
                                            **{name: values[name] for name in names}}))
        tables["milestones"] += [plain({key: value for key, value in row.items() if key not in INTERNAL})
                                 for row in milestones[account.account_id]]
    tables["health"] = [plain(row) for row in health]
    tables["drivers"] = [plain(row) for row in drivers]
    tables["steady_bands"] = steady_bands(health, seeds)
    tables["overrides"] = [plain(row) for row in build_overrides(accounts, health, seeds, as_of)]
    tables["time_to_value"] = build_time_to_value(accounts, milestones, signals, coverage, seeds)
    tables["renewals"] = [plain(row) for row in build_renewals(accepted, accounts, seeds, as_of)]
    return tables
