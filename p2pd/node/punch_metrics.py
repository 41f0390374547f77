"""Metrics of hole punching. Called by ``metrics`` in the threads that answer scrapes."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from p2pd.net.punch.outcomes import DURATION_BOUNDS_S, PunchTotals


def punch_metrics(totals: PunchTotals) -> Iterator[Metric]:
    """Yield what became of the tries to get from relayed to direct connections."""
    ended = CounterMetricFamily(
        "p2pd_hole_punches",
        "Tries to open a direct connection beside a relayed one, by how they ended.",
        labels=["result", "transport", "attempts"],
    )
    for labels, count in totals.ended:
        ended.add_metric(labels, count)
    yield ended
    bounds = (*map(str, DURATION_BOUNDS_S), "+Inf")
    yield HistogramMetricFamily(
        "p2pd_hole_punch_duration_seconds",
        "From the relayed connection to the direct one, where that succeeded.",
        buckets=list(zip(bounds, totals.durations, strict=True)),
        sum_value=totals.duration_sum_s,
    )
