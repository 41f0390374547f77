"""What waits to be written to one peer. Filled by the router, emptied by the peer's writer.

While that has nothing to do, what a turn of the loop brings is written at the turn's end
where the stream takes it at once: that saves a task's turn for each peer of each message.

Bounded in bytes. Publishers and readers wait while a queue is above its mark, for
all queues together; without a wait ``push`` refuses once the queue is full, and
gossip announces to the peer later what it missed. A peer that was waited for in
vain is lagging: it is not waited for again until its queue is half empty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import trio

from p2pd.wakes import send_before_sleep

MAX_AT_ONCE_BYTES = 32 * 1024
"""More than this is the writer's."""


@runtime_checkable
class InstantStream(Protocol):
    """A stream that can take bytes without waiting."""

    def can_write_now(self, size: int) -> bool:
        """Return whether so many bytes can be sent at once."""

    def write_now(self, data: bytes) -> None:
        """Send them."""


class SendQueue:
    """Frames for one peer; control frames overtake messages.

    Attributes:
        is_lagging: A wait for room timed out; cleared when half empty.
        has_refused: A message found no room; cleared by the router, which announces it.
        is_released: Its writer is to give it to another one; nothing is taken meanwhile.
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
        self._stream: InstantStream | None = None
        self._is_awaited = False
        self._is_send_due = False
        self._token = trio.lowlevel.current_trio_token()
        self._filled = trio.Event()
        self._drained = trio.Event()
        self._drained_s = self._taken_s = trio.current_time()
        self.is_lagging = False
        self.has_refused = False
        self.is_released = False

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
        if not self._messages:
            self._taken_s = trio.current_time()
        self._messages.append(frame)
        self._message_bytes += len(frame)
        self._notify()
        return True

    def push_control(self, frame: bytes) -> bool:
        """Add a frame that goes before the messages; False where it cannot."""
        if self._refuses or self._control_bytes + len(frame) > self._max_bytes:
            return False
        self._control.append(frame)
        self._control_bytes += len(frame)
        self._notify()
        return True

    def use(self, stream: object) -> None:
        """Write to this stream at once while the writer waits in ``take``, if it can."""
        self._stream = stream if isinstance(stream, InstantStream) else None

    def _notify(self) -> None:
        """Have what waits written at the end of the turn, or by the writer."""
        if self._is_send_due:
            return
        if self._can_send_now():
            self._is_send_due = True
            send_before_sleep(self._send_now)
        else:
            self._filled.set()

    def _can_send_now(self) -> bool:
        size = self._message_bytes + self._control_bytes
        if self._stream is None or not self._is_awaited or size > MAX_AT_ONCE_BYTES:
            return False
        is_open = not (self._refuses or self.is_released or self.is_half_full)
        return is_open and self._stream.can_write_now(size)

    def _send_now(self) -> None:
        """Write what waits; the loop is about to sleep, so tasks are woken through its token."""
        self._is_send_due = False
        if not (self._messages or self._control):
            return
        if self._stream is None or not self._can_send_now():
            self._token.run_sync_soon(self._filled.set)
            return
        self._stream.write_now(self._take(MAX_AT_ONCE_BYTES))
        if not self._stream.can_write_now(0):
            # The socket took a part, and the writer of the connection was woken.
            self._token.run_sync_soon(_do_nothing)

    async def take(self, max_bytes: int) -> bytes:
        """Wait for frames and return them joined, the first whole even if larger.

        Returns:
            About ``max_bytes`` at most; nothing once the queue is closed or released, or
            finished and empty.
        """
        while not (self._control or self._messages or self._refuses or self.is_released):
            self._filled, self._is_awaited = trio.Event(), True
            try:
                await self._filled.wait()
            finally:
                self._is_awaited = False
        return b"" if self.is_released else self._take(max_bytes)

    def _take(self, max_bytes: int) -> bytes:
        taken: list[bytes] = []
        taken_bytes = 0
        while taken_bytes < max_bytes and not self._is_closed and (frame := self._pop()):
            taken.append(frame)
            taken_bytes += len(frame)
        self._taken_s = trio.current_time()
        if not self.is_half_full:
            self.is_lagging = False
            self._drained_s = self._taken_s
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

    @property
    def is_half_full(self) -> bool:
        """Whether more than half of it is used."""
        return self._message_bytes * 2 > self._max_bytes

    def must_wait(self, timeout_s: float) -> bool:
        """Whether it is worth waiting for room; a peer that took nothing for so long is lagging."""
        if self._message_bytes <= self._mark_bytes or self.is_lagging or self._refuses:
            return False
        self.is_lagging = trio.current_time() - self._taken_s >= timeout_s
        return not self.is_lagging

    async def wait_drained(self) -> None:
        """Wait until it is half empty, finished or closed."""
        if not self.is_half_full or self._refuses:
            return
        if self._drained.is_set():
            self._drained = trio.Event()
        await self._drained.wait()

    def mark_lagging(self, since_s: float) -> None:
        """Call the peer lagging if its queue was never half empty since."""
        if self.is_half_full and self._drained_s <= since_s and not self._refuses:
            self.is_lagging = True

    @property
    def _refuses(self) -> bool:
        return self._is_closed or self._is_finishing

    def release(self) -> None:
        """Have the writer stop between two frames; what is pushed waits for the next one."""
        self.is_released = True
        self._filled.set()

    def resume(self) -> None:
        """Give what waits to a new writer."""
        self.is_released = False

    def finish(self) -> None:
        """Accept nothing more; what waits is still to be written."""
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


def _do_nothing() -> None:
    """Have the loop turn once."""


async def wait_for_room(queues: Iterable[SendQueue], timeout_s: float) -> None:
    """Wait for all queues that are above their mark, with one deadline for all of them.

    Every peer whose queue stayed above half is lagging then, so that the next one
    of them to reach its mark does not cost another wait.
    """
    half_full = [queue for queue in queues if queue.is_half_full]
    awaited = [queue for queue in half_full if queue.must_wait(timeout_s)]
    if not awaited:
        return
    since_s = trio.current_time()
    with trio.move_on_after(timeout_s) as scope:
        for queue in awaited:
            await queue.wait_drained()
    if scope.cancelled_caught:
        for queue in half_full:
            queue.mark_lagging(since_s)
