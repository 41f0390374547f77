"""Makes the mappings of this node's listeners, renews them, removes them at the end.

Run by ``p2pd.net.reachability.service`` in the background: neither the start nor the
stop of the node waits for a router longer than ``REMOVE_TIMEOUT_S``. Of PCP, NAT-PMP
and UPnP the first that answers is used. A mapping is renewed at half its time, and at
least every minute, since a router that has restarted reports it to nobody. Of IPv6,
where no address is translated, PCP and UPnP open the router's firewall in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog
import trio

from common.backoff import Backoff
from p2pd.domain.reach import PortMapping
from p2pd.net.reachability.endpoints import Endpoint, is_global
from p2pd.net.reachability.mapping.router import Granted, MappingError, Router, Wanted
from p2pd.net.reachability.mapping.routes import default_router, default_router_6, facing_ip
from p2pd.net.reachability.mapping.udp import NatPmpRouter, PcpRouter
from p2pd.net.reachability.mapping.upnp import UpnpRouter
from p2pd.net.reachability.mapping.upnp_firewall import UpnpFirewall

SECONDS = 1.0
MINUTES = 60.0
LIFETIME_S = 7200
"""Asked for; a router that grants another time is obeyed."""
RENEW_MOST_S = 1 * MINUTES
RENEW_LEAST_S = 5 * SECONDS
SEARCH_FIRST_S = 1 * MINUTES
SEARCH_MOST_S = 30 * MINUTES
REMOVE_TIMEOUT_S = 1.5 * SECONDS
MAX_MAPPINGS = 8

FAILURES = (MappingError, OSError)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Mapped:
    """A listener and what the router forwards to it."""

    listener: Endpoint
    granted: Granted
    fact: PortMapping

    @property
    def external(self) -> Endpoint:
        """Where the listener is dialled from outside."""
        return replace(self.listener, ip=self.granted.external_ip, port=self.granted.external_port)


def routers_of(own_ip: str) -> list[Router]:
    """List how a router can be asked, the cheapest first."""
    address = default_router()
    if address is None:
        return [UpnpRouter(own_ip)]
    return [PcpRouter(address, own_ip), NatPmpRouter(address), UpnpRouter(own_ip)]


def firewalls_of(own_ip: str) -> list[Router]:
    """List how the firewall in front of an IPv6 address can be asked to let peers in."""
    address = default_router_6()
    if address is None:
        return [UpnpFirewall(own_ip)]
    return [PcpRouter(address, own_ip), UpnpFirewall(own_ip)]


def is_translated(own_ip: str) -> bool:
    """Return whether a router gives an IPv4 address another one towards the internet."""
    return not own_ip.startswith("127.") and not is_global(own_ip)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The network that this machine is in, of one IP version.

    Attributes:
        own_ip: Returns this machine's address towards the internet.
        routers: Lists the routers to ask, in turn, for that address.
        wildcard: What listens on every address.
        is_mapped: Whether mappings to such an address are asked for at all.
    """

    own_ip: Callable[[], str | None] = facing_ip
    routers: Callable[[str], list[Router]] = routers_of
    wildcard: str = "0.0.0.0"
    is_mapped: Callable[[str], bool] = is_translated


BEHIND_FIREWALL = Surroundings(partial(facing_ip, 6), firewalls_of, "::", is_global)


