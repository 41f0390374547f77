"""The conversations with single peers: which this side has accepted, what was acknowledged.

The one writer of these facts; ``direct_outbox`` and ``direct_inbox`` ask and report here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from p2pd.domain.names import PeerId
from p2pd.errors import ChatError, LimitReachedError
from p2pd.store.direct_store import DirectStore
from p2pd.store.room_store import RoomRecord

MAX_ACCEPTED = 4_096
RETRY_S = 60.0
_UNKNOWN = RoomRecord(is_joined=False, floor_ns=0, joined_ns=0, sent_until=0)

log_line = structlog.get_logger(__name__)


class DirectConversations:
    """At most 4,096 conversations that this side has accepted, each with its record.

    Attributes:
        on_accepted: Called with each peer whose conversation is accepted now.
    """

    def __init__(self, store: DirectStore) -> None:
        self.on_accepted: list[Callable[[PeerId], object]] = []
        self._store = store
        self._records = store.direct_records()
        self._unsaved: set[PeerId] = set()

    @property
    def accepted(self) -> tuple[PeerId, ...]:
        """The peers whose conversations this side has accepted."""
        return tuple(peer_id for peer_id, one in self._records.items() if one.is_joined)

    @property
    def highest_sent(self) -> int:
        """A sequence number that none of our own to come may reach down to."""
        return max((record.sent_until for record in self._records.values()), default=0)

    def is_accepted(self, peer_id: PeerId) -> bool:
        """Return whether this side has accepted the conversation with a peer."""
        return self._records.get(peer_id, _UNKNOWN).is_joined

    def accept(self, peer_id: PeerId) -> None:
        """Accept the conversation with a peer, over restarts too.

        Raises:
            LimitReachedError: Too many are accepted.
            StorageFullError: There is no room to store it.
            StorageFailedError: The disk refuses to store it.
        """
        record = self._records.get(peer_id, _UNKNOWN)
        if record.is_joined:
            return
        if len(self.accepted) >= MAX_ACCEPTED:
            raise LimitReachedError(
                "TOO_MANY_CONVERSATIONS", f"there are {MAX_ACCEPTED} conversations", RETRY_S
            )
        accepted = replace(record, is_joined=True)
        self._store.save_directs({peer_id: accepted})
        self._records[peer_id] = accepted
        for call in self.on_accepted:
            call(peer_id)

    def acknowledged_until(self, peer_id: PeerId) -> int:
        """Return the sequence number up to which a peer has acknowledged our messages."""
        return self._records.get(peer_id, _UNKNOWN).sent_until

    def acknowledge(self, peer_id: PeerId, seqno: int) -> None:
        """Record that a peer has acknowledged all our messages up to a sequence number.

        Stored at once; where the disk refuses, together with the next acknowledgement. A
        message that is sent again meanwhile is known to its recipient.
        """
        record = self._records.get(peer_id, _UNKNOWN)
        if seqno > record.sent_until:
            self._records[peer_id] = replace(record, sent_until=seqno)
            self._unsaved.add(peer_id)
        self.save_updates()

    def save_updates(self) -> None:
        """Store what was acknowledged and is not stored yet, as far as the disk allows."""
        if not self._unsaved:
            return
        try:
            self._store.save_directs({one: self._records[one] for one in self._unsaved})
        except ChatError as error:
            log_line.warning("acknowledgements not saved", error=str(error))
        else:
            self._unsaved.clear()
