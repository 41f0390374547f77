"""Records of direct messages in both stores: stored, paged and removed like others, of no room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.records import Direct
from p2pd.store.message_store import MessageStore
from p2pd.store.room_store import RoomRecord
from p2pd.store.salvage import salvage
from p2pd.store.sqlite_store import FILE_NAME, open_store
from tests.p2pd.store.stores import KINDS, message_of, offsets, open_kind

BOB = PeerId("12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN")
ACCEPTED = RoomRecord(is_joined=True, floor_ns=0, joined_ns=0, sent_until=7)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[MessageStore]:
    with open_kind(request.param) as store:
        yield store


def direct(number: int) -> Message:
    return replace(message_of(number), room=RoomName(""), peer_id=BOB)


def test_they_are_read_paged_and_removed_by_their_conversation(
    store: MessageStore,
) -> None:
    store.append([message_of(1), direct(2), message_of(3), direct(4)])
    assert offsets(store.read(0, 9, 1 << 20)) == [1, 2, 3, 4]
    assert offsets(store.page_before(Direct(BOB), 9, 10).messages) == [2, 4]
    assert offsets(store.page_after(Direct(BOB), 2, 10).messages) == [4]
    assert [one.message for one in store.page_after(Direct(BOB), 0, 10).messages] == [
        direct(2), direct(4)
    ]  # fmt: skip
    assert (store.count(Direct(BOB)), set(store.conversations())) == (
        2,
        {message_of(1).room, Direct(BOB)},
    )


def test_no_room_has_them_whatever_its_name(store: MessageStore) -> None:
    store.append([message_of(1), direct(2)])
    ids = [direct(2).message_id]
    for name in (message_of(1).room, "", BOB, f"\x01{BOB}"):
        room = RoomName(name)
        assert direct(2).message_id not in [one.message_id for one in store.items(room)]
        assert store.signed_bytes(room, ids) == {}
        assert offsets(store.page_after(room, 0, 10).messages) in ([], [1])
        assert store.sum_range(room, 0, None).items <= (room == message_of(1).room)


def test_they_survive_a_restart_and_a_salvage_with_their_conversation(tmp_path: Path) -> None:
    with open_store(tmp_path) as disk:
        disk.append([message_of(1), direct(2)])
        disk.save_directs({BOB: ACCEPTED})
    with open_store(tmp_path) as disk:
        assert disk.direct_records() == {BOB: ACCEPTED}
        assert disk.room_records() == {}
        assert [one.message for one in disk.read(0, 9, 1 << 20)] == [message_of(1), direct(2)]
        assert disk.storage.damages == ()
    batches = salvage(tmp_path / FILE_NAME, lambda _: None)
    found = [message for batch in batches for message in batch.messages]
    assert found == [message_of(1), direct(2)]


def test_retention_removes_them_and_an_accepted_conversation_stays(tmp_path: Path) -> None:
    with open_store(tmp_path) as disk:
        disk.append([direct(1), direct(2), direct(3)])
        disk.save_directs({BOB: ACCEPTED})
        gone = disk.drop_oldest(Direct(BOB), keep=1, received_before_ns=0, at_most=9)
        assert [one.message_id for one in gone] == [direct(1).message_id, direct(2).message_id]
        assert disk.dropped_until(frozenset({Direct(BOB)})) == 2
        disk.drop_oldest(Direct(BOB), keep=0, received_before_ns=0, at_most=9)
    with open_store(tmp_path) as disk:
        assert disk.direct_records() == {BOB: ACCEPTED}
        assert disk.conversations() == ()
