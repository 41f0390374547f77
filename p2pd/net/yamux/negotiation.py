"""Agreeing on yamux, and nothing else, over a secured connection.

``p2pd.net.host`` puts it in the place of the library's own, which makes its own
``Yamux`` whatever it was given.
"""

from __future__ import annotations

from libp2p.abc import IMuxedConn, ISecureConn
from libp2p.custom_types import TMuxerOptions, TProtocol
from libp2p.peer.id import ID
from libp2p.stream_muxer.muxer_multistream import MuxerMultistream
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID, Yamux

from p2pd.domain.rejections import Rejections
from p2pd.net.yamux.connection import YamuxConnection

YAMUX = TProtocol(PROTOCOL_ID)
#: What the library negotiates from; the class in it is never used.
MUXERS: TMuxerOptions = {YAMUX: Yamux}


class YamuxNegotiation(MuxerMultistream):
    """Make a ``YamuxConnection`` of every secured connection."""

    def __init__(self, rejections: Rejections) -> None:
        super().__init__(MUXERS)
        self._rejections = rejections

    async def new_conn(self, conn: ISecureConn, peer_id: ID) -> IMuxedConn:
        """Agree with the peer on yamux.

        Raises:
            MultiselectError: It does not speak it; or MultiselectClientError.
        """
        protocol, _ = await self._selector.select(conn, conn.is_initiator, self.negotiate_timeout)
        muxed = YamuxConnection(conn, peer_id, self._rejections)
        return self._annotate_connection(muxed, conn, protocol)
