"""What a row says of one run. Made by ``bench.__main__``, shown by ``bench.page`` and plots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from bench.measure import Figures
from bench.rows import AtLeast, AtMost, Plus, Reach, Row, Times, Within

CONTINUES = "… "
"""A title that begins so goes on with the one before it."""
FIGURE_OF_TITLE = re.compile(r"(, p\d+|: .*)$")
"""The end of a title that names the figure, not what is measured."""
HEAD = "| what | unit | ours | baseline | whose | ratio | target | met |"
RULE = "|---|---|---:|---:|---|---:|---|---|"


@dataclass(frozen=True, slots=True)
class Line:
    """A measured row.

    Attributes:
        baseline: The figure that ours is compared with.
        whose: The subject that the baseline was measured on.
        ratio: Ours over the baseline.
        target: In words; empty for a row that is only shown.
        share: How far ours is over its target, 1 at the target and more beyond it.
    """

    topic: str
    title: str
    unit: str
    ours: float
    baseline: float | None
    whose: str
    ratio: float | None
    target: str
    met: bool | None
    share: float | None


def line_of(row: Row, figures: Mapping[str, Figures]) -> Line:
    """Fill in what was measured."""
    ours = figures[row.ours[0]][row.ours[1]]
    baseline = figures[row.beside[0]][row.beside[1]] if row.beside else None
    whose = row.beside[0] if row.beside else ""
    ratio = ours / baseline if baseline else None
    target, share = _judge(row.reach, ours, baseline)
    met = None if share is None else share >= 1
    return Line(row.topic, row.title, row.unit, ours, baseline, whose, ratio, target, met, share)


def _judge(reach: Reach, ours: float, baseline: float | None) -> tuple[str, float | None]:
    if reach is None:
        return "", None
    if isinstance(reach, AtLeast):
        return f"≥ {reach.bound:,g}", _over(ours, reach.bound)
    if isinstance(reach, AtMost):
        return f"≤ {reach.bound:,g}", _over(reach.bound, ours)
    assert baseline is not None, "this target needs a baseline"
    match reach:
        case Times(factor):
            return f"≥ {factor:g} ×", _over(ours, factor * baseline)
        case Within(factor):
            return f"≤ {factor:g} ×", _over(factor * baseline, ours)
        case Plus(allowance):
            return f"≤ + {allowance:g}", _over(baseline + allowance, ours)
        case _:
            assert_never(reach)


def _over(part: float, whole: float) -> float:
    """Divide; a bound of nothing is met by nothing."""
    if whole:
        return part / whole
    return 1.0 if not part else float("inf")


def full_titles(lines: Sequence[Line]) -> list[str]:
    """Return each title with the one that it goes on with in front of it."""
    titles, begun = [], ""
    for line in lines:
        if line.title.startswith(CONTINUES):
            titles.append(f"{begun}: {line.title.removeprefix(CONTINUES)}")
        else:
            begun = FIGURE_OF_TITLE.sub("", line.title)
            titles.append(line.title)
    return titles


def markdown_table(lines: Sequence[Line], titles: Sequence[str] | None = None) -> str:
    """Write the lines as a table, under other titles where these are given."""
    shown = [line.title for line in lines] if titles is None else titles
    rows = (_markdown_row(title, line) for title, line in zip(shown, lines, strict=True))
    return "\n".join((HEAD, RULE, *rows))


def _markdown_row(title: str, line: Line) -> str:
    baseline = "" if line.baseline is None else shown_number(line.baseline)
    ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
    met = {None: "", True: "yes", False: "**no**"}[line.met]
    ours = shown_number(line.ours)
    cells = (title, line.unit, ours, baseline, line.whose, ratio, line.target, met)
    return f"| {' | '.join(cells)} |"


def shown_number(value: float) -> str:
    """Write a figure with as many digits as mean something."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"
