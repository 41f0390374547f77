"""Connect, dial, keep: what the rest of the node asks of its connections.

Opened by ``p2pd.net.network``; discovery dials through it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
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
from p2pd.domain.peers import NodeWarning, Peer
from p2pd.domain.reach import Reachability
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.errors import DialFailedError, DialTimeoutError, InvalidInputError
from p2pd.net.addresses import peer_info_from_text
from p2pd.net.connections.backoff import DialBackoffs
from p2pd.net.connections.facts import is_from_internet, peer_from_connections
from p2pd.net.connections.identity_conflicts import IdentityConflicts, is_same_program
from p2pd.net.connections.keepalive import close_quietly, keep_alive
from p2pd.net.connections.notifee import ConnectionNotifee
from p2pd.net.connections.peer_log import PeerLog
from p2pd.net.connections.ping import ping
from p2pd.net.connections.redial import Redialler
from p2pd.net.connections.registry import ConnectionListener, OpenConnection, Registry
from p2pd.net.descriptors import DescriptorReserve
from p2pd.net.multiaddrs import sound_addresses
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.patches.dialling import preferred_order
from p2pd.net.patches.names import without_peer_id
from p2pd.net.patches.swarm import DIAL_TIMEOUT_S, SwarmDialTimeoutError
from p2pd.tasks import attempt, run_guarded

log = structlog.get_logger(__name__)

PING_TIMEOUT_S = 4.0
"""For the ping after a dial: leaves time to dial again within the deadline."""


CARRIES_WITHIN_S = 5.0
LOOK_EVERY_S = 0.02
PROBE_TIMEOUT_S = 5.0
MAX_PROBED = 4
OWN_ADDRESS = "that is this node's own address"


@asynccontextmanager
async def open_connections(
    host: NodeHost,
    listener: ConnectionListener,
    rejections: Rejections,
    hears: Callable[[ID], bool] = lambda _: True,
) -> AsyncIterator[Connections]:
    """Watch a host's connections; leaving the block only stops watching.

    Args:
        hears: Whether gossip has a stream that a peer opened.
    """
    async with trio.open_nursery() as nursery:
        connections = Connections(host, listener, rejections, nursery, hears)
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
            connections.stop_serving()
            nursery.cancel_scope.cancel()


class Connections:
    """The peers this node is connected to, and those it wants to be."""

    def __init__(
        self,
        host: NodeHost,
        listener: ConnectionListener,
        rejections: Rejections,
        nursery: trio.Nursery,
        hears: Callable[[ID], bool],
    ) -> None:
        self._host = host
        self._swarm = host.swarm
        self._listener = listener
        self._rejections = rejections
        self._nursery = nursery
        self._registry = Registry(self._peer_came, self._peer_went)
        self._redialler = Redialler(self._try_dial, self._registry.__contains__, nursery)
        self._backoffs = DialBackoffs()
        self._conflicts = IdentityConflicts(host)
        self._arrivals_log = PeerLog(trio.current_time)
        self._hears = hears
        self._descriptors = DescriptorReserve()
        self._reachability = Reachability.UNKNOWN

    async def connect(self, address: str) -> Peer:
        """Dial a peer for a caller, and hold it from then on.

        Returns when the peer has answered a ping; at once where it is connected
        already and answers.

        Raises:
            InvalidInputError: Not a multiaddr that ends in ``/p2p/ID``
                (INVALID_ADDRESS), or this node's own id (SELF_DIAL).
            DialFailedError: Nobody answers there, or another peer does, or the
                connection carries nothing: another program has this node's identity.
            DialTimeoutError: It took longer than 15 s.
        """
        info = peer_info_from_text(address)
        if info.peer_id == self._host.get_id():
            found = await self._find_other_self(info)
            what = "another program there has this node's identity" if found else OWN_ADDRESS
            raise InvalidInputError("address", "SELF_DIAL", what)
        since_s = trio.current_time()
        try:
            with trio.fail_after(DIAL_TIMEOUT_S):
                connection = await self._dial_and_ping(info, info.addrs)
                await self._refuse_empty(connection, since_s)
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

    def warnings(self) -> tuple[NodeWarning, ...]:
        """List what was found that cannot be right."""
        return self._conflicts.warnings

    def stop_serving(self) -> None:
        """Serve no protocol of this part any more."""
        self._conflicts.close()

    def opened(self, connection: INetConn) -> None:
        """Take a new connection from the swarm."""
        if connection.muxed_conn.peer_id == self._host.get_id():
            refuse = partial(self._refuse_own_identity, connection)
            self._nursery.start_soon(attempt, "own identity", refuse)
            return
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
        if await self._is_of_another_program(opened.connection):
            await close_quietly(opened)
            self._registry.remove(opened.connection)
            return
        await run_guarded("connection keepalive", partial(keep_alive, opened))
        # The swarm reports most closes itself; one that was cut short it does not.
        self._registry.remove(opened.connection)

    def _peer_came(self, peer_id: ID) -> None:
        self._redialler.peer_came(peer_id)
        self._backoffs.succeeded(str(peer_id))
        peer = self._peer(peer_id)
        self._arrivals_log.report_connected(peer)
        self._listener.peer_connected(peer)

    def _peer_went(self, peer_id: ID) -> None:
        self._redialler.peer_went(peer_id)
        self._arrivals_log.report_disconnected(PeerId(str(peer_id)))
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

    async def _is_of_another_program(self, connection: INetConn) -> bool:
        """Compare a second connection of one peer id with the first."""
        peer_id = connection.muxed_conn.peer_id
        others = [
            opened.connection
            for opened in self._registry.connections_to(peer_id)
            if opened.connection is not connection
        ]
        return bool(others) and await self._conflicts.is_conflicting(connection, others)

    async def _refuse_empty(self, connection: INetConn, since_s: float) -> None:
        """Wait until the peer sends over a connection as its protocols promise.

        Raises:
            SwarmException: It does not, or reports another program of our identity.
        """
        peer_id = connection.muxed_conn.peer_id
        with trio.move_on_after(CARRIES_WITHIN_S):
            while not self._conflicts.is_reported_by(peer_id, since_s):
                identity = self._host.identity_of(peer_id)
                if connection.is_closed:
                    raise SwarmException("the peer closes its connections at once")
                if self._hears(peer_id) or (identity and not is_same_program(identity)):
                    return
                await trio.sleep(LOOK_EVERY_S)
        if self._host.identity_of(peer_id) is None:
            return
        await close_quietly(OpenConnection(connection))
        raise SwarmException(
            "the connection carries nothing: another program with this node's identity "
            "may be connected to the peer"
        )

    async def _find_other_self(self, info: PeerInfo) -> bool:
        """Dial this node's own identity where this node is not; a copy may answer."""
        own = {without_peer_id(address) for address in self._host.get_addrs()}
        addresses = [each for each in sound_addresses(info.addrs) if each not in own]
        for address in addresses[:MAX_PROBED]:
            with trio.move_on_after(PROBE_TIMEOUT_S):
                try:
                    connection = await self._swarm.dial_addr(address, info.peer_id)
                # Boundary: nobody answers there, or another peer does.
                except Exception as error:
                    log.debug("no copy of this node answers", error=repr(error))
                else:
                    return await self._refuse_own_identity(connection)
        return False

    async def _refuse_own_identity(self, connection: INetConn) -> bool:
        """Close a connection to this node's own identity, whoever opened it."""
        try:
            return await self._conflicts.is_conflicting(connection, ())
        finally:
            await close_quietly(OpenConnection(connection))

    async def _dial_and_ping(self, info: PeerInfo, addresses: Sequence[Multiaddr]) -> INetConn:
        """Dial until a connection answers (35): one just closed looks open for a while."""
        for _ in range(2):
            connection = await self._swarm.dial_addresses(info.peer_id, addresses)
            if await self._answers(connection):
                return connection
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
