"""Prints how well the score of the demo company predicts churn, beside what its true hazard would allow.

The truth is the simulator's: no model reads it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from ..warehouse import opened_or_exit

# The area under the curve in ranks, within score dates and stages; a tie has the mean of its ranks.
AREAS = """
    with observed as (
        select
            outcomes.basis,
            outcomes.horizon_days,
            outcomes.score_date,
            outcomes.compared_stage,
            outcomes.has_churned::int as churned,
            outcomes.score,
            weeks.churn_probability
        from fct_churn_labels as outcomes
        asof inner join read_parquet(?) as weeks
            on outcomes.account_id = weeks.account_id and outcomes.score_date >= weeks.week_on
        where outcomes.has_churned is not null
    ),

    ranked as (
        select
            basis,
            horizon_days,
            score_date,
            compared_stage,
            churned,
            rank() over (partition by basis, horizon_days, score_date, compared_stage order by score desc)
            + (count(*) over (partition by basis, horizon_days, score_date, compared_stage, score) - 1) / 2 as score_rank,
            rank() over (partition by basis, horizon_days, score_date, compared_stage order by churn_probability)
            + (count(*) over (partition by basis, horizon_days, score_date, compared_stage, churn_probability) - 1) / 2
                as hazard_rank
        from observed
    ),

    groups as (
        select
            basis,
            horizon_days,
            count(*) as observations,
            sum(churned) as churners,
            sum(churned) * (count(*) - sum(churned)) as pairs,
            sum(churned * score_rank) - sum(churned) * (sum(churned) + 1) / 2 as score_placed,
            sum(churned * hazard_rank) - sum(churned) * (sum(churned) + 1) / 2 as hazard_placed
        from ranked
        group by basis, horizon_days, score_date, compared_stage
    )

    select
        basis,
        horizon_days,
        sum(observations) as observations,
        sum(churners) as churners,
        sum(score_placed) / sum(pairs) as score_auc,
        sum(hazard_placed) / sum(pairs) as hazard_auc
    from groups
    group by basis, horizon_days
    having sum(pairs) > 0
    order by basis, horizon_days
"""


def areas(connection: duckdb.DuckDBPyConnection, truth: Path) -> list[tuple]:
    """Return basis, horizon, observations, churners, AUC of the score and of the true hazard, per basis and horizon.

    `connection` holds the marts of a simulated company, `truth` is its `_truth` folder. The hazard is the weekly
    probability of a notice in the week of the score date or, after the notice, the last before.
    """
    return connection.execute(AREAS, [str(truth / "account_weeks.parquet")]).fetchall()


def show(truth: Path) -> None:
    """Print the areas of the warehouse that ONBOARDING_HEALTH_WAREHOUSE names; ends the program where the truth is missing."""
    if not (truth / "account_weeks.parquet").is_file():
        sys.exit(f"This needs the truth of the demo in {truth}: run `make build` first.")
    with opened_or_exit() as connection:
        print("basis       horizon  observations  churners  AUC of the score  AUC of the true hazard")
        for basis, horizon, observations, churners, score, hazard in areas(connection, truth):
            print(f"{basis:<12}{horizon:>7}{observations:>14,}{churners:>10,}{score:>18.3f}{hazard:>24.3f}")
