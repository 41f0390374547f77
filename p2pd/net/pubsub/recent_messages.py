"""Messages that peers may still ask for, or are given when they come.

Owned by ``MeshState``; the sender fills it and the heartbeat moves it on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from p2pd.net.pubsub.messages import SEQNO_BYTES


@dataclass(frozen=True, slots=True)
class RecentMessage:
    """A message that peers may still want; ``frame`` is ready to be sent.

    Attributes:
        fingerprint: The hash of the bytes that its author signed.
    """

    wire_id: bytes
    topic: str
    frame: bytes
    beat: int
    fingerprint: int

    @property
    def author(self) -> bytes:
        """The bytes of the author's peer id."""
        return self.wire_id[:-SEQNO_BYTES]


class RecentMessages:
    """The messages of the last heartbeats, bounded in bytes, oldest out first.

    Stands where the library has its ``MessageCache``, which has no bound.

    Args:
        gossip_beats: How many heartbeats a message is announced by IHAVE.
        replay_beats: How many heartbeats it is given to peers that come.
    """

    def __init__(self, gossip_beats: int, replay_beats: int, max_bytes: int) -> None:
        self._gossip_beats = gossip_beats
        self._replay_beats = replay_beats
        self._max_bytes = max_bytes
        self._beat = 0
        self._bytes = 0
        self._by_id: dict[bytes, RecentMessage] = {}
        self._by_fingerprint: dict[int, RecentMessage] = {}
        self._in_order: deque[RecentMessage] = deque()

    def put(self, wire_id: bytes, topic: str, frame: bytes, signed_bytes: bytes) -> None:
        """Keep a message that is here for the first time."""
        if wire_id in self._by_id:
            return
        message = RecentMessage(wire_id, topic, frame, self._beat, hash(signed_bytes))
        self._by_id[wire_id] = message
        self._by_fingerprint[message.fingerprint] = message
        self._in_order.append(message)
        self._bytes += len(frame)
        while self._bytes > self._max_bytes:
            self._drop_oldest()

    def get(self, wire_id: bytes) -> RecentMessage | None:
        """Return a message that is still here."""
        return self._by_id.get(wire_id)

    def find_copy(self, signed_bytes: bytes) -> RecentMessage | None:
        """Return the message that is still here of which these are the very bytes."""
        message = self._by_fingerprint.get(hash(signed_bytes))
        return message if message is not None and message.frame.endswith(signed_bytes) else None

    def window(self, topic: str) -> list[bytes]:
        """List the ids to gossip about, newest first."""
        return [message.wire_id for message in self._newest(topic, self._gossip_beats)]

    def replay(
        self, topic: str, max_messages: int, max_bytes: float = float("inf")
    ) -> list[RecentMessage]:
        """List what a peer that comes is given, the newest that fit, oldest first."""
        chosen: list[RecentMessage] = []
        for message in islice(self._newest(topic, self._replay_beats), max_messages):
            max_bytes -= len(message.frame)
            if max_bytes < 0:
                break
            chosen.append(message)
        return chosen[::-1]

    def shift(self) -> None:
        """Begin the next heartbeat."""
        self._beat += 1
        while self._in_order and self._beat - self._in_order[0].beat >= self._replay_beats:
            self._drop_oldest()

    def _newest(self, topic: str, beats: int) -> Iterator[RecentMessage]:
        """Yield the topic's messages of the last ``beats`` heartbeats, newest first."""
        for message in reversed(self._in_order):
            if self._beat - message.beat >= beats:
                return
            if message.topic == topic:
                yield message

    def _drop_oldest(self) -> None:
        message = self._in_order.popleft()
        del self._by_id[message.wire_id]
        self._by_fingerprint.pop(message.fingerprint, None)
        self._bytes -= len(message.frame)
