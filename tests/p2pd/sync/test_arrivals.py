"""What synchronisation brings is verified as if it came over GossipSub."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.pubsub.pb import rpc_pb2

from p2pd.domain.items import LOWEST, Item, item_digest
from p2pd.domain.messages import MAX_CLOCK_BEHIND_NS, Delivery, Message
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.rejections import Rejections
from p2pd.domain.verdicts import Verdict
from p2pd.net.pubsub.messages import MAX_DATA_BYTES, MessageSigner, WireMessage
from p2pd.net.pubsub.reading import SignedMessages
from p2pd.sync.arrivals import Arrivals
from p2pd.sync.errors import SyncAbuseError
from p2pd.sync.scope import Scope

LOBBY = RoomName("lobby")
GIVER = PeerId("giver")
EVERYTHING = Scope(LOBBY, LOWEST, LOWEST, LOWEST)


def make_signer() -> MessageSigner:
    return MessageSigner(create_new_key_pair().private_key, 0)


def item_of(wire: WireMessage) -> Item:
    return Item(wire.seqno, item_digest(wire.wire_id))


def altered(wire: WireMessage, **fields: object) -> bytes:
    changed = rpc_pb2.Message.FromString(wire.signed_bytes)
    for name, value in fields.items():
        setattr(changed, name, value)
    encoded: bytes = changed.SerializeToString()
    return encoded


class Desk:
    """Arrivals, and what they handed on."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.rejections = Rejections()
        self.now_ns = time.time_ns()
        self._arrivals = Arrivals(self, SignedMessages(), self.rejections, lambda: self.now_ns)

    async def receive_messages(self, messages: Sequence[Message]) -> list[Verdict]:
        self.taken.extend(messages)
        return [Verdict.STORED] * len(messages)

    def accept(
        self, *signed: bytes, wanted: set[Item] | None = None, scope: Scope = EVERYTHING
    ) -> int:
        return trio.run(self._arrivals.accept, scope, GIVER, signed, wanted)


def test_a_message_keeps_its_author_and_its_bytes() -> None:
    desk, wire = Desk(), make_signer().sign(LOBBY, b"hello")
    assert desk.accept(wire.signed_bytes) == 1
    (message,) = desk.taken
    assert (message.data, message.signed_bytes) == (b"hello", wire.signed_bytes)
    assert message.author_id != message.forwarder_id == GIVER
    assert message.delivery is Delivery.BACKFILLED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": b"other words"}, "sync_message_signature_wrong"),
        ({"seqno": b"\x00" * 8}, "sync_message_signature_wrong"),
        ({"signature": b""}, "sync_message_signature_missing"),
        ({"signature": b"x" * 64}, "sync_message_signature_wrong"),
        ({"seqno": b"\x01"}, "sync_message_seqno_malformed"),
        ({"data": b"x" * (MAX_DATA_BYTES + 1)}, "sync_message_too_large"),
    ],
)
def test_an_altered_message_ends_the_session(change: dict[str, object], reason: str) -> None:
    desk, wire = Desk(), make_signer().sign(LOBBY, b"hello")
    with pytest.raises(SyncAbuseError) as caught:
        desk.accept(altered(wire, **change))
    assert caught.value.reason == reason
    assert desk.taken == []


def test_a_message_signed_by_another_is_no_authors() -> None:
    desk, wire, other = Desk(), make_signer().sign(LOBBY, b"a"), make_signer().sign(LOBBY, b"b")
    with pytest.raises(SyncAbuseError):
        desk.accept(altered(wire, from_id=other.author))
    assert desk.taken == []


def test_a_message_of_another_room_cannot_be_moved_here() -> None:
    desk, wire = Desk(), make_signer().sign("den", b"hello")
    with pytest.raises(SyncAbuseError, match="sync_message_of_another_room"):
        desk.accept(wire.signed_bytes)
    assert desk.taken == []


def test_only_what_was_asked_for_is_taken() -> None:
    signer, desk = make_signer(), Desk()
    asked, other = signer.sign(LOBBY, b"asked"), signer.sign(LOBBY, b"other")
    wanted = {item_of(asked)}
    assert desk.accept(asked.signed_bytes, wanted=wanted) == 1
    assert wanted == set()
    with pytest.raises(SyncAbuseError, match="sync_message_unwanted"):
        desk.accept(other.signed_bytes, wanted=wanted)
    with pytest.raises(SyncAbuseError, match="sync_message_unwanted"):
        desk.accept(asked.signed_bytes, wanted=wanted)


def test_what_is_older_than_this_node_keeps_is_passed_over() -> None:
    desk, wire = Desk(), make_signer().sign(LOBBY, b"old")
    scope = Scope(LOBBY, LOWEST, Item(wire.seqno + 1, b""), LOWEST)
    assert desk.accept(wire.signed_bytes, scope=scope) == 0
    assert desk.rejections.totals == {"sync_message_too_old": 1}


def test_the_nodes_clock_and_no_other_says_what_is_displaced() -> None:
    desk, wire = Desk(), make_signer().sign(LOBBY, b"sent long before by the clock of the node")
    desk.now_ns = wire.seqno + 2 * MAX_CLOCK_BEHIND_NS
    displaced = Scope(LOBBY, LOWEST, LOWEST, LOWEST, is_displaced=True)
    assert desk.accept(wire.signed_bytes, scope=displaced) == 1
    desk.now_ns = wire.seqno
    assert desk.accept(wire.signed_bytes, scope=displaced) == 0
    assert desk.rejections.totals == {"sync_message_not_displaced": 1}


def test_junk_ends_the_session() -> None:
    with pytest.raises(SyncAbuseError):
        Desk().accept(b"\xff\xff\xff")
