"""What a caller publishes, and the answer."""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.domain.callers import LOCAL_CALLER, Caller
from p2pd.domain.names import MessageId
from p2pd.domain.records import Conversation


@dataclass(frozen=True, slots=True)
class Publish:
    """A caller's wish to send ``data`` to a room or to a peer.

    Attributes:
        client_message_id: The caller's own name for it; empty for none.
    """

    conversation: Conversation
    data: bytes
    client_message_id: str = ""
    caller: Caller = LOCAL_CALLER


@dataclass(frozen=True, slots=True)
class Published:
    """The node owns the message.

    Attributes:
        recipients: Peers it was handed to right away.
    """

    message_id: MessageId
    cursor: str
    recipients: int
