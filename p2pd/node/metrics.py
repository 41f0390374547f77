"""Prometheus metrics of the node, made from frozen snapshots.

The trio thread makes a snapshot when one is asked for; the threads that answer
scrapes read nothing else of the node.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import trio
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.metrics_core import InfoMetricFamily
from prometheus_client.registry import Collector

from p2pd import __version__
from p2pd.api.rpc_server import ApiCounters
from p2pd.api.server import Api
from p2pd.domain.clock import NodeClock
from p2pd.domain.reach import Reach
from p2pd.domain.rejections import Rejections
from p2pd.log.log import Log
from p2pd.net.connections.totals import ConnectionTotals
from p2pd.net.network import Network
from p2pd.net.punch.outcomes import PunchTotals
from p2pd.net.relay.server import RelayTotals
from p2pd.node.connection_metrics import connection_metrics
from p2pd.node.punch_metrics import punch_metrics
from p2pd.node.reach_metrics import reach_metrics
from p2pd.node.relay_metrics import relay_metrics
from p2pd.sync import Sync

ANSWER_S = 1.0
"""How long a scrape waits for the trio thread; then it shows the snapshot before."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the node counts, as it was at one moment of the trio thread."""

    peers: int
    rooms: int
    first_offset: int
    last_offset: int
    send_pressure: float
    sync_bytes: int
    rejected: tuple[tuple[str, int], ...]
    api: ApiCounters
    reach: Reach = field(default_factory=Reach)
    relay_totals: RelayTotals = field(default_factory=RelayTotals)
    connections: ConnectionTotals = field(default_factory=ConnectionTotals)
    dial_back_count: int = 0
    punch_totals: PunchTotals = field(default_factory=PunchTotals)
    clock_steps: int = 0
    clock_is_steady: bool = True


class Feed:
    """Hands snapshots from the trio thread to others.

    Made in the trio thread; ``snapshot`` is called in any other.
    """

    def __init__(self) -> None:
        self._trio = trio.lowlevel.current_trio_token()
        self._take_snapshot: Callable[[], Snapshot] | None = None
        self._latest: Snapshot | None = None
        self._latest_at_s = 0.0
        self._is_serving = False

    def start(self, take_snapshot: Callable[[], Snapshot]) -> None:
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

    def snapshot(self) -> tuple[Snapshot | None, float]:
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


def snapshot_of(
    log: Log, network: Network, sync: Sync, api: Api, rejections: Rejections, clock: NodeClock
) -> Snapshot:
    """Read the node's parts; called in the trio thread."""
    return Snapshot(
        peers=len(log.state.peers),
        rooms=len(log.state.node.rooms),
        first_offset=log.store.first_offset,
        last_offset=log.store.last_offset,
        send_pressure=network.send_pressure(),
        sync_bytes=sync.bytes_moved,
        rejected=tuple(sorted(rejections.totals.items())),
        reach=network.reach(),
        relay_totals=network.relay_totals(),
        connections=network.connection_totals(),
        dial_back_count=network.dial_back_count(),
        punch_totals=network.punch_totals(),
        clock_steps=clock.steps,
        clock_is_steady=clock.is_steady,
        api=api.counters,
    )


class NodeCollector(Collector):
    """Turns snapshots into metrics; called in the threads that answer scrapes."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def describe(self) -> list[Metric]:
        """Name nothing ahead: it would take a snapshot."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        build = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("p2pd_build", "The program.", build)
        snapshot, age_s = self._feed.snapshot()
        yield GaugeMetricFamily(
            "p2pd_snapshot_age_seconds",
            "Age of these values; more than a second while the node's loop hangs.",
            age_s,
        )
        if snapshot is not None:
            yield from _node_metrics(snapshot)
            yield from connection_metrics(snapshot.connections)
            yield from reach_metrics(snapshot.reach, snapshot.dial_back_count)
            yield from relay_metrics(snapshot.reach, snapshot.relay_totals)
            yield from punch_metrics(snapshot.punch_totals)
            yield from _api_metrics(snapshot.api)


def _node_metrics(snapshot: Snapshot) -> Iterator[Metric]:
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
