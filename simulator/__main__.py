"""Command line of the simulator: ``python -m simulator --out raw``."""

import argparse
import sys
from datetime import date
from time import perf_counter

from .dirt import KINDS
from .run import simulate

_ABOUT = "Write the raw event streams, and the truth behind them, of a simulated SaaS company."


def main(argv=None):
    """Run the simulator with these arguments; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=_ABOUT)
    parser.add_argument("--out", required=True, help="directory of the raw streams")
    parser.add_argument("--accounts", type=int, help="customers (default 500)")
    parser.add_argument("--days", type=int, default=730, help="length of the window")
    parser.add_argument("--seed", type=int, default=7, help="same seed, same bytes")
    parser.add_argument(
        "--end", type=date.fromisoformat, default=date(2025, 12, 31), help="last day"
    )
    parser.add_argument("--events", type=int, help="product events wanted, about")
    parser.add_argument("--dirt", action="store_true", help="all defects at their small shares")
    for kind, (share, reason) in KINDS.items():
        text = f"share of rejects ({reason})" if reason else "share of rows, accounts or leavers"
        flag = "--" + kind.replace("_", "-")
        parser.add_argument(flag, type=float, help=f"{text}; {share} with --dirt")
    options = vars(parser.parse_args(argv))
    dirty = options.pop("dirt")
    shares = {k: options.pop(k) for k in KINDS}
    shares = {k: v if v is not None else KINDS[k][0] * dirty for k, v in shares.items()}
    if any(not 0 <= v <= 0.5 for v in shares.values()):
        parser.error("shares of defects lie between 0 and 0.5")
    if options["seed"] < 0:
        parser.error("the seed is not negative")
    begun = perf_counter()
    try:
        total = simulate(shares=shares, **options)
    except ValueError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    print(f"{total:,} product events in {perf_counter() - begun:.1f} s under {options['out']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
