"""Prometheus metrics: the counts, read when they are asked for.

Mounted by ``gateway.http.app``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.responses import Response

from common.histograms import HistogramValue
from common.loop_lag import LoopLag
from common.metrics import build_metric, histogram_metric
from gateway import __version__
from gateway.delivery.session import Services
from gateway.http.door import Door
from gateway.node.link import Link


class CountsCollector(Collector):
    """Show the counts under names that begin with ``gateway_``."""

    def __init__(self, services: Services, link: Link, door: Door, lag: LoopLag) -> None:
        self._lag = lag
        self._services = services
        self._link = link
        self._door = door

    def collect(self) -> Iterable[Metric]:
        """Yield every metric with its present value."""
        counts = self._services.counts
        held = [socket.held_bytes() for socket in self._door.sockets]
        unread_bytes = self._door.requests.waiting_bytes()
        in_flight = self._services.publisher.in_flight
        yield _build()
        yield _gauge("node_ready", "1 while the node is reachable.", self._link.is_ready)
        yield _gauge("clients", "Open WebSockets.", counts.clients)
        yield _gauge("catch_ups", "Browsers served past the channel.", counts.catch_ups)
        yield _gauge("publishes_in_flight", "Publishes not answered yet.", in_flight)
        yield _gauge("held_bytes", "Bytes held for all WebSockets.", sum(held))
        yield _gauge("held_bytes_most", "Bytes held for one WebSocket.", max(held, default=0))
        yield _gauge("unread_answer_bytes", "Bytes of HTTP answers not read.", unread_bytes)
        yield _total("node_away", "Times the node went away.", counts.node_away)
        yield _total("events", "Events heard from the node.", counts.events)
        yield _total("replays", "Calls for events older than the channel.", counts.replays)
        yield _total("replayed_events", "Events that they brought.", counts.replayed_events)
        yield _total("frames_sent", "Event frames written to browsers.", counts.frames_sent)
        yield _total("sent_bytes", "Bytes of these frames.", counts.bytes_sent)
        yield _total("frames_received", "Frames received from browsers.", counts.frames_received)
        yield _totals("refusals", "Commands refused.", counts.refusals)
        yield _totals("closes", "WebSockets closed by the gateway.", counts.closes)
        yield _totals("turned_away", "Requests refused at the door.", counts.turned_away)
        yield _totals("bounds", "Times a bound was reached.", counts.bounds, label="bound")
        yield _durations(
            "event_duration",
            "From an event's arrival from the node to its writing to the browsers that follow.",
            counts.event_durations.value(),
        )
        yield _durations(
            "publish_duration",
            "From a browser's publish frame to its ack.",
            counts.publish_durations.value(),
        )
        yield _durations("loop_lag", "How late a timer of the event loop was.", self._lag.value)


def metrics_route(
    services: Services, link: Link, door: Door, lag: LoopLag
) -> Callable[[], Awaitable[Response]]:
    """Build the function behind ``/metrics``; it runs in the loop that counts."""
    registry = CollectorRegistry()
    registry.register(CountsCollector(services, link, door, lag))
    ProcessCollector(registry=registry)

    async def metrics() -> Response:
        """Answer with all metrics as text."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return metrics


@cache
def _build() -> Metric:
    meaning = "The program, Python and gRPC by version."
    return build_metric("gateway_build", meaning, __version__, "grpc", "grpcio")


def _durations(name: str, meaning: str, value: HistogramValue) -> Metric:
    return histogram_metric(f"gateway_{name}_seconds", meaning, value)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"gateway_{name}", meaning, value=value)


def _total(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"gateway_{name}", meaning, value=value)


def _totals(name: str, meaning: str, values: Mapping[str, int], *, label: str = "reason") -> Metric:
    family = CounterMetricFamily(f"gateway_{name}", meaning, labels=[label])
    for reason, value in sorted(values.items()):
        family.add_metric([reason], value)
    return family
