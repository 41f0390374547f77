"""Read markers of the store in memory: gone after a restart, as the messages are.

Made by ``MemoryStore``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import trio

from p2pd.domain.conversations import ReaderName
from p2pd.domain.names import PeerId
from p2pd.domain.records import Conversation
from p2pd.store.message_store import IsMention, Stored
from p2pd.store.read_state_store import (
    MAX_MARKERS,
    MAX_READERS,
    Markers,
    StoredOffsets,
    offsets,
)


class MemoryReadState:
    """A ``ReadStateStore`` in memory.

    Args:
        stored_of: Returns the messages of a conversation.
    """

    def __init__(
        self, stored_of: Callable[[Conversation], Sequence[Stored]], is_mention: IsMention
    ) -> None:
        self.evicted_readers = 0
        self._stored_of = stored_of
        self._is_mention = is_mention
        self._readers: OrderedDict[ReaderName, OrderedDict[Conversation, int]] = OrderedDict()

    def markers(self, reader: ReaderName) -> Markers:
        """Return how far a reader has read."""
        return self._readers.get(reader, {})

    def save_marker(self, reader: ReaderName, conversation: Conversation, until: int) -> None:
        """Keep a marker, and evict what was set longest ago where there are too many."""
        markers = self._readers.setdefault(reader, OrderedDict())
        self._readers.move_to_end(reader)
        markers[conversation] = until
        markers.move_to_end(conversation)
        if len(markers) > MAX_MARKERS:
            markers.popitem(last=False)
        if len(self._readers) > MAX_READERS:
            self._readers.popitem(last=False)
            self.evicted_readers += 1

    def stored_offsets(
        self,
        conversation: Conversation,
        author_bytes: bytes,
        until: int,
        hidden: Sequence[PeerId] = (),
    ) -> StoredOffsets:
        """Return where a conversation's messages are, up to an offset."""
        author = author_bytes.hex()
        known = [
            one
            for one in self._stored_of(conversation)
            if one.offset <= until and one.message.author_id not in hidden
        ]
        others = [one for one in known if not one.message.message_id.startswith(author)]
        mentions = [one.offset for one in others if self._is_mention(one.message)]
        newest = known[-1].offset if known else 0
        return StoredOffsets(offsets([one.offset for one in others]), offsets(mentions), newest)

    async def wait_committed(self) -> None:
        """Return at once: memory is as safe as it will be."""
        await trio.lowlevel.checkpoint()
