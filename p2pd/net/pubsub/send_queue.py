"""What waits to be written to one peer. Filled by the router, emptied by the peer's writer.

Bounded in bytes. Publishers wait while it is above its mark; whoever does not
wait finds ``push`` refusing once it is full, and gossip tells the peer later
what it missed. A peer that let a publisher wait in vain is lagging: nobody
waits for it again until its queue is half empty.
"""

from __future__ import annotations

from collections import deque

import trio


class SendQueue:
    """Frames for one peer; control frames overtake messages.

    Attributes:
        is_lagging: A wait for room timed out; cleared when half empty.
        has_refused: A message found no room; cleared by who tells the peer of it.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._mark_bytes = max_bytes * 3 // 4
        self._messages: deque[bytes] = deque()
        self._control: deque[bytes] = deque()
        self._message_bytes = 0
        self._control_bytes = 0
        self._is_closed = False
        self._is_finishing = False
        self._filled = trio.Event()
        self._drained = trio.Event()
        self.is_lagging = False
        self.has_refused = False

    @property
    def fill(self) -> float:
        """How full it is, 0.0 to 1.0."""
        return min(1.0, self._message_bytes / self._max_bytes)

    def push(self, frame: bytes) -> bool:
        """Add a message; False where the queue is full or closed."""
        if self._refuses:
            return False
        if self._message_bytes + len(frame) > self._max_bytes:
            self.has_refused = True
            return False
        self._messages.append(frame)
        self._message_bytes += len(frame)
        self._filled.set()
        return True

    def push_control(self, frame: bytes) -> bool:
        """Add a frame that goes before the messages; False where it cannot."""
        if self._refuses or self._control_bytes + len(frame) > self._max_bytes:
            return False
        self._control.append(frame)
        self._control_bytes += len(frame)
        self._filled.set()
        return True

    async def take(self, max_bytes: int) -> bytes:
        """Wait for frames and return them joined, the first whole even if larger.

        Returns:
            About ``max_bytes`` at most; nothing once the queue is closed, or
            finished and empty.
        """
        while not (self._control or self._messages or self._refuses):
            self._filled = trio.Event()
            await self._filled.wait()
        taken: list[bytes] = []
        taken_bytes = 0
        while taken_bytes < max_bytes and not self._is_closed and (frame := self._pop()):
            taken.append(frame)
            taken_bytes += len(frame)
        if self._message_bytes * 2 <= self._max_bytes:
            self.is_lagging = False
            self._drained.set()
        return b"".join(taken)

    def _pop(self) -> bytes | None:
        """Remove the next frame."""
        if self._control:
            frame = self._control.popleft()
            self._control_bytes -= len(frame)
            return frame
        if self._messages:
            frame = self._messages.popleft()
            self._message_bytes -= len(frame)
            return frame
        return None

    async def wait_for_room(self, timeout_s: float) -> None:
        """Wait while the queue is above its mark, unless the peer is lagging."""
        if self._message_bytes <= self._mark_bytes or self.is_lagging or self._refuses:
            return
        if self._drained.is_set():
            self._drained = trio.Event()
        with trio.move_on_after(timeout_s) as scope:
            await self._drained.wait()
        self.is_lagging = scope.cancelled_caught and not self._refuses

    @property
    def _refuses(self) -> bool:
        return self._is_closed or self._is_finishing

    def finish(self) -> None:
        """Take nothing more; what waits is still to be written."""
        self._is_finishing = True
        self._filled.set()
        self._drained.set()

    def close(self) -> None:
        """Drop what waits and wake everybody."""
        self._is_closed = True
        self._messages.clear()
        self._control.clear()
        self._filled.set()
        self._drained.set()
