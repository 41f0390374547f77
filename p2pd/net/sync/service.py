"""When nodes synchronise, and with whom.

Opened by ``p2pd.net.network``. Two nodes that meet in a room compare what they
have a moment later, again from time to time, and at once with others when
something came that they may lack as well.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Never, Protocol

import structlog
import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.id import ID
from wsp.sync.v1 import sync_pb2

from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.rejections import Rejections
from p2pd.net.gossip import Gossip
from p2pd.net.mended.basic_host import MendedHost
from p2pd.net.mended.identify import PeerIdentity
from p2pd.net.sync.admission import Admission
from p2pd.net.sync.arrivals import Arrivals
from p2pd.net.sync.errors import SyncAbuseError, SyncError
from p2pd.net.sync.frames import FrameStream
from p2pd.net.sync.session import (
    Accept,
    Scope,
    SessionResult,
    SyncSource,
    initiate,
    respond,
)

PROTOCOL = TProtocol("/wsp/sync/1.0.0")
SESSION_TIMEOUT_S = 300.0
SESSION_MAX_BYTES = 128 << 20
CLOSE_TIMEOUT_S = 1.0
SPREAD_PEERS = 3
"""Peers to go to at once when a session has brought something."""

Session = Callable[[FrameStream], Awaitable[SessionResult]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How often nodes compare what they have.

    Attributes:
        interval_s: Seconds between two sessions of a room, with a peer by chance.
        meeting_s: Seconds to wait, at most, after a peer came into a room.
        retry_s: Seconds after which a busy peer is asked again.
    """

    interval_s: float = 10.0
    meeting_s: float = 1.0
    retry_s: float = 2.0


class SyncListener(Protocol):
    """Who takes what synchronisation brings, and says what to fetch."""

    def messages_backfilled(self, messages: Sequence[Message]) -> int:
        """Take verified messages; return how many were new."""

    def scope(self, room: RoomName) -> Scope:
        """Say what of a room to reconcile now."""

    def synchronised(self, room: RoomName, result: SessionResult) -> None:
        """Take note that a session led by this node came to its end."""


@asynccontextmanager
async def open_sync(
    host: MendedHost,
    gossip: Gossip,
    source: SyncSource,
    listener: SyncListener,
    rejections: Rejections,
    options: SyncOptions = SyncOptions(),
) -> AsyncIterator[Sync]:
    """Answer and lead sessions inside the block."""
    async with trio.open_nursery() as nursery:
        sync = Sync(host, gossip, source, listener, rejections, options, nursery)
        host.set_stream_handler(PROTOCOL, sync.answer)
        nursery.start_soon(sync.run)
        try:
            yield sync
        finally:
            host.remove_stream_handler(PROTOCOL)
            nursery.cancel_scope.cancel()


