"""When nodes synchronise, and with whom.

Opened by ``p2pd.node`` over the peers of the network. Two nodes that meet in a room
compare what they have a moment later, again from time to time, and at once with
others when something came that they may lack as well.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Never, Protocol

import structlog
import trio

from p2pd.domain.items import LOWEST
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.domain.verdicts import MessageReceiver
from p2pd.sync.admission import HOLD_S, Admission
from p2pd.sync.arrivals import Arrivals
from p2pd.sync.peer_schedule import PeerSchedule
from p2pd.sync.ports import ByteStream, MessageReader, SyncPeers
from p2pd.sync.room_access import RoomAccess
from p2pd.sync.room_ages import RoomAge, RoomAges
from p2pd.sync.scope import DisplacedSource, Scope, SessionResult, SyncSource
from p2pd.sync.session.initiator import initiate
from p2pd.sync.session.machine import SESSION_LIMITS, SessionLimits
from p2pd.sync.session.responder import respond
from p2pd.sync.session_runner import SessionRunner
from p2pd.tasks import attempt, run_guarded
from p2pd.workers import WORKER_THREADS, Workers

PROTOCOL = "/wsp/sync/1.0.0"
DISPLACED_PROTOCOL = "/wsp/sync/displaced/1.0.0"
"""The same sessions over the messages that cannot be found by their time."""
PEERS_AT_A_TIME = 2
"""Peers to compare a room with, each time."""
SPREAD_PEERS = 3
"""Peers to go to at once when a session has brought something."""
TRIES = 7
"""Of a session that does not come about; then the peer waits for its turn."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How often nodes compare what they have.

    Attributes:
        interval_s: Seconds between two comparisons of a room.
        meeting_s: Seconds to wait, at most, after a peer came into a room.
        retry_s: Seconds after which a session that did not come about is tried again, at
            most: first it is ``meeting_s``, each further time twice as long. The peer may
            just not have announced its protocols, or may have opened a session itself.
        clock_ns: The node's clock, nanoseconds since the epoch.
        limits: What one session may cost.
        hold_s: Seconds in which no session is ended for another one.
        workers: Where the store is asked.
    """

    interval_s: float = 10.0
    meeting_s: float = 0.2
    retry_s: float = 2.0
    clock_ns: Callable[[], int] = time.time_ns  # noqa: TID251
    limits: SessionLimits = SESSION_LIMITS
    hold_s: float = HOLD_S
    workers: Workers = WORKER_THREADS


class SyncListener(Protocol):
    """Decides what to fetch, and is called with what came of it."""

    def scope(self, room: RoomName) -> Scope | None:
        """Return what of a room to reconcile now; None where it is not joined."""

    def synchronised(self, room: RoomName, result: SessionResult) -> None:
        """Handle that a session initiated by this node came to its end."""


EqualReport = Callable[[PeerId, RoomName, int, int], None]


@asynccontextmanager
async def open_sync(
    peers: SyncPeers,
    reader: MessageReader,
    source: SyncSource,
    receiver: MessageReceiver,
    listener: SyncListener,
    rejections: Rejections,
    options: SyncOptions = SyncOptions(),
) -> AsyncIterator[Sync]:
    """Respond to sessions and initiate them inside the block."""
    arrivals = Arrivals(receiver, reader, rejections, options.clock_ns)
    async with trio.open_nursery() as nursery:
        sync = Sync(peers, source, arrivals, listener, rejections, options, nursery)
        with (
            peers.served(PROTOCOL, sync.answer),
            peers.served(DISPLACED_PROTOCOL, sync.answer_displaced),
        ):
            nursery.start_soon(run_guarded, "synchronisation", sync.run)
            yield sync
        nursery.cancel_scope.cancel()


class Sync:
    """The sessions of this node; made by ``open_sync``.

    Attributes:
        position: Returns where the log ends.
        on_equal: Called with a peer, a room, a sequence number and an offset: the peer
            has all items that are not below the one and were stored up to the other.
    """

    def __init__(
        self,
        peers: SyncPeers,
        source: SyncSource,
        arrivals: Arrivals,
        listener: SyncListener,
        rejections: Rejections,
        options: SyncOptions,
        nursery: trio.Nursery,
    ) -> None:
        self._peers = peers
        self._source = source
        self._listener = listener
        self._rejections = rejections
        self._options = options
        self._nursery = nursery
        self._own_id = peers.own_id
        self._admission = Admission(self._own_id, options.hold_s)
        self._runner = SessionRunner(self._admission, rejections, options.limits, options.workers)
        self._arrivals = arrivals
        self._schedule = PeerSchedule()
        self._ages = RoomAges()
        self._planned: set[tuple[PeerId, RoomName]] = set()
        self.position: Callable[[], int] = lambda: 0
        self.on_equal: list[EqualReport] = []

    @property
    def bytes_moved(self) -> int:
        """Sent and received in all sessions so far."""
        return self._runner.bytes_moved

    def room_ages(self, max_count: int) -> tuple[RoomAge, ...]:
        """Return how rooms stand now, the first by name where there are many."""
        now_s, rooms = trio.current_time(), sorted(self._peers.rooms)
        self._ages.keep(rooms, now_s)
        return tuple(
            self._ages.age_of(room, self._count_peers(room), now_s) for room in rooms[:max_count]
        )

    def peer_joined(self, peer_id: PeerId, room: RoomName) -> None:
        """Compare with a peer that came into a room, in a moment, where this node is to initiate.

        The node that lacks the past initiates, since it says how much of it; else the lower id.
        """
        scope = self._listener.scope(room)
        if scope is not None and (self._own_id < peer_id or scope.newest is not None):
            self._plan(peer_id, room, random.uniform(0.2, 1.0) * self._options.meeting_s)

    def room_left(self, room: RoomName) -> None:
        """Drop what is known of a room that was left."""
        self._schedule.forget_room(room)

    def compare_now(self, room: RoomName) -> None:
        """Compare a room with some of its peers, without waiting for the next turn."""
        self._plan_some(room, SPREAD_PEERS)

    async def run(self) -> Never:
        """Compare from time to time; ends by cancellation."""
        while True:
            self._ages.keep(self._peers.rooms, trio.current_time())
            await trio.sleep(random.uniform(0.8, 1.2) * self._options.interval_s)
            for room in self._peers.rooms:
                self._schedule.keep(room, self._peers.peers_in(room))
                self._plan_some(room, PEERS_AT_A_TIME)

    async def answer(self, peer_id: PeerId, stream: ByteStream) -> None:
        """Respond to the session of a peer that opened ``stream``."""
        await self._answer(peer_id, stream, is_displaced=False)

    async def answer_displaced(self, peer_id: PeerId, stream: ByteStream) -> None:
        """Respond to a session about displaced messages."""
        await self._answer(peer_id, stream, is_displaced=True)

    async def _answer(self, peer_id: PeerId, stream: ByteStream, *, is_displaced: bool) -> None:
        room, until = self._room_access(peer_id, is_displaced=is_displaced), self.position()
        result = await self._runner.run(peer_id, False, stream, respond(), room)
        if result is None or room.scope is None:
            return
        self._report_equal(peer_id, room.scope.room, result, until)
        if not is_displaced:
            self._ages.compared(room.scope.room, result.is_complete, trio.current_time())
        if result.received:
            self._plan_some(room.scope.room, SPREAD_PEERS, besides=peer_id)

    def _room_access(self, peer_id: PeerId, *, is_displaced: bool = False) -> RoomAccess:
        if is_displaced:
            source = DisplacedSource(self._source)
            return RoomAccess(peer_id, source, self._arrivals, self._displaced_scope)
        return RoomAccess(peer_id, self._source, self._arrivals, self._scope)

    def _scope(self, room: RoomName) -> Scope | None:
        """Return what is wanted of a room; None where it is not joined."""
        return self._listener.scope(room) if room in self._peers.rooms else None

    def _displaced_scope(self, room: RoomName) -> Scope | None:
        if self._scope(room) is None:
            return None
        return Scope(room, LOWEST, LOWEST, LOWEST, is_displaced=True)

    def _plan_some(self, room: RoomName, count: int, besides: PeerId | None = None) -> None:
        peers = self._peers.peers_in(room) - {besides}
        free = [peer_id for peer_id in peers if self._can_sync(peer_id)]
        for peer_id in self._schedule.next_peers(room, free, count):
            self._plan(peer_id, room, random.uniform(0.0, 0.5))

    def _plan(self, peer_id: PeerId, room: RoomName, delay_s: float, tries: int = TRIES) -> None:
        if (peer_id, room) not in self._planned:
            self._planned.add((peer_id, room))
            initiate_session = partial(self._initiate_later, peer_id, room, delay_s, tries)
            self._nursery.start_soon(attempt, "sync session", initiate_session)

    async def _initiate_later(
        self, peer_id: PeerId, room: RoomName, delay_s: float, tries: int
    ) -> None:
        try:
            await trio.sleep(delay_s)
        finally:
            self._planned.discard((peer_id, room))
        if room not in self._peers.rooms or peer_id not in self._peers.peers_in(room):
            return
        result = await self._initiate(peer_id, room) if self._can_sync(peer_id) else None
        if result is not None:
            self._report(peer_id, room, result)
            await self._initiate_displaced(peer_id, room)
        elif tries > 1:
            retry_s = random.uniform(0.5, 1.5) * self._retry_s(tries)
            self._plan(peer_id, room, retry_s, tries - 1)

    def _retry_s(self, tries_left: int) -> float:
        options = self._options
        return min(options.retry_s, options.meeting_s * 2.0 ** (TRIES - tries_left))

    async def _initiate(self, peer_id: PeerId, room: RoomName) -> SessionResult | None:
        now_s = trio.current_time()
        self._schedule.initiated(peer_id, room, now_s)
        access = self._room_access(peer_id)
        scope = access.enter(room)
        if scope is None:
            return None
        seeks_past = scope.newest is not None and self._schedule.seeks(peer_id, room, now_s)
        stream = await self._peers.open_stream(peer_id, PROTOCOL)
        if stream is None:
            return None
        rules, until = initiate(scope, seeks_past, _new_salt()), self.position()
        result = await self._runner.run(peer_id, True, stream, rules, access)
        if result is not None:
            self._report_equal(peer_id, room, result, until)
        if result is not None and seeks_past:
            self._schedule.sought(peer_id, room, result.received, now_s)
        return result

    async def _initiate_displaced(self, peer_id: PeerId, room: RoomName) -> None:
        """Compare the messages that cannot be found by their time, all of them."""
        access = self._room_access(peer_id, is_displaced=True)
        scope = access.enter(room)
        if scope is None or not self._peers.speaks(peer_id, DISPLACED_PROTOCOL):
            return
        stream = await self._peers.open_stream(peer_id, DISPLACED_PROTOCOL)
        if stream is None:
            return
        rules = initiate(scope, seeks_past=False, salt=_new_salt())
        result = await self._runner.run(peer_id, True, stream, rules, access)
        if result is not None and result.received:
            self._plan_some(room, SPREAD_PEERS, besides=peer_id)

    def _report(self, peer_id: PeerId, room: RoomName, result: SessionResult) -> None:
        log.debug("synchronised", peer_id=peer_id, received=result.received, sent=result.sent)
        self._listener.synchronised(room, result)
        self._ages.compared(room, result.is_complete, trio.current_time())
        if result.received:
            self._plan_some(room, SPREAD_PEERS, besides=peer_id)
        if not result.is_complete and result.received:
            self._plan(peer_id, room, 0.0)
        elif not result.is_complete and not result.sent:
            self._rejections.count(RejectionReason.SYNC_NOTHING_GIVEN)
            self._admission.start_cooldown(peer_id, trio.current_time())

    def _report_equal(
        self, peer_id: PeerId, room: RoomName, result: SessionResult, until: int
    ) -> None:
        if result.equal_from is not None:
            for report in self.on_equal:
                report(peer_id, room, result.equal_from, until)

    def _count_peers(self, room: RoomName) -> int:
        return sum(self._peers.speaks(each, PROTOCOL) for each in self._peers.peers_in(room))

    def _can_sync(self, peer_id: PeerId) -> bool:
        speaks = self._peers.speaks(peer_id, PROTOCOL)
        return speaks and self._admission.may_initiate(peer_id, trio.current_time())


def _new_salt() -> int:
    return secrets.randbits(64) or 1
