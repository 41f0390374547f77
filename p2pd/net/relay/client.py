"""The relay part of the network: circuits out and in, and reservations at relays.

Opened by ``p2pd.net.opening`` over a host, its connections and discovery.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import trio
from libp2p.abc import INetConn
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from common.backoff import Backoff
from p2pd.domain.reach import RelayReservation
from p2pd.domain.rejections import Rejections
from p2pd.net.addresses import peer_info_from_text
from p2pd.net.connections.notifee import ConnectionNotifee
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.relay.accepting import CircuitAcceptor
from p2pd.net.relay.dialling import CircuitDialler
from p2pd.net.relay.holder import RelayHolder
from p2pd.tasks import run_guarded

SECONDS = 1.0
SEEK_FIRST_S = 10 * SECONDS
SEEK_MOST_S = 600 * SECONDS


@dataclass(frozen=True, slots=True)
class RelayNeeds:
    """What the rest of the network knows and does for this part.

    Attributes:
        is_needed: Whether this node is not known to be dialled by others.
        is_preferred: Whether a peer is in a room of this node.
        on_change: Called when this node has other relayed addresses.
        look_around: Connects to peers near this node in the DHT, which may be relays.
        clock_ns: The node's clock, nanoseconds since the epoch.
    """

    is_needed: Callable[[], bool]
    is_preferred: Callable[[ID], bool]
    on_change: Callable[[], None]
    look_around: Callable[[], Awaitable[None]]
    clock_ns: Callable[[], int] = time.time_ns


@asynccontextmanager
async def open_relay_client(
    host: NodeHost, relays: Sequence[str], needs: RelayNeeds, rejections: Rejections
) -> AsyncIterator[RelayClient]:
    """Dial and be dialled through relays inside the block.

    Args:
        relays: Multiaddrs of relays to use before others, each ending in ``/p2p/ID``.

    Raises:
        InvalidInputError: One of them cannot be dialled.
    """
    configured = [peer_info_from_text(address, "relays") for address in relays]
    async with trio.open_nursery() as nursery:
        client = RelayClient(host, configured, needs, rejections)
        notifee = ConnectionNotifee(client.connection_changed, client.connection_changed)
        host.get_network().register_notifee(notifee)
        host.on_identified.append(client.peer_identified)
        host.swarm.dial_circuit = CircuitDialler(host, rejections).dial
        client.start(nursery)
        try:
            yield client
        finally:
            host.swarm.dial_circuit = None
            host.on_identified.remove(client.peer_identified)
            host.get_network().remove_notifee(notifee)
            client.stop_serving()
            nursery.cancel_scope.cancel()


class RelayClient:
    """This node as one that relays serve."""

    def __init__(
        self,
        host: NodeHost,
        configured: Sequence[PeerInfo],
        needs: RelayNeeds,
        rejections: Rejections,
    ) -> None:
        self._host = host
        self._needs = needs
        self._holder = RelayHolder(
            host,
            configured,
            needs.is_needed,
            needs.is_preferred,
            self._announce,
            rejections,
            needs.clock_ns,
        )
        self._acceptor = CircuitAcceptor(host, self._holder.is_relay, rejections)

    @property
    def reservations(self) -> tuple[RelayReservation, ...]:
        """The reservations held now."""
        own_id = self._host.get_id()
        return tuple(each.fact(own_id) for each in self._holder.reservations)

    def start(self, nursery: trio.Nursery) -> None:
        """Hold reservations from now on."""
        tasks = {"relay reservations": self._holder.run, "relay search": self._seek}
        for name, task in tasks.items():
            nursery.start_soon(partial(run_guarded, name, task))

    def stop_serving(self) -> None:
        """Accept no circuit any more."""
        self._acceptor.close()

    def connection_changed(self, _connection: INetConn) -> None:
        """Choose anew: a relay may have come or gone."""
        self._holder.look_again()

    def peer_identified(self, _peer_id: ID) -> None:
        """Choose anew: a peer may be known as a relay now."""
        self._holder.look_again()

    def _announce(self, addresses: Sequence[Multiaddr]) -> None:
        if self._host.set_relayed_addresses(addresses):
            self._needs.on_change()

    async def _seek(self) -> None:
        """Look for relays in the DHT, ever more seldom, while too few are known."""
        backoff = Backoff(SEEK_FIRST_S, SEEK_MOST_S)
        while True:
            await trio.sleep(backoff.next_delay_s())
            if self._holder.is_short:
                await self._needs.look_around()
            else:
                backoff.reset()
