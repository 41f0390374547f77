"""TCP and WebSocket whose connections know the address at their other end.

``p2pd.net.host`` makes the transports; ``patches.swarm`` asks for addresses.
The stock ones know none for IPv6 and call a WebSocket plain TCP (40).
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import TypeVar

from libp2p.abc import IRawConnection
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.transport.tcp.tcp import TCP
from libp2p.transport.websocket.connection import P2PWebSocketConnection
from libp2p.transport.websocket.transport import WebsocketTransport
from multiaddr import Multiaddr
from trio_websocket import Endpoint

Raw = TypeVar("Raw", bound=IRawConnection)


class AddressedTcp(TCP):
    """TCP whose outbound connections remember what was dialled."""

    async def dial(self, maddr: Multiaddr) -> IRawConnection:
        """Dial, and note the address with the connection."""
        return _with_address(await super().dial(maddr), maddr)


class AddressedWebsocket(WebsocketTransport):
    """WebSocket whose outbound connections remember what was dialled."""

    async def dial(self, maddr: Multiaddr) -> RawConnection:
        """Dial, and note the address with the connection."""
        return _with_address(await super().dial(maddr), maddr)


def endpoint_from_stream(stream: ReadWriteCloser) -> tuple[str, int] | None:
    """Tell the IP address and port at the other end, IPv6 and WebSocket too."""
    match stream:
        case TrioTCPStream():
            try:
                host, port = stream.stream.socket.getpeername()[:2]
            except OSError:
                return None
            return str(host), int(port)
        case P2PWebSocketConnection():
            remote = stream._ws_connection.remote
            return (str(remote.address), int(remote.port)) if isinstance(remote, Endpoint) else None
        case _:
            return stream.get_remote_address()


def address_from_endpoint(endpoint: tuple[str, int], listen_address: Multiaddr) -> Multiaddr:
    """Write an inbound connection's other end as a multiaddr of the listener's transport."""
    host, port = endpoint
    ip = ip_address(host.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    suffix = "".join(f"/{name}" for name in _names(listen_address) if name in ("ws", "wss"))
    return Multiaddr(f"/ip{ip.version}/{ip}/tcp/{port}{suffix}")


def _names(address: Multiaddr) -> list[str]:
    return [protocol.name for protocol in address.protocols()]


def _with_address(raw: Raw, dialled: Multiaddr) -> Raw:
    if isinstance(raw, RawConnection):
        peer_id = dialled.get_peer_id()
        raw._actual_addresses = [dialled.decapsulate(f"/p2p/{peer_id}") if peer_id else dialled]
    return raw
