"""How long messages are kept, and the task that lets the oldest go.

``p2pd.node`` starts it beside the log. It drops a slice at a time and lets the rest
of the trio thread go on in between. The pages that become free are used for the
next messages; the file does not shrink, it stops growing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Never

import structlog
import trio

from p2pd.domain.names import RoomName
from p2pd.errors import ChatError
from p2pd.store.message_store import Dropped, MessageStore

DAY_S = 24 * 3600
INTERVAL_S = 1.0
SLICE = 64
"""Messages dropped before others have their turn; about a millisecond."""

log_line = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept: messages received not longer ago than this, so many a room."""

    max_age_s: float = 30 * DAY_S
    max_messages: int = 100_000


OnDropped = Callable[[RoomName, Sequence[Dropped]], None]


def _ignore(room: RoomName, dropped: Sequence[Dropped]) -> None:
    """Tell nobody."""


async def keep_trimmed(
    store: MessageStore,
    retention: Retention,
    on_dropped: OnDropped = _ignore,
    clock_ns: Callable[[], int] = time.time_ns,
) -> Never:
    """Drop what is too old or too much, again and again; ends by cancellation.

    Args:
        on_dropped: Told of what a room lost, slice by slice.
    """
    while True:
        try:
            await trim(store, retention, clock_ns(), on_dropped)
        except ChatError as error:
            log_line.warning("store trim failed", error=str(error))
        await trio.sleep(INTERVAL_S)


async def trim(
    store: MessageStore, retention: Retention, now_ns: int, on_dropped: OnDropped = _ignore
) -> int:
    """Drop everything that is too old or too much now; return how many messages."""
    total = 0
    for room in store.rooms():
        while dropped := _drop_slice(store, room, retention, now_ns):
            total += len(dropped)
            on_dropped(room, dropped)
            await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
    return total


def _drop_slice(
    store: MessageStore, room: RoomName, retention: Retention, now_ns: int
) -> Sequence[Dropped]:
    return store.drop_oldest(
        room,
        keep=retention.max_messages,
        received_before_ns=now_ns - int(retention.max_age_s * 10**9),
        at_most=SLICE,
    )
