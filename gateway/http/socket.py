"""The WebSocket of one browser, straight on its transport.

Made by uvicorn for every upgrade, in place of its own protocol: no task and no
queue a browser, frames written as they lie in the channel. The handshake and
the reading are those of the websockets library; ``Outlet`` and ``Socket`` are
what the rest of the gateway sees of it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from gateway.browser import Browser, Services
from gateway.errors import Refusal
from gateway.http.access import Access
from gateway.http.handshake import (
    STOPPING,
    TOO_MANY_CLIENTS,
    accept,
    refusal_of_upgrade,
    response_from_refusal,
)

SERVICE_RESTART = 1012
CLOSE_TIMEOUT_S = 2.0
"""How long a browser may take to answer a goodbye."""
REPLIES_FACTOR = 4
"""Answers may fill the write buffer this many times before reading pauses."""
PING = b"\x89\x00"
QUIET_LOGGER = logging.getLogger("gateway.websockets")
QUIET_LOGGER.setLevel(logging.CRITICAL)


class Hold(Enum):
    """Why a socket is not read from."""

    COMMANDS = auto()
    """Too many commands are under way."""
    REPLIES = auto()
    """The browser does not take the answers to what it sends."""
    STOPPING = auto()
    """The gateway stops: what was taken is answered, nothing more is taken."""


@dataclass(slots=True)
class Door:
    """What all sockets share.

    Attributes:
        sockets: Those that are open, for the sweep and for the cap.
        is_closing: Whether the gateway stops: nobody comes in any more.
    """

    services: Services
    access: Access
    max_clients: int
    max_frame_bytes: int
    write_buffer_bytes: int
    sockets: set[WebSocket] = field(default_factory=set)
    is_closing: bool = False

    def refusal(self) -> Refusal | None:
        """Say why nobody more may come in, if so."""
        if self.is_closing:
            return STOPPING
        return TOO_MANY_CLIENTS if len(self.sockets) >= self.max_clients else None

    def close(self) -> None:
        """Let nobody in any more and take no more frames of those who are."""
        self.is_closing = True
        for socket in self.sockets:
            socket.hold(Hold.STOPPING)


class WebSocket(asyncio.Protocol):
    """One connection that asked to become a WebSocket."""

    __slots__ = (
        "_browser",
        "_connections",
        "_door",
        "_fragments",
        "_holds",
        "_is_binary",
        "_is_closing",
        "_loop",
        "_protocol",
        "_transport",
        "heard_at_s",
        "is_writable",
        "pinged_at_s",
        "taken_at_s",
        "taken_bytes",
        "written_bytes",
    )

    def __init__(self, door: Door, connections: set[Any]) -> None:
        self._door = door
        self._connections = connections
        self._protocol = ServerProtocol(
            max_size=door.max_frame_bytes, extensions=[], logger=QUIET_LOGGER
        )
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._browser: Browser | None = None
        self._fragments: list[bytes] = []
        self._is_binary = False
        self._is_closing = False
        self._holds: frozenset[Hold] = frozenset()
        self.is_writable = True
        self.heard_at_s = self.taken_at_s = self._loop.time()
        self.pinged_at_s: float | None = None
        self.written_bytes = 0
        self.taken_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport of the HTTP request."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._door.write_buffer_bytes)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Take what the browser sent."""
        self.heard_at_s = self._loop.time()
        self.pinged_at_s = None
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._answer(event)
            elif isinstance(event, Frame):
                self._take(event)
        self._flush()
        if self._protocol.close_expected():
            self._end()
        elif not self.is_writable and self.waiting_bytes() > self._max_reply_bytes():
            self.hold(Hold.REPLIES)

    def eof_received(self) -> None:
        """Close when the browser has nothing more to say."""

    def pause_writing(self) -> None:
        """Write nothing more: the browser does not keep up."""
        self.is_writable = False

    def resume_writing(self) -> None:
        """Write again."""
        self.is_writable = True
        self._release(Hold.REPLIES)
        if self._browser is not None:
            self._browser.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._is_closing = True
        self._connections.discard(self)
        self._door.sockets.discard(self)
        self._door.services.counts.clients = len(self._door.sockets)
        if self._browser is not None:
            self._browser.lost()
            self._browser = None

    def write(self, wire: bytes) -> None:
        """Send ready frames."""
        if not self._is_closing:
            self.written_bytes += len(wire)
            self._transport.write(wire)

    def ping(self, now_s: float) -> None:
        """Ask for a sign of life."""
        self.pinged_at_s = now_s
        self.write(PING)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye, and cut the connection when that is not answered in time."""
        if not self._is_closing:
            self._protocol.send_close(code, reason)
            self._flush()
            self._end()

    def abort(self) -> None:
        """Cut the connection: what waits for this browser is dropped."""
        self._is_closing = True
        self._transport.abort()

    def pause_reading(self) -> None:
        """Take in nothing more for now."""
        self.hold(Hold.COMMANDS)

    def resume_reading(self) -> None:
        """Take in frames again."""
        self._release(Hold.COMMANDS)

    def shutdown(self) -> None:
        """Close because the gateway stops; called by uvicorn."""
        if self._browser is None:
            self._transport.close()
        else:
            self.close(SERVICE_RESTART, "the gateway stops")

    def waiting_bytes(self) -> int:
        """Return what was written and not yet taken by the browser's side."""
        return self._transport.get_write_buffer_size()

    def _max_reply_bytes(self) -> int:
        return REPLIES_FACTOR * self._door.write_buffer_bytes

    def _answer(self, request: Request) -> None:
        """Accept the upgrade, or say why not."""
        refusal = refusal_of_upgrade(request, self._door.access) or self._door.refusal()
        if refusal is None:
            response = accept(self._protocol, request)
        else:
            self._door.services.counts.turned_away[refusal.reason] += 1
            response = response_from_refusal(self._protocol, refusal)
        accepted = response.status_code == HTTPStatus.SWITCHING_PROTOCOLS
        self._respond(response)
        if accepted:
            self._door.sockets.add(self)
            self._door.services.counts.clients = len(self._door.sockets)
            self._browser = Browser(self, self._door.services)

    def _respond(self, response: Response) -> None:
        self._protocol.send_response(response)
        self._flush()
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._is_closing = True
            self._transport.close()

    def _take(self, frame: Frame) -> None:
        """Take a frame; pings and closes the library answers itself."""
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._is_binary = frame.opcode is Opcode.BINARY
        elif frame.opcode is not Opcode.CONT:
            return
        self._fragments.append(bytes(frame.data))
        if not frame.fin:
            return
        payload = b"".join(self._fragments)
        self._fragments.clear()
        if self._browser is None or self._is_closing:
            return
        if self._is_binary:
            self._browser.receive_binary(self.heard_at_s)
        else:
            self._browser.receive_text(payload, self.heard_at_s)

    def _flush(self) -> None:
        """Send what the library has to say; an empty part asks for the end of ours."""
        for part in self._protocol.data_to_send():
            if part and not self._transport.is_closing():
                self.written_bytes += len(part)
                self._transport.write(part)

    def _end(self) -> None:
        """Wait for the browser to close its side, but not for long.

        Closing at once would reset the connection while the browser is still
        sending, and the reason would not arrive.
        """
        self._is_closing = True
        if self._transport.is_closing():
            return
        if self._holds:
            self._holds = frozenset()
            self._transport.resume_reading()
        if self._protocol.close_rcvd is not None:
            self._transport.close()
        self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def hold(self, why: Hold) -> None:
        """Stop reading for one more reason."""
        if not self._holds and not self._transport.is_closing():
            self._transport.pause_reading()
        self._holds |= {why}

    def _release(self, why: Hold) -> None:
        if self._holds == {why} and not self._transport.is_closing():
            self._transport.resume_reading()
        self._holds -= {why}
