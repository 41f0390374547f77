"""Accepted messages that nobody was there to take, sent when somebody comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Never

import trio

from p2pd.domain.names import RoomName
from p2pd.net.gossip import SignedMessage

Send = Callable[[SignedMessage], Awaitable[int]]


class Waiting:
    """Messages without a recipient, a queue a room.

    Bounded by what the log keeps: the oldest goes when the log would have
    dropped it too.

    Args:
        max_messages: Messages kept a room.
    """

    def __init__(self, max_messages: int) -> None:
        self._max_messages = max_messages
        self._rooms: dict[RoomName, deque[SignedMessage]] = {}
        self._filled: set[RoomName] = set()
        self._wake = trio.Event()

    def keep(self, message: SignedMessage) -> None:
        """Keep a message until its room has somebody."""
        queue = self._rooms.setdefault(message.room, deque(maxlen=self._max_messages))
        queue.append(message)

    def room_filled(self, room: RoomName) -> None:
        """Note that somebody came into a room."""
        if room in self._rooms:
            self._filled.add(room)
            self._wake.set()

    async def run(self, send: Send) -> Never:
        """Send what waits whenever a room has somebody; ends by cancellation.

        Args:
            send: Hands a message to the peers of its room; returns how many took it.
        """
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._filled:
                await self._send_all(self._filled.pop(), send)

    async def _send_all(self, room: RoomName, send: Send) -> None:
        queue = self._rooms.pop(room, deque())
        while queue:
            if not await send(queue[0]):
                later = self._rooms.get(room, deque())
                self._rooms[room] = deque([*queue, *later], maxlen=self._max_messages)
                return
            queue.popleft()
