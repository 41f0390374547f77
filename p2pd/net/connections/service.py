"""Connect, dial, keep: what the rest of the node asks of its connections.

Opened by ``p2pd.net.network``; discovery dials through it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import structlog
import trio
from libp2p.abc import INetConn
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable
from multiaddr import Multiaddr

from p2pd.domain.names import PeerId
from p2pd.domain.peers import Peer, Reachability
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.errors import DialFailedError, DialTimeoutError, InvalidInputError
from p2pd.net.addresses import peer_info_from_text
from p2pd.net.connections.backoff import DialBackoffs
from p2pd.net.connections.facts import is_from_internet, peer_from_connections
from p2pd.net.connections.keepalive import close_quietly, keep_alive
from p2pd.net.connections.notifee import ConnectionNotifee
from p2pd.net.connections.ping import ping
from p2pd.net.connections.redial import Redialler
from p2pd.net.connections.registry import ConnectionListener, OpenConnection, Registry
from p2pd.net.descriptors import DescriptorReserve
from p2pd.net.multiaddrs import sound_addresses
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.patches.dialling import preferred_order
from p2pd.net.patches.swarm import DIAL_TIMEOUT_S, SwarmDialTimeoutError
from p2pd.tasks import attempt, run_guarded

log = structlog.get_logger(__name__)

PING_TIMEOUT_S = 4.0
"""For the ping after a dial: leaves time to dial again within the deadline."""


@asynccontextmanager
async def open_connections(
    host: NodeHost, listener: ConnectionListener, rejections: Rejections
) -> AsyncIterator[Connections]:
    """Watch a host's connections; leaving the block only stops watching."""
    async with trio.open_nursery() as nursery:
        connections = Connections(host, listener, rejections, nursery)
        notifee = ConnectionNotifee(connections.opened, connections.closed)
        host.get_network().register_notifee(notifee)
        host.on_identified.append(connections.identified)
        try:
            for connection in host.get_network().get_connections():
                connections.opened(connection)
            yield connections
        finally:
            host.on_identified.remove(connections.identified)
            host.get_network().remove_notifee(notifee)
            nursery.cancel_scope.cancel()