class Sync:
    """The sessions of this node; made by ``open_sync``.

    Attributes:
        bytes_moved: Sent and received in all sessions that have ended.
    """

    def __init__(
        self,
        host: MendedHost,
        gossip: Gossip,
        source: SyncSource,
        listener: SyncListener,
        rejections: Rejections,
        options: SyncOptions,
        nursery: trio.Nursery,
    ) -> None:
        self.bytes_moved = 0
        self._host = host
        self._gossip = gossip
        self._source = source
        self._listener = listener
        self._rejections = rejections
        self._options = options
        self._nursery = nursery
        self._admission = Admission()
        self._arrivals = Arrivals(listener.messages_backfilled, rejections)
        self._planned: set[tuple[PeerId, RoomName]] = set()

    def peer_joined(self, peer_id: PeerId, room: RoomName) -> None:
        """Compare with a peer that came into a room, in a moment, where it is for us to lead."""
        if str(self._host.get_id()) < peer_id:
            self._plan(peer_id, room, random.uniform(0.2, 1.0) * self._options.meeting_s)

    async def run(self) -> Never:
        """Compare from time to time; ends by cancellation."""
        while True:
            await trio.sleep(random.uniform(0.8, 1.2) * self._options.interval_s)
            for room in self._gossip.rooms:
                self._plan_some(room, 1, 0.0)

    async def answer(self, stream: INetStream) -> None:
        """Follow the session of a peer that opened ``stream``."""
        peer_id = PeerId(str(stream.muxed_conn.peer_id))
        await self._hold(peer_id, stream, partial(self._respond, peer_id))

    async def _respond(self, peer_id: PeerId, frames: FrameStream) -> SessionResult:
        return await respond(frames, self._source, partial(self._accept_in, peer_id))

    def _accept_in(self, peer_id: PeerId, room: RoomName) -> Accept | None:
        if room not in self._gossip.rooms:
            return None
        return partial(self._arrivals.accept, self._listener.scope(room), peer_id)

    def _plan_some(self, room: RoomName, count: int, delay_s: float) -> None:
        peers = [peer_id for peer_id in self._gossip.peers_in(room) if self._can_sync(peer_id)]
        for peer_id in random.sample(peers, min(count, len(peers))):
            self._plan(peer_id, room, delay_s)

    def _plan(self, peer_id: PeerId, room: RoomName, delay_s: float) -> None:
        if (peer_id, room) not in self._planned:
            self._planned.add((peer_id, room))
            self._nursery.start_soon(self._lead_later, peer_id, room, delay_s)

    async def _lead_later(self, peer_id: PeerId, room: RoomName, delay_s: float) -> None:
        await trio.sleep(delay_s)
        self._planned.discard((peer_id, room))
        if room not in self._gossip.rooms or peer_id not in self._gossip.peers_in(room):
            return
        if self._identity(peer_id) is None:
            self._plan(peer_id, room, self._options.retry_s)
            return
        if not self._can_sync(peer_id):
            return
        scope = self._listener.scope(room)
        accept = partial(self._arrivals.accept, scope, peer_id)
        result = await self._lead(peer_id, scope, accept)
        if result is None:
            return
        log.debug("synchronised", peer_id=peer_id, received=result.received, sent=result.sent)
        self._listener.synchronised(room, result)
        if result.received:
            self._plan_some(room, SPREAD_PEERS, random.uniform(0.0, 0.5))

    async def _lead(self, peer_id: PeerId, scope: Scope, accept: Accept) -> SessionResult | None:
        try:
            stream = await self._host.new_stream(ID.from_base58(peer_id), [PROTOCOL])
        # Boundary: the library has many ways to say that a peer is gone.
        except Exception as error:
            log.debug("sync stream not opened", peer_id=peer_id, error=repr(error))
            return None
        lead = partial(initiate, scope=scope, source=self._source, accept=accept)
        return await self._hold(peer_id, stream, lead)

    async def _hold(
        self, peer_id: PeerId, stream: INetStream, session: Session
    ) -> SessionResult | None:
        """Run one session within its peer's budget; whatever the peer does ends here."""
        frames = FrameStream(stream, SESSION_MAX_BYTES)
        refusal = self._admission.begin(peer_id, trio.current_time())
        if refusal is not None:
            self._rejections.count(f"sync_{refusal}")
            await self._refuse(frames, refusal)
            await _close(stream)
            return None
        try:
            with trio.fail_after(SESSION_TIMEOUT_S):
                result = await session(frames)
        except SyncAbuseError as error:
            self._rejections.count(error.reason)
            self._admission.bar(peer_id, trio.current_time())
            log.warning("peer barred from synchronising", peer_id=peer_id, reason=error.reason)
        except (SyncError, trio.TooSlowError) as error:
            log.debug("session ended early", peer_id=peer_id, error=str(error))
        else:
            return result
        finally:
            moved_bytes = frames.bytes_sent + frames.bytes_received
            self.bytes_moved += moved_bytes
            self._admission.end(peer_id, moved_bytes)
            await _close(stream)
        return None

    async def _refuse(self, frames: FrameStream, reason: str) -> None:
        with suppress(SyncError):
            await frames.send(sync_pb2.Frame(done=sync_pb2.Done(reason=reason)))

    def _identity(self, peer_id: PeerId) -> PeerIdentity | None:
        return self._host.identity_of(ID.from_base58(peer_id))

    def _can_sync(self, peer_id: PeerId) -> bool:
        identity = self._identity(peer_id)
        speaks = identity is not None and PROTOCOL in identity.protocols
        return speaks and self._admission.is_free(peer_id, trio.current_time())


async def _close(stream: INetStream) -> None:
    with trio.move_on_after(CLOSE_TIMEOUT_S) as scope, suppress(StreamError):
        scope.shield = True
        await stream.close()
