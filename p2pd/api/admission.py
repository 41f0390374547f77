"""How many calls and streams are under way at once.

gRPC starts as many calls as one read of a socket brings and cancels some of
them when they are left to pile up; here a bounded number is carried out, a
bounded number waits, and the rest is refused and told when to come back. One caller
cannot keep the others out: above each bound are places for callers that hold few.

Where more is asked than can be done, a queue only adds its length to every answer.
So where ``Patience`` is set, the newest call of a burst goes first, and once calls have
waited without a pause for a while, those that wait for longer than a moment are refused:
a burst is served to its end, and a lasting overload costs what is accepted little time.

Source: Maurer, "Fail at Scale", ACM Queue 13 (8), 2015: controlled delay, adaptive LIFO.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from p2pd.domain.callers import Caller
from p2pd.errors import LimitReachedError, NodeStoppingError

CALL_RETRY_AFTER_S = 0.5
CALM_S = 1.0
"""Without a call that waits for so long, an overload is over."""
ARRIVING_S = 0.25
"""Where no call has come for so long that found no place, what waits is the rest of a burst."""
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
        if not self.has_place(caller):
            return False
        self._by_caller[caller.name] += 1
        self.held += 1
        return True

    def has_place(self, caller: Caller) -> bool:
        """Return whether there is a place for a caller."""
        is_few = self._by_caller[caller.name] < self._few
        return self.held < (self._max_with_reserved if is_few else self._max_held)

    def release(self, caller: Caller) -> None:
        """Give a place back."""
        self.held -= 1
        self._by_caller[caller.name] -= 1
        if not self._by_caller[caller.name]:
            del self._by_caller[caller.name]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long calls may wait for their turn.

    Attributes:
        burst_s: Calls may wait without a pause for so long before that is an overload.
        overload_s: How long a call may wait in an overload.
    """

    burst_s: float = 2.0
    overload_s: float = 0.03


PATIENCE = Patience()


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    caller: Caller
    turn: asyncio.Future[None]
    since_s: float


class CallAdmission:
    """Let ``max_active`` calls go on at once and ``max_waiting`` wait.

    A caller with few calls goes before those that wait, on places above the bound.

    Args:
        patience: Sheds load, see above; None lets all wait, first come first served.
        clock_s: A monotonic clock.

    Attributes:
        refused: Calls turned away since the start.
    """

    def __init__(
        self,
        max_active: int,
        max_waiting: int,
        patience: Patience | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._active = Places(max_active)
        self._waiting_places = Places(max_waiting)
        self._waiting: deque[_Waiter] = deque()
        """In the order in which they came."""
        self._patience = patience
        self._clock_s = clock_s
        self._busy_since_s = self._waited_s = self._came_s = float("-inf")
        self._max_late = max(1, max_active // 2)
        self._stopping = False
        self.refused = 0

    @property
    def active(self) -> int:
        """Calls that are being carried out."""
        return self._active.held

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return self._waiting_places.held

    @property
    def is_shedding(self) -> bool:
        """Whether there is an overload: what cannot be carried out soon is refused."""
        if self._patience is None:
            return False
        now_s = self._clock_s()
        is_calm = now_s - self._waited_s > CALM_S or now_s - self._came_s > ARRIVING_S
        return not is_calm and now_s - self._busy_since_s > self._patience.burst_s

    def refuses(self, caller: Caller) -> bool:
        """Return whether a call of a caller would be refused now, for an overload."""
        return (
            len(self._waiting) >= self._max_late
            and not self._active.has_place(caller)
            and self.is_shedding
        )

    def overloaded(self) -> LimitReachedError:
        """Count a call that is refused for an overload; return why."""
        self.refused += 1
        return LimitReachedError("OVERLOADED", "more is asked than can be done", CALL_RETRY_AFTER_S)

    @asynccontextmanager
    async def admit(self, caller: Caller) -> AsyncIterator[None]:
        """Hold one place for the time of a call.

        Raises:
            LimitReachedError: Too many wait already, or this one has waited too long.
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
        now_s = self._clock_s()
        self.record_full(now_s)
        self._refuse_late(now_s)
        if self.refuses(caller):
            raise self.overloaded()
        if not self._waiting_places.try_hold(caller):
            self.refused += 1
            raise LimitReachedError("TOO_MANY_CALLS", "too many calls at once", CALL_RETRY_AFTER_S)
        try:
            await self._wait_turn(caller, now_s)
        finally:
            self._waiting_places.release(caller)

    async def _wait_turn(self, caller: Caller, now_s: float) -> None:
        waiter = _Waiter(caller, asyncio.get_running_loop().create_future(), now_s)
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

    def record_full(self, now_s: float) -> None:
        """Record that a call came that found no place."""
        self._record_waiting(now_s)
        self._came_s = now_s

    def _record_waiting(self, now_s: float) -> None:
        if now_s - self._waited_s > CALM_S:
            self._busy_since_s = now_s
        self._waited_s = now_s

    def _refuse_late(self, now_s: float) -> None:
        """Refuse those that have waited too long in an overload."""
        if self._patience is None or not self.is_shedding:
            return
        while self._waiting and now_s - self._waiting[0].since_s > self._patience.overload_s:
            waiter = self._waiting.popleft()
            if not waiter.turn.done():
                waiter.turn.set_exception(self.overloaded())

    def _leave(self, caller: Caller) -> None:
        self._active.release(caller)
        if self._waiting:
            now_s = self._clock_s()
            self._record_waiting(now_s)
            self._refuse_late(now_s)
        while self._waiting:
            place = 0 if self._patience is None or self.is_shedding else -1
            waiter = self._waiting[place]
            if not waiter.turn.done():
                if self._active.try_hold(waiter.caller):
                    del self._waiting[place]
                    waiter.turn.set_result(None)
                return
            del self._waiting[place]


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
