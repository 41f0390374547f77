"""A message crosses an edge of the mesh once where both ends have it by another way."""

from __future__ import annotations

from contextlib import AsyncExitStack
from itertools import combinations

import pytest
import trio
import trio.testing

from p2pd.net.pubsub.held_relays import HeldRelays
from p2pd.net.pubsub.mesh_state import MeshPeer
from p2pd.net.pubsub.send_queue import SendQueue
from tests.upstream.stacks import OURS, OurNode, connect
from tests.upstream.strangers import ROOM, wait_acquainted
from tests.upstream.waiting import wait_seen

HOLD_S = 0.2
MESSAGES = 20
AUTHOR, ANOTHER = b"author", b"another"


def new_peer() -> MeshPeer:
    return MeshPeer(SendQueue(1_000_000))


def id_of(number: int, author: bytes = AUTHOR) -> bytes:
    return author + number.to_bytes(8, "big")


@pytest.mark.trio
async def test_only_a_peer_that_sent_a_copy_is_held_for_and_of_that_author_only() -> None:
    held, peer = HeldRelays(HOLD_S), new_peer()
    assert not held.hold(peer, AUTHOR, id_of(1), b"1")
    held.receive_copy(peer, AUTHOR, id_of(1))
    assert held.hold(peer, AUTHOR, id_of(2), b"2")
    assert not held.hold(new_peer(), AUTHOR, id_of(2), b"2")
    assert not held.hold(peer, ANOTHER, id_of(2, ANOTHER), b"2")


@pytest.mark.trio
async def test_what_the_peer_does_not_bring_is_sent_and_it_is_held_for_no_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    held, peer = HeldRelays(HOLD_S), new_peer()
    held.receive_copy(peer, AUTHOR, id_of(0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(held.run)
        for number in (1, 2, 3):
            assert held.hold(peer, AUTHOR, id_of(number), b"%d" % number)
            await trio.sleep(HOLD_S / 10)
        held.receive_copy(peer, ANOTHER, id_of(9, ANOTHER))
        assert held.hold(peer, ANOTHER, id_of(1, ANOTHER), b"other")
        held.receive_copy(peer, ANOTHER, id_of(1, ANOTHER))
        held.receive_copy(peer, AUTHOR, id_of(2))
        begin_s = trio.current_time()
        # What was held later goes with the first, so that nothing overtakes it.
        assert await peer.queue.take(100) == b"13"
        assert trio.current_time() - begin_s <= HOLD_S + 0.1
        assert not held.hold(peer, AUTHOR, id_of(4), b"4")
        await trio.sleep(2 * HOLD_S)
        assert peer.held == {}
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_what_is_held_is_bounded_in_bytes() -> None:
    held, peer = HeldRelays(HOLD_S), new_peer()
    held.receive_copy(peer, AUTHOR, id_of(0))
    frame = bytes(500_000)
    taken = [held.hold(peer, AUTHOR, id_of(number), frame) for number in range(5)]
    assert taken == [True, True, True, True, False]


def count_copies(node: OurNode, counts: list[bytes]) -> None:
    """Have a node record the copies that come of what it has already."""
    held = node.gossip.pubsub.sender.held
    receive_copy = held.receive_copy

    def record(peer: MeshPeer, author: bytes, wire_id: bytes) -> None:
        counts.append(wire_id)
        receive_copy(peer, author, wire_id)

    held.receive_copy = record  # type: ignore[method-assign]


@pytest.mark.trio
async def test_where_all_hear_the_author_an_edge_carries_a_message_once() -> None:
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(OURS.node()) for _ in range(4)]
        for node in nodes:
            await node.join(ROOM)
        for node, other in combinations(nodes, 2):
            await connect(node.host, other.host)
            await wait_acquainted(node, other)
        author, *listeners = nodes
        copies: list[bytes] = []
        for node in listeners:
            count_copies(node, copies)
        for number in range(MESSAGES):
            await author.publish(ROOM, b"%d" % number)
            await wait_received(listeners, number + 1)
        held = [node.gossip.pubsub.sender.held for node in listeners]
        await wait_seen(lambda: not any(each.size_bytes for each in held))
        # Three edges between the listeners; without holding both ends of each would send.
        assert len(copies) <= (3 + 1) * MESSAGES


async def wait_received(nodes: list[OurNode], count: int) -> None:
    await wait_seen(lambda: all(len(node.received) == count for node in nodes))
