"""Metrics of connections to peers. Called by ``metrics`` in the threads that answer scrapes."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p2pd.net.connections.totals import ConnectionTotals


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