class Connections:
    """The peers this node is connected to, and those it wants to be."""

    def __init__(
        self,
        host: NodeHost,
        listener: ConnectionListener,
        rejections: Rejections,
        nursery: trio.Nursery,
    ) -> None:
        self._host = host
        self._swarm = host.swarm
        self._listener = listener
        self._rejections = rejections
        self._nursery = nursery
        self._registry = Registry(self._peer_came, self._peer_went)
        self._redialler = Redialler(self._try_dial, self._registry.__contains__, nursery)
        self._backoffs = DialBackoffs()
        self._descriptors = DescriptorReserve()
        self._reachability = Reachability.UNKNOWN

    async def connect(self, address: str) -> Peer:
        """Dial a peer for a caller, and hold it from then on.

        Returns when the peer has answered a ping; at once where it is connected
        already and answers.

        Raises:
            InvalidInputError: Not a multiaddr that ends in ``/p2p/ID``
                (INVALID_ADDRESS), or this node's own id (SELF_DIAL).
            DialFailedError: Nobody answers there, or another peer does.
            DialTimeoutError: It took longer than 15 s.
        """
        info = peer_info_from_text(address)
        if info.peer_id == self._host.get_id():
            raise InvalidInputError("address", "SELF_DIAL", "that is this node's own address")
        try:
            with trio.fail_after(DIAL_TIMEOUT_S):
                await self._dial_and_ping(info, info.addrs)
        except (trio.TooSlowError, SwarmDialTimeoutError) as error:
            raise DialTimeoutError(f"no answer within {DIAL_TIMEOUT_S:.0f} s") from error
        except SwarmException as error:
            raise DialFailedError(str(error)) from error
        self.keep(info)
        return self._peer(info.peer_id)

    async def dial(self, info: PeerInfo) -> bool:
        """Dial a peer that discovery found; tells whether it is connected now.

        A peer that failed lately is not dialled. Nothing a peer does raises.
        """
        if info.peer_id == self._host.get_id():
            return False
        if info.peer_id in self._registry:
            return True
        if not self._backoffs.may_dial(str(info.peer_id), trio.current_time()):
            return False
        if not self._descriptors.permits_discovery():
            self._rejections.count(RejectionReason.DESCRIPTORS_RESERVED)
            return False
        return await self._try_dial(info)

    def keep(self, info: PeerInfo) -> None:
        """Dial this peer now if it is not connected, and again whenever it is lost."""
        if info.peer_id != self._host.get_id():
            self._redialler.hold(info)

    def peers(self) -> tuple[Peer, ...]:
        """Describe the connected peers."""
        return tuple(self._peer(peer_id) for peer_id in self._registry)

    def is_connected(self, peer_id: PeerId) -> bool:
        """Tell whether there is a connection to a peer."""
        return ID.from_base58(peer_id) in self._registry

    def reachability(self) -> Reachability:
        """Tell whether a peer from the internet has dialled this node."""
        return self._reachability

    def opened(self, connection: INetConn) -> None:
        """Take a new connection from the swarm."""
        opened = self._registry.add(connection)
        if opened is not None:
            self._nursery.start_soon(attempt, "connection watch", partial(self._watch, opened))

    def closed(self, connection: INetConn) -> None:
        """Take a closed connection from the swarm."""
        self._registry.remove(connection)

    def identified(self, peer_id: ID) -> None:
        """Take what identify learned of a peer."""
        if peer_id in self._registry:
            self._listener.peer_identified(self._peer(peer_id))

    async def _watch(self, opened: OpenConnection) -> None:
        if is_from_internet(opened):
            self._reachability = Reachability.PUBLIC
        await run_guarded("connection keepalive", partial(keep_alive, opened))
        # The swarm reports most closes itself; one that was cut short it does not.
        self._registry.remove(opened.connection)

    def _peer_came(self, peer_id: ID) -> None:
        self._redialler.peer_came(peer_id)
        self._backoffs.succeeded(str(peer_id))
        self._listener.peer_connected(self._peer(peer_id))

    def _peer_went(self, peer_id: ID) -> None:
        self._redialler.peer_went(peer_id)
        self._listener.peer_disconnected(PeerId(str(peer_id)))

    def _peer(self, peer_id: ID) -> Peer:
        return peer_from_connections(self._host, peer_id, self._registry.connections_to(peer_id))

    async def _try_dial(self, info: PeerInfo) -> bool:
        try:
            with trio.fail_after(DIAL_TIMEOUT_S):
                await self._dial_and_ping(info, self._likely_addresses(info))
        # Boundary: whatever an address or a peer sets off, the dialling goes on.
        except Exception as error:
            self._rejections.count(RejectionReason.DIAL_FAILED)
            self._backoffs.failed(str(info.peer_id), trio.current_time())
            log.debug("dial failed", peer_id=str(info.peer_id), error=repr(error))
            return False
        return True

    def _likely_addresses(self, info: PeerInfo) -> Sequence[Multiaddr]:
        """List where a peer may be: what it said of itself lately, and what others say."""
        told = sorted(sound_addresses(info.addrs), key=preferred_order)
        return [*self._swarm.known_addresses(info.peer_id), *told]

    async def _dial_and_ping(self, info: PeerInfo, addresses: Sequence[Multiaddr]) -> None:
        """Dial until a connection answers (35): one just closed looks open for a while."""
        for _ in range(2):
            connection = await self._swarm.dial_addresses(info.peer_id, addresses)
            if await self._answers(connection):
                return
            await close_quietly(OpenConnection(connection))
        raise SwarmException("the peer closes its connections at once")

    async def _answers(self, connection: INetConn) -> bool:
        try:
            with trio.fail_after(PING_TIMEOUT_S):
                round_trip_s = await ping(connection)
        except (trio.TooSlowError, MuxedConnUnavailable):
            return False
        for opened in self._registry.connections_to(connection.muxed_conn.peer_id):
            if opened.connection is connection:
                opened.round_trip_s = round_trip_s
        return True
