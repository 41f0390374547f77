"""Discovery that never stops: bootstrap, rendezvous in the DHT, mDNS.

Owns the tasks of this package and the DHT. Opened by ``p2pd.net.opening`` over
a host and its connections. No remote's failure leaves it: each task has its
own boundary, so that one that fails costs nobody else anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import trio
from libp2p.abc import INetConn
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.domain.names import RoomName
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.addresses import peer_info_from_text
from p2pd.net.connections.notifee import ConnectionNotifee
from p2pd.net.dht.dht import KAD_PROTOCOL, BoundedDht
from p2pd.net.dht.lookup import NEAREST
from p2pd.net.discovery.bootstrap import hold_bootstrap_peers
from p2pd.net.discovery.dial_queue import DialQueue
from p2pd.net.discovery.dialler import Dialler
from p2pd.net.discovery.mdns import run_mdns
from p2pd.net.discovery.mdns_records import LOOPBACK
from p2pd.net.discovery.rendezvous import RoomSearch
from p2pd.net.discovery.transient_peers import TransientPeers
from p2pd.net.discovery.usable import usable_addresses
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.relay.addresses import is_relayed
from p2pd.tasks import attempt, run_guarded

SECONDS = 1.0
MAINTAIN_EVERY_S = 600 * SECONDS

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DiscoveryOptions:
    """Where to look.

    Attributes:
        bootstrap: Multiaddrs ending in ``/p2p/ID``, names allowed; empty for a
            private network.
        mdns: Whether to look on the local network.
    """

    bootstrap: tuple[str, ...] = ()
    mdns: bool = False


@asynccontextmanager
async def open_discovery(
    host: NodeHost, connections: Dialler, options: DiscoveryOptions, rejections: Rejections
) -> AsyncIterator[Discovery]:
    """Look for peers inside the block, by every way that ``options`` names.

    Raises:
        InvalidInputError: A bootstrap address cannot be dialled.
    """
    bootstrap = [peer_info_from_text(address, "bootstrap") for address in options.bootstrap]
    dht = BoundedDht(host, rejections, TransientPeers(host, connections).dial)
    async with trio.open_nursery() as nursery:
        discovery = Discovery(host, connections, dht, nursery, rejections)
        host.on_identified.append(discovery.peer_identified)
        notifee = ConnectionNotifee(discovery.connection_opened, discovery.connection_closed)
        host.get_network().register_notifee(notifee)
        discovery.start(bootstrap, options.mdns)
        try:
            yield discovery
        finally:
            host.on_identified.remove(discovery.peer_identified)
            host.get_network().remove_notifee(notifee)
            dht.serve(False)
            nursery.cancel_scope.cancel()


class Discovery:
    """The rooms being looked for; every call in the trio thread."""

    def __init__(
        self,
        host: NodeHost,
        connections: Dialler,
        dht: BoundedDht,
        nursery: trio.Nursery,
        rejections: Rejections,
    ) -> None:
        self.dht = dht
        self._host = host
        self._connections = connections
        self._nursery = nursery
        self._rejections = rejections
        self._searches: dict[RoomName, RoomSearch] = {}
        self._servers: set[ID] = set()
        self._server_came = trio.Event()
        self._dial_queue = DialQueue(host.get_id(), connections, dht.locate, rejections, nursery)

    def start(self, bootstrap: Sequence[PeerInfo], mdns: bool) -> None:
        """Start what runs whether rooms are looked for or not."""
        hold = partial(hold_bootstrap_peers, bootstrap, self._connections)
        self._nursery.start_soon(run_guarded, "bootstrap peers", hold)
        if mdns:
            queue_dial = self._dial_queue.queue_dial
            local = partial(run_mdns, self._local_addresses, queue_dial, self._rejections)
            self._nursery.start_soon(run_guarded, "local discovery", local)
        self._nursery.start_soon(run_guarded, "dht upkeep", self._maintain)
        self._nursery.start_soon(attempt, "identify push", self._host.push_identify)
        for peer_id in self._host.get_connected_peers():
            self.peer_identified(peer_id)

    def look_for(self, room: RoomName) -> None:
        """Look for a room's members until ``forget``; again is no change."""
        if room in self._searches:
            return
        search = RoomSearch(
            room,
            self.dht,
            self._connections,
            self._dial_queue.queue_dial,
            self._addresses,
            self._rejections,
        )
        self._searches[room] = search
        self._nursery.start_soon(search.run)

    def forget(self, room: RoomName) -> None:
        """Look for a room no more; a room not looked for is no error."""
        search = self._searches.pop(room, None)
        if search is not None:
            search.scope.cancel()

    def peer_identified(self, peer_id: ID) -> None:
        """Use a peer that serves the DHT, and announce our rooms to it while it is one of few."""
        identity = self._host.identity_of(peer_id)
        if identity is None or KAD_PROTOCOL not in identity.protocols:
            self.dht.routing_table.remove_peer(peer_id)
            return
        if peer_id not in self._servers:
            self._servers.add(peer_id)
            self._nursery.start_soon(attempt, "dht server", partial(self._add_server, peer_id))

    def connection_opened(self, _connection: INetConn) -> None:
        """Wait for identify instead, which says what the peer can do."""

    def connection_closed(self, connection: INetConn) -> None:
        """Look again for the rooms of a peer whose last connection is gone."""
        peer_id = connection.muxed_conn.peer_id
        if self._host.get_network().get_connections(peer_id):
            return
        self._servers.discard(peer_id)
        for search in self._searches.values():
            search.peer_lost(peer_id)

    async def _add_server(self, peer_id: ID) -> None:
        """Add a server to the routing table on connecting to it (12)."""
        await self.dht.add_peer(peer_id)
        self._server_came.set()
        if len(self._servers) <= NEAREST:
            for search in self._searches.values():
                search.provide_again()

    async def _maintain(self) -> None:
        """Keep the DHT fresh, as its service would, which can end the process."""
        while True:
            await self._server_came.wait()
            try:
                await self.dht.refresh_routing_table()
                self.dht.provider_store.cleanup_expired()
                self.dht.value_store.cleanup_expired()
            # The boundary: the DHT's upkeep must not end discovery.
            except Exception as error:
                self._rejections.count(RejectionReason.DHT_UPKEEP_FAILED)
                _log.warning("dht upkeep failed", error=repr(error))
            await trio.sleep(MAINTAIN_EVERY_S)

    def addresses_changed(self) -> None:
        """Say soon, in every room, where this node can be dialled now."""
        for search in self._searches.values():
            search.hurry()

    def serve_dht(self, is_server: bool) -> None:
        """Be a server of the DHT, or a client only."""
        self.dht.serve(is_server)

    async def look_around(self) -> None:
        """Connect to the peers near this node in the DHT, where it has a server at all."""
        if self._servers:
            await self.dht.refresh_routing_table()

    async def find(self, peer_id: ID) -> bool:
        """Dial a peer where it is known to be or where the DHT says; True where connected.

        A peer that failed lately is not dialled; nothing a peer does raises.
        """
        try:
            found = usable_addresses((await self.dht.locate(peer_id)).addrs)
        # Boundary: what a server of the DHT answers must not keep a known peer unfound.
        except Exception as error:
            _log.debug("peer not located", peer_id=str(peer_id), error=repr(error))
            found = []
        return await self._connections.dial(PeerInfo(peer_id, found))

    def _local_addresses(self) -> list[Multiaddr]:
        """Where the local network can dial this node: directly."""
        return [address for address in self._addresses() if not is_relayed(address)]

    def _addresses(self) -> list[Multiaddr]:
        """Where others can dial this node; loopback only where there is nothing else."""
        addresses = list(self._host.get_addrs())
        routed = [address for address in addresses if not str(address).startswith(LOOPBACK)]
        return routed or addresses
