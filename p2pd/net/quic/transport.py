"""QUIC as the swarm sees it: it dials, and makes listeners.

Made by ``p2pd.net.host``.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import Any

import trio
from libp2p.abc import IListener, ITransport
from libp2p.crypto.keys import PrivateKey
from libp2p.custom_types import THandler
from libp2p.peer.id import ID
from libp2p.transport.exceptions import OpenConnectionError
from multiaddr import Multiaddr

from p2pd.domain.rejections import Rejections
from p2pd.net.patches.transports import Recorded
from p2pd.net.quic.connection import QuicMuxer
from p2pd.net.quic.core import configurations
from p2pd.net.quic.endpoint import Accept, QuicEndpoint
from p2pd.net.quic.resets import StatelessResets
from p2pd.net.transports import QUIC
from p2pd.tasks import run_guarded

PROBE_BYTES = 64


class QuicTransport(Recorded, ITransport):
    """Dial from the sockets that listen, and from one more where none is suitable."""

    record = QUIC
    provides_native_muxing = True

    def __init__(self, key: PrivateKey, rejections: Rejections) -> None:
        self._configurations = configurations(key, ID.from_pubkey(key.get_public_key()))
        self._resets = StatelessResets(key)
        self._rejections = rejections
        self._nursery: trio.Nursery | None = None
        self._endpoints: list[QuicEndpoint] = []

    def set_background_nursery(self, nursery: trio.Nursery) -> None:
        """Take the nursery that runs the endpoints; called by the swarm."""
        self._nursery = nursery

    def can_dial(self, maddr: Multiaddr) -> bool:
        """Return whether an address is QUIC's; a link-local one lacks its interface."""
        return super().can_dial(maddr) and not str(maddr).startswith("/ip6/fe80:")

    def create_listener(self, handler_function: THandler) -> IListener:
        """Make a listener that gives inbound connections to the handler."""
        return QuicListener(self, handler_function)

    async def dial(self, maddr: Multiaddr) -> Any:
        """Dial a peer at an address that ends in ``/p2p/ID``.

        Raises:
            OpenConnectionError: Nobody answers there, or another peer.
        """
        host, port = QUIC.endpoint(maddr)
        try:
            peer_id = ID.from_string(str(maddr.get_peer_id()))
            remote = _socket_address(host, port)
            endpoint = self._endpoint_for(_source_host(remote))
            return await endpoint.dial(remote, peer_id)
        # A handshake fails in many ways; each means: not at this address.
        except Exception as error:
            raise OpenConnectionError(str(error) or type(error).__name__) from error

    async def probe(self, maddr: Multiaddr, peer_id: ID) -> None:
        """Find out whether a peer answers a dial from a new socket, and hang up.

        Raises:
            Exception: Nobody answers there, or another peer.
        """
        async with self.connection_from_new_socket(maddr, peer_id):
            pass

    def as_peer(self, key: PrivateKey) -> QuicTransport:
        """Make a transport that dials as another peer, in the same swarm."""
        other = QuicTransport(key, self._rejections)
        other._nursery = self._nursery
        return other

    @asynccontextmanager
    async def connection_from_new_socket(
        self, maddr: Multiaddr, peer_id: ID
    ) -> AsyncIterator[QuicMuxer]:
        """Dial from a socket of its own, which is closed with the block.

        Raises:
            Exception: Nobody answers there, or another peer.
        """
        remote = _socket_address(*QUIC.endpoint(maddr))
        endpoint = self.open_endpoint("::" if ":" in remote[0] else "0.0.0.0", 0, None)
        try:
            yield await endpoint.dial(remote, peer_id)
        finally:
            self.close_endpoint(endpoint)

    def send_probe(self, address: Multiaddr) -> None:
        """Send a datagram that nobody understands, so that a router lets answers to it in.

        Raises:
            OSError: There is no way to that address.
        """
        remote = _socket_address(*QUIC.endpoint(address))
        self._endpoint_for(_source_host(remote)).transmit(probe_datagram(), remote)

    def open_endpoint(self, host: str, port: int, accept: Accept | None) -> QuicEndpoint:
        """Bind a socket and receive on it.

        Raises:
            OSError: It cannot be bound.
            OpenConnectionError: The swarm does not run.
        """
        if self._nursery is None:
            raise OpenConnectionError("the swarm does not run")
        bound = QUIC.bind_endpoint(host, port, is_shared=False)
        endpoint = QuicEndpoint(
            bound, self._configurations, self._resets, accept, self._rejections, self._nursery
        )
        self._endpoints.append(endpoint)
        self._nursery.start_soon(partial(run_guarded, "QUIC endpoint", endpoint.run))
        self._nursery.start_soon(partial(run_guarded, "QUIC sweep", endpoint.sweep))
        return endpoint

    def close_endpoint(self, endpoint: QuicEndpoint) -> None:
        """End what is on a socket, and close it."""
        if endpoint in self._endpoints:
            self._endpoints.remove(endpoint)
        endpoint.close()

    async def close(self) -> None:
        """Close every socket."""
        for endpoint in tuple(self._endpoints):
            self.close_endpoint(endpoint)
        await trio.lowlevel.checkpoint()

    def _endpoint_for(self, source: str) -> QuicEndpoint:
        """Return the endpoint from which packets have a source address, or open one."""
        wildcard = "::" if ":" in source else "0.0.0.0"
        for host in (wildcard, source):
            for endpoint in self._endpoints:
                if endpoint.host == host:
                    return endpoint
        return self.open_endpoint(wildcard, 0, None)


class QuicListener(IListener):
    """One address that is listened on."""

    def __init__(self, transport: QuicTransport, handler: THandler) -> None:
        self._transport = transport
        self._handler = handler
        self._endpoint: QuicEndpoint | None = None

    async def listen(self, maddr: Multiaddr) -> None:
        """Listen on an address.

        Raises:
            OpenConnectionError: It cannot be bound.
        """
        await trio.lowlevel.checkpoint()
        try:
            self._endpoint = self._transport.open_endpoint(*QUIC.endpoint(maddr), self._accept)
        except OSError as error:
            raise OpenConnectionError(f"cannot listen on {maddr}: {error.strerror}") from error

    async def close(self) -> None:
        """Close the socket and what is on it."""
        if self._endpoint is not None:
            self._transport.close_endpoint(self._endpoint)
        await trio.lowlevel.checkpoint()

    def get_addrs(self) -> tuple[Multiaddr, ...]:
        """Return the address with the port that was bound."""
        endpoint = self._endpoint
        return () if endpoint is None else (QUIC.address(endpoint.host, endpoint.port),)

    async def _accept(self, connection: QuicMuxer) -> None:
        await self._handler(connection)  # type: ignore[arg-type]


def probe_datagram() -> bytes:
    """Make random bytes that are no long header: what gets through is dropped at once."""
    first, *rest = os.urandom(PROBE_BYTES)
    return bytes((first & 0x7F, *rest))


def _socket_address(host: str, port: int) -> Any:
    """Write an address as sockets report it, since datagrams are compared by it.

    Raises:
        OSError: It is not an IP address.
    """
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    )
    return found[0][4]


def _source_host(remote: Any) -> str:
    """Ask the routing table from which address this machine would send.

    Raises:
        OSError: There is no way to that address.
    """
    family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as trial:
        trial.connect(remote)
        return str(trial.getsockname()[0])
