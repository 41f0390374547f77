"""Prometheus metrics of the node: read when they are asked for, never pushed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import start_http_server
from prometheus_client.registry import Collector

from p2pd.app.errors import MetricsBindError
from p2pd.domain.rejections import Rejections
from p2pd.log.log import Log
from p2pd.net.network import Network


class Gauges(Collector):
    """Read the log, the network and the rejections for one scrape.

    Called in the metrics server's thread; reads single values only.
    """

    def __init__(self, log: Log, network: Network, rejections: Rejections) -> None:
        self._log = log
        self._network = network
        self._rejections = rejections

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it is now."""
        state, store = self._log.state, self._log.store
        yield GaugeMetricFamily("p2pd_peers", "Connected peers.", len(state.peers))
        yield GaugeMetricFamily("p2pd_rooms", "Joined rooms.", len(state.node.rooms))
        yield CounterMetricFamily(
            "p2pd_messages", "Messages appended to the log.", store.last_offset
        )
        kept = store.last_offset - store.first_offset + 1
        yield GaugeMetricFamily("p2pd_messages_kept", "Messages that can be read again.", kept)
        yield GaugeMetricFamily(
            "p2pd_send_pressure_ratio",
            "Fill of the fullest queue to a peer.",
            self._network.send_pressure(),
        )
        rejected = CounterMetricFamily(
            "p2pd_rejected_inputs", "Inputs of peers that were dropped.", labels=["reason"]
        )
        for reason, total in dict(self._rejections.totals).items():
            rejected.add_metric([reason], total)
        yield rejected


@contextmanager
def serve_metrics(listen: str | None, gauges: Gauges) -> Iterator[None]:
    """Serve ``/metrics`` at HOST:PORT inside the block; None serves nothing.

    Raises:
        MetricsBindError: The address cannot be listened on.
    """
    if listen is None:
        yield
        return
    registry = CollectorRegistry()
    registry.register(gauges)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    host, _, port = listen.rpartition(":")
    try:
        server, thread = start_http_server(int(port), addr=host.strip("[]"), registry=registry)
    except OSError as error:
        raise MetricsBindError(listen, error.strerror or str(error)) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
