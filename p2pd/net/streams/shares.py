"""Streams that are served: a share for each peer and a deadline for each step.

The library serves twelve DHT streams at a time and waits on each for ever, so one
peer with twelve silent streams blocks the DHT for all others (62). Used by ``dht``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio
from libp2p.abc import INetStream
from libp2p.peer.id import ID

MAX_STREAMS = 64
MAX_STREAMS_PER_PEER = 8
IDLE_TIMEOUT_S = 20.0
WRITE_TIMEOUT_S = 10.0


class StreamShares:
    """Count the streams being served; each peer holds a share of them."""

    def __init__(
        self, max_streams: int = MAX_STREAMS, max_per_peer: int = MAX_STREAMS_PER_PEER
    ) -> None:
        self._max_streams = max_streams
        self._max_per_peer = max_per_peer
        self._of_peer: Counter[ID] = Counter()

    @contextmanager
    def share(self, peer_id: ID) -> Iterator[bool]:
        """Hold a share; False where none is left, for this peer or at all."""
        is_free = (
            self._of_peer.total() < self._max_streams
            and self._of_peer[peer_id] < self._max_per_peer
        )
        if not is_free:
            yield False
            return
        self._of_peer[peer_id] += 1
        try:
            yield True
        finally:
            self._of_peer[peer_id] -= 1
            if not self._of_peer[peer_id]:
                del self._of_peer[peer_id]


class DeadlineStream:
    """A stream whose reads and writes end in time; all else is the stream's own."""

    def __init__(self, stream: INetStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int | None = None) -> bytes:
        """Read what is there.

        Raises:
            trio.TooSlowError: Nothing came for 20 seconds.
        """
        with trio.fail_after(IDLE_TIMEOUT_S):
            return await self._stream.read(max_bytes)

    async def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            trio.TooSlowError: The peer took nothing for 10 seconds.
        """
        with trio.fail_after(WRITE_TIMEOUT_S):
            await self._stream.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
