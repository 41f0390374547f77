"""Rooms over GossipSub: join and leave, sign and send, and receive what others say.

Opened by ``p2pd.net.opening`` inside the host's lifetime. Messages that arrive
are verified, here for the first time, and handed on in batches; our own are not
handed on, since their publisher knows them. Every limit is in ``GossipOptions``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import trio
from libp2p.abc import IHost
from libp2p.peer.id import ID
from libp2p.tools.anyio_service import background_trio_service

from p2pd.domain.messages import Delivery, Message
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.rejections import Rejections
from p2pd.domain.verdicts import MessageReceiver, Verdict
from p2pd.errors import MessageTooLargeError, RoomNotJoinedError
from p2pd.net.pubsub.author_rates import AuthorRates
from p2pd.net.pubsub.mesh_state import MeshState
from p2pd.net.pubsub.messages import (
    MAX_DATA_BYTES,
    MessageSigner,
    WireMessage,
    message_from_bytes,
)
from p2pd.net.pubsub.router import GossipRouter, recent_messages
from p2pd.net.pubsub.service import PubsubService
from p2pd.tasks import run_guarded


@dataclass(frozen=True, slots=True)
class GossipOptions:
    """Intervals and limits.

    Attributes:
        heartbeat_s: How often the mesh is repaired and gossip sent.
        replay_s: How far back a peer that comes into a room is given messages.
        author_rate_per_s: What is taken of one author in the long run.
        author_burst: What is taken of one author at once.
        queue_max_bytes: What may wait to be written to one peer; at least 512 KiB,
            since a read is relayed whole.
        send_wait_s: How long ``send`` waits, in all, for peers whose queues are full.
        finish_s: How long what was sent may take to be written when gossip ends.
        clock_ns: The node's clock, nanoseconds since the epoch.
    """

    heartbeat_s: float = 1.0
    replay_s: float = 30.0
    author_rate_per_s: float = 4_000.0
    author_burst: float = 40_000.0
    queue_max_bytes: int = 8 * 1024 * 1024
    send_wait_s: float = 2.0
    finish_s: float = 1.0
    clock_ns: Callable[[], int] = time.time_ns


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """One of our own messages, ready to be sent; ``signed_bytes`` is the protobuf."""

    message_id: MessageId
    room: RoomName
    author_id: PeerId
    data: bytes
    seqno: int
    signed_bytes: bytes
    wire: WireMessage = field(repr=False, compare=False)

    @property
    def peer_id(self) -> None:
        """None: it is of a room."""


class GossipListener(Protocol):
    """Whom the gossip reports peers to; called in the trio thread, must not block or raise."""

    def peer_joined(self, peer_id: PeerId, room: RoomName) -> None:
        """Handle that a peer is in a room that is joined here, and can be sent to."""

    def peer_left(self, peer_id: PeerId, room: RoomName) -> None:
        """Handle that a peer left a room that is joined here, or cannot be sent to."""


@asynccontextmanager
async def open_gossip(
    host: IHost,
    receiver: MessageReceiver,
    listener: GossipListener,
    rejections: Rejections,
    *,
    first_seqno: int = 0,
    options: GossipOptions = GossipOptions(),
) -> AsyncIterator[Gossip]:
    """Speak GossipSub with every peer of ``host``, those connected already included.

    Args:
        receiver: Stores what peers send; only what it stored is relayed.
        first_seqno: The last sequence number used before; ours are above it.
    """
    state = MeshState(recent_messages(options.heartbeat_s, options.replay_s), rejections)
    router = GossipRouter(state, rejections, options.heartbeat_s)
    edge = _Edge(receiver, listener, options.clock_ns)
    rates = AuthorRates(options.author_rate_per_s, options.author_burst)
    pubsub = PubsubService(
        host,
        router,
        state,
        receiver=edge,
        observer=edge,
        rejections=rejections,
        author_rates=rates,
        queue_max_bytes=options.queue_max_bytes,
        clock_ns=options.clock_ns,
    )
    async with background_trio_service(pubsub), background_trio_service(router):
        await pubsub.wait_until_ready()
        for peer_id in list(host.get_network().connections):
            pubsub.adopt(peer_id)
        signer = MessageSigner(host.get_private_key(), first_seqno, options.clock_ns)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_guarded, "held relays", pubsub.sender.held.run)
            try:
                yield Gossip(pubsub, state, edge, signer, options.send_wait_s)
            finally:
                await pubsub.finish(options.finish_s)
                nursery.cancel_scope.cancel()


class Gossip:
    """The rooms of this node; made by ``open_gossip``."""

    def __init__(
        self,
        pubsub: PubsubService,
        state: MeshState,
        edge: _Edge,
        signer: MessageSigner,
        send_wait_s: float,
    ) -> None:
        self.pubsub = pubsub
        self.state = state
        self._edge = edge
        self._signer = signer
        self._send_wait_s = send_wait_s

    @property
    def rooms(self) -> frozenset[RoomName]:
        """The joined rooms."""
        return self._edge.rooms

    async def join(self, room: RoomName) -> None:
        """Join a room; peers known to be in it are reported as joined at once."""
        if room in self.pubsub.topic_ids:
            return
        await self.pubsub.subscribe(room)
        self._edge.enter(room, self.peers_in(room))

    async def leave(self, room: RoomName) -> None:
        """Leave a room; nothing more is reported of it, not that its peers are gone either."""
        self._edge.leave(room)
        await self.pubsub.unsubscribe(room)

    def next_seqno(self) -> int:
        """Return the number of this node's next message, of whatever protocol."""
        return self._signer.next_seqno()

    def sign(self, room: RoomName, data: bytes) -> SignedMessage:
        """Make the next message of this node.

        Raises:
            RoomNotJoinedError: The room is not joined.
            MessageTooLargeError: Larger than any peer would take.
        """
        if room not in self.pubsub.topic_ids:
            raise RoomNotJoinedError(room)
        if len(data) > MAX_DATA_BYTES:
            raise MessageTooLargeError(len(data), MAX_DATA_BYTES)
        wire = self._signer.sign(room, data)
        return SignedMessage(
            message_id=MessageId(wire.wire_id.hex()),
            room=room,
            author_id=peer_id_from_bytes(wire.author),
            data=data,
            seqno=wire.seqno,
            signed_bytes=wire.signed_bytes,
            wire=wire,
        )

    async def send(self, message: SignedMessage) -> int:
        """Hand a message to every peer in its room.

        Waits while queues of peers are above their mark, for ``send_wait_s`` in all;
        a peer that stayed behind is not waited for again until it keeps up.

        Returns:
            To how many peers it was handed. Others get it when they come, within
            ``replay_s``.
        """
        return await self.pubsub.sender.send(message.wire, self._send_wait_s)

    @property
    def can_send_now(self) -> bool:
        """Whether ``send`` would wait for no peer."""
        return self.pubsub.sender.can_send_now

    def send_now(self, message: SignedMessage) -> int:
        """Hand a message to every peer in its room that has room for it; see ``send``."""
        return self.pubsub.sender.send_now(message.wire)

    async def send_again(self, signed_bytes: bytes) -> int:
        """Hand one of our own messages of before to every peer in its room; see ``send``."""
        return await self.pubsub.sender.send(message_from_bytes(signed_bytes), self._send_wait_s)

    async def use_best_connection(self, peer_id: ID, is_overlapping: bool) -> None:
        """Move what is sent to a peer off a relayed connection, if there is a direct one.

        Args:
            is_overlapping: Whether the peer reads two streams at once.

        Raises:
            Exception: The new stream cannot be opened.
        """
        await self.pubsub.use_best_connection(peer_id, is_overlapping=is_overlapping)

    def hears(self, peer_id: ID) -> bool:
        """Return whether a peer has opened a stream to this node."""
        return self.pubsub.is_heard(peer_id)

    def announce(self, peer_id: PeerId, room: RoomName, wire_ids: Sequence[bytes]) -> None:
        """Announce messages to a peer, as far as there is room in its queue."""
        self.pubsub.router.control.announce(room, wire_ids, ID.from_base58(peer_id))

    def peers_in(self, room: RoomName) -> frozenset[PeerId]:
        """Return the peers that are in a room and can be written to."""
        return frozenset(
            peer_id_from_bytes(peer_id.to_bytes()) for peer_id in self.pubsub.router.receivers(room)
        )

    def is_room_mate(self, peer_id: ID) -> bool:
        """Return whether a peer is in any room of this node."""
        return any(peer_id in self.pubsub.router.receivers(room) for room in self.rooms)

    def send_pressure(self) -> float:
        """Return how full the fullest peer queue is, 0.0 to 1.0; lagging peers do not count."""
        queues = self.state.queues()
        return max((queue.fill for queue in queues if not queue.is_lagging), default=0.0)


