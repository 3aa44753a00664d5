"""A proposal from history, or from judgements where there is none: seed rows and a page for their reviewers."""

import sys

from . import ahp, candidate, data
from .data import TooLittleData

TOO_LITTLE_DATA = 3
MAX_CONSISTENCY_RATIO = 0.1


def _from_history(out, opinions, version, warehouse, horizon, folds, max_correlation, min_observed, free):
    from . import learn, report

    history, needs = data.read(warehouse, horizon)
    settings = learn.Settings(folds, max_correlation, min_observed, not free)
    learned = learn.learn(history, needs, settings)
    base = candidate.live_version(opinions)
    live = candidate.live_weights(opinions, base)
    rationale = report.headline(learned)
    candidate.write(out, opinions, base, version, learned.weights, rationale, is_learned=True)
    page = report.write(out, learned, needs, live, base, version, horizon, settings)
    print(f"{rationale}. Read {page}.")


def _from_judgements(out, opinions, version, judgements):
    from . import report
    from .learn import as_weights

    judged = ahp.weigh(*ahp.read(judgements))
    if judged.consistency_ratio > MAX_CONSISTENCY_RATIO:
        raise ValueError(
            f"The judgements contradict each other: consistency ratio {judged.consistency_ratio:.2f}, up to "
            f"{MAX_CONSISTENCY_RATIO} is accepted. Look first at this one: {judged.worst}."
        )
    base = candidate.live_version(opinions)
    weights = dict(zip(judged.metrics, as_weights(judged.weights), strict=True))
    rationale = f"Pairwise judgements of {len(weights)} metrics; consistency ratio {judged.consistency_ratio:.2f}"
    candidate.write(out, opinions, base, version, weights, rationale, is_learned=False)
    live = candidate.live_weights(opinions, base)
    print(f"{rationale}. Read {report.write_judged(out, judged, live, base, version)}.")


def _say_why_not(propose, options):
    try:
        propose(**options)
    except TooLittleData as error:
        print(f"Too little data. {error}", file=sys.stderr)
        return TOO_LITTLE_DATA
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def train(**options):
    """Propose weights from the history of a warehouse; returns 0, 1 for a wrong input, 3 for too little data, and says why.

    options: out (folder of the proposal), opinions (folder that holds scoring/), version (name of the proposal), warehouse
    (DuckDB file with the marts, only read), horizon (days, a row of validation_horizons.csv), folds (blocks of time, and groups
    of accounts), max_correlation (Spearman's rho of two metrics kept), min_observed (share of observations that have a metric),
    free (the trees may go against a metric's direction).
    """
    return _say_why_not(_from_history, options)


def weigh(**options):
    """Propose weights from pairwise judgements (AHP); returns and options as `train`, judgements being the CSV file of them."""
    return _say_why_not(_from_judgements, options)
