"""The one bridge between the gRPC thread and trio.

Work goes over in bursts: however much is handed over before the other side
looks, it is woken once. Only frozen data and ``Exception`` come back; a job
that trio cancels answers ``NodeStoppingError``. Work once begun is finished,
whether or not anybody still waits for its answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import trio

from p2pd.errors import NodeStoppingError
from p2pd.wakes import call_before_sleep

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[], Any]
    is_async: bool
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Post:
    work: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Answer:
    future: asyncio.Future[Any]
    value: Any = None
    error: Exception | None = None


class Bridge:
    """Carry work to trio and answers and signals back.

    Made in trio; ``attach`` is called once in the gRPC thread before anything
    crosses. What waits is bounded by those who hand it over: calls by
    ``Admission``, streams by what each has in hand.

    Args:
        nursery: Where work runs; its owner closes the bridge before it.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._trio = trio.lowlevel.current_trio_token()
        self._trio_thread = threading.get_ident()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._jobs: deque[_Job | _Post] = deque()
        self._trio_woken = False
        self._returns: deque[_Answer | Callable[[], None]] = deque()
        self._loop_woken = False
        self._scopes: set[trio.CancelScope] = set()
        self._closed = False

    # In the gRPC thread.

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop that answers and signals go to, those sent before included."""
        self._loop = loop
        loop.call_soon(self._deliver)

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run an async function in trio and return what it returns.

        Cancellation: the caller stops waiting, the work goes on.

        Raises:
            NodeStoppingError: The bridge is closed, or was before the end.
        """
        result: T = await self._hand_over(work, is_async=True)
        return result

    async def call(self, work: Callable[[], T]) -> T:
        """Call a function in trio's thread and return what it returns.

        Raises:
            NodeStoppingError: The bridge is closed.
        """
        result: T = await self._hand_over(work, is_async=False)
        return result

    def post(self, work: Callable[[], None]) -> None:
        """Call a function in trio's thread, soon and in order; it must not raise.

        It is called after ``close`` too: there it learns that nothing starts any more.

        Raises:
            NodeStoppingError: Trio has ended.
        """
        self._send_over(_Post(work))

    async def _hand_over(self, work: Callable[[], Any], *, is_async: bool) -> Any:
        assert self._loop is not None
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._send_over(_Job(work, is_async, answer))
        return await answer

    def _send_over(self, job: _Job | _Post) -> None:
        self._jobs.append(job)
        if not self._trio_woken:
            self._trio_woken = True
            try:
                self._trio.run_sync_soon(self._take_jobs)
            except trio.RunFinishedError:
                raise NodeStoppingError from None

    def _deliver(self) -> None:
        self._loop_woken = False
        while self._returns:
            match self._returns.popleft():
                case _Answer(future, value, error):
                    if future.done():
                        continue
                    if error is None:
                        future.set_result(value)
                    else:
                        future.set_exception(error)
                case signal:
                    signal()

    # In any thread.

    def signal(self, function: Callable[[], None]) -> None:
        """Call ``function`` in the gRPC thread, soon and in order; it must not raise."""
        self._send_back(function)

    def coalesced(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return a cheap signal: called often, ``function`` is called once a burst."""
        is_on_its_way = False

        def arrive() -> None:
            nonlocal is_on_its_way
            is_on_its_way = False
            function()

        def send() -> None:
            nonlocal is_on_its_way
            if not is_on_its_way:
                is_on_its_way = True
                self._send_back(arrive)

        return send

    # In trio.

    @property
    def is_closed(self) -> bool:
        """Whether nothing may start any more."""
        return self._closed

    def start(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Start an async function that must not raise; only ``close`` cancels it.

        Returns:
            Whether it was started: not once the bridge is closed.
        """
        if not self._closed:
            self._nursery.start_soon(self._run_shielded, work)
        return not self._closed

    def close(self) -> None:
        """Cancel what still runs and refuse what still comes."""
        self._closed = True
        for scope in self._scopes:
            scope.cancel()
        self._take_jobs()

    def _take_jobs(self) -> None:
        self._trio_woken = False
        while self._jobs:
            job = self._jobs.popleft()
            if isinstance(job, _Post):
                job.work()
            elif self._closed:
                self._send_back(_Answer(job.answer, error=NodeStoppingError()))
            elif job.is_async:
                self._nursery.start_soon(self._run, job)
            else:
                self._send_back(_call(job))

    async def _run(self, job: _Job) -> None:
        answer = _Answer(job.answer, error=NodeStoppingError())

        async def work() -> None:
            nonlocal answer
            try:
                answer = _Answer(job.answer, value=await job.work())
            except Exception as error:
                answer = _Answer(job.answer, error=error)

        await self._run_shielded(work)
        self._send_back(answer)

    async def _run_shielded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run what a caller was promised: stopping the node must not cut it.

        Only ``close`` does, after the grace.
        """
        with trio.CancelScope(shield=True) as scope:
            self._scopes.add(scope)
            try:
                await work()
            finally:
                self._scopes.discard(scope)

    def _send_back(self, item: _Answer | Callable[[], None]) -> None:
        self._returns.append(item)
        if not self._loop_woken and self._loop is not None:
            self._loop_woken = True
            if threading.get_ident() == self._trio_thread:
                call_before_sleep(self._wake_loop)
            else:
                self._wake_loop()

    def _wake_loop(self) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._deliver)


def _call(job: _Job) -> _Answer:
    try:
        return _Answer(job.answer, value=job.work())
    except Exception as error:
        return _Answer(job.answer, error=error)
