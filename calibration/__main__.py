"""Command line of the calibration: ``python -m calibration learn`` and ``python -m calibration ahp``."""

import argparse
import os
import sys
from pathlib import Path

from . import ahp, candidate, data
from .data import TooLittleData

TOO_LITTLE_DATA = 3
MAX_CONSISTENCY_RATIO = 0.1
_ABOUT = "Propose weights of the health score as seed rows for a pull request. The live seeds are only read."


def _parser():
    parser = argparse.ArgumentParser(prog="python -m calibration", description=_ABOUT)
    commands = parser.add_subparsers(dest="command", required=True)
    learn = commands.add_parser("learn", help="from the history of the warehouse")
    judge = commands.add_parser("ahp", help="from pairwise judgements, where there is no history")
    for command in (learn, judge):
        command.add_argument("--out", type=Path, default=Path("candidate"), help="folder of the proposal (candidate)")
        command.add_argument("--opinions", type=Path, default=Path("seeds"), help="folder that holds scoring/ (seeds)")
        command.add_argument("--version", default="candidate", help="name of the proposed version (candidate)")
    warehouse = os.environ.get("ONBOARDING_HEALTH_WAREHOUSE", "onboarding_health.duckdb")
    learn.add_argument("--warehouse", default=warehouse, help="DuckDB file with the marts, opened read-only")
    learn.add_argument("--horizon", type=int, default=30, help="days, a row of validation_horizons.csv (30)")
    learn.add_argument("--folds", type=int, default=5, help="blocks of time, and groups of accounts (5)")
    learn.add_argument("--max-correlation", type=float, default=0.8, help="Spearman's rho of two metrics kept (0.8)")
    learn.add_argument("--min-observed", type=float, default=0.2, help="share of observations that have a metric (0.2)")
    learn.add_argument("--free", action="store_true", help="let the trees go against a metric's direction")
    judge.add_argument("judgements", type=Path, help="CSV of metric, other_metric, preference (1/9 to 9)")
    return parser


def _learn(options):
    from . import learn, report

    history, needs = data.read(options.warehouse, options.horizon)
    settings = learn.Settings(options.folds, options.max_correlation, options.min_observed, not options.free)
    learned = learn.learn(history, needs, settings)
    base = candidate.live_version(options.opinions)
    live = candidate.live_weights(options.opinions, base)
    rationale = report.headline(learned)
    candidate.write(options.out, options.opinions, base, options.version, learned.weights, rationale, is_learned=True)
    page = report.write(options.out, learned, needs, live, base, options.version, options.horizon, settings)
    print(f"{rationale}. Read {page}.")
    return 0


def _judge(options):
    from . import report
    from .learn import as_weights

    judged = ahp.weigh(*ahp.read(options.judgements))
    if judged.consistency_ratio > MAX_CONSISTENCY_RATIO:
        raise ValueError(
            f"The judgements contradict each other: consistency ratio {judged.consistency_ratio:.2f}, up to "
            f"{MAX_CONSISTENCY_RATIO} is accepted. Look first at this one: {judged.worst}."
        )
    base = candidate.live_version(options.opinions)
    weights = dict(zip(judged.metrics, as_weights(judged.weights), strict=True))
    rationale = f"Pairwise judgements of {len(weights)} metrics; consistency ratio {judged.consistency_ratio:.2f}"
    candidate.write(options.out, options.opinions, base, options.version, weights, rationale, is_learned=False)
    live = candidate.live_weights(options.opinions, base)
    print(f"{rationale}. Read {report.write_judged(options.out, judged, live, base, options.version)}.")
    return 0


def main(argv=None):
    """Run with these arguments; returns 0, 1 for a wrong input, 3 for too little data, and says why."""
    options = _parser().parse_args(argv)
    try:
        return _learn(options) if options.command == "learn" else _judge(options)
    except TooLittleData as error:
        print(f"Too little data. {error}", file=sys.stderr)
        return TOO_LITTLE_DATA
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
