"""The network as the program sees it: one object over host, gossip, peers and discovery.

Made by ``opening`` and used by ``p2pd.node``. Joins the layers; does nothing of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from libp2p.crypto.keys import KeyPair
from libp2p.peer.id import ID

from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.peers import NodeWarning, Peer
from p2pd.domain.reach import MAX_RELAYS, Reach
from p2pd.domain.rejections import Rejections
from p2pd.net.addresses import peer_info_from_parts, peer_info_from_text
from p2pd.net.admission import ConnectionLimits
from p2pd.net.connections import Connections
from p2pd.net.connections.service import TRIM_RULES
from p2pd.net.connections.totals import ConnectionTotals
from p2pd.net.dial_failures import DialTotals
from p2pd.net.direct.service import DirectMessages
from p2pd.net.discovery import Discovery
from p2pd.net.listener import RoomArrivals
from p2pd.net.machine import NetworkMachine
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.private_addresses import PrivateDials
from p2pd.net.profiles.dht_records import ProfileRecords
from p2pd.net.profiles.exchange import ProfileBook
from p2pd.net.pubsub.delivery_reports import DeliveryListener, report_deliveries
from p2pd.net.pubsub.gossip import Gossip, SignedMessage
from p2pd.net.punch.outcomes import PunchOutcomes, PunchTotals
from p2pd.net.reachability.service import ReachabilityService
from p2pd.net.relay.client import RelayClient
from p2pd.net.relay.rules import RelayLimits
from p2pd.net.relay.server import RelayTotals
from p2pd.net.relay.service import RelayMode, RelaySwitch
from p2pd.net.streams.room_peers import RoomPeers
from p2pd.net.transports.certificate import WebsocketCertificate


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """How to be part of the network.

    Attributes:
        relays: Multiaddrs of circuit relays, each ending in ``/p2p/ID``.
        relay_mode: When to be a relay for others.
        hole_punching: Whether to open direct connections beside relayed ones.
        first_seqno: Number that the first message's sequence number exceeds.
        maps_ports: Whether the router is asked to forward the ports listened on.
        clock_ns: The node's clock, nanoseconds since the epoch.
        certificate: What WebSocket over TLS listens with.
        limits: How many connections there may be.
        private_dials: Which private addresses that others report are dialled.
        trim_above: Connections above which the least useful ones are closed.
        machine: Its interfaces, clocks and sockets.
    """

    key_pair: KeyPair
    listen: tuple[str, ...]
    announce: tuple[str, ...]
    agent: str
    bootstrap: tuple[str, ...]
    mdns: bool
    first_seqno: int
    relays: tuple[str, ...] = ()
    relay_mode: RelayMode = RelayMode.AUTO
    relay_limits: RelayLimits = field(default_factory=RelayLimits)
    maps_ports: bool = False
    hole_punching: bool = True
    clock_ns: Callable[[], int] = time.time_ns
    certificate: WebsocketCertificate | None = None
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    private_dials: PrivateDials = PrivateDials.AUTO
    trim_above: int = TRIM_RULES.high_water
    machine: NetworkMachine = field(default_factory=NetworkMachine)


def peer_id_from_key(key_pair: KeyPair) -> PeerId:
    """Name the peer that has this key."""
    return PeerId(str(ID.from_pubkey(key_pair.public_key)))


def author_bytes_from_key(key_pair: KeyPair) -> bytes:
    """Return what the ids of this peer's messages begin with."""
    author_bytes: bytes = ID.from_pubkey(key_pair.public_key).to_bytes()
    return author_bytes


@dataclass(frozen=True, slots=True)
class NetworkParts:
    """What a network is made of, each part opened by its package."""

    host: NodeHost
    gossip: Gossip
    arrivals: RoomArrivals
    connections: Connections
    reachability: ReachabilityService
    discovery: Discovery
    relay_client: RelayClient
    relay_service: RelaySwitch
    hole_punches: PunchOutcomes
    direct: DirectMessages


