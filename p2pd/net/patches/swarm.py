"""A swarm that frees what it took, gives up in time, and limits each address.

Made by ``p2pd.net.host``. Everything above it dials through ``dial_peer`` or
``dial_address``, so both keep the deadline.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

import structlog
import trio
from libp2p.abc import ConnectionType, IMuxedConn, INetConn, IPeerStore, ITransport
from libp2p.io.abc import ReadWriteCloser
from libp2p.network.config import RetryConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.exceptions import SwarmException
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStoreError
from libp2p.transport.upgrader import TransportUpgrader
from libp2p.utils.address_validation import is_relay_address as is_circuit
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.admission import ConnectionLimits, InboundAdmission
from p2pd.net.advertised import bounded_addresses
from p2pd.net.dial_failures import DialFailure, DialFailures
from p2pd.net.multiaddrs import sound_addresses
from p2pd.net.patches.dialling import MAX_ADDRESSES, dial_first_answering
from p2pd.net.patches.inbound import InboundServer
from p2pd.net.patches.names import resolve_all, without_peer_id
from p2pd.net.patches.policy import NoAutoConnector, connection_config
from p2pd.net.patches.transports import address_from_endpoint, endpoint_from_stream
from p2pd.net.peer_gate import PeerGate
from p2pd.net.private_addresses import PrivateAddressPolicy
from p2pd.net.relay.addresses import spread_over_relays
from p2pd.net.streams.ending import end_stream
from p2pd.net.transports.order import dialling_order

log = structlog.get_logger(__name__)

SECONDS = 1.0
DIAL_TIMEOUT_S = 15 * SECONDS
STREAM_EVENTS = frozenset({"opened_stream", "closed_stream"})
CLOSE_TIMEOUT_S = 1 * SECONDS
MAX_CIRCUITS_DIALLED = 3
"""Of the addresses dialled at once these are relayed, after the direct ones."""

DialCircuit = Callable[[Multiaddr, ID, bool], Awaitable[INetConn]]
"""Dials a relayed address; called with whether somebody here named it."""


class SwarmDialTimeoutError(SwarmException):
    """A dial took too long."""


class NodeSwarm(Swarm):
    """The stock swarm with patches 2, 16 and 22 of the list."""

    def __init__(
        self,
        *,
        peer_id: ID,
        peerstore: IPeerStore,
        upgrader: TransportUpgrader,
        transports: list[ITransport],
        rejections: Rejections,
        limits: ConnectionLimits,
        private_addresses: PrivateAddressPolicy,
    ) -> None:
        super().__init__(
            peer_id,
            peerstore,
            upgrader,
            transports,
            # Whoever dials decides when to try again; a retry here would only
            # use up his time.
            retry_config=RetryConfig(max_retries=0),
            connection_config=connection_config(limits),
        )
        self._rejections = rejections
        self._limits = limits
        self._private_addresses = private_addresses
        self.admission = InboundAdmission(limits, rejections, lambda: len(self.get_connections()))
        # The library's own bound refuses without a count.
        self._inbound_limiter = trio.CapacityLimiter(math.inf)
        self.dial_failures = DialFailures()
        self.gate = PeerGate()
        self._inbound = InboundServer(self.admission, rejections)
        self._dialling: dict[ID, trio.Lock] = {}
        self.dial_circuit: DialCircuit | None = None
        self.auto_connector = NoAutoConnector(self)

    async def dial_peer(self, peer_id: ID) -> list[INetConn]:
        """Dial a peer at the addresses the peerstore knows, unless it is connected.

        Raises:
            SwarmException: Nobody answered there, or not in time.
        """
        connected = [each for each in self.get_connections(peer_id) if not each.is_closed]
        if connected:
            return connected
        known = self.known_addresses(peer_id)
        return [await self.dial_addresses(peer_id, known, named=())]

    async def dial_addresses(
        self,
        peer_id: ID,
        addresses: Sequence[Multiaddr],
        *,
        named: Collection[Multiaddr] | None = None,
    ) -> INetConn:
        """Open a connection to a peer at one of some addresses, within a deadline (16).

        The first of them has a head start; relayed ones come last.
        A dial of the same peer that is under way already is waited for.

        Args:
            named: Those that a caller or operator named: of all others private ones are
                dialled as the settings say. None where all were named.

        Raises:
            SwarmException: Nobody answered there, or not in time.
        """
        return await self._dial_in_time(peer_id, addresses, named, is_direct=False)

    async def dial_direct(
        self,
        peer_id: ID,
        addresses: Sequence[Multiaddr],
        *,
        named: Collection[Multiaddr] | None = None,
    ) -> INetConn:
        """Open a direct connection, also beside a relayed one; else as ``dial_addresses``.

        Raises:
            SwarmException: Nobody answered there, or not in time.
        """
        return await self._dial_in_time(peer_id, addresses, named, is_direct=True)

    async def _dial_in_time(
        self,
        peer_id: ID,
        addresses: Sequence[Multiaddr],
        named: Collection[Multiaddr] | None,
        *,
        is_direct: bool,
    ) -> INetConn:
        if peer_id == self.self_id:
            raise SwarmException("that is this node itself")
        if not self.gate.permits_dial(peer_id):
            raise SwarmException("this node does not dial that peer")
        lock = self._dialling.setdefault(peer_id, trio.Lock())
        try:
            with trio.fail_after(DIAL_TIMEOUT_S):
                async with lock:
                    return await self._dial_unless_connected(peer_id, addresses, named, is_direct)
        except trio.TooSlowError:
            self.dial_failures.count(DialFailure.TIMEOUT)
            raise SwarmDialTimeoutError(f"no answer within {DIAL_TIMEOUT_S:.0f} s") from None
        finally:
            if not lock.statistics().tasks_waiting and not lock.locked():
                self._dialling.pop(peer_id, None)

    async def _dial_unless_connected(
        self,
        peer_id: ID,
        addresses: Sequence[Multiaddr],
        named: Collection[Multiaddr] | None,
        is_direct: bool,
    ) -> INetConn:
        for connection in self.get_connections(peer_id):
            if not connection.is_closed and not (is_direct and is_relayed(connection)):
                return connection
        if len(self.get_connections()) >= self._limits.total:
            self._rejections.count(RejectionReason.CONNECTIONS_TOTAL)
            self.dial_failures.count(DialFailure.FULL)
            raise SwarmException("this node has as many connections as it may have")
        sound = sound_addresses(addresses)
        direct = [each for each in sound if not is_circuit(each)]
        circuits = [] if is_direct or self.dial_circuit is None else filter(is_circuit, sound)
        relayed = spread_over_relays(circuits)[:MAX_CIRCUITS_DIALLED]
        try:
            resolved = await self._resolve(peer_id, direct, named)
        except SwarmException:
            if not relayed:
                self.dial_failures.count(DialFailure.NO_ADDRESS)
                raise
            resolved = []
        usable = [each for each in resolved if self.transport_manager.has_transport_for(each)]
        chosen = [*usable[: MAX_ADDRESSES - len(relayed)], *relayed]
        if not chosen:
            self.dial_failures.count(DialFailure.NO_ADDRESS)
        return await dial_first_answering(
            chosen,
            lambda each: self._dial_address(each, peer_id, named is None or each in named),
            self.dial_failures,
        )

    async def _resolve(
        self, peer_id: ID, addresses: list[Multiaddr], named: Collection[Multiaddr] | None
    ) -> list[Multiaddr]:
        """Resolve names, and leave out private addresses that nobody here named."""
        resolved = await resolve_all(addresses, peer_id)
        if named is None:
            return resolved
        try:
            given = await resolve_all([each for each in addresses if each in named], peer_id)
        except SwarmException:
            given = []
        permitted = self._private_addresses.permitted(resolved, given)
        if left_out := len(resolved) - len(permitted):
            self._rejections.count(RejectionReason.PRIVATE_ADDRESS, left_out)
        return permitted

    def permitted(self, addresses: Sequence[Multiaddr]) -> list[Multiaddr]:
        """Leave out private addresses, of those that a peer reported of itself, as is set."""
        return self._private_addresses.permitted(addresses)

    async def _dial_address(self, address: Multiaddr, peer_id: ID, is_named: bool) -> INetConn:
        if self.dial_circuit is not None and is_circuit(address):
            return await self.dial_circuit(address, peer_id, is_named)
        return await self.dial_addr(address, peer_id)

    def known_addresses(self, peer_id: ID) -> Sequence[Multiaddr]:
        """List the addresses the peerstore has of a peer, the likeliest first."""
        try:
            known = bounded_addresses(self.peerstore.addrs(peer_id))
            return dialling_order(without_peer_id(each) for each in known)
        except PeerStoreError:
            return ()

    async def _do_handle_inbound_connection(
        self, read_write_closer: ReadWriteCloser, maddr: Multiaddr, failure_event: object
    ) -> None:
        """Hold the inbound slot while the connection lives, not for ever (2)."""
        endpoint = endpoint_from_stream(read_write_closer)
        if endpoint is None:
            await read_write_closer.close()
            return
        host, _ = endpoint
        if isinstance(read_write_closer, IMuxedConn):
            await self._inbound.serve(host, read_write_closer, self._add_muxed)
            return
        address = address_from_endpoint(endpoint, maddr)
        raw = RawConnection(read_write_closer, False, addresses=[address])
        await self._inbound.serve(host, raw, self._upgrade)

    async def serve_relayed(self, raw: RawConnection, relay: str) -> None:
        """Serve a connection that came through a relay; a relay's are bounded like a host's."""
        await self._inbound.serve(relay, raw, self._upgrade)

    async def _upgrade(self, raw: RawConnection) -> IMuxedConn:
        return await self.upgrade_inbound_raw_conn(raw, raw.get_transport_addresses()[0])

    async def _add_muxed(self, muxed: IMuxedConn) -> IMuxedConn:
        await self.add_conn(muxed, direction="inbound")
        return muxed

    async def add_conn(self, muxed_conn: IMuxedConn, direction: str = "unknown") -> SwarmConn:
        """Add a secured connection, unless its peer is blocked.

        Raises:
            SwarmException: It is; the connection is closed.
        """
        if self.gate.is_blocked(muxed_conn.peer_id):
            self._rejections.count(RejectionReason.PEER_BLOCKED)
            # Over a socket it has not started to read: its own close would wait for that.
            await end_stream(getattr(muxed_conn, "secured_conn", muxed_conn).close)
            raise SwarmException("the peer is blocked")
        return await super().add_conn(muxed_conn, direction)

    def forget(self, peer_id: ID) -> None:
        """Forget all that the peerstore has of a peer."""
        with suppress(PeerStoreError):
            self.peerstore.clear_peerdata(peer_id)

    async def disconnect(self, peer_id: ID) -> None:
        """Close every connection to a peer, each within a second."""
        async with trio.open_nursery() as nursery:
            for connection in self.get_connections(peer_id):
                nursery.start_soon(end_stream, connection.close)

    async def _notify(self, method: str, *args: Any) -> None:
        """Report everything but streams, which nobody listens to: a task a listener (82)."""
        if method not in STREAM_EVENTS:
            await super()._notify(method, *args)

    async def notify_connected(self, conn: INetConn) -> None:
        """Report a connection to all, whatever that ends: the dial that made it, too (81)."""
        with trio.CancelScope(shield=True):
            await super().notify_connected(conn)

    def _trim_connections(self, peer_id: ID) -> None:
        """Close the newest connection to a peer that has one too many.

        The stock swarm closes none that is young, and an older one otherwise: a peer
        could open as many as it can within the grace.
        """
        self._rejections.count(RejectionReason.CONNECTIONS_PER_PEER)
        self.manager.run_task(_close_quietly, self.connections[peer_id][-1])

    async def close(self) -> None:
        """Close every connection at once, and wait for none longer than a second."""
        with trio.move_on_after(CLOSE_TIMEOUT_S):
            async with trio.open_nursery() as nursery:
                for connection in self.get_connections():
                    nursery.start_soon(_close_quietly, connection)
        self.connections.clear()
        await super().close()


def is_relayed(connection: INetConn) -> bool:
    """Return whether a connection runs through a relay."""
    return connection.get_connection_type() is ConnectionType.RELAYED


async def _close_quietly(connection: INetConn) -> None:
    try:
        await connection.close()
    # A connection that breaks while it is closed is closed.
    except Exception as error:
        log.debug("connection broke while closing", error=repr(error))
