"""Who is who: merges, contacts, users who become known, documents of several accounts and parents, each kind with its own rows.

The expected rows of the drawn companies come from plain Python, written from section 1 and 2 of `definitions.md`.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import defaultdict

import pytest
import warehouse

DAY_ZERO = dt.datetime(2025, 1, 1)
FAR = dt.datetime(9999, 12, 31)
CHAIN = 64


def at(days=0.0, seconds=0.0):
    return DAY_ZERO + dt.timedelta(days=days, seconds=seconds)


def event(event_id, event_type, account, when, user=None, loaded=None, **payload):
    return {
        "event_id": event_id,
        "event_type": event_type,
        "account_id": account,
        "user_id": user,
        "occurred_at": when,
        "loaded_at": loaded or when,
        "payload": json.dumps(payload) if payload else None,
    }


def created(*accounts, when=None):
    return [event(f"created {account}", "account_created", account, when or at()) for account in accounts]


def merges(*rows):
    """Merges from rows of (account, account that takes it in, day)."""
    return [
        event(f"merge {number:03d}", "account_merged", account, at(day), into_account_id=into)
        for number, (account, into, day) in enumerate(rows)
    ]


def built(needed, **streams):
    return warehouse.build(warehouse.raw_frames(streams), needed=needed)


def column_by_key(connection, query):
    return dict(connection.execute(query).fetchall())


# -- merges ------------------------------------------------------------------------------------------------------------

CHAIN_OF_70 = [(f"a{number:02d}", f"a{number + 1:02d}", 1) for number in range(70)]
CIRCLE_OF_65 = [(f"a{number:02d}", f"a{(number + 1) % 65:02d}", number + 1) for number in range(65)]

# What is known, the merges, the survivors of those that are not themselves, and the outcomes in the order of the rows.
MERGES = {
    "one": ("ab", [("a", "b", 1)], {"a": "b"}, ["applied"]),
    "a chain, whatever its order": (
        "abcd",
        [("b", "c", 3), ("c", "d", 1), ("a", "b", 2)],
        {"a": "d", "b": "d", "c": "d"},
        ["applied"] * 3,
    ),
    "taken the other way": ("ab", [("a", "b", 1), ("b", "a", 2)], {"b": "a"}, ["reversed", "applied"]),
    "taken back and forth": (
        "ab",
        [("a", "b", 1), ("b", "a", 2), ("a", "b", 3)],
        {"a": "b"},
        ["superseded", "reversed", "applied"],
    ),
    "into itself": ("ab", [("a", "a", 1)], {}, ["itself"]),
    "into itself after a merge": ("ab", [("a", "b", 1), ("a", "a", 2)], {"a": "b"}, ["applied", "itself"]),
    "into an unknown account": ("ab", [("a", "x", 1)], {}, ["unknown_account"]),
    "into an unknown account after a merge": (
        "ab",
        [("a", "b", 1), ("a", "x", 2)],
        {"a": "b"},
        ["applied", "unknown_account"],
    ),
    "of an unknown account": ("ab", [("x", "a", 1)], {}, ["unknown_account"]),
    "of an unknown account into itself": ("ab", [("x", "x", 1)], {}, ["itself"]),
    "of no account": ("ab", [(None, "a", 1)], {}, ["unknown_account"]),
    "corrected to another": ("abc", [("a", "b", 1), ("a", "c", 2)], {"a": "c"}, ["superseded", "applied"]),
    "a tail into a circle": (
        "abcd",
        [("a", "b", 1), ("b", "c", 2), ("c", "b", 3), ("d", "a", 9)],
        {"a": "b", "c": "b", "d": "b"},
        ["applied", "reversed", "applied", "applied"],
    ),
    "two circles": (
        "abcd",
        [("a", "b", 1), ("b", "a", 2), ("c", "d", 4), ("d", "c", 3)],
        {"b": "a", "c": "d"},
        ["reversed", "applied", "applied", "reversed"],
    ),
    "a chain of 70": (
        [f"a{number:02d}" for number in range(71)],
        CHAIN_OF_70,
        {f"a{number:02d}": "a70" for number in range(6, 70)},
        ["too_long"] * 6 + ["applied"] * 64,
    ),
    "a circle of 64": (
        [f"a{number:02d}" for number in range(64)],
        CIRCLE_OF_65[:63] + [("a63", "a00", 64)],
        {f"a{number:02d}": "a00" for number in range(1, 64)},
        ["reversed"] + ["applied"] * 63,
    ),
    "a circle of 65": ([f"a{number:02d}" for number in range(65)], CIRCLE_OF_65, {}, ["too_long"] * 65),
}
for _days in ((1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)):
    _survivor = "bca"[_days.index(3)]
    MERGES[f"a circle of three, {_days}"] = (
        "abc",
        [("a", "b", _days[0]), ("b", "c", _days[1]), ("c", "a", _days[2])],
        {account: _survivor for account in "abc" if account != _survivor},
        ["reversed" if account == _survivor else "applied" for account in "abc"],
    )


@pytest.mark.parametrize("case", MERGES)
def test_the_last_word_says_who_survives(case):
    accounts, rows, survivors, outcomes = MERGES[case]
    with built(("base_accounts", "fct_account_merges"), crm=created(*accounts) + merges(*rows)) as connection:
        assert column_by_key(connection, "select source_account_id, account_id from base_accounts") == {
            account: survivors.get(account, account) for account in accounts
        }
        found = connection.execute("select outcome, surviving_account_id from fct_account_merges order by event_id").fetchall()
    assert [row[0] for row in found] == outcomes
    assert [row[1] for row in found] == [
        survivors.get(row[0]) if outcome == "applied" else None for row, outcome in zip(rows, outcomes, strict=True)
    ]


def test_an_account_created_after_its_merge_is_merged():
    crm = created("b") + merges(("a", "b", 1)) + created("a", when=at(5))
    with built(("base_accounts",), crm=crm) as connection:
        assert column_by_key(connection, "select source_account_id, account_id from base_accounts") == {"a": "b", "b": "b"}


def plain_survivors(accounts, rows):
    """Survivor of each account, by walking; rows are (account, into, moment) in the order of what was said."""
    latest = {}
    for order, (account, into, _) in enumerate(rows):
        if account != into and account in accounts and into in accounts:
            latest[account] = (order, into)
    kept = {account: into for account, (_, into) in latest.items()}
    for account in latest:
        circle, reached = [account], latest[account][1]
        while reached in latest and reached not in circle:
            circle.append(reached)
            reached = latest[reached][1]
        if reached == account and len(circle) <= CHAIN:
            _, survivor = max(latest[member] for member in circle)
            kept.pop(survivor, None)
    survivors = {}
    for account in accounts:
        reached, steps = account, 0
        while reached in kept and steps <= CHAIN:
            reached, steps = kept[reached], steps + 1
        survivors[account] = account if steps > CHAIN else reached
    return survivors


@pytest.mark.parametrize("seed", range(warehouse.examples(6)))
def test_drawn_merges_lead_where_plain_python_leads(seed):
    rng = random.Random(f"merges {seed}")
    accounts = [f"a{number}" for number in range(rng.choice((4, 12, 40, 150)))]
    known = [account for account in accounts if rng.random() < 0.95]
    rows = [
        (rng.choice(accounts), rng.choice(accounts), rng.randrange(30))
        for _ in range(rng.choice((len(accounts) // 2, 2 * len(accounts))))
    ]
    # In the order of what was said: the ids of `merges` decide within a moment.
    ordered = sorted(range(len(rows)), key=lambda number: (rows[number][2], number))
    with built(("base_accounts",), crm=created(*known) + merges(*rows)) as connection:
        found = column_by_key(connection, "select source_account_id, account_id from base_accounts")
    assert found == plain_survivors(set(known), [rows[number] for number in ordered])


# -- contacts ----------------------------------------------------------------------------------------------------------


def contacts(user, *rows):
    """Contact events from rows of ('+' or '-', account, moment)."""
    return [
        event(f"{user} {number:03d}", {"+": "contact_added", "-": "contact_removed"}[sign], account, when, user)
        for number, (sign, account, when) in enumerate(rows)
    ]


# The contact events of one user, and the account at moments.
CONTACTS = {
    "added before removed": ([("+", "a", at(1)), ("+", "b", at(5)), ("-", "a", at(5, 1))], {4: "a", 5: "b", 6: "b"}),
    "removed before added": ([("+", "a", at(1)), ("-", "a", at(4)), ("+", "b", at(5))], {3: "a", 4.5: None, 6: "b"}),
    "added and removed in one second": (
        [("-", "a", at(5)), ("+", "b", at(5)), ("+", "a", at(1))],
        {4: "a", 5: "b", 6: "b"},
    ),
    "the newer link removed": ([("+", "a", at(1)), ("+", "b", at(5)), ("-", "b", at(8))], {6: "b", 8: "a", 9: "a"}),
    "added again": ([("+", "a", at(1)), ("-", "a", at(3)), ("+", "a", at(5))], {2: "a", 4: None, 6: "a"}),
    "an open link added again": ([("+", "a", at(1)), ("+", "b", at(3)), ("+", "a", at(5)), ("-", "a", at(7))],
                                 {4: "b", 6: "a", 8: "b"}),
    "removed twice": ([("+", "a", at(1)), ("-", "a", at(3)), ("-", "a", at(5)), ("+", "a", at(6))], {4: None, 7: "a"}),
    "removed from another account": ([("+", "a", at(1)), ("-", "b", at(3))], {4: "a"}),
    "removed from no account": ([("+", "a", at(1)), ("-", None, at(3))], {4: "a"}),
    "moved twice in a second": (
        [("+", "a", at(1)), ("+", "b", at(5, 0.2)), ("-", "a", at(5, 0.1)), ("+", "c", at(5, 0.7)), ("-", "b", at(5, 0.6))],
        {4: "a", 6: "c"},
    ),
    "removed just before added, in one second": ([("-", "a", at(5, 0.1)), ("+", "a", at(5, 0.6))], {4: None, 6: None}),
    "an unknown account last": ([("+", "a", at(1)), ("+", "x", at(5)), ("-", "x", at(8))], {4: "a", 6: None, 9: "a"}),
    "a merged account": ([("+", "merged", at(1))], {4: "a"}),
    "moved to an account that is merged later": (
        [("+", "merged", at(1)), ("+", "a", at(5)), ("-", "merged", at(5, 1))],
        {4: "a", 6: "a"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTACTS)
def test_a_user_belongs_to_the_open_link_that_was_added_last(case):
    rows, expected = CONTACTS[case]
    crm = created("a", "b", "c", "merged") + merges(("merged", "a", 20)) + contacts("u", *rows)
    product = [event(f"p{day}", "opened", None, at(day), "u") for day in expected]
    with built(("base_resolved_events",), crm=crm, product=product) as connection:
        found = column_by_key(connection, "select event_id, account_id from base_resolved_events where source = 'product'")
    assert found == {f"p{day}": account for day, account in expected.items()}


def plain_membership(rows, moment):
    """The account of a user at a moment, going through the contact events in the order of the business."""
    ordered = sorted(
        rows, key=lambda row: (row["occurred_at"].replace(microsecond=0), row["event_type"] == "contact_removed",
                               row["occurred_at"], row["loaded_at"], row["event_id"])
    )  # fmt: skip
    links, open_links = [], {}
    for row in ordered:
        link = open_links.pop(row["account_id"], None)
        if link:
            links.append({**link, "until": row["occurred_at"]})
        if row["event_type"] == "contact_added":
            open_links[row["account_id"]] = {"row": row, "until": FAR}
    links += open_links.values()
    possible = [link["row"] for link in links if link["row"]["occurred_at"] <= moment < link["until"]]
    last = max(possible, key=lambda row: (row["occurred_at"], row["loaded_at"], row["event_id"]), default=None)
    return last and last["account_id"]


@pytest.mark.parametrize("seed", range(warehouse.examples(4)))
def test_drawn_contacts_belong_where_plain_python_says(seed):
    rng = random.Random(f"contacts {seed}")
    rows, product = defaultdict(list), []
    for user in range(30):
        for number in range(rng.randrange(1, 12)):
            sign = rng.choice(("contact_added", "contact_added", "contact_removed"))
            when = at(rng.randrange(8), rng.choice((0, 0, 0.25, 0.5, 1)))
            row = event(f"{user} {number}", sign, rng.choice("abcx"), when, f"u{user}", loaded=at(9))
            rows[f"u{user}"].append(row)
        for number in range(20):
            when = at(rng.randrange(9), rng.choice((0, 0.25, 0.3, 0.5, 1, 2)))
            product.append(event(f"p{user} {number}", "opened", None, when, f"u{user}", loaded=at(9)))
    crm = created("a", "b", "c") + [row for of_user in rows.values() for row in of_user]
    with built(("base_resolved_events",), crm=crm, product=product) as connection:
        found = column_by_key(connection, "select event_id, account_id from base_resolved_events where source = 'product'")
    expected = {row["event_id"]: plain_membership(rows[row["user_id"]], row["occurred_at"]) for row in product}
    assert found == {key: None if account == "x" else account for key, account in expected.items()}
    assert set(expected.values()) >= {"a", "b", "c", "x", None}


# -- users who become known --------------------------------------------------------------------------------------------


def identified(event_id, user, anonymous_id, when, account=None, loaded=None):
    return event(event_id, "user_identified", account, when, user, loaded, anonymous_id=anonymous_id)


# Contacts and identifications, and the user and the account of the events of x by day; its event of day 2.5 names account b.
KNOWN_USERS = {
    "before and after": (
        [*contacts("u", ("+", "a", at(1))), identified("i", "u", "x", at(5))],
        {2: ("u", "a"), 2.5: ("u", "b"), 5: ("u", "a"), 7: ("u", "a")},
    ),
    "never": (contacts("u", ("+", "a", at(1))), {2: ("x", None), 2.5: ("x", "b")}),
    "a contact only since": (
        [*contacts("u", ("+", "a", at(5))), identified("i", "u", "x", at(6))],
        {2: ("u", "a"), 4: ("u", "a"), 7: ("u", "a")},
    ),
    "a contact only after": (
        [*contacts("u", ("+", "a", at(6))), identified("i", "u", "x", at(5))],
        {2: ("u", None), 5.5: ("u", None), 7: ("u", "a")},
    ),
    "a known user who moves": (
        [*contacts("u", ("+", "a", at(1)), ("+", "b", at(6)), ("-", "a", at(6))), identified("i", "u", "x", at(4))],
        {2: ("u", "a"), 5: ("u", "a"), 7: ("u", "b")},
    ),
    "twice": (
        [
            *contacts("u", ("+", "a", at(1))),
            *contacts("v", ("+", "b", at(1))),
            identified("i", "u", "x", at(4)),
            identified("j", "v", "x", at(6)),
        ],
        {2: ("u", "a"), 4: ("u", "a"), 5: ("v", "b"), 6: ("v", "b"), 7: ("v", "b")},
    ),
    "an unknown account": ([identified("i", "u", "x", at(5), account="nowhere")], {2.5: ("u", "b"), 7: ("u", None)}),
    "nobody": ([event("i", "user_identified", None, at(5), anonymous_id="x")], {2.5: ("x", "b")}),
    "one step only": (
        [identified("i", "u", "x", at(5)), identified("j", "v", "u", at(5))],
        {2: ("u", None), 2.5: ("u", "b")},
    ),
    "late": (
        [*contacts("u", ("+", "a", at(1))), identified("i", "u", "x", at(3), loaded=at(8))],
        {2: ("u", "a"), 7: ("u", "a")},
    ),
}


@pytest.mark.parametrize("case", KNOWN_USERS)
def test_an_anonymous_user_becomes_known(case):
    crm, expected = KNOWN_USERS[case]
    product = [event(f"p{day}", "opened", "b" if day == 2.5 else None, at(day), "x") for day in expected]
    with built(("base_resolved_events",), crm=created("a", "b") + crm, product=product) as connection:
        events = connection.execute(
            "select event_id, user_id, account_id from base_resolved_events where source = 'product'"
        ).fetchall()
        refused = connection.execute("select count(*) from base_resolved_events where reject_reason <> 'no_account'").fetchone()
        identifications = connection.execute(
            "select count(*), count(reject_reason) from base_resolved_events where event_type = 'user_identified'"
        ).fetchone()
    assert {key: (user, account) for key, user, account in events} == {f"p{day}": of for day, of in expected.items()}
    assert refused == (0,) and identifications[1] == 0


# -- documents ---------------------------------------------------------------------------------------------------------


def document(event_id, event_type, account, when, key, document_id, **payload):
    return event(event_id, event_type, account, when, **{key: document_id}, **payload)


def plain_documents(rows, survivors):
    """The document of each account and id: who began it, and whether it has a beginning or is ambiguous."""
    begun, mentioned = defaultdict(set), set()
    for account, document_id, begins in rows:
        if account in survivors:
            mentioned.add((account, document_id))
            if begins:
                begun[document_id].add(account)
    found = {}
    for account, document_id in mentioned:
        anyone = begun[document_id]
        same = {other for other in anyone if survivors[other] == survivors[account]}
        owners = {account} if account in anyone else same if len(same) == 1 else anyone
        owner = next(iter(owners)) if len(owners) == 1 else None
        found[account, document_id] = (owner or account, owner is not None, owner is None and len(anyone) > 1)
    return found


@pytest.mark.parametrize("seed", range(warehouse.examples(4)))
@pytest.mark.parametrize("kind", ["ticket", "subscription", "invoice"])
def test_drawn_documents_are_those_of_plain_python(kind, seed):
    rng = random.Random(f"documents {kind} {seed}")
    accounts = "abcdef"
    crm = created(*accounts[:-1]) + merges(*((*rng.sample(accounts, 2), day) for day in range(rng.randrange(4))))
    money = {"currency": "USD"}
    begins, goes_on, stream, more = {
        "ticket": ("ticket_created", "ticket_changed", "support", {}),
        "subscription": ("subscription_started", "subscription_renewed", "billing", {"seats": 3, "mrr": 10, **money}),
        "invoice": ("invoice_issued", "invoice_paid", "billing", {"amount": 10, "due_on": "2025-02-02", **money}),
    }[kind]
    drawn = [
        (rng.choice(accounts), rng.choice(("1", "2", "3", "4/5", "%2F")), rng.random() < 0.2) for _ in range(rng.randrange(60))
    ]
    rows = [
        event(f"d{number}", begins if is_begun else goes_on, account, at(10 + number), **{f"{kind}_id": document_id}, **more)
        for number, (account, document_id, is_begun) in enumerate(drawn)
    ]
    with built(("base_documents",), crm=crm, **{stream: rows}) as connection:
        survivors = column_by_key(connection, "select source_account_id, account_id from base_accounts")
        found = {
            (account, document_id): (owner, has_beginning, is_ambiguous)
            for account, document_id, owner, has_beginning, is_ambiguous in connection.execute(
                "select source_account_id, document_id, split_part(document, '/', 1), has_beginning, is_ambiguous "
                f"from base_documents where document_key = '{kind}_id'"
            ).fetchall()
        }
        (distinct,) = connection.execute(
            "select count(distinct document) from base_documents where document_key = ?", [f"{kind}_id"]
        ).fetchone()
    expected = plain_documents(drawn, survivors)
    assert found == expected
    assert distinct == len({(owner, document_id) for (_, document_id), (owner, *_) in expected.items()})


# -- parents -----------------------------------------------------------------------------------------------------------


def families(*rows):
    """Accounts created with a parent, from rows of (account, parent)."""
    return [
        event(f"created {account}", "account_created", account, at(), **({"parent_account_id": parent} if parent else {}))
        for account, parent in rows
    ]


DEEP = [f"a{number:02d}" for number in range(30)]

# The accounts with their parents, the merges, and each account's ancestors from the nearest on.
PARENTS = {
    "grandparents": ([("a", None), ("b", "a"), ("c", "b"), ("d", "b")], [], {"b": "a", "c": "ba", "d": "ba"}),
    "a deep chain": (list(zip(DEEP, [None, *DEEP], strict=False)), [], {n: DEEP[:i][::-1] for i, n in enumerate(DEEP) if i}),
    "unknown": ([("a", "x"), ("b", "a")], [], {"b": "a"}),
    "oneself": ([("a", "a"), ("b", "a")], [], {"b": "a"}),
    "merged away": ([("a", None), ("b", None), ("c", "b")], [("b", "a", 1)], {"c": "a"}),
    "merged into its child": ([("a", None), ("c", "a"), ("d", "a")], [("a", "c", 1)], {"d": "c"}),
    "the child of an account that is merged away": ([("a", None), ("b", None), ("c", "a")], [("c", "b", 1)], {}),
    "a circle": ([("a", "b"), ("b", "a"), ("c", "a"), ("d", "c")], [], {}),
    "a circle through a merge": ([("a", None), ("b", "a"), ("c", "b")], [("a", "c", 1)], {}),
    "a circle beside a family": ([("a", "b"), ("b", "a"), ("c", None), ("d", "c")], [], {"d": "c"}),
}


@pytest.mark.parametrize("case", PARENTS)
def test_parents_are_followed_upwards_after_merges(case):
    rows, merged, expected = PARENTS[case]
    crm = families(*rows) + merges(*merged)
    with built(("int_account_parents", "fct_parent_health"), crm=crm) as connection:
        found = defaultdict(list)
        for account, ancestor in connection.execute(
            "select account_id, ancestor_account_id from int_account_parents order by account_id, depth"
        ).fetchall():
            found[account].append(ancestor)
        groups = column_by_key(connection, "select parent_account_id, accounts from fct_parent_health")
        direct = column_by_key(connection, "select account_id, parent_account_id from dim_accounts")
    assert found == {account: list(ancestors) for account, ancestors in expected.items()}
    assert groups == {
        ancestor: 1 + sum(ancestor in above for above in expected.values())
        for ancestors in expected.values()
        for ancestor in ancestors
    }
    assert {account: parent for account, parent in direct.items() if parent} == {
        account: ancestors[0] for account, ancestors in expected.items()
    }


def test_an_excluded_parent_has_no_group_and_its_children_belong_to_those_above_it():
    crm = families(("a", None), ("b", "a"), ("c", "b"))
    crm[1] = event("created b", "account_created", "b", at(), parent_account_id="a", is_test=True)
    with built(("fct_parent_health",), crm=crm) as connection:
        assert column_by_key(connection, "select parent_account_id, accounts from fct_parent_health") == {"a": 2}


# -- what the cases ask for --------------------------------------------------------------------------------------------


def onboarded(*accounts):
    return [event(f"onboarded {account}", "onboarding_started", account, at()) for account in accounts]


def ticket(event_id, event_type, account, when, ticket_id="42", **payload):
    return event(event_id, f"ticket_{event_type}", account, when, ticket_id=ticket_id, **payload)


# Rows of the support stream, its counts in rpt_stream_reconciliation: before_start, without_beginning, ambiguous.
RECONCILED = {
    "unknown tickets": (
        [
            ticket("1", "replied", "a", at(5), "1", author_role="agent", is_public=True),
            ticket("2", "solved", "a", at(6), "1"),
            ticket("3", "solved", "a", at(6), "2"),
            ticket("4", "reopened", "a", at(7), "3"),
        ],
        (4, 4, 0),
    ),
    "of a third account": (
        [ticket("1", "created", "a", at(5)), ticket("2", "created", "b", at(6)), ticket("3", "solved", "c", at(7))],
        (1, 1, 1),
    ),
    "two help desks": ([ticket("1", "created", "a", at(5)), ticket("2", "created", "b", at(6))], (0, 0, 0)),
    "moved": ([ticket("1", "created", "a", at(5)), ticket("2", "solved", "b", at(6))], (0, 0, 0)),
    "a beginning that comes late": (
        [ticket("2", "solved", "a", at(6)), event("1", "ticket_created", "a", at(5), loaded=at(20), ticket_id="42")],
        (0, 0, 0),
    ),
    "before the start": ([ticket("1", "created", "a", at(-5))], (1, 0, 0)),
    "of an unknown account": ([ticket("1", "solved", "x", at(5))], (0, 0, 0)),
}


@pytest.mark.parametrize("case", RECONCILED)
def test_events_without_a_beginning_are_counted(case):
    support, expected = RECONCILED[case]
    crm = created("a", "b", "c") + onboarded("a", "b", "c") + [event("late", "note_logged", "a", at(30))]
    with built(("rpt_stream_reconciliation",), crm=crm, support=support) as connection:
        found = connection.execute(
            "select before_start_count, without_beginning_count, ambiguous_document_count "
            "from rpt_stream_reconciliation where source = 'support'"
        ).fetchone()
        (off,) = connection.execute(
            "select count(*) from rpt_stream_reconciliation where raw_count <> staged_count + rejected_count"
        ).fetchone()
    assert found == expected
    assert off == 0


# Rows of the support stream, and tickets_opened_30d and tickets_open of each account on the last day.
TICKETS = {
    "the same id in two help desks": (
        [ticket("1", "created", "a", at(25)), ticket("2", "created", "b", at(26)), ticket("3", "solved", "b", at(27))],
        {"a": (1, 1), "b": (1, 0), "c": (0, 0)},
    ),
    "moved to another account": (
        [ticket("1", "created", "a", at(25)), ticket("2", "changed", "b", at(26)), ticket("3", "solved", "b", at(27))],
        {"a": (0, 0), "b": (1, 0), "c": (0, 0)},
    ),
    "moved, beside one of the same id that is closed by its own account": (
        [
            ticket("1", "created", "a", at(25), "1"),
            ticket("2", "changed", "c", at(26), "1"),
            ticket("3", "created", "b", at(26), "2"),
            ticket("4", "solved", "b", at(27), "2"),
        ],
        {"a": (0, 0), "b": (1, 0), "c": (1, 1)},
    ),
    "two of one id on accounts that are merged": (
        [
            ticket("1", "created", "a", at(25)),
            ticket("2", "created", "merged", at(25)),
            ticket("3", "solved", "merged", at(26)),
        ],
        {"a": (2, 1), "b": (0, 0), "c": (0, 0)},
    ),
    "of a merged account, closed by the survivor while another has the same id": (
        [ticket("1", "created", "merged", at(25)), ticket("2", "created", "b", at(25)), ticket("3", "solved", "a", at(26))],
        {"a": (1, 0), "b": (1, 1), "c": (0, 0)},
    ),
}


@pytest.mark.parametrize("case", TICKETS)
def test_tickets_count_for_the_account_that_has_them(case):
    support, expected = TICKETS[case]
    support = [ticket("first", "created", "c", at(-200), "first"), ticket("last", "solved", "c", at(30), "first"), *support]
    crm = created("a", "b", "c", "merged") + onboarded("a", "b", "c") + merges(("merged", "a", 28))
    with built(("fct_account_signals",), crm=crm, support=support) as connection:
        rows = connection.execute(
            "select account_id, tickets_opened_30d, tickets_open from fct_account_signals where date_day = ?", [at(30).date()]
        ).fetchall()
    assert {account: tuple(counts) for account, *counts in rows} == expected


SUBSCRIPTION = {"seats": 5, "mrr": 100, "currency": "USD", "plan": "pro"}

# Rows of the billing stream, and churned_on (a day) and ARR of each account.
SUBSCRIPTIONS = {
    "the same id in two billing systems": (
        [("started", "a", 1, SUBSCRIPTION), ("started", "b", 10, SUBSCRIPTION)],
        {"a": (None, 1200), "b": (None, 1200)},
    ),
    "the same id, one cancelled": (
        [("started", "a", 1, SUBSCRIPTION), ("started", "b", 10, SUBSCRIPTION), ("cancelled", "a", 20, {})],
        {"a": (20, 0), "b": (None, 1200)},
    ),
    "moved": (
        [("started", "a", 1, SUBSCRIPTION), ("changed", "b", 10, SUBSCRIPTION)],
        {"a": (10, 0), "b": (None, 1200)},
    ),
}


@pytest.mark.parametrize("case", SUBSCRIPTIONS)
def test_subscriptions_count_for_the_account_that_has_them(case):
    rows, expected = SUBSCRIPTIONS[case]
    billing = [
        event(f"s{number}", f"subscription_{kind}", account, at(day), subscription_id="1",
              **({"effective_on": str(at(day).date())} if kind == "cancelled" else terms))
        for number, (kind, account, day, terms) in enumerate(rows)
    ]  # fmt: skip
    crm = created("a", "b") + onboarded("a", "b") + [event("late", "note_logged", "a", at(30))]
    with built(("dim_accounts",), crm=crm, billing=billing) as connection:
        found = connection.execute("select account_id, churned_on, arr from dim_accounts").fetchall()
    assert {account: (churned_on, arr) for account, churned_on, arr in found} == {
        account: (day and at(day).date(), arr) for account, (day, arr) in expected.items()
    }


# -- nights ------------------------------------------------------------------------------------------------------------

PUBLISHED = ("dim_accounts", "fct_account_signals", "fct_milestones", "rpt_stream_reconciliation")


def first_difference(house, so_far):
    """Where a warehouse built night by night first differs from one built at once from all rows so far; None where nowhere."""
    with built(PUBLISHED, **so_far) as whole:
        for mart in PUBLISHED:
            query = f"select * from {mart} order by all"
            found, expected = (one.execute(query).fetchall() for one in (house.connection, whole))
            if found != expected:
                return f"{mart}: {sorted({*found} ^ {*expected}, key=str)[:2]}"
    return None


def opened(event_id, user, day, account=None):
    return event(event_id, "session_started", account, at(day), user)


KNOWN_NOW = [identified("i", "u", "x", at(10), loaded=at(45))]

# The rows of the first night, those that come late, and the accounts that are restated.
LATE = {
    "an identification makes one user of two": (
        {"product": [opened("1", "x", 5, "a"), opened("2", "u", 5, "a"), opened("3", "u", 5, "b")]},
        {"crm": KNOWN_NOW},
        "a",
    ),
    "an identification gives events an account": (
        {"crm": contacts("u", ("+", "a", at(1))), "product": [opened("1", "x", 5)]},
        {"crm": KNOWN_NOW},
        "a",
    ),
    "an identification moves events to another account": (
        {
            "crm": [*contacts("u", ("+", "a", at(1))), *contacts("v", ("+", "b", at(1))), identified("j", "v", "x", at(20))],
            "product": [opened("1", "x", 5)],
        },
        {"crm": KNOWN_NOW},
        "ab",
    ),
    "a contact gives the events before an identification an account": (
        {"crm": [identified("i", "u", "x", at(30))], "product": [opened("1", "x", 5)]},
        {"crm": [event("k", "contact_added", "a", at(20), "u", loaded=at(45))]},
        "a",
    ),
    "a contact moves events": (
        {"crm": contacts("u", ("+", "a", at(1))), "product": [opened("1", "u", 5)]},
        {"crm": [event("k", "contact_added", "b", at(3), "u", loaded=at(45))]},
        "ab",
    ),
    "a ticket moves": (
        {"support": [ticket("1", "created", "a", at(5))]},
        {"support": [event("2", "ticket_changed", "b", at(30), loaded=at(45), ticket_id="42")]},
        "ab",
    ),
    "a third account begins the id that two have spoken of": (
        {"support": [ticket("1", "created", "a", at(5)), ticket("2", "changed", "b", at(6))]},
        {"support": [event("3", "ticket_created", "c", at(30), loaded=at(45), ticket_id="42")]},
        "abc",
    ),
    "a beginning that comes late": (
        {"support": [ticket("1", "created", "a", at(5)), ticket("2", "changed", "b", at(8))]},
        {"support": [event("3", "ticket_created", "b", at(7), loaded=at(45), ticket_id="42")]},
        "ab",
    ),
    "a beginning that turns out to be a copy": (
        {"support": [event("1", "ticket_created", "a", at(5), loaded=at(9), ticket_id="42"), ticket("2", "changed", "b", at(8))]},
        {"support": [event("1", "ticket_changed", "a", at(5), loaded=at(6), ticket_id="42")]},
        "b",
    ),
    "a last event that turns out to be a copy": (
        {"support": [ticket("1", "created", "a", at(5)), event("2", "ticket_changed", "b", at(6), loaded=at(9), ticket_id="42")]},
        {"support": [event("2", "ticket_changed", "c", at(6), loaded=at(7), ticket_id="43")]},
        "ab",
    ),
    "a subscription moves": (
        {"billing": [event("1", "subscription_started", "a", at(5), subscription_id="1", **SUBSCRIPTION)]},
        {"billing": [event("2", "subscription_changed", "b", at(20), None, at(45), subscription_id="1", **SUBSCRIPTION)]},
        "ab",
    ),
    "an invoice moves": (
        {"billing": [event("1", "invoice_issued", "a", at(5), invoice_id="1", due_on="2025-01-09", amount=9, currency="USD")]},
        {"billing": [event("2", "invoice_paid", "b", at(20), None, at(45), invoice_id="1", amount=9, currency="USD")]},
        "a",
    ),
    "a merge is taken the other way": (
        {"crm": merges(("a", "b", 2)), "support": [ticket("1", "created", "a", at(5))]},
        {"crm": [event("back", "account_merged", "b", at(20), loaded=at(45), into_account_id="a")]},
        "ab",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", LATE)
def test_what_comes_late_restates_every_account_concerned(case):
    first, late, restated = LATE[case]
    everybody = created("a", "b", "c") + onboarded("a", "b", "c")
    product = [*(opened(f"{account} {day}", "w", day, account) for account in "abc" for day in range(0, 44, 4))]
    support = [  # so often that what comes late changes no stretch of the stream
        ticket(f"c{day} {kind}", kind, "c", at(day), f"c{day}") for day in range(0, 45, 2) for kind in ("created", "changed")
    ]
    first = {"crm": everybody + first.get("crm", []), "product": product + first.get("product", []),
             "support": support + first.get("support", []), "billing": first.get("billing", [])}  # fmt: skip
    late = {"product": [opened("last", "w", 46, "c")], **late}
    house = warehouse.Nightly(needed=PUBLISHED)
    signals = "select account_id, fct_account_signals from fct_account_signals where date_day < '2025-02-10'"
    house.load(warehouse.raw_frames(first))
    house.build()
    before = {(account, str(row)) for account, row in house.connection.execute(signals).fetchall()}
    house.load(warehouse.raw_frames(late))
    house.build()
    after = {(account, str(row)) for account, row in house.connection.execute(signals).fetchall()}
    assert {account for account, _ in before ^ after} == {*restated}
    both = {stream: first.get(stream, []) + late.get(stream, []) for stream in warehouse.STREAMS}
    assert first_difference(house, both) is None


def drawn_company(rng):
    """Rows of (stream, event) in which five accounts share documents and users, are merged and become known late."""
    accounts, users, ids = "abcde", ("u", "v", "w", "x", "y"), ("1", "2", "3")
    rows = []

    def add(stream, event_type, account, user=None, day=None, **payload):
        when = at(rng.randrange(50) if day is None else day, rng.choice((0, 0.5, 1, 3600)))
        late = rng.choice((0, 0, 0, rng.randrange(25)))
        rows.append(
            (stream, event(f"{stream} {len(rows)}", event_type, account, when, user, when + dt.timedelta(days=late), **payload))
        )

    for account in accounts:
        add("crm", "account_created", account, day=rng.choice((0, 0, 10)))
        add("crm", "onboarding_started", account, day=0)
    for _ in range(rng.randrange(5)):
        add("crm", "account_merged", rng.choice(accounts), into_account_id=rng.choice(accounts))
    for _ in range(14):
        add("crm", rng.choice(("contact_added", "contact_added", "contact_removed")), rng.choice(accounts), rng.choice(users))
    for _ in range(rng.randrange(5)):
        add("crm", "user_identified", rng.choice((None, *accounts)), rng.choice(users), anonymous_id=rng.choice("xyz"))
    for _ in range(60):
        kind = rng.choice(("session_started", "report_viewed"))
        add("product", kind, rng.choice((None, None, *accounts)), rng.choice((*users, "z")))
    for _ in range(14):
        kind = rng.choice(("ticket_created", "ticket_changed", "ticket_solved", "ticket_reopened"))
        add("support", kind, rng.choice(accounts), ticket_id=rng.choice(ids))
    for _ in range(9):
        kind = rng.choice(("subscription_started", "subscription_changed", "subscription_cancelled"))
        terms = {} if kind == "subscription_cancelled" else {**SUBSCRIPTION, "seats": rng.randrange(1, 9)}
        day = rng.randrange(50)
        if kind == "subscription_cancelled":
            terms["effective_on"] = str(at(day).date())
        add("billing", kind, rng.choice(accounts), day=day, subscription_id=rng.choice(ids), **terms)
        kind = rng.choice(("invoice_issued", "invoice_paid"))
        due = {"due_on": str(at(day + 5).date())} if kind == "invoice_issued" else {}
        add("billing", kind, rng.choice(accounts), day=day, invoice_id=rng.choice(ids), amount=10, currency="USD", **due)
    for stream, row in rng.sample(rows, 3):
        copy = row | {"loaded_at": row["loaded_at"] + dt.timedelta(days=rng.randrange(-3, 9))}
        rows.append((stream, copy))
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(warehouse.examples(2)))
def test_nights_equal_a_full_rebuild_whoever_is_who(seed):
    rng = random.Random(f"nights {seed}")
    nights = [defaultdict(list) for _ in range(6)]
    for stream, row in drawn_company(rng):
        night = min((row["loaded_at"] - DAY_ZERO).days // 12, len(nights) - 1)
        if rng.random() < 0.08:  # behind loads that a build has seen
            night = rng.randrange(max(night, 0), len(nights))
        nights[max(night, 0)][stream].append(row)
    house, so_far = warehouse.Nightly(needed=PUBLISHED), defaultdict(list)
    for number, night in enumerate(nights):
        for stream, rows in night.items():
            so_far[stream] += rows
        house.load(warehouse.raw_frames(night))
        house.build()
        difference = first_difference(house, so_far)
        assert difference is None, f"night {number}: {difference}"
