"""Whom gossip calls; ``open_gossip`` translates it to the words of the domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from libp2p.peer.id import ID

from p2pd.domain.verdicts import Verdict
from p2pd.net.pubsub.messages import WireMessage


class WireReceiver(Protocol):
    """Validates and stores messages as they came."""

    async def receive_wire_messages(
        self, messages: Sequence[WireMessage], forwarder: ID
    ) -> Sequence[Verdict]:
        """Return one verdict a message, in order; an exception means none was stored."""


class TopicObserver(Protocol):
    """Hears which peers are in which topics; called in the trio thread, must not block."""

    def topic_entered(self, peer_id: ID, topic: str) -> None:
        """A peer is in a topic, joined here or not, and can be written to."""

    def topic_left(self, peer_id: ID, topic: str) -> None:
        """A peer left a topic, or cannot be written to."""
