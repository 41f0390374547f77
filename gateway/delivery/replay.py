"""The replays: calls that fetch pieces of the node's log for browsers that nothing holds more for.

Started by ``gateway.delivery.fanout``. A call serves all browsers whose cursors it passes,
and ends where what follows is held already. So when a gateway is new and all its browsers
return at once, whichever comes first and however soon it leaves, the node is asked for
each message about once.

Calls start one after the other, and a further one meanwhile only if the one before takes
long, because what it brings may be what the next browser needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import aclosing
from typing import Any, Protocol

import structlog

from common.backoff import Backoff
from gateway.channel.backlog import Backlog, Backlogs
from gateway.channel.events import OF_ONE_STREAM, NodeEvent
from gateway.channel.log import Entry, entry_from_event
from gateway.counts import Counts
from gateway.errors import NodeError

log = structlog.get_logger(__name__)

MAX_CALLS = 4
"""Calls at a time; browsers whose cursors none of them passes wait for their turn."""
STAGGER_S = 0.25
"""How long the last call is given before another starts beside it."""
PART_EVENTS = 64
"""What is translated to JSON before others have their turn."""
AHEAD_BYTES = 512 * 1024
"""Room in the backlogs while which a call goes on though nobody has read so far yet."""
QUIET_S = 0.25
"""How long a call waits for readers once there is no more room; then it ends."""
CALL_EVENTS = 16_384
"""What a call brings while others wait for theirs; then it goes to the end of the queue."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 3.0


class Source(Protocol):
    """Where stored events come from: the node."""

    async def wait_ready(self) -> None:
        """Wait until the node is reachable."""

    def open_events(
        self, after: str | None, until: Sequence[str]
    ) -> AsyncGenerator[list[NodeEvent], None]:
        """Yield the events of all joined rooms from behind a cursor, in batches.

        Args:
            until: Cursors of what is held already: the node ends at the first of them.
        """


class Demand(Protocol):
    """The browsers that wait for what only the node has."""

    def next_cursor(self, but: Iterable[str]) -> str | None:
        """Return the cursor at which a browser waits longest, without those of ``but``."""

    def is_wanted(self, cursor: str) -> bool:
        """Return whether a browser that takes more waits at this cursor."""

    def wake(self, cursors: Iterable[str]) -> None:
        """Serve the browsers that waited at these cursors."""


Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
"""Starts a task that ends with the gateway."""


class Replays:
    """Fill backlogs as browsers need them."""

    def __init__(
        self, source: Source, spawn: Spawn, backlogs: Backlogs, demand: Demand, counts: Counts
    ) -> None:
        self._counts = counts
        self._source = source
        self._spawn = spawn
        self._backlogs = backlogs
        self._demand = demand
        self._calls: dict[asyncio.Task[None], Backlog] = {}
        self._is_starting = False
        self._looked = asyncio.Event()
        """Set whenever the demand may have changed."""

    def look(self) -> None:
        """Start a call soon if a browser waits for one."""
        self._looked.set()
        if not self._is_starting and self._next_cursor() is not None:
            self._is_starting = True
            self._spawn(self._start_calls())

    def _next_cursor(self) -> str | None:
        return self._demand.next_cursor(one.cursor for one in self._calls.values())

    async def _start_calls(self) -> None:
        """Start calls while browsers wait for them."""
        try:
            await self._source.wait_ready()
            while self._next_cursor() is not None:
                await self._wait_turn(self._calls)
                cursor = self._next_cursor()
                if cursor is not None:
                    backlog = self._backlogs.open(cursor)
                    backlog.is_growing = True
                    self._calls[self._spawn(self._run(backlog))] = backlog
        finally:
            self._is_starting = False

    async def _wait_turn(self, calls: Collection[asyncio.Task[None]]) -> None:
        if calls:
            timeout_s = STAGGER_S if len(calls) < MAX_CALLS else None
            first = asyncio.FIRST_COMPLETED
            await asyncio.wait(calls, timeout=timeout_s, return_when=first)

    async def _run(self, backlog: Backlog) -> None:
        """Fill a backlog; the boundary of one call.

        What fails is logged and tried again from where it broke, later and later.
        """
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        try:
            while not await self._fill_once(backlog):
                await asyncio.sleep(backoff.next_delay_s())
                await self._source.wait_ready()
                if not self._demand.is_wanted(backlog.cursor):
                    return
        finally:
            backlog.is_growing = False
            self._calls = {one: its for one, its in self._calls.items() if its is not backlog}
            self.look()

    async def _fill_once(self, backlog: Backlog) -> bool:
        """Make one call; return whether it brought anything and did not break."""
        end = backlog.end
        try:
            await self._fill(backlog)
        except NodeError as failure:
            log.info("replay broke", reason=failure.refusal.reason)
            return False
        except Exception:
            log.exception("replay failed")
            return False
        return backlog.end > end

    async def _fill(self, backlog: Backlog) -> None:
        """Bring events until they are held elsewhere, or nobody needs more for now."""
        until = self._backlogs.known_ahead(backlog.cursor)
        count = 0
        self._counts.replays += 1
        async with aclosing(self._source.open_events(backlog.cursor, until)) as batches:
            async for events in batches:
                count += len(events)
                self._counts.replayed_events += len(events)
                for start in range(0, len(events), PART_EVENTS):
                    if self._append(backlog, events[start : start + PART_EVENTS]):
                        return
                    await asyncio.sleep(0)
                if not await self._is_wanted(backlog, count):
                    return

    def _append(self, backlog: Backlog, events: Sequence[NodeEvent]) -> bool:
        """Append events to a backlog; return whether what follows is held elsewhere.

        Each browser has a snapshot of its own, and the end of its backlog is another.
        """
        passed_on = (one for one in events if one.fields["type"] not in OF_THE_CALL)
        entries = [_entry_of(one) for one in passed_on]
        before = backlog.cursor
        is_met = self._backlogs.extend(backlog, entries)
        self._demand.wake((before, *(entry.cursor for entry in entries)))
        return is_met

    async def _is_wanted(self, backlog: Backlog, count: int) -> bool:
        """Return whether a call is to go on, now or once a browser has read so far."""
        if count >= CALL_EVENTS and self._next_cursor() is not None:
            return False
        if self._backlogs.has_room(AHEAD_BYTES):
            return True
        try:
            async with asyncio.timeout(QUIET_S):
                while not self._demand.is_wanted(backlog.cursor):
                    self._looked.clear()
                    await self._looked.wait()
        except TimeoutError:
            return False
        return True


def _entry_of(event: NodeEvent) -> Entry:
    """Return an event as browsers get it; progress past hidden messages only moves them."""
    if event.fields["type"] == "progress":
        return Entry(event.cursor, None, b"")
    return entry_from_event(event)


OF_THE_CALL = (OF_ONE_STREAM | {"snapshot"}) - {"progress"}
"""Kinds of events that are about the call and no part of the log."""
