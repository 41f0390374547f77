"""Search in stored messages, and the task that keeps the index behind the log.

The index follows the log by offset, so that a publish costs nothing more. What it does
not have yet, the newest messages, is searched without it: a search finds what is stored
when it begins, except where the index is far behind, which its answer says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Never

import structlog
import trio

from p2pd.domain.messages import Message
from p2pd.domain.names import RoomName
from p2pd.domain.search import FoundMessage, FoundPage, SearchQuery, fold
from p2pd.domain.sizes import MAX_ITEMS_BYTES, size_of_message
from p2pd.errors import ChatError, RoomNotJoinedError
from p2pd.log.log import Log
from p2pd.store.message_store import Stored
from p2pd.store.reads import run_read
from p2pd.store.search_index import SearchIndex
from p2pd.workers import WORKER_THREADS, Workers

MAX_EXAMINED = 4_000
"""Messages looked at for one page; the next goes on."""
CANDIDATES = 64
"""Offsets that the index is asked for at a time."""
STRETCH = 256
"""Offsets that are read at a time where the index is of no use."""
BATCH_BYTES = 256 << 10
INTERVAL_S = 0.5
"""Between a message and its place in the index, about."""
RETRY_S = 10.0
MIN_STALE = 10_000
"""Texts of messages that are not stored any more, before the index is made anew."""
RANGE_BYTES = 16

log_line = structlog.get_logger(__name__)


class Search:
    """Find messages by their text.

    Args:
        is_joined: Whether the messages of a room are shown.
    """

    def __init__(
        self,
        log: Log,
        index: SearchIndex,
        is_joined: Callable[[RoomName], bool],
        workers: Workers = WORKER_THREADS,
    ) -> None:
        self._log = log
        self._index = index
        self._is_joined = is_joined
        self._workers = workers
        self._wake = trio.Event()
        self._wake.set()
        log.on_stored.append(lambda _: self._wake.set())

    @property
    def unindexed_count(self) -> int:
        """How many messages the index does not have yet, removed ones included."""
        store = self._log.store
        until = self._index.until if self._index.epoch == store.epoch else 0
        return max(0, store.last_offset - max(until, store.first_offset - 1))

    async def clear(self) -> None:
        """Remove the index from the disk; it is made anew."""
        await self._workers.run(self._index.clear)
        self._wake.set()

    async def find(self, query: SearchQuery, before: int | None, limit: int) -> FoundPage:
        """Return messages that match, the newest first.

        Args:
            before: Only messages below this offset; None is all.

        Raises:
            RoomNotJoinedError: The room of the query is not joined.
            StorageFailedError: The store or the index cannot be read.
        """
        room = query.conversation
        if isinstance(room, str) and not self._is_joined(room):
            raise RoomNotJoinedError(room)
        end = self._log.store.last_offset + 1
        place = end if before is None else min(before, end)
        return await run_read(self._log.store.reads, lambda: self._page(query, place, limit))

    async def run(self) -> Never:
        """Keep the index behind the log; ends by cancellation."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            try:
                while await self._workers.run(self._add_batch):
                    await trio.lowlevel.checkpoint()
                await trio.sleep(INTERVAL_S)
            except ChatError as error:
                log_line.warning("search index not filled", error=str(error))
                await trio.sleep(RETRY_S)
                self._wake.set()

    def _page(self, query: SearchQuery, before: int, limit: int) -> FoundPage:
        found: list[FoundMessage] = []
        size_bytes = 0
        for examined, (place, message) in enumerate(self._candidates(query, before), 1):
            one = None if message is None else self._match(query, Stored(place, message))
            if one is not None and message is not None:
                size_bytes += size_of_message(message) + RANGE_BYTES * len(one.ranges)
                if found and size_bytes > MAX_ITEMS_BYTES:
                    return FoundPage(found, place + 1, self.unindexed_count)
                found.append(one)
            if len(found) == limit or examined == MAX_EXAMINED:
                return FoundPage(found, place, self.unindexed_count)
        return FoundPage(found, None, self.unindexed_count)

    def _match(self, query: SearchQuery, stored: Stored) -> FoundMessage | None:
        message = stored.message
        text = message.text
        is_shown = message.peer_id is not None or self._is_joined(message.room)
        if text is None or not is_shown or not query.admits(message) or self._log.hides(message):
            return None
        ranges = query.ranges_in(text)
        return (
            FoundMessage(self._log.entry(message, stored.offset).event, ranges) if ranges else None
        )

    def _candidates(self, query: SearchQuery, before: int) -> Iterator[tuple[int, Message | None]]:
        """Yield offsets and their messages that may match, the newest first."""
        grams, store = query.grams, self._log.store
        is_indexed = bool(grams) and self._index.epoch == store.epoch
        until = self._index.until if is_indexed else 0
        yield from self._stretches(max(until, store.first_offset - 1), before)
        before = min(before, until + 1)
        while is_indexed and before > 1:
            offsets = self._index.find(grams, before, CANDIDATES)
            for offset in offsets:
                stored = store.read(offset - 1, offset, 1)
                yield offset, stored[0].message if stored else None
            if len(offsets) < CANDIDATES:
                return
            before = offsets[-1]

    def _stretches(self, after: int, before: int) -> Iterator[tuple[int, Message | None]]:
        """Yield all messages between two offsets, the newest first."""
        end = before - 1
        while end > after:
            begin = max(after, end - STRETCH)
            for one in reversed(self._read_all(begin, end)):
                yield one.offset, one.message
            end = begin

    def _read_all(self, after: int, until: int) -> Sequence[Stored]:
        found: list[Stored] = []
        while after < until:
            batch = self._log.store.read(after, until, MAX_ITEMS_BYTES)
            if not batch:
                break
            found += batch
            after = batch[-1].offset
        return found

    def _add_batch(self) -> bool:
        """Add the next messages to the index, in a worker thread; False at the log's end."""
        store = self._log.store
        if self._index.epoch != store.epoch:
            self._index.open(store.epoch)
        if self._is_stale():
            log_line.info("search index made anew", texts=self._index.text_count)
            self._index.clear()
        after, end = max(self._index.until, store.first_offset - 1), store.last_offset
        if after >= end:
            return False
        batch = store.read(after, end, BATCH_BYTES)
        texts = [(one.offset, fold(text)) for one in batch if (text := one.message.text)]
        self._index.add(texts, batch[-1].offset if batch else end)
        return True

    def _is_stale(self) -> bool:
        store = self._log.store
        stored = sum(store.count(one) for one in store.conversations())
        return self._index.text_count > 2 * stored + MIN_STALE
