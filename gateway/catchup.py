"""The catch-up of one browser: a call of its own until it meets the channel.

Started by ``gateway.fanout`` for a browser whose cursor lies before the channel
or is unknown to it. The node tells what is missing in order; at the first event
that the channel holds too the browser goes on there, without hole or repeat.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Protocol

import structlog

from gateway.errors import NodeError
from gateway.fanout import Fanout, Reader
from gateway.frames import NodeEvent

log = structlog.get_logger(__name__)

MAX_REPLAYS = 32
"""Browsers that are being brought up to date at a time; more wait their turn."""
QUIET_S = 0.25
"""A call that brings nothing for so long has caught up and gives its turn away."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 3.0


class Source(Protocol):
    """Where stored events come from: the node."""

    async def wait_ready(self) -> None:
        """Wait until the node is heard."""

    def open_events(self, after: str | None) -> AsyncGenerator[list[NodeEvent], None]:
        """Yield the events of all joined rooms from behind a cursor, in batches."""


class CatchUps:
    """Serve browsers that the channel cannot serve.

    Args:
        spawn: Starts a task that ends with the gateway.
    """

    def __init__(
        self, source: Source, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    ) -> None:
        self._source = source
        self._spawn = spawn
        self._turns = asyncio.Semaphore(MAX_REPLAYS)

    def start(self, fanout: Fanout, reader: Reader) -> asyncio.Task[None]:
        """Start to serve a reader."""
        return self._spawn(self._run(fanout, reader))

    async def _run(self, fanout: Fanout, reader: Reader) -> None:
        pause_s = FIRST_PAUSE_S
        while not fanout.meet(reader):
            await self._source.wait_ready()
            try:
                if await self._replay(fanout, reader):
                    return
            except NodeError as failure:
                log.warning("catch-up broke", reason=failure.refusal.reason)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    async def _replay(self, fanout: Fanout, reader: Reader) -> bool:
        """Bring events to a reader; return whether it follows the channel now."""
        events_after = self._source.open_events(reader.cursor)
        async with _Turn(self._turns) as turn, aclosing(events_after) as batches:
            async for events in batches:
                turn.use()
                await reader.wait_writable()
                fanout.write(reader, list(_until_held(events, fanout)))
                if fanout.meet(reader):
                    return True
        return False


def _until_held(events: Sequence[NodeEvent], fanout: Fanout) -> Iterator[NodeEvent]:
    """Yield events up to and with the first that the channel holds.

    A snapshot is none: where its cursor is not the one asked for, a gap follows.
    """
    for event in events:
        yield event
        if event.fields["type"] != "snapshot" and fanout.holds(event.cursor):
            return


class _Turn:
    """A turn of a semaphore, given back when it was not used for ``QUIET_S``."""

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns = turns
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> _Turn:
        await self._turns.acquire()
        self._arm()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._give_back()

    def use(self) -> None:
        """Keep the turn for another while, if it was not given back."""
        if self._timer is not None:
            self._timer.cancel()
            self._arm()

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(QUIET_S, self._give_back)

    def _give_back(self) -> None:
        self._timer = None
        self._turns.release()
