"""One page as ``bench.pages`` needs it: a WebSocket that notes when each frame came.

Written for little work a frame, so that what is measured is the gateway: one
write for many frames, a mask of zeros, no queue.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, cast

import orjson

Frame = dict[str, Any]

TIMEOUT_S = 60
TEXT, PING, PONG = 0x81, 0x89, 0x8A
MASK_BIT = 0x80
HEAD_END = b"\r\n\r\n"


class Page(asyncio.Protocol):
    """A browser that said hello.

    Attributes:
        messages: Each message event so far, behind the wall clock's nanoseconds
            at which it came.
        answers: The same for the answers to its own commands.
        state: The snapshot, once it is here.
    """

    def __init__(self) -> None:
        self.messages: list[tuple[int, Frame]] = []
        self.answers: list[tuple[int, Frame]] = []
        self.state: Frame | None = None
        self._buffer = b""
        self._is_open = False
        self._changed = asyncio.Event()
        self._transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        now_ns = time.time_ns()
        self._buffer += data
        if not self._is_open:
            self._is_open = HEAD_END in self._buffer
            self._buffer = self._buffer.partition(HEAD_END)[2] if self._is_open else self._buffer
        if self._is_open:
            for payload in self._payloads():
                self._take(now_ns, orjson.loads(payload))
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake those who wait."""
        self._changed.set()

    def publish(self, texts: Sequence[str], first_id: int = 0) -> None:
        """Publish texts, all in one write."""
        frames = (
            {"type": "publish", "id": first_id + number, "text": text}
            for number, text in enumerate(texts)
        )
        self._transport.write(b"".join(map(masked_frame, frames)))

    def forget(self) -> None:
        """Drop what came so far."""
        self.messages.clear()
        self.answers.clear()

    async def greet(self, address: str) -> None:
        """Upgrade, say hello and wait for the snapshot."""
        self._transport.write(handshake(address, "/ws"))
        await self._wait(lambda: self._is_open, "the upgrade")
        self._transport.write(masked_frame({"type": "hello", "after": None, "rooms": []}))
        await self._wait(lambda: self.state is not None, "the snapshot")

    async def wait_messages(self, count: int) -> None:
        """Wait until ``count`` messages are here."""
        await self._wait(lambda: len(self.messages) >= count, f"{count} messages")

    async def wait_answers(self, count: int) -> None:
        """Wait until ``count`` commands were answered."""
        await self._wait(lambda: len(self.answers) >= count, f"{count} answers")

    async def wait_quiet_or_messages(self, count: int, patience_s: float) -> None:
        """Wait until ``count`` messages are here, nothing came for so long, or the end."""
        with suppress(TimeoutError):
            while len(self.messages) < count and not self._transport.is_closing():
                self._changed.clear()
                await asyncio.wait_for(self._changed.wait(), patience_s)

    def close(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    async def _wait(self, until: Any, what: str) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while not until():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            seen = f"{len(self.messages)} messages, {len(self.answers)} answers"
            raise RuntimeError(f"waited in vain for {what}; saw {seen}") from None

    def _payloads(self) -> Iterator[bytes]:
        """Cut whole frames off the buffer; answer pings."""
        start, payload = 0, b""
        while (end := frame_end(self._buffer, start)) is not None:
            head, payload = self._buffer[start], self._buffer[end[0] : end[1]]
            start = end[1]
            if head == PING:
                self._transport.write(bytes((PONG, MASK_BIT | len(payload), 0, 0, 0, 0)) + payload)
            elif head == TEXT:
                yield payload
            else:
                raise RuntimeError(f"the gateway closed: {payload!r}")
        self._buffer = self._buffer[start:]

    def _take(self, now_ns: int, frame: Frame) -> None:
        match frame["type"]:
            case "message":
                self.messages.append((now_ns, frame))
            case "ack" | "error":
                self.answers.append((now_ns, frame))
            case "snapshot":
                self.state = frame


def handshake(address: str, path: str) -> bytes:
    """Write the request that upgrades a connection."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {address}",
        f"Origin: http://{address}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    )
    return "\r\n".join(lines).encode() + HEAD_END


def masked_frame(fields: Frame) -> bytes:
    """Encode a frame as a browser sends it; a mask of zeros changes nothing."""
    return masked(orjson.dumps(fields))


def masked(payload: bytes) -> bytes:
    """Put the header of a masked text message before a payload below 64 KiB."""
    size = len(payload)
    long = size >= 126
    length = bytes((MASK_BIT | 126, size >> 8, size & 0xFF)) if long else bytes((MASK_BIT | size,))
    return bytes((TEXT,)) + length + bytes(4) + payload


def frame_end(buffer: bytes | memoryview, start: int) -> tuple[int, int] | None:
    """Return where the payload of an unmasked frame begins and ends, if all of it is here."""
    if len(buffer) < start + 2:
        return None
    size, begin = buffer[start + 1], start + 2
    if size >= 126:
        begin += 2 if size == 126 else 8
        if len(buffer) < begin:
            return None
        size = int.from_bytes(buffer[start + 2 : begin], "big")
    return (begin, begin + size) if len(buffer) >= begin + size else None


async def open_page(address: str) -> Page:
    """Open a page on the gateway at HOST:PORT."""
    host, _, port = address.rpartition(":")
    _, page = await asyncio.get_running_loop().create_connection(Page, host, int(port))
    await page.greet(address)
    return page
