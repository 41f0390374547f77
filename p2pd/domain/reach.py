"""How a node can be reached from outside, and how it came to know.

Filled by ``p2pd.net``, shown by GetNode. Frozen facts; every table is bounded by
whoever fills it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from p2pd.domain.names import PeerId

MAX_EVIDENCE = 32
MAX_ADDRESSES = 16
MAX_RELAYS = 8
MAX_HOLE_PUNCHES = 16


class Reachability(Enum):
    """Whether a node can be dialled from outside."""

    UNKNOWN = "unknown"
    PUBLIC = "public"
    PRIVATE = "private"


class EvidenceKind(Enum):
    """What was observed."""

    INBOUND_CONNECTION = "inbound_connection"
    AUTONAT = "autonat"
    PORT_MAPPING = "port_mapping"


@dataclass(frozen=True, slots=True)
class ReachabilityEvidence:
    """One observation that speaks for or against being reachable.

    Attributes:
        address: The own address that was dialled; empty where unknown.
        peer_id: The peer that dialled or was asked; None for a router.
        time_ns: Nanoseconds since the epoch.
    """

    kind: EvidenceKind
    is_reachable: bool
    time_ns: int
    peer_id: PeerId | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class AddressReachability:
    """Whether one address of a node can be dialled from outside.

    Attributes:
        transport: Its transport, such as ``tcp`` or ``quic-v1``.
    """

    address: str
    transport: str
    reachability: Reachability


@dataclass(frozen=True, slots=True)
class RelayReservation:
    """A reservation that this node holds at a circuit relay.

    Attributes:
        addresses: Where this node can be dialled through the relay.
        expire_time_ns: Nanoseconds since the epoch.
        max_circuit_bytes: What the relay carries of one connection; 0 for no limit.
        max_circuit_s: How long it carries one; 0 for no limit.
    """

    relay_id: PeerId
    addresses: tuple[str, ...]
    expire_time_ns: int
    max_circuit_bytes: int = 0
    max_circuit_s: int = 0


@dataclass(frozen=True, slots=True)
class RelayService:
    """What this node relays for others."""

    is_on: bool = False
    reservation_count: int = 0
    circuit_count: int = 0


@dataclass(frozen=True, slots=True)
class PortMapping:
    """A port that the router forwards to this node.

    Attributes:
        protocol: ``upnp``, ``nat-pmp`` or ``pcp``.
        external_address: Multiaddr at which the router is dialled.
        internal_address: Multiaddr of this node that the router forwards to.
        expire_time_ns: Nanoseconds since the epoch; 0 for a permanent mapping.
    """

    protocol: str
    external_address: str
    internal_address: str
    expire_time_ns: int = 0


class HolePunchResult(Enum):
    """How an attempt at a direct connection ended."""

    SUCCEEDED = "succeeded"
    NO_CONNECTION = "no_connection"
    NO_ADDRESSES = "no_addresses"
    REFUSED = "refused"
    PROTOCOL_ERROR = "protocol_error"


@dataclass(frozen=True, slots=True)
class HolePunch:
    """One run of DCUtR with a peer.

    Attributes:
        transport: Of the direct connection, ``tcp`` or ``quic-v1``; empty unless it succeeded.
        attempt_count: Attempts that were made, 1 to 3.
        round_trip_s: Over the relay, None where it was not measured.
        duration_s: From the relayed connection to the result.
        time_ns: When it ended, nanoseconds since the epoch.
    """

    peer_id: PeerId
    result: HolePunchResult
    is_initiator: bool
    transport: str
    attempt_count: int
    duration_s: float
    time_ns: int
    round_trip_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """All that is known of how this node can be reached.

    Attributes:
        addresses: Those that peers were asked about, at most ``MAX_ADDRESSES``.
        evidence: The newest ``MAX_EVIDENCE``, oldest first.
        relays: The reservations held now.
        hole_punches: The newest ``MAX_HOLE_PUNCHES``, oldest first.
    """

    reachability: Reachability = Reachability.UNKNOWN
    evidence: tuple[ReachabilityEvidence, ...] = ()
    relays: tuple[RelayReservation, ...] = ()
    relay_service: RelayService = field(default_factory=RelayService)
    port_mappings: tuple[PortMapping, ...] = ()
    hole_punches: tuple[HolePunch, ...] = ()
    addresses: tuple[AddressReachability, ...] = ()
