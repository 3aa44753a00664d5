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

    `decisions` are the events of one subscription, with `effective_on` where they cancel.
    """
    entries = [(datetime.date.min, None)]
    for event in in_business_order(decisions):
        day = event["occurred_at"].date()
        if event["event_type"] != "subscription_cancelled":
            said = [(day, event)]
        elif event["effective_on"] > day:
            said = [(day, held(entries, day)), (event["effective_on"], None)]
        else:
            said = [(event["effective_on"], None)]
        entries = [entry for entry in entries if entry[0] < said[0][0]] + said
    return entries


def held(entries, day):
    """The terms that a timeline holds on a day; None where there are none."""
    return [terms for since, terms in entries if since <= day][-1]
