"""The WebSocket of one browser, straight on its transport.

Made by uvicorn for every upgrade, in place of its own protocol: no task and no
queue a browser, frames written as they lie in the channel. The handshake and
the reading are those of the websockets library; ``Intake`` decides how much is read,
``Outlet`` and ``Socket`` are what the rest of the gateway sees of it.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any, cast

from websockets.frames import Frame
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from gateway.delivery.session import Session
from gateway.http.door import Door
from gateway.http.draining import Draining, unacknowledged_bytes
from gateway.http.framing import frames_from_payloads
from gateway.http.handshake import accept, refusal_of_upgrade, response_from_refusal
from gateway.http.intake import Hold, Intake
from gateway.http.messages import Messages

SERVICE_RESTART = 1012
CLOSE_TIMEOUT_S = 2.0
"""How long a browser may take to answer a goodbye."""
REPLIES_FACTOR = 4
"""Answers may fill the write buffer this many times before reading pauses."""
PING = b"\x89\x00"
QUIET_LOGGER = logging.getLogger("gateway.websockets")
QUIET_LOGGER.setLevel(logging.CRITICAL)


class WebSocket(asyncio.Protocol):
    """One connection that asked to become a WebSocket."""

    __slots__ = (
        "_connections",
        "_door",
        "_intake",
        "_is_closing",
        "_loop",
        "_messages",
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
        self._intake = Intake(self, self._loop.call_soon)
        self._messages = Messages()
        self._is_closing = False
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
        self._intake.receive(data)

    def parse(self, part: bytes) -> list[Request | Frame]:
        """Have the library parse some of what was sent, and send what it answers."""
        self._protocol.receive_data(part)
        events = cast("list[Request | Frame]", self._protocol.events_received())
        self._flush()
        if self._protocol.close_expected():
            self._end()
        elif not self.is_writable and self.waiting_bytes() > self._max_reply_bytes():
            self.hold(Hold.REPLIES)
        return events

    def handle(self, event: Request | Frame) -> None:
        """Handle a request or a frame; pings and closes the library answers itself."""
        if isinstance(event, Request):
            self._answer(event)
        elif self._session is not None and not self._is_closing:
            self._messages.receive(event, self._session, self._loop.time())

    def set_reading(self, *, is_reading: bool) -> None:
        """Read from the transport, or not."""
        if not self._transport.is_closing():
            (self._transport.resume_reading if is_reading else self._transport.pause_reading)()

    def eof_received(self) -> None:
        """Close when the browser has nothing more to say."""

    def pause_writing(self) -> None:
        """Write nothing more: the browser does not keep up."""
        self.is_writable = False

    def resume_writing(self) -> None:
        """Write again."""
        self.is_writable = True
        self._intake.release(Hold.REPLIES)
        if self._session is not None:
            self._session.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release everything."""
        self._is_closing = True
        self._intake.clear()
        self._connections.discard(self)
        self._door.discard(self)
        if self._session is not None:
            self._session.lost()
            self._session = None

    def write(self, wire: bytes) -> None:
        """Send ready frames."""
        if not self._is_closing:
            self.written_bytes += len(wire)
            self._transport.write(wire)

    def limit_waiting(self, max_bytes: int | None) -> None:
        """Be not writable while more than this waits here; None is what the setting says."""
        high = self._door.write_buffer_bytes if max_bytes is None else max_bytes
        if not self._transport.is_closing():
            self._transport.set_write_buffer_limits(high=high)

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
        self._intake.release(Hold.COMMANDS)

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
        return self.waiting_bytes() + self._intake.size_bytes + reserved_bytes

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
            self._door.add(self)
            self._session = Session(self, self._door.services)

    def _respond(self, response: Response) -> None:
        self._protocol.send_response(response)
        self._flush()
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._is_closing = True
            self._transport.close()

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
        self._intake.read_on()
        if self._protocol.close_rcvd is not None:
            self._transport.close()

    def hold(self, why: Hold) -> None:
        """Stop reading for one more reason."""
        if not self._is_closing:
            self._intake.hold(why)
