"""Builds the gateway's parts and runs them until it is told to stop.

Called by ``__main__``. Shutdown is one path: stop taking frames, let what was
accepted be answered, close browsers, then the link to the node.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from common.addresses import TcpAddress, dialled_address
from common.loop_lag import LoopLag
from common.open_files import raise_open_file_limit
from gateway.browser import Limits
from gateway.channel.events import LinkState, NodeEvent
from gateway.channel.log import Channel
from gateway.channel.view import View
from gateway.config import Settings
from gateway.counts import Counts
from gateway.credentials import node_address_from, token_from_file
from gateway.delivery.fanout import Fanout
from gateway.delivery.session import Services
from gateway.http.access import Access, access_from_address
from gateway.http.app import http_app
from gateway.http.door import Door
from gateway.http.framing import frames_from_payloads
from gateway.http.refusal_log import RefusalLog
from gateway.http.server import listening_socket, server_for
from gateway.http.sweep import sweep
from gateway.node.commands import Commands
from gateway.node.link import Link
from gateway.node.publisher import Publisher
from gateway.node.upstream import NodeSource, follow
from gateway.values import Address

log = structlog.get_logger(__name__)

DRAIN_S = 1.5
SPARE_FILES = 512
"""Open files beside one a browser."""


Subscribe = Callable[[Callable[[], None]], None]
"""Has a function called, in any thread, when the gateway is to stop."""


async def run(settings: Settings, on_stop: Subscribe) -> None:
    """Run the gateway until it is to stop.

    Raises:
        ListenError: The address cannot be bound.
        SettingsError: A file named by a setting cannot be read.
    """
    token = token_from_file("--token-file", settings.token_file)
    node_address = node_address_from(settings)
    raise_open_file_limit(settings.max_clients + SPARE_FILES)
    listener = listening_socket(settings.listen, settings.write_buffer_bytes)
    bound = Address(settings.listen.host, listener.getsockname()[1])
    access = access_from_address(
        bound, origins=settings.allowed_origins, hosts=settings.allowed_hosts, token=token
    )
    link = Link(node_address)
    try:
        async with asyncio.TaskGroup() as tasks:
            gateway = Gateway(settings, link, access, tasks)
            await gateway.serve(listener, bound, on_stop)
            gateway.end()
    finally:
        await link.close()


class Gateway:
    """The parts of a running gateway, and the tasks that keep them going."""

    def __init__(
        self, settings: Settings, link: Link, access: Access, tasks: asyncio.TaskGroup
    ) -> None:
        self._link = link
        self._tasks = tasks
        self._background: set[asyncio.Task[None]] = set()
        self._publisher = Publisher(link, settings.in_flight)
        counts = Counts()
        self._fanout = Fanout(
            Channel(settings.channel_bytes, frames_from_payloads),
            View(),
            counts,
            NodeSource(link),
            self._spawn,
            backlog_bytes=settings.channel_bytes,
        )
        services = Services(
            fanout=self._fanout,
            publisher=self._publisher,
            commands=Commands(link),
            limits=Limits(rate_per_s=settings.message_rate, burst=settings.message_burst),
            max_in_flight=settings.client_in_flight,
            counts=counts,
            spawn=self._spawn,
        )
        self._door = Door(
            services=services,
            access=access,
            refusals=RefusalLog(counts),
            max_clients=settings.max_clients,
            max_frame_bytes=settings.max_frame_bytes,
            write_buffer_bytes=settings.write_buffer_bytes,
        )
        self._lag = LoopLag()
        self._app = http_app(link, self._door, self._lag)
        self._stall_timeout_s = settings.stall_timeout_s

    async def serve(self, listener: socket.socket, bound: Address, on_stop: Subscribe) -> None:
        """Serve until it is to stop; returns once everybody is served or cut off."""
        server = server_for(
            self._app, self._door, when_ready=lambda: _print_ready(bound), drain=self._drain
        )
        loop = asyncio.get_running_loop()
        on_stop(lambda: _call_in(loop, partial(setattr, server, "should_exit", True)))
        self._link.on_change(self._fanout.set_node_state)
        self._link.on_change(partial(_report_page, dialled_address(bound)))
        self._lag.start()
        self._spawn(follow(self._link, self._append_events))
        self._spawn(self._link.watch())
        self._spawn(self._publisher.run())
        self._spawn(sweep(self._door, self._stall_timeout_s))
        await server.serve(sockets=[listener])

    def end(self) -> None:
        """Cancel what would go on for ever."""
        self._lag.stop()
        for task in self._background:
            task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def _append_events(self, events: Sequence[NodeEvent]) -> None:
        for event in events:
            if event.fields["type"] == "snapshot":
                node = event.fields["node"]
                self._publisher.set_node_life(f"{node['peer_id']} {node['start_time']}")
        self._fanout.append_events(events)

    async def _drain(self) -> None:
        """Accept no more frames and let what was accepted be answered."""
        self._link.is_stopping = True
        log.info("gateway stops", clients=len(self._door.sockets))
        self._door.close()
        await self._publisher.drain(DRAIN_S)


def _call_in(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # the loop is closed: the gateway has ended already
        loop.call_soon_threadsafe(function)


def _report_page(address: TcpAddress, state: LinkState) -> None:
    """Log where the page is, once it is of use."""
    if state == "ready":
        log.info("the page is ready", url=f"http://{address}/")


def _print_ready(bound: Address) -> None:
    """Print the one line that says where the gateway listens."""
    print(f"gateway ready http={bound}", flush=True)
