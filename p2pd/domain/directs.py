"""Direct messages: what became of one at its recipient, and who decides it.

The network delivers and serves them, ``p2pd.chat`` decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId


class DirectVerdict(Enum):
    """What became of one direct message at its recipient.

    Attributes:
        STORED: It is stored there, now or before, and survives a power cut.
        BUSY: Not now; it may be sent again later.
        DECLINED: The recipient does not want it now; it may want it later.
        INVALID: It will never be accepted.
    """

    STORED = "stored"
    BUSY = "busy"
    DECLINED = "declined"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class DirectRequest:
    """What a peer that this node has never met has written, and waits for consent."""

    peer_id: PeerId
    messages: tuple[Message, ...]


class DirectReceiver(Protocol):
    """Stores what peers send to this node alone; called in the trio thread."""

    def admit(self, peer_id: PeerId, count: int) -> bool:
        """Return whether a peer may send so many messages now, before they are verified."""

    async def receive_direct(
        self, peer_id: PeerId, messages: Sequence[Message]
    ) -> Sequence[DirectVerdict]:
        """Store verified messages of a peer, 1 to 64 of them; return a verdict for each.

        Cancellation: what was not answered is sent again.
        """
