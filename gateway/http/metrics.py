"""Prometheus metrics: the counts, read when they are asked for.

Mounted by ``gateway.http.app``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.responses import Response

from gateway.delivery.session import Services
from gateway.http.socket import Door
from gateway.node.link import Link


class CountsCollector(Collector):
    """Show the counts under names that begin with ``gateway_``."""

    def __init__(self, services: Services, link: Link, door: Door) -> None:
        self._services = services
        self._link = link
        self._door = door

    def collect(self) -> Iterable[Metric]:
        """Yield every metric with its present value."""
        counts = self._services.counts
        held = [socket.held_bytes() for socket in self._door.sockets]
        unread_bytes = self._door.requests.waiting_bytes()
        in_flight = self._services.publisher.in_flight
        yield _gauge("node_ready", "1 while the node is reachable.", self._link.is_ready)
        yield _gauge("clients", "Open WebSockets.", counts.clients)
        yield _gauge("catch_ups", "Browsers served past the channel.", counts.catch_ups)
        yield _gauge("publishes_in_flight", "Publishes not answered yet.", in_flight)
        yield _gauge("held_bytes", "Bytes held for all WebSockets.", sum(held))
        yield _gauge("held_bytes_most", "Bytes held for one WebSocket.", max(held, default=0))
        yield _gauge("unread_answer_bytes", "Bytes of HTTP answers not read.", unread_bytes)
        yield _total("node_away", "Times the node went away.", counts.node_away)
        yield _total("events", "Events heard from the node.", counts.events)
        yield _total("frames_sent", "Event frames written to browsers.", counts.frames_sent)
        yield _total("sent_bytes", "Bytes of these frames.", counts.bytes_sent)
        yield _total("frames_received", "Frames received from browsers.", counts.frames_received)
        yield _totals("refusals", "Commands refused.", counts.refusals)
        yield _totals("closes", "WebSockets closed by the gateway.", counts.closes)
        yield _totals("turned_away", "Requests refused at the door.", counts.turned_away)
        yield _totals("bounds", "Times a bound was reached.", counts.bounds, label="bound")


def metrics_route(services: Services, link: Link, door: Door) -> Callable[[], Response]:
    """Build the function behind ``/metrics``."""
    registry = CollectorRegistry()
    registry.register(CountsCollector(services, link, door))
    ProcessCollector(registry=registry)

    def metrics() -> Response:
        """Answer with all metrics as text."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return metrics


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"gateway_{name}", meaning, value=value)


def _total(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"gateway_{name}", meaning, value=value)


def _totals(name: str, meaning: str, values: Mapping[str, int], *, label: str = "reason") -> Metric:
    family = CounterMetricFamily(f"gateway_{name}", meaning, labels=[label])
    for reason, value in sorted(values.items()):
        family.add_metric([reason], value)
    return family
