"""The candidate for its reviewers: one Markdown page and its plots."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from sklearn.calibration import calibration_curve  # noqa: E402
from sklearn.metrics import brier_score_loss, log_loss, roc_curve  # noqa: E402

from .learn import filled, within_auc  # noqa: E402


def _save(figure, path):
    figure.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return path


def _table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def _number(value, places=3):
    return "–" if value is None or np.isnan(value) else f"{value:.{places}f}"


def _places(risk, group):
    """Place of each risk (n,) in its group (n,), 0 to 1: accounts of one date and stage are compared."""
    return pd.Series(risk).groupby(group).rank(pct=True).to_numpy()


def _plot_weights(learned, live, path):
    metrics = sorted(set(live) | set(learned.weights))
    figure, axes = plt.subplots(figsize=(7, 0.35 * len(metrics) + 1))
    place = np.arange(len(metrics))
    axes.barh(place + 0.2, [live.get(metric, 0) for metric in metrics], 0.4, label="live", color="#9aa5b1")
    axes.barh(place - 0.2, [learned.weights.get(m, 0) / 10_000 for m in metrics], 0.4, label="candidate", color="#2563eb")
    axes.set_yticks(place, metrics)
    axes.invert_yaxis()
    axes.set_xlabel("weight")
    axes.legend(frameon=False)
    return _save(figure, path)


def _plot_roc(development, scores, path):
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    seen = ~np.isnan(scores.probability)
    for name, risk, colour in (
        ("live score", -development.score[seen], "#9aa5b1"),
        ("candidate", scores.probability[seen], "#2563eb"),
    ):
        group, churned = development.group[seen], development.churned[seen]
        false_share, true_share, _ = roc_curve(churned, _places(risk, group))
        axes.plot(false_share, true_share, color=colour, label=f"{name}, AUC {within_auc(churned, risk, group):.2f}")
    axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
    axes.set_xlabel("of those that stayed")
    axes.set_ylabel("of the churners")
    axes.legend(frameon=False)
    return _save(figure, path)


def _plot_reliability(learned, scores, path):
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    seen = ~np.isnan(scores.probability)
    truth, raw = learned.development.churned[seen], scores.probability[seen]
    curves = {"as fitted": raw} | {name: adjust(raw) for name, adjust in learned.calibrations.items()}
    top = 0.0
    for name, values in curves.items():
        observed, predicted = calibration_curve(truth, values, n_bins=8, strategy="quantile")
        axes.plot(predicted, observed, marker="o", markersize=3, label=name)
        top = max(top, observed.max(), predicted.max())
    axes.plot([0, top], [0, top], color="#d1d5db", linewidth=1)
    axes.set_xlabel("predicted churn")
    axes.set_ylabel("observed churn")
    axes.legend(frameon=False)
    return _save(figure, path)


def _models(learned):
    live = learned.development
    rows = []
    for name, scores in learned.models.items():
        blocks = ", ".join(_number(value, 2) for value in scores.auc_by_block)
        rows.append((name, _number(scores.auc), blocks, _number(scores.log_loss, 4), _number(scores.brier, 4)))
    scores, group = next(iter(learned.models.values())), live.group
    seen = ~np.isnan(scores.probability)
    blocks = ", ".join(
        _number(within_auc(*(values[scores.block == k] for values in (live.churned, -live.score, group))), 2)
        for k in range(1, len(scores.auc_by_block) + 1)
    )
    rows.append(("the live score", _number(within_auc(live.churned[seen], -live.score[seen], group[seen])), blocks, "–", "–"))
    return _table(["model", "AUC", "by block of time", "log-loss", "Brier"], rows)


def _holdout(learned, needs):
    holdout = learned.holdout
    lost = int(holdout.churned.sum())
    if lost < needs.churners or len(holdout) - lost < needs.churners:
        return (
            f"The holdout has {len(holdout):,} observations and {lost} churners; {needs.churners} are needed, so it is not "
            "judged. The figures above are all there is, and the choice of the penalty has seen them."
        )
    raw = learned.linear.predict(filled(holdout.x))
    rows = [
        ("the live score", _number(within_auc(holdout.churned, -holdout.score, holdout.group)), "–", "–"),
        *(
            (name, _number(within_auc(holdout.churned, values, holdout.group)), _number(log_loss(holdout.churned, values), 4))
            + (_number(brier_score_loss(holdout.churned, values), 4),)
            for name, values in (
                ("candidate, as fitted", raw),
                *((f"candidate, {name}", adjust(raw)) for name, adjust in learned.calibrations.items()),
            )
        ),
    ]
    head = f"{len(holdout):,} observations, {lost} churners, later than all that was learned from and of other accounts.\n\n"
    return head + _table(["", "AUC", "log-loss", "Brier"], rows)


def headline(learned):
    """One sentence for the rationale cell of the version: what the weights rest on and how well they predict."""
    scores = next(iter(learned.models.values()))
    return (
        f"Learned from {len(learned.development):,} observations with {int(learned.development.churned.sum())} churners; "
        f"AUC {scores.auc:.2f} out of sample"
    )


def write(folder, learned, needs, live, base, version, horizon, settings):
    """Write report.md and its plots into a folder; returns the page's path.

    learned is a Learned, needs a Needs, live the base version's weights by metric, base and version names, horizon in
    days, settings a Settings.
    """
    folder = Path(folder)
    scores = next(iter(learned.models.values()))
    _plot_weights(learned, live, folder / "weights.png")
    _plot_roc(learned.development, scores, folder / "roc.png")
    _plot_reliability(learned, scores, folder / "reliability.png")

    place = {metric: number for number, metric in enumerate(learned.metrics)}
    rows = []
    for metric, row in learned.screening.iterrows():
        inside = metric in place
        rows.append(
            (
                metric, f"{row.observed:.0%}", _number(row.auc, 2), _number(live.get(metric, 0), 4),
                _number(learned.weights[metric] / 10_000, 4) if inside else "0",
                f"{learned.shares[place[metric]]:.0%}" if inside else "",
                "higher churns more" if inside and learned.signs[metric] < 0 else row.reason,
            )
        )  # fmt: skip
    seen = ~np.isnan(scores.probability)
    raw, truth = np.clip(scores.probability[seen], 1e-6, 1 - 1e-6), learned.development.churned[seen]
    page = f"""# Candidate version {version}

