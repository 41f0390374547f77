"""The DHT as this node uses it: the library's server, a client of our own.

Owns patches 10, 12, 13 and 60 to 63 of this package's list. Made by
``p2pd.net.discovery``; ``README.md`` beside this file says what each mends.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import partial

from libp2p.abc import IHost, INetStream
from libp2p.kad_dht.common import PROTOCOL_ID
from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
from libp2p.kad_dht.pb.kademlia_pb2 import Message
from libp2p.kad_dht.peer_routing import PeerRouting
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.records.validator import NamespacedValidator, Validator
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.dht.lookup import NEAREST, OnPeer, OnReply, Walk, ignore_peer, ignore_reply
from p2pd.net.dht.profile_validator import NAMESPACE, ProfileValidator
from p2pd.net.dht.queries import Dial, KadAsker
from p2pd.net.dht.routing_table import ServerTable
from p2pd.net.dht.stores import BoundedValues, NewestProviders
from p2pd.net.streams.ending import end_stream
from p2pd.net.streams.shares import DeadlineStream, StreamShares

KAD_PROTOCOL = str(PROTOCOL_ID)
MAX_PROVIDES_PER_WINDOW = 200
"""ADD_PROVIDERs taken from one peer in ten seconds: it may be in 200 rooms."""
RANDOM_WALKS_A_REFRESH = 2


class BoundedDht(KadDHT):
    """``/ipfs/kad/1.0.0`` with bounds, deadlines and lookups that look.

    A server until ``serve(False)``: a private network of chat nodes has no others.
    """

    def __init__(self, host: IHost, rejections: Rejections, dial: Dial | None = None) -> None:
        self._shares = StreamShares()
        self._rejections = rejections
        super().__init__(host, DHTMode.SERVER, strict_validation=True)
        self.asker = KadAsker(host, rejections, dial)
        self.routing_table = ServerTable(self.local_peer_id, host)
        self.peer_routing = PeerRouting(host, self.routing_table)
        self.value_store = BoundedValues(
            host, self.local_peer_id, partial(rejections.count, RejectionReason.VALUES_OVER_LIMIT)
        )
        self.provider_store: NewestProviders = NewestProviders(
            host,
            self.peer_routing,
            on_evict=partial(rejections.count, RejectionReason.PROVIDERS_OVER_LIMIT),
        )
        self._provider_rate_max = MAX_PROVIDES_PER_WINDOW
        self._add_validator(NAMESPACE, ProfileValidator(rejections, time.time_ns))

    def serve(self, is_server: bool) -> None:
        """Offer the protocol to others, or ask only; peers learn of it by identify."""
        if is_server == (self.mode is DHTMode.SERVER):
            return
        if is_server:
            self.mode = DHTMode.SERVER
            self.host.set_stream_handler(PROTOCOL_ID, self.handle_stream)
        else:
            self.mode = DHTMode.CLIENT
            self.host.remove_stream_handler(PROTOCOL_ID)

    async def handle_stream(self, stream: INetStream) -> None:
        """Serve a stream while its peer has a share left and is not silent."""
        with self._shares.share(stream.muxed_conn.peer_id) as is_shared:
            if not is_shared:
                self._rejections.count(RejectionReason.KAD_STREAMS_OVER_LIMIT)
                await end_stream(stream.reset)
                return
            served = _CountedStream(stream, self._rejections)
            await self._do_handle_stream(served)  # type: ignore[arg-type]

    async def walk_providers(self, key: bytes, on_provider: OnPeer = ignore_peer) -> Walk:
        """Ask the network who provides ``key``; never answers from memory.

        Args:
            key: The multihash of the content's CID.
            on_provider: Called with each provider as soon as one answer names it.
        """
        request = Message(type=Message.MessageType.GET_PROVIDERS, key=key)
        return await self._walk(request, on_provider)

    async def walk_values(self, key: bytes, on_reply: OnReply) -> Walk:
        """Ask the network for the value of a key; never answers from memory.

        Args:
            on_reply: Called with each reply as soon as it is there; must not raise.
        """
        request = Message(type=Message.MessageType.GET_VALUE, key=key)
        return await self._walk(request, ignore_peer, on_reply)

    async def announce_providing(
        self, key: bytes, servers: Sequence[PeerInfo], addresses: Sequence[Multiaddr]
    ) -> int:
        """Announce to servers that this node provides ``key``, at ``addresses``.

        Returns:
            How many servers took the record.
        """
        own = PeerInfo(self.local_peer_id, list(addresses))
        self.provider_store.providing_keys.add(key)
        self.provider_store._last_republish[key] = float("inf")  # whoever provides repeats it
        self.provider_store.add_provider(key, own)
        message = Message(type=Message.MessageType.ADD_PROVIDER, key=key)
        record = message.providerPeers.add()
        record.id = self.local_peer_id.to_bytes()
        record.addrs.extend(address.to_bytes() for address in addresses)
        return sum([await self.asker.notify(server, message) for server in servers])

    def stop_providing(self, key: bytes) -> None:
        """Forget that this node provides ``key``; others' records of it expire."""
        self.provider_store.providing_keys.discard(key)
        self.provider_store._last_republish.pop(key, None)
        self.provider_store.remove_provider(key, str(self.local_peer_id))

    async def locate(self, peer_id: ID) -> PeerInfo:
        """Ask the network for the addresses of a peer; none where nobody knows."""
        walk = await self._find_node(peer_id.to_bytes())
        answered = walk.answered.get(peer_id)
        return answered or PeerInfo(peer_id, walk.addresses_of(peer_id))

    async def provide(self, key: str) -> bool:
        """Provide a CID to the nearest servers; True where one took it."""
        raw = _multihash_from_text(key)
        walk = await self.walk_providers(raw)
        return await self.announce_providing(raw, walk.nearest(), self.host.get_addrs()) > 0

    async def find_providers(self, key: str, count: int = NEAREST) -> list[PeerInfo]:
        """Ask the network who provides a CID, each provider once."""
        walk = await self.walk_providers(_multihash_from_text(key))
        return list(walk.providers.values())[:count]

    async def refresh_routing_table(self) -> None:
        """Look for this node itself and for a few places at random."""
        own = self.local_peer_id.to_bytes()
        anywhere = [b"\x12\x20" + random.randbytes(32) for _ in range(RANDOM_WALKS_A_REFRESH)]
        for key in (own, *anywhere):
            await self._find_node(key)

    async def _find_node(self, key: bytes) -> Walk:
        request = Message(type=Message.MessageType.FIND_NODE, key=key)
        return await self._walk(request, ignore_peer)

    async def _walk(
        self, request: Message, on_provider: OnPeer, on_reply: OnReply = ignore_reply
    ) -> Walk:
        seeds = self._seeds(request.key)
        walk = Walk(self.asker, self.local_peer_id, request, seeds, on_provider, on_reply)
        await walk.run()
        for info in walk.answered.values():
            await self.routing_table.add_peer(info)
        for peer_id in walk.failed:
            self.routing_table.remove_peer(peer_id)
        return walk

    def _add_validator(self, namespace: str, validator: Validator) -> None:
        assert isinstance(self.validator, NamespacedValidator), "the library's own"
        self.validator._validators[namespace] = validator

    def _seeds(self, key: bytes) -> list[PeerInfo]:
        nearest = self.routing_table.find_local_closest_peers(key, NEAREST)
        infos = [self.routing_table.get_peer_info(peer_id) for peer_id in nearest]
        return [info for info in infos if info is not None]


class _CountedStream(DeadlineStream):
    """Counts what the library refuses without a word: it resets the stream.

    It does so as well where the peer has ended the stream in order.
    """

    def __init__(self, stream: INetStream, rejections: Rejections) -> None:
        super().__init__(stream)
        self._rejections = rejections
        self._is_ended = False

    async def read(self, max_bytes: int | None = None) -> bytes:
        """Read what is there; see ``DeadlineStream.read``."""
        try:
            return await super().read(max_bytes)
        except StreamError:
            self._is_ended = True
            raise

    async def reset(self) -> None:
        """Count the request, if there was one, and reset its stream."""
        if not self._is_ended:
            self._rejections.count(RejectionReason.KAD_REQUEST_INVALID)
        await end_stream(self._stream.reset)


def _multihash_from_text(key: str) -> bytes:
    from libp2p.bitswap.cid import parse_cid

    return bytes(parse_cid(key).multihash)
