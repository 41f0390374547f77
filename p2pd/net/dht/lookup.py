"""One walk through the DHT towards a key: who is near, who provides.

Owns the iterative lookup. The library's own walks twice for providers, trusts
its local store for ever, drops the addresses of the peers that are reported to it, and
puts peers nobody has reached into the routing table (patches 10, 63).
Called by ``kad`` alone.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

import trio
from libp2p.kad_dht.pb.kademlia_pb2 import Message
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.net.addresses import peer_from_bytes
from p2pd.net.advertised import MAX_ADDRESS_CHARS, bounded_addresses
from p2pd.net.dht.queries import KadAsker

NEAREST = 20
"""The DHT's k: how many of the nearest peers hold a record."""
MAX_IN_FLIGHT = 6
MAX_ASKED = 100
MAX_KNOWN = 1000
MAX_PROVIDERS = 256
MAX_UNREAD_ADDRESSES = 32
WALK_TIMEOUT_S = 60.0

OnPeer = Callable[[PeerInfo], None]
OnReply = Callable[[Message], None]


def ignore_peer(_info: PeerInfo) -> None:
    """Take no notice of a peer; the walk's result names it as well."""


def ignore_reply(_reply: Message) -> None:
    """Take no notice of a reply beside the peers that it names."""


@dataclass(slots=True)
class Walk:
    """The state of one walk; ``run`` it once.

    Attributes:
        key: What is looked for, as it stands in the request.
        on_provider: Called with each provider once, as soon as it is heard of.
        on_reply: Called with each reply; must not raise.
        answered: Peers that answered, so they serve the DHT.
        failed: Peers that did not.
        providers: By peer id, at most 256.
    """

    asker: KadAsker
    own_id: ID
    request: Message
    seeds: Iterable[PeerInfo]
    on_provider: OnPeer = ignore_peer
    on_reply: OnReply = ignore_reply
    answered: dict[ID, PeerInfo] = field(default_factory=dict)
    providers: dict[ID, PeerInfo] = field(default_factory=dict)
    failed: set[ID] = field(default_factory=set)
    _addresses: dict[ID, tuple[bytes, ...]] = field(default_factory=dict)
    _distance: dict[ID, int] = field(default_factory=dict)
    _asked: set[ID] = field(default_factory=set)
    _in_flight: int = 0
    _progress: trio.Event = field(default_factory=trio.Event)

    async def run(self) -> None:
        """Ask nearer and nearer peers until the nearest have all answered."""
        for info in self.seeds:
            self._hear_of(info.peer_id, tuple(address.to_bytes() for address in info.addrs))
        with trio.move_on_after(WALK_TIMEOUT_S):
            async with trio.open_nursery() as nursery:
                while (peer_id := await self._next()) is not None:
                    nursery.start_soon(self._visit, peer_id)

    def nearest(self) -> list[PeerInfo]:
        """The peers nearest to the key that answered, nearest first."""
        chosen = heapq.nsmallest(NEAREST, self.answered, key=self._distance.__getitem__)
        return [self.answered[peer_id] for peer_id in chosen]

    def addresses_of(self, peer_id: ID) -> list[Multiaddr]:
        """The addresses heard for a peer."""
        return bounded_addresses(self._addresses.get(peer_id, ()))

    async def _next(self) -> ID | None:
        while True:
            peer_id = self._nearest_unasked() if self._in_flight < MAX_IN_FLIGHT else None
            if peer_id is not None:
                self._asked.add(peer_id)
                self._in_flight += 1
                return peer_id
            if self._in_flight == 0:
                return None
            self._progress = trio.Event()
            await self._progress.wait()

    def _nearest_unasked(self) -> ID | None:
        if len(self._asked) >= MAX_ASKED:
            return None
        alive = (peer_id for peer_id in self._distance if peer_id not in self.failed)
        nearest = heapq.nsmallest(NEAREST, alive, key=self._distance.__getitem__)
        return next((peer_id for peer_id in nearest if peer_id not in self._asked), None)

    async def _visit(self, peer_id: ID) -> None:
        info = PeerInfo(peer_id, self.addresses_of(peer_id))
        try:
            reply = await self.asker.ask(info, self.request)
        finally:
            self._in_flight -= 1
            self._progress.set()
        if reply is None:
            self.failed.add(peer_id)
        else:
            self.answered[peer_id] = info
            self._record_reply(reply)

    def _record_reply(self, reply: Message) -> None:
        self.on_reply(reply)
        for peer in reply.providerPeers:
            self._record_provider(peer)
        for peer in reply.closerPeers[:NEAREST]:
            peer_id = peer_from_bytes(peer.id)
            if peer_id is not None:
                self._hear_of(peer_id, _small(peer.addrs))

    def _record_provider(self, peer: Message.Peer) -> None:
        peer_id = peer_from_bytes(peer.id)
        if peer_id is None or peer_id == self.own_id or len(self.providers) >= MAX_PROVIDERS:
            return
        known = self.providers.get(peer_id)
        if known is not None and known.addrs:
            return
        info = PeerInfo(peer_id, bounded_addresses(peer.addrs))
        self.providers[peer_id] = info
        self.on_provider(info)

    def _hear_of(self, peer_id: ID, addresses: tuple[bytes, ...]) -> None:
        if peer_id == self.own_id or len(self._distance) >= MAX_KNOWN:
            return
        if not self._addresses.get(peer_id):
            self._addresses[peer_id] = addresses
        if peer_id not in self._distance:
            self._distance[peer_id] = distance_between(self.request.key, peer_id)


def _small(addresses: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the first of some addresses, unread, each of bounded size."""
    small = (address for address in addresses if len(address) <= MAX_ADDRESS_CHARS)
    return tuple(islice(small, MAX_UNREAD_ADDRESSES))


def distance_between(key: bytes, peer_id: ID) -> int:
    """How far a peer is from a key, both hashed, by exclusive or."""
    key_point = int.from_bytes(hashlib.sha256(key).digest())
    peer_point = int.from_bytes(hashlib.sha256(peer_id.to_bytes()).digest())
    return key_point ^ peer_point
