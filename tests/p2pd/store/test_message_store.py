from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import hypothesis.strategies as st
import pytest
import trio
from hypothesis import given, settings

from p2pd.domain.messages import Delivery, Message
from p2pd.domain.names import DEFAULT_ROOM, MessageId, PeerId, RoomName
from p2pd.store.message_store import MessageStore, OrderKey, Stored, StoredAnswer
from p2pd.store.rows import row_from_message, stored_from_row
from tests.p2pd.store.stores import KINDS, LOBBY, append, message_of, offsets, open_kind

MANY = 1 << 20


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[MessageStore]:
    with open_kind(request.param) as store:
        yield store


def test_an_empty_store_begins_at_one(store: MessageStore) -> None:
    assert (store.first_offset, store.last_offset) == (1, 0)
    assert store.read(0, MANY, MANY) == ()
    assert store.conversations() == ()
    assert store.count(DEFAULT_ROOM) == 0
    assert store.dropped_until(frozenset()) == 0


def test_what_is_read_is_what_was_appended(store: MessageStore) -> None:
    messages = [
        message_of(1),
        message_of(2, LOBBY, data="ünï 🎈".encode(), client_message_id="mine"),
        replace(message_of(3), forwarder_id=PeerId("author"), delivery=Delivery.BACKFILLED),
        replace(message_of(4), seqno=(1 << 64) - 1, signed_bytes=b""),
        replace(message_of(5), seqno=0, data=bytes(range(256)) * 200),
    ]
    assert store.append(messages) == tuple(map(Stored, range(1, 6), messages))
    assert store.read(0, MANY, MANY) == tuple(map(Stored, range(1, 6), messages))


def test_a_message_is_kept_once(store: MessageStore) -> None:
    append(store, 1, 2)
    again = [message_of(2), message_of(3), message_of(1), message_of(3), message_of(4)]
    assert offsets(store.append(again)) == [3, 4]
    assert store.append([message_of(1)]) == ()
    assert store.append([]) == ()
    assert store.last_offset == 4
    assert store.count(DEFAULT_ROOM) == 4
    assert store.offset_of(message_of(4).message_id) == 4
    assert store.offset_of(message_of(5).message_id) is None


def test_a_read_is_bounded_and_returns_at_least_one(store: MessageStore) -> None:
    append(store, *range(1, 21))
    assert offsets(store.read(4, 9, MANY)) == [5, 6, 7, 8, 9]
    assert offsets(store.read(4, 9, 1)) == [5]
    assert offsets(store.read(4, 9, 15)) == [5, 6, 7]
    assert offsets(store.read(20, 30, MANY)) == []


def test_pages_are_of_one_room_and_tell_whether_there_is_more(store: MessageStore) -> None:
    for number in range(1, 21):
        append(store, number, room=LOBBY if number % 2 else DEFAULT_ROOM)
    page = store.page_before(LOBBY, 21, 3)
    assert (offsets(page.messages), page.more) == ([15, 17, 19], True)
    page = store.page_before(LOBBY, 5, 3)
    assert (offsets(page.messages), page.more) == ([1, 3], False)
    page = store.page_after(LOBBY, 13, 3)
    assert (offsets(page.messages), page.more) == ([15, 17, 19], False)
    page = store.page_after(LOBBY, 0, 2)
    assert (offsets(page.messages), page.more) == ([1, 3], True)
    assert store.page_after(RoomName("nowhere"), 0, 2).messages == ()
    assert set(store.conversations()) == {LOBBY, DEFAULT_ROOM}


def test_the_first_answer_of_a_client_message_id_is_found(store: MessageStore) -> None:
    append(store, 1)
    store.append([message_of(2, client_message_id="a")])
    store.append([message_of(3, client_message_id="a"), message_of(4, client_message_id="b")])
    assert store.answer_of("a") == StoredAnswer(message_of(2).message_id, 2, DEFAULT_ROOM, b"hello")
    assert store.answer_of("b") == StoredAnswer(message_of(4).message_id, 4, DEFAULT_ROOM, b"hello")
    assert store.answer_of("c") is None
    assert store.answer_of("") is None


