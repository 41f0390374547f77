"""TCP and WebSocket whose connections know the address at their other end.

``p2pd.net.host`` makes the transports; ``patches.swarm`` asks for addresses.
The stock ones know none for IPv6 and call a WebSocket plain TCP (40).
"""

from __future__ import annotations

import errno
import socket
import ssl
from ipaddress import IPv6Address, ip_address
from typing import TypeVar

import structlog
import trio
from libp2p.abc import IRawConnection
from libp2p.custom_types import THandler
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.transport.exceptions import OpenConnectionError
from libp2p.transport.tcp.tcp import TCP, TCPListener
from libp2p.transport.upgrader import TransportUpgrader
from libp2p.transport.websocket.connection import P2PWebSocketConnection
from libp2p.transport.websocket.transport import WebsocketTransport
from multiaddr import Multiaddr
from trio_websocket import Endpoint

from p2pd.net.interfaces import link_local_zones
from p2pd.net.multiaddrs import names_in
from p2pd.net.transports import TCP as TCP_RECORD
from p2pd.net.transports import WEBSOCKET, WEBSOCKET_TLS, Transport, transport_of

log = structlog.get_logger(__name__)

BACKLOG = 1024
LINK_LOCAL = "/ip6/fe80:"

Raw = TypeVar("Raw", bound=IRawConnection)


class Recorded:
    """A transport of the library that goes by its record."""

    record: Transport

    def can_dial(self, maddr: Multiaddr) -> bool:
        """Return whether an address is of this transport, and not behind a relay."""
        return self.record.matches(maddr) and "p2p-circuit" not in names_in(maddr)

    def can_listen(self, maddr: Multiaddr) -> bool:
        """Return whether this transport listens on such addresses."""
        return self.can_dial(maddr)

    def protocols(self) -> list[str]:
        """Name what every address of this transport has."""
        return [self.record.carrier]


class AddressedTcp(Recorded, TCP):
    """TCP whose outbound connections remember what was dialled."""

    record = TCP_RECORD

    def __init__(self) -> None:
        super().__init__()
        self._listeners: list[OneVersionTcpListener] = []

    async def dial(self, maddr: Multiaddr) -> IRawConnection:
        """Dial, and store the address with the connection."""
        return _with_address(await super().dial(maddr), maddr)

    async def dial_from_listener(self, address: Multiaddr) -> TrioTCPStream:
        """Connect from the port of a listener, so that a router lets answers to it in.

        Raises:
            OSError: Nothing of this IP version listens; or nobody answers, or the two
                ports have a connection already.
        """
        host, port = self.record.endpoint(address)
        source = self._source_for(host)
        bound = trio.socket.from_stdlib_socket(self.record.bind_endpoint(*source, is_shared=True))
        try:
            await bound.connect((host, port))
        except BaseException:
            bound.close()
            raise
        return TrioTCPStream(trio.SocketStream(bound))

    def _source_for(self, host: str) -> tuple[str, int]:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for listener in self._listeners:
            for each in listener.listeners:
                if each.socket.family is family and each.socket.fileno() >= 0:
                    own_host, own_port = each.socket.getsockname()[:2]
                    return str(own_host), int(own_port)
        raise OSError(errno.EADDRNOTAVAIL, "nothing listens on this IP version")

    def create_listener(self, handler_function: THandler) -> TCPListener:
        """Make a listener that shares its port with other IP versions, and with dials."""
        listener = OneVersionTcpListener(handler_function)
        self._listeners.append(listener)
        return listener

    async def _dial_resolved(
        self, maddr: Multiaddr, source: tuple[str, int] | None = None
    ) -> IRawConnection:
        if not str(maddr).startswith(LINK_LOCAL):
            return await super()._dial_resolved(maddr, source)
        host, port = maddr.value_for_protocol("ip6"), maddr.value_for_protocol("tcp")
        return RawConnection(
            TrioTCPStream(await open_on_some_link(str(host), int(str(port)))), True
        )


class AddressedWebsocket(Recorded, WebsocketTransport):
    """WebSocket whose outbound connections remember what was dialled."""

    record = WEBSOCKET

    async def dial(self, maddr: Multiaddr) -> RawConnection:
        """Dial, and store the address with the connection."""
        return _with_address(await super().dial(maddr), maddr)


class SecureWebsocket(AddressedWebsocket):
    """WebSocket over TLS, apart from plain: one with a certificate serves TLS on both (70).

    Args:
        certificate: What it listens with; without one it only dials.
    """

    record = WEBSOCKET_TLS

    def __init__(self, upgrader: TransportUpgrader, certificate: ssl.SSLContext | None) -> None:
        super().__init__(upgrader, tls_server_config=certificate)


class OneVersionTcpListener(TCPListener):
    """A listener on ``::`` that leaves IPv4 to the listener on ``0.0.0.0`` (46)."""

    async def listen(self, maddr: Multiaddr) -> None:
        """Listen on one address.

        Raises:
            OpenConnectionError: It cannot be bound, or the listener is closed.
        """
        async with self._lifecycle_lock:
            if self._closed:
                raise OpenConnectionError(f"cannot listen on {maddr}: the listener is closed")
            if self._nursery is None:
                await self._spawn_background_task()
            assert self._nursery is not None
            try:
                bound = trio.socket.from_stdlib_socket(TCP_RECORD.bind(maddr, is_shared=True))
                bound.listen(BACKLOG)
            except OSError as error:
                raise OpenConnectionError(f"cannot listen on {maddr}: {error.strerror}") from error
            listening = trio.SocketListener(bound)
            await self._nursery.start(trio.serve_listeners, self._serve, [listening])
            self.listeners.append(listening)

    async def _serve(self, stream: trio.SocketStream) -> None:
        try:
            await self.handler(TrioTCPStream(stream))
        # Whatever one connection sets off, the others are accepted.
        except Exception as error:
            log.debug("inbound connection failed", error=repr(error))


async def open_on_some_link(host: str, port: int) -> trio.SocketStream:
    """Connect to a link-local address, which does not say on which interface it is.

    Raises:
        OSError: Nobody answers on any of them.
    """
    opened: list[trio.SocketStream] = []
    failures: list[OSError] = []

    async def attempt(zone: str, others: trio.CancelScope) -> None:
        try:
            opened.append(await trio.open_tcp_stream(f"{host}%{zone}", port))
            others.cancel()
        except OSError as error:
            failures.append(error)

    async with trio.open_nursery() as nursery:
        for zone in link_local_zones():
            nursery.start_soon(attempt, zone, nursery.cancel_scope)
    for surplus in opened[1:]:
        await trio.aclose_forcefully(surplus)
    if not opened:
        raise failures[0] if failures else OSError(errno.ENETUNREACH, "no link-local address")
    return opened[0]


def endpoint_from_stream(stream: ReadWriteCloser) -> tuple[str, int] | None:
    """Return the IP address and port at the other end, IPv6 and WebSocket too."""
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
    return (transport_of(listen_address) or TCP_RECORD).address(str(ip), port)


def _with_address(raw: Raw, dialled: Multiaddr) -> Raw:
    if isinstance(raw, RawConnection):
        peer_id = dialled.get_peer_id()
        raw._actual_addresses = [dialled.decapsulate(f"/p2p/{peer_id}") if peer_id else dialled]
    return raw
