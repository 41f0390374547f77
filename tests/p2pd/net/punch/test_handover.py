"""A conversation that begins through a relay goes on over a direct connection, unharmed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.exceptions import StreamFailure
from libp2p.peer.id import ID

from p2pd.net.patches.swarm import is_relayed
from p2pd.net.pubsub.gossip import open_gossip
from p2pd.net.punch import handover
from p2pd.net.punch.handover import open_handover
from p2pd.net.relay.service import RelayMode
from p2pd.net.streams.opened import connection_of
from tests.p2pd.net.relay.nodes import RelayingNode, relaying_node
from tests.upstream.stacks import OurNode
from tests.upstream.strangers import ROOM, wait_acquainted
from tests.upstream.waiting import wait_seen

OWN_PROTOCOL = TProtocol("/wsp/test/1.0.0")
GRACE_S = 1.5
PER_S = 100
COUNT = 400
"""Enough to talk before, during and after the move."""


@asynccontextmanager
async def chatting(node: RelayingNode) -> AsyncIterator[OurNode]:
    """Run gossip and the handover on a host."""
    ours = OurNode(node.host, node.rejections)
    node.host.set_stream_handler(OWN_PROTOCOL, _serve_nothing)
    async with (
        open_gossip(node.host, ours, ours, node.rejections, first_seqno=0) as ours.gossip,
        open_handover(node.host, ours.gossip.use_best_connection),
    ):
        await ours.join(ROOM)
        yield ours


async def _serve_nothing(_: INetStream) -> None:
    """Only have a protocol that names the program."""


async def talk(node: OurNode) -> None:
    for number in range(COUNT):
        await node.publish(ROOM, str(number).encode())
        await trio.sleep(1 / PER_S)


def data_of(node: OurNode) -> list[bytes]:
    return [received.data for received in node.received]


def sends_relayed(node: OurNode) -> bool:
    return any(is_relayed(connection_of(stream)) for stream in node.pubsub.peers.values())


@pytest.mark.trio
async def test_conversation_moves_with_nothing_lost_doubled_or_reordered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handover, "GRACE_S", GRACE_S)
    async with (
        relaying_node(mode=RelayMode.ON, is_public=True) as relay,
        relaying_node(relays=[relay.address]) as at_a,
        relaying_node() as at_b,
        chatting(at_a) as a,
        chatting(at_b) as b,
    ):
        relay.members |= {at_a.peer_id, at_b.peer_id}
        behind = await at_a.wait_relayed_address()
        await at_b.host.swarm.dial_addresses(at_a.peer_id, [behind])
        await wait_acquainted(a, b)
        assert sends_relayed(a)
        assert sends_relayed(b)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk, a)
            nursery.start_soon(talk, b)
            await wait_seen(lambda: len(a.received), lambda seen: seen >= COUNT // 10)
            await at_b.host.swarm.dial_direct(at_a.peer_id, at_a.host.get_transport_addrs())
            await wait_seen(
                lambda: sends_relayed(a) or sends_relayed(b), lambda relayed: not relayed
            )
            assert len(a.received) < COUNT
        everything = [str(number).encode() for number in range(COUNT)]
        for node in (a, b):
            await wait_seen(partial(data_of, node), everything.__eq__)
            assert node.left == []
            assert len(node.joined) == 1
        swarm = at_a.host.swarm
        await wait_seen(
            lambda: [is_relayed(each) for each in swarm.get_connections(at_b.peer_id)],
            lambda kinds: kinds == [False],
        )


@pytest.mark.trio
async def test_move_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "GRACE_S", GRACE_S)
    moves = 0

    async def move(_peer_id: ID, _is_overlapping: bool) -> None:
        nonlocal moves
        moves += 1
        if moves == 1:
            raise StreamFailure("the direct connection broke")

    async with (
        relaying_node(mode=RelayMode.ON, is_public=True) as relay,
        relaying_node(relays=[relay.address]) as at_a,
        relaying_node() as at_b,
        open_handover(at_b.host, move),
    ):
        await at_b.host.swarm.dial_addresses(at_a.peer_id, [await at_a.wait_relayed_address()])
        await at_b.host.swarm.dial_direct(at_a.peer_id, at_a.host.get_transport_addrs())
        await wait_seen(lambda: moves, lambda seen: seen > 1)
        await wait_seen(
            lambda: [is_relayed(each) for each in at_b.host.swarm.get_connections(at_a.peer_id)],
            lambda kinds: kinds == [False],
        )
