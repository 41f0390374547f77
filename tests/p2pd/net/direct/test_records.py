"""Records of direct messages: only their author's, only for their recipient, as signed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.rsa import create_new_key_pair as create_rsa_key_pair
from libp2p.peer.id import ID
from wsp.direct.v1 import direct_pb2

from p2pd.domain.names import PeerId
from p2pd.domain.rejections import MessageRefusedError, RejectionReason
from p2pd.net.direct.field import message_from_request, request_from_message
from p2pd.net.direct.records import (
    NS_PER_MS,
    RecordSigner,
    message_from_record,
    signed_from_record,
    stored_record_reader,
)
from p2pd.net.pubsub.messages import MessageSigner

KEYS = {name: create_new_key_pair(name.encode().ljust(32)) for name in ("ann", "bob", "eve")}
ANN, BOB, EVE = (PeerId(ID.from_pubkey(one.public_key).to_base58()) for one in KEYS.values())
NOW_NS = 1_750_000_000 * 10**9


def signer(next_seqno: Callable[[], int] | None = None) -> RecordSigner:
    return RecordSigner(KEYS["ann"].private_key, next_seqno or count(NOW_NS).__next__)


def test_a_record_is_read_as_it_was_signed() -> None:
    signed = signer().sign(BOB, "grüezi".encode())
    message = message_from_record(signed.signed_bytes, BOB, ANN, NOW_NS)
    assert (message.message_id, message.seqno) == (signed.message_id, signed.seqno)
    assert (message.author_id, message.peer_id, message.room) == (ANN, ANN, "")
    assert message.text == "grüezi"
    assert signed_from_record(signed.signed_bytes) == signed


def test_an_author_whose_id_does_not_hold_its_key_sends_the_key() -> None:
    key_pair = create_rsa_key_pair(2048)
    author = PeerId(ID.from_pubkey(key_pair.public_key).to_base58())
    signed = RecordSigner(key_pair.private_key, count(1).__next__).sign(BOB, b"x")
    assert message_from_record(signed.signed_bytes, BOB, author, 0).author_id == author


def change(field: str, value: object) -> Callable[[direct_pb2.DirectRecord], None]:
    return lambda record: setattr(record, field, value)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (change("data", b"other"), RejectionReason.DIRECT_SIGNATURE_WRONG),
        (change("seqno", 7), RejectionReason.DIRECT_SIGNATURE_WRONG),
        (change("signature", bytes(64)), RejectionReason.DIRECT_SIGNATURE_WRONG),
        (change("signature", b""), RejectionReason.DIRECT_MALFORMED),
        (change("data", b""), RejectionReason.DIRECT_MALFORMED),
        (change("data", bytes(60_001)), RejectionReason.DIRECT_MALFORMED),
        (change("seqno", 0), RejectionReason.DIRECT_MALFORMED),
        (change("author_id", bytes(100_000)), RejectionReason.DIRECT_MALFORMED),
        (change("recipient_id", ID.from_base58(EVE).to_bytes()), RejectionReason.DIRECT_OF_ANOTHER),
        (change("author_id", ID.from_base58(EVE).to_bytes()), RejectionReason.DIRECT_OF_ANOTHER),
    ],
)
def test_what_was_changed_is_refused_by_name(
    harm: Callable[[direct_pb2.DirectRecord], None], reason: RejectionReason
) -> None:
    record = direct_pb2.DirectRecord.FromString(signer().sign(BOB, b"text").signed_bytes)
    harm(record)
    with pytest.raises(MessageRefusedError) as refused:
        message_from_record(record.SerializeToString(), BOB, ANN, 0)
    assert refused.value.reason is reason


def test_nobody_can_pass_a_record_on() -> None:
    signed = signer().sign(BOB, b"for bob").signed_bytes
    for own_id, brought_by in ((BOB, EVE), (EVE, ANN), (EVE, BOB), (ANN, BOB)):
        with pytest.raises(MessageRefusedError):
            message_from_record(signed, own_id, brought_by, 0)


def test_a_message_of_a_room_is_no_direct_one() -> None:
    in_room = MessageSigner(KEYS["ann"].private_key, 0).sign("chat-room", b"text")
    with pytest.raises(MessageRefusedError):
        message_from_record(in_room.signed_bytes, BOB, ANN, 0)
    record = direct_pb2.DirectRecord.FromString(signer().sign(BOB, b"text").signed_bytes)
    record.signature = in_room.fields.signature
    with pytest.raises(MessageRefusedError):
        message_from_record(record.SerializeToString(), BOB, ANN, 0)


def test_stored_records_of_both_sides_are_read_again() -> None:
    signed = signer().sign(BOB, b"text").signed_bytes
    at_ann, at_bob = stored_record_reader(ANN)(signed), stored_record_reader(BOB)(signed)
    assert at_ann is not None
    assert at_bob is not None
    assert (at_ann.peer_id, at_bob.peer_id) == (BOB, ANN)
    assert stored_record_reader(EVE)(signed) is None


def test_equal_messages_to_a_peer_differ_in_the_protocol_of_the_field() -> None:
    quick = count(NOW_NS, NS_PER_MS // 10)
    one = signer(quick.__next__)
    texts = [b"a", b"b", b"a", b"a", b"b"] * 20
    requests = []
    for text in texts:
        signed = one.sign(BOB, text)
        request = request_from_message(signed.data, signed.seqno, "wsp/test")
        requests.append(request.SerializeToString())
    ids = {message_from_request(request, ANN, NOW_NS).message_id for request in requests}
    assert len(ids) == len(texts)
    again = message_from_request(requests[3], ANN, NOW_NS + 1)
    assert again.message_id in ids


def test_a_request_of_the_field_is_read_as_text_of_its_sender() -> None:
    request = direct_pb2.FieldRequest(
        metadata=direct_pb2.FieldMetadata(client_version="1.2", timestamp=NOW_NS // NS_PER_MS),
        content="hoi",
        type="text/plain",
    )
    message = message_from_request(request.SerializeToString(), EVE, NOW_NS)
    assert (message.author_id, message.peer_id, message.text) == (EVE, EVE, "hoi")
    assert message.send_time_ns == NOW_NS
    other = message_from_request(request.SerializeToString(), ANN, NOW_NS)
    assert other.message_id != message.message_id
