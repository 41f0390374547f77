"""Corrections 25 and 34: peers that come back, rooms that are left."""

from __future__ import annotations

import trio
from libp2p.crypto.ed25519 import create_new_key_pair

from tests.upstream.defect import defect
from tests.upstream.stacks import Node, Stack, connect
from tests.upstream.strangers import ROOM, two_in_a_room, wait_acquainted, wait_delivered
from tests.upstream.waiting import wait_seen


@defect(25, "what a new connection told is forgotten with the old one")
async def test_a_peer_that_is_back_before_its_old_connection_ends_hears_again(
    stack: Stack,
) -> None:
    key_pair = create_new_key_pair()
    async with stack.node() as author, stack.node(key_pair=key_pair) as back:
        await author.join(ROOM)
        await back.join(ROOM)
        async with stack.node(key_pair=key_pair) as gone:
            await gone.join(ROOM)
            await connect(gone.host, author.host)
            await wait_acquainted(author, gone)
            await connect(back.host, author.host)
            await wait_seen(lambda: author.host.get_id() in back.pubsub.peers)
            await gone.host.close()
        await _publish_until_heard(author, back)


async def _publish_until_heard(author: Node, listener: Node) -> None:
    """Say something again and again; the listener must hear it within the deadline."""
    async with trio.open_nursery() as nursery:

        async def speak() -> None:
            while True:
                await author.publish(ROOM, b"is anybody here?")
                await trio.sleep(0.1)

        nursery.start_soon(speak)
        await wait_seen(lambda: listener.received)
        nursery.cancel_scope.cancel()


@defect(34, "leaving a room ends its reader with an error", fails_with=(trio.EndOfChannel,))
async def test_a_room_can_be_left_and_joined_again(stack: Stack) -> None:
    async with two_in_a_room(stack) as (leaver, author):
        await leaver.leave(ROOM)
        await wait_seen(lambda: author.pubsub.peer_topics, lambda seen: ROOM not in seen)
        await leaver.join(ROOM)
        await wait_seen(lambda: author.pubsub.peer_topics, lambda seen: ROOM in seen)
        await wait_delivered(author, leaver, b"welcome back")
