"""This node as a relay: the hop protocol, answered within the rules.

Opened by ``service``, which switches it on and off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

import trio
from libp2p.abc import INetConn, INetStream
from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.pb.circuit_pb2 import HopMessage, Status, StopMessage
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.multiaddrs import names_in
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.patches.swarm import is_relayed
from p2pd.net.relay.addresses import is_relayed as leads_through_relay
from p2pd.net.relay.forwarding import Circuit
from p2pd.net.relay.messages import (
    HOP,
    STOP,
    CircuitLimit,
    RelayError,
    check_status,
    hop_status,
    peer_id_from_bytes,
    stop_request,
)
from p2pd.net.relay.rules import RelayRules
from p2pd.net.relay.streams import read_message
from p2pd.net.relay.voucher import voucher_for
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import connection_of, muxed_stream_of, open_stream, reset_quietly
from p2pd.net.streams.shares import StreamShares
from p2pd.net.subscribers import subscriber_of
from p2pd.net.transports.order import without_loopback

REQUEST_TIMEOUT_S = 10.0
"""For the whole request, the consent of the other end included."""
PROTECTION = "relayed"
"""Tag of peers with a reservation: who needs it, needs the connection to this relay."""
IP_NAMES = ("ip4", "ip6")
MAX_ADDRESSES = 8


@dataclass(slots=True)
class RelayTotals:
    """What was relayed since the start; changed in place by ``RelayServer``."""

    reservations: int = 0
    circuits: int = 0
    carried_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """A circuit that its target has taken.

    Attributes:
        is_member: Whether the target is in a room of this node.
    """

    stream: INetStream
    limit: CircuitLimit
    is_member: bool


class RelayServer:
    """Serve the hop protocol while it is open.

    Args:
        is_member: Whether a peer is in a room of this node.
        clock_ns: Nanoseconds since the epoch: what peers are given is by the wall clock.
    """

    def __init__(
        self,
        host: NodeHost,
        rules: RelayRules,
        is_member: Callable[[ID], bool],
        rejections: Rejections,
        clock_ns: Callable[[], int],
    ) -> None:
        self._clock_ns = clock_ns
        self.rules = rules
        rules.on_release = self._unprotect
        self.totals = RelayTotals()
        self._host = host
        self._is_member = is_member
        self._rejections = rejections
        self._shares = StreamShares()

    def open(self) -> None:
        """Offer the protocol."""
        self._host.set_stream_handler(HOP, self.serve)

    def close(self) -> None:
        """Offer the protocol no more; circuits that are open go on to their end."""
        self._host.remove_stream_handler(HOP)
        self.rules.release_all()

    async def serve(self, stream: INetStream) -> None:
        """Answer one request, and carry the circuit that it asks for."""
        with ExitStack() as held:
            circuit = None
            with self._shares.share(stream.muxed_conn.peer_id) as is_shared:
                if not is_shared:
                    self._rejections.count(RejectionReason.RELAY_REQUESTS_OVER_LIMIT)
                    await stream.reset()
                    return
                circuit = await self._answer_in_time(stream, held)
            if circuit is not None:
                await self._carry(stream, circuit)

    def connection_closed(self, connection: INetConn) -> None:
        """Take back the reservation of a peer whose last connection is gone."""
        peer_id = connection.muxed_conn.peer_id
        if self._direct_connection(peer_id) is None:
            self.rules.release(peer_id)

    async def _answer_in_time(self, stream: INetStream, held: ExitStack) -> Offer | None:
        """Answer a request; returns the circuit where it opened one."""
        with trio.move_on_after(REQUEST_TIMEOUT_S) as scope:
            try:
                return await self._answer(stream, held)
            except RelayError as error:
                self._rejections.count(_reason_of(error))
                await write_frame(stream, hop_status(error.status))
                await stream.close()
        if scope.cancelled_caught:
            self._rejections.count(RejectionReason.RELAY_REQUEST_MALFORMED)
            await stream.reset()
        return None

    async def _answer(self, stream: INetStream, held: ExitStack) -> Offer | None:
        request = await read_message(stream, HopMessage)
        if is_relayed(connection_of(stream)):
            raise RelayError(Status.PERMISSION_DENIED, "no relay behind a relay")
        match request.type:
            case HopMessage.RESERVE:
                await self._reserve(stream)
            case HopMessage.CONNECT:
                return await self._connect(stream, request, held)
            case _:
                raise RelayError(Status.UNEXPECTED_MESSAGE, "neither RESERVE nor CONNECT")
        return None

    async def _reserve(self, stream: INetStream) -> None:
        peer_id = stream.muxed_conn.peer_id
        limit = self.rules.reserve(
            peer_id,
            _ip_of(connection_of(stream)),
            trio.current_time(),
            is_member=self._is_member(peer_id),
        )
        self._host.swarm.protect(peer_id, PROTECTION)
        self.totals.reservations += 1
        reply = hop_status(Status.OK, limit)
        reply.reservation.expire = int(self._clock_ns() / 1e9 + self.rules.limits.reservation_s)
        reply.reservation.addrs.extend(each.to_bytes() for each in self._own_addresses())
        reply.reservation.voucher = voucher_for(
            peer_id, self._host.get_private_key(), reply.reservation.expire
        )
        await write_frame(stream, reply)
        await stream.close()

    def _unprotect(self, peer_id: ID) -> None:
        self._host.swarm.unprotect(peer_id, PROTECTION)

    def _own_addresses(self) -> list[Multiaddr]:
        """List where this relay is dialled; loopback only where there is nothing else."""
        direct = [each for each in self._host.get_addrs() if not leads_through_relay(each)]
        return without_loopback(direct)[:MAX_ADDRESSES]

    async def _connect(self, stream: INetStream, request: HopMessage, held: ExitStack) -> Offer:
        source, target = stream.muxed_conn.peer_id, peer_id_from_bytes(request.peer.id)
        is_member = self._is_member(target)
        limit = self.rules.circuit_limit(is_member=is_member)
        now_s = trio.current_time()
        held.enter_context(self.rules.circuit(source, target, now_s, is_member=is_member))
        offered = await self._offer(source, target, limit)
        try:
            await write_frame(stream, hop_status(Status.OK, limit))
        except BaseException:
            await reset_quietly(offered)
            raise
        self.totals.circuits += 1
        return Offer(offered, limit, is_member)

    async def _offer(self, source: ID, target: ID, limit: CircuitLimit) -> INetStream:
        """Have a peer take a circuit.

        Raises:
            RelayError: It does not, or cannot be reached (CONNECTION_FAILED).
        """
        connection = self._direct_connection(target)
        if connection is None:
            raise RelayError(Status.CONNECTION_FAILED, "the peer is not connected")
        stream = None
        try:
            stream = await open_stream(self._host, connection, STOP)
            await write_frame(stream, stop_request(source, limit))
            check_status(await read_message(stream, StopMessage))
        except BaseException as error:
            if stream is not None:
                await reset_quietly(stream)
            if not isinstance(error, Exception):
                raise
            # Boundary: whatever its stream or its answer makes of it, the peer did not agree.
            raise RelayError(Status.CONNECTION_FAILED, f"no consent: {error!r}") from error
        return stream

    async def _carry(self, stream: INetStream, offer: Offer) -> None:
        on_carried = self._count if offer.is_member else self._count_of_stranger
        circuit = Circuit(
            muxed_stream_of(stream), muxed_stream_of(offer.stream), offer.limit, on_carried
        )
        try:
            await circuit.carry()
        finally:
            await reset_quietly(stream)
            await reset_quietly(offer.stream)

    def _count(self, size: int) -> None:
        self.totals.carried_bytes += size

    def _count_of_stranger(self, size: int) -> None:
        self.totals.carried_bytes += size
        self.rules.carried_for_stranger(size, trio.current_time())

    def _direct_connection(self, peer_id: ID) -> INetConn | None:
        connections: Iterable[INetConn] = self._host.swarm.get_connections(peer_id)
        direct = (each for each in connections if not each.is_closed and not is_relayed(each))
        return next(direct, None)


def _reason_of(error: RelayError) -> RejectionReason:
    if error.is_fault:
        return RejectionReason.RELAY_REQUEST_MALFORMED
    return RejectionReason.RELAY_REQUEST_REFUSED


def _ip_of(connection: INetConn) -> str:
    """Name the subscriber that a peer is counted by."""
    for address in connection.get_transport_addresses():
        name = names_in(address)[0]
        if name in IP_NAMES:
            return subscriber_of(str(address.value_for_protocol(name)))
    return ""
