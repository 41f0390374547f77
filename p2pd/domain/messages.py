"""A message of a room or of the conversation with one peer, and what its number says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.records import Conversation, Direct

EARLIEST_SEND_TIME_NS = 1_577_836_800 * 10**9
"""2020-01-01: a sequence number below it is a counter, not a clock."""
MAX_CLOCK_AHEAD_NS = 5 * 60 * 10**9
"""How far an author's clock may be ahead of ours and still be believed."""
MAX_CLOCK_BEHIND_NS = 30 * 24 * 3600 * 10**9
"""How long before its receipt a message may have been sent: what synchronisation fetches.

The same on every node, since nodes must agree on which messages are displaced.
"""


class Delivery(Enum):
    """How a message came to this node."""

    LIVE = "live"
    BACKFILLED = "backfilled"


@dataclass(frozen=True, slots=True)
class Message:
    """One verified message.

    Attributes:
        room: Empty for a direct message, which no room's name is.
        data: The content as its author sent it.
        seqno: The author's sequence number, unsigned 64 bit.
        receive_time_ns: This node's clock, nanoseconds since the epoch.
        signed_bytes: The GossipSub message protobuf as received, signature
            included; never re-encoded. Empty only where nothing needs it. Of a
            direct message: its record, or the request of the field's protocol.
        client_message_id: Set on this node's own messages only; may be empty.
        caller: Name of the caller that published it, on this node's own messages
            only; empty for the local caller without a name.
        peer_id: The other end of a direct message; None for a message of a room.
    """

    message_id: MessageId
    room: RoomName
    author_id: PeerId
    data: bytes
    seqno: int
    receive_time_ns: int
    forwarder_id: PeerId
    signed_bytes: bytes
    delivery: Delivery = Delivery.LIVE
    client_message_id: str = ""
    caller: str = ""
    peer_id: PeerId | None = None

    @property
    def conversation(self) -> Conversation:
        """The room, or the conversation with one peer, that it belongs to."""
        return self.room if self.peer_id is None else Direct(self.peer_id)

    @property
    def send_time_ns(self) -> int | None:
        """The author's clock in nanoseconds, where the sequence number is one and credible."""
        return send_time_from_seqno(self.seqno, self.receive_time_ns)

    @property
    def text(self) -> str | None:
        """The content as text, or None where it is not valid UTF-8."""
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            return None


def send_time_from_seqno(seqno: int, receive_time_ns: int) -> int | None:
    """Read a sequence number as a clock in nanoseconds.

    A peer chooses the number, so it is a time only within a small bound of its receipt.

    Returns:
        Nanoseconds since the epoch, or None where the number is a plain counter, a
        date more than five minutes ahead of the receipt, or one long before it.
    """
    earliest = max(EARLIEST_SEND_TIME_NS, receive_time_ns - MAX_CLOCK_BEHIND_NS)
    return seqno if earliest <= seqno <= receive_time_ns + MAX_CLOCK_AHEAD_NS else None


def is_displaced(seqno: int, receive_time_ns: int) -> bool:
    """Return whether a number reads as a date long before its receipt.

    Such a message cannot be found by the time that its number says.
    """
    return EARLIEST_SEND_TIME_NS <= seqno < receive_time_ns - MAX_CLOCK_BEHIND_NS
