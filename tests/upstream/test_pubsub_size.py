"""Corrections 23 and 26: messages that vanish, or silence the peer they reach."""

from __future__ import annotations

from libp2p.crypto.ed25519 import create_new_key_pair

from p2pd.errors import MessageTooLargeError
from tests.upstream.defect import defect
from tests.upstream.stacks import Stack
from tests.upstream.strangers import (
    ROOM,
    open_stranger_stream,
    publish_frame,
    signed_message,
    two_in_a_room,
)
from tests.upstream.waiting import wait_seen

#: A default rust peer stops reading at an RPC of 65,536 bytes.
TOO_LARGE = bytes(66_000)


@defect(23, "a message over 1 MiB vanishes")
async def test_a_message_too_large_is_refused_or_arrives(stack: Stack) -> None:
    async with two_in_a_room(stack) as (author, listener):
        try:
            await author.publish(ROOM, bytes(1_200_000))
        except MessageTooLargeError:
            return
        await wait_seen(lambda: [len(received.data) for received in listener.received])


@defect(26, "a message that silences rust peers is sent on to them")
async def test_a_message_too_large_is_not_sent_on(stack: Stack) -> None:
    key_pair = create_new_key_pair()
    large, small = (signed_message(key_pair, data) for data in (TOO_LARGE, b"small"))
    async with two_in_a_room(stack) as (relay, listener), stack.host(key_pair=key_pair) as author:
        stream = await open_stranger_stream(author, relay.host)
        await stream.write(publish_frame(large) + publish_frame(small))
        sizes = await wait_seen(
            lambda: [len(received.data) for received in listener.received],
            lambda seen: len(b"small") in seen,
        )
        assert sizes == [len(b"small")]
