"""``python -m bench.report``: put a run on ``docs/figures.md`` and draw the plots.

Merges the run of ``build/bench.json``, or of the files given, into
``docs/figures/results.json`` (of each topic the newest run counts), from which page and
plots are made. With ``--again`` they are made anew from what is there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.__main__ import RESULT
from bench.page import PLOTS, page_from_runs
from bench.plots import draw_plots
from bench.results import lines_of, load_run, load_runs, merge_run, save_runs

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "figures.md"
RESULTS = DOCS / PLOTS / "results.json"


def main() -> None:
    """Merge, write, draw."""
    parser = argparse.ArgumentParser(prog="bench.report", description=__doc__)
    parser.add_argument("runs", nargs="*", type=Path, default=[RESULT], help="files of runs")
    parser.add_argument("--again", action="store_true", help="only draw what is there")
    arguments = parser.parse_args()
    runs = load_runs(RESULTS)
    for path in [] if arguments.again else arguments.runs:
        runs = merge_run(runs, load_run(path))
    save_runs(RESULTS, runs)
    PAGE.write_text(page_from_runs(runs), encoding="utf-8")
    draw_plots(lines_of(runs), RESULTS.parent)


if __name__ == "__main__":
    main()
