"""Conversations as a reader of them sees them: what is unread, and where it read to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from p2pd.domain.records import Conversation, Direct
from p2pd.errors import InvalidInputError

ReaderName = NewType("ReaderName", str)
"""Who reads, by a name of its own choice that passed ``reader_from_text``."""
MAX_READER_BYTES = 64


@dataclass(frozen=True, slots=True)
class ConversationState:
    """A room or the conversation with one peer, for one reader.

    Attributes:
        unread_count: Stored messages of others behind the read marker.
        mention_count: Those of them that mention this node.
        newest_offset: Of the newest stored message; None where there is none.
        read_until: The read marker; None where this reader never set one.
    """

    conversation: Conversation
    unread_count: int
    mention_count: int
    newest_offset: int | None
    read_until: int | None

    @property
    def key(self) -> str:
        """Its place in lists: rooms by name, then peers by id."""
        match self.conversation:
            case Direct(peer_id):
                return f"peer {peer_id}"
            case room:
                return f"a room {room}"


def reader_from_text(text: str) -> ReaderName:
    """Check a reader's name.

    Raises:
        InvalidInputError: It is empty, over 64 bytes of UTF-8, or holds a character
            that cannot be printed.
    """
    if not 0 < len(text.encode("utf-8", "surrogatepass")) <= MAX_READER_BYTES:
        flaw = f"a reader's name is 1 to {MAX_READER_BYTES} bytes of UTF-8"
    elif not text.isprintable():
        flaw = "a reader's name holds only characters that can be printed"
    else:
        return ReaderName(text)
    raise InvalidInputError("reader", "INVALID_READER", flaw)