class Network:
    """Join rooms, send, dial; every call in the trio thread.

    Attributes:
        direct: Messages to one peer.
    """

    def __init__(self, parts: NetworkParts) -> None:
        self._host = parts.host
        self._gossip = parts.gossip
        self._arrivals = parts.arrivals
        self._connections = parts.connections
        self._reachability = parts.reachability
        self._discovery = parts.discovery
        self._relay_client = parts.relay_client
        self._relay_service = parts.relay_service
        self._hole_punches = parts.hole_punches
        self.direct = parts.direct

    def addresses(self) -> tuple[str, ...]:
        """The addresses that peers can dial, each ending in ``/p2p/ID``."""
        return tuple(str(address) for address in self._host.get_addrs())

    def reach(self) -> Reach:
        """How this node can be reached, each part as its owner knows it."""
        return Reach(
            self._reachability.reachability,
            evidence=self._reachability.evidence,
            relays=self._relay_client.reservations[:MAX_RELAYS],
            relay_service=self._relay_service.fact,
            port_mappings=self._reachability.port_mappings,
            hole_punches=self._hole_punches.newest,
            addresses=self._reachability.addresses,
        )

    def punch_totals(self) -> PunchTotals:
        """What became of all hole punching, as of now."""
        return self._hole_punches.totals

    def relay_totals(self) -> RelayTotals:
        """What this node has relayed for others, as of now."""
        return replace(self._relay_service.totals)

    def dial_back_count(self) -> int:
        """How often this node has dialled a peer that asked whether it can be reached."""
        return self._reachability.dial_count

    def observed_addresses(self) -> tuple[str, ...]:
        """Where peers see this node, the likeliest first; not proven."""
        return tuple(map(str, self._reachability.observed_addresses()))

    def connection_totals(self) -> ConnectionTotals:
        """What is counted of connections."""
        return self._connections.totals()

    def dial_failures(self) -> DialTotals:
        """Why dials failed, as of now."""
        return self._host.dial_failures

    def warnings(self) -> tuple[NodeWarning, ...]:
        """What cannot be right, such as two programs with one identity."""
        return self._connections.warnings()

    async def join(self, room: RoomName) -> None:
        """Join a room and begin to look for its members."""
        await self._gossip.join(room)
        self._discovery.look_for(room)

    async def leave(self, room: RoomName) -> None:
        """Leave a room."""
        self._discovery.forget(room)
        await self._gossip.leave(room)

    def sign(self, room: RoomName, data: bytes) -> SignedMessage:
        """Sign a message with the next sequence number."""
        return self._gossip.sign(room, data)

    async def send(self, message: SignedMessage) -> int:
        """Hand a message to the peers of its room; returns how many took it."""
        return await self._gossip.send(message)

    @property
    def can_send_now(self) -> bool:
        """Whether ``send`` would wait for no peer."""
        return self._gossip.can_send_now

    def send_now(self, message: SignedMessage) -> int:
        """Hand a message to the peers of its room without waiting; returns how many took it."""
        return self._gossip.send_now(message)

    async def send_again(self, signed_bytes: bytes) -> int:
        """Hand one of our own messages of before to the peers of its room."""
        return await self._gossip.send_again(signed_bytes)

    def send_pressure(self) -> float:
        """How full the fullest queue to a peer is, 0.0 to 1.0."""
        return self._gossip.send_pressure()

    def profile_records(
        self, book: ProfileBook, rejections: Rejections, clock_ns: Callable[[], int]
    ) -> ProfileRecords:
        """Profiles in the DHT."""
        return ProfileRecords(self._host, self._discovery.dht, book, rejections, clock_ns)

    def report_deliveries(self, listener: DeliveryListener) -> None:
        """Report from now on who was handed our own messages, and who announces them."""
        report_deliveries(self._gossip, listener)

    def announce(self, peer_id: PeerId, room: RoomName, message_ids: Sequence[bytes]) -> None:
        """Announce to a peer that messages are stored here."""
        self._gossip.announce(peer_id, room, message_ids)

    def room_peers(self) -> RoomPeers:
        """The peers of rooms and their streams, for protocols above the network."""
        return RoomPeers(self._host, self._gossip)

    def on_peer_joined(self, report: Callable[[PeerId, RoomName], None]) -> None:
        """Call ``report`` from now on with each peer that comes into a joined room."""
        self._arrivals.reports.append(report)

    async def connect(self, address: str) -> Peer:
        """Dial a peer; see ``Connections.connect``."""
        return await self._connections.connect(address)

    async def connect_at(self, peer_id: PeerId, addresses: Sequence[str]) -> Peer:
        """Dial a peer at several addresses; see ``Connections.connect_at``."""
        return await self._connections.connect_at(peer_info_from_parts(peer_id, addresses))

    def refuse_peers(self, blocked: frozenset[PeerId], undialled: frozenset[PeerId]) -> None:
        """Dial none of these peers from now on, and accept none that is blocked."""
        self._host.swarm.gate.set(blocked, undialled)

    async def disconnect(self, peer_id: PeerId) -> None:
        """Close the connections to a peer and hold it no more."""
        await self._connections.disconnect(ID.from_base58(peer_id))

    def forget_peer(self, peer_id: PeerId) -> None:
        """Forget where a peer may be dialled."""
        self._host.swarm.forget(ID.from_base58(peer_id))

    def keep(self, address: str) -> None:
        """Dial a peer as soon as it is there, and again whenever it is lost.

        Raises:
            InvalidInputError: Not a multiaddr that ends in ``/p2p/ID``.
        """
        self._connections.keep(peer_info_from_text(address))

    def peers(self) -> tuple[Peer, ...]:
        """The connected peers."""
        return self._connections.peers()

    def peers_in(self, room: RoomName) -> frozenset[PeerId]:
        """The connected peers that are in a room."""
        return self._gossip.peers_in(room)
