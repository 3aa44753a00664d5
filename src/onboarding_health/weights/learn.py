"""From a history to weights: screening, models, time-aware cross-validation, calibration of probabilities."""

from dataclasses import dataclass, field
from hashlib import md5

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize
from scipy.special import expit, log_expit, logit
from scipy.stats import spearmanr
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from .data import TooLittleData

STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # of the penalty, in observations
_EPSILON = 1e-6  # keeps predicted probabilities off 0 and 1


@dataclass
class Settings:
    """Choices of a run; the defaults stand in the command line's help."""

    folds: int = 5
    max_correlation: float = 0.8
    min_observed: float = 0.2
    monotone: bool = True
    seed: int = 7


@dataclass
class Linear:
    """P(churn) = expit(intercept - x @ slopes); slopes (m,) are not negative."""

    intercept: float
    slopes: np.ndarray

    def predict(self, x):
        """Churn probability (n,) of metrics (n, m)."""
        return expit(self.intercept - x @ self.slopes)


def filled(x):
    """Metrics (n, m) with 0.5, the neutral value, where nan: a dropped metric says neither good nor bad."""
    return np.where(np.isnan(x), 0.5, x)


def within_auc(churned, risk, group):
    """AUC of risks (n,) within groups (n,): over the pairs of a churner and an other of one group; nan where there is none."""
    pairs, placed = 0, 0.0
    for rows in np.split(np.argsort(group, kind="stable"), np.cumsum(np.unique(group, return_counts=True)[1])[:-1]):
        lost = int(churned[rows].sum())
        count = lost * (len(rows) - lost)
        if count:
            pairs, placed = pairs + count, placed + count * roc_auc_score(churned[rows], risk[rows])
    return placed / pairs if pairs else np.nan


def within_loss(churned, probability, group):
    """Log-loss of probabilities (n,) raised or lowered in each group (n,) to its own rate: what they tell beside the rate.

    Over the groups with churners and others; nan where there is none.
    """
    logits, terms = logit(probability), []
    for rows in (np.flatnonzero(group == number) for number in np.unique(group)):
        rate = churned[rows].mean()
        if 0 < rate < 1:
            ends = logit(rate) - logits[rows].max() - 1, logit(rate) - logits[rows].min() + 1
            level = brentq(lambda level, rows=rows, rate=rate: expit(level + logits[rows]).mean() - rate, *ends)
            terms.append(-log_expit((2.0 * churned[rows] - 1) * (level + logits[rows])))
    return np.concatenate(terms).mean() if terms else np.nan


def centred(x, group):
    """Metrics (n, m) less their mean in the group (n,): beside whom, not when."""
    sums = np.zeros((group.max() + 1, x.shape[1]))
    np.add.at(sums, group, x)
    return x - (sums / np.maximum(np.bincount(group), 1)[:, None])[group]


def fit_linear(x, churned, group, l1=0.0, l2=0.0, any_sign=False):
    """Logistic regression with slopes of at least 0 and an intercept for each group, by L-BFGS-B.

    x is (n, m) without nan, churned (n,) of 0 and 1, group (n,) of whole numbers: the slopes compare accounts of one date and
    stage, whatever the rates of these are (fixed effects). l1 and l2 are the penalties on the sum of the slopes and on half
    the sum of their squares, in observations (0: none). With slopes held at 0 or more the L1 penalty is linear, so the
    problem is smooth and convex; any_sign frees them and takes l2 only. A group of one class says nothing of the slopes.
    The intercept of Linear, for dates to come, is that of all observations given the slopes. Returns Linear.
    """
    lost, size = np.bincount(group, churned), np.bincount(group)
    told = ((lost > 0) & (lost < size))[group]
    inside, place = np.unique(group[told], return_inverse=True)
    values, sign, m, count = x[told], 2.0 * churned[told] - 1, x.shape[1], len(inside)

    def loss(parameters):
        slopes = parameters[count:]
        z = sign * (parameters[:count][place] - values @ slopes)
        value = -log_expit(z).sum() + l1 * slopes.sum() + 0.5 * l2 * (slopes @ slopes)
        pull = -sign * expit(-z)
        return value, np.concatenate([np.bincount(place, pull, count), -values.T @ pull + l1 + l2 * slopes])

    start = np.concatenate([logit(lost[inside] / size[inside]), np.zeros(m)])
    bounds = [(None, None)] * count + [(None if any_sign else 0, None)] * m
    options = {"maxiter": 5000, "maxfun": 10**6, "ftol": 1e-13, "gtol": 1e-9}
    slopes = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x[count:]
    pushed = x @ slopes
    rate = np.clip(churned.mean(), _EPSILON, 1 - _EPSILON)
    ends = logit(rate) + pushed.min() - 1, logit(rate) + pushed.max() + 1
    return Linear(float(brentq(lambda level: expit(level - pushed).mean() - rate, *ends)), slopes)


