"""Peers, connections and the node itself, from the domain's facts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from wsp.chat.v1 import chat_pb2

from p2pd.api.reach_from_domain import reach_from_domain, reachability_from_domain
from p2pd.api.time_from_ns import duration_from_s, timestamp_from_ns
from p2pd.domain.features import FEATURES
from p2pd.domain.peers import (
    Connection,
    ConnectionKind,
    Direction,
    Node,
    NodeWarning,
    Peer,
)
from p2pd.domain.storage import Damage, Storage, StorageState

API_VERSION = "1.2"
MAX_ADDRESS_BYTES = 64 * 1024
MAX_DAMAGES = 16

_KINDS = {
    ConnectionKind.DIRECT: chat_pb2.CONNECTION_KIND_DIRECT,
    ConnectionKind.RELAYED: chat_pb2.CONNECTION_KIND_RELAYED,
}
_DIRECTIONS = {
    Direction.INBOUND: chat_pb2.DIRECTION_INBOUND,
    Direction.OUTBOUND: chat_pb2.DIRECTION_OUTBOUND,
}
_STORAGE_STATES = {
    StorageState.OK: chat_pb2.STORAGE_STATE_OK,
    StorageState.FULL: chat_pb2.STORAGE_STATE_FULL,
    StorageState.FAILED: chat_pb2.STORAGE_STATE_FAILED,
}


def peer_from_domain(peer: Peer) -> chat_pb2.Peer:
    """Translate a connected peer."""
    connection = peer.connection
    return chat_pb2.Peer(
        peer_id=peer.peer_id,
        addresses=peer.addresses,
        agent=peer.agent,
        protocols=peer.protocols,
        rooms=peer.rooms,
        connection=None if connection is None else connection_from_domain(connection),
    )


def connection_from_domain(connection: Connection) -> chat_pb2.Connection:
    """Translate the connection to a peer."""
    round_trip_s = connection.round_trip_s
    return chat_pb2.Connection(
        remote_address=connection.remote_address,
        kind=_KINDS[connection.kind],
        transport=connection.transport,
        direction=_DIRECTIONS[connection.direction],
        open_time=timestamp_from_ns(connection.open_time_ns),
        round_trip=None if round_trip_s is None else duration_from_s(round_trip_s),
        relay_id=connection.relay_id,
        is_limited=connection.is_limited,
    )


def node_from_domain(node: Node) -> chat_pb2.Node:
    """Translate this node."""
    return chat_pb2.Node(
        peer_id=node.peer_id,
        addresses=_fitting(node.addresses),
        agent=node.agent,
        rooms=node.rooms,
        reachability=reachability_from_domain(node.reach.reachability),
        version=node.version,
        max_message_bytes=node.max_message_bytes,
        start_time=timestamp_from_ns(node.start_time_ns),
        storage=storage_from_domain(node.storage),
        api_version=API_VERSION,
        features=FEATURES,
        warnings=map(_warning_from_domain, node.warnings),
        reach=reach_from_domain(node.reach),
    )


def _warning_from_domain(warning: NodeWarning) -> chat_pb2.NodeWarning:
    return chat_pb2.NodeWarning(
        reason=warning.reason,
        message=warning.message,
        time=timestamp_from_ns(warning.time_ns),
    )


def storage_from_domain(storage: Storage) -> chat_pb2.Storage:
    """Translate how messages are stored."""
    return chat_pb2.Storage(
        state=_STORAGE_STATES[storage.state],
        failure=storage.failure,
        damages=map(_damage_from_domain, storage.damages[-MAX_DAMAGES:]),
    )


def _fitting(addresses: Sequence[str]) -> list[str]:
    """Return the first addresses, as many as a node may announce in the API."""
    sizes = accumulate(len(one) for one in addresses)
    return [one for one, size in zip(addresses, sizes, strict=True) if size <= MAX_ADDRESS_BYTES]


def _damage_from_domain(damage: Damage) -> chat_pb2.StorageDamage:
    return chat_pb2.StorageDamage(
        path=damage.path, reason=damage.reason, time=timestamp_from_ns(damage.time_ns)
    )
