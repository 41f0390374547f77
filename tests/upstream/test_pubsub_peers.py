"""Corrections 25 and 34: peers that come back, rooms that are left."""

from __future__ import annotations

import trio

from tests.upstream.defect import defect
from tests.upstream.stacks import Stack, connect
from tests.upstream.strangers import ROOM, two_in_a_room, wait_delivered
from tests.upstream.waiting import wait_seen


@defect(25, "what a new connection told is forgotten with the old one")
async def test_a_peer_that_closes_and_redials_hears_again(stack: Stack) -> None:
    async with two_in_a_room(stack) as (author, leaver):
        for attempt in range(4):
            await leaver.host.disconnect(author.host.get_id())
            await connect(leaver.host, author.host)
            await wait_seen(lambda: leaver.host.get_network().connections)
            await _publish_until_heard(author, leaver, attempt)


async def _publish_until_heard(author: object, listener: object, attempt: int) -> None:
    """Say something again and again; the listener must hear it within the deadline."""
    prefix = b"%d:" % attempt
    async with trio.open_nursery() as nursery:

        async def speak() -> None:
            number = 0
            while True:
                number += 1
                await author.publish(ROOM, prefix + b"%d" % number)
                await trio.sleep(0.1)

        nursery.start_soon(speak)
        await wait_seen(
            lambda: [r.data for r in listener.received][-3:],
            lambda seen: any(data.startswith(prefix) for data in seen),
        )
        nursery.cancel_scope.cancel()


@defect(34, "leaving a room ends its reader with an error", fails_with=(trio.EndOfChannel,))
async def test_a_room_can_be_left_and_joined_again(stack: Stack) -> None:
    async with two_in_a_room(stack) as (leaver, author):
        await leaver.leave(ROOM)
        await wait_seen(lambda: author.pubsub.peer_topics, lambda seen: ROOM not in seen)
        await leaver.join(ROOM)
        await wait_seen(lambda: author.pubsub.peer_topics, lambda seen: ROOM in seen)
        await wait_delivered(author, leaver, b"welcome back")
