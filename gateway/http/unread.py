"""The memory for answers under /api that their readers have not read.

A middleware of ``gateway.http.app``. The bytes of an answer are reserved before it
is fetched. Where all are taken by answers that nobody reads, the connections of the
slowest readers are cut, so that nobody else waits for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.counts import Counts
from gateway.errors import Refusal
from gateway.http.answers import answer_from_refusal
from gateway.http.connection import HttpConnections
from gateway.http.draining import LEAST_BYTES_PER_S

MIB = 1024 * 1024
ANSWER_BYTES = 4 * MIB
"""One answer while it is fetched."""
MAX_UNREAD_BYTES = 32 * MIB
"""Of all answers, fetched or not read."""
LOOK_S = 0.25
PATIENCE_S = 5.0
"""How long a request waits for memory before it is refused."""

NO_MEMORY = Refusal(
    "RESOURCE_EXHAUSTED",
    "TOO_MANY_CALLS",
    "Too many answers wait for their readers; try again in a moment.",
    retry_after_ms=1000,
)


class Unread:
    """Let requests under /api in as far as there is memory for their answers."""

    def __init__(self, app: ASGIApp, connections: HttpConnections, counts: Counts) -> None:
        self._app = app
        self._connections = connections
        self._counts = counts
        self.reserved_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request once its answer fits."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        async with self._reserved() as is_reserved:
            app = self._app if is_reserved else answer_from_refusal(NO_MEMORY)
            await app(scope, receive, send)

    @asynccontextmanager
    async def _reserved(self) -> AsyncIterator[bool]:
        """Reserve the bytes of one answer; yields whether there were enough."""
        if not (self._fits() or await self._wait_until_fits()):
            self._counts.bounds["unread_answers_refused"] += 1
            yield False
            return
        self.reserved_bytes += ANSWER_BYTES
        try:
            yield True
        finally:
            self.reserved_bytes -= ANSWER_BYTES

    def _fits(self) -> bool:
        held_bytes = self.reserved_bytes + self._connections.waiting_bytes()
        return held_bytes + ANSWER_BYTES <= MAX_UNREAD_BYTES

    async def _wait_until_fits(self) -> bool:
        """Wait for readers to read, and cut those who hardly do."""
        self._counts.bounds["unread_answers"] += 1
        for _ in range(int(PATIENCE_S / LOOK_S)):
            drained = {one: one.drained_bytes() for one in self._connections}
            await asyncio.sleep(LOOK_S)
            if self._fits():
                return True
            for one, before_bytes in drained.items():
                if not one.waiting_bytes():
                    continue
                if one.drained_bytes() - before_bytes < LEAST_BYTES_PER_S * LOOK_S:
                    self._counts.closes["unread_answer"] += 1
                    one.abort()
            if self._fits():
                return True
        return False
