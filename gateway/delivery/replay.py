"""The replay of the node's log to one browser, over a call of its own.

Started by ``gateway.delivery.fanout`` for a browser whose cursor is older than the
channel or unknown to it. The node reports what is missing in order; at the first event
that the channel holds too the browser follows the channel, without hole or repeat.

What a replay brought is put before the channel, where there is room. So when a gateway
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
from gateway.channel.events import NodeEvent
from gateway.channel.log import Entry
from gateway.delivery.fanout import WRITE_MAX_BYTES, Fanout, Reader
from gateway.errors import NodeError

log = structlog.get_logger(__name__)

MAX_REPLAYS = 8
"""Replays that bring events at a time; more wait for a slot."""
QUIET_S = 0.25
"""A replay that brings nothing for so long is over, or its browser reads slowly: it
releases its slot and goes on without."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 3.0


class Source(Protocol):
    """Where stored events come from: the node."""

    async def wait_ready(self) -> None:
        """Wait until the node is reachable."""

    def open_events(self, after: str | None) -> AsyncGenerator[list[NodeEvent], None]:
        """Yield the events of all joined rooms from behind a cursor, in batches."""


class Replays:
    """Serve browsers that the channel cannot serve.

    Args:
        spawn: Starts a task that ends with the gateway.
    """

    def __init__(
        self, source: Source, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    ) -> None:
        self._source = source
        self._spawn = spawn
        self._slots = asyncio.Semaphore(MAX_REPLAYS)
        self._past_bytes = 0
        """What all replays hold to put it before the channel."""

    def start(self, fanout: Fanout, reader: Reader) -> asyncio.Task[None]:
        """Start to serve a reader."""
        return self._spawn(self._run(fanout, reader))

    async def _run(self, fanout: Fanout, reader: Reader) -> None:
        """Replay until the reader follows; the boundary of one browser's replay.

        Whatever fails is logged and tried again from the reader's cursor, later and later.
        """
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while not fanout.try_follow(reader):
            await self._source.wait_ready()
            try:
                if await self._replay(fanout, reader):
                    return
            except NodeError as failure:
                log.info("replay broke", reason=failure.refusal.reason)
            except Exception:
                log.exception("replay failed")
            await asyncio.sleep(backoff.next_delay_s())

    async def _replay(self, fanout: Fanout, reader: Reader) -> bool:
        """Bring events to a reader; return whether it follows the channel now."""
        events_after = self._source.open_events(reader.cursor)
        past = _Past(reader.cursor)
        try:
            async with _Slot(self._slots) as slot, aclosing(events_after) as batches:
                async for events in batches:
                    slot.extend()
                    if await self._write(fanout, reader, deque(events), past):
                        return True
            return False
        finally:
            self._past_bytes -= past.size_bytes

    async def _write(
        self, fanout: Fanout, reader: Reader, events: deque[NodeEvent], past: _Past
    ) -> bool:
        """Write events as the reader takes them; return whether it follows now."""
        while events:
            await reader.wait_writable()
            part = _next_part(events, fanout)
            entries = fanout.write_replayed(reader, part)
            self._retain(past, part, entries, fanout.free_bytes)
            if fanout.try_follow(reader):
                fanout.prepend(past.after, past.entries)
                return True
        return False

    def _retain(
        self, past: _Past, events: Sequence[NodeEvent], entries: Sequence[Entry], free_bytes: int
    ) -> None:
        """Retain what a replay brought, as long as all of it could go before the channel."""
        before_bytes = past.size_bytes
        past.append(events, entries)
        if self._past_bytes + past.size_bytes - before_bytes > free_bytes:
            past.give_up()
        self._past_bytes += past.size_bytes - before_bytes


class _Past:
    """The messages that one replay brought, without a hole between them.

    Attributes:
        after: The cursor of a reader for which ``entries`` are next.
    """

    def __init__(self, after: str | None) -> None:
        self.after = after or ""
        self.entries: list[Entry] = []
        self.size_bytes = 0
        self._is_given_up = after is None

    def append(self, events: Sequence[NodeEvent], entries: Sequence[Entry]) -> None:
        """Append messages; behind a gap it starts anew."""
        for event, entry in zip(events, entries, strict=True):
            if event.fields["type"] == "gap":
                self._restart(event.cursor)
            elif event.fields["type"] == "message" and not self._is_given_up:
                self.entries.append(entry)
                self.size_bytes += entry.size_bytes

    def give_up(self) -> None:
        """Retain nothing, now and later."""
        self._is_given_up = True
        self._restart(self.after)

    def _restart(self, after: str) -> None:
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
        if event.fields["type"] != "snapshot" and fanout.contains(event.cursor):
            break
    return part


class _Slot:
    """A slot of a semaphore, released when it was not extended for ``QUIET_S``."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> _Slot:
        await self._slots.acquire()
        self._arm()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._release()

    def extend(self) -> None:
        """Hold the slot for longer, unless it was released."""
        if self._timer is not None:
            self._timer.cancel()
            self._arm()

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(QUIET_S, self._release)

    def _release(self) -> None:
        self._timer = None
        self._slots.release()
