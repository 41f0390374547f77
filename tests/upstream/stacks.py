"""The two stacks a scenario runs on: stock py-libp2p, and ours.

A ``Stack`` opens hosts and chat nodes; both kinds look the same to a scenario.
Everything listens on 127.0.0.1 at a free port.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

import trio
from libp2p import new_host
from libp2p.abc import IHost, ISubscriptionAPI
from libp2p.crypto import serialization
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.keys import KeyPair
from libp2p.custom_types import TProtocol
from libp2p.network.config import ConnectionConfig
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.rejections import Rejections
from p2pd.domain.verdicts import Verdict
from p2pd.net.admission import ConnectionLimits
from p2pd.net.host import HostOptions, open_host
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.pubsub.gossip import Gossip, GossipOptions, open_gossip

LISTEN = "/ip4/127.0.0.1/tcp/0"
MAX_CONNECTIONS = 300
#: The readers of keys as the library brings them, before a host of ours adds any.
_STOCK_KEY_READERS = dict(serialization.key_type_to_public_key_deserializer)
PROTOCOLS = [
    TProtocol(name)
    for name in ("/meshsub/1.3.0", "/meshsub/1.2.0", "/meshsub/1.1.0", "/meshsub/1.0.0")
]
#: What one sets on the stock library to make it usable at all.
SAFE_GOSSIP: dict[str, Any] = {"heartbeat_interval": 1, "spam_protection_enabled": False}


@dataclass(frozen=True, slots=True)
class Received:
    """A message as the application of a node got it."""

    room: str
    author_id: str
    data: bytes
    seqno: int


class Node(Protocol):
    """A chat node: a host with GossipSub."""

    received: list[Received]
    rejections: Rejections

    @property
    def host(self) -> IHost:
        """The host."""

    @property
    def pubsub(self) -> Pubsub:
        """Pubsub of the library."""

    @property
    def router(self) -> Any:
        """The router, in whose tables scenarios look."""

    async def join(self, room: str) -> None:
        """Join a room and keep what is heard there in ``received``."""

    async def leave(self, room: str) -> None:
        """Leave a room."""

    async def publish(self, room: str, data: bytes) -> None:
        """Sign a message and hand it to the peers."""


NodeT_co = TypeVar("NodeT_co", bound=Node, covariant=True)


class StackOf(Protocol[NodeT_co]):
    """How to open hosts and nodes.

    Attributes:
        is_ours: Whether it has the corrections.
    """

    name: str
    is_ours: bool

    def host(
        self,
        *,
        key_pair: KeyPair | None = None,
        listen: Sequence[str] = (LISTEN,),
        max_connections: int = MAX_CONNECTIONS,
    ) -> AbstractAsyncContextManager[IHost]:
        """Open a host that listens, for so many connections at once."""

    def node(
        self, *, key_pair: KeyPair | None = None, is_safe: bool = True
    ) -> AbstractAsyncContextManager[NodeT_co]:
        """Open a chat node.

        Args:
            is_safe: False: stock runs with its own defaults, not ``SAFE_GOSSIP``.
        """


Stack: TypeAlias = StackOf[Node]


@dataclass
class StockNode:
    """Stock host, Pubsub and GossipSub, used as the library's examples do."""

    host: IHost
    pubsub: Pubsub
    nursery: trio.Nursery
    received: list[Received] = field(default_factory=list)
    rejections: Rejections = field(default_factory=Rejections)

    @property
    def router(self) -> Any:
        return self.pubsub.router

    async def join(self, room: str) -> None:
        subscription = await self.pubsub.subscribe(room)
        self.nursery.start_soon(self._collect, room, subscription)

    async def leave(self, room: str) -> None:
        await self.pubsub.unsubscribe(room)

    async def publish(self, room: str, data: bytes) -> None:
        await self.pubsub.publish(room, data)

    async def _collect(self, room: str, subscription: ISubscriptionAPI) -> None:
        while True:
            message = await subscription.get()
            author_id = ID(message.from_id).to_base58()
            seqno = int.from_bytes(message.seqno, "big")
            if author_id != self.host.get_id().to_base58():
                self.received.append(Received(room, author_id, message.data, seqno))


