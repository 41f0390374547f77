"""Where this machine's end of a connection is. Called by ``recovery``."""

from __future__ import annotations

from libp2p.abc import INetConn
from libp2p.io.trio import TrioTCPStream
from libp2p.transport.websocket.connection import P2PWebSocketConnection
from trio_websocket import Endpoint

from p2pd.net.quic.connection import QuicMuxer


def local_host_of(connection: INetConn) -> str | None:
    """Return the own address that a connection is bound to; None where it is to none.

    A QUIC connection that this side opened goes on from another address, and one that
    the peer opened does not; relayed ones have the socket of the connection to their relay.
    """
    if isinstance(connection.muxed_conn, QuicMuxer):
        return connection.muxed_conn.local_host
    secured = getattr(connection.muxed_conn, "secured_conn", None)
    stream = getattr(getattr(secured, "raw", None), "stream", None)
    match stream:
        case TrioTCPStream():
            try:
                return _without_zone(stream.stream.socket.getsockname()[0])
            except OSError:
                return None
        case P2PWebSocketConnection():
            local = stream._ws_connection.local
            return _without_zone(local.address) if isinstance(local, Endpoint) else None
    return None


def _without_zone(host: object) -> str:
    return str(host).partition("%")[0]
