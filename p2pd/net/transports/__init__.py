"""What this node knows of each transport, in one record each; see ``records``."""

from p2pd.net.transports.record import Transport
from p2pd.net.transports.records import (
    QUIC,
    TCP,
    TRANSPORTS,
    WEBSOCKET,
    WEBSOCKET_TLS,
    transport_of,
)

__all__ = [
    "QUIC",
    "TCP",
    "TRANSPORTS",
    "WEBSOCKET",
    "WEBSOCKET_TLS",
    "Transport",
    "transport_of",
]
