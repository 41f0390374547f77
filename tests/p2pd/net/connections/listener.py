"""A listener that remembers what it was told, and a node that has one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from libp2p.crypto.keys import KeyPair
from libp2p.peer.id import ID

from p2pd.domain.names import PeerId
from p2pd.domain.peers import Peer
from p2pd.domain.rejections import Rejections
from p2pd.net.connections import Connections, open_connections
from p2pd.net.connections.interruptions import MachineView
from p2pd.net.connections.service import MACHINE, TRIM_RULES
from p2pd.net.connections.trimmer import TrimRules
from p2pd.net.patches.basic_host import NodeHost
from tests.upstream.stacks import LISTEN, OURS


@dataclass
class Told:
    """What the connections told, in order, as ``+peer``, ``=peer`` and ``-peer``."""

    events: list[str] = field(default_factory=list)
    identified: list[Peer] = field(default_factory=list)

    def peer_connected(self, peer: Peer) -> None:
        self.events.append(f"+{peer.peer_id}")

    def peer_identified(self, peer: Peer) -> None:
        self.identified.append(peer)

    def peer_disconnected(self, peer_id: PeerId) -> None:
        self.events.append(f"-{peer_id}")


@dataclass(frozen=True)
class ConnectedNode:
    """A host with its connections and what they told."""

    host: NodeHost
    connections: Connections
    told: Told
    rejections: Rejections

    @property
    def peer_id(self) -> PeerId:
        return PeerId(str(self.host.get_id()))

    @property
    def address(self) -> str:
        return str(self.host.get_addrs()[0])


@asynccontextmanager
async def connected_node(
    key_pair: KeyPair | None = None,
    listen: str = LISTEN,
    machine: MachineView = MACHINE,
    trim_rules: TrimRules = TRIM_RULES,
    is_room_mate: Callable[[ID], bool] = lambda _: False,
) -> AsyncIterator[ConnectedNode]:
    """Open a host on loopback with connections above it."""
    rejections, told = Rejections(), Told()
    async with (
        OURS.host(key_pair=key_pair, listen=[listen], rejections=rejections) as host,
        open_connections(
            host,
            told,
            rejections,
            is_room_mate=is_room_mate,
            machine=machine,
            trim_rules=trim_rules,
        ) as connections,
    ):
        yield ConnectedNode(host, connections, told, rejections)
