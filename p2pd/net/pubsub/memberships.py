"""Which peers are in which topics, as the peers say, and who hears of it.

Owned by the pubsub service. A peer's subscriptions are what it announced on those of
its streams that are open; the observer hears of them while the peer can be written
to. The library's ``peer_topics`` is filled through ``PubsubService`` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Set

import structlog
from libp2p.peer.id import ID

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.pubsub.mesh_state import MeshState
from p2pd.net.pubsub.peer_topics import PeerTopics
from p2pd.net.pubsub.ports import TopicObserver

log = structlog.get_logger(__name__)

NO_TOPICS: Set[str] = frozenset()


class Memberships:
    """The topics of every peer that has a stream to us.

    Args:
        enter: Adds a peer to a topic of the library.
        leave: Removes a peer from a topic and from its mesh.
    """

    def __init__(
        self,
        state: MeshState,
        observer: TopicObserver,
        enter: Callable[[ID, str], None],
        leave: Callable[[ID, str], None],
        rejections: Rejections,
    ) -> None:
        self._state = state
        self._observer = observer
        self._enter = enter
        self._leave = leave
        self._rejections = rejections
        self._topics: dict[ID, PeerTopics] = {}
        self._reported: dict[ID, frozenset[str]] = {}

    def topics_of(self, peer_id: ID) -> Set[str]:
        """Return the topics that a peer is in."""
        topics = self._topics.get(peer_id)
        return NO_TOPICS if topics is None else topics.names

    def enter(self, peer_id: ID, topic: str, stream: object) -> bool:
        """Add a peer to a topic that it announced on a stream; False where it has too many."""
        if self._topics.setdefault(peer_id, PeerTopics()).enter(topic, stream):
            self._enter(peer_id, topic)
            return True
        self._rejections.count(RejectionReason.SUBSCRIPTION_TOPICS_EXCESS)
        return False

    def leave(self, peer_id: ID, topic: str) -> None:
        """Remove a peer from a topic."""
        if peer_id in self._topics:
            self._topics[peer_id].leave(topic)
        self._leave(peer_id, topic)

    def end(self, peer_id: ID, stream: object) -> None:
        """Drop what was announced on this stream alone."""
        topics = self._topics.get(peer_id)
        if topics is not None:
            for topic in topics.end(stream):
                self._leave(peer_id, topic)
            if not topics.names:
                del self._topics[peer_id]
        self.report(peer_id)

    def remove(self, peer_id: ID) -> None:
        """Drop a peer that is gone."""
        self._topics.pop(peer_id, None)
        self.report(peer_id)

    def report(self, peer_id: ID) -> None:
        """Report what has changed: a peer is in a topic while it can be written to."""
        before = self._reported.pop(peer_id, NO_TOPICS)
        topics = frozenset(self.topics_of(peer_id)) if peer_id in self._state.peers else NO_TOPICS
        if topics:
            self._reported[peer_id] = frozenset(topics)
        try:
            for topic in before - topics:
                self._observer.topic_left(peer_id, topic)
            for topic in topics - before:
                self._observer.topic_entered(peer_id, topic)
        # Boundary: a fault of the observer ends neither a stream nor the service.
        except Exception:
            self._rejections.count(RejectionReason.OBSERVER_FAILED)
            log.exception("membership not reported", peer_id=str(peer_id))
