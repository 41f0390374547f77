"""``python -m bench``: measure, print the table, write ``build/bench.json``.

``python -m bench.report`` puts that on ``docs/figures.md``.

``python -m bench pages memory`` measures these topics only; ``--quick`` shows
that everything runs, with sizes too small to mean anything.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.lines import line_of, markdown_table
from bench.machine import circumstances
from bench.measure import Figures, interleaved_medians
from bench.results import Run, save_run
from bench.rows import ROWS, TOPICS, subjects_of
from bench.sizes import QUICK, Sizes
from bench.subjects import SUBJECTS

RESULT = Path("build/bench.json")


def main() -> None:
    arguments = _arguments()
    sizes = QUICK if arguments.quick else Sizes(rounds=arguments.rounds)
    rows = tuple(row for row in ROWS if row.topic in (arguments.topics or TOPICS))
    runs = {name: partial(_run, name, SUBJECTS[name], sizes) for name in subjects_of(rows)}
    found = circumstances()
    figures = interleaved_medians(runs, sizes.rounds)
    lines = tuple(line_of(row, figures) for row in rows)
    save_run(arguments.output, Run(found, sizes.rounds, lines), sizes, figures)
    print(markdown_table(lines))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(TOPICS)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round")
    parser.add_argument("--rounds", type=int, default=3, help="runs whose median is told")
    parser.add_argument("--output", type=Path, default=RESULT, help="where the JSON goes")
    arguments = parser.parse_args()
    if unknown := set(arguments.topics) - set(TOPICS):
        parser.error(f"no such topic: {', '.join(sorted(unknown))}")
    return arguments


def _run(name: str, run: Callable[[Sizes], Figures], sizes: Sizes) -> Figures:
    """Run a subject and say so: a full run takes minutes."""
    begin_s = time.monotonic()
    figures = run(sizes)
    shown = ", ".join(f"{key} {value:,.2f}" for key, value in figures.items())
    print(f"{name} ({time.monotonic() - begin_s:.0f} s): {shown}", file=sys.stderr, flush=True)
    return figures


if __name__ == "__main__":
    main()
