"""What the domain says of a peer, taken from libp2p's objects.

Called by ``watch`` whenever a peer is reported.
"""

from __future__ import annotations

from collections.abc import Sequence

from libp2p.abc import ConnectionType, INetConn
from libp2p.peer.id import ID
from libp2p.rcmgr import Direction as LibraryDirection
from multiaddr import Multiaddr

from p2pd.domain.names import PeerId
from p2pd.domain.peers import Connection, ConnectionKind, Direction, Peer
from p2pd.net.connections.registry import OpenConnection
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.relay.addresses import is_relayed, relay_id_of
from p2pd.net.relay.circuit import limit_of
from p2pd.net.transports import transport_of


def peer_from_connections(
    host: NodeHost, peer_id: ID, connections: Sequence[OpenConnection]
) -> Peer:
    """Describe a connected peer by the best of its connections."""
    identity = host.identity_of(peer_id)
    best = min(connections, key=_drawbacks, default=None)
    return Peer(
        peer_id=PeerId(str(peer_id)),
        addresses=_addresses_of(host, peer_id, connections),
        agent=identity.agent if identity else "",
        protocols=identity.protocols if identity else (),
        connection=connection_from_open(best) if best else None,
    )


def connection_from_open(opened: OpenConnection) -> Connection:
    """Describe one connection."""
    address = _remote_address(opened.connection)
    relay_id = relay_id_of(address) if address is not None else None
    return Connection(
        remote_address=str(address or ""),
        kind=ConnectionKind.RELAYED if _is_relayed(opened) else ConnectionKind.DIRECT,
        transport=_transport_of(address),
        direction=_direction_of(opened.connection),
        open_time_ns=opened.open_time_ns,
        round_trip_s=opened.round_trip_s,
        relay_id=PeerId(str(relay_id)) if relay_id is not None else None,
        is_limited=limit_of(opened.connection).is_limited,
    )


def _addresses_of(
    host: NodeHost, peer_id: ID, connections: Sequence[OpenConnection]
) -> tuple[str, ...]:
    """List where a peer can be dialled: where it says, or until then where it was."""
    known = host.swarm.known_addresses(peer_id) or [
        address
        for each in connections
        if _direction_of(each.connection) is Direction.OUTBOUND
        and (address := _remote_address(each.connection))
    ]
    return tuple(f"{address}/p2p/{peer_id}" for address in known)


def _remote_address(connection: INetConn) -> Multiaddr | None:
    addresses = connection.get_transport_addresses()
    return addresses[0] if addresses else None


def _drawbacks(opened: OpenConnection) -> tuple[bool, bool, bool]:
    """Sort what has ended last, though nobody noticed yet: its address may be gone with it."""
    has_no_address = _remote_address(opened.connection) is None
    return opened.connection.is_closed, _is_relayed(opened), has_no_address


def _is_relayed(opened: OpenConnection) -> bool:
    address = _remote_address(opened.connection)
    if address is None:
        return opened.connection.get_connection_type() is ConnectionType.RELAYED
    return is_relayed(address)


def _transport_of(address: Multiaddr | None) -> str:
    transport = transport_of(address) if address is not None else None
    return transport.name if transport is not None else ""


def _direction_of(connection: INetConn) -> Direction:
    is_inbound = getattr(connection, "direction", None) is LibraryDirection.INBOUND
    return Direction.INBOUND if is_inbound else Direction.OUTBOUND