{headline(learned)}. Horizon: churn within {horizon} days after the lead gap. It stands beside {base}; nothing live was changed.

## Weights

![Weights](weights.png)

{_table(["metric", "observed", "AUC alone", base, version, "share", "note"], rows)}

Accounts are compared with those of the same score date and stage only, here and in every AUC below.
`AUC alone` says how well the metric sorts churners below the others by itself; 0.5 is a coin. `share` is how much it counts
in boosted trees ({learned.shares_method}), which know no weights: where it and the weight disagree, the
metric acts through others or not in a straight line. "Higher churns more" means that without the constraint the metric
would count against its own direction, so look at its definition before its weight.

## Does it predict better

Each block of time is predicted from what precedes it, by models that never saw the account ({settings.folds} blocks,
{int(seen.sum()):,} of {len(seen):,} observations are predicted).

{_models(learned)}

![ROC](roc.png)

### Holdout

{_holdout(learned, needs)}

## From score to probability

![Reliability](reliability.png)

Out of sample, the mean prediction is {raw.mean():.4f} and the churn rate {truth.mean():.4f}.
Platt and isotonic calibration are fitted on these same predictions; judge them on the holdout.

## Limits

- Scores are restated: they know events that came late. Treated accounts are in, so a metric that people act on looks
  weaker than it is.
- The labels of one account at several dates are not independent; accounts never stand on both sides of a fold.
- {int(learned.development.churned.sum())} churners carry {len(learned.metrics)} weights. Ten for each is the usual least.

## To accept it

1. Append the rows to the files of the same name: for each of health_model_versions, health_weights and health_bands
   `tail -n +2 candidate/<file>.csv >> seeds/scoring/<file>.csv` (or the folders that you named). On its own track the version
   is judged beside {base} and changes nothing live.
2. `dbt build`. fct_challenger_scores says which accounts change band and the ARR that moves; rpt_health_validation has it as
   predictor `candidate {version}` beside the score.
3. To promote it, give its row in health_model_versions.csv the track `live` and the day from which it holds, and let {base} end
   the day before (`effective_to`). History stays as {base} judged it.

Penalty chosen by log-loss: {learned.penalty}. Options: {settings}.
"""
    path = folder / "report.md"
    path.write_text(page)
    return path


def write_judged(folder, judged, live, base, version):
    """Write report.md of weights from judgements; judged is a Judged, live the base version's weights by metric."""
    rows = [
        (metric, _number(live.get(metric, 0), 4), _number(weight, 4))
        for metric, weight in sorted(zip(judged.metrics, judged.weights, strict=True), key=lambda row: -row[1])
    ]
    path = Path(folder) / "report.md"
    path.write_text(f"""# Candidate version {version}

Weights from pairwise judgements (analytic hierarchy process), beside {base}. They say what people hold to matter; whether they
predict is for rpt_health_validation to say once there is history.

{_table(["metric", base, version], rows)}

Consistency ratio {judged.consistency_ratio:.3f} (up to 0.1 is accepted), largest eigenvalue {judged.eigenvalue:.3f}.
Most strained: {judged.worst}.
""")
    return path