class Boosted:
    """Gradient-boosted trees of scikit-learn; monotone: a higher metric never raises the probability."""

    def __init__(self, x, churned, monotone, seed):
        """Fit on metrics (n, m), centred in their groups, and churned (n,) of 0 and 1."""
        self.model = HistGradientBoostingClassifier(
            max_iter=100, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=20, l2_regularization=1.0,
            early_stopping=False, random_state=seed, monotonic_cst=[-1] * x.shape[1] if monotone else None,
        ).fit(x, churned)  # fmt: skip

    def predict(self, x):
        """Churn probability (n,) of metrics (n, m)."""
        return self.model.predict_proba(x)[:, 1]


def screen(history, settings):
    """Which metrics may take part, and why the others may not.

    Drops what is rarely observed or never varies, then, of each pair whose Spearman correlation is beyond the limit, the
    one with the lower AUC of its own. Returns (kept metrics, frame with one row a metric: observed share, auc, reason,
    Spearman matrix as frame). TooLittleData where none is left.
    """
    x, group, rows = filled(history.x), history.group, {}
    for column, metric in enumerate(history.metrics):
        share = history.observed[:, column].mean()
        reason = ""
        if share < settings.min_observed:
            reason = f"observed in {share:.0%} of the observations only, needs {settings.min_observed:.0%}"
        elif np.ptp(x[:, column]) == 0:
            reason = "never varies"
        rows[metric] = {"observed": share, "auc": within_auc(history.churned, -x[:, column], group), "reason": reason}
    table = pd.DataFrame.from_dict(rows, orient="index")
    kept = [metric for metric in history.metrics if not rows[metric]["reason"]]
    if not kept:
        raise TooLittleData("No metric is observed often enough to learn a weight for it.")
    values = x[:, [history.metrics.index(metric) for metric in kept]]
    matrix = np.eye(len(kept))
    if len(kept) > 1:
        ranks = spearmanr(values).statistic
        matrix = ranks if np.ndim(ranks) else np.array([[1, ranks], [ranks, 1]])
    correlations = pd.DataFrame(matrix, index=kept, columns=kept)
    for metric in sorted(kept, key=lambda metric: (-table.auc[metric], metric)):
        for other in kept:
            close = abs(correlations.loc[metric, other]) > settings.max_correlation
            if metric != other and close and not table.reason[metric] and not table.reason[other]:
                table.loc[other, "reason"] = f"says the same as {metric} (rho {correlations.loc[metric, other]:.2f})"
    return [metric for metric in kept if not table.reason[metric]], table, correlations


