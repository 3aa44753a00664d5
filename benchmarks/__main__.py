"""Command line of the benchmarks: ``python -m benchmarks --events 1000000 10000000``."""

import argparse
import sys
from pathlib import Path

from . import report
from .bench import PEERS, Bench, Settings, verified
from .measure import StepFailed


def main(argv=None):
    """Run the benchmarks with these arguments; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=report.ABOUT)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000], help="product events of each company")
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work", help="folder of all files")
    parser.add_argument("--days", type=int, default=365, help="length of the history")
    parser.add_argument("--seed", type=int, default=7, help="of the simulator")
    parser.add_argument("--memory", default="4GB", help="what DuckDB may use before it spills")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dirt", action="store_true", help="give the raw streams the simulator's defects")
    parser.add_argument("--tests", action="store_true", help="time dbt's tests too")
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out")
    parser.add_argument("--most-minutes", type=float, default=15, help="of a peer; beyond, it is not run")
    parser.add_argument("--most-memory", type=float, default=12, help="GB of a peer; beyond, it is not run")
    parser.add_argument("--verify", action="store_true", help="only compare all answers, on a small dirty company")
    arguments = parser.parse_args(argv)
    settings = Settings(
        work=arguments.work.resolve(),
        days=arguments.days,
        seed=arguments.seed,
        memory=arguments.memory,
        threads=arguments.threads,
        dirt=arguments.dirt,
        with_tests=arguments.tests,
        peers=() if arguments.no_peers else PEERS,
        most_seconds=arguments.most_minutes * 60,
        most_bytes=int(arguments.most_memory * 1e9),
    )
    try:
        if arguments.verify:
            found = verified(settings)
            print("\n".join(found) or "The limit, the peers and the marts give the same rows.")
            return 1 if found else 0
        measures = {}
        for events in sorted(set(arguments.events)):
            measures[events] = Bench(settings, events).run(measures)
            report.save(settings.work / "measures.json", measures)
    except StepFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    print(report.markdown(measures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
