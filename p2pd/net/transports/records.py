"""The transports of this node, each once. Asked by everything that handles addresses."""

from __future__ import annotations

from multiaddr import Multiaddr

from p2pd.net.transports.record import Transport

TCP = Transport("tcp", "tcp", endings=((),), rank=0)
QUIC = Transport("quic-v1", "udp", endings=(("quic-v1",),), rank=1)
WEBSOCKET = Transport("ws", "tcp", endings=(("ws",),), rank=2, is_for_browsers=True)
WEBSOCKET_TLS = Transport(
    "wss",
    "tcp",
    endings=(("wss",), ("tls", "ws")),
    rank=3,
    is_for_browsers=True,
    keeps_name=True,
)
TRANSPORTS = (TCP, QUIC, WEBSOCKET, WEBSOCKET_TLS)


def transport_of(address: Multiaddr) -> Transport | None:
    """Return the transport of an address, of a relayed one that to the relay."""
    return next((each for each in TRANSPORTS if each.matches(address)), None)