def folds(history, count):
    """Time-aware folds, grouped by account: positions (train, test), count blocks of time with count groups each.

    The dates are cut in count + 1 blocks; each but the first is predicted from the observations before it, by models
    that never saw the account: accounts fall in count groups by the MD5 of their id, and a group is predicted from the
    others. Yields (block, train, test). TooLittleData where there are fewer dates than blocks.
    """
    dates = np.unique(history.date)
    if len(dates) <= count:
        raise TooLittleData(
            f"{len(dates)} score dates with a closed window are too few for {count} folds in time, which need {count + 1}. "
            "Wait for more history or take a shorter horizon."
        )
    block = np.searchsorted([part[0] for part in np.array_split(dates, count + 1)], history.date, side="right") - 1
    group = np.array([int(md5(name.encode()).hexdigest()[:8], 16) % count for name in history.account])
    for number in range(1, count + 1):
        for part in range(count):
            train = np.flatnonzero((block < number) & (group != part))
            test = np.flatnonzero((block == number) & (group == part))
            if len(test):
                yield number, train, test


@dataclass
class Scores:
    """How well one model predicts what it has not seen: probabilities (n,), nan where no fold predicts, and figures."""

    probability: np.ndarray
    block: np.ndarray
    auc: float = np.nan
    auc_by_block: list = field(default_factory=list)
    log_loss: float = np.nan
    brier: float = np.nan
    within_loss: float = np.nan


def cross_validate(fit, x, history, count):
    """Out-of-fold predictions of a model from metrics x (n, m).

    fit takes metrics (n, m), churned (n,) and group (n,) and returns an object with predict. Where no group of a training
    part holds both classes, its own rate is predicted. The AUC is that within groups. Returns Scores over the blocks that
    are predicted; TooLittleData where their observations are all of one class.
    """
    probability, block = np.full(len(history), np.nan), np.zeros(len(history), dtype=int)
    group = history.group
    for number, train, test in folds(history, count):
        churned = history.churned[train]
        if not np.isnan(within_auc(churned, churned, group[train])):
            probability[test] = fit(x[train], churned, group[train]).predict(x[test])
        else:
            probability[test] = (churned.sum() + 0.5) / (len(churned) + 1)
        block[test] = number
    probability = np.clip(probability, _EPSILON, 1 - _EPSILON)
    seen = ~np.isnan(probability)
    truth = history.churned[seen]
    if len(set(truth)) < 2:
        raise TooLittleData("In the part of the history that can be predicted from what precedes it, nobody churned.")
    by_block = []
    for number in range(1, count + 1):
        here = block == number
        by_block.append(within_auc(history.churned[here], probability[here], group[here]))
    found = probability[seen]
    auc = within_auc(truth, found, group[seen])
    losses = log_loss(truth, found), brier_score_loss(truth, found), within_loss(truth, found, group[seen])
    return Scores(probability, block, auc, by_block, *losses)


def calibrations(probability, churned):
    """Platt's and isotonic calibration of probabilities (n,) with outcomes (n,).

    Platt (1999): a logistic regression on the logit, without a penalty; isotonic: the monotone step function of least squares.
    Returns functions from probabilities to probabilities, by name.
    """
    probability = np.clip(probability, _EPSILON, 1 - _EPSILON)
    platt = LogisticRegression(C=np.inf, max_iter=2000).fit(logit(probability)[:, None], churned)
    steps = IsotonicRegression(y_min=_EPSILON, y_max=1 - _EPSILON, out_of_bounds="clip").fit(probability, churned)

    def by_platt(values):
        return platt.predict_proba(logit(np.clip(values, _EPSILON, 1 - _EPSILON))[:, None])[:, 1]

    return {"Platt": by_platt, "isotonic": steps.predict}


def as_weights(slopes, places=4):
    """Slopes (m,) of at least 0 as weights of so many decimals that sum to 1 exactly (largest remainders).

    Returns a list of whole numbers of 10 ** -places. TooLittleData where every slope is 0.
    """
    if slopes.sum() <= 0:
        raise TooLittleData("No metric predicts churn with the sign that it should have, so there is no weight to give.")
    exact = slopes / slopes.sum() * 10**places
    whole = np.floor(exact + 1e-9).astype(int)
    rest = 10**places - whole.sum()
    order = sorted(range(len(slopes)), key=lambda i: (-round(exact[i] - whole[i], 6), i))
    for i in order[:rest]:
        whole[i] += 1
    return whole.tolist()


