"""Inbound connections, each in its place among those that there may be (2).

Used by the swarm for what a listener accepts and for what a relay brings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import structlog
from libp2p.abc import IMuxedConn
from libp2p.network.connection.raw_connection import RawConnection

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.admission import InboundAdmission
from p2pd.net.muxing.connection import MuxedConnection
from p2pd.net.streams.ending import end_stream

Opened = TypeVar("Opened", RawConnection, IMuxedConn)

log = structlog.get_logger(__name__)


class InboundServer:
    """Serve connections while they live; the swarm's places are held for as long."""

    def __init__(self, admission: InboundAdmission, rejections: Rejections) -> None:
        self._admission = admission
        self._rejections = rejections

    async def serve(
        self, origin: str, opened: Opened, secure: Callable[[Opened], Awaitable[IMuxedConn]]
    ) -> None:
        """Secure a connection and return when it has ended, at once where it is not admitted.

        Args:
            origin: The host, or the relay, whose connections are counted together.
        """
        with self._admission.place_for(origin) as is_admitted:
            if is_admitted:
                await self._serve_admitted(opened, secure)
            else:
                await opened.close()

    async def _serve_admitted(
        self, opened: Opened, secure: Callable[[Opened], Awaitable[IMuxedConn]]
    ) -> None:
        try:
            muxed = await secure(opened)
            # One of ours, see ``p2pd.net.host``.
            await cast(MuxedConnection[Any], muxed).event_closed.wait()
        # Whatever an unknown peer does in a handshake ends its connection only.
        except Exception as error:
            self._rejections.count(RejectionReason.INBOUND_HANDSHAKE)
            log.debug("inbound connection failed", error=repr(error))
        finally:
            await end_stream(opened.close)
