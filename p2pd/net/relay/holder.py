"""Holds this node's reservations at two relays for as long as nobody can dial it.

Started by ``client``. Each is a task of its own: it reserves, renews at half the
time, and ends with the connection to its relay; then the next candidate is chosen at
once. Relays of the settings come first, then room-mates, then others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog
import trio
from libp2p.abc import INetConn
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.patches.swarm import is_relayed
from p2pd.net.relay.candidates import RelayBackoffs
from p2pd.net.relay.messages import HOP, RelayError
from p2pd.net.relay.reservations import Reservation, reserve
from p2pd.tasks import attempt

SECONDS = 1.0
WANTED = 2
MAX_ATTEMPTS = 4
"""Relays of the settings asked at once beside those held."""
LOOK_EVERY_S = 1 * SECONDS
PROTECTION = "relay"

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class HeldRelay:
    """One relay that is asked, or held.

    Attributes:
        info: Where a relay of the settings is dialled; None for one that was found.
        good_until_s: When the reservation ends, by trio's clock.
    """

    relay_id: ID
    info: PeerInfo | None
    reservation: Reservation | None = None
    good_until_s: float = float("-inf")
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    @property
    def is_configured(self) -> bool:
        """Whether the settings name this relay."""
        return self.info is not None


class RelayHolder:
    """The reservations of this node; every call in the trio thread.

    Args:
        configured: Relays of the settings.
        is_needed: Whether this node is not known to be dialled by others.
        is_preferred: Whether a peer is in a room of this node.
        on_change: Called when the relayed addresses of this node have changed.
        clock_ns: Nanoseconds since the epoch: relays say by the wall clock when a
            reservation ends. How long it is good is counted without it.
    """

    def __init__(
        self,
        host: NodeHost,
        configured: Sequence[PeerInfo],
        is_needed: Callable[[], bool],
        is_preferred: Callable[[ID], bool],
        on_change: Callable[[Sequence[Multiaddr]], None],
        rejections: Rejections,
        clock_ns: Callable[[], int],
    ) -> None:
        self._clock_ns = clock_ns
        self._host = host
        self._configured = configured
        self._is_needed = is_needed
        self._is_preferred = is_preferred
        self._on_change = on_change
        self._rejections = rejections
        self._relays: dict[ID, HeldRelay] = {}
        self._backoffs = RelayBackoffs()
        self._wake = trio.Event()

    @property
    def reservations(self) -> tuple[Reservation, ...]:
        """The reservations held now, those of the settings first."""
        held = sorted(self._held(), key=lambda relay: not relay.is_configured)
        return tuple(relay.reservation for relay in held if relay.reservation is not None)

    def is_relay(self, peer_id: ID) -> bool:
        """Return whether this node has asked a peer to relay to it."""
        return peer_id in self._relays or self._backoffs.has_reserved(peer_id)

    @property
    def is_short(self) -> bool:
        """Whether this node needs more relays than it has or is asking."""
        return self._is_needed() and len(self._relays) < WANTED

    def look_again(self) -> None:
        """Choose anew soon: a peer came, or this node's reach changed."""
        self._wake.set()

    async def run(self) -> None:
        """Hold reservations until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                self._wake = trio.Event()
                self._choose(nursery)
                with trio.move_on_after(LOOK_EVERY_S):
                    await self._wake.wait()

    def _choose(self, nursery: trio.Nursery) -> None:
        if not self._is_needed():
            for relay in self._relays.values():
                relay.scope.cancel()
            return
        configured = {info.peer_id: info for info in self._configured}
        for relay_id, info in configured.items():
            if self._wants_configured() and self._may_ask(relay_id):
                self._ask(HeldRelay(relay_id, info), nursery)
        for relay_id in self._found() if self._wants_found() else ():
            if self._wants_found() and self._may_ask(relay_id):
                self._ask(HeldRelay(relay_id, configured.get(relay_id)), nursery)

    def _ask(self, relay: HeldRelay, nursery: trio.Nursery) -> None:
        self._relays[relay.relay_id] = relay
        nursery.start_soon(partial(attempt, "relay reservation", partial(self._hold, relay)))

    def _may_ask(self, relay_id: ID) -> bool:
        may_ask = self._backoffs.may_ask(relay_id, trio.current_time())
        return relay_id not in self._relays and may_ask

    def _wants_configured(self) -> bool:
        relays = [each for each in self._relays.values() if each.is_configured]
        held = sum(each.reservation is not None for each in relays)
        return held < WANTED and len(relays) - held < MAX_ATTEMPTS

    def _wants_found(self) -> bool:
        """Ask one that was found only where those of the settings do not make up the number."""
        found = sum(not each.is_configured for each in self._relays.values())
        held = sum(each.is_configured for each in self._held())
        return found + held < WANTED

    def _found(self) -> list[ID]:
        """List connected peers that relay, room-mates first."""
        relays = [
            peer_id
            for peer_id in self._host.get_connected_peers()
            if self._speaks_hop(peer_id) and self._direct_connection(peer_id) is not None
        ]
        random.shuffle(relays)
        return sorted(relays, key=lambda peer_id: not self._is_preferred(peer_id))

    def _speaks_hop(self, peer_id: ID) -> bool:
        identity = self._host.identity_of(peer_id)
        return identity is not None and str(HOP) in identity.protocols

    def _direct_connection(self, peer_id: ID) -> INetConn | None:
        connections: Iterable[INetConn] = self._host.swarm.get_connections(peer_id)
        direct = (each for each in connections if not each.is_closed and not is_relayed(each))
        return next(direct, None)

    def _held(self) -> list[HeldRelay]:
        return [relay for relay in self._relays.values() if relay.reservation is not None]

    async def _hold(self, relay: HeldRelay) -> None:
        """Reserve and renew until the relay is lost, refuses, or is not needed."""
        swarm = self._host.swarm
        swarm.protect(relay.relay_id, PROTECTION)
        try:
            with relay.scope:
                await self._reserve_repeatedly(relay)
        # Boundary: whatever a relay or its connection does, the next one is chosen.
        except Exception as error:
            self._record_failure(relay, error)
        finally:
            swarm.unprotect(relay.relay_id, PROTECTION)
            del self._relays[relay.relay_id]
            self._announce()
            self._wake.set()

    async def _reserve_repeatedly(self, relay: HeldRelay) -> None:
        connection = await self._connect(relay)
        while not connection.is_closed:
            rest_s = await self._renew(relay, connection)
            with trio.move_on_after(rest_s):
                await connection.event_closed.wait()  # type: ignore[attr-defined]
        log.info("relay is lost", relay_id=str(relay.relay_id))
        self._backoffs.failed(relay.relay_id, trio.current_time())

    async def _renew(self, relay: HeldRelay, connection: INetConn) -> float:
        """Reserve; returns after how many seconds to do so again.

        Raises:
            Exception: There is no reservation, and none from before that is still good.
        """
        asked_s = trio.current_time()
        try:
            relay.reservation = await reserve(self._host, connection, self._clock_ns() / 1e9)
        # Boundary: a relay fails in many ways, and what it gave before still counts.
        except Exception as error:
            if asked_s >= relay.good_until_s:
                raise
            return self._record_failure(relay, error)
        relay.good_until_s = asked_s + relay.reservation.lifetime_s
        self._backoffs.succeeded(relay.relay_id)
        self._announce()
        self._release_surplus()
        return relay.reservation.renew_after_s

    async def _connect(self, relay: HeldRelay) -> INetConn:
        connection = self._direct_connection(relay.relay_id)
        addresses = relay.info.addrs if relay.info is not None else ()
        return connection or await self._host.swarm.dial_direct(relay.relay_id, addresses)

    def _record_failure(self, relay: HeldRelay, error: Exception) -> float:
        """Count a failure; returns for how many seconds the relay is left alone."""
        log.debug("no reservation", relay_id=str(relay.relay_id), error=repr(error))
        if isinstance(error, RelayError) and error.is_fault:
            self._rejections.count(RejectionReason.RELAY_REPLY_INVALID)
        return self._backoffs.failed(
            relay.relay_id, trio.current_time(), is_refusal=isinstance(error, RelayError)
        )

    def _release_surplus(self) -> None:
        """Give up what is held beyond the number: what was found first, then the newest."""
        newest_first = self._held()[::-1]
        ranked = sorted(newest_first, key=lambda relay: relay.is_configured)
        for relay in ranked[: max(0, len(ranked) - WANTED)]:
            relay.scope.cancel()

    def _announce(self) -> None:
        addresses = [each for held in self.reservations for each in held.addresses]
        self._on_change(addresses)
