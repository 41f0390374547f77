"""What is known of this node and of the peers connected to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.reach import Reach
from p2pd.domain.storage import Storage


class ConnectionKind(Enum):
    """How two nodes are connected."""

    DIRECT = "direct"
    RELAYED = "relayed"


class Direction(Enum):
    """Who opened a connection."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection to a peer, the best one where there are several.

    Attributes:
        transport: ``tcp``, ``ws`` or ``quic-v1``.
        open_time_ns: Nanoseconds since the epoch.
        round_trip_s: The last ping, None until measured.
        relay_id: The relay of a relayed connection.
        is_limited: Whether the relay carries only so many bytes or so long.
    """

    remote_address: str
    kind: ConnectionKind
    transport: str
    direction: Direction
    open_time_ns: int
    round_trip_s: float | None = None
    relay_id: PeerId | None = None
    is_limited: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """A connected peer; ``rooms`` are those joined here that it is in as well."""

    peer_id: PeerId
    addresses: tuple[str, ...] = ()
    agent: str = ""
    protocols: tuple[str, ...] = ()
    rooms: tuple[RoomName, ...] = ()
    connection: Connection | None = None


@dataclass(frozen=True, slots=True)
class NodeWarning:
    """Something at this node that cannot be right and that its operator should mend.

    Attributes:
        reason: Stable upper-case name that programs can rely on.
        message: One sentence for the operator.
        time_ns: When it was first seen, nanoseconds since the epoch.
    """

    reason: str
    message: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class Node:
    """This node as it presents itself."""

    peer_id: PeerId
    addresses: tuple[str, ...]
    agent: str
    rooms: tuple[RoomName, ...]
    version: str
    max_message_bytes: int
    start_time_ns: int
    storage: Storage = field(default_factory=Storage)
    warnings: tuple[NodeWarning, ...] = ()
    reach: Reach = field(default_factory=Reach)
