"""Peers that say too much of themselves: what is stored and shown of them stays small."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from libp2p.abc import IHost, INetStream
from libp2p.custom_types import TProtocol
from libp2p.identity.identify.pb.identify_pb2 import Identify
from libp2p.utils.varint import encode_varint_prefixed

from p2pd.api.peer_from_domain import peer_from_domain
from p2pd.domain.peers import Peer
from p2pd.domain.rejections import RejectionReason
from p2pd.net.patches.identify import IDENTIFY, IDENTIFY_PUSH
from tests.p2pd.net.connections.listener import ConnectedNode, connected_node
from tests.upstream.stacks import OURS, connect
from tests.upstream.waiting import wait_seen

PEERS = 75
MAX_PEER_BYTES = 8 * 1024
MALFORMED = [b"\xff\xff\x03abc", b"\x04\x7f", b"", b"\x00" * 900, b"\x35\xff\x7f" + b"a" * 16_000]


def verbose_identify(source: random.Random) -> bytes:
    """Write an identify message with everything that can be too long or malformed."""
    names = [f"/{number}/" + "x" * source.randrange(100, 240) for number in range(240)]
    ports = range(4001, 4101)
    good = [b"\x04\x7f\x00\x00\x01\x06" + port.to_bytes(2, "big") for port in ports]
    message = Identify(
        protocol_version="ipfs/" + "y" * 300,
        agent_version="agent/" + "ü" * 500,
        protocols=[*names, str(IDENTIFY_PUSH)],
        listen_addrs=[*MALFORMED, *good],
        observed_addr=MALFORMED[0],
    )
    # Malformed UTF-8, which the library of protobuf writes for nobody.
    return message.SerializeToString() + b"\x1a\x04/a\xff\xfe" + b"\x32\x05wsp\xff\xfe"


@asynccontextmanager
async def peer_that_says(encoded: bytes) -> AsyncIterator[IHost]:
    """Open a host that answers identify with these bytes."""

    async def answer(stream: INetStream) -> None:
        await stream.write(encode_varint_prefixed(encoded))
        await stream.close()

    async with OURS.host() as host:
        host.set_stream_handler(TProtocol(IDENTIFY), answer)
        yield host


async def identified(node: ConnectedNode, count: int = 1) -> Sequence[Peer]:
    """Wait until so many peers were identified; return them as they are shown now."""
    await wait_seen(
        lambda: {peer.peer_id for peer in node.told.identified},
        lambda peers: len(peers) >= count,
        timeout_s=60,
    )
    return node.connections.peers()


@pytest.mark.trio
async def test_peers_with_long_protocol_names_stay_small_all_together() -> None:
    source = random.Random(7)
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(connected_node())
        for _ in range(PEERS):
            peer = await stack.enter_async_context(peer_that_says(verbose_identify(source)))
            await connect(peer, node.host)
        peers = await identified(node, PEERS)
        sizes = [peer_from_domain(peer).ByteSize() for peer in peers]
        assert max(sizes) <= MAX_PEER_BYTES, max(sizes)
        assert sum(sizes) < 1 << 20
        assert node.rejections.totals[RejectionReason.IDENTIFY_CUT] >= PEERS


@pytest.mark.trio
async def test_a_malformed_name_or_address_costs_a_peer_that_one_only() -> None:
    async with connected_node() as node:
        message = Identify(
            agent_version="other/1.0",
            protocols=["/ipfs/ping/1.0.0"],
            listen_addrs=[*MALFORMED, b"\x04\x7f\x00\x00\x01\x06\x0f\xa1"],
        )
        encoded = message.SerializeToString() + b"\x1a\x04/a\xff\xfe"
        async with peer_that_says(encoded) as peer:
            await connect(peer, node.host)
            [shown] = await identified(node)
            assert shown.agent == "other/1.0"
            assert "/ipfs/ping/1.0.0" in shown.protocols
            assert "/ip4/127.0.0.1/tcp/4001" in "".join(shown.addresses)
            assert peer_from_domain(shown).ByteSize() < 1024


@pytest.mark.trio
async def test_what_a_peer_pushes_later_is_cut_as_well() -> None:
    async with connected_node() as node, OURS.host() as peer:
        await connect(peer, node.host)
        await identified(node)
        told = len(node.told.identified)
        stream = await peer.new_stream(node.host.get_id(), [TProtocol(IDENTIFY_PUSH)])
        await stream.write(encode_varint_prefixed(verbose_identify(random.Random(8))))
        await wait_seen(lambda: len(node.told.identified), lambda seen: seen > told)
        [shown] = node.connections.peers()
        assert peer_from_domain(shown).ByteSize() <= MAX_PEER_BYTES
        stored = node.host.get_peerstore()
        assert len(stored.addrs(peer.get_id())) <= 16
        assert sum(map(len, stored.get_protocols(peer.get_id()))) <= 2048
        with trio.move_on_after(1):
            await stream.close()
