"""How many calls and streams are under way at once.

gRPC starts as many calls as one read of a socket brings and cancels some of
them when they are left to pile up; here a bounded number is carried out, a
bounded number waits, and the rest is told to come back. One caller cannot keep
the others out: above each bound are places for callers that hold few.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from p2pd.domain.callers import Caller
from p2pd.errors import LimitReachedError, NodeStoppingError

CALL_RETRY_AFTER_S = 0.5
STREAM_RETRY_AFTER_S = 5.0
RESERVED_PART = 4
"""The places above a bound are this part of it."""
RESERVED_CALLERS = 8
"""Among how many callers at least those places are shared."""


class Places:
    """Places that callers hold: a bound for all, and some more for callers that hold few."""

    def __init__(self, max_held: int) -> None:
        reserved = max_held // RESERVED_PART
        self._max_held = max_held
        self._max_with_reserved = max_held + reserved
        self._few = -(-reserved // RESERVED_CALLERS)
        self._by_caller: Counter[str] = Counter()
        self.held = 0

    def try_hold(self, caller: Caller) -> bool:
        """Hold a place for a caller; False where there is none for it."""
        is_few = self._by_caller[caller.name] < self._few
        if self.held >= (self._max_with_reserved if is_few else self._max_held):
            return False
        self._by_caller[caller.name] += 1
        self.held += 1
        return True

    def release(self, caller: Caller) -> None:
        """Give a place back."""
        self.held -= 1
        self._by_caller[caller.name] -= 1
        if not self._by_caller[caller.name]:
            del self._by_caller[caller.name]


class CallAdmission:
    """Let ``max_active`` calls go on at once and ``max_waiting`` wait, first come first served.

    A caller with few calls goes before those that wait, on places above the bound.

    Attributes:
        refused: Calls turned away since the start.
    """

    def __init__(self, max_active: int, max_waiting: int) -> None:
        self._active = Places(max_active)
        self._waiting_places = Places(max_waiting)
        self._waiting: deque[_Waiter] = deque()
        self._stopping = False
        self.refused = 0

    @property
    def active(self) -> int:
        """Calls that are being carried out."""
        return self._active.held

    @asynccontextmanager
    async def admit(self, caller: Caller) -> AsyncIterator[None]:
        """Hold one place for the time of a call.

        Raises:
            LimitReachedError: Too many wait already.
            NodeStoppingError: The call's turn had not come when the API stopped.
        """
        await self._enter(caller)
        try:
            yield
        finally:
            self._leave(caller)

    def stop(self) -> None:
        """Refuse all that have not begun."""
        self._stopping = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.turn.done():
                waiter.turn.set_exception(NodeStoppingError())

    async def _enter(self, caller: Caller) -> None:
        if self._stopping:
            raise NodeStoppingError
        if self._active.try_hold(caller):
            return
        if not self._waiting_places.try_hold(caller):
            self.refused += 1
            raise LimitReachedError("TOO_MANY_CALLS", "too many calls at once", CALL_RETRY_AFTER_S)
        try:
            await self._wait_turn(caller)
        finally:
            self._waiting_places.release(caller)

    async def _wait_turn(self, caller: Caller) -> None:
        waiter = _Waiter(caller, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.cancelled():
                # A call that ends at the same moment may have passed over it already.
                with suppress(ValueError):
                    self._waiting.remove(waiter)
            else:
                self._leave(caller)  # the place was given away just before
            raise

    def _leave(self, caller: Caller) -> None:
        self._active.release(caller)
        while self._waiting:
            waiter = self._waiting[0]
            if not waiter.turn.done():
                if self._active.try_hold(waiter.caller):
                    self._waiting.popleft()
                    waiter.turn.set_result(None)
                return
            self._waiting.popleft()


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    caller: Caller
    turn: asyncio.Future[None]


class StreamAdmission:
    """Let ``max_open`` streams be open at once and turn the rest away.

    Attributes:
        refused: Streams turned away since the start.
    """

    def __init__(self, max_open: int) -> None:
        self._places = Places(max_open)
        self.refused = 0

    @property
    def open(self) -> int:
        """Streams that are open."""
        return self._places.held

    @contextmanager
    def admit(self, caller: Caller) -> Iterator[None]:
        """Hold one place for the time of a stream.

        Raises:
            LimitReachedError: Too many are open.
        """
        if not self._places.try_hold(caller):
            self.refused += 1
            raise LimitReachedError(
                "TOO_MANY_STREAMS", f"{self.open} streams are open", STREAM_RETRY_AFTER_S
            )
        try:
            yield
        finally:
            self._places.release(caller)
