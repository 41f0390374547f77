"""Rooms between real hosts: who wrote what, who is there, nothing lost, nothing twice."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair

from p2pd.domain.names import PeerId, RoomName
from p2pd.errors import MessageTooLargeError, RoomNotJoinedError
from tests.upstream.stacks import OURS, STOCK, OurNode, connect
from tests.upstream.strangers import ROOM, two_in_a_room, wait_acquainted, wait_delivered
from tests.upstream.waiting import wait_seen

TIMEOUT_S = 60.0


def id_of(node: OurNode) -> PeerId:
    return PeerId(str(node.host.get_id()))


@pytest.mark.trio
async def test_author_is_who_signed_not_who_forwarded() -> None:
    async with OURS.node() as author, OURS.node() as relay, OURS.node() as listener:
        for node in (author, relay, listener):
            await node.join(ROOM)
        await connect(author.host, relay.host)
        await connect(listener.host, relay.host)
        await wait_acquainted(author, relay)
        await wait_acquainted(relay, listener)
        await wait_delivered(author, listener, b"from afar")
        await wait_delivered(listener, author, b"and back")
        heard = [(message.author_id, message.forwarder_id) for message in listener.messages]
        assert heard == [(id_of(author), id_of(relay))]


@pytest.mark.trio
async def test_stock_peer_chats_both_ways() -> None:
    async with OURS.node() as ours, STOCK.node() as stock:
        await ours.join(ROOM)
        await stock.join(ROOM)
        await connect(stock.host, ours.host)
        await wait_acquainted(ours, stock)
        await wait_delivered(ours, stock, b"to stock")
        await wait_delivered(stock, ours, b"to ours")


@pytest.mark.trio
async def test_message_is_kept_as_it_was_signed() -> None:
    async with two_in_a_room(OURS) as (author, listener):
        signed = author.gossip.sign(RoomName(ROOM), b"as it is")
        assert await author.gossip.send(signed) == 1
        [message] = await wait_seen(lambda: listener.messages)
        assert message.signed_bytes == signed.signed_bytes
        assert message.message_id == signed.message_id
        assert message.message_id == (
            author.host.get_id().to_bytes().hex() + f"{signed.seqno:016x}"
        )
        assert message.send_time_ns == signed.seqno


@pytest.mark.trio
async def test_comings_and_goings_are_told_once() -> None:
    async with OURS.node() as watcher:
        await watcher.join(ROOM)
        async with OURS.node() as guest:
            await connect(guest.host, watcher.host)
            await guest.join("another room")
            await guest.join(ROOM)
            await wait_seen(lambda: watcher.joined, lambda seen: (id_of(guest), ROOM) in seen)
            assert watcher.gossip.peers_in(RoomName(ROOM)) == {id_of(guest)}
            await guest.leave(ROOM)
            await wait_seen(lambda: watcher.left)
            assert watcher.gossip.peers_in(RoomName(ROOM)) == frozenset()
            await guest.join(ROOM)
            await wait_seen(lambda: watcher.joined, lambda seen: len(seen) == 2)
        await wait_seen(lambda: watcher.left, lambda seen: len(seen) == 2)
        assert watcher.joined == watcher.left == [(id_of(guest), ROOM)] * 2


@pytest.mark.trio
async def test_who_joins_late_is_told_who_is_there() -> None:
    async with OURS.node() as early, OURS.node() as late:
        await early.join(ROOM)
        await connect(early.host, late.host)
        await wait_seen(lambda: late.gossip.peers_in(RoomName(ROOM)))
        assert late.joined == []
        await late.join(ROOM)
        assert late.joined == [(id_of(early), ROOM)]


@pytest.mark.trio
async def test_nothing_is_heard_of_a_room_that_was_left() -> None:
    async with two_in_a_room(OURS) as (author, leaver):
        await leaver.leave(ROOM)
        await leaver.join("another room")
        await author.join("another room")
        await wait_seen(lambda: author.gossip.peers_in(RoomName("another room")))
        await author.publish(ROOM, b"not for you")
        await author.publish("another room", b"for you")
        await wait_seen(lambda: [received.data for received in leaver.received])
        assert [received.data for received in leaver.received] == [b"for you"]


@pytest.mark.trio
async def test_burst_of_a_thousand_arrives_once_and_in_order() -> None:
    async with two_in_a_room(OURS) as (author, listener):
        for number in range(1_000):
            await author.publish(ROOM, b"%d" % number)
        await wait_seen(
            lambda: len(listener.received), lambda count: count >= 1_000, timeout_s=TIMEOUT_S
        )
        assert [int(received.data) for received in listener.received] == list(range(1_000))
        assert max(listener.batches) <= 128


@pytest.mark.trio
async def test_five_in_a_ring_hear_everything_once() -> None:
    async with (
        OURS.node() as one,
        OURS.node() as two,
        OURS.node() as three,
        OURS.node() as four,
        OURS.node() as five,
    ):
        ring = [one, two, three, four, five]
        for node in ring:
            await node.join(ROOM)
        for node, neighbour in zip(ring, ring[1:] + ring[:1], strict=True):
            await connect(node.host, neighbour.host)
        for node, neighbour in zip(ring, ring[1:] + ring[:1], strict=True):
            await wait_acquainted(node, neighbour)
        async with trio.open_nursery() as nursery:
            for node in ring:
                nursery.start_soon(_publish_many, node, 100)
        for node in ring:
            await wait_seen(
                partial(len, node.received),
                lambda count: count >= 400,
                timeout_s=TIMEOUT_S,
            )
        for node in ring:
            heard = sorted((received.author_id, int(received.data)) for received in node.received)
            others = sorted(id_of(other) for other in ring if other is not node)
            assert heard == [(author, number) for author in others for number in range(100)]


async def _publish_many(node: OurNode, count: int) -> None:
    for number in range(count):
        await node.publish(ROOM, b"%d" % number)


@pytest.mark.trio
async def test_who_comes_within_seconds_is_given_what_was_said() -> None:
    async with OURS.node() as author, OURS.node() as late:
        await author.join(ROOM)
        await author.publish(ROOM, b"is there anybody?")
        await late.join(ROOM)
        await connect(late.host, author.host)
        await wait_seen(lambda: [received.data for received in late.received])
        assert [received.data for received in late.received] == [b"is there anybody?"]


@pytest.mark.trio
async def test_sequence_numbers_go_on_above_the_last_one_used() -> None:
    far_ahead = 2**63
    key_pair = create_new_key_pair()
    async with OURS.node(key_pair=key_pair, first_seqno=far_ahead) as author:
        await author.join(ROOM)
        seqnos = [author.gossip.sign(RoomName(ROOM), b"x").seqno for _ in range(3)]
        assert seqnos == [far_ahead + 1, far_ahead + 2, far_ahead + 3]


@pytest.mark.trio
async def test_messages_said_while_the_author_restarts_with_its_key_all_arrive() -> None:
    key_pair = create_new_key_pair()
    async with OURS.node() as listener:
        await listener.join(ROOM)
        for life in range(3):
            async with OURS.node(key_pair=key_pair) as author:
                await author.join(ROOM)
                await connect(author.host, listener.host)
                for number in range(50):
                    await author.publish(ROOM, b"%d" % (50 * life + number))
                await wait_seen(
                    lambda: sorted(int(received.data) for received in listener.received),
                    list(range(50 * (life + 1))).__eq__,
                    timeout_s=TIMEOUT_S,
                )


@pytest.mark.trio
async def test_caller_is_told_of_a_room_not_joined_and_of_a_message_too_large() -> None:
    async with OURS.node() as node:
        with pytest.raises(RoomNotJoinedError):
            node.gossip.sign(RoomName(ROOM), b"nobody hears")
        await node.join(ROOM)
        with pytest.raises(MessageTooLargeError):
            node.gossip.sign(RoomName(ROOM), bytes(60_001))
        assert await node.gossip.send(node.gossip.sign(RoomName(ROOM), bytes(60_000))) == 0


@pytest.mark.trio
async def test_what_was_sent_is_written_before_the_end() -> None:
    async with OURS.node() as listener:
        await listener.join(ROOM)
        async with OURS.node() as author:
            await author.join(ROOM)
            await connect(author.host, listener.host)
            await wait_acquainted(author, listener)
            for number in range(3_000):
                await author.publish(ROOM, b"%d" % number + bytes(200))
        await wait_seen(lambda: len(listener.received), lambda count: count == 3_000)
