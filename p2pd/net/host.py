"""A libp2p host with every patch of the host's side, opened and closed.

Called by the composition of the node. What is wrong in the library, and where
it is put right, is listed in ``patches/README.md``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from libp2p.abc import ITransport
from libp2p.crypto.keys import KeyPair, KeyType
from libp2p.peer.id import ID
from libp2p.transport.upgrader import TransportUpgrader
from multiaddr import Multiaddr

from p2pd.domain.rejections import Rejections
from p2pd.net.admission import ConnectionLimits
from p2pd.net.descriptors import DescriptorReserve
from p2pd.net.errors import IdentityError, ListenError
from p2pd.net.interfaces import Interface, interfaces
from p2pd.net.listening import listen_addresses_from_text, refuse_silent_failure
from p2pd.net.multiaddrs import multiaddr_from_text
from p2pd.net.patches.accepting import AcceptGate
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.patches.keys import install_ecdsa_keys
from p2pd.net.patches.logs import route_library_logs
from p2pd.net.patches.peerstore import LastingPeerStore
from p2pd.net.patches.swarm import NodeSwarm
from p2pd.net.patches.transports import AddressedTcp, AddressedWebsocket, SecureWebsocket
from p2pd.net.private_addresses import PrivateAddressPolicy, PrivateDials
from p2pd.net.quic import QuicTransport
from p2pd.net.transports.certificate import WebsocketCertificate
from p2pd.net.upgrading import upgrader_of
from p2pd.tasks import run_guarded

CLOSE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What a host is made of.

    Attributes:
        key_pair: Ed25519, from ``identity``.
        listen: Multiaddrs of TCP, QUIC and WebSocket, each on a port of its own.
        certificate: What WebSocket over TLS listens with.
        announce: Multiaddrs announced to others instead of the ones bound.
        agent: The agent version in identify.
        limits: How many connections there may be; more are refused.
        private_dials: Which private addresses that others report are dialled.
        transports: What carries connections in place of this machine's sockets, such as
            a network in memory.
        read_interfaces: Reads the addresses of this machine.
    """

    key_pair: KeyPair
    listen: tuple[str, ...]
    announce: tuple[str, ...] = ()
    agent: str = "wsp/0.1.0"
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    private_dials: PrivateDials = PrivateDials.AUTO
    certificate: WebsocketCertificate | None = None
    transports: tuple[ITransport, ...] = ()
    read_interfaces: Callable[[], tuple[Interface, ...]] = interfaces


@asynccontextmanager
async def open_host(options: HostOptions, rejections: Rejections) -> AsyncIterator[NodeHost]:
    """Run a host that listens on all its addresses, and close it within 2 s.

    Raises:
        ListenError: An address cannot be listened on, or announced.
        IdentityError: The key is not Ed25519 (19).
    """
    addresses = listen_addresses_from_text(
        options.listen,
        has_certificate=options.certificate is not None,
        has_sockets=not options.transports,
    )
    host = _host_from_options(options, rejections)
    failure: ListenError | None = None
    async with host.run(addresses), trio.open_nursery() as nursery:
        nursery.start_soon(run_guarded, "identify changes", host.push_changes)
        try:
            try:
                refuse_silent_failure(addresses, host.get_network().listeners)
            except ListenError as error:
                # Raised below, outside the library's nurseries, which would
                # wrap it in a group.
                failure = error
            else:
                gate = AcceptGate(DescriptorReserve(), rejections)
                for listener in host.get_network().listeners.values():
                    gate.attach(listener)
                yield host
        finally:
            with trio.move_on_after(CLOSE_TIMEOUT_S) as scope:
                scope.shield = True
                await host.close()
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


def _host_from_options(options: HostOptions, rejections: Rejections) -> NodeHost:
    if options.key_pair.public_key.get_type() is not KeyType.Ed25519:
        raise IdentityError("the identity must be an Ed25519 key")
    install_ecdsa_keys()
    route_library_logs()
    peer_id = ID.from_pubkey(options.key_pair.public_key)
    upgrader = upgrader_of(options.key_pair, rejections)
    # Unknown peers are forgotten first: the swarm knows who is connected.
    peerstore = LastingPeerStore(lambda other: other == peer_id or other in swarm.connections)
    peerstore.add_key_pair(peer_id, options.key_pair)
    swarm = NodeSwarm(
        peer_id=peer_id,
        peerstore=peerstore,
        upgrader=upgrader,
        transports=list(options.transports) or _socket_transports(options, upgrader, rejections),
        rejections=rejections,
        limits=options.limits,
        private_addresses=PrivateAddressPolicy(options.private_dials, options.read_interfaces),
    )
    announce = [_announce_address(text) for text in options.announce]
    return NodeHost(swarm, agent=options.agent, announce=announce or None, rejections=rejections)


def _socket_transports(
    options: HostOptions, upgrader: TransportUpgrader, rejections: Rejections
) -> list[ITransport]:
    certificate = options.certificate
    return [
        AddressedTcp(),
        QuicTransport(options.key_pair.private_key, rejections),
        AddressedWebsocket(upgrader),
        SecureWebsocket(upgrader, certificate.context() if certificate else None),
    ]


def _announce_address(text: str) -> Multiaddr:
    try:
        return multiaddr_from_text(text)
    except ValueError as error:
        raise ListenError(f"cannot announce {text!r}: {error}") from error
