"""The connections as the rest of the network uses them: one object over their owners.

Opened by ``p2pd.net.opening``; discovery dials through it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from p2pd.domain.names import PeerId
from p2pd.domain.peers import NodeWarning, Peer
from p2pd.domain.rejections import Rejections
from p2pd.net.addresses import peer_info_from_text
from p2pd.net.connections.answering import AnsweringDial
from p2pd.net.connections.background_dials import BackgroundDials
from p2pd.net.connections.caller_dials import CallerDials
from p2pd.net.connections.identity_guard import IdentityGuard
from p2pd.net.connections.interruptions import MachineView
from p2pd.net.connections.lost_peers import LostPeers
from p2pd.net.connections.notifee import ConnectionNotifee
from p2pd.net.connections.recovery import Parts, Recovery
from p2pd.net.connections.redial import Redialler
from p2pd.net.connections.registry import ConnectionListener, Registry
from p2pd.net.connections.totals import ConnectionTotals, totals_of
from p2pd.net.connections.trimmer import Trimmer, TrimRules
from p2pd.net.connections.watch import ConnectionWatch
from p2pd.net.patches.basic_host import NodeHost
from p2pd.tasks import run_guarded

MACHINE = MachineView()
TRIM_RULES = TrimRules()


@asynccontextmanager
async def open_connections(
    host: NodeHost,
    listener: ConnectionListener,
    rejections: Rejections,
    hears: Callable[[ID], bool] = lambda _: True,
    is_room_mate: Callable[[ID], bool] = lambda _: False,
    machine: MachineView = MACHINE,
    trim_rules: TrimRules = TRIM_RULES,
) -> AsyncIterator[Connections]:
    """Watch a host's connections; leaving the block only stops watching.

    Args:
        hears: Whether gossip has a stream that a peer opened.
        is_room_mate: Whether a peer is in a room of this node.
        machine: Where an interruption of this machine is seen.
    """
    registry = Registry()
    guard = IdentityGuard(host, registry, hears)
    async with trio.open_nursery() as nursery:
        connections = Connections(host, registry, guard, listener, rejections, nursery, machine)
        watch = connections.watch
        trimmer = Trimmer(registry, trim_rules, connections.is_protected, is_room_mate, rejections)
        notifee = ConnectionNotifee(watch.opened, watch.closed)
        host.get_network().register_notifee(notifee)
        host.on_identified += connections.identified
        try:
            for connection in host.get_network().get_connections():
                watch.opened(connection)
            nursery.start_soon(run_guarded, "connection recovery", connections.recovery.run)
            nursery.start_soon(run_guarded, "connection trimming", trimmer.run)
            yield connections
        finally:
            for report in connections.identified:
                host.on_identified.remove(report)
            host.get_network().remove_notifee(notifee)
            guard.close()
            nursery.cancel_scope.cancel()


class Connections:
    """The peers this node is connected to, and those it wants to be."""

    def __init__(
        self,
        host: NodeHost,
        registry: Registry,
        guard: IdentityGuard,
        listener: ConnectionListener,
        rejections: Rejections,
        nursery: trio.Nursery,
        machine: MachineView,
    ) -> None:
        self._own_id = host.get_id()
        self._swarm = host.swarm
        self._registry = registry
        self._guard = guard
        answering = AnsweringDial(host.swarm, registry)
        self._caller_dials = CallerDials(self._own_id, answering, guard)
        self._background_dials = BackgroundDials(host.swarm, registry, answering, rejections)
        self._redialler = Redialler(self._background_dials.dial_held, registry, rejections, nursery)
        self.watch = ConnectionWatch(host, registry, guard, listener, nursery)
        lost_peers = LostPeers(host, registry, self._background_dials.dial_lost, nursery)
        self.identified = (self.watch.identified, lost_peers.identified)
        self.recovery = Recovery(
            Parts(registry, self.watch, self._redialler, self._background_dials, lost_peers),
            machine,
        )
        self.recovery.on_recover.append(host.announce_change)

    async def connect(self, address: str) -> Peer:
        """Dial a peer for a caller, and hold it from then on.

        Returns when the peer has answered a ping; at once where it is connected
        already and answers.

        Raises:
            InvalidInputError: Not a multiaddr that ends in ``/p2p/ID``
                (INVALID_ADDRESS), or this node's own id (SELF_DIAL).
            DialFailedError: See ``CallerDials.connect``.
            DialTimeoutError: It took longer than 15 s.
        """
        return await self.connect_at(peer_info_from_text(address))

    async def connect_at(self, info: PeerInfo) -> Peer:
        """Dial a peer at the first of some addresses that answers; see ``connect``."""
        await self._caller_dials.connect(info)
        self.keep(info)
        return self.watch.peer(info.peer_id)

    async def dial(self, info: PeerInfo) -> bool:
        """Dial a peer that discovery found; returns whether it is connected now.

        A peer that failed lately is not dialled. Nothing a peer does raises.
        """
        return await self._background_dials.dial_found(info)

    def keep(self, info: PeerInfo) -> None:
        """Dial this peer now if it is not connected, and again whenever it is lost."""
        if info.peer_id != self._own_id:
            self._redialler.hold(info)

    async def disconnect(self, peer_id: ID) -> None:
        """Close the connections to a peer and dial it no more by itself."""
        self._redialler.release(peer_id)
        await self._swarm.disconnect(peer_id)

    def protect(self, peer_id: ID, tag: str) -> None:
        """Keep the connections to a peer out of trimming until the same tag is taken off."""
        self._swarm.protect(peer_id, tag)

    def unprotect(self, peer_id: ID, tag: str) -> None:
        """Take a tag off a peer; other tags go on protecting it."""
        self._swarm.unprotect(peer_id, tag)

    def is_protected(self, peer_id: ID) -> bool:
        """Return whether a peer has a tag or is held."""
        return self._redialler.holds(peer_id) or self._swarm.is_protected(peer_id)

    def peers(self) -> tuple[Peer, ...]:
        """Describe the connected peers."""
        return tuple(map(self.watch.peer, self._registry))

    def is_connected(self, peer_id: PeerId) -> bool:
        """Return whether there is a connection to a peer."""
        return ID.from_base58(peer_id) in self._registry

    def totals(self) -> ConnectionTotals:
        """Count the connections."""
        return totals_of(self._registry.all_connections(), self.recovery.interruptions)

    def warnings(self) -> tuple[NodeWarning, ...]:
        """List what was found that cannot be right."""
        return self._guard.warnings
