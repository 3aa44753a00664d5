"""Defects of real data. A reject is an extra row, so the accepted rows stay the clean company's."""

from functools import cache

import numpy as np
import pandas as pd

from .. import PROJECT
from .kinds import KINDS
from .lifecycle import DAY, HOUR
from .write import COLUMNS, STRIDE, event_id, stamp

_SEED = PROJECT / "seeds" / "shared" / "event_schemas.csv"
_IDENTITY = ["account_created", "account_updated", "account_merged"]
_IDENTITY += ["contact_added", "contact_removed"]


@cache
def _required():
    """Required payload keys by event type, and of those one that is not text."""
    seed = pd.read_csv(_SEED)
    seed = seed[(seed["is_required"].astype(str).str.lower() == "true") & seed["unless_key"].isna()]
    keys = seed.groupby("event_type")["payload_key"].agg(list).to_dict()
    seed = seed[~seed["value_type"].isin(["text", "currency"])]
    return keys, seed.groupby("event_type")["payload_key"].first().to_dict()


def inject(con, source, query, part, shares, end, rng):
    """Query of a stream's rows with its defects added, and what was added.

    query gives the good rows, shares each kind of KINDS a share of them, and end is the last second
    that a row may be loaded. Returns (query, [(source, kind, reason, rows)]).
    """
    required, typed = _required()
    rows = f"select row_number() over () - 1 as rn, * from ({query})"
    con.execute(f"create or replace temp table stream as {rows}")
    end = stamp(end)
    kind = "event_type" if source != "product" else "''"
    room = f"loaded_at < {end} - interval 1 day as room"
    rows = con.execute(f"select {kind} as kind, {room} from stream order by rn").fetchdf()
    types, room = rows["kind"].to_numpy(), rows["room"].to_numpy()
    may = {
        "duplicates": room,
        "late": room,
        "orphans": ~np.isin(types, _IDENTITY),
        "unknown_type": np.full(len(types), source != "product"),
        "missing_key": np.isin(types, list(required)),
        "mistyped_key": np.isin(types, list(typed)),
    }
    picks, done = [], []
    for kind, (_, reason) in KINDS.items():
        if kind in ("merges", "internal", "test", "movers") or not shares[kind]:
            continue
        pool = np.flatnonzero(may[kind]) if kind in may else np.arange(len(types))
        size = min(len(pool), max(1, round(shares[kind] * len(types))))
        if not size:
            continue
        chosen = rng.choice(pool, size, replace=False)
        dice = rng.integers(0, 1 << 30, size)
        picks.append(pd.DataFrame({"rn": chosen, "defect": kind, "dice": dice}))
        done.append((source, kind, reason, size))
    if not picks:
        return f"select {COLUMNS} from stream order by loaded_at, rn", []
    picks = pd.concat(picks, ignore_index=True)
    picks["number"] = part * STRIDE + STRIDE // 2 + np.arange(len(picks))
    con.register("picks", picks)
    keys = " ".join(f"when '{t}' then {k}[1 + dice % {len(k)}]" for t, k in required.items())
    wrong = " ".join(f"when '{t}' then '{k}'" for t, k in typed.items())
    delay = "to_seconds(3600 + dice % (45 * 86400 - 3600))"
    query = f"""
    with base as (
        select stream.* replace (
            case when picks.rn is null then loaded_at
                else least(loaded_at + {delay}, {end} - interval 1 hour) end as loaded_at
        )
        from stream left join picks on picks.rn = stream.rn and picks.defect = 'late'
    ),
    flawed as (
        select
            number as rn,
            case defect when 'duplicates' then event_id
                when 'missing_id' then case when dice % 2 = 0 then '' end
                else {event_id(source, "number")} end as event_id,
            case defect when 'unknown_type' then event_type || '_v0' else event_type
                end as event_type,
            case when defect <> 'orphans' then account_id
                when '{source}' <> 'product' or dice % 2 = 0
                then 'a-ghost-' || (dice % 997)::varchar end as account_id,
            case when defect = 'orphans' and '{source}' = 'product' and dice % 2 = 1
                then 'u-ghost-' || (dice % 997)::varchar else user_id end as user_id,
            case defect when 'bad_time' then null
                when 'future_times' then loaded_at + to_seconds(86400 + dice % (399 * 86400))
                else occurred_at end as occurred_at,
            case defect when 'duplicates'
                then least(loaded_at + to_seconds(1 + dice % 172800), {end}) else loaded_at
                end as loaded_at,
            case defect when 'invalid_json' then left(coalesce(payload, '{{}}'), -1)
                when 'missing_key' then json_merge_patch(payload, json_object(
                    case event_type {keys} end, null))::varchar
                when 'mistyped_key' then json_merge_patch(payload, json_object(
                    case event_type {wrong} end, 'abc'))::varchar
                else payload end as payload
        from picks join base using (rn) where defect <> 'late'
    )
    select {COLUMNS} from (
        select rn, {COLUMNS} from base union all select rn, {COLUMNS} from flawed
    ) order by loaded_at, rn"""
    return query, done


def movers(log, accounts, users, share, rng):
    """Let a share of the departed users reappear at another account; returns how many do.

    accounts are all customers. At the new account, one of them, a mover signs in for a few weeks,
    in events that name no account.
    """
    who = np.flatnonzero(users.leaves & (rng.random(len(users)) < share))
    target = rng.integers(0, len(accounts), len(who))
    join = users.leave[who] + rng.integers(2, 20, len(who))
    home = users.account[who] + log.first_account
    keep = (accounts.start[target] < join) & (accounts.last_day[target] > join + 30)
    who, target, join, home = (v[keep & (target != home)] for v in (who, target, join, home))
    new, home = target - log.first_account, users.account[who]
    person = {"home": home, "user": users.number[who]}
    at = join * DAY + rng.integers(0, 6 * HOUR, len(who))
    log.add("crm", "contact_added", new, at, persona=users.persona[who], **person)
    for step in range(12):
        at = (join + 2 * step) * DAY + rng.integers(8 * HOUR, 18 * HOUR, len(who))
        kind = "search_run" if step % 3 == 2 else "session_started"
        log.add("product", kind, new, at, named=False, **person)
    return len(who)


def merges(log, accounts, first, count, rng):
    """Create duplicate accounts numbered from ``first`` and merge each into its original.

    Every fourth is merged into another duplicate. Returns arrays (number, into, day).
    """
    good = np.flatnonzero(accounts.last_day > accounts.start + 40)
    original = rng.choice(good, count) if len(good) else np.empty(0, dtype=int)
    number = first + np.arange(len(original))
    chained = np.arange(len(original)) % 4 == 3
    original[chained] = original[np.flatnonzero(chained) - 1]
    into = np.where(chained, number - 1, original)
    created = accounts.start[original] + rng.integers(3, 15, len(original))
    merged = created + rng.integers(8, 20, len(original))
    record = {
        "industry": 0, "place": accounts.place[original], "category": accounts.category[original], "parent": -1,
        "plan": accounts.segment[original], "owner": 1, "internal": False, "test": False,
        "employees": accounts.seats[original] * 3,
    }  # fmt: skip
    log.add("crm", "account_created", number, created * DAY + 7 * HOUR, **record)
    for step in range(1, 7):
        at = (created + step) * DAY + rng.integers(9 * HOUR, 17 * HOUR, len(original))
        log.add("product", "session_started", number, at, home=original, user=0, named=True)
        log.add("crm", "note_logged", number, at, step % 3 == 0, sentiment=0.1, topic=0)
    log.add("crm", "account_merged", number, merged * DAY + 12 * HOUR, target=into)
    return number, into, merged
