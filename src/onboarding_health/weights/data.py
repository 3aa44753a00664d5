"""What the warehouse holds to learn from."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

_OBSERVATIONS = """
    select account_id, score_date, compared_stage, model_version, score, has_churned, account_split, split
    from fct_churn_labels where basis = 'restated' and horizon_days = ? and has_churned is not null
    order by account_id, score_date
"""
_DRIVERS = """
    select drivers.account_id, drivers.score_date, metric, normalised, value_status = 'observed' as is_observed
    from fct_health_drivers as drivers
    inner join fct_churn_labels as outcomes using (account_id, score_date)
    where outcomes.basis = 'restated' and outcomes.horizon_days = ? and outcomes.has_churned is not null
"""


class TooLittleData(Exception):
    """The history cannot carry what was asked of it; the message says what is lacking, for people."""


@dataclass
class History:
    """Labelled observations, n of them, ordered by account and date, and m metrics.

    x is (n, m), each metric between 0 (worst) and 1 (best) as the score used it, nan where it was dropped; observed is
    (n, m) booleans; churned is (n,) of 0 and 1; account, date (numpy days), account_split and split are (n,);
    score is (n,), 0 to 100, of the version in version (n,); stage (n,) is that whose accounts of the date it is beside.
    """

    metrics: list
    x: np.ndarray
    observed: np.ndarray
    churned: np.ndarray
    account: np.ndarray
    date: np.ndarray
    account_split: np.ndarray
    split: np.ndarray
    score: np.ndarray
    version: np.ndarray
    stage: np.ndarray

    def __len__(self):
        return len(self.churned)

    def where(self, chosen):
        """The observations that a mask (n,) or positions choose, as History."""
        arrays = {k: v[chosen] for k, v in vars(self).items() if k != "metrics"}
        return History(metrics=self.metrics, **arrays)

    def only(self, metrics):
        """The same observations with these metrics only, in their order."""
        columns = [self.metrics.index(metric) for metric in metrics]
        changed = {"metrics": list(metrics), "x": self.x[:, columns], "observed": self.observed[:, columns]}
        return History(**vars(self) | changed)

    @property
    def group(self):
        """Numbers (n,) of the groups that are compared, those of one date and stage, as the verdict does it."""
        keys = np.char.add(np.char.add(self.date.astype(str), " "), self.stage.astype(str))
        return np.unique(keys, return_inverse=True)[1]

    def development(self):
        """What may be learned from: all that precedes the holdout, of accounts that are not allotted to it."""
        return self.where((self.account_split != "holdout") & (self.date < self._holdout_begins()))

    def holdout(self):
        """What nothing is learned from."""
        return self.where(self.split == "holdout")

    def _holdout_begins(self):
        dates = self.date[self.split == "holdout"]
        return dates.min() if len(dates) else np.datetime64("9999-12-31")


@dataclass
class Needs:
    """The least that validation_horizons asks for: observations, churners."""

    observations: int
    churners: int

    def check(self, history, what):
        """Raise TooLittleData where a History has fewer; what names it in the message."""
        lost, kept = int(history.churned.sum()), int((1 - history.churned).sum())
        lacks = [
            f"too few {name}: {found:,}, needs {needed:,}"
            for name, found, needed in (
                ("observations", len(history), self.observations),
                ("churners", lost, self.churners),
                ("that stayed", kept, self.churners),
            )
            if found < needed
        ]
        if lacks:
            raise TooLittleData(f"{what} {'; '.join(lacks)}. Nothing was learned and nothing was written.")


def read(warehouse, horizon):
    """Read the history of one horizon (days) from a DuckDB file, without writing to it.

    Returns (History, Needs). TooLittleData where the marts hold no labelled
    observation, ValueError where the file or a mart is missing or the horizon is none of validation_horizons.
    """
    if not Path(warehouse).is_file():
        raise ValueError(f"There is no warehouse {warehouse}. Run `make build` first.")
    with duckdb.connect(str(warehouse), read_only=True) as con:
        try:
            needs = con.execute(
                "select min_observations, min_churners from validation_horizons where horizon_days = ?", [horizon]
            ).fetchone()
            rows, drivers = (con.execute(query, [horizon]).df() for query in (_OBSERVATIONS, _DRIVERS))
            horizons = [str(row[0]) for row in con.execute("from validation_horizons order by all").fetchall()]
        except duckdb.CatalogException as error:
            raise ValueError(f"{warehouse} lacks a mart that weight training reads: {error}. Build it anew.") from error
    if needs is None:
        raise ValueError(f"{horizon} is no horizon of validation_horizons.csv. Take one of {', '.join(horizons)}.")
    if rows.empty:
        raise TooLittleData(f"No window of {horizon} days is over yet, so nobody knows who churned.")
    key = ["account_id", "score_date"]
    index = pd.MultiIndex.from_frame(rows[key])
    x = drivers.pivot(index=key, columns="metric", values="normalised").reindex(index).sort_index(axis=1)
    observed = drivers.pivot(index=key, columns="metric", values="is_observed").reindex(index)[x.columns]
    history = History(
        metrics=list(x.columns),
        x=x.to_numpy(dtype=float, na_value=np.nan),
        observed=observed.astype("boolean").fillna(False).to_numpy(dtype=bool),
        churned=rows.has_churned.to_numpy(dtype=int),
        account=rows.account_id.to_numpy(dtype=str),
        date=rows.score_date.to_numpy(dtype="datetime64[D]"),
        account_split=rows.account_split.to_numpy(dtype=str),
        split=rows.split.to_numpy(dtype=str),
        score=rows.score.to_numpy(dtype=float),
        version=rows.model_version.to_numpy(dtype=str),
        stage=rows.compared_stage.to_numpy(dtype=str),
    )
    return history, Needs(*needs)
