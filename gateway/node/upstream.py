"""The one stream of events for all browsers, resumed for ever; and catch-ups.

Run by ``gateway.app``; ``NodeSource`` serves ``gateway.delivery.replay``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import grpc.aio
import structlog
from wsp.chat.v1 import chat_pb2

from common.backoff import Backoff
from gateway.channel.events import NodeEvent, cursor_behind, event_of_unknown_kind
from gateway.errors import NodeError
from gateway.node.link import Link
from gateway.node.refusals import (
    NOBODY_LISTENS,
    NODE_STOPPING,
    problem_from_rpc_error,
    refusal_from_rpc_error,
)
from gateway.node.translation import event_from_proto

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0

Listener = Callable[[Sequence[NodeEvent]], None]


async def open_events(
    link: Link, after: str | None, until: Sequence[str] = ()
) -> AsyncGenerator[list[NodeEvent], None]:
    """Yield the events of all joined rooms in batches, from behind a cursor.

    Close the iterator to end the call.

    Args:
        until: Cursors of what is held already: the node ends at the first of them.

    Raises:
        NodeError: The node refused, or the stream broke.
    """
    request = chat_pb2.EventsRequest(after=after, until=until)
    call = link.stub.Events(request, metadata=link.metadata())
    try:
        async for response in call:
            link.mark_alive()
            yield [
                event_from_proto(one) or event_of_unknown_kind(one.cursor)
                for one in response.events
            ]
    except grpc.aio.AioRpcError as error:
        raise NodeError(refusal_from_rpc_error(error), problem_from_rpc_error(error)) from None
    finally:
        call.cancel()


class NodeSource:
    """The node as replays see it."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def wait_ready(self) -> None:
        """Wait until the node is heard."""
        await self._link.wait_ready()

    def open_events(
        self, after: str | None, until: Sequence[str]
    ) -> AsyncGenerator[list[NodeEvent], None]:
        """Yield the events of all joined rooms from behind a cursor, in batches."""
        return open_events(self._link, after, until)


async def follow(link: Link, listener: Listener) -> None:
    """Bring every event to ``listener``; resume behind the last one after a failure.

    Returns:
        Never; cancel it.
    """
    after: str | None = None
    backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
    while True:
        try:
            async with aclosing(open_events(link, after)) as batches:
                async for events in batches:
                    backoff.reset()
                    for event in events:
                        after = cursor_behind(event, after)
                    listener(events)
                    link.mark_following()
            log.info("node ended the stream of events")
        except NodeError as error:
            _report(link, error)
        except Exception:
            # The boundary of the stream: what the node reports must not end the gateway.
            log.exception("stream of events failed")
        finally:
            link.mark_broken()
        await asyncio.sleep(backoff.next_delay_s())


def _report(link: Link, error: NodeError) -> None:
    """Log why the stream broke, once for as long as the reason stays the same."""
    if error.problem == link.problem or link.is_stopping:
        return
    link.problem = error.problem
    if link.awaits_start and error.problem == NOBODY_LISTENS:
        log.info("waiting for the node", node=link.target)
        return
    refusal = error.refusal
    if refusal.reason == NODE_STOPPING:
        link.awaits_start = True
        log.info("the node stops", node=link.target)
        return
    log.warning(
        "stream of events broke",
        code=refusal.code,
        reason=refusal.reason,
        problem=error.problem,
        node=link.target,
    )
