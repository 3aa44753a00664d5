"""The rolling and milestone questions of the product stream, answered in two usual ways.

The questions, per account and observed day: events of 7, 30 and 60 days, logins of 7, 14 and 30, active days of 7 and 30,
distinct users of 7 and 30, distinct features and modules of 30. And per account and event criterion: the moment of the
needed event, and of each user's first. Peers start from accepted events with their account, so that duplicates,
refusals, merges and memberships cost them nothing.
"""

SUMS = {"events": (7, 30, 60), "logins": (7, 14, 30), "active_days": (7, 30)}
DISTINCT = {"users": (7, 30), "features": (30,), "modules": (30,)}
COLUMNS = [f"{name}_{days}d" for names in (SUMS, DISTINCT) for name, windows in names.items() for days in windows]