def test_the_same_client_message_id_of_another_caller_is_another(store: MessageStore) -> None:
    for number, caller in enumerate(("", "bot", "web")):
        message = message_of(number, LOBBY, data=b"%d" % number, client_message_id="1")
        store.append([replace(message, caller=caller)])
    assert store.answer_of("1", "bot") == StoredAnswer(message_of(1).message_id, 2, LOBBY, b"1")
    assert store.answer_of("1") == StoredAnswer(message_of(0).message_id, 1, LOBBY, b"0")
    assert store.answer_of("1", "nobody") is None
    assert store.read(1, 2, MANY)[0].message.caller == "bot"


def test_the_highest_sequence_number_of_an_author_is_found(store: MessageStore) -> None:
    def own(author: int, seqno: int) -> Message:
        message_id = MessageId(f"{author:04x}{seqno:016x}")
        return replace(message_of(0), message_id=message_id, seqno=seqno)

    highest = (1 << 63) + 5
    store.append([own(0xAA01, 7), own(0xAA02, highest), own(0xAA02, 9), own(0xAA03, 11)])
    assert store.max_seqno(b"\xaa\x02") == highest
    assert store.max_seqno(b"\xaa\x01") == 7
    assert store.max_seqno(b"\xaa\x04") == 0


def test_items_are_in_send_order_between_bounds(store: MessageStore) -> None:
    seqnos = [5, 3, (1 << 64) - 1, 3, 1 << 63, 0]
    for number, seqno in enumerate(seqnos):
        store.append([replace(message_of(number), seqno=seqno)])
    append(store, 99, room=LOBBY)
    expected = sorted(
        OrderKey(seqno, message_of(number).message_id) for number, seqno in enumerate(seqnos)
    )
    assert list(store.items(DEFAULT_ROOM)) == expected
    for low in range(len(expected)):
        assert list(store.items(DEFAULT_ROOM, expected[low])) == expected[low:]
        assert list(store.items(DEFAULT_ROOM, None, expected[low])) == expected[:low]
    assert list(store.items(DEFAULT_ROOM, expected[1], expected[4])) == expected[1:4]
    assert list(store.items(RoomName("nowhere"))) == []


def test_signed_bytes_are_given_for_kept_messages_of_the_room(store: MessageStore) -> None:
    append(store, 1, 2)
    append(store, 3, room=LOBBY)
    asked = [message_of(number).message_id for number in (2, 3, 4)]
    assert store.signed_bytes(DEFAULT_ROOM, asked) == {asked[0]: message_of(2).signed_bytes}


def test_what_was_appended_is_soon_durable(store: MessageStore) -> None:
    async def main() -> None:
        append(store, 1)
        with trio.fail_after(20):
            await store.wait_durable(1)
            await store.wait_durable(1)

    trio.run(main)


messages = st.builds(
    Message,
    message_id=st.binary(min_size=1, max_size=50).map(lambda value: MessageId(value.hex())),
    room=st.text(max_size=20).map(RoomName),
    author_id=st.text("abc", min_size=1).map(PeerId),
    data=st.binary(max_size=200),
    seqno=st.integers(0, (1 << 64) - 1),
    receive_time_ns=st.integers(0, (1 << 63) - 1),
    forwarder_id=st.text("abc", min_size=1).map(PeerId),
    signed_bytes=st.binary(max_size=200),
    delivery=st.sampled_from(Delivery),
    client_message_id=st.text(max_size=20),
)


@settings(deadline=None)
@given(message=messages, inside=st.booleans())
def test_every_message_comes_back_from_its_row_as_it_was(message: Message, inside: bool) -> None:
    if inside:
        message = replace(message, signed_bytes=b"<" + message.data + b">" + message.signed_bytes)
    offset, message_id, _, *rest = row_from_message(7, 1, message)
    assert stored_from_row((offset, message_id, message.room, *rest)) == Stored(7, message)
