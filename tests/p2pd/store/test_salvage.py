from __future__ import annotations

import random
from pathlib import Path

import pytest

from p2pd.domain.messages import Message
from p2pd.store.salvage import salvage
from p2pd.store.sqlite_store import FILE_NAME, open_store
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
    return [message for batch in salvage(directory / FILE_NAME) for message in batch]


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
    assert list(salvage(tmp_path / "missing")) == []
