"""Search over the real store and index: it finds what a scan finds, whatever the query."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from p2pd.chat.search import MAX_EXAMINED, Search
from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM, MessageId, PeerId, RoomName
from p2pd.domain.search import SearchQuery, fold, words_from_text
from p2pd.domain.state import State
from p2pd.log.log import Log
from p2pd.store.search_index import FILE_NAME, SearchIndex
from p2pd.store.sqlite_store import SqliteStore, open_store
from tests.driver.seeds import chosen_seed
from tests.p2pd.facts import NOW_NS, make_node
from tests.p2pd.store.stores import EVERYTHING, LOBBY, message_of

WORDS = {
    "latin": [
        "the",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "a",
        "lazy",
        "dog",
        "straße",
        "naïve",
        "Ångström",
    ],
    "cyrillic": ["привет", "мир", "как", "дела", "Сегодня", "хорошая", "погода"],
    "arabic": ["مرحبا", "بالعالم", "كيف", "حالك", "اليوم", "سلام"],
    "devanagari": ["नमस्ते", "दुनिया", "आप", "कैसे", "हैं", "आज"],
    "han": ["你好世界", "今天天气很好", "我们去公园", "蜜蜂"],
    "kana": ["こんにちは世界", "きょうはいい天気", "ミツバチ", "公園へ行こう"],
}
HOSTILE = (
    '"', '""', "'; DROP TABLE texts; --", "a OR b", "NOT fox", "NEAR(fox dog)", "text:fox", "fox*",
    "^fox", "(fox", "fox)", "fox AND", "-fox", "{fox}", "+fox", "%", "_", "\\", "<b>fox</b>",
    "\U0001f41d\U0001f41d\U0001f41d", "fox\0dog", "\u202efox",
)  # fmt: skip


class Part:
    """A search over a store on disk, and its index."""

    def __init__(self, directory: Path, store: SqliteStore) -> None:
        self.log = Log(store, State(make_node(), {}))
        self.index = SearchIndex(directory / FILE_NAME)
        self.joined = {DEFAULT_ROOM, LOBBY}
        self.search = Search(self.log, self.index, self.joined.__contains__)

    def append(self, number: int, text: str | bytes, room: RoomName = DEFAULT_ROOM) -> Message:
        data = text if isinstance(text, bytes) else text.encode()
        message = message_of(number, room, data=data)
        self.log.append([message])
        return message

    def fill_index(self) -> None:
        async def main() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.search.run)
                with trio.fail_after(60):
                    while self.search.unindexed_count or not self.index.epoch:
                        await trio.sleep(0.01)
                nursery.cancel_scope.cancel()

        trio.run(main)

    def find(self, query: str | SearchQuery, limit: int = 100) -> list[MessageId]:
        """Go through all pages; return the ids of what was found."""
        wanted = SearchQuery(words_from_text(query)) if isinstance(query, str) else query
        found: list[MessageId] = []

        async def main() -> None:
            before = None
            while True:
                page = await self.search.find(wanted, before, limit)
                assert len(page.messages) <= limit
                for one in page.messages:
                    assert isinstance(one.event.body, Message)
                    found.append(one.event.body.message_id)
                    assert one.ranges
                before = page.next_before
                if before is None:
                    return

        trio.run(main)
        return found


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Part]:
    with open_store(tmp_path) as store:
        made = Part(tmp_path, store)
        yield made
        made.index.close()


def scan(part: Part, matches: Callable[[Message], bool]) -> list[MessageId]:
    """Return the ids of all stored messages that match, the newest first."""
    store, after, found = part.log.store, 0, list[MessageId]()
    while batch := store.read(after, store.last_offset, 1 << 24):
        found += [one.message.message_id for one in batch if matches(one.message)]
        after = batch[-1].offset
    return found[::-1]


def holds_all(query: str) -> Callable[[Message], bool]:
    words = fold(query).split()
    return lambda one: one.text is not None and all(word in fold(one.text) for word in words)


def test_search_finds_what_a_scan_finds_over_10_000_messages_in_six_scripts(part: Part) -> None:
    chance = random.Random(chosen_seed())
    batch = []
    for number in range(10_000):
        words = WORDS[chance.choice(list(WORDS))]
        text = " ".join(chance.choices(words, k=chance.randint(1, 8)))
        room = chance.choice([DEFAULT_ROOM, LOBBY])
        batch.append(message_of(number, room, data=text.encode()))
    part.log.append(batch)
    part.fill_index()
    queries = [word for words in WORDS.values() for word in words]
    queries += [word[1:4] for word in queries if len(word) > 3] + [
        "天气",
        "蜂",
        "fox dog",
        "мир как",
    ]
    for query in chance.sample(queries, 30):
        assert part.find(query) == scan(part, holds_all(query)), query


def test_a_query_is_plain_text_whatever_is_in_it(part: Part) -> None:
    for number, text in enumerate((*HOSTILE, "fox", "fox and dog", "a b or")):
        part.append(number, text)
    for _ in range(2):
        for query in HOSTILE:
            assert part.find(query) == scan(part, holds_all(query)), query
        part.fill_index()


def test_what_the_index_does_not_have_yet_is_found_too(part: Part) -> None:
    part.append(1, "old bees")
    part.fill_index()
    newer = part.append(2, "new bees")
    assert part.search.unindexed_count == 1
    assert part.find("bees")[0] == newer.message_id
    assert len(part.find("bees")) == 2


def test_a_search_is_narrowed_by_room_author_and_time(part: Part) -> None:
    here, there = part.append(1, "some bees"), part.append(2, "more bees", LOBBY)
    other = replace(message_of(3, data=b"her bees"), author_id=PeerId("her"))
    part.log.append([other])
    part.fill_index()
    query = SearchQuery(("bees",))
    assert part.find(replace(query, conversation=LOBBY)) == [there.message_id]
    assert part.find(replace(query, author_id=PeerId("her"))) == [other.message_id]
    assert part.find(replace(query, before_ns=NOW_NS + 2)) == [here.message_id]
    assert part.find(replace(query, not_before_ns=NOW_NS + 3)) == [other.message_id]


def test_nothing_of_the_hidden_the_left_and_the_removed_is_found(part: Part) -> None:
    part.append(1, "removed bees", LOBBY)
    part.append(2, "left bees", RoomName("left"))
    hidden = replace(message_of(3, data=b"hidden bees"), author_id=PeerId("blocked"))
    part.log.append([hidden])
    part.append(4, b"\xff bees")
    part.fill_index()
    part.log.hides = lambda message: message.author_id == PeerId("blocked")
    part.log.store.drop_oldest(LOBBY, keep=0, received_before_ns=0, at_most=EVERYTHING)
    assert part.find("bees") == []


def test_pages_go_on_where_the_one_before_ended_and_look_at_so_many(part: Part) -> None:
    batch = [message_of(number, data=b"bees %d" % number) for number in range(MAX_EXAMINED + 10)]
    part.log.append(batch)
    part.fill_index()
    assert part.find("bees", limit=7) == [one.message_id for one in reversed(batch)]
    # Without the index, what does not match is looked at in pages as well.
    assert part.find("0 es", limit=7) == scan(part, holds_all("0 es"))


def test_the_index_goes_on_after_a_restart_and_is_made_anew_where_it_is_damaged(
    tmp_path: Path,
) -> None:
    with open_store(tmp_path) as store:
        part = Part(tmp_path, store)
        first = part.append(1, "bees")
        part.fill_index()
        part.index.close()
    with open_store(tmp_path) as store:
        part = Part(tmp_path, store)
        second = part.append(2, "more bees")
        part.fill_index()
        assert part.index.text_count == 2
        assert part.find("bees") == [second.message_id, first.message_id]
        part.index.close()
    (tmp_path / FILE_NAME).write_bytes(b"SQLite format 3\0" + bytes(random.randbytes(8192)))
    with open_store(tmp_path) as store:
        part = Part(tmp_path, store)
        part.fill_index()
        assert part.find("bees") == [second.message_id, first.message_id]
        part.index.close()


def test_an_index_full_of_removed_messages_is_made_anew(
    part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2pd.chat.search.MIN_STALE", 10)
    for number in range(20):
        part.append(number, f"bees {number}")
    part.fill_index()
    part.log.store.drop_oldest(DEFAULT_ROOM, keep=1, received_before_ns=0, at_most=EVERYTHING)
    part.append(30, "last bees")
    part.fill_index()
    assert part.index.text_count == 2
    assert len(part.find("bees")) == 2
