"""Profiles exchanged with peers that this node meets, over ``/wsp/profile/1.0.0``.

Opened by ``p2pd.node`` over the streams of the network. Whoever opens a stream gives its
own record and gets the other's: one request, one response, one deadline for both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

import structlog
import trio
from google.protobuf.message import DecodeError
from wsp.profile.v1 import profile_pb2

from common.rates import KeyedRates
from p2pd.domain.names import PeerId
from p2pd.domain.peers import Peer
from p2pd.domain.profiles import ProfileRecord
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.profiles.record import MAX_RECORD_BYTES, open_given
from p2pd.net.streams.framed import FrameCutError, FrameTooLongError, read_frame, write_frame
from p2pd.net.streams.peer_stream import PeerStream
from p2pd.net.streams.room_peers import RoomPeers
from p2pd.tasks import attempt

PROTOCOL = "/wsp/profile/1.0.0"
DEADLINE_S = 10.0
"""For a whole exchange, the opening of its stream included."""
MAX_FRAME_BYTES = MAX_RECORD_BYTES + 64
MAX_SERVED = 32
MAX_ASKED_AT_ONCE = 8
MAX_WAITING = 512
REQUESTS_PER_S = 0.2
"""Of one peer; one that has just written its profile gives it once to each."""
REQUEST_BURST = 10
MAX_PEERS_RATED = 1024
MAX_MET = 1024

log = structlog.get_logger(__name__)


class ProfileBook(Protocol):
    """Knows profiles; called in the trio thread."""

    @property
    def own(self) -> ProfileRecord | None:
        """This node's own record; None where nobody has written one."""

    def sequence_of(self, peer_id: PeerId) -> int:
        """Return the sequence of the newest record held of a peer; 0 for none."""

    def receive(self, record: ProfileRecord) -> None:
        """Handle a record that is verified and of the peer that gave it."""


@asynccontextmanager
async def open_profile_exchange(
    peers: RoomPeers,
    book: ProfileBook,
    rejections: Rejections,
    clock_ns: Callable[[], int],
) -> AsyncIterator[ProfileExchange]:
    """Serve the protocol, and exchange with the peers that are named, inside the block."""
    async with trio.open_nursery() as nursery:
        exchange = ProfileExchange(peers, book, rejections, clock_ns, nursery)
        with peers.served(PROTOCOL, exchange.answer):
            yield exchange
        nursery.cancel_scope.cancel()


class ProfileExchange:
    """Ask and answer; nothing that a peer does raises.

    At most 32 requests are served and 8 asked at once; 512 peers wait to be asked, and one
    more is left out: it asks us, or is met again.
    """

    def __init__(
        self,
        peers: RoomPeers,
        book: ProfileBook,
        rejections: Rejections,
        clock_ns: Callable[[], int],
        nursery: trio.Nursery,
    ) -> None:
        self._peers = peers
        self._book = book
        self._rejections = rejections
        self._clock_ns = clock_ns
        self._nursery = nursery
        self._rates: KeyedRates[PeerId] = KeyedRates(REQUESTS_PER_S, REQUEST_BURST, MAX_PEERS_RATED)
        self._places = trio.CapacityLimiter(MAX_ASKED_AT_ONCE)
        self._served = 0
        self._waiting: set[PeerId] = set()
        self._met: dict[PeerId, int] = {}
        """The sequence of our own record that each connected peer was given."""

    def peer_identified(self, peer: Peer) -> None:
        """Exchange with a connected peer that speaks the protocol, once."""
        own = self._book.own
        is_met = self._met.get(peer.peer_id, -1) >= (own.sequence if own else 0)
        if PROTOCOL in peer.protocols and not is_met:
            self._ask_soon(peer.peer_id)

    def peer_gone(self, peer_id: PeerId) -> None:
        """Exchange again when the peer is met again."""
        self._met.pop(peer_id, None)

    def own_changed(self) -> None:
        """Give our new record to every peer that has the one before."""
        for peer_id in tuple(self._met):
            self._ask_soon(peer_id)

    async def ask(self, peer_id: PeerId) -> None:
        """Exchange with a peer now, where it speaks the protocol; within 10 s."""
        if not self._peers.speaks(peer_id, PROTOCOL):
            return
        own = self._book.own
        with trio.move_on_after(DEADLINE_S):
            stream = await self._peers.open_stream(peer_id, PROTOCOL)
            if stream is not None:
                self._given(peer_id, own)
                await self._contained(stream, partial(self._ask_over, peer_id, stream, own))

    async def answer(self, peer_id: PeerId, stream: PeerStream) -> None:
        """Serve one request of a peer, within 10 s."""
        is_over = self._served >= MAX_SERVED
        if is_over or self._rates.consume(peer_id, trio.current_time()):
            self._rejections.count(RejectionReason.PROFILE_REQUESTS_OVER_LIMIT)
            await stream.reset()
            return
        self._served += 1
        try:
            with trio.move_on_after(DEADLINE_S) as scope:
                await self._contained(stream, partial(self._answer_over, peer_id, stream))
            if scope.cancelled_caught:
                self._rejections.count(RejectionReason.PROFILE_MALFORMED)
        finally:
            self._served -= 1

    def _ask_soon(self, peer_id: PeerId) -> None:
        if peer_id in self._waiting or len(self._waiting) >= MAX_WAITING:
            return
        self._waiting.add(peer_id)
        self._nursery.start_soon(attempt, "profile exchange", partial(self._ask_in_turn, peer_id))

    async def _ask_in_turn(self, peer_id: PeerId) -> None:
        try:
            async with self._places:
                self._waiting.discard(peer_id)
                await self.ask(peer_id)
        finally:
            self._waiting.discard(peer_id)

    async def _contained(self, stream: PeerStream, exchange: Callable[[], Awaitable[None]]) -> None:
        """Run one exchange and end its stream; the boundary of what a peer does in it."""
        is_over = False
        try:
            await exchange()
            await stream.close()
            is_over = True
        except (DecodeError, FrameTooLongError, FrameCutError):
            self._rejections.count(RejectionReason.PROFILE_MALFORMED)
        except (ConnectionError, TimeoutError) as error:
            log.debug("profile exchange ended early", error=repr(error))
        finally:
            if not is_over:
                await stream.reset()

    def _given(self, peer_id: PeerId, own: ProfileRecord | None) -> None:
        self._met[peer_id] = own.sequence if own else 0
        while len(self._met) > MAX_MET:
            del self._met[next(iter(self._met))]

    async def _ask_over(
        self, peer_id: PeerId, stream: PeerStream, own: ProfileRecord | None
    ) -> None:
        request = profile_pb2.ProfileRequest(
            record=own.sealed if own else b"", known_sequence=self._book.sequence_of(peer_id)
        )
        await write_frame(stream, request)
        response = profile_pb2.ProfileResponse.FromString(await read_frame(stream, MAX_FRAME_BYTES))
        self._receive(peer_id, response.record)

    async def _answer_over(self, peer_id: PeerId, stream: PeerStream) -> None:
        request = profile_pb2.ProfileRequest.FromString(await read_frame(stream, MAX_FRAME_BYTES))
        own = self._book.own
        is_newer = own is not None and own.sequence > request.known_sequence
        response = profile_pb2.ProfileResponse(record=own.sealed if own and is_newer else b"")
        await write_frame(stream, response)
        self._given(peer_id, own)
        self._receive(peer_id, request.record)

    def _receive(self, peer_id: PeerId, sealed: bytes) -> None:
        record = open_given(sealed, peer_id, self._clock_ns(), self._rejections)
        if record is not None:
            self._book.receive(record)
