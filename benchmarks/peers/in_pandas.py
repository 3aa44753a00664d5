"""The questions in pandas: group, put on the calendar, roll."""

from __future__ import annotations

import argparse
import resource
from pathlib import Path

import numpy as np
import pandas as pd

from . import COLUMNS, DISTINCT, SUMS


def daily_counts(events: pd.DataFrame, calendar: pd.MultiIndex) -> pd.DataFrame:
    """Return events, logins and active days of every account and day."""
    days = events.groupby(["account_id", "day"], observed=True).agg(
        events=("event_type", "size"), logins=("is_login", "sum")
    )
    days = days.reindex(calendar, fill_value=0)
    days["active_days"] = (days["events"] > 0).astype(int)
    return days


def rolling_distinct(events: pd.DataFrame, column: str, window: int, calendar: pd.MultiIndex) -> pd.Series:
    """Return how many different values an account had in the window of days that ends each day.

    Each day that a value is seen is repeated on the days whose window reaches back to it.
    """
    seen = events[["account_id", column, "day"]].dropna().drop_duplicates()
    parts = [seen.assign(day=seen["day"] + np.timedelta64(days, "D")) for days in range(window)]
    reach = pd.concat(parts, ignore_index=True).drop_duplicates()
    counts = reach.groupby(["account_id", "day"], observed=True).size()
    return counts.reindex(calendar, fill_value=0)


def rolling_signals(events: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Return one row per account and observed day with every rolling count."""
    spans = accounts.assign(
        day=[pd.date_range(*span) for span in zip(accounts["started_on"], accounts["ended_on"], strict=True)]
    ).explode("day")
    calendar = pd.MultiIndex.from_arrays(
        [spans["account_id"], spans["day"].astype("datetime64[s]")], names=["account_id", "day"]
    ).sort_values()
    days = daily_counts(events, calendar)
    signals = pd.DataFrame(index=calendar)
    by_account = days.groupby(level="account_id", observed=True, sort=False)
    for name, windows in SUMS.items():
        for window in windows:
            rolled = by_account[name].rolling(window, min_periods=1).sum()
            signals[f"{name}_{window}d"] = rolled.to_numpy().astype(int)
    sources = {"users": "user_id", "features": "feature", "modules": "module"}
    for name, windows in DISTINCT.items():
        for window in windows:
            signals[f"{name}_{window}d"] = rolling_distinct(events, sources[name], window, calendar)
    return signals.reset_index()


def milestone_moments(
    events: pd.DataFrame,
    accounts: pd.DataFrame,
    subjects: pd.DataFrame,
    counted: pd.DataFrame,
    of_users: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the moments of needed events by account and subject, and the moments of the users' first events."""
    mine = events.merge(subjects, on="event_type").merge(accounts[["account_id", "started_on"]], on="account_id")
    mine = mine[mine["occurred_at"] >= mine["started_on"]].sort_values("occurred_at")
    needed = mine.merge(counted, on="subject")
    nth = needed.groupby(["account_id", "subject", "needed"], observed=True).cumcount() + 1
    reached = needed.loc[nth == needed["needed"], ["account_id", "subject", "needed", "occurred_at"]]
    users = mine[mine["subject"].isin(of_users["subject"])].dropna(subset=["user_id"])
    firsts = users.drop_duplicates(["account_id", "subject", "user_id"])
    number = firsts.groupby(["account_id", "subject"], observed=True).cumcount() + 1
    return reached, firsts.assign(user_number=number)[["account_id", "subject", "user_number", "occurred_at"]]


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.in_pandas")
    parser.add_argument("--inputs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most-memory", type=int, required=True, help="bytes")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_DATA, (arguments.most_memory, arguments.most_memory))
    tables = {
        name: pd.read_parquet(arguments.inputs / f"{name}.parquet")
        for name in ("events", "accounts", "tracking_plan", "subjects", "counted", "of_users")
    }
    events = tables["events"].astype(dict.fromkeys(["account_id", "user_id", "event_type"], "category"))
    del tables["events"]
    plan = tables["tracking_plan"].set_index("event_type")
    for column in ("feature", "module"):
        events[column] = events["event_type"].map(plan[column]).astype("category")
    events["is_login"] = events["event_type"].map(plan["role"]).eq("login")
    events["day"] = events["occurred_at"].dt.normalize().astype("datetime64[s]")
    arguments.out.mkdir(parents=True, exist_ok=True)
    signals = rolling_signals(events, tables["accounts"])
    signals[["account_id", "day", *COLUMNS]].to_parquet(arguments.out / "signals.parquet")
    reached, firsts = milestone_moments(
        events[["account_id", "user_id", "event_type", "occurred_at"]],
        tables["accounts"], tables["subjects"], tables["counted"], tables["of_users"],
    )  # fmt: skip
    reached.to_parquet(arguments.out / "reached.parquet")
    firsts.to_parquet(arguments.out / "firsts.parquet")


if __name__ == "__main__":
    main()
