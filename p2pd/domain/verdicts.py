"""What became of a verified message, and who decides it.

Gossip and synchronisation verify what peers send and ask one receiver, which
validates and stores. What they do next rests on the verdict alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from p2pd.domain.messages import Message


class Verdict(Enum):
    """What became of one verified message.

    Attributes:
        STORED: It is in the log now, for the first time: relay it.
        KNOWN: It was in the log before.
        REFUSED: A rule of this node forbids it, whoever forwards it: do not ask again.
        NOT_STORED: It is good but is not in the log: neither relay it nor announce
            it, and accept a later copy.
    """

    STORED = "stored"
    KNOWN = "known"
    REFUSED = "refused"
    NOT_STORED = "not_stored"


class MessageReceiver(Protocol):
    """Validates and stores what peers send; called in the trio thread."""

    async def receive_messages(self, messages: Sequence[Message]) -> Sequence[Verdict]:
        """Store a batch of verified messages of others, 1 to 128 of them.

        The same message may come twice at once, by gossip and by synchronisation.

        Returns:
            One verdict a message, in order. An exception means that none was stored.

        Cancellation: what was not answered counts as not stored.
        """
