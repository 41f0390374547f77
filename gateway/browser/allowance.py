"""What one browser's commands may hold in the gateway, in bytes.

Pure; kept by ``gateway.delivery.session``. The bytes of an answer are reserved before it is
fetched, so a browser that asks for much and reads little waits for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.browser.events import Command, HistoryAsked, PublishAsked
from gateway.browser.reading_frames import ConversationsAsked, MessageAsked, SearchAsked

KIB = 1024
MIB = 1024 * KIB
MAX_RESERVED_BYTES = 5 * MIB
"""Of one browser. With the page that waits in its socket it stays below 8 MiB."""
PAGE_BYTES = 4 * MIB
"""A page while it is fetched: as protobuf, as text and as JSON."""
CALL_BYTES = 64 * KIB
"""The answer to another call: a peer or a room."""
MESSAGE_BYTES = 1 * MIB
"""One message while it is fetched, and who has it."""
PUBLISH_BYTES = 1 * KIB
"""A publish beside its text, and its answer."""
MAX_CALLS = 8
"""Calls of one browser under way, publishes excepted."""


def cost_bytes(command: Command) -> int:
    """Return what a command and its answer take at most until the answer is written."""
    match command:
        case PublishAsked(text=text):
            return PUBLISH_BYTES + len(text) * 4
        case HistoryAsked() | ConversationsAsked() | SearchAsked():
            return PAGE_BYTES
        case MessageAsked():
            return MESSAGE_BYTES
        case _:
            return CALL_BYTES


@dataclass(slots=True)
class Allowance:
    """The bytes and calls that one browser has reserved.

    Attributes:
        max_in_flight: Commands under way, publishes included.
    """

    max_in_flight: int
    max_bytes: int = MAX_RESERVED_BYTES
    in_flight: int = 0
    calls: int = 0
    reserved_bytes: int = 0

    def fits(self, command: Command) -> bool:
        """Return whether a command may start now."""
        if self.in_flight >= self.max_in_flight:
            return False
        if not isinstance(command, PublishAsked) and self.calls >= MAX_CALLS:
            return False
        return self.reserved_bytes + cost_bytes(command) <= self.max_bytes

    def reserve(self, command: Command) -> None:
        """Count a command that starts."""
        self.in_flight += 1
        self.calls += not isinstance(command, PublishAsked)
        self.reserved_bytes += cost_bytes(command)

    def release(self, command: Command) -> None:
        """Count a command as answered."""
        self.in_flight -= 1
        self.calls -= not isinstance(command, PublishAsked)
        self.reserved_bytes -= cost_bytes(command)
