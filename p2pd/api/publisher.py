"""Unary publishes of one burst, carried over the bridge together."""

from __future__ import annotations

import asyncio
from functools import partial

from p2pd.api.bridge import Bridge
from p2pd.api.ports import Publishing
from p2pd.domain.publishes import Publish, Published
from p2pd.errors import ChatError

GATHER_TURNS = 4
"""Turns of the loop in which a burst gathers: microseconds while nothing else happens,
and where much does, several calls share one way over the bridge, one commit, one fsync."""


class Publisher:
    """Publish for unary calls; bounded by the calls that are admitted at once."""

    def __init__(self, publishing: Publishing, bridge: Bridge) -> None:
        self._publishing = publishing
        self._bridge = bridge
        self._burst: list[Publish] = []
        self._outcomes: asyncio.Task[list[Published | ChatError]] | None = None

    async def publish(self, publish: Publish) -> Published:
        """Publish one message, with whatever else comes in the next turns of the loop.

        Cancellation: the caller stops waiting, the message is published.

        Raises:
            ChatError: It was not accepted.
        """
        place = len(self._burst)
        self._burst.append(publish)
        if self._outcomes is None:
            self._outcomes = asyncio.create_task(self._carry())
        outcomes = await asyncio.shield(self._outcomes)
        outcome = outcomes[place]
        if isinstance(outcome, ChatError):
            raise outcome
        return outcome

    async def _carry(self) -> list[Published | ChatError]:
        for _ in range(GATHER_TURNS):
            await asyncio.sleep(0)
        burst, self._burst, self._outcomes = self._burst, [], None
        return await self._bridge.run(partial(self._publishing.publish, burst))
