"""How long messages are retained, and the task that removes the oldest.

``p2pd.node`` starts it beside the log. It removes a slice at a time and lets the
rest of the trio thread run in between. The pages that become free are used for the
next messages; the file does not shrink, it stops growing.

Removal by age needs a clock that is known to be right: while it is in doubt, only
the bound on the count of messages removes any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Never, Protocol

import structlog
import trio

from p2pd.domain.records import Conversation
from p2pd.errors import ChatError
from p2pd.store.message_store import Dropped, MessageStore

DAY_S = 24 * 3600
INTERVAL_S = 1.0
SLICE = 64
"""Messages removed before other tasks run; about a millisecond."""

log_line = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """What is retained: messages received not longer ago than this, so many per conversation."""

    max_age_s: float = 30 * DAY_S
    max_messages: int = 100_000


OnDropped = Callable[[Conversation, Sequence[Dropped]], None]


class Clock(Protocol):
    """The time, and whether it may be acted upon for good."""

    @property
    def is_steady(self) -> bool:
        """Whether messages may be removed for their age."""

    def now_ns(self) -> int:
        """Return nanoseconds since the epoch."""


def _ignore(conversation: Conversation, dropped: Sequence[Dropped]) -> None:
    """Report to nobody."""


async def keep_trimmed(
    store: MessageStore, retention: Retention, clock: Clock, on_dropped: OnDropped = _ignore
) -> Never:
    """Remove what is too old or too much, again and again; ends by cancellation.

    Args:
        on_dropped: Called with what a conversation lost, slice by slice.
    """
    while True:
        try:
            await trim(store, retention, clock, on_dropped)
        except ChatError as error:
            log_line.warning("store trim failed", error=str(error))
        await trio.sleep(INTERVAL_S)


async def trim(
    store: MessageStore, retention: Retention, clock: Clock, on_dropped: OnDropped = _ignore
) -> int:
    """Remove everything that is too old or too much now; return how many messages."""
    total = 0
    for conversation in store.conversations():
        while dropped := _drop_slice(store, conversation, retention, clock):
            total += len(dropped)
            on_dropped(conversation, dropped)
            await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
    return total


def _drop_slice(
    store: MessageStore, conversation: Conversation, retention: Retention, clock: Clock
) -> Sequence[Dropped]:
    now_ns = clock.now_ns()
    oldest_ns = now_ns - int(retention.max_age_s * 10**9) if clock.is_steady else 0
    return store.drop_oldest(
        conversation,
        keep=retention.max_messages,
        received_before_ns=oldest_ns,
        now_ns=now_ns,
        at_most=SLICE,
    )
