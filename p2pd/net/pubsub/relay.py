"""The way of a message through the pubsub service: received once, stored, relayed as it came.

The middle of the service, between the streams of ``outbound`` and of ``service``.
"""

from __future__ import annotations

from typing import Any

import trio
from libp2p.abc import IHost
from libp2p.peer.id import ID

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.pubsub.author_rates import AuthorRates
from p2pd.net.pubsub.frames import frame_from_message
from p2pd.net.pubsub.inbound import InboundPipeline
from p2pd.net.pubsub.intake import MessageIntake
from p2pd.net.pubsub.messages import WireMessage
from p2pd.net.pubsub.outbound import OutboundPubsub, PubsubObserver
from p2pd.net.pubsub.router import DONT_WANT_MIN_BYTES, GossipRouter
from p2pd.net.pubsub.seen import SeenIds
from p2pd.net.pubsub.send_queue import SendQueue, wait_for_room
from p2pd.net.pubsub.unstored import UnstoredMessages

SEEN_TTL_S = 120.0
MAX_SEEN_IDS = 250_000
#: Messages of our own after which other tasks get a turn.
SENDS_A_TURN = 32
#: How long a stream is not read while a peer in the mesh takes nothing.
RELAY_WAIT_S = 1.0


class RelayPubsub(OutboundPubsub):
    """Pubsub whose messages skip the library's queue, task and copy for each."""

    seen_messages: SeenIds  # type: ignore[assignment]  # what the library calls of it is there

    def __init__(
        self,
        host: IHost,
        router: GossipRouter,
        observer: PubsubObserver,
        rejections: Rejections,
        author_rates: AuthorRates,
        queue_max_bytes: int,
    ) -> None:
        super().__init__(host, router, observer, rejections, queue_max_bytes)
        library_cache: Any = self.seen_messages
        library_cache.stop()
        self.seen_messages = SeenIds(SEEN_TTL_S, MAX_SEEN_IDS)
        own_author = self.my_id.to_bytes()
        self._awaiting: set[bytes] = set()
        self.unstored = UnstoredMessages()
        intake = MessageIntake(
            own_author, self.topic_ids, self.seen_messages, self._awaiting, author_rates
        )
        self._inbound_messages = InboundPipeline(
            intake,
            observer,
            self.seen_messages,
            self._awaiting,
            self.unstored,
            self._relay,
            router.request_unstored,
            rejections,
        )
        self._sent = 0

    def is_known(self, wire_id: bytes) -> bool:
        """Whether a message was received before, or its verdict is awaited."""
        return self.seen_messages.has(wire_id) or wire_id in self._awaiting

    def _relay(self, message: WireMessage, forwarder: ID) -> None:
        """Cache a message for those who ask, and queue it for the mesh."""
        frame = frame_from_message(message.signed_bytes)
        self.router.mcache.put(message.wire_id, message.topic, frame)
        if len(message.data) >= DONT_WANT_MIN_BYTES:
            self.router.tell_dont_want(message.topic, message.wire_id, forwarder)
        for peer_id in self.router.relays(
            message.topic, message.wire_id, forwarder, message.author
        ):
            # A peer can be in the mesh before it can be written to.
            queue = self.peer_queues.get(peer_id)
            if queue is not None and not queue.push(frame):
                self._rejections.count(RejectionReason.RELAY_QUEUE_FULL)

    async def _wait_for_relays(self) -> None:
        """Read no faster than the mesh takes it."""
        await wait_for_room(self.peer_queues.values(), RELAY_WAIT_S)

    def _queues_of(self, topic: str) -> list[SendQueue]:
        """List the queues of the peers that get our own messages."""
        queues = self.peer_queues
        return [queues[peer] for peer in self.router.receivers(topic) if peer in queues]

    async def send(self, message: WireMessage, wait_s: float) -> int:
        """Queue one of our own messages for every peer in its topic.

        Args:
            wait_s: How long to wait for room in the queues of all peers that keep up.

        Returns:
            To how many peers it was handed.
        """
        frame = frame_from_message(message.signed_bytes)
        self.seen_messages.add(message.wire_id)
        self.router.mcache.put(message.wire_id, message.topic, frame)
        await wait_for_room(self._queues_of(message.topic), wait_s)
        handed = 0
        for queue in self._queues_of(message.topic):
            if queue.push(frame):
                handed += 1
            else:
                self._rejections.count(RejectionReason.SEND_QUEUE_FULL)
        self._sent += 1
        if self._sent % SENDS_A_TURN == 0:
            await trio.lowlevel.checkpoint()
        return handed
