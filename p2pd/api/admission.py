"""How many calls and streams are under way at once.

gRPC starts as many calls as one read of a socket brings and cancels some of
them when they are left to pile up; here a bounded number is carried out, a
bounded number waits, and the rest is told to come back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from p2pd.errors import LimitReachedError, NodeStoppingError

CALL_RETRY_AFTER_S = 0.5
STREAM_RETRY_AFTER_S = 5.0


class CallAdmission:
    """Let ``max_active`` calls go on at once and ``max_waiting`` wait, first come first served.

    Attributes:
        refused: Calls turned away since the start.
    """

    def __init__(self, max_active: int, max_waiting: int) -> None:
        self._max_active = max_active
        self._free = max_active
        self._max_waiting = max_waiting
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._stopping = False
        self.refused = 0

    @property
    def active(self) -> int:
        """Calls that are being carried out."""
        return self._max_active - self._free

    @asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Hold one place for the time of a call.

        Raises:
            LimitReachedError: Too many wait already.
            NodeStoppingError: The call's turn had not come when the API stopped.
        """
        await self._enter()
        try:
            yield
        finally:
            self._leave()

    def stop(self) -> None:
        """Refuse all that have not begun."""
        self._stopping = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(NodeStoppingError())

    async def _enter(self) -> None:
        if self._stopping:
            raise NodeStoppingError
        if self._free > 0:
            self._free -= 1
            return
        if len(self._waiting) >= self._max_waiting:
            self.refused += 1
            raise LimitReachedError("TOO_MANY_CALLS", "too many calls at once", CALL_RETRY_AFTER_S)
        await self._wait_turn()

    async def _wait_turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                # A call that ends at the same moment may have passed over it already.
                with suppress(ValueError):
                    self._waiting.remove(turn)
            else:
                self._leave()  # the place was given away just before
            raise

    def _leave(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class StreamAdmission:
    """Let ``max_open`` streams be open at once and turn the rest away.

    Attributes:
        refused: Streams turned away since the start.
    """

    def __init__(self, max_open: int) -> None:
        self._max_open = max_open
        self.open = 0
        self.refused = 0

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold one place for the time of a stream.

        Raises:
            LimitReachedError: Too many are open.
        """
        if self.open >= self._max_open:
            self.refused += 1
            raise LimitReachedError(
                "TOO_MANY_STREAMS", f"{self.open} streams are open", STREAM_RETRY_AFTER_S
            )
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1
