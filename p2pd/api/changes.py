"""One signal for all who follow the log, and the word that the API stops."""

from __future__ import annotations

import asyncio

from p2pd.errors import NodeStoppingError


class Changes:
    """Wake every waiting reader when something was appended. gRPC thread only.

    Attributes:
        version: Moves with every change; read it before reading the log, and
            give it to ``wait``, so that no change is slept through.
    """

    def __init__(self) -> None:
        self.version = 0
        self._stopping = False
        self._waiters: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Report that something was appended."""
        self.version += 1
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def stop(self) -> None:
        """Wake everybody for good; from now on ``check`` raises."""
        self._stopping = True
        self.notify()

    def check(self) -> None:
        """Raise ``NodeStoppingError`` once the API stops."""
        if self._stopping:
            raise NodeStoppingError

    async def wait(self, seen: int, within_s: float | None = None) -> None:
        """Wait until ``version`` is no longer ``seen``; stopping moves it as well.

        Args:
            within_s: Return after so many seconds in any case; None waits for ever.
        """
        if self.version != seen:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            if within_s is None:
                await waiter
            else:
                await asyncio.wait({waiter}, timeout=within_s)
        finally:
            self._waiters.discard(waiter)