@dataclass
class OurNode:
    """Our host and gossip; also the listener that the gossip tells."""

    host: NodeHost
    rejections: Rejections
    received: list[Received] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    joined: list[tuple[PeerId, RoomName]] = field(default_factory=list)
    left: list[tuple[PeerId, RoomName]] = field(default_factory=list)
    gossip: Gossip = field(init=False)

    @property
    def pubsub(self) -> Pubsub:
        return self.gossip.pubsub

    @property
    def router(self) -> Any:
        return self.pubsub.router

    async def join(self, room: str) -> None:
        await self.gossip.join(RoomName(room))

    async def leave(self, room: str) -> None:
        await self.gossip.leave(RoomName(room))

    async def publish(self, room: str, data: bytes) -> None:
        await self.gossip.send(self.gossip.sign(RoomName(room), data))

    async def receive_messages(self, messages: Sequence[Message]) -> list[Verdict]:
        self.batches.append(len(messages))
        self.messages.extend(messages)
        self.received.extend(Received(m.room, m.author_id, m.data, m.seqno) for m in messages)
        return [Verdict.STORED] * len(messages)

    def peer_joined(self, peer_id: PeerId, room: RoomName) -> None:
        self.joined.append((peer_id, room))

    def peer_left(self, peer_id: PeerId, room: RoomName) -> None:
        self.left.append((peer_id, room))


class StockStack:
    """py-libp2p as it is."""

    name = "stock"
    is_ours = False

    @asynccontextmanager
    async def host(
        self,
        *,
        key_pair: KeyPair | None = None,
        listen: Sequence[str] = (LISTEN,),
        max_connections: int = MAX_CONNECTIONS,
    ) -> AsyncIterator[IHost]:
        addresses = [Multiaddr(address) for address in listen]
        host = new_host(
            key_pair=key_pair or create_new_key_pair(),
            listen_addrs=addresses,
            connection_config=ConnectionConfig(min_connections=0, max_connections=max_connections),
        )
        with _stock_key_readers():
            async with host.run(listen_addrs=addresses):
                yield host

    @asynccontextmanager
    async def node(
        self, *, key_pair: KeyPair | None = None, is_safe: bool = True
    ) -> AsyncIterator[Node]:
        settings = SAFE_GOSSIP if is_safe else {}
        async with self.host(key_pair=key_pair) as host:
            router = GossipSub(PROTOCOLS, degree=6, degree_low=4, degree_high=12, **settings)
            pubsub = Pubsub(host, router)
            async with (
                background_trio_service(pubsub),
                background_trio_service(router),
                trio.open_nursery() as nursery,
            ):
                await pubsub.wait_until_ready()
                yield StockNode(host, pubsub, nursery)
                nursery.cancel_scope.cancel()


@contextmanager
def _stock_key_readers() -> Iterator[None]:
    """Take back, for a while, what our hosts add to the library's table of keys."""
    readers = serialization.key_type_to_public_key_deserializer
    mended = dict(readers)
    readers.clear()
    readers.update(_STOCK_KEY_READERS)
    try:
        yield
    finally:
        readers.clear()
        readers.update(mended)


class OurStack:
    """py-libp2p with every correction."""

    name = "ours"
    is_ours = True

    @asynccontextmanager
    async def host(
        self,
        *,
        key_pair: KeyPair | None = None,
        listen: Sequence[str] = (LISTEN,),
        max_connections: int = MAX_CONNECTIONS,
        rejections: Rejections | None = None,
    ) -> AsyncIterator[NodeHost]:
        options = HostOptions(
            key_pair=key_pair or create_new_key_pair(),
            listen=tuple(listen),
            limits=ConnectionLimits(max_connections, max_connections),
        )
        async with open_host(options, rejections or Rejections()) as host:
            yield host

    @asynccontextmanager
    async def node(
        self,
        *,
        key_pair: KeyPair | None = None,
        is_safe: bool = True,
        first_seqno: int = 0,
        options: GossipOptions | None = None,
    ) -> AsyncIterator[OurNode]:
        rejections = Rejections()
        async with self.host(key_pair=key_pair, rejections=rejections) as host:
            node = OurNode(host, rejections)
            async with open_gossip(
                host,
                node,
                node,
                rejections,
                first_seqno=first_seqno,
                options=options or GossipOptions(),
            ) as node.gossip:
                yield node


OURS = OurStack()
STOCK = StockStack()


def peer_info(host: IHost) -> PeerInfo:
    """Name a host with its addresses, without the ``/p2p`` part, as dialling wants it."""
    peer_id = host.get_id()
    suffix = Multiaddr(f"/p2p/{peer_id}")
    return PeerInfo(peer_id, [address.decapsulate(suffix) for address in host.get_addrs()])


async def connect(dialler: IHost, listener: IHost, timeout_s: float = 20.0) -> None:
    """Dial ``listener`` from ``dialler``."""
    with trio.fail_after(timeout_s):
        await dialler.connect(peer_info(listener))
