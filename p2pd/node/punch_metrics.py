"""Metrics of hole punching. Called by ``metrics`` in the threads that answer scrapes."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from common.metrics import histogram_metric
from p2pd.net.punch.outcomes import PunchTotals


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
    yield histogram_metric(
        "p2pd_hole_punch_duration_seconds",
        "From the relayed connection to the direct one, where that succeeded.",
        totals.durations,
    )
