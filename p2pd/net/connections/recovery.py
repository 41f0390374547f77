"""Reconnect after this machine slept, stood still or changed its network.

Peers of a machine that was away have closed their connections, or their answers go to
an address that is gone; their own dials have backed off to a minute. So every
connection is probed, and everybody lost is dialled. Run by ``service``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Never

import structlog
import trio

from p2pd.net.connections.background_dials import BackgroundDials
from p2pd.net.connections.interruptions import AddressChange, MachineView, OwnAddresses, Pauses
from p2pd.net.connections.keepalive import close_quietly
from p2pd.net.connections.local_end import local_host_of
from p2pd.net.connections.lost_peers import LostPeers
from p2pd.net.connections.redial import Redialler
from p2pd.net.connections.registry import Registry
from p2pd.net.connections.watch import ConnectionWatch

LOOK_EVERY_S = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What recovers."""

    registry: Registry
    watch: ConnectionWatch
    redialler: Redialler
    background_dials: BackgroundDials
    lost_peers: LostPeers


class Recovery:
    """Look every second whether there was an interruption.

    Attributes:
        on_recover: Called in turn after each interruption.
        interruptions: How many there were.
    """

    def __init__(self, parts: Parts, machine: MachineView) -> None:
        self.on_recover: list[Callable[[], None]] = []
        self.interruptions = 0
        self._parts = parts
        self._machine = machine

    async def run(self) -> Never:
        """Look for interruptions; ends by cancellation."""
        read = self._machine.read_interfaces
        pauses, own = Pauses(self._machine.clocks), OwnAddresses(read())
        while True:
            await trio.sleep(LOOK_EVERY_S)
            paused_s = pauses.paused_s(LOOK_EVERY_S)
            change = own.change(read())
            if paused_s or change:
                log.info(
                    "network interrupted",
                    paused_s=round(paused_s, 1),
                    addresses_came=sorted(change.came),
                    addresses_went=sorted(change.went),
                )
                await self._recover(change)

    async def _recover(self, change: AddressChange) -> None:
        self.interruptions += 1
        parts = self._parts
        parts.background_dials.forget_failures()
        parts.lost_peers.dial_all()
        parts.watch.probe_all()
        parts.redialler.hurry()
        for report in self.on_recover:
            report()
        await self._close_lost(change.went)

    async def _close_lost(self, went: frozenset[str]) -> None:
        """Close at once what is bound to an address that this machine no longer has."""
        async with trio.open_nursery() as nursery:
            for opened in self._parts.registry.all_connections():
                if local_host_of(opened.connection) in went:
                    nursery.start_soon(close_quietly, opened.connection)
