"""Profiles in the DHT between real hosts: put, fetched, and what is refused."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.kad_dht.pb.kademlia_pb2 import Message
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from p2pd.domain.names import PeerId
from p2pd.domain.profiles import Profile, ProfileRecord
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.dht.profile_validator import ProfileValidator, key_of_profile
from p2pd.net.profiles.dht_records import ProfileRecords
from p2pd.net.profiles.exchange import PROTOCOL
from p2pd.net.profiles.record import ProfileRefusedError, seal_profile
from tests.driver.waiting import wait_until_async
from tests.p2pd.net.discovery.nodes import DiscoveringNode, open_node

KEY = create_new_key_pair(b"somebody".ljust(32))
OTHER = create_new_key_pair(b"somebody else".ljust(32))
PEER = PeerId(str(ID.from_pubkey(KEY.public_key)))
NOW_NS = time.time_ns()
LATER_NS = NOW_NS + 3600 * 10**9
LARGEST = Profile("Ada", avatar=b"\x89PNG\r\n\x1a\n".ljust(16 * 1024))


def sealed(sequence: int, profile: Profile = LARGEST, expire_time_ns: int = LATER_NS) -> bytes:
    return seal_profile(KEY, profile, sequence, expire_time_ns).sealed


@dataclass
class Book:
    """One node's profiles, as the DHT sees them."""

    own: ProfileRecord | None = None
    known: dict[PeerId, ProfileRecord] = field(default_factory=dict)

    def sequence_of(self, peer_id: PeerId) -> int:
        return self.known[peer_id].sequence if peer_id in self.known else 0

    def receive(self, record: ProfileRecord) -> None:
        self.known[record.peer_id] = record


async def put(node: DiscoveringNode, server: DiscoveringNode, value: bytes, peer: PeerId) -> bool:
    """Put a value as anybody could; return whether the server took it."""
    request = Message(type=Message.MessageType.PUT_VALUE, key=key_of_profile(peer))
    request.record.key, request.record.value = request.key, value
    info = PeerInfo(server.host.get_id(), [])
    return await node.discovery.dht.asker.ask(info, request) is not None


async def introduce(node: DiscoveringNode, server: DiscoveringNode) -> None:
    """Connect two nodes of our kind and wait until they know that of one another."""
    for one in (node, server):
        one.host.set_stream_handler(TProtocol(PROTOCOL), lambda stream: stream.close())
    await node.connections.connect(server.addresses[0])

    async def protocols() -> list[bool]:
        pairs = ((node, server), (server, node))
        known = [one.host.identity_of(other.host.get_id()) for one, other in pairs]
        return [each is not None and PROTOCOL in each.protocols for each in known]

    await wait_until_async(protocols, all)


def test_a_profile_is_put_by_its_owner_and_fetched_by_one_who_never_met_it() -> None:
    async def scenario() -> None:
        async with open_node() as owner, open_node() as server, open_node() as reader:
            await introduce(owner, server)
            await introduce(reader, server)
            own = seal_profile(KEY, LARGEST, 7, LATER_NS)
            putting, fetching = Book(own), Book()
            puts = ProfileRecords(
                owner.host, owner.discovery.dht, putting, owner.rejections, time.time_ns
            )
            fetches = ProfileRecords(
                reader.host, reader.discovery.dht, fetching, reader.rejections, time.time_ns
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(puts.run)

                async def known() -> ProfileRecord | None:
                    await fetches.fetch(PEER)
                    return fetching.known.get(PEER)

                assert await wait_until_async(known) == own
                putting.own = seal_profile(KEY, Profile("Countess"), 8, LATER_NS)
                puts.own_changed()
                await wait_until_async(known, lambda record: record == putting.own)
                nursery.cancel_scope.cancel()

    trio.run(scenario)


def test_what_is_not_the_newest_good_record_of_the_peer_is_refused_and_counted() -> None:
    async def scenario() -> None:
        async with open_node() as node, open_node() as server:
            await introduce(node, server)
            stranger = seal_profile(OTHER, LARGEST, 9, LATER_NS).sealed
            assert await put(node, server, sealed(5), PEER)
            assert await put(node, server, sealed(5), PEER), "again, so that it stays longer"
            assert await put(node, server, sealed(6), PEER)
            for value in (sealed(5), stranger, sealed(7, expire_time_ns=NOW_NS), b"x" * 20_000):
                assert not await put(node, server, value, PEER)
            assert not await put(node, server, sealed(7)[:-1] + b"x", PEER)
            counted = server.rejections.totals
            for reason in (
                RejectionReason.PROFILE_OUTDATED,
                RejectionReason.PROFILE_OF_ANOTHER,
                RejectionReason.PROFILE_EXPIRED,
                RejectionReason.PROFILE_TOO_LARGE,
                RejectionReason.PROFILE_SIGNATURE_WRONG,
            ):
                assert counted[reason] == 1, reason
            stored = server.discovery.dht.value_store.get(key_of_profile(PEER))
            assert stored is not None
            assert stored.value == sealed(6)

    trio.run(scenario)


def test_a_server_that_lies_is_counted_and_the_next_one_believed() -> None:
    async def scenario() -> None:
        async with open_node() as reader, open_node() as liar, open_node() as server:
            await introduce(reader, liar)
            await introduce(reader, server)
            assert await put(reader, server, sealed(5), PEER)
            store = liar.discovery.dht.value_store
            request = Message(type=Message.MessageType.PUT_VALUE)
            request.record.key = key_of_profile(PEER)
            request.record.value = seal_profile(OTHER, LARGEST, 9, LATER_NS).sealed
            store.put_record(request.record.key, request.record)
            book = Book()
            records = ProfileRecords(
                reader.host, reader.discovery.dht, book, reader.rejections, time.time_ns
            )
            await records.fetch(PEER)
            assert book.known[PEER].sequence == 5
            assert reader.rejections.totals[RejectionReason.PROFILE_OF_ANOTHER] >= 1

    trio.run(scenario)


@pytest.mark.parametrize("key", ["/wsp-profile/", "/wsp-profile/nonsense", "/wsp-profile/a/b"])
def test_a_key_that_names_no_peer_has_no_value(key: str) -> None:
    validator = ProfileValidator(Rejections(), time.time_ns)
    with pytest.raises(ProfileRefusedError):
        validator.validate(key, sealed(1))
