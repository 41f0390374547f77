"""The topics that one peer says it is in, over all streams that it opened to us.

Owned by the pubsub service, which removes a peer with its last stream. A topic
belongs to the streams it was announced on, and ends with the last of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

#: What the largest node of this kind has is 256 rooms of 256 bytes.
MAX_TOPICS = 500
MAX_TOPICS_BYTES = 64 * 1024


class PeerTopics:
    """Topics by the streams that announced them, bounded in number and in bytes."""

    def __init__(self) -> None:
        self._streams: dict[str, set[object]] = {}
        self._size_bytes = 0

    @property
    def names(self) -> Set[str]:
        """The topics."""
        return self._streams.keys()

    def enter(self, topic: str, stream: object) -> bool:
        """Add a topic announced on a stream; False where the peer has too many."""
        streams = self._streams.get(topic)
        if streams is None:
            size_bytes = self._size_bytes + len(topic.encode())
            if len(self._streams) >= MAX_TOPICS or size_bytes > MAX_TOPICS_BYTES:
                return False
            self._size_bytes = size_bytes
            streams = self._streams[topic] = set()
        streams.add(stream)
        return True

    def leave(self, topic: str) -> None:
        """Remove a topic that the peer has left."""
        if self._streams.pop(topic, None) is not None:
            self._size_bytes -= len(topic.encode())

    def end(self, stream: object) -> Iterable[str]:
        """Remove what only this stream has announced; return those topics."""
        ended = []
        for topic, streams in self._streams.items():
            streams.discard(stream)
            if not streams:
                ended.append(topic)
        for topic in ended:
            self.leave(topic)
        return ended

    def clear(self) -> None:
        """Remove all topics."""
        self._streams.clear()
        self._size_bytes = 0
