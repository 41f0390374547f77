"""What a store retains of conversations with peers beside their messages, and who may write it.

``p2pd.chat.direct_conversations`` is the only caller of ``save_directs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from p2pd.domain.names import PeerId
from p2pd.store.room_store import RoomRecord


class DirectStore(Protocol):
    """Records of conversations that survive a restart; called in the trio thread.

    Of a record two fields are in use: ``is_joined`` says that this side has accepted
    the conversation, ``sent_until`` how far its own messages were acknowledged. An
    accepted conversation is stored for good, another one as long as it has messages.
    """

    def direct_records(self) -> dict[PeerId, RoomRecord]:
        """Return a copy of what is stored, from memory."""

    def save_directs(self, records: Mapping[PeerId, RoomRecord]) -> None:
        """Commit these records in one transaction, which survives a kill of the process.

        Raises:
            StorageFullError: The disk has no room; nothing was changed.
            StorageFailedError: The disk refuses; nothing was changed.
        """