def shares(history, settings):
    """How much each metric counts in a boosted model of all observations, as shares that sum to 1.

    Mean absolute SHAP values of XGBoost (Lundberg and Lee 2017) where both are installed, else the loss of AUC when a
    metric is shuffled, in scikit-learn's model. Returns (shares (m,), the name of the method).
    """
    x = centred(filled(history.x), history.group)
    try:
        import shap
        import xgboost
    except ImportError:
        model = Boosted(x, history.churned, settings.monotone, settings.seed).model
        found = permutation_importance(model, x, history.churned, scoring="roc_auc", n_repeats=10, random_state=settings.seed)
        size, method = np.maximum(found.importances_mean, 0), "loss of AUC when shuffled, scikit-learn's boosting"
    else:
        constraint = {"monotone_constraints": (-1,) * x.shape[1]} if settings.monotone else {}
        model = xgboost.XGBClassifier(
            n_estimators=100, learning_rate=0.05, max_depth=3, random_state=settings.seed, n_jobs=1, **constraint
        ).fit(x, history.churned)
        size = np.abs(shap.TreeExplainer(model).shap_values(x)).mean(0)
        method = "mean absolute SHAP value, XGBoost"
    return size / size.sum() if size.sum() > 0 else size, method


@dataclass
class Learned:
    """A finished run: what was kept and why, the models' figures, the weights and what they rest on."""

    metrics: list
    screening: pd.DataFrame
    correlations: pd.DataFrame
    models: dict  # name -> Scores
    penalty: str
    linear: Linear
    weights: dict  # metric -> whole number of ten thousandths
    shares: np.ndarray
    shares_method: str
    signs: dict  # metric -> slope of the free model, of the metric's own direction
    calibrations: dict  # name -> function
    development: object
    holdout: object


@threadpool_limits.wrap(limits=1)  # the fits are small: more threads wait for each other
def learn(history, needs, settings):
    """Learn weights from a History that has at least what Needs says.

    TooLittleData where the history cannot carry it. Returns Learned.
    """
    development = history.development()
    needs.check(development, "To learn from, before the holdout and without its accounts, there are")
    metrics, screening, correlations = screen(development, settings)
    development, holdout = development.only(metrics), history.holdout().only(metrics)

    x, group, candidates = filled(development.x), development.group, {}
    for penalty in ("l1", "l2"):
        for strength in STRENGTHS:
            candidates[f"{penalty.upper()}, {strength:g}"] = {penalty: strength}
    tried = {
        name: cross_validate(lambda x, y, g, given=given: fit_linear(x, y, g, **given), x, development, settings.folds)
        for name, given in candidates.items()
    }
    best = min(tried, key=lambda name: (round(tried[name].within_loss, 9), name))
    linear = fit_linear(x, development.churned, group, **candidates[best])
    weights = dict(zip(metrics, as_weights(linear.slopes), strict=True))

    models = {f"logistic, weights of 0 or more ({best})": tried[best]}
    boosted = "boosted trees" + (", monotone" if settings.monotone else "")
    models[boosted] = cross_validate(
        lambda x, y, _: Boosted(x, y, settings.monotone, settings.seed), centred(x, group), development, settings.folds
    )

    def free(x, y, g):
        return fit_linear(x, y, g, l2=1.0, any_sign=True)

    models["logistic, any sign (L2)"] = cross_validate(free, x, development, settings.folds)
    sizes, method = shares(development, settings)
    seen = ~np.isnan(tried[best].probability)
    return Learned(
        metrics=metrics,
        screening=screening,
        correlations=correlations,
        models=models,
        penalty=best,
        linear=linear,
        weights=weights,
        shares=sizes,
        shares_method=method,
        signs=dict(zip(metrics, free(x, development.churned, group).slopes, strict=True)),
        calibrations=calibrations(tried[best].probability[seen], development.churned[seen]),
        development=development,
        holdout=holdout,
    )
