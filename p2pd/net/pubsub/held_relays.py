"""Relays held back for peers that seem to have the message by another way.

Owned by ``MessageSender``. Where both ends of an edge of the mesh hear an author, each of
his messages crosses itself on it: both send it, and both receive it in vain. So a peer
that sent a copy of what was here is held for: the next message of that author waits for
some 0.2 s, and is not sent where the peer's own copy comes first. The time is each node's
own, so one of the two ends sends, learns that it is needed, and holds no more for this
author. A copy is never left out, and nothing of this is on the wire.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Never

import trio

from p2pd.net.pubsub.mesh_state import MeshPeer

SHORTEST_HOLD_S = 0.15
LONGEST_HOLD_S = 0.3
LOOK_EVERY_S = 0.05
MAX_HELD_BYTES = 2 * 1024 * 1024
#: Authors share so many marks of a peer; one that shares another's is held in vain once.
MARKS = 256


@dataclass(frozen=True, slots=True)
class _Due:
    at_s: float
    peer: MeshPeer
    wire_id: bytes
    author: bytes
    size_bytes: int


class HeldRelays:
    """What is held for all peers, in the order in which it is due.

    Attributes:
        size_bytes: Of what is not due yet, brought by its peer meanwhile or not.

    Args:
        hold_s: How long; by default it is chosen once, by chance.
    """

    def __init__(self, hold_s: float | None = None) -> None:
        self._hold_s = hold_s or random.uniform(SHORTEST_HOLD_S, LONGEST_HOLD_S)
        self._due: deque[_Due] = deque()
        self.size_bytes = 0
        self._filled = trio.Event()

    def hold(self, peer: MeshPeer, author: bytes, wire_id: bytes, frame: bytes) -> bool:
        """Hold a message for a peer; False where it is to be sent at once."""
        is_wanted = not peer.crossing_authors & _mark_of(author)
        if is_wanted or self.size_bytes + len(frame) > MAX_HELD_BYTES:
            return False
        peer.held[wire_id] = frame
        due_s = trio.current_time() + self._hold_s
        self._due.append(_Due(due_s, peer, wire_id, author, len(frame)))
        self.size_bytes += len(frame)
        self._filled.set()
        return True

    def receive_copy(self, peer: MeshPeer, author: bytes, wire_id: bytes) -> None:
        """Handle that a peer sent what was here already: it needs no copy of ours."""
        peer.held.pop(wire_id, None)
        peer.crossing_authors |= _mark_of(author)

    async def run(self) -> Never:
        """Send what nobody brought; ends by cancellation."""
        while True:
            await self._filled.wait()
            while self._due:
                await trio.sleep(max(LOOK_EVERY_S, self._due[0].at_s - trio.current_time()))
                self.send_due(trio.current_time())
            self._filled = trio.Event()

    def send_due(self, now_s: float = float("inf")) -> None:
        """Send what was held until now; by default all of it."""
        while self._due and self._due[0].at_s <= now_s:
            due = self._due.popleft()
            self.size_bytes -= due.size_bytes
            if due.wire_id in due.peer.held:
                self._send_all(due.peer, due.author)

    def _send_all(self, peer: MeshPeer, author: bytes) -> None:
        """Send what is held of an author, so that what he says next does not overtake it."""
        peer.crossing_authors &= ~_mark_of(author)
        for wire_id in [wire_id for wire_id in peer.held if wire_id.startswith(author)]:
            peer.queue.push(peer.held.pop(wire_id))


def _mark_of(author: bytes) -> int:
    return 1 << hash(author) % MARKS
