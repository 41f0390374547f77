"""Real nodes that discover one another: host, connections, discovery, no chat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.keys import KeyPair

from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.peers import Peer
from p2pd.domain.rejections import Rejections
from p2pd.net.connections import Connections, open_connections
from p2pd.net.discovery import Discovery, DiscoveryOptions, open_discovery
from p2pd.net.host import HostOptions, open_host
from p2pd.net.patches.basic_host import NodeHost
from tests.driver.waiting import wait_until_async

LISTEN = ("/ip4/127.0.0.1/tcp/0",)


@dataclass
class Heard:
    """What the connections told, in order."""

    connected: list[PeerId] = field(default_factory=list)
    disconnected: list[PeerId] = field(default_factory=list)

    def peer_connected(self, peer: Peer) -> None:
        self.connected.append(peer.peer_id)

    def peer_identified(self, peer: Peer) -> None:
        """Not looked at."""

    def peer_disconnected(self, peer_id: PeerId) -> None:
        self.disconnected.append(peer_id)


@dataclass
class DiscoveringNode:
    """A node and the addresses others bootstrap from."""

    host: NodeHost
    connections: Connections
    discovery: Discovery
    rejections: Rejections
    heard: Heard

    @property
    def peer_id(self) -> PeerId:
        return PeerId(str(self.host.get_id()))

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(str(address) for address in self.host.get_addrs())

    async def wait_connected(self, other: DiscoveringNode, timeout_s: float = 60.0) -> None:
        """Wait until this node is connected to another."""

        async def connected() -> list[PeerId]:
            return [peer.peer_id for peer in self.connections.peers()]

        await wait_until_async(connected, lambda seen: other.peer_id in seen, timeout_s=timeout_s)

    async def wait_disconnected(self, peer_id: PeerId, timeout_s: float = 60.0) -> None:
        """Wait until this node has no connection to a peer."""

        async def connected() -> list[PeerId]:
            return [peer.peer_id for peer in self.connections.peers()]

        await wait_until_async(connected, lambda seen: peer_id not in seen, timeout_s=timeout_s)


@asynccontextmanager
async def open_node(
    bootstrap: Sequence[str] = (),
    *,
    rooms: Sequence[str] = (),
    key_pair: KeyPair | None = None,
    listen: Sequence[str] = LISTEN,
    announce: Sequence[str] = (),
    mdns: bool = False,
) -> AsyncIterator[DiscoveringNode]:
    """Run a node that looks for ``rooms``."""
    rejections = Rejections()
    heard = Heard()
    host_options = HostOptions(
        key_pair or create_new_key_pair(), tuple(listen), announce=tuple(announce)
    )
    options = DiscoveryOptions(tuple(bootstrap), mdns)
    async with (
        open_host(host_options, rejections) as host,
        open_connections(host, heard, rejections) as connections,
        open_discovery(host, connections, options, rejections) as discovery,
    ):
        for room in rooms:
            discovery.look_for(RoomName(room))
        yield DiscoveringNode(host, connections, discovery, rejections, heard)


@dataclass
class RunningNode:
    """A node in a task of its own, which can be stopped before the test ends."""

    node: DiscoveringNode
    _told: trio.Event
    _ended: trio.Event

    async def stop(self) -> None:
        """Stop the node and wait until its port is free."""
        self._told.set()
        await self._ended.wait()


async def run_node(
    key_pair: KeyPair,
    listen: Sequence[str],
    task_status: trio.TaskStatus[RunningNode],  # type: ignore[name-defined]
) -> None:
    """Run a node until it is stopped; start it with ``nursery.start``."""
    told, ended = trio.Event(), trio.Event()
    async with open_node(key_pair=key_pair, listen=listen) as node:
        task_status.started(RunningNode(node, told, ended))
        await told.wait()
    ended.set()
