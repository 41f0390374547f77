"""Profiles in the DHT: our own put there, those of peers that are not met fetched.

Run by ``p2pd.node`` beside ``exchange``. Only nodes of this kind store profiles, so those
that are connected are asked besides the servers nearest to the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Never

import structlog
import trio
from libp2p.kad_dht.pb.kademlia_pb2 import Message
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from common.backoff import Backoff
from p2pd.domain.names import PeerId
from p2pd.domain.profiles import ProfileRecord
from p2pd.domain.rejections import Rejections
from p2pd.net.dht.dht import KAD_PROTOCOL, BoundedDht
from p2pd.net.dht.lookup import NEAREST, distance_between
from p2pd.net.dht.profile_validator import key_of_profile
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.profiles.exchange import PROTOCOL, ProfileBook
from p2pd.net.profiles.record import open_given

HOUR_S = 3600.0
PUT_EVERY_S = 12 * HOUR_S
"""Servers drop a value that was not put again for a day."""
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 600.0

log = structlog.get_logger(__name__)


class ProfileRecords:
    """Put and fetch; nothing that a server does raises."""

    def __init__(
        self,
        host: NodeHost,
        dht: BoundedDht,
        book: ProfileBook,
        rejections: Rejections,
        clock_ns: Callable[[], int],
    ) -> None:
        self._host = host
        self._dht = dht
        self._book = book
        self._rejections = rejections
        self._clock_ns = clock_ns
        self._changed = trio.Event()

    def own_changed(self) -> None:
        """Put our new record soon."""
        self._changed.set()

    async def run(self) -> Never:
        """Put our record whenever it changes, and again before servers drop it."""
        retries = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
        while True:
            self._changed = trio.Event()
            own = self._book.own
            if own is None:
                await self._changed.wait()
                continue
            count = await self._put(own)
            log.debug("profile put", servers=count)
            if count:
                retries.reset()
            with trio.move_on_after(PUT_EVERY_S if count else retries.next_delay_s()):
                await self._changed.wait()

    async def fetch(self, peer_id: PeerId) -> None:
        """Ask the DHT for a peer's profile; what comes goes to the book at once."""
        key = key_of_profile(peer_id)
        request = Message(type=Message.MessageType.GET_VALUE, key=key)
        receive = partial(self._receive, peer_id)
        stored = self._dht.value_store.get(key)
        if stored is not None:
            receive(stored.value)
        async with trio.open_nursery() as nursery:
            for server in self._nearest(key, self._host.get_connected_peers()):
                nursery.start_soon(self._ask, server, request, receive)
        if not self._book.sequence_of(peer_id):
            await self._dht.walk_values(key, lambda reply: receive(reply.record.value))

    async def _put(self, own: ProfileRecord) -> int:
        """Have the nearest of our kind store a record; return how many do."""
        key = key_of_profile(own.peer_id)
        request = Message(type=Message.MessageType.PUT_VALUE, key=key)
        request.record.key, request.record.value = key, own.sealed
        walk = await self._dht.walk_values(key, lambda _reply: None)
        stored: list[bytes] = []
        async with trio.open_nursery() as nursery:
            for server in self._nearest(key, {*walk.answered, *self._host.get_connected_peers()}):
                nursery.start_soon(self._ask, server, request, stored.append)
        return len(stored)

    async def _ask(self, server: ID, request: Message, receive: Callable[[bytes], None]) -> None:
        reply = await self._dht.asker.ask(PeerInfo(server, []), request)
        if reply is not None:
            receive(reply.record.value)

    def _receive(self, peer_id: PeerId, sealed: bytes) -> None:
        record = open_given(sealed, peer_id, self._clock_ns(), self._rejections)
        if record is not None and record.sequence > self._book.sequence_of(peer_id):
            self._book.receive(record)

    def _nearest(self, key: bytes, peers: Iterable[ID]) -> list[ID]:
        """Return the servers of our kind that are nearest to a key."""
        ours = [each for each in peers if self._is_ours(each)]
        return sorted(ours, key=lambda each: distance_between(key, each))[:NEAREST]

    def _is_ours(self, peer_id: ID) -> bool:
        identity = self._host.identity_of(peer_id)
        return identity is not None and {KAD_PROTOCOL, PROTOCOL} <= set(identity.protocols)
