"""What the node counts, frozen at one moment of the trio thread. Shown by ``node.metrics``."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.histograms import EMPTY, HistogramValue
from p2pd.api.rpc_server import ApiCounters
from p2pd.api.server import Api
from p2pd.chat.assembly import Chat, Receiving
from p2pd.domain.clock import NodeClock
from p2pd.domain.message_ages import MessageAgesValue
from p2pd.domain.reach import Reach
from p2pd.domain.rejections import Rejections
from p2pd.domain.storage import Storage
from p2pd.log.log import Log
from p2pd.net.connections.totals import ConnectionTotals
from p2pd.net.dial_failures import DialTotals
from p2pd.net.network import Network
from p2pd.net.punch.outcomes import PunchTotals
from p2pd.net.relay.server import RelayTotals
from p2pd.node.loop_watch import LoopWatch
from p2pd.store.sqlite_store import SqliteStore
from p2pd.sync import Sync
from p2pd.sync.room_ages import RoomAge

MAX_ROOMS_SHOWN = 20
"""Rooms with time series of their own."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long things took, in seconds.

    Attributes:
        publish: From acceptance to when a publish was durable.
        fsync: Each fsync of the message store.
        messages: How old the messages of other peers were when they came.
        trio_lag: How late the loop of the network was.
    """

    publish: HistogramValue = EMPTY
    fsync: HistogramValue = EMPTY
    messages: MessageAgesValue = field(default_factory=MessageAgesValue)
    trio_lag: HistogramValue = EMPTY
    grpc_lag: HistogramValue = EMPTY


@dataclass(frozen=True, slots=True)
class NodeCounts:
    """All of it."""

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
    latencies: Latencies = field(default_factory=Latencies)
    storage: Storage = field(default_factory=Storage)
    unsent_messages: int = 0
    evicted_readers: int = 0
    unindexed_messages: int = 0
    room_ages: tuple[RoomAge, ...] = ()
    dial_failures: DialTotals = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of a node that are read for a snapshot."""

    log: Log
    disk: SqliteStore
    network: Network
    sync: Sync
    own: Receiving
    chat: Chat
    api: Api
    rejections: Rejections
    clock: NodeClock
    loop: LoopWatch

    def snapshot(self) -> NodeCounts:
        """Read them; called in the trio thread."""
        log, network, api = self.log, self.network, self.api.counters
        return NodeCounts(
            peers=len(log.state.peers),
            rooms=len(log.state.node.rooms),
            first_offset=log.store.first_offset,
            last_offset=log.store.last_offset,
            send_pressure=network.send_pressure(),
            sync_bytes=self.sync.bytes_moved,
            rejected=tuple(sorted(self.rejections.totals.items())),
            reach=network.reach(),
            relay_totals=network.relay_totals(),
            connections=network.connection_totals(),
            dial_back_count=network.dial_back_count(),
            punch_totals=network.punch_totals(),
            clock_steps=self.clock.steps,
            clock_is_steady=self.clock.is_steady,
            api=api,
            latencies=self._latencies(api),
            storage=log.store.storage,
            unsent_messages=self.own.outbox.unsent_count,
            unindexed_messages=self.chat.searching.unindexed_count,
            evicted_readers=log.store.read_state.evicted_readers,
            room_ages=self.sync.room_ages(MAX_ROOMS_SHOWN),
            dial_failures=network.dial_failures(),
        )

    def _latencies(self, api: ApiCounters) -> Latencies:
        return Latencies(
            publish=self.chat.publishing.durations.value(),
            fsync=self.disk.sync_durations,
            messages=self.own.inbox.ages.value(),
            trio_lag=self.loop.value,
            grpc_lag=api.loop_lag,
        )
