"""Which messages were received already. Owned by ``MeshState``; the heartbeat sweeps it."""

from __future__ import annotations

from collections.abc import Callable

import trio


class SeenIds:
    """Message ids of the last ``ttl_s`` seconds, ``max_ids`` at most, oldest out first.

    Args:
        on_evict: Called for each id that is forgotten before its time is over.
    """

    def __init__(
        self, ttl_s: float, max_ids: int, on_evict: Callable[[], None] = lambda: None
    ) -> None:
        self._on_evict = on_evict
        self._ttl_s = ttl_s
        self._max_ids = max_ids
        self._times: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._times)

    def has(self, wire_id: bytes) -> bool:
        """Return whether the message was here."""
        return wire_id in self._times

    def add(self, wire_id: bytes) -> bool:
        """Record a message; False where it was here before."""
        if wire_id in self._times:
            return False
        self._times[wire_id] = trio.current_time()
        if len(self._times) > self._max_ids:
            del self._times[next(iter(self._times))]
            self._on_evict()
        return True

    def sweep(self) -> None:
        """Forget what is older than the time to live."""
        oldest = trio.current_time() - self._ttl_s
        expired = []
        for wire_id, time in self._times.items():
            if time > oldest:
                break
            expired.append(wire_id)
        for wire_id in expired:
            del self._times[wire_id]
