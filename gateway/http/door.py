"""What all WebSockets share: the services behind them, who may come in, which are open.

Made by ``gateway.app``; used by ``gateway.http.socket``, the sweep and the metrics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from gateway.delivery.session import Services
from gateway.errors import Refusal
from gateway.http.access import Access
from gateway.http.connection import HttpConnections
from gateway.http.draining import Draining
from gateway.http.handshake import STOPPING, too_many_clients
from gateway.http.intake import Hold
from gateway.http.refusal_log import RefusalLog


class OpenSocket(Protocol):
    """A browser's WebSocket, as those see it who look after all of them."""

    draining: Draining
    is_writable: bool
    heard_at_s: float
    pinged_at_s: float | None

    def waiting_bytes(self) -> int:
        """Return what was written and waits here for the browser to read."""

    def drained_bytes(self) -> int:
        """Return what has arrived at the browser's machine."""

    def held_bytes(self) -> int:
        """Return what this browser takes in memory."""

    def ping(self, now_s: float) -> None:
        """Ask for a sign of life."""

    def hold(self, why: Hold) -> None:
        """Stop reading for one more reason."""

    def abort(self) -> None:
        """Cut the connection."""


@dataclass(slots=True)
class Door:
    """The shared parts, and the sockets that are open.

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
    sockets: set[OpenSocket] = field(default_factory=set)
    requests: HttpConnections = field(default_factory=HttpConnections)
    is_closing: bool = False

    def refusal(self) -> Refusal | None:
        """Say why nobody more may come in, if so."""
        if self.is_closing:
            return STOPPING
        is_full = len(self.sockets) >= self.max_clients
        return too_many_clients(self.max_clients) if is_full else None

    def add(self, socket: OpenSocket) -> None:
        """List a browser that came in."""
        self.sockets.add(socket)
        self.services.counts.clients = len(self.sockets)

    def discard(self, socket: OpenSocket) -> None:
        """Remove a browser that left."""
        self.sockets.discard(socket)
        self.services.counts.clients = len(self.sockets)

    def close(self) -> None:
        """Let nobody in any more and take no more frames of those who are."""
        self.is_closing = True
        for socket in self.sockets:
            socket.hold(Hold.STOPPING)
