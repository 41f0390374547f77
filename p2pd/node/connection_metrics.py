"""Metrics of connections to peers. Called by ``metrics`` in the threads that answer scrapes."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p2pd.net.connections.totals import ConnectionTotals
from p2pd.net.dial_failures import DialTotals


def connection_metrics(totals: ConnectionTotals) -> Iterator[Metric]:
    """Yield how many connections there are, and how often the network was interrupted."""
    connections = GaugeMetricFamily(
        "p2pd_connections",
        "Open connections to peers.",
        labels=["direction", "kind", "transport"],
    )
    for labels, count in totals.open:
        connections.add_metric(labels, count)
    yield connections
    yield CounterMetricFamily(
        "p2pd_network_interruptions",
        "Times that this machine slept, stood still or changed its addresses.",
        totals.interruptions,
    )


def dial_metrics(totals: DialTotals) -> Iterator[Metric]:
    """Yield why dials failed."""
    failures = CounterMetricFamily(
        "p2pd_dial_failures",
        "Addresses that were dialled in vain, and dials that failed as a whole (any).",
        labels=["reason", "transport"],
    )
    for labels, count in totals:
        failures.add_metric(labels, count)
    yield failures
