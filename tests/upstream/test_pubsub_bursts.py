"""Corrections 3, 4, 5: messages that vanished without an error."""

from __future__ import annotations

import trio
from libp2p.crypto.ed25519 import create_new_key_pair

from tests.upstream.defect import defect
from tests.upstream.stacks import Stack, connect
from tests.upstream.strangers import (
    ROOM,
    open_stranger_stream,
    publish_frame,
    signed_message,
    two_in_a_room,
    wait_acquainted,
    wait_delivered,
)
from tests.upstream.waiting import wait_seen


@defect(3, "sequence numbers begin at the second the node started")
async def test_messages_after_a_quick_restart_arrive(stack: Stack) -> None:
    key_pair = create_new_key_pair()
    async with stack.node() as listener:
        await listener.join(ROOM)
        async with stack.node(key_pair=key_pair) as author:
            await author.join(ROOM)
            await connect(author.host, listener.host)
            await wait_acquainted(author, listener)
            for number in range(30):
                await wait_delivered(author, listener, b"before %d" % number)
            await author.host.close()
        await wait_seen(lambda: listener.host.get_network().connections, lambda seen: not seen)
        async with stack.node(key_pair=key_pair) as author:
            await author.join(ROOM)
            await connect(author.host, listener.host)
            await wait_acquainted(author, listener)
            for number in range(5):
                await wait_delivered(author, listener, b"after %d" % number)


@defect(4, "ten messages a second, whoever wrote them")
async def test_a_hundred_messages_a_second_arrive(stack: Stack) -> None:
    async with two_in_a_room(stack, is_safe=False) as (author, listener):
        for number in range(50):
            await author.publish(ROOM, b"%d" % number)
            await trio.sleep(0.01)
        await wait_seen(lambda: len(listener.received), lambda count: count == 50)


@defect(5, "32 RPCs fit into a peer's queue, the others are dropped")
async def test_a_burst_arrives_whole(stack: Stack) -> None:
    async with two_in_a_room(stack) as (author, listener):
        for number in range(300):
            await author.publish(ROOM, b"%d" % number)
        await wait_seen(
            lambda: sorted({int(received.data) for received in listener.received}),
            lambda numbers: numbers == list(range(300)),
        )


@defect(5, "32 messages fit into the application's channel, the others are dropped")
async def test_a_full_rpc_reaches_the_application_whole(stack: Stack) -> None:
    key_pair = create_new_key_pair()
    messages = [signed_message(key_pair, b"%d" % number) for number in range(200)]
    async with stack.node() as listener, stack.host(key_pair=key_pair) as author:
        await listener.join(ROOM)
        stream = await open_stranger_stream(author, listener.host)
        await stream.write(publish_frame(*messages))
        await wait_seen(lambda: len(listener.received), lambda count: count == 200)
