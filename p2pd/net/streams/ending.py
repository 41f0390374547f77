"""Streams ended by whoever is done with them, in whatever state they are.

Used by every protocol: the end of a stream is never a reason for a failure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
import trio

END_TIMEOUT_S = 1.0

log = structlog.get_logger(__name__)


async def end_stream(end: Callable[[], Awaitable[None]]) -> None:
    """Close or reset a stream within a second, from a cancelled task too; never raises.

    Args:
        end: The stream's ``close`` or ``reset``.
    """
    with trio.move_on_after(END_TIMEOUT_S) as scope:
        scope.shield = True
        try:
            await end()
        # A stream that breaks while it is ended has ended.
        except Exception as error:
            log.debug("stream broke at its end", error=repr(error))
