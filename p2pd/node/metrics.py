"""Prometheus metrics of the node: read when they are asked for, never pushed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import start_http_server
from prometheus_client.registry import Collector

from p2pd.api.server import Api
from p2pd.domain.rejections import Rejections
from p2pd.log.log import Log
from p2pd.net.network import Network
from p2pd.node.errors import MetricsBindError


class Gauges(Collector):
    """Read the log, the network, the API and the rejections for one scrape.

    Called in the metrics server's thread; reads single values only.
    """

    def __init__(self, log: Log, network: Network, api: Api, rejections: Rejections) -> None:
        self._log = log
        self._network = network
        self._api = api
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
        yield CounterMetricFamily(
            "p2pd_sync_bytes",
            "Sent and received to synchronise with peers.",
            self._network.sync_bytes(),
        )
        rejected = CounterMetricFamily(
            "p2pd_rejected_inputs", "Inputs of peers that were dropped.", labels=["reason"]
        )
        for reason, total in dict(self._rejections.totals).items():
            rejected.add_metric([reason], total)
        yield rejected
        yield from self._collect_api()

    def _collect_api(self) -> Iterator[Metric]:
        counters = self._api.counters
        yield GaugeMetricFamily("p2pd_grpc_calls", "Calls under way.", counters.calls_active)
        yield GaugeMetricFamily("p2pd_grpc_streams", "Open streams.", counters.streams_open)
        failed = "Calls that ended with an error of the node's own."
        yield CounterMetricFamily("p2pd_grpc_failed_calls", failed, counters.calls_failed)
        refused = CounterMetricFamily(
            "p2pd_grpc_refusals", "Calls that a bound turned away.", labels=["bound"]
        )
        refused.add_metric(["calls"], counters.calls_refused)
        refused.add_metric(["streams"], counters.streams_refused)
        refused.add_metric(["token"], counters.tokens_refused)
        yield refused


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
