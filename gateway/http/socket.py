"""The WebSocket of one browser, straight on its transport.

Made by uvicorn for every upgrade, in place of its own protocol: no task and no
queue a browser, frames written as they lie in the channel. The handshake and
the reading are those of the websockets library; ``Outlet`` and ``Socket`` are
what the rest of the gateway sees of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from gateway.delivery.session import Services, Session
from gateway.errors import Refusal
from gateway.http.access import Access
from gateway.http.connection import HttpConnections
from gateway.http.draining import Draining, unacknowledged_bytes
from gateway.http.framing import frames_from_payloads
from gateway.http.handshake import (
    STOPPING,
    accept,
    refusal_of_upgrade,
    response_from_refusal,
    too_many_clients,
)
from gateway.http.refusal_log import RefusalLog

SERVICE_RESTART = 1012
CLOSE_TIMEOUT_S = 2.0
"""How long a browser may take to answer a goodbye."""
REPLIES_FACTOR = 4
"""Answers may fill the write buffer this many times before reading pauses."""
SLICE_BYTES = 4 * 1024
"""What is parsed at a time: frames are larger in memory than on the wire."""
TURN_BYTES = 16 * 1024
"""What is handled of one browser's frames before others have a turn."""
PING = b"\x89\x00"
QUIET_LOGGER = logging.getLogger("gateway.websockets")
QUIET_LOGGER.setLevel(logging.CRITICAL)


class Hold(Enum):
    """Why a socket is not read from."""

    COMMANDS = auto()
    """A command waits until it can start."""
    REPLIES = auto()
    """The browser does not read the answers to what it sends."""
    STOPPING = auto()
    """The gateway stops: accepted commands are answered, no new ones are accepted."""
    TURN = auto()
    """The browser sent much at once; other browsers have their turn."""


@dataclass(slots=True)
class Door:
    """What all sockets share.

    Attributes:
        sockets: Those that are open, for the sweep and for the cap.
        requests: The connections that are no WebSocket.
        is_closing: Whether the gateway stops: nobody comes in any more.
    """

    services: Services
    access: Access
    refusals: RefusalLog
    max_clients: int
    max_frame_bytes: int
    write_buffer_bytes: int
    sockets: set[WebSocket] = field(default_factory=set)
    requests: HttpConnections = field(default_factory=HttpConnections)
    is_closing: bool = False

    def refusal(self) -> Refusal | None:
        """Say why nobody more may come in, if so."""
        if self.is_closing:
            return STOPPING
        is_full = len(self.sockets) >= self.max_clients
        return too_many_clients(self.max_clients) if is_full else None

    def close(self) -> None:
        """Let nobody in any more and take no more frames of those who are."""
        self.is_closing = True
        for socket in self.sockets:
            socket.hold(Hold.STOPPING)


