"""The DHT against peers that answer rubbish, too much, or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
from libp2p.abc import IHost, INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.kad_dht.common import PROTOCOL_ID
from libp2p.kad_dht.pb.kademlia_pb2 import Message, Record
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.utils.varint import encode_varint_prefixed, read_varint_prefixed_bytes
from multiaddr import Multiaddr

from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.rejections import RejectionReason
from p2pd.net.dht.lookup import MAX_PROVIDERS
from p2pd.net.dht.stores import MAX_VALUE_BYTES, MAX_VALUES
from p2pd.net.discovery.rooms import key_from_room
from p2pd.net.streams import shares as kad_streams
from tests.driver.waiting import wait_until_async
from tests.p2pd.net.discovery.nodes import DiscoveringNode, open_node
from tests.upstream.dht import REFUSED

ROOM = RoomName("chat-room")
KEY = key_from_room(ROOM)
SCENARIO_TIMEOUT_S = 90
NOWHERE = Multiaddr("/ip4/127.0.0.1/tcp/1").to_bytes()

Reply = Callable[[Message], bytes]


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        with trio.fail_after(SCENARIO_TIMEOUT_S):
            await scenario()

    trio.run(bounded)


def new_id() -> ID:
    return ID.from_pubkey(create_new_key_pair().public_key)


def framed(message: Message) -> bytes:
    return encode_varint_prefixed(message.SerializeToString())


def serve(host: IHost, reply: Reply) -> None:
    """Have a host answer every DHT request with the bytes that ``reply`` makes."""

    async def handle(stream: INetStream) -> None:
        request = Message.FromString(await read_varint_prefixed_bytes(stream))
        await stream.write(reply(request))

    host.set_stream_handler(PROTOCOL_ID, handle)


async def introduce(node: DiscoveringNode, server: DiscoveringNode) -> None:
    """Connect a node to a server and wait until it is in the routing table."""
    await node.connections.connect(server.addresses[0])

    async def servers() -> list[ID]:
        return node.discovery.dht.routing_table.get_peer_ids()

    await wait_until_async(servers, lambda seen: server.host.get_id() in seen)


def too_many_peers(request: Message) -> bytes:
    reply = Message(type=request.type)
    for number in range(3000):
        for peer in (reply.closerPeers.add(), reply.providerPeers.add()):
            peer.id = b"\x12\x20" + number.to_bytes(32)
            peer.addrs.extend([NOWHERE] * 20)
    return framed(reply)


def junk_peers(request: Message) -> bytes:
    reply = Message(type=request.type)
    for raw in (b"", b"x", b"\x12\x20short", b"\x00\xff" + bytes(40), bytes(500)):
        for peer in (reply.closerPeers.add(), reply.providerPeers.add()):
            peer.id = raw
            peer.addrs.extend([b"", b"\xff\xff", b"junk", bytes(300)])
    return framed(reply)


RUBBISH: dict[str, Reply] = {
    "nothing": lambda _: b"",
    "half a length": lambda _: b"\xff",
    "a length without end": lambda _: b"\xff" * 20,
    "more than is taken": lambda _: b"\xff\xff\xff\xff\x0f",
    "no protobuf": lambda _: encode_varint_prefixed(b"\xff\xff\xff\xff"),
    "another type": lambda _: framed(Message(type=Message.MessageType.PING)),
    "junk peers": junk_peers,
    "too many peers": too_many_peers,
}


@pytest.mark.parametrize("kind", RUBBISH)
def test_a_server_that_answers_rubbish_does_not_keep_others_from_being_found(kind: str) -> None:
    async def scenario() -> None:
        async with open_node() as hostile, open_node() as honest, open_node() as asker:
            await introduce(asker, hostile)
            await introduce(asker, honest)
            serve(hostile.host, RUBBISH[kind])
            provider = PeerInfo(new_id(), [Multiaddr(NOWHERE)])
            honest.discovery.dht.provider_store.add_provider(KEY, provider)
            walk = await asker.discovery.dht.walk_providers(KEY)
            assert len(walk.providers) <= MAX_PROVIDERS
            assert kind == "too many peers" or provider.peer_id in walk.providers

    run(scenario)


def test_the_walk_goes_on_to_the_servers_it_is_told_of() -> None:
    async def scenario() -> None:
        async with open_node() as near, open_node() as far, open_node() as asker:
            await introduce(near, far)
            provider = PeerInfo(new_id(), [Multiaddr(NOWHERE)])
            far.discovery.dht.provider_store.add_provider(KEY, provider)
            await introduce(asker, near)
            walk = await asker.discovery.dht.walk_providers(KEY)
            assert [str(info.peer_id) for info in walk.providers.values()] == [
                str(provider.peer_id)
            ]
            assert {str(peer_id) for peer_id in walk.answered} == {near.peer_id, far.peer_id}
            assert asker.connections.is_connected(far.peer_id)

    run(scenario)


def test_a_provider_without_addresses_is_asked_for() -> None:
    async def scenario() -> None:
        async with open_node() as server, open_node() as provider, open_node() as asker:
            await introduce(provider, server)
            await introduce(asker, server)
            bare = PeerInfo(provider.host.get_id(), [])
            server.discovery.dht.provider_store.add_provider(KEY, bare)
            asker.discovery.look_for(ROOM)
            await asker.wait_connected(provider)

    run(scenario)


def test_a_stream_that_stays_silent_is_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kad_streams, "IDLE_TIMEOUT_S", 0.2)

    async def scenario() -> None:
        async with open_node() as server, open_node() as silent:
            await introduce(silent, server)
            stream = await silent.host.new_stream(server.host.get_id(), [PROTOCOL_ID])
            with pytest.raises(StreamError):
                await stream.read(1)

    run(scenario)


def test_streams_over_a_peers_share_are_refused_and_counted() -> None:
    async def scenario() -> None:
        async with open_node() as server, open_node() as greedy:
            await introduce(greedy, server)
            async with trio.open_nursery() as nursery:
                for _ in range(kad_streams.MAX_STREAMS_PER_PEER * 3):
                    nursery.start_soon(_open_quietly, greedy.host, server.host.get_id())

                async def refused() -> int:
                    return server.rejections.totals.get(RejectionReason.KAD_STREAMS_OVER_LIMIT, 0)

                await wait_until_async(refused, lambda seen: seen >= 8)
                nursery.cancel_scope.cancel()

    run(scenario)


async def _open_quietly(host: IHost, peer_id: ID) -> None:
    with suppress(*REFUSED):
        stream = await host.new_stream(peer_id, [PROTOCOL_ID])
        await stream.read(1)


def test_values_kept_for_others_are_few_and_small() -> None:
    async def scenario() -> None:
        async with open_node() as server:
            store = server.discovery.dht.value_store
            for number in range(MAX_VALUES + 10):
                store.put_record(number.to_bytes(8), Record(value=b"value"))
            assert store.size() == MAX_VALUES
            with pytest.raises(ValueError, match="too large"):
                store.put_record(b"key", Record(value=bytes(MAX_VALUE_BYTES + 1)))

    run(scenario)


def test_a_failing_walk_does_not_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with open_node() as server, open_node(rooms=[ROOM]) as node:
            dht = node.discovery.dht

            def fail(_key: bytes) -> list[PeerInfo]:
                raise RuntimeError("a store that fails")

            with monkeypatch.context() as patch:
                patch.setattr(dht.provider_store, "get_providers", fail)
                await introduce(node, server)

                async def failed() -> int:
                    return node.rejections.totals.get(RejectionReason.RENDEZVOUS_ROUND_FAILED, 0)

                await wait_until_async(failed, lambda seen: seen >= 1)

            async def providers() -> list[PeerId]:
                store = server.discovery.dht.provider_store
                return [PeerId(str(info.peer_id)) for info in store.get_providers(KEY)]

            await wait_until_async(providers, lambda seen: node.peer_id in seen)

    run(scenario)
