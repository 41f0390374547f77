"""Corrections of the DHT: 10 to 13 and 60 to 63."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import trio
from libp2p.abc import IHost, INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.kad_dht.common import PROTOCOL_ID
from libp2p.kad_dht.kad_dht import DHTMode
from libp2p.kad_dht.pb.kademlia_pb2 import Message
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.net.discovery.rooms import key_from_room
from tests.upstream.defect import defect
from tests.upstream.dht import KEY, REFUSED, ROOM, DhtNode, ask, open_dht
from tests.upstream.stacks import STOCK, Stack, connect, peer_info
from tests.upstream.waiting import wait_seen

RAW_KEY = key_from_room(ROOM)


async def introduce(asker: DhtNode, server: DhtNode) -> None:
    """Connect, and put the server into the routing table as the library leaves to its user."""
    await connect(asker.host, server.host)
    await wait_seen(lambda: asker.host.get_peerstore().get_protocols(server.host.get_id()))
    await asker.dht.add_peer(server.host.get_id())


async def found_by(node: DhtNode) -> list[str]:
    return [str(info.peer_id) for info in await node.dht.find_providers(KEY)]


def record_at(server: DhtNode, provider: str) -> bool:
    providers = server.dht.provider_store.get_providers(RAW_KEY)
    return provider in [str(info.peer_id) for info in providers]


@defect(10, "the providers found first are the only ones for two days")
async def test_a_provider_that_came_later_is_found(stack: Stack) -> None:
    async with (
        open_dht(stack) as server,
        open_dht(stack) as early,
        open_dht(stack) as late,
        open_dht(stack, DHTMode.CLIENT) as asker,
    ):
        for node in (early, late, asker):
            await introduce(node, server)
        await early.dht.provide(KEY)
        await wait_seen(lambda: record_at(server, early.peer_id))
        assert early.peer_id in await found_by(asker)
        await late.dht.provide(KEY)
        await wait_seen(lambda: record_at(server, late.peer_id))
        assert late.peer_id in await found_by(asker)


@defect(10, "a provider is named once for each server that knows it")
async def test_a_provider_known_to_two_servers_is_named_once(stack: Stack) -> None:
    async with (
        open_dht(stack) as server,
        open_dht(stack) as other_server,
        open_dht(stack) as provider,
        open_dht(stack) as asker,
    ):
        for node in (provider, asker):
            await introduce(node, server)
            await introduce(node, other_server)
        await provider.dht.provide(KEY)
        await wait_seen(lambda: record_at(server, provider.peer_id))
        await wait_seen(lambda: record_at(other_server, provider.peer_id))
        found = await found_by(asker)
        assert found.count(provider.peer_id) == 1, found


@defect(11, "a name is provided as its letters, where nobody else looks")
async def test_a_room_is_provided_where_others_look(stack: Stack) -> None:
    async with open_dht(stack) as server, open_dht(stack) as provider:
        await introduce(provider, server)
        await provider.dht.provide(KEY if stack.is_ours else ROOM)
        request = Message(type=Message.MessageType.GET_PROVIDERS, key=RAW_KEY)

        async def told() -> list[str]:
            reply = await ask(provider.host, server.host, request)
            return [str(ID(peer.id)) for peer in reply.providerPeers]

        with trio.move_on_after(3):
            while provider.peer_id not in await told():
                await trio.sleep(0.05)
        assert provider.peer_id in await told()


@defect(12, "connecting to a DHT server does not put it into the routing table")
async def test_a_server_is_in_the_routing_table_once_connected(stack: Stack) -> None:
    async with open_dht(stack) as server, open_dht(stack) as node:
        await connect(node.host, server.host)
        await wait_seen(node.servers, lambda seen: server.peer_id in seen, timeout_s=5)
        await wait_seen(server.servers, lambda seen: node.peer_id in seen, timeout_s=5)


@defect(13, "a value of a namespace nobody can check is stored for anybody")
async def test_a_value_that_cannot_be_checked_is_refused(stack: Stack) -> None:
    async with open_dht(stack) as server, STOCK.host() as stranger:
        await connect(stranger, server.host)
        request = Message(type=Message.MessageType.PUT_VALUE, key=b"anything")
        request.record.key = b"anything"
        request.record.value = bytes(1000)
        with suppress(*REFUSED):
            await ask(stranger, server.host, request)
        assert server.dht.get_value_store_size() == 0


@defect(60, "twenty providers of a key keep every later one out for two days")
async def test_the_newest_providers_are_told_whoever_was_first(stack: Stack) -> None:
    async with open_dht(stack) as server, open_dht(stack) as newest, STOCK.host() as asker:
        store = server.dht.provider_store
        for _ in range(300):
            gone = ID.from_pubkey(create_new_key_pair().public_key)
            store.add_provider(RAW_KEY, PeerInfo(gone, [Multiaddr("/ip4/127.0.0.1/tcp/1")]))
        await introduce(newest, server)
        await newest.dht.provide(KEY)
        await connect(asker, server.host)
        request = Message(type=Message.MessageType.GET_PROVIDERS, key=RAW_KEY)

        async def told() -> list[str]:
            reply = await ask(asker, server.host, request)
            return [str(ID(peer.id)) for peer in reply.providerPeers]

        with trio.move_on_after(3):
            while newest.peer_id not in await told():
                await trio.sleep(0.05)
        assert newest.peer_id in await told()
        assert len(await told()) <= 100


@defect(60, "any number of keys is kept for anybody")
async def test_the_keys_kept_for_others_are_bounded(stack: Stack) -> None:
    async with open_dht(stack) as server:
        store = server.dht.provider_store
        provider = PeerInfo(server.host.get_id(), [Multiaddr("/ip4/127.0.0.1/tcp/1")])
        store.providing_keys.add(RAW_KEY)
        store.add_provider(RAW_KEY, provider)
        for number in range(10_500):
            store.add_provider(number.to_bytes(34), provider)
        assert len(store.providers) <= 10_000
        assert RAW_KEY in store.providers
        assert (10_499).to_bytes(34) in store.providers


@defect(61, "a client that asks is taken for a server")
async def test_a_client_that_asks_is_not_put_into_the_routing_table(stack: Stack) -> None:
    async with open_dht(stack) as server, open_dht(STOCK, DHTMode.CLIENT) as client:
        await connect(client.host, server.host)
        request = Message(type=Message.MessageType.GET_PROVIDERS, key=RAW_KEY)
        await ask(client.host, server.host, request)
        assert client.peer_id not in server.servers()


@defect(61, "a full bucket waits for its oldest peer, with an inbound slot held", timeout_s=60)
async def test_a_full_bucket_with_a_silent_peer_keeps_nobody_waiting(stack: Stack) -> None:
    async with open_dht(stack) as server, silent_listener() as silent:
        table = server.dht.routing_table
        bucket = table.buckets[0]
        bucket.bucket_size = 1
        # As in a table that is full.
        setattr(table, "_should_split_bucket", lambda _: False)  # noqa: B010
        gone = ID.from_pubkey(create_new_key_pair().public_key)
        server.host.get_peerstore().add_addrs(gone, [silent], 600)
        assert await bucket.add_peer(PeerInfo(gone, [silent]))
        newcomer = ID.from_pubkey(create_new_key_pair().public_key)
        with trio.move_on_after(3) as scope:
            await table.add_peer(PeerInfo(newcomer, [Multiaddr("/ip4/127.0.0.1/tcp/1")]))
        assert not scope.cancelled_caught, "the bucket waits for a peer that is gone"
        assert table.peer_in_table(newcomer)


@defect(62, "one peer with twelve silent streams takes the DHT from everybody")
async def test_silent_streams_of_one_peer_leave_the_dht_to_others(stack: Stack) -> None:
    async with (
        open_dht(stack) as server,
        STOCK.host() as silent,
        STOCK.host() as honest,
        AsyncExitStack() as streams,
    ):
        await connect(silent, server.host)
        await connect(honest, server.host)
        for _ in range(40):
            stream = await open_stream(silent, server)
            if stream is not None:
                streams.push_async_callback(stream.reset)
        request = Message(type=Message.MessageType.GET_PROVIDERS, key=RAW_KEY)
        try:
            reply = await ask(honest, server.host, request)
        except REFUSED as error:
            raise AssertionError("an honest peer is refused") from error
        assert reply.type == Message.MessageType.GET_PROVIDERS


@defect(63, "a stream to a server that never answers stays open", timeout_s=120)
async def test_a_server_that_never_answers_costs_no_stream(stack: Stack) -> None:
    async with open_dht(stack) as asker, STOCK.host() as silent:
        silent.set_stream_handler(PROTOCOL_ID, _never_answer)
        await asker.host.connect(peer_info(silent))
        await wait_seen(lambda: asker.host.get_peerstore().get_protocols(silent.get_id()))
        await asker.dht.add_peer(silent.get_id())
        assert await found_by(asker) == []
        connections = asker.host.get_network().get_connections(silent.get_id())
        await wait_seen(
            lambda: [
                stream
                for connection in connections
                for stream in connection.get_streams()
                if stream.get_protocol() == PROTOCOL_ID
            ],
            lambda seen: not seen,
            timeout_s=3,
        )


async def _never_answer(_stream: INetStream) -> None:
    await trio.sleep_forever()


async def open_stream(asker: IHost, server: DhtNode) -> INetStream | None:
    """Open a DHT stream and stay silent; None where it is refused."""
    with suppress(*REFUSED), trio.move_on_after(5):
        return await asker.new_stream(server.host.get_id(), [PROTOCOL_ID])
    return None


@asynccontextmanager
async def silent_listener() -> AsyncIterator[Multiaddr]:
    """A TCP port that accepts and says nothing."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        yield Multiaddr(f"/ip4/127.0.0.1/tcp/{listener.socket.getsockname()[1]}")
