"""Switches this node's service as a relay on and off, and counts it.

Opened by ``p2pd.net.opening``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from functools import partial

import structlog
import trio
from libp2p.abc import INetConn
from libp2p.peer.id import ID

from p2pd.domain.reach import RelayService
from p2pd.domain.rejections import Rejections
from p2pd.net.connections.notifee import ConnectionNotifee
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.relay.rules import RelayLimits, RelayRules
from p2pd.net.relay.server import RelayServer, RelayTotals
from p2pd.tasks import run_guarded

LOOK_EVERY_S = 1.0

log = structlog.get_logger(__name__)


class RelayMode(Enum):
    """When this node relays for others."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@asynccontextmanager
async def open_relay_service(
    host: NodeHost,
    mode: RelayMode,
    limits: RelayLimits,
    is_public: Callable[[], bool],
    is_member: Callable[[ID], bool],
    rejections: Rejections,
    clock_ns: Callable[[], int] = time.time_ns,
) -> AsyncIterator[RelaySwitch]:
    """Relay for others inside the block, as ``mode`` says.

    Args:
        is_public: Whether this node is known to be dialled by others.
        is_member: Whether a peer is in a room of this node: what it is sent is not limited.
    """
    async with trio.open_nursery() as nursery:
        server = RelayServer(host, RelayRules(limits), is_member, rejections, clock_ns)
        switch = RelaySwitch(server, mode, is_public)
        notifee = ConnectionNotifee(_ignore, server.connection_closed)
        host.get_network().register_notifee(notifee)
        nursery.start_soon(partial(run_guarded, "relay service", switch.run))
        try:
            yield switch
        finally:
            host.get_network().remove_notifee(notifee)
            switch.set_on(False)
            nursery.cancel_scope.cancel()


class RelaySwitch:
    """This node as one that relays."""

    def __init__(self, server: RelayServer, mode: RelayMode, is_public: Callable[[], bool]) -> None:
        self._server = server
        self._mode = mode
        self._is_public = is_public
        self._is_on = False

    @property
    def fact(self) -> RelayService:
        """What is relayed now."""
        rules = self._server.rules
        return RelayService(self._is_on, rules.reservation_count, rules.circuit_count)

    @property
    def totals(self) -> RelayTotals:
        """What was relayed since the start."""
        return self._server.totals

    def set_on(self, is_on: bool) -> None:
        """Serve, or serve no more."""
        if is_on == self._is_on:
            return
        self._is_on = is_on
        log.info("relay service", is_on=is_on)
        if is_on:
            self._server.open()
        else:
            self._server.close()

    async def run(self) -> None:
        """Follow what is known of this node's reach."""
        while True:
            is_wanted = self._mode is RelayMode.AUTO and self._is_public()
            self.set_on(self._mode is RelayMode.ON or is_wanted)
            self._server.rules.expire(trio.current_time())
            await trio.sleep(LOOK_EVERY_S)


def _ignore(_connection: INetConn) -> None:
    """Wait until the peer asks for something."""
