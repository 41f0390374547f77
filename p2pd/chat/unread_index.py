"""Where the messages of one conversation lie in the log: what is unread is a look-up.

Kept by ``p2pd.chat.read_state`` for conversations that were asked for: eight bytes a
message of others.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence

import trio

from p2pd.domain.names import PeerId
from p2pd.store.read_state_store import StoredOffsets


class UnreadIndex:
    """The offsets of one conversation, loaded from the store while the log goes on.

    Args:
        epoch: The log whose offsets these are.
        hidden: Authors whose messages are left out.

    Attributes:
        is_loaded: Set once what the store had is in it, or could not be read.
    """

    def __init__(self, epoch: str, hidden: Sequence[PeerId] = ()) -> None:
        self.epoch = epoch
        self.hidden = hidden
        self.is_loaded = trio.Event()
        self._offsets = StoredOffsets()

    @property
    def newest(self) -> int:
        """The offset of the newest message; 0 where there is none."""
        return self._offsets.newest

    def load(self, stored: StoredOffsets) -> None:
        """Put what was stored before the index was made in front of what came since."""
        came = self._offsets
        stored.others.extend(came.others)
        stored.mentions.extend(came.mentions)
        stored.newest = max(stored.newest, came.newest)
        self._offsets = stored
        self.is_loaded.set()

    def append(self, offset: int, *, is_own: bool, is_mention: bool) -> None:
        """Add a message that was stored just now."""
        self._offsets.newest = offset
        if not is_own:
            self._offsets.others.append(offset)
        if is_mention:
            self._offsets.mentions.append(offset)

    def drop(self, until: int) -> None:
        """Forget what retention removed: all up to an offset."""
        for one in (self._offsets.others, self._offsets.mentions):
            if one and one[0] <= until:
                del one[: bisect_right(one, until)]
        if self._offsets.newest <= until:
            self._offsets.newest = 0

    def counts_after(self, offset: int) -> tuple[int, int]:
        """Return how many messages of others, and how many mentions, lie behind an offset."""
        return _count_after(self._offsets.others, offset), _count_after(
            self._offsets.mentions, offset
        )


def _count_after(sorted_offsets: array[int], offset: int) -> int:
    return len(sorted_offsets) - bisect_right(sorted_offsets, offset)
