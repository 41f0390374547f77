"""Prometheus metrics of the node, made from frozen snapshots.

The trio thread makes a snapshot (``node.snapshot``) when one is asked for; the threads
that answer scrapes read nothing else of the node. A test compares docs/metrics.md.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import trio
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from p2pd.api.rpc_server import ApiCounters
from p2pd.node.build_metric import build_metric
from p2pd.node.connection_metrics import connection_metrics, dial_metrics
from p2pd.node.latency_metrics import latency_metrics
from p2pd.node.punch_metrics import punch_metrics
from p2pd.node.reach_metrics import reach_metrics
from p2pd.node.relay_metrics import relay_metrics
from p2pd.node.room_metrics import room_metrics
from p2pd.node.snapshot import NodeCounts
from p2pd.node.storage_metrics import disk_metrics, storage_metrics

ANSWER_S = 1.0
"""How long a scrape waits for the trio thread; then it shows the snapshot before."""


class CountsFeed:
    """Hands snapshots from the trio thread to others.

    Made in the trio thread; ``snapshot`` is called in any other.
    """

    def __init__(self) -> None:
        self._trio = trio.lowlevel.current_trio_token()
        self._take_snapshot: Callable[[], NodeCounts] | None = None
        self._latest: NodeCounts | None = None
        self._latest_at_s = 0.0
        self._is_serving = False

    def start(self, take_snapshot: Callable[[], NodeCounts]) -> None:
        """Serve snapshots from now on: all parts of the node are there."""
        self._take_snapshot = take_snapshot
        self._refresh()

    @property
    def has_started(self) -> bool:
        """Whether all parts of the node were there."""
        return self._take_snapshot is not None

    def set_serving(self, is_serving: bool) -> None:
        """Publish whether the node serves."""
        self._is_serving = is_serving

    def snapshot(self) -> tuple[NodeCounts | None, float]:
        """Return a snapshot and its age in seconds: of now, unless the trio thread hangs."""
        done = threading.Event()

        def answer() -> None:
            self._refresh()
            done.set()

        with suppress(trio.RunFinishedError):
            self._trio.run_sync_soon(answer)
            done.wait(ANSWER_S)
        return self._latest, time.monotonic() - self._latest_at_s

    def is_ready(self) -> bool:
        """Whether the node serves and its trio thread answers."""
        _, age_s = self.snapshot()
        return self._is_serving and age_s < ANSWER_S

    def _refresh(self) -> None:
        if self._take_snapshot is not None:
            self._latest = self._take_snapshot()
        self._latest_at_s = time.monotonic()


class NodeCollector(Collector):
    """Turns snapshots into metrics; called in the threads that answer scrapes."""

    def __init__(self, feed: CountsFeed, data_dir: Path) -> None:
        self._feed = feed
        self._data_dir = data_dir

    def describe(self) -> list[Metric]:
        """Name nothing ahead: it would take a snapshot."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield build_metric()
        yield from disk_metrics(self._data_dir)
        snapshot, age_s = self._feed.snapshot()
        yield GaugeMetricFamily(
            "p2pd_snapshot_age_seconds",
            "Age of these values; more than a second while the node's loop hangs.",
            age_s,
        )
        if snapshot is not None:
            yield from _node_metrics(snapshot)
            yield from latency_metrics(snapshot.latencies)
            yield from storage_metrics(
                snapshot.storage,
                snapshot.unsent_messages,
                snapshot.evicted_readers,
                snapshot.unindexed_messages,
            )
            yield from room_metrics(snapshot.room_ages)
            yield from connection_metrics(snapshot.connections)
            yield from dial_metrics(snapshot.dial_failures)
            yield from reach_metrics(snapshot.reach, snapshot.dial_back_count)
            yield from relay_metrics(snapshot.reach, snapshot.relay_totals)
            yield from punch_metrics(snapshot.punch_totals)
            yield from _api_metrics(snapshot.api)


def _node_metrics(snapshot: NodeCounts) -> Iterator[Metric]:
    yield GaugeMetricFamily("p2pd_peers", "Connected peers.", snapshot.peers)
    yield GaugeMetricFamily("p2pd_rooms", "Joined rooms.", snapshot.rooms)
    yield CounterMetricFamily(
        "p2pd_messages", "Messages appended to the log.", snapshot.last_offset
    )
    retained = snapshot.last_offset - snapshot.first_offset + 1
    yield GaugeMetricFamily("p2pd_messages_kept", "Messages that can be read again.", retained)
    yield GaugeMetricFamily(
        "p2pd_send_pressure_ratio", "Fill of the fullest queue to a peer.", snapshot.send_pressure
    )
    yield CounterMetricFamily(
        "p2pd_sync_bytes", "Sent and received to synchronise with peers.", snapshot.sync_bytes
    )
    rejected = CounterMetricFamily(
        "p2pd_rejected_inputs", "Inputs of peers that were dropped.", labels=["reason"]
    )
    for reason, total in snapshot.rejected:
        rejected.add_metric([reason], total)
    yield rejected
    yield CounterMetricFamily(
        "p2pd_clock_steps", "Steps of the wall clock seen.", snapshot.clock_steps
    )
    yield GaugeMetricFamily(
        "p2pd_clock_steady",
        "1 while messages are removed for their age, 0 while the clock is in doubt.",
        float(snapshot.clock_is_steady),
    )


def _api_metrics(counters: ApiCounters) -> Iterator[Metric]:
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
