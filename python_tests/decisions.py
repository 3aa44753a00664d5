"""What decisions on subscriptions leave, by making one after the other: a plain replay of definitions.md for tests."""

import datetime


def in_business_order(events):
    """The events in their order: of one second that of the business. Events are dicts that carry `business_order`."""
    return sorted(
        events,
        key=lambda event: (
            event["occurred_at"].replace(microsecond=0),
            event["business_order"],
            event["occurred_at"],
            event["loaded_at"],
            event["event_id"],
        ),
    )


def timeline(decisions):
    """What holds from which day on, in order of days: (day, the event of the terms or None), from the first day ever on.

    `decisions` are the events of one subscription; `effective_on` is the first day of what they say, by default their own.
    """
    entries = [(datetime.date.min, None)]
    for event in in_business_order(decisions):
        day = event["occurred_at"].date()
        first, terms = event.get("effective_on") or day, event
        if event["event_type"] == "subscription_cancelled":
            terms = None
            entries = [(since, held) for since, held in entries if since < first and (held or since <= day)]
        else:
            entries = [(since, held) for since, held in entries if since != first and (held or since < first)]
        entries = sorted([*entries, (first, terms)], key=lambda entry: entry[0])
    return entries


def known_terms(decisions):
    """The events of one subscription, in their order; a change, and a renewal, carries what it omits of the terms before."""
    kept = {}
    for event in in_business_order(decisions):
        if event["event_type"] != "subscription_cancelled":
            fresh = {"subscription_started": ("seats", "term_end"), "subscription_renewed": ("term_end",)}
            kept = {key: value for key, value in kept.items() if key not in fresh.get(event["event_type"], ())}
            said = {key: event[key] for key in ("seats", "term_end") if event.get(key) is not None}
            if str(said.get("term_end", "9")) < str(event.get("effective_on") or event["occurred_at"].date()):
                del said["term_end"]
            kept |= said
            event = {key: value for key, value in event.items() if key not in ("seats", "term_end")} | kept
        yield event


def lapses(decisions, grace, as_of):
    """First day without terms -> of every entry of the timeline that is in a term which ran out and nobody renewed.

    {first day of the entry: day}. `decisions` carry what they omit; `grace` is in days, None where terms renew by themselves.
    """
    entries, found = timeline(decisions), {}
    decided = {id(event): event["occurred_at"].date() for event in decisions}
    cancelled = [event for event in decisions if event["event_type"] == "subscription_cancelled"]
    for number, (since, terms) in enumerate(entries):
        end = terms and terms.get("term_end")
        if not end or grace is None:
            continue
        end = datetime.date.fromisoformat(end)
        first = last = number
        while first and entries[first - 1][1] and entries[first - 1][1].get("term_end") == terms["term_end"]:
            first -= 1
        while last + 1 < len(entries) and entries[last + 1][1] and entries[last + 1][1].get("term_end") == terms["term_end"]:
            last += 1
        over = end + datetime.timedelta(days=grace + 1)
        until, following = entries[last + 1] if last + 1 < len(entries) else (datetime.date.max, terms)
        by_notice = following is None and any(
            event["effective_on"] == until and decided[id(event)] < over for event in cancelled
        )
        if entries[first][0] <= end and until > over <= as_of and not by_notice:
            found[since] = end + datetime.timedelta(days=1)
    return found


def held(entries, day):
    """The terms that a timeline holds on a day; None where there are none."""
    return [terms for since, terms in entries if since <= day][-1]
