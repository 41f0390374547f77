"""The life of a node: started, served until the stop switch, stopped in time.

``run_node`` is called by ``p2pd.__main__``; the parts themselves are in ``parts``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import structlog
import trio

from common.errors import SettingsError
from p2pd.api.errors import ApiError
from p2pd.config import Settings
from p2pd.domain.peers import Node
from p2pd.errors import ChatError
from p2pd.net.errors import StartUpError
from p2pd.node.errors import DataDirectoryError, MetricsBindError
from p2pd.node.machine import THIS_MACHINE, Machine
from p2pd.node.metrics import CountsFeed
from p2pd.node.parts import open_parts, prepare_start
from p2pd.store.errors import StoreOpenError

PARTS_STOP_S = 3.0
"""How long all parts but the store may take to stop."""

EXPECTED_ERRORS = (
    SettingsError,
    StartUpError,
    StoreOpenError,
    ApiError,
    MetricsBindError,
    DataDirectoryError,
    ChatError,
    OSError,
)
"""What an operator can mend; each is one clear sentence."""

Subscribe = Callable[[Callable[[], None]], None]
"""Has a function called, in any thread, when the node is to stop."""

log_line = structlog.get_logger(__name__)


async def run_node(
    settings: Settings,
    announce_ready: Callable[[str], None],
    on_stop: Subscribe,
    machine: Machine = THIS_MACHINE,
) -> None:
    """Run a node until it is to stop.

    Args:
        announce_ready: Called once with the line that names peer id and addresses.
        machine: What the node runs on.

    Raises:
        Exception: One of ``EXPECTED_ERRORS``, alone or in a group: the node cannot
            start or go on.
    """
    stop = _stop_event(on_stop)
    feed = CountsFeed()
    start = prepare_start(settings, machine)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_end_by_deadline, stop, feed, nursery.cancel_scope)
        async with open_parts(start, feed) as (chat, api):
            announce_ready(_ready_line(chat.directory.node(), api.address))
            api.set_serving(True)
            feed.set_serving(True)
            await stop.wait()
            log_line.info("stopping")
            feed.set_serving(False)
            chat.stop()
        nursery.cancel_scope.cancel()


def _stop_event(on_stop: Subscribe) -> trio.Event:
    stop, token = trio.Event(), trio.lowlevel.current_trio_token()

    def wake() -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(stop.set)

    on_stop(wake)
    return stop


async def _end_by_deadline(stop: trio.Event, feed: CountsFeed, scope: trio.CancelScope) -> None:
    """Give the parts their time to stop; what has not served yet is ended at once."""
    await stop.wait()
    if feed.has_started:
        await trio.sleep(PARTS_STOP_S)
    scope.cancel()


def _ready_line(node: Node, grpc_address: str) -> str:
    addresses = ",".join(node.addresses)
    return f"p2pd ready peer_id={node.peer_id} grpc={grpc_address} addresses={addresses}"
