"""What a peer may offer by synchronisation: nothing false is taken, each lie is counted."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from google.protobuf.message import DecodeError
from libp2p.abc import INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import StreamHandlerFn, TProtocol
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_uvarint

from p2pd.domain.items import END, Fingerprint, Item, item_digest
from p2pd.domain.messages import Message
from p2pd.domain.names import RoomName
from p2pd.net.addresses import peer_info_from_text
from p2pd.net.streams import peer_stream
from p2pd.sync import admission
from p2pd.sync.reconciliation import Hashed, Listed
from p2pd.sync.service import PROTOCOL
from p2pd.sync.session.machine import SESSION_LIMITS
from p2pd.sync.session.responder import MAX_ROUNDS
from p2pd.sync.session.transfer import MAX_WANTED_ITEMS
from tests.p2pd.sync.members import (
    ROOM,
    Member,
    fill,
    make_signed,
    meet,
    open_member,
    past_messages,
)
from tests.p2pd.sync.strangers import (
    asking,
    giving,
    opening,
    read_frame,
    refusal_of,
    stream_to,
    telling,
)
from tests.upstream.stacks import OURS
from tests.upstream.strangers import signed_message
from tests.upstream.waiting import wait_seen

AUTHOR = create_new_key_pair()
ANOTHER = create_new_key_pair()
AHEAD_NS = time.time_ns() + 3600 * 10**9
"""Later than any member here joins: wanted also where it is given unasked."""
HONEST = make_signed(b"honest", AUTHOR, AHEAD_NS)
OTHER = make_signed(b"other", AUTHOR, AHEAD_NS + 1)
ELSEWHERE = make_signed(b"of another room", AUTHOR, AHEAD_NS + 2, RoomName("den"))
LARGE = signed_message(AUTHOR, b"x" * 60_001, topics=[ROOM]).SerializeToString()
PRINT = Fingerprint(b"f" * 16)
OPEN = opening(Listed(END, ()))
AT_5, AT_6 = Item(5, b""), Item(6, b"")
ITEM = Item(5, item_digest(b"x"))


def altered(message: Message, **fields: Any) -> bytes:
    changed = rpc_pb2.Message.FromString(message.signed_bytes)
    for name in fields:
        changed.ClearField(name)  # type: ignore[arg-type]
    changed.MergeFrom(rpc_pb2.Message(**fields))
    encoded: bytes = changed.SerializeToString()
    return encoded


def item_in(content: bytes) -> Item:
    """Return the item that would stand for a message, whatever is wrong with it."""
    fields = rpc_pb2.Message()
    with suppress(DecodeError):
        fields.ParseFromString(content)
    return Item(int.from_bytes(fields.seqno, "big"), item_digest(fields.from_id + fields.seqno))


FALSE_MESSAGES = {
    "forged signature": (altered(HONEST, signature=b"x" * 64), "sync_message_signature_wrong"),
    "signed by another": (
        altered(HONEST, from_id=ID.from_pubkey(ANOTHER.public_key).to_bytes()),
        "sync_message_signature_wrong",
    ),
    "altered words": (altered(HONEST, data=b"other words"), "sync_message_signature_wrong"),
    "moved to this room": (altered(ELSEWHERE, topicIDs=[ROOM]), "sync_message_signature_wrong"),
    "of another room": (ELSEWHERE.signed_bytes, "sync_message_of_another_room"),
    "oversize": (LARGE, "sync_message_too_large"),
    "stuffed": (
        HONEST.signed_bytes + b"\x7a\xff\xff\x03" + bytes(65_535),
        "sync_message_too_large",
    ),
    "no message": (b"\xff\xff\xff", "sync_message_malformed"),
}

# The rules of sessions themselves are tested in ``test_session``: here is what a stream adds.
ATTACKS = {
    "no frame": (b"\x05\xff\xff\xff\xff\xff", "sync_frame_malformed"),
    "frame over 1 MiB": (encode_uvarint((1 << 20) + 1), "sync_frame_too_large"),
    "endless length": (b"\xff" * 12, "sync_frame_too_large"),
    "no ranges": (opening(), "sync_ranges_malformed"),
    "endless rounds": (OPEN + telling(Hashed(END, PRINT)) * MAX_ROUNDS, "sync_too_many_rounds"),
    "too much asked for": (OPEN + asking(*[ITEM] * (MAX_WANTED_ITEMS + 1)), "sync_wanted_count"),
    **{name: (OPEN + giving(one), reason) for name, (one, reason) in FALSE_MESSAGES.items()},
}


async def pour(stream: INetStream, content: bytes) -> None:
    """Send as much as the node takes."""
    try:
        await stream.write(content)
    except StreamError:
        return


@pytest.mark.trio
@pytest.mark.parametrize(("content", "reason"), ATTACKS.values(), ids=list(ATTACKS))
async def test_who_breaks_the_rules_is_counted_and_barred(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    async with open_member(tmp_path / "a") as member, OURS.host() as stranger:
        async with stream_to(member.address, stranger) as stream:
            await pour(stream, content)
            await wait_seen(lambda: dict(member.rejections.totals), bool)
        assert dict(member.rejections.totals) == {reason: 1}
        assert member.count() == 0
        assert await refusal_of(member.address, stranger) == "limit"


@pytest.mark.trio
async def test_who_sends_without_end_is_cut_off(tmp_path: Path) -> None:
    limits = replace(SESSION_LIMITS, max_received_bytes=1 << 20)
    async with open_member(tmp_path / "a", limits=limits) as member, OURS.host() as stranger:
        async with stream_to(member.address, stranger) as stream:
            await pour(stream, OPEN + giving(*[HONEST.signed_bytes] * 1_000) * 9)
            await wait_seen(lambda: dict(member.rejections.totals))
        assert dict(member.rejections.totals) == {"sync_too_many_bytes": 1}
        assert member.count() == 1


@pytest.mark.trio
async def test_a_stranger_that_trickles_loses_its_slot(tmp_path: Path) -> None:
    limits = replace(SESSION_LIMITS, grace_s=1.0)
    async with open_member(tmp_path / "a", limits=limits) as member, OURS.host() as stranger:
        async with stream_to(member.address, stranger) as stream:
            await stream.write(OPEN)
            with pytest.raises(StreamError):
                with trio.fail_after(30):
                    while True:
                        await stream.write(telling(Hashed(END, PRINT)))
                        await trio.sleep(0.2)
        assert dict(member.rejections.totals) == {"sync_too_slow": 1}


@pytest.mark.trio
async def test_honest_members_meet_while_strangers_hold_every_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_stream, "STEP_TIMEOUT_S", 600.0)
    limits = replace(SESSION_LIMITS, grace_s=600.0)
    fill(tmp_path / "b", past_messages(300))
    async with (
        open_member(tmp_path / "a", limits=limits, hold_s=math.inf) as a,
        open_member(tmp_path / "b") as b,
        trio.open_nursery() as nursery,
    ):
        for _ in range(admission.MAX_SLOTS):
            await nursery.start(hold_a_slot, a.address)
        await meet(b, a)
        await a.wait_count(300)
        assert a.ids() == b.ids()
        nursery.cancel_scope.cancel()


async def hold_a_slot(address: str, task_status: trio.TaskStatus[None]) -> None:  # type: ignore[name-defined]
    async with OURS.host() as stranger, stream_to(address, stranger) as stream:
        await stream.write(OPEN)
        task_status.started()
        await trio.sleep_forever()


@asynccontextmanager
async def lying(member: Member, answer: StreamHandlerFn) -> AsyncIterator[None]:
    """Be a peer in the room that answers sessions as it pleases."""
    async with OURS.node() as liar:
        liar.host.set_stream_handler(TProtocol(PROTOCOL), answer)
        await liar.join(ROOM)
        await liar.host.connect(peer_info_from_text(member.address))
        yield


class Liar:
    """Answers a session that a member initiates: has an item, and gives what it pleases for it."""

    def __init__(self, item: Item, *given: bytes) -> None:
        self._item = item
        self._given = given

    async def answer(self, stream: INetStream) -> None:
        await read_frame(stream)
        await stream.write(telling(Listed(END, (self._item,))))
        await read_frame(stream)
        await stream.write(giving(*self._given, last=True))


LIES = {
    **{name: (item_in(one), one, reason) for name, (one, reason) in FALSE_MESSAGES.items()},
    "never asked for": (item_in(HONEST.signed_bytes), OTHER.signed_bytes, "sync_message_unwanted"),
    "another digest": (
        Item(HONEST.seqno, item_digest(b"another")),
        HONEST.signed_bytes,
        "sync_message_unwanted",
    ),
}


@pytest.mark.trio
@pytest.mark.parametrize(("item", "given", "reason"), LIES.values(), ids=list(LIES))
async def test_who_answers_with_lies_is_counted_and_barred(
    tmp_path: Path, item: Item, given: bytes, reason: str
) -> None:
    async with open_member(tmp_path / "a") as member, lying(member, Liar(item, given).answer):
        await wait_seen(lambda: dict(member.rejections.totals), timeout_s=30)
        assert dict(member.rejections.totals) == {reason: 1}
        assert member.count() == 0
