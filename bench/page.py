"""The page ``docs/figures.md``, written from the runs. Used by ``bench.report``."""

from __future__ import annotations

from collections.abc import Sequence

from bench.lines import Line, full_titles, markdown_table
from bench.machine import Circumstances
from bench.results import Run, lines_of
from bench.topics import NOTES, TITLES

PLOTS = "figures"
"""The folder of the plots, beside the page."""
GLANCE = "glance"
BUSY_SHARE = 0.25
"""A load of so much of the processors before a run is noise worth a word."""

MEASUREMENTS_HEAD = """\
| topics | when | commit | rounds | machine | load before it |
|---|---|---|---:|---|---:|"""

NOISE = f"""\
**Other programs used the processors where the load before a run is over {BUSY_SHARE:g} per
processor, or was not noted**: there, times and rates are worse than on a quiet machine, tails
most of all, and a ratio may be off by a third or more: a burst beside go-libp2p suffers most,
since each of that program's threads gets a share of the processors of its own. Processor
time per message suffers least."""

INTRODUCTION = """\
# Figures

Made by `make bench` and `make figures` from
[results.json](figures/results.json); do not edit it by hand. Every figure stands beside
a baseline of the same run: the subjects take turns, and each figure is the median of
its rounds. Times depend on the machine; the ratios are what counts.

```sh
make bench                    # measures everything and writes build/bench.json
make bench ARGS="way libp2p"  # only these topics
make bench ARGS="--quick"     # shows that everything runs; its figures mean nothing
make figures                  # puts build/bench.json on this page, and draws
```

*Ratio* is ours over the baseline. *Target* is what that ratio, or the figure itself,
is to reach; *met* says whether it did.
"""


def page_from_runs(runs: Sequence[Run]) -> str:
    """Write the page."""
    lines = lines_of(runs)
    topics = [topic for topic in TITLES if any(line.topic == topic for line in lines)]
    topics += sorted({line.topic for line in lines} - set(topics))
    parts = [INTRODUCTION, _glance(lines), _measurements(runs)]
    parts += [_section(topic, runs) for topic in topics]
    return "\n".join(parts)


def plotted_topics(lines: Sequence[Line]) -> list[str]:
    """Return the topics that a plot is worth drawing for: those with a baseline."""
    return list(dict.fromkeys(line.topic for line in lines if line.baseline is not None))


def _glance(lines: Sequence[Line]) -> str:
    """Write what has a target, those that are not met first."""
    titled = list(zip(full_titles(lines), lines, strict=True))
    judged = sorted(
        (pair for pair in titled if pair[1].met is not None), key=lambda pair: bool(pair[1].met)
    )
    met = sum(bool(line.met) for _, line in judged)
    table = markdown_table([line for _, line in judged], [title for title, _ in judged])
    plot = _plot(GLANCE, "How far each figure is from its target")
    return (
        f"## At a glance\n\n{met} of {len(judged)} targets are met; those that are not come"
        f" first.\n\n{plot}\n{table}\n"
    )


def _measurements(runs: Sequence[Run]) -> str:
    rows = "\n".join(map(_measurement, runs))
    warning = f"\n\n{NOISE}" if any(_is_noisy(run.circumstances) for run in runs) else ""
    return f"## What was measured when\n\n{MEASUREMENTS_HEAD}\n{rows}{warning}\n"


def _measurement(run: Run) -> str:
    topics = ", ".join(dict.fromkeys(line.topic for line in run.lines))
    found = run.circumstances
    machine = f"{found.processors} × {found.processor}, Linux {found.kernel}, Python {found.python}"
    load = "" if found.load is None else f"{found.load:.1f}"
    cells = (topics, found.began, f"`{found.commit}`", run.rounds, machine, load)
    return f"| {' | '.join(map(str, cells))} |"


def _is_noisy(found: Circumstances) -> bool:
    return found.load is None or found.load >= BUSY_SHARE * found.processors


def _section(topic: str, runs: Sequence[Run]) -> str:
    run = next(run for run in runs if any(line.topic == topic for line in run.lines))
    lines = [line for line in run.lines if line.topic == topic]
    title = TITLES.get(topic, topic)
    plot = f"{_plot(topic, title)}\n" if plotted_topics(lines) else ""
    note = f"{NOTES[topic].strip()}\n\n" if topic in NOTES else ""
    heading = f"## {title}\n\nMeasured by `make bench ARGS={topic}`, {run.circumstances.began}."
    return f"{heading}\n\n{note}{plot}{markdown_table(lines)}\n"


def _plot(name: str, meaning: str) -> str:
    return f"[![{meaning}]({PLOTS}/{name}.svg)]({PLOTS}/{name}.png)\n"
