"""A UDP socket as an endpoint uses it: datagrams, and reports of those that did not arrive.

Made by ``endpoint``, which decides what they are for.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import structlog
import trio

from p2pd.net.quic.sources import ANCILLARY_BYTES, Source, report_sources, source_of
from p2pd.net.quic.unreachable import (
    ENDING,
    Unreachable,
    read_unreachable,
    report_unreachable,
)

WILDCARDS = ("0.0.0.0", "::")
MAX_DATAGRAM_BYTES = 65_536
BUFFER_BYTES = 4 * 1024 * 1024

log = structlog.get_logger(__name__)


class DatagramSocket:
    """Send and receive without waiting.

    Attributes:
        host: The address that is bound.
        port: The port that is bound.
    """

    def __init__(self, bound: socket.socket) -> None:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self.host, self.port = bound.getsockname()[:2]
        self._socket = bound
        self._reports_sources = self.host in WILDCARDS and report_sources(bound)
        self._reports_unreachable = report_unreachable(bound)

    @property
    def is_open(self) -> bool:
        """Whether it was not closed."""
        return self._socket.fileno() != -1

    async def wait_readable(self) -> None:
        """Wait for a datagram or a report.

        Raises:
            trio.ClosedResourceError: It was closed.
            OSError: It cannot be waited for.
        """
        await trio.lowlevel.wait_readable(self._socket.fileno())

    def send(self, data: bytes, address: Any, source: Source | None) -> None:
        """Send a datagram; one that cannot be sent now is lost."""
        try:
            self._send(data, address, source)
        except OSError as error:
            if self._reports_unreachable and error.errno in ENDING:
                # A report of another datagram, perhaps to another peer, failed this one.
                self._send_again(data, address, source)
            else:
                log.debug("datagram not sent", error=error.strerror)

    def receive(self) -> tuple[bytes, Any, Source | None]:
        """Receive a datagram, with the address it was sent to where that is not plain.

        Raises:
            BlockingIOError: There is none.
            OSError: A report failed this call.
        """
        if not self._reports_sources:
            data, address = self._socket.recvfrom(MAX_DATAGRAM_BYTES)
            return data, address, None
        data, ancillary, _, address = self._socket.recvmsg(MAX_DATAGRAM_BYTES, ANCILLARY_BYTES)
        return data, address, source_of(ancillary)

    def unreachable(self) -> Iterator[Unreachable]:
        """Read which datagrams did not arrive, as far as this machine is informed."""
        return read_unreachable(self._socket) if self._reports_unreachable else iter(())

    def close(self) -> None:
        """Close it, and wake whoever waits."""
        if self.is_open:
            trio.lowlevel.notify_closing(self._socket.fileno())
            self._socket.close()

    def _send(self, data: bytes, address: Any, source: Source | None) -> None:
        if source is None:
            self._socket.sendto(data, address)
        else:
            self._socket.sendmsg((data,), (source,), 0, address)

    def _send_again(self, data: bytes, address: Any, source: Source | None) -> None:
        try:
            self._send(data, address, source)
        except OSError as error:
            log.debug("datagram not sent", error=error.strerror)
