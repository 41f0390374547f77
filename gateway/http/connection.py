"""One HTTP connection: uvicorn's protocol, held to bounds in bytes.

Made by uvicorn for every connection; listed in ``HttpConnections``, which the sweep
and the answers under /api look at. uvicorn parses all that one read brought, and
queues the requests; here they are parsed a slice at a time, and only while no
earlier request waits.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.errors import Refusal
from gateway.http.answers import body_from_refusal
from gateway.http.draining import Draining, unacknowledged_bytes

SLICE_BYTES = 2 * 1024
MAX_HEAD_BYTES = 32 * 1024
"""Of a request: its line and its headers."""
MAX_REQUEST_BYTES = 1024 * 1024
"""Of a request with its body, chunk headers and trailers."""

MALFORMED = Refusal("INVALID_ARGUMENT", "MALFORMED_REQUEST", "The request is not valid HTTP.")
HEAD_TOO_LARGE = Refusal(
    "INVALID_ARGUMENT", "HEADERS_TOO_LARGE", f"The headers are over {MAX_HEAD_BYTES} bytes."
)


class HttpConnections:
    """The open HTTP connections; WebSockets are listed elsewhere."""

    def __init__(self) -> None:
        self._open: set[HttpConnection] = set()

    def __iter__(self) -> Any:
        return iter(list(self._open))

    def add(self, connection: HttpConnection) -> None:
        """List a connection."""
        self._open.add(connection)

    def discard(self, connection: HttpConnection) -> None:
        """Remove a connection that was lost or became a WebSocket."""
        self._open.discard(connection)

    def waiting_bytes(self) -> int:
        """Return what waits in all of them for its readers."""
        return sum(one.waiting_bytes() for one in self._open)


class HttpConnection(HttpToolsProtocol):
    """uvicorn's HTTP protocol with a bounded inbox and bounded requests.

    Attributes:
        receiving_since_s: When the request that is being received began; None
            while none is.
        draining: The sweep's measure of how fast the answers are read.
    """

    def __init__(self, connections: HttpConnections, **options: Any) -> None:
        super().__init__(**options)
        self._all = connections
        self._inbox = bytearray()
        self._request_bytes = 0
        self._is_in_head = True
        self.receiving_since_s: float | None = None
        self.draining = Draining()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """List the connection and replace its flow control."""
        self._counted = _CountedTransport(transport)
        super().connection_made(cast(asyncio.Transport, self._counted))
        self.flow = _Flow(transport, self)
        self.receiving_since_s = self.loop.time()
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release everything."""
        self._all.discard(self)
        self._inbox.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Handle what the client sent."""
        self._inbox += data
        self.handle_inbox()

    def handle_inbox(self) -> None:
        """Parse requests while none waits for the one before."""
        while self._inbox and self._may_parse():
            part = bytes(self._inbox[:SLICE_BYTES])
            del self._inbox[:SLICE_BYTES]
            self._request_bytes += len(part)
            if self._is_too_large():
                return
            super().data_received(part)
        if self.transport.get_protocol() is self:
            self._pause_or_resume()

    def waiting_bytes(self) -> int:
        """Return what was written and waits here for the client to read."""
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    def drained_bytes(self) -> int:
        """Return what has arrived at the client's machine."""
        unacknowledged = unacknowledged_bytes(self.transport)
        return self._counted.written_bytes - self.waiting_bytes() - unacknowledged

    def abort(self) -> None:
        """Cut the connection: what waits for this client is dropped."""
        self.transport.abort()

    def handle_websocket_upgrade(self) -> None:
        """Give the transport to a WebSocket."""
        self._all.discard(self)
        self._inbox.clear()
        self.transport = self._counted.transport
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Count a request from its first byte."""
        self._request_bytes = min(self._request_bytes, SLICE_BYTES)
        self._is_in_head = True
        self.receiving_since_s = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Handle a request whose head is there."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Count a request as received."""
        self._request_bytes = 0
        self.receiving_since_s = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request."""
        super().on_response_complete()
        self.loop.call_soon(self.handle_inbox)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not HTTP, in the form of all errors."""
        self._refuse(MALFORMED, HTTPStatus.BAD_REQUEST)

    def _may_parse(self) -> bool:
        return not (self.pipeline or self.flow.read_paused or self.transport.is_closing())

    def _is_too_large(self) -> bool:
        """Refuse a request over its bound; return whether it was."""
        if self._is_in_head and self._request_bytes > MAX_HEAD_BYTES:
            self._refuse(HEAD_TOO_LARGE, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._request_bytes > MAX_REQUEST_BYTES:
            self.transport.close()
        else:
            return False
        return True

    def _refuse(self, refusal: Refusal, status: HTTPStatus) -> None:
        """Answer outside of any request, and close."""
        body = body_from_refusal(refusal)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-content-type-options: nosniff\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def _pause_or_resume(self) -> None:
        """Read on only when all that was read has been parsed."""
        cast(_Flow, self.flow).apply(is_paused=bool(self._inbox) or self.flow.read_paused)


class _CountedTransport:
    """A transport whose written bytes are counted."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.written_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        """Write and count."""
        self.written_bytes += len(data)
        self.transport.write(data)


class _Flow(FlowControl):
    """uvicorn's flow control, with the inbox as one more reason not to read."""

    def __init__(self, transport: asyncio.Transport, connection: HttpConnection) -> None:
        super().__init__(transport)
        self._connection = connection
        self._is_paused = False

    def pause_reading(self) -> None:
        """Stop parsing and reading."""
        self.read_paused = True
        self.apply(is_paused=True)

    def resume_reading(self) -> None:
        """Parse what was read, then read on."""
        if self.read_paused:
            self.read_paused = False
            asyncio.get_running_loop().call_soon(self._connection.handle_inbox)

    def apply(self, *, is_paused: bool) -> None:
        """Bring the transport in line."""
        if is_paused != self._is_paused and not self._transport.is_closing():
            self._is_paused = is_paused
            (self._transport.pause_reading if is_paused else self._transport.resume_reading)()
