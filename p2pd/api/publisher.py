"""Unary publishes of one burst, carried over the bridge together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from p2pd.api.bridge import Bridge
from p2pd.api.ports import Publishing
from p2pd.domain.publishes import Publish, Published
from p2pd.errors import ChatError, NodeStoppingError

GATHER_TURNS = 4
"""Turns of the loop in which a burst gathers: microseconds while nothing else happens,
and where much does, several calls share one way over the bridge, one commit, one fsync."""

Outcome = Published | ChatError
_Burst = list[tuple[Publish, "asyncio.Future[Published]"]]


class UnaryPublisher:
    """Publish for unary calls; bounded by the calls that are admitted at once."""

    def __init__(self, publishing: Publishing, bridge: Bridge) -> None:
        self._publishing = publishing
        self._bridge = bridge
        self._gathering: _Burst = []

    # In the gRPC thread.

    async def publish(self, publish: Publish) -> Published:
        """Publish one message, with whatever else comes in the next turns of the loop.

        Cancellation: the caller stops waiting, the message is published.

        Raises:
            ChatError: It was not accepted.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Published] = loop.create_future()
        self._gathering.append((publish, answer))
        if len(self._gathering) == 1:
            loop.call_soon(self._gather, GATHER_TURNS)
        return await answer

    def _gather(self, turns_left: int) -> None:
        if turns_left:
            asyncio.get_running_loop().call_soon(self._gather, turns_left - 1)
            return
        burst, self._gathering = self._gathering, []
        try:
            self._bridge.post(partial(self._begin, burst))
        except NodeStoppingError as error:
            _answer_all(burst, error)

    # In trio.

    def _begin(self, burst: _Burst) -> None:
        if self._bridge.is_closed:
            self._end(burst, NodeStoppingError())
            return
        publishes = [publish for publish, _ in burst]
        try:
            if not self._publishing.publish_now(publishes, partial(self._end, burst)):
                self._bridge.start(partial(self._publish, burst))
        # Boundary: a burst fails as one; what is not of its callers is named at the edge.
        except Exception as error:
            self._end(burst, error)

    async def _publish(self, burst: _Burst) -> None:
        ended: Sequence[Outcome] | Exception = NodeStoppingError()
        try:
            ended = await self._publishing.publish([publish for publish, _ in burst])
        # Boundary: likewise.
        except Exception as error:
            ended = error
        finally:
            self._end(burst, ended)

    # In any thread.

    def _end(self, burst: _Burst, ended: Sequence[Outcome] | Exception) -> None:
        self._bridge.signal(partial(_answer_all, burst, ended))


def _answer_all(burst: _Burst, ended: Sequence[Outcome] | Exception) -> None:
    outcomes = [ended] * len(burst) if isinstance(ended, Exception) else ended
    for (_, answer), outcome in zip(burst, outcomes, strict=True):
        if answer.done():
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
