"""Messages of others on their way into the log, whatever brought them.

Gossip and synchronisation verify signatures and give their batches to the one
``Inbox``; what they do next rests on its verdicts alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2pd.domain.messages import Message
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.domain.verdicts import Verdict
from p2pd.errors import StorageFailedError, StorageFullError
from p2pd.log.log import Log


class Inbox:
    """Store what peers send; called in the trio thread."""

    def __init__(self, log: Log, rejections: Rejections) -> None:
        self._log = log
        self._rejections = rejections

    async def receive_messages(self, messages: Sequence[Message]) -> list[Verdict]:
        """Append messages of others; what cannot be stored now is counted."""
        try:
            fresh = {message.message_id for message in self._log.append(messages)}
        except (StorageFullError, StorageFailedError) as error:
            self._rejections.count(RejectionReason(error.reason.lower()), len(messages))
            return [Verdict.NOT_STORED] * len(messages)
        return [
            Verdict.STORED if message.message_id in fresh else Verdict.KNOWN for message in messages
        ]