class _Edge:
    """Turns what the pubsub service sees into what is reported to the listener."""

    def __init__(
        self, receiver: MessageReceiver, listener: GossipListener, clock_ns: Callable[[], int]
    ) -> None:
        self._receiver = receiver
        self._clock_ns = clock_ns
        self._listener = listener
        self._rooms: set[RoomName] = set()

    @property
    def rooms(self) -> frozenset[RoomName]:
        """The rooms that are reported."""
        return frozenset(self._rooms)

    def enter(self, room: RoomName, peers: frozenset[PeerId]) -> None:
        """Report a room from now on."""
        self._rooms.add(room)
        for peer_id in peers:
            self._listener.peer_joined(peer_id, room)

    def leave(self, room: RoomName) -> None:
        """Report a room no longer."""
        self._rooms.discard(room)

    async def receive_wire_messages(
        self, messages: Sequence[WireMessage], forwarder: ID
    ) -> Sequence[Verdict]:
        now_ns = self._clock_ns()
        forwarder_id = peer_id_from_bytes(forwarder.to_bytes())
        return await self._receiver.receive_messages(
            [message_from_wire(message, forwarder_id, now_ns) for message in messages]
        )

    def topic_entered(self, peer_id: ID, topic: str) -> None:
        if topic in self._rooms:
            self._listener.peer_joined(peer_id_from_bytes(peer_id.to_bytes()), RoomName(topic))

    def topic_left(self, peer_id: ID, topic: str) -> None:
        if topic in self._rooms:
            self._listener.peer_left(peer_id_from_bytes(peer_id.to_bytes()), RoomName(topic))


def message_from_wire(
    wire: WireMessage,
    forwarder_id: PeerId,
    now_ns: int,
    delivery: Delivery = Delivery.LIVE,
) -> Message:
    """Name a wire message in the words of the domain."""
    return Message(
        message_id=MessageId(wire.wire_id.hex()),
        room=RoomName(wire.topic),
        author_id=peer_id_from_bytes(wire.author),
        data=wire.data,
        seqno=wire.seqno,
        receive_time_ns=now_ns,
        forwarder_id=forwarder_id,
        signed_bytes=wire.signed_bytes,
        delivery=delivery,
    )


@lru_cache(maxsize=4_096)
def peer_id_from_bytes(peer_id: bytes) -> PeerId:
    """Write a peer id as text; slow without the cache, since base58 is a division."""
    return PeerId(ID(peer_id).to_base58())
