"""Browsers that come back wherever they are let in: they read on from their cursor.

Used by the tests of many gateways. Each does what the page does: keeps the cursor of the
last event, and what it publishes until that is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

PAUSE_S = 0.05
"""Between two tries to get in."""
PATIENCE_S = 60.0

Url = Callable[[], str]
"""Gives the URL of the next connection."""


class Reader:
    """Reads a room until a last text, over as many connections as it takes.

    Attributes:
        texts: What it was sent, in order.
        connections: How many it had.
    """

    def __init__(self, url: Url, *, moves_after: int | None = None) -> None:
        """Describe it.

        Args:
            url: Where each connection goes.
            moves_after: Cut each connection off after so many messages.
        """
        self.texts: list[str] = []
        self.connections = 0
        self._url = url
        self._moves_after = moves_after
        self._cursor: str | None = None
        self.is_reading = asyncio.Event()

    async def read_to(self, last: str) -> None:
        """Read to the message with this text."""
        async with asyncio.timeout(PATIENCE_S):
            while last not in self.texts[-1:]:
                async with connection(self._url()) as socket:
                    self.connections += 1
                    hello = {"type": "hello", "after": self._cursor}
                    await socket.send(orjson.dumps(hello).decode())
                    await self._read(socket, last)

    async def _read(self, socket: ClientConnection, last: str) -> None:
        wanted = len(self.texts) + self._moves_after if self._moves_after else None
        async for payload in socket:
            frame = orjson.loads(payload)
            assert frame["type"] != "gap", frame
            if "cursor" in frame:
                self._cursor = frame["cursor"]
                self.is_reading.set()
            if frame["type"] == "message":
                self.texts.append(frame["text"])
                if frame["text"] == last or len(self.texts) == wanted:
                    socket.transport.abort()
                    return


class Author:
    """Publishes one text after the other; what has no answer it publishes again.

    Attributes:
        connections: How many it had.
    """

    def __init__(self, url: Url) -> None:
        self.connections = 0
        self._url = url
        self._waiting: asyncio.Queue[str] = asyncio.Queue()

    async def publish(self, texts: AsyncIterator[str]) -> None:
        """Publish all texts, and return once each is acknowledged."""
        text: str | None = await anext(texts, None)
        while text is not None:
            async with connection(self._url()) as socket:
                self.connections += 1
                while text is not None:
                    await self._publish(socket, text)
                    text = await anext(texts, None)

    async def _publish(self, socket: ClientConnection, text: str) -> None:
        """Publish one text; raises ``ConnectionClosed`` where its outcome is open."""
        frame: dict[str, Any] = {"type": "publish", "id": text, "client_message_id": text}
        while True:
            await socket.send(orjson.dumps(frame | {"room": "", "text": text}).decode())
            answer = orjson.loads(await socket.recv())
            if answer["type"] == "ack":
                return
            # A gateway that stops or has lost its node: the page, too, sends it again.
            assert answer["code"] == "UNAVAILABLE", answer
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[ClientConnection]:
    """Give a connection; its end ends the block, and a refused one is tried again."""
    socket = None
    while socket is None:
        try:
            socket = await connect(url, compression=None, open_timeout=PATIENCE_S)
        except (OSError, InvalidHandshake, ConnectionClosed):
            await asyncio.sleep(PAUSE_S)
    try:
        yield socket
    except ConnectionClosed:
        return
    finally:
        socket.transport.abort()
