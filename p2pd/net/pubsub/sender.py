"""How messages go out: relayed as they came, or our own; cached and queued once each.

Used by the pipeline for what is stored, by ``Gossip`` for our own messages, and by
the inbound streams, which read no faster than the mesh takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio
from libp2p.peer.id import ID

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.pubsub.frames import frame_from_message
from p2pd.net.pubsub.held_relays import HeldRelays
from p2pd.net.pubsub.mesh_state import MeshState
from p2pd.net.pubsub.messages import WireMessage
from p2pd.net.pubsub.recent_messages import RecentMessage
from p2pd.net.pubsub.router import DONT_WANT_MIN_BYTES, GossipRouter
from p2pd.net.pubsub.send_queue import SendQueue, wait_for_room

#: Messages of our own after which other tasks get a turn.
SENDS_A_TURN = 32
#: How long a stream is not read, in all, while peers in the mesh take nothing.
RELAY_WAIT_S = 1.0

OnHanded = Callable[[WireMessage, Sequence[ID]], None]


class MessageSender:
    """Queues messages for peers, without a task or a copy for each.

    Attributes:
        on_handed: Called with one of our own messages and the peers it was handed to.
        held: Relays that may not be needed.
    """

    def __init__(self, state: MeshState, router: GossipRouter, rejections: Rejections) -> None:
        self._state = state
        self._router = router
        self._rejections = rejections
        self._sent = 0
        self.on_handed: OnHanded | None = None
        self.held = HeldRelays()

    def relay(self, message: WireMessage, forwarder: ID) -> None:
        """Cache a message for those who ask, and queue or hold it for the mesh."""
        frame = frame_from_message(message.signed_bytes)
        self._state.recent.put(message.wire_id, message.topic, frame, message.signed_bytes)
        if len(message.data) >= DONT_WANT_MIN_BYTES:
            self._router.send_dont_want(message.topic, message.wire_id, forwarder)
        for peer_id in self._router.relays(
            message.topic, message.wire_id, forwarder, message.author
        ):
            # A peer can be in the mesh before it can be written to.
            peer = self._state.peers.get(peer_id)
            if peer is None or self.held.hold(peer, message.author, message.wire_id, frame):
                continue
            if not peer.queue.push(frame):
                self._rejections.count(RejectionReason.RELAY_QUEUE_FULL)

    def receive_copy(self, message: RecentMessage, forwarder: ID) -> None:
        """Handle that a peer sent a message that was relayed before."""
        peer = self._state.peers.get(forwarder)
        if peer is not None:
            self.held.receive_copy(peer, message.author, message.wire_id)

    async def wait_for_relays(self) -> None:
        """Wait while peers have too much to read."""
        await wait_for_room(self._state.queues(), RELAY_WAIT_S)

    async def send(self, message: WireMessage, wait_s: float) -> int:
        """Queue one of our own messages for every peer in its topic.

        Args:
            wait_s: How long to wait for room in the queues of all peers that keep up.

        Returns:
            To how many peers it was handed.
        """
        await wait_for_room(self._queues_of(message.topic), wait_s)
        handed = self.send_now(message)
        self._sent += 1
        if self._sent % SENDS_A_TURN == 0:
            await trio.lowlevel.checkpoint()
        return handed

    @property
    def can_send_now(self) -> bool:
        """Whether no peer that keeps up has so much to read that ``send`` could wait for it."""
        return not any(
            queue.is_half_full and not queue.is_lagging for queue in self._state.queues()
        )

    def send_now(self, message: WireMessage) -> int:
        """Queue one of our own messages for every peer in its topic, as far as there is room.

        Returns:
            To how many peers it was handed.
        """
        frame = frame_from_message(message.signed_bytes)
        self._state.seen.add(message.wire_id)
        self._state.recent.put(message.wire_id, message.topic, frame, message.signed_bytes)
        peers = self._state.peers
        handed: list[ID] = []
        for peer_id in self._router.receivers(message.topic):
            peer = peers.get(peer_id)
            if peer is None:
                continue
            if peer.queue.push(frame):
                handed.append(peer_id)
            else:
                self._rejections.count(RejectionReason.SEND_QUEUE_FULL)
        if handed and self.on_handed is not None:
            self.on_handed(message, handed)
        return len(handed)

    def _queues_of(self, topic: str) -> list[SendQueue]:
        """List the queues of the peers that get our own messages."""
        peers = self._state.peers
        return [peers[peer].queue for peer in self._router.receivers(topic) if peer in peers]
