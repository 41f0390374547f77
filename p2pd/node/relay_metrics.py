"""Metrics of relays: those that this node is reached through, and what it relays itself.

Called by ``metrics`` in the threads that answer scrapes.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p2pd.domain.reach import Reach
from p2pd.net.relay.server import RelayTotals


def relay_metrics(reach: Reach, totals: RelayTotals) -> Iterator[Metric]:
    """Yield what is relayed for this node, and by it."""
    service = reach.relay_service
    yield GaugeMetricFamily(
        "p2pd_relays", "Relays at which this node holds a reservation.", len(reach.relays)
    )
    yield GaugeMetricFamily(
        "p2pd_relay_service", "1 while this node relays for others.", float(service.is_on)
    )
    yield GaugeMetricFamily(
        "p2pd_relay_reservations",
        "Peers that can be reached through this node.",
        service.reservation_count,
    )
    yield GaugeMetricFamily(
        "p2pd_relay_circuits", "Connections that this node carries.", service.circuit_count
    )
    yield CounterMetricFamily(
        "p2pd_relay_circuits_opened", "Connections that this node has carried.", totals.circuits
    )
    yield CounterMetricFamily(
        "p2pd_relay_bytes", "Bytes that this node has carried for others.", totals.carried_bytes
    )
