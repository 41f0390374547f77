"""The plots of ``docs/figures.md``, as SVG and PNG. Used by ``bench.report``.

The only module that needs matplotlib (``requirements/bench.in``). Each file names what
it was drawn from, so that a test can tell a plot that is out of date.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from textwrap import fill, shorten
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.lines import Line, full_titles, shown_number
from bench.page import GLANCE, plotted_topics
from bench.results import digest_of
from bench.topics import TITLES

OURS, BASELINE, MET, MISSED = "#1f6feb", "#9aa4b2", "#2da44e", "#cf222e"
COLUMNS = 3
TITLE_LENGTH = 70
PANEL_TITLE_LENGTH = 46
NAME_LENGTH = 16
MAX_FACTOR = 64.0
"""A figure further from its target than this is drawn at the edge."""

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "wsp",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 110,
}


def draw_plots(lines: Sequence[Line], folder: Path) -> None:
    """Draw all plots into a folder; those of topics that are gone are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        drawn = {GLANCE: (_draw_glance(lines), list(lines))}
        for topic in plotted_topics(lines):
            own = [line for line in lines if line.topic == topic]
            drawn[topic] = (_draw_topic(topic, own), own)
        for name, (figure, own) in drawn.items():
            _save(figure, folder / name, digest_of(own))
    for path in [*folder.glob("*.svg"), *folder.glob("*.png")]:
        if path.stem not in drawn:
            path.unlink()


def _save(figure: Figure, path: Path, digest: str) -> None:
    described = {"Description": f"drawn from {digest}"}
    figure.savefig(path.with_suffix(".svg"), metadata={**described, "Date": None})
    figure.savefig(path.with_suffix(".png"), metadata={**described, "Software": None})
    pyplot.close(figure)


def _draw_glance(lines: Sequence[Line]) -> Figure:
    """Draw how far each figure is from its target: to the right is better."""
    titled = zip(full_titles(lines), lines, strict=True)
    judged = [(title, line) for title, line in titled if line.share is not None]
    judged.sort(key=lambda pair: pair[1].share or 0, reverse=True)
    figure, axes = pyplot.subplots(figsize=(11, 1.2 + 0.26 * len(judged)), layout="constrained")
    for place, (_, line) in enumerate(judged):
        share = min(max(line.share or 0, 1 / MAX_FACTOR), MAX_FACTOR)
        axes.plot([1, share], [place, place], color=BASELINE, linewidth=1.5, zorder=1)
        axes.scatter([share], [place], color=MET if line.met else MISSED, zorder=2)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} ×")
    names = [
        f"{shorten(title, TITLE_LENGTH, placeholder=' …')}  ({line.target})"
        for title, line in judged
    ]
    axes.set_yticks(range(len(judged)), names, fontsize=8)
    axes.set_xlabel("← missed by a factor of      target      better by a factor of →")
    axes.set_title("Every figure and its target", loc="left", fontweight="bold")
    return figure


def _draw_topic(topic: str, lines: Sequence[Line]) -> Figure:
    """Draw a panel for each figure: ours and what it is compared with."""
    titled = [pair for pair in zip(full_titles(lines), lines, strict=True) if pair[1].whose]
    panels = [list(panel) for _, panel in groupby(titled, key=lambda pair: pair[0])]
    rows = -(-len(panels) // COLUMNS)
    figure, grid = pyplot.subplots(
        rows, COLUMNS, figsize=(10.5, 0.5 + 1.5 * rows), squeeze=False, layout="constrained"
    )
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, panel[0][0], [line for _, line in panel])
    figure.suptitle(TITLES.get(topic, topic), x=0.01, ha="left", fontweight="bold")
    return figure


def _draw_panel(axes: Axes, title: str, lines: Sequence[Line]) -> None:
    baselines = [(line.whose, line.baseline or 0.0, BASELINE) for line in lines]
    bars = [*reversed(baselines), ("ours", lines[0].ours, OURS)]
    axes.barh(range(len(bars)), [value for _, value, _ in bars], color=[bar[2] for bar in bars])
    names = [fill(name, NAME_LENGTH) for name, _, _ in bars]
    axes.set_yticks(range(len(bars)), names, fontsize=7)
    for place, (_, value, _) in enumerate(bars):
        axes.annotate(
            shown_number(value), (value, place), (3, 0), textcoords="offset points",
            va="center", fontsize=8,
        )  # fmt: skip
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.margins(x=0.25)
    met = {None: "", True: "  ✓", False: "  ✗"}[lines[0].met]
    shown = fill(f"{title}, {lines[0].unit}{met}", PANEL_TITLE_LENGTH)
    axes.set_title(shown, loc="left", fontsize=8)
