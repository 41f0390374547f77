"""The catch-up of one browser: a call of its own until it meets the channel.

Started by ``gateway.fanout`` for a browser whose cursor lies before the channel
or is unknown to it. The node tells what is missing in order; at the first event
that the channel holds too the browser goes on there, without hole or repeat.

What it was told is put before the channel, where there is room. So when a gateway
is new and all its browsers return at once, a few calls serve all of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, Protocol

import structlog

from common.backoff import Backoff
from gateway.channel import Entry
from gateway.errors import NodeError
from gateway.fanout import WRITE_MAX_BYTES, Fanout, Reader
from gateway.frames import NodeEvent

log = structlog.get_logger(__name__)

MAX_REPLAYS = 8
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
        self._past_bytes = 0
        """What all replays hold to put it before the channel."""

    def start(self, fanout: Fanout, reader: Reader) -> asyncio.Task[None]:
        """Start to serve a reader."""
        return self._spawn(self._run(fanout, reader))

    async def _run(self, fanout: Fanout, reader: Reader) -> None:
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while not fanout.meet(reader):
            await self._source.wait_ready()
            try:
                if await self._replay(fanout, reader):
                    return
            except NodeError as failure:
                log.warning("catch-up broke", reason=failure.refusal.reason)
            await asyncio.sleep(backoff.next_delay_s())

    async def _replay(self, fanout: Fanout, reader: Reader) -> bool:
        """Bring events to a reader; return whether it follows the channel now."""
        events_after = self._source.open_events(reader.cursor)
        past = _Past(reader.cursor)
        try:
            async with _Turn(self._turns) as turn, aclosing(events_after) as batches:
                async for events in batches:
                    turn.use()
                    remaining = deque(events)
                    while remaining:
                        await reader.wait_writable()
                        part = _next_part(remaining, fanout)
                        self._keep(past, part, fanout.write(reader, part), fanout.room_bytes)
                        if fanout.meet(reader):
                            fanout.prepend(past.after, past.entries)
                            return True
            return False
        finally:
            self._past_bytes -= past.size_bytes

    def _keep(
        self, past: _Past, events: Sequence[NodeEvent], entries: Sequence[Entry], room_bytes: int
    ) -> None:
        """Keep what a replay brought, as long as all of it could go before the channel."""
        before_bytes = past.size_bytes
        past.add(events, entries)
        if self._past_bytes + past.size_bytes - before_bytes > room_bytes:
            past.give_up()
        self._past_bytes += past.size_bytes - before_bytes


class _Past:
    """The messages that one replay brought, without a hole between them.

    Attributes:
        after: Where one goes on to whom ``entries`` are next.
    """

    def __init__(self, after: str | None) -> None:
        self.after = after or ""
        self.entries: list[Entry] = []
        self.size_bytes = 0
        self._is_given_up = after is None

    def add(self, events: Sequence[NodeEvent], entries: Sequence[Entry]) -> None:
        """Add messages; a gap begins anew behind it."""
        for event, entry in zip(events, entries, strict=True):
            if event.fields["type"] == "gap":
                self._forget(event.cursor)
            elif event.fields["type"] == "message" and not self._is_given_up:
                self.entries.append(entry)
                self.size_bytes += entry.size_bytes

    def give_up(self) -> None:
        """Keep nothing, now and later."""
        self._is_given_up = True
        self._forget(self.after)

    def _forget(self, after: str) -> None:
        self.after = after
        self.entries = []
        self.size_bytes = 0


def _next_part(events: deque[NodeEvent], fanout: Fanout) -> list[NodeEvent]:
    """Return what one write brings: up to and with the first event that the channel holds.

    A snapshot is none: where its cursor is not the one asked for, a gap follows.
    """
    part: list[NodeEvent] = []
    size_bytes = 0
    while events and size_bytes < WRITE_MAX_BYTES:
        event = events.popleft()
        part.append(event)
        size_bytes += len(event.fields.get("text") or event.fields.get("data") or "")
        if event.fields["type"] != "snapshot" and fanout.holds(event.cursor):
            break
    return part


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
