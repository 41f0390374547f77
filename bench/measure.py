"""Fair comparison: runs of several subjects interleaved, medians of each. Used by every bench."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

Figures = Mapping[str, float]


def interleaved_medians(
    subjects: Mapping[str, Callable[[], Figures]], rounds: int
) -> dict[str, dict[str, float]]:
    """Run each subject once a round, and take the median of each of its figures.

    Args:
        subjects: What to run, by name; each run returns figures by name.
        rounds: How often; at least 3 makes a median worth the name.
    """
    runs: dict[str, list[Figures]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, run in subjects.items():
            runs[name].append(run())
    return {name: _medians(figures) for name, figures in runs.items()}


def _medians(runs: Sequence[Figures]) -> dict[str, float]:
    return {name: median(run[name] for run in runs) for name in runs[0]}


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which ``share`` (0.0 to 1.0) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def table(figures: Mapping[str, Mapping[str, float]]) -> str:
    """Write figures as lines of text, a row a figure, a column a subject."""
    subjects = list(figures)
    names = list(figures[subjects[0]])
    width = max(map(len, names)) + 2
    head = " " * width + "".join(f"{subject:>14}" for subject in subjects)
    rows = (
        f"{name:<{width}}" + "".join(f"{figures[subject][name]:>14,.2f}" for subject in subjects)
        for name in names
    )
    return "\n".join((head, *rows))
