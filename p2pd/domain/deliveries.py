"""Who has one of this node's own messages, as far as that is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from p2pd.domain.events import Event
from p2pd.domain.names import PeerId


class DeliveryState(Enum):
    """How far one of our own messages has come."""

    WAITING = "waiting"
    HANDED = "handed"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class MessageState:
    """A stored message, and who has it.

    Attributes:
        state: None for a message of somebody else.
        handed_to: Peers that it was handed to since this node started.
        held_by: Peers known to have stored it.
    """

    event: Event
    state: DeliveryState | None = None
    handed_to: tuple[PeerId, ...] = ()
    held_by: tuple[PeerId, ...] = ()
