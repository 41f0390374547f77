"""Runs scenarios from one seed or from many.

    python -m tests.simulation [--seed N] [--runs N] [SCENARIO ...]

Called by ``make test-simulation``. What fails is shown with the seed to give back.
"""

from __future__ import annotations

import argparse
import random
import sys
import traceback

from tests.fuzz.streams import hostile_connections, hostile_streams
from tests.simulation import scenarios
from tests.simulation.running import simulate

HOSTILE = (hostile_streams, hostile_connections)
SCENARIOS = scenarios.SCENARIOS | {scenario.__name__: scenario for scenario in HOSTILE}


def main() -> int:
    """Run what was asked for; return 1 where any run failed."""
    reader = argparse.ArgumentParser(prog="python -m tests.simulation")
    reader.add_argument("--seed", type=int, default=None, help="of the first run")
    reader.add_argument(
        "--runs", type=int, default=1, help="of each scenario, each by the next seed"
    )
    reader.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    asked = reader.parse_args()
    first = random.randrange(1 << 32) if asked.seed is None else asked.seed
    failed: list[tuple[str, int]] = []
    for seed in range(first, first + asked.runs):
        for name in asked.scenarios or SCENARIOS:
            print(f"{name}: ", end="", flush=True)
            try:
                simulate(SCENARIOS[name], seed)
            except Exception:
                traceback.print_exc()
                failed.append((name, seed))
    for name, seed in failed:
        print(f"failed: make test-simulation SEED={seed} ARGS={name}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
