"""What becomes of a message rests on its verdict: only what is stored is relayed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair

from p2pd.domain.messages import Message
from p2pd.domain.rejections import RejectionReason
from p2pd.domain.verdicts import Verdict
from tests.upstream.stacks import OURS, OurNode, connect
from tests.upstream.strangers import (
    ROOM,
    open_stranger_stream,
    publish_frame,
    signed_message,
    wait_acquainted,
)
from tests.upstream.waiting import wait_seen

AUTHOR = create_new_key_pair()


class Judge:
    """Stands before a node's receiver and gives a verdict of its own by content."""

    def __init__(self, node: OurNode, verdicts: dict[bytes, Verdict]) -> None:
        self.verdicts = verdicts
        self.asked: list[bytes] = []
        self.goes_on = trio.Event()
        self.goes_on.set()
        node.receive_messages = self.receive_messages  # type: ignore[method-assign]

    async def receive_messages(self, messages: Sequence[Message]) -> list[Verdict]:
        self.asked += [message.data for message in messages]
        await self.goes_on.wait()
        return [self.verdicts.get(message.data, Verdict.STORED) for message in messages]


@asynccontextmanager
async def relay_before_a_listener() -> AsyncIterator[tuple[OurNode, OurNode]]:
    """Open a node and a listener that is in its mesh."""
    async with OURS.node() as relay, OURS.node() as listener:
        await relay.join(ROOM)
        await listener.join(ROOM)
        await connect(listener.host, relay.host)
        await wait_acquainted(relay, listener)
        yield relay, listener


@pytest.mark.trio
@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.NOT_STORED])
async def test_only_what_is_stored_is_relayed(verdict: Verdict) -> None:
    async with relay_before_a_listener() as (relay, listener), OURS.host() as stranger:
        Judge(relay, {b"withheld": verdict})
        stream = await open_stranger_stream(stranger, relay.host)
        withheld = signed_message(AUTHOR, b"withheld")
        await stream.write(publish_frame(withheld, signed_message(AUTHOR, b"stored")))
        await wait_seen(lambda: [received.data for received in listener.received])
        assert [received.data for received in listener.received] == [b"stored"]
        wire_id = withheld.from_id + withheld.seqno
        assert relay.router.mcache.get(wire_id) is None


@pytest.mark.trio
async def test_what_was_not_stored_is_accepted_from_the_next_and_relayed() -> None:
    async with relay_before_a_listener() as (relay, listener), OURS.host() as stranger:
        judge = Judge(relay, {b"again": Verdict.NOT_STORED})
        frame = publish_frame(signed_message(AUTHOR, b"again"))
        stream = await open_stranger_stream(stranger, relay.host)
        await stream.write(frame)
        await wait_seen(lambda: judge.asked)
        judge.verdicts.clear()
        await stream.write(frame + frame)
        await wait_seen(lambda: [received.data for received in listener.received])
        assert judge.asked == [b"again", b"again"]


@pytest.mark.trio
async def test_what_was_refused_is_not_asked_about_again() -> None:
    async with OURS.node() as node, OURS.host() as stranger:
        await node.join(ROOM)
        judge = Judge(node, {b"refused": Verdict.REFUSED})
        frame = publish_frame(signed_message(AUTHOR, b"refused"))
        stream = await open_stranger_stream(stranger, node.host)
        await stream.write(frame)
        await wait_seen(lambda: judge.asked)
        await stream.write(frame + publish_frame(signed_message(AUTHOR, b"last")))
        await wait_seen(lambda: judge.asked, lambda asked: asked[-1] == b"last")
        assert judge.asked == [b"refused", b"last"]


@pytest.mark.trio
async def test_a_copy_that_comes_while_the_verdict_is_awaited_is_not_stored_or_relayed_twice() -> (
    None
):
    async with (
        relay_before_a_listener() as (relay, listener),
        OURS.host() as first,
        OURS.host() as second,
    ):
        judge = Judge(relay, {})
        judge.goes_on = trio.Event()
        copy = publish_frame(signed_message(AUTHOR, b"copy"))
        await (await open_stranger_stream(first, relay.host)).write(copy + copy)
        await wait_seen(lambda: judge.asked)
        other = publish_frame(signed_message(AUTHOR, b"other"))
        await (await open_stranger_stream(second, relay.host)).write(copy + other)
        await wait_seen(lambda: judge.asked, lambda asked: len(asked) == 2)
        judge.goes_on.set()
        await wait_seen(lambda: listener.received, lambda seen: len(seen) == 2)
        assert judge.asked == [b"copy", b"other"]


@pytest.mark.trio
async def test_a_receiver_that_fails_has_stored_nothing() -> None:
    async with relay_before_a_listener() as (relay, listener), OURS.host() as stranger:
        judge = Judge(relay, {})

        async def fail(messages: Sequence[Message]) -> list[Verdict]:
            judge.asked.append(b"")
            raise RuntimeError

        relay.receive_messages = fail  # type: ignore[method-assign]
        frame = publish_frame(signed_message(AUTHOR, b"hard"))
        stream = await open_stranger_stream(stranger, relay.host)
        await stream.write(frame)
        await wait_seen(lambda: judge.asked)
        Judge(relay, {})
        await stream.write(frame)
        await wait_seen(lambda: [received.data for received in listener.received])
        assert relay.rejections.totals[RejectionReason.RECEIVER_FAILED] == 1


@pytest.mark.trio
async def test_what_was_not_stored_is_asked_for_again_until_it_is() -> None:
    async with OURS.node() as author, OURS.node() as relay, OURS.node() as listener:
        for node in (author, relay, listener):
            await node.join(ROOM)
        for node in (author, listener):
            await connect(node.host, relay.host)
            await wait_acquainted(node, relay)
        texts = [b"%d" % number for number in range(20)]
        judge = Judge(relay, dict.fromkeys(texts, Verdict.NOT_STORED))
        for text in texts:
            await author.publish(ROOM, text)
        await wait_seen(lambda: judge.asked, lambda asked: len(asked) >= len(texts) + 1)
        assert listener.received == []
        judge.verdicts.clear()
        await wait_seen(
            lambda: sorted(received.data for received in listener.received),
            lambda seen: seen == sorted(texts),
        )
        assert len(relay.gossip.state.unstored) == 0


@pytest.mark.trio
async def test_what_synchronisation_brought_first_is_relayed_while_it_is_recent() -> None:
    old = signed_message(AUTHOR, b"old", seqno=(time.time_ns() - 60 * 10**9).to_bytes(8, "big"))
    async with relay_before_a_listener() as (relay, listener), OURS.host() as stranger:
        Judge(relay, {b"old": Verdict.KNOWN, b"recent": Verdict.KNOWN})
        stream = await open_stranger_stream(stranger, relay.host)
        await stream.write(publish_frame(old, signed_message(AUTHOR, b"recent")))
        await wait_seen(lambda: [received.data for received in listener.received])
        assert [received.data for received in listener.received] == [b"recent"]
