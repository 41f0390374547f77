"""Messages that could not be stored, and which peers have them.

Filled by the pipeline and by IHAVE; each heartbeat the router asks for them by
IWANT. Most peers can answer for some five seconds, nodes of this kind for thirty;
what is missed for longer is synchronisation's to fetch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import trio
from libp2p.peer.id import ID

#: As long as a node of this kind can answer an IWANT.
UNSTORED_TTL_S = 30.0
MAX_UNSTORED_IDS = 5_000
#: Peers remembered for one message.
MAX_HOLDERS = 4
#: A go peer answers three times for one message: the last is for when there is room.
MAX_PROBES = 2
#: An answer that takes longer is not waited for.
REQUEST_TIMEOUT_S = 1.5


@dataclass(slots=True)
class _Unstored:
    received_s: float
    requests: int = 0
    requested_s: float = float("-inf")
    holders: list[ID] = field(default_factory=list)


class UnstoredMessages:
    """Ids in order of arrival, the oldest evicted at the bound.

    While the store accepts nothing, one of the newest is asked for as a probe, so that
    a full disk costs one message a heartbeat; once something was stored, all are.

    Args:
        on_evict: Called for each message that is given up before its time is over.
    """

    def __init__(
        self,
        ttl_s: float = UNSTORED_TTL_S,
        max_ids: int = MAX_UNSTORED_IDS,
        on_evict: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_evict = on_evict
        self._ttl_s = ttl_s
        self._max_ids = max_ids
        self._entries: dict[bytes, _Unstored] = {}
        self._is_storing = True

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, wire_id: object) -> bool:
        return wire_id in self._entries

    def add(self, wire_id: bytes, holder: ID) -> None:
        """Remember a message that was just refused by the store."""
        self._is_storing = False
        if wire_id not in self._entries:
            if len(self._entries) >= self._max_ids:
                del self._entries[next(iter(self._entries))]
                self._on_evict()
            self._entries[wire_id] = _Unstored(trio.current_time())
        self.add_holder(wire_id, holder)

    def add_holder(self, wire_id: bytes, holder: ID) -> None:
        """Remember that a peer has announced one of these messages."""
        holders = self._entries[wire_id].holders
        if holder not in holders and len(holders) < MAX_HOLDERS:
            holders.append(holder)

    def mark_stored(self, wire_id: bytes) -> bool:
        """Remove a message that is stored now; return whether the others can be asked for at once.

        That is so when it is the first one stored after others could not be.
        """
        is_first = not self._is_storing
        self._is_storing = True
        self._entries.pop(wire_id, None)
        return is_first and bool(self._entries)

    def discard(self, wire_id: bytes) -> None:
        """Remove a message that is not wanted any more."""
        self._entries.pop(wire_id, None)

    def requests(self) -> dict[ID, list[bytes]]:
        """List what to ask for now, by peer; each message of its next holder in turn."""
        self._expire()
        requests: dict[ID, list[bytes]] = defaultdict(list)
        now_s = trio.current_time()
        waiting = [
            wire_id
            for wire_id, entry in self._entries.items()
            if now_s - entry.requested_s >= REQUEST_TIMEOUT_S
        ]
        for wire_id in waiting if self._is_storing else self._probe(waiting):
            entry = self._entries[wire_id]
            entry.requests += 1
            entry.requested_s = now_s
            entry.holders.append(entry.holders.pop(0))
            requests[entry.holders[-1]].append(wire_id)
        return requests

    def _probe(self, waiting: list[bytes]) -> list[bytes]:
        """Choose the newest message that was not asked for too often."""
        for wire_id in reversed(waiting):
            if self._entries[wire_id].requests < MAX_PROBES:
                return [wire_id]
        return waiting[-1:]

    def _expire(self) -> None:
        oldest = trio.current_time() - self._ttl_s
        expired = [key for key, entry in self._entries.items() if entry.received_s <= oldest]
        for wire_id in expired:
            del self._entries[wire_id]
