"""Fair comparison: runs of several subjects interleaved, medians of each. Used by every bench."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

Figures = Mapping[str, float]

NS_IN_MS = 1e6
NS_IN_S = 1e9


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


def p50_ms(durations_ns: Iterable[float]) -> float:
    """Return the median of durations in nanoseconds."""
    return percentile(durations_ns, 0.5) / NS_IN_MS


def p99_ms(durations_ns: Iterable[float]) -> float:
    """Return what 99 of 100 durations in nanoseconds stay below."""
    return percentile(durations_ns, 0.99) / NS_IN_MS