class PortMapper:
    """The mappings that stand.

    Attributes:
        mapped: One for each listener that the router forwards to.
        on_change: Called when they are others than before.
    """

    def __init__(
        self,
        listeners: Callable[[], Iterable[Endpoint]],
        on_change: Callable[[], None],
        clock_ns: Callable[[], int],
        surroundings: Surroundings | None = None,
    ) -> None:
        self.mapped: tuple[Mapped, ...] = ()
        self._listeners = listeners
        self._on_change = on_change
        self._clock_ns = clock_ns
        self._surroundings = surroundings or Surroundings()
        self._router: Router | None = None
        self._stands_until_s = 0.0
        self._own_ip = ""
        self._wake = trio.Event()

    def addresses_changed(self) -> None:
        """Look for a router anew: this machine can be in another network now."""
        self._router = None
        self._stands_until_s = 0.0
        self._wake.set()

    async def run(self) -> None:
        """Hold the mappings until cancelled, then remove them."""
        backoff = Backoff(SEARCH_FIRST_S, SEARCH_MOST_S)
        try:
            while True:
                self._wake = trio.Event()
                await self._renew_all()
                if self.mapped:
                    backoff.reset()
                pause_s = self._renew_after_s() if self.mapped else backoff.next_delay_s()
                with trio.move_on_after(pause_s):
                    await self._wake.wait()
        finally:
            await self._remove_all()

    async def _renew_all(self) -> None:
        """Ask the router for every listener; look for one where none is known.

        What was granted stands until its time is over, even while no router answers.
        """
        wanted = self._wanted()
        mapped: list[Mapped] = []
        if wanted:
            if self._router is not None:
                mapped = await self._ask_for(self._router, wanted)
            if not mapped:
                mapped = await self._search(wanted)
        if mapped:
            self._stands_until_s = trio.current_time() + _shortest_s(mapped)
        elif self.mapped and trio.current_time() < self._stands_until_s:
            return
        else:
            self._router = None
        self._report(mapped)

    async def _search(self, wanted: Sequence[Endpoint]) -> list[Mapped]:
        for router in self._surroundings.routers(self._own_ip):
            mapped = await self._ask_for(router, wanted)
            if mapped:
                log.info("router maps ports", protocol=router.protocol, ports=len(mapped))
                self._router = router
                return mapped
        return []

    async def _ask_for(self, router: Router, listeners: Sequence[Endpoint]) -> list[Mapped]:
        mapped: list[Mapped] = []
        for listener in listeners:
            try:
                granted = await router.add(_wanted_from(listener), LIFETIME_S)
            except FAILURES as error:
                log.debug("no port mapping", protocol=router.protocol, error=repr(error))
                return mapped
            mapped.append(Mapped(listener, granted, self._fact(router, listener, granted)))
        return mapped

    def _fact(self, router: Router, listener: Endpoint, granted: Granted) -> PortMapping:
        external = replace(listener, ip=granted.external_ip, port=granted.external_port)
        lifetime_ns = granted.lifetime_s * 1_000_000_000
        return PortMapping(
            protocol=router.protocol,
            external_address=str(external.address()),
            internal_address=str(listener.address()),
            expire_time_ns=self._clock_ns() + lifetime_ns if lifetime_ns else 0,
        )

    def _wanted(self) -> list[Endpoint]:
        """List what is to be mapped: nothing where nothing stands before this machine."""
        own_ip = self._surroundings.own_ip()
        if own_ip is None or not self._surroundings.is_mapped(own_ip):
            return []
        self._own_ip = own_ip
        bound_to = (self._surroundings.wildcard, own_ip)
        fitting = [each for each in self._listeners() if each.ip in bound_to]
        return [replace(each, ip=own_ip) for each in fitting][:MAX_MAPPINGS]

    def _renew_after_s(self) -> float:
        return max(RENEW_LEAST_S, min(_shortest_s(self.mapped) / 2, RENEW_MOST_S))

    def _report(self, mapped: Sequence[Mapped]) -> None:
        before = [(each.listener, each.external) for each in self.mapped]
        self.mapped = tuple(mapped)
        if before != [(each.listener, each.external) for each in mapped]:
            self._on_change()

    async def _remove_all(self) -> None:
        router, mapped = self._router, self.mapped
        if router is None:
            return
        with trio.move_on_after(REMOVE_TIMEOUT_S) as scope:
            scope.shield = True
            async with trio.open_nursery() as nursery:
                for each in mapped:
                    nursery.start_soon(_remove, router, _wanted_from(each.listener))


def _shortest_s(mapped: Iterable[Mapped]) -> float:
    return min((each.granted.lifetime_s or LIFETIME_S for each in mapped), default=LIFETIME_S)


async def _remove(router: Router, wanted: Wanted) -> None:
    try:
        await router.remove(wanted)
    except FAILURES as error:
        log.debug("port mapping not removed", protocol=router.protocol, error=repr(error))


def _wanted_from(listener: Endpoint) -> Wanted:
    return Wanted(listener.transport, listener.port, listener.port)
