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

from gateway.counts import Counts


class CountsCollector(Collector):
    """Show the counts under names that begin with ``gateway_``."""

    def __init__(
        self, counts: Counts, is_ready: Callable[[], bool], in_flight: Callable[[], int]
    ) -> None:
        self._counts = counts
        self._is_ready = is_ready
        self._in_flight = in_flight

    def collect(self) -> Iterable[Metric]:
        """Yield every metric with its present value."""
        counts = self._counts
        yield _gauge("node_ready", "1 while the node is heard.", self._is_ready())
        yield _gauge("clients", "Open WebSockets.", counts.clients)
        yield _gauge("catch_ups", "Browsers served past the channel.", counts.catch_ups)
        yield _gauge("publishes_in_flight", "Publishes not answered yet.", self._in_flight())
        yield _total("node_away", "Times the node went away.", counts.node_away)
        yield _total("events", "Events heard from the node.", counts.events)
        yield _total("frames_sent", "Event frames written to browsers.", counts.frames_sent)
        yield _total("sent_bytes", "Bytes of these frames.", counts.bytes_sent)
        yield _total("frames_received", "Frames received from browsers.", counts.frames_received)
        yield _totals("refusals", "Commands refused.", counts.refusals)
        yield _totals("closes", "WebSockets closed by the gateway.", counts.closes)
        yield _totals("turned_away", "Requests refused at the door.", counts.turned_away)


def metrics_route(
    counts: Counts, is_ready: Callable[[], bool], in_flight: Callable[[], int]
) -> Callable[[], Response]:
    """Build the function behind ``/metrics``."""
    registry = CollectorRegistry()
    registry.register(CountsCollector(counts, is_ready, in_flight))
    ProcessCollector(registry=registry)

    def metrics() -> Response:
        """Answer with all metrics as text."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return metrics


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"gateway_{name}", meaning, value=value)


def _total(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"gateway_{name}", meaning, value=value)


def _totals(name: str, meaning: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"gateway_{name}", meaning, labels=["reason"])
    for reason, value in sorted(values.items()):
        family.add_metric([reason], value)
    return family
