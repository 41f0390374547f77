"""uvicorn with our shutdown and our WebSocket.

Run by ``gateway.app``.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Awaitable, Callable, Generator
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from gateway.errors import ListenError
from gateway.http.connection import HttpConnection
from gateway.http.door import Door
from gateway.http.socket import WebSocket
from gateway.values import Address

BACKLOG = 2048
KEEP_ALIVE_S = 15
GRACE_S = 2
"""How long open requests and WebSockets may take to end once they are asked to."""

Drain = Callable[[], Awaitable[None]]


class Server(uvicorn.Server):
    """A server that is told to stop by ``should_exit`` and drains before it closes."""

    def __init__(
        self, config: uvicorn.Config, when_ready: Callable[[], None], drain: Drain
    ) -> None:
        super().__init__(config)
        self._when_ready = when_ready
        self._drain = drain

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to ``gateway.app``, which knows what else has to stop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, then say so."""
        await super().startup(sockets)
        self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was accepted, then close what is open."""
        await self._drain()
        await super().shutdown(sockets)


def server_for(app: ASGIApp, door: Door, *, when_ready: Callable[[], None], drain: Drain) -> Server:
    """Build the server of an application and its WebSockets."""

    def websocket(
        config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> WebSocket:
        return WebSocket(door, cast("set[Any]", server_state.connections))

    def connection(**options: Any) -> HttpConnection:
        return HttpConnection(door.requests, **options)

    config = uvicorn.Config(
        app,
        loop="none",
        http=cast(Any, connection),
        ws=cast(Any, websocket),
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    return Server(config, when_ready, drain)


def listening_socket(address: Address, send_buffer_bytes: int) -> socket.socket:
    """Bind the address; accepted sockets inherit the send buffer's size.

    Raises:
        ListenError: It cannot be bound.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
        listener.bind(place)
        listener.setblocking(False)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ListenError(f"cannot listen on {address}: {reason}") from None
    return listener
