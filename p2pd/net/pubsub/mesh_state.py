"""What the parts of gossip share: the peers that can be written to, and recent messages.

Made by ``open_gossip``. Each part of it has one writer, which is named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from libp2p.peer.id import ID

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.pubsub.recent_messages import RecentMessages
from p2pd.net.pubsub.seen import SeenIds
from p2pd.net.pubsub.send_queue import SendQueue
from p2pd.net.pubsub.unstored import UnstoredMessages

SEEN_TTL_S = 120.0
MAX_SEEN_IDS = 250_000


@dataclass(slots=True, eq=False)
class MeshPeer:
    """One peer that can be written to; what is counted of its conduct has its place here.

    Attributes:
        queue: What waits to be written to it.
        given_bytes: What it asked for by IWANT in this heartbeat; of ``ControlMessages``.
        announcements_due: How often it is still to hear of recent messages, since some
            found no room in its queue; of ``GossipRouter``.
        crossing_authors: A bit for each author whose messages it seems to have by another
            way; of ``HeldRelays``.
        held: What is held for it, by id; of ``HeldRelays``.
    """

    queue: SendQueue
    given_bytes: int = 0
    announcements_due: int = 0
    crossing_authors: int = 0
    held: dict[bytes, bytes] = field(default_factory=dict)


class MeshState:
    """One for a node.

    Attributes:
        peers: By id; written by ``OutboundStreams``.
        seen: Ids of messages that are not wanted again; of the pipeline and the sender.
        awaiting: Ids of messages whose verdict is awaited; of the pipeline.
        unstored: Messages to ask for again; of the pipeline and ``ControlMessages``.
        recent: Messages that peers may still want; written by the sender.
    """

    def __init__(self, recent: RecentMessages, rejections: Rejections) -> None:
        self.peers: dict[ID, MeshPeer] = {}
        forget = partial(rejections.count, RejectionReason.SEEN_IDS_OVER_LIMIT)
        self.seen = SeenIds(SEEN_TTL_S, MAX_SEEN_IDS, forget)
        self.awaiting: set[bytes] = set()
        give_up = partial(rejections.count, RejectionReason.UNSTORED_OVER_LIMIT)
        self.unstored = UnstoredMessages(on_evict=give_up)
        self.recent = recent

    def is_known(self, wire_id: bytes) -> bool:
        """Whether a message was received before, or its verdict is awaited."""
        return self.seen.has(wire_id) or wire_id in self.awaiting

    def queue_of(self, peer_id: ID) -> SendQueue | None:
        """Return the queue of a peer that can be written to."""
        peer = self.peers.get(peer_id)
        return None if peer is None else peer.queue

    def queues(self) -> list[SendQueue]:
        """List all queues."""
        return [peer.queue for peer in self.peers.values()]
