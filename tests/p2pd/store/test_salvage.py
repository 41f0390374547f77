from __future__ import annotations

import random
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId
from p2pd.store.damage import quarantine
from p2pd.store.salvage import salvage
from p2pd.store.sqlite_store import FILE_NAME, open_store
from tests.p2pd.facts import NOW_NS
from tests.p2pd.store.stores import message_of

COUNT = 2_000
PAGE = 4096


def fill(directory: Path) -> list[Message]:
    messages = [
        message_of(number, data=b"text %d" % number, client_message_id=f"id {number}")
        for number in range(COUNT)
    ]
    with open_store(directory) as store:
        for start in range(0, COUNT, 100):
            store.append(messages[start : start + 100])
    return messages


def salvaged(directory: Path) -> list[Message]:
    batches = salvage(directory / FILE_NAME, verify)
    return [message for batch in batches for message in batch.messages]


def verify(signed_bytes: bytes) -> Message | None:
    """Read the bytes that ``message_of`` makes, as one who knows who signed them."""
    text = re.fullmatch(rb"\x0a\x26author(text \d+)\x2a\x40signature-(\d+)", signed_bytes)
    if text is None:
        return None
    return replace(
        message_of(int(text[2]), data=text[1]), receive_time_ns=0, forwarder_id=PeerId("author")
    )


def test_of_a_whole_file_everything_comes_back_in_order(tmp_path: Path) -> None:
    assert fill(tmp_path) == salvaged(tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_broken_pages_cost_their_own_messages_only(tmp_path: Path, seed: int) -> None:
    messages = fill(tmp_path)
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    chance = random.Random(seed)
    # The first pages hold the schema and the roots of the trees.
    for page in chance.sample(range(12, len(content) // PAGE), 5):
        content[page * PAGE : page * PAGE + 64] = chance.randbytes(64)
    path.write_bytes(content)
    found = salvaged(tmp_path)
    assert len(found) > 0.8 * COUNT
    assert found == [message for message in messages if message in set(found)]


def test_a_changed_byte_costs_its_own_message(tmp_path: Path) -> None:
    messages = fill(tmp_path)
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"text 77*", b"tExt 77*"))
    assert salvaged(tmp_path) == [one for one in messages if one.data != b"text 77"]


def test_what_is_no_store_yields_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"nothing like it" * 1000)
    assert salvaged(tmp_path) == []
    (tmp_path / "empty").touch()
    assert list(salvage(tmp_path / "empty", verify)) == []


def change(directory: Path, *statements: str) -> None:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


VERSION_3 = (
    "DROP TRIGGER record_appended",
    "DROP TRIGGER record_dropped",
    "DROP TRIGGER record_changed",
    "DROP INDEX items",
    "CREATE TABLE rooms AS SELECT conversation AS room, room AS name FROM conversations",
    "DROP TABLE conversations",
    "ALTER TABLE records RENAME COLUMN body TO signed",
    "ALTER TABLE records RENAME COLUMN conversation TO room",
    "ALTER TABLE records RENAME TO messages",
)
"""Leads back from the present version, as far as messages are concerned."""


def test_rows_are_read_from_where_an_earlier_salvage_came_to(tmp_path: Path) -> None:
    messages = fill(tmp_path)
    *_, last = batches = list(salvage(tmp_path / FILE_NAME, verify, after=COUNT - 100))
    assert [one for batch in batches for one in batch.messages] == messages[-100:]
    assert last.read_until == COUNT


def test_files_of_the_versions_before_are_read_by_their_checksums(tmp_path: Path) -> None:
    messages = fill(tmp_path)
    change(tmp_path, *VERSION_3)
    assert salvaged(tmp_path) == messages
    columns = ("caller", "kind")
    change(tmp_path, *(f"ALTER TABLE messages DROP COLUMN {name}" for name in columns))
    assert salvaged(tmp_path) == messages


def test_rows_without_a_checksum_are_read_by_their_signatures(tmp_path: Path) -> None:
    messages = fill(tmp_path)
    columns = ("caller", "kind", "checksum")
    change(
        tmp_path,
        *VERSION_3,
        "UPDATE messages SET signed = x'00' || signed WHERE offset = 7",
        *(f"ALTER TABLE messages DROP COLUMN {name}" for name in columns),
    )
    assert salvaged(tmp_path) == messages[:6] + messages[7:]


def test_a_lost_table_of_rooms_costs_no_message(tmp_path: Path) -> None:
    messages = fill(tmp_path)
    change(tmp_path, "DELETE FROM conversations")
    assert salvaged(tmp_path) == messages


def test_a_quarantined_file_is_read_again_only_where_the_store_beside_it_was_deleted(
    tmp_path: Path,
) -> None:
    with open_store(tmp_path) as store:
        store.append([message_of(1)])
    quarantined = Path(quarantine(tmp_path / FILE_NAME, "a test", NOW_NS).path)
    with open_store(tmp_path) as store:
        assert store.unread_quarantined() == {quarantined: 0}
        store.save_quarantined(quarantined, None)
    with open_store(tmp_path) as store:
        assert store.unread_quarantined() == {}
    (tmp_path / FILE_NAME).unlink()
    with open_store(tmp_path) as store:
        assert store.unread_quarantined() == {quarantined: 0}
