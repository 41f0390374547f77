"""Accepting connections while there are descriptors for them, and going on after.

Used by ``p2pd.net.host`` on every listener. The library accepts until the process
has no descriptor left, for the message store and gRPC neither (45), and holds a
WebSocket connection without a handshake for a minute, closed by its peer or not (80).
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Iterable

import structlog
import trio
from libp2p.abc import IListener
from libp2p.transport.tcp.tcp import TCPListener
from libp2p.transport.websocket.listener import WebsocketListener

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.descriptors import DescriptorReserve

CAPACITY_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
RETRY_S = 0.1
WARN_EVERY_S = 60.0
HANDSHAKE_TIMEOUT_S = 10.0
"""For WebSocket's handshake; those behind it have the same."""

Accept = Callable[[], Awaitable[trio.SocketStream]]

log = structlog.get_logger(__name__)


class AcceptGate:
    """Close what would use up the reserve, at once and counted; warn once a minute."""

    def __init__(self, reserve: DescriptorReserve, rejections: Rejections) -> None:
        self._reserve = reserve
        self._rejections = rejections
        self._warned_s = float("-inf")

    def attach(self, listener: IListener) -> None:
        """Put the gate in front of every socket of a listener that listens."""
        if isinstance(listener, WebsocketListener) and listener._server is not None:
            listener._server._connect_timeout = HANDSHAKE_TIMEOUT_S
        for each in _sockets_of(listener):
            each.accept = self._gated(each.accept)  # type: ignore[method-assign, assignment]

    def _gated(self, accept: Accept) -> Accept:
        async def accept_within_reserve() -> trio.SocketStream:
            while True:
                try:
                    stream = await accept()
                except OSError as error:
                    if error.errno not in CAPACITY_ERRORS:
                        raise
                    self._refuse()
                    await trio.sleep(RETRY_S)
                    continue
                if self._reserve.permits_inbound():
                    return stream
                self._refuse()
                await trio.aclose_forcefully(stream)

        return accept_within_reserve

    def _refuse(self) -> None:
        self._rejections.count(RejectionReason.DESCRIPTORS_RESERVED)
        now_s = trio.current_time()
        if now_s - self._warned_s >= WARN_EVERY_S:
            self._warned_s = now_s
            log.warning("connections are refused: too many files are open; raise the limit")


def _sockets_of(listener: IListener) -> Iterable[trio.SocketListener]:
    match listener:
        case TCPListener():
            return listener.listeners
        case WebsocketListener():
            server = listener._server
            return server._listeners if server is not None else ()
        case _:
            return ()
