"""UPnP at whatever router answers on the local network, by ``miniupnpc`` in a thread.

Made by ``mapper``. The library blocks: one call runs at a time, each has a deadline,
and one that hangs is left behind in its thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import trio

from p2pd.net.reachability.mapping.router import Granted, MappingError, Wanted
from p2pd.workers import WORKER_THREADS

DISCOVERY_MS = 1500
CALL_TIMEOUT_S = 8.0
DESCRIPTION = "wsp"
PORTS_TRIED = 4
"""Another machine of the network may have mapped the same port."""

T = TypeVar("T")


class UpnpRouter:
    """An internet gateway device."""

    protocol = "upnp"

    def __init__(self, own_ip: str) -> None:
        self._own_ip = own_ip
        self._device: Any = None
        self._limiter = trio.CapacityLimiter(1)
        self._external_ports: dict[Wanted, int] = {}

    async def add(self, wanted: Wanted, lifetime_s: int) -> Granted:
        """Make a mapping, or renew it; see ``Router``."""
        return await self._in_thread(lambda: self._add(wanted, lifetime_s))

    async def remove(self, wanted: Wanted) -> None:
        """Remove a mapping; see ``Router``."""
        if wanted in self._external_ports:
            await self._in_thread(lambda: self._remove(wanted))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        try:
            with trio.fail_after(CALL_TIMEOUT_S):
                return await WORKER_THREADS.run(call, limiter=self._limiter)
        except trio.TooSlowError:
            raise MappingError("the router does not answer") from None

    def _add(self, wanted: Wanted, lifetime_s: int) -> Granted:
        device = self._device or self._discover()
        first = self._external_ports.get(wanted, wanted.external_port)
        problem: Exception | None = None
        for port in range(first, first + PORTS_TRIED):
            for lease_s in (lifetime_s, 0):  # some routers grant permanent leases only
                try:
                    self._map(device, port, wanted, lease_s)
                    ip = device.externalipaddress()
                # ``miniupnpc`` raises bare exceptions.
                except Exception as error:
                    problem = error
                    continue
                self._external_ports[wanted] = port
                return Granted(str(ip), port, lease_s)
        self._device = None
        raise MappingError(f"UPnP refuses: {problem}")

    def _map(self, device: Any, port: int, wanted: Wanted, lease_s: int) -> None:
        transport = wanted.transport.upper()
        device.addportmapping(
            port, transport, self._own_ip, wanted.internal_port, DESCRIPTION, "", lease_s
        )

    def _remove(self, wanted: Wanted) -> None:
        port = self._external_ports.pop(wanted)
        try:
            (self._device or self._discover()).deleteportmapping(port, wanted.transport.upper())
        # ``miniupnpc`` raises bare exceptions.
        except Exception as error:
            raise MappingError(f"UPnP refuses: {error}") from error

    def _discover(self) -> Any:
        import miniupnpc

        device = miniupnpc.UPnP(multicastif=self._own_ip, discoverdelay=DISCOVERY_MS)
        try:
            if not device.discover():
                raise MappingError("no UPnP device answers")
            device.selectigd()
        except MappingError:
            raise
        # ``miniupnpc`` raises bare exceptions.
        except Exception as error:
            raise MappingError(f"no UPnP router: {error}") from error
        self._device = device
        return device
