"""What a person does not want to see: messages hidden, rooms muted, and whoever is blocked.

The one writer of both kinds of entries in the store, and the one filter of all that reads
stored messages: the log asks ``hides``, from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from p2pd.chat.blocks import Blocks
from p2pd.domain.events import MessageHidden, RoomMuted
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, RoomName
from p2pd.errors import ChatError, LimitReachedError, RoomNotJoinedError
from p2pd.log.log import Log
from p2pd.store.entry_store import EntryKind, EntryStore
from p2pd.store.message_store import Dropped

MAX_HIDDEN = 10_000
REPEAT_S = 60.0

log_line = structlog.get_logger(__name__)


class Shown:
    """Hidden messages, at most 10,000, and muted rooms, of those that are joined."""

    def __init__(
        self, log: Log, store: EntryStore, blocks: Blocks, is_joined: Callable[[RoomName], bool]
    ) -> None:
        self._log = log
        self._is_joined = is_joined
        self._store = store
        self._blocks = blocks
        self._hidden = set(store.entries(EntryKind.HIDDEN))
        self._muted = set(store.entries(EntryKind.MUTED))

    def hides(self, message: Message) -> bool:
        """Return whether a stored message is shown to nobody."""
        return message.message_id in self._hidden or self._blocks.is_blocked(message.author_id)

    def is_muted(self, room: RoomName) -> bool:
        """Return whether a person wants no notice of what is said in a room."""
        return room in self._muted

    async def hide_message(self, message_id: MessageId, *, is_hidden: bool) -> None:
        """Show a message to nobody, or show it again.

        Raises:
            LimitReachedError: 10,000 messages are hidden.
            StorageFullError: There is no room to store it; nothing was changed.
            StorageFailedError: It may not survive.
        """
        if is_hidden != (message_id in self._hidden):
            if is_hidden and len(self._hidden) >= MAX_HIDDEN:
                raise LimitReachedError(
                    "TOO_MANY_HIDDEN", f"{MAX_HIDDEN} messages are hidden", REPEAT_S
                )
            self._save(EntryKind.HIDDEN, message_id, self._hidden, is_hidden)
            self._log.emit(MessageHidden(message_id, is_hidden))
        await self._store.wait_committed()

    async def mute_room(self, room: RoomName, *, is_muted: bool) -> None:
        """Want no notice of what is said in a joined room, or want it again.

        Raises:
            RoomNotJoinedError: It is not joined.
            StorageFullError: There is no room to store it; nothing was changed.
            StorageFailedError: It may not survive.
        """
        if not self._is_joined(room):
            raise RoomNotJoinedError(room)
        if is_muted != (room in self._muted):
            self._save(EntryKind.MUTED, room, self._muted, is_muted)
            self._log.emit(RoomMuted(room, is_muted))
        await self._store.wait_committed()

    def room_left(self, room: RoomName) -> None:
        """Forget that a room was muted."""
        if room in self._muted:
            self._forget(EntryKind.MUTED, room, self._muted)

    def messages_dropped(self, dropped: Sequence[Dropped]) -> None:
        """Forget that messages were hidden that retention removed."""
        for one in dropped:
            if one.message_id in self._hidden:
                self._forget(EntryKind.HIDDEN, one.message_id, self._hidden)

    def _save(self, kind: EntryKind, key: str, keys: set[str], is_in: bool) -> None:
        self._store.save_entry(kind, key, b"" if is_in else None)
        (keys.add if is_in else keys.discard)(key)

    def _forget(self, kind: EntryKind, key: str, keys: set[str]) -> None:
        try:
            self._save(kind, key, keys, is_in=False)
        except ChatError as error:
            log_line.warning("entry not removed", error=str(error))