class WebSocket(asyncio.Protocol):
    """One connection that asked to become a WebSocket."""

    __slots__ = (
        "_connections",
        "_door",
        "_events",
        "_fragments",
        "_holds",
        "_inbox",
        "_is_binary",
        "_is_closing",
        "_is_paused",
        "_loop",
        "_protocol",
        "_session",
        "_transport",
        "draining",
        "heard_at_s",
        "is_writable",
        "pinged_at_s",
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
        self._session: Session | None = None
        self._inbox = bytearray()
        """What the browser sent and the library has not parsed: at most one read."""
        self._events: deque[Any] = deque()
        """What the library parsed and nobody has handled: at most a slice's frames."""
        self._fragments = bytearray()
        self._is_binary = False
        self._is_closing = False
        self._is_paused = False
        self._holds: frozenset[Hold] = frozenset()
        self.is_writable = True
        self.heard_at_s = self._loop.time()
        self.pinged_at_s: float | None = None
        self.written_bytes = 0
        self.draining = Draining()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Continue on the transport of the HTTP request."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._door.write_buffer_bytes)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Handle what the browser sent."""
        self.heard_at_s = self._loop.time()
        self.pinged_at_s = None
        self._inbox += data
        self._handle_inbox()

    def _handle_inbox(self) -> None:
        """Handle frames a slice at a time, until a turn is over or something holds them."""
        handled_bytes = 0
        while not self._holds:
            if self._events:
                self._handle(self._events.popleft())
            elif self._inbox and handled_bytes < TURN_BYTES:
                handled_bytes += self._parse_slice()
            else:
                break
        if self._inbox or self._events:
            self._start_turn()
        self._pause_or_resume()

    def _parse_slice(self) -> int:
        """Have the library parse some of what was sent; return how many bytes."""
        part = bytes(self._inbox[:SLICE_BYTES])
        del self._inbox[:SLICE_BYTES]
        self._protocol.receive_data(part)
        self._events.extend(self._protocol.events_received())
        self._flush()
        if self._protocol.close_expected():
            self._end()
        elif not self.is_writable and self.waiting_bytes() > self._max_reply_bytes():
            self.hold(Hold.REPLIES)
        return len(part)

    def _start_turn(self) -> None:
        """Go on behind everybody else, unless something else holds the socket anyway."""
        if not self._holds:
            self._holds |= {Hold.TURN}
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._holds -= {Hold.TURN}
        self._handle_inbox()

    def eof_received(self) -> None:
        """Close when the browser has nothing more to say."""

    def pause_writing(self) -> None:
        """Write nothing more: the browser does not keep up."""
        self.is_writable = False

    def resume_writing(self) -> None:
        """Write again."""
        self.is_writable = True
        self._release(Hold.REPLIES)
        if self._session is not None:
            self._session.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release everything."""
        self._is_closing = True
        self._inbox.clear()
        self._events.clear()
        self._connections.discard(self)
        self._door.sockets.discard(self)
        self._door.services.counts.clients = len(self._door.sockets)
        if self._session is not None:
            self._session.lost()
            self._session = None

    def write(self, wire: bytes) -> None:
        """Send ready frames."""
        if not self._is_closing:
            self.written_bytes += len(wire)
            self._transport.write(wire)

    def write_text(self, payload: bytes) -> None:
        """Send one payload as a text message."""
        self.write(frames_from_payloads((payload,)))

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
        """Handle no more frames for now."""
        self.hold(Hold.COMMANDS)

    def resume_reading(self) -> None:
        """Handle frames again."""
        self._release(Hold.COMMANDS)

    def shutdown(self) -> None:
        """Close because the gateway stops; called by uvicorn."""
        if self._session is None:
            self._transport.close()
        else:
            self.close(SERVICE_RESTART, "the gateway stops")

    def waiting_bytes(self) -> int:
        """Return what was written and waits here for the browser to read."""
        return self._transport.get_write_buffer_size()

    def drained_bytes(self) -> int:
        """Return what has arrived at the browser's machine."""
        unacknowledged = unacknowledged_bytes(self._transport)
        return self.written_bytes - self.waiting_bytes() - unacknowledged

    def held_bytes(self) -> int:
        """Return what this browser takes: what waits for it and what it reserved."""
        reserved_bytes = self._session.reserved_bytes if self._session is not None else 0
        return self.waiting_bytes() + len(self._inbox) + reserved_bytes

    def _max_reply_bytes(self) -> int:
        return REPLIES_FACTOR * self._door.write_buffer_bytes

    def _answer(self, request: Request) -> None:
        """Accept the upgrade, or say why not."""
        refusal = refusal_of_upgrade(request, self._door.access) or self._door.refusal()
        if refusal is None:
            response = accept(self._protocol, request)
        else:
            self._door.refusals.report(refusal, self._loop.time())
            response = response_from_refusal(self._protocol, refusal)
        accepted = response.status_code == HTTPStatus.SWITCHING_PROTOCOLS
        self._respond(response)
        if accepted:
            self._door.sockets.add(self)
            self._door.services.counts.clients = len(self._door.sockets)
            self._session = Session(self, self._door.services)

    def _respond(self, response: Response) -> None:
        self._protocol.send_response(response)
        self._flush()
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._is_closing = True
            self._transport.close()

    def _handle(self, event: Request | Frame) -> None:
        """Handle a request or a frame; pings and closes the library answers itself."""
        if isinstance(event, Request):
            self._answer(event)
        elif self._session is not None and not self._is_closing:
            self._handle_frame(event, self._session)

    def _handle_frame(self, frame: Frame, session: Session) -> None:
        now_s = self._loop.time()
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._is_binary = frame.opcode is Opcode.BINARY
        else:
            session.receive_control(now_s)
            if frame.opcode is not Opcode.CONT:
                return
        self._fragments += frame.data
        if not frame.fin:
            return
        payload = bytes(self._fragments)
        self._fragments.clear()
        if self._is_binary:
            session.receive_binary(now_s)
        else:
            session.receive_text(payload, now_s)

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
        if not self._is_closing:
            self._is_closing = True
            self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)
        self._holds = frozenset()
        self._pause_or_resume()
        if self._protocol.close_rcvd is not None:
            self._transport.close()

    def hold(self, why: Hold) -> None:
        """Stop reading for one more reason."""
        if not self._is_closing:
            self._holds |= {why}
            self._pause_or_resume()

    def _release(self, why: Hold) -> None:
        if why in self._holds:
            self._holds -= {why}
            if self._inbox or self._events:
                self._start_turn()
            self._pause_or_resume()

    def _pause_or_resume(self) -> None:
        """Bring the transport in line with what holds the socket."""
        wanted = bool(self._holds)
        if wanted != self._is_paused and not self._transport.is_closing():
            self._is_paused = wanted
            (self._transport.pause_reading if wanted else self._transport.resume_reading)()
