"""One UDP socket and the connections on it, inbound and outbound.

Made by ``transport``, one for each listening address; dials leave from it as well,
so that peers see the port that they can dial. A UDP socket takes what anybody sends:
what belongs to no connection is dropped, and handshakes are bounded.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog
import trio
from aioquic._buffer import Buffer
from aioquic.quic.configuration import SMALLEST_MAX_DATAGRAM_SIZE, QuicConfiguration
from aioquic.quic.packet import (
    QuicHeader,
    QuicPacketType,
    encode_quic_retry,
    encode_quic_version_negotiation,
    pull_quic_header,
)
from aioquic.quic.retry import QuicRetryTokenHandler
from libp2p.peer.id import ID

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.quic.connection import QuicMuxer
from p2pd.net.quic.core import CID_BYTES, CreditedQuic
from p2pd.net.quic.datagrams import DatagramSocket
from p2pd.net.quic.resets import StatelessResets
from p2pd.net.quic.sources import Source
from p2pd.net.subscribers import subscriber_of
from p2pd.net.transports import QUIC
from p2pd.tasks import attempt

log = structlog.get_logger(__name__)

MAX_BATCH = 32
"""Datagrams handled before other tasks get a turn."""
RETRY_FROM_HANDSHAKES = 16
"""From so many unfinished ones on, a new peer must show first that it can be answered."""
MAX_HANDSHAKES = 64
MAX_HANDSHAKES_PER_SUBSCRIBER = 32
"""More than those begun before a token is asked for, which can have any sender's address."""
SWEEP_INTERVAL_S = 15.0

Accept = Callable[[QuicMuxer], Awaitable[None]]


class QuicEndpoint:
    """Distinguish connections by their ids, and make new ones.

    Args:
        accept: Serves an inbound connection; None where none is accepted.
        nursery: Runs the connections.
    """

    def __init__(
        self,
        bound: socket.socket,
        configurations: dict[bool, QuicConfiguration],
        resets: StatelessResets,
        accept: Accept | None,
        rejections: Rejections,
        nursery: trio.Nursery,
    ) -> None:
        self._datagrams = DatagramSocket(bound)
        self.host, self.port = self._datagrams.host, self._datagrams.port
        self._configurations = configurations
        self._resets = resets
        self._accept = accept
        self._rejections = rejections
        self._nursery = nursery
        self._routes: dict[bytes, QuicMuxer] = {}
        self._handshakes = 0
        self._handshakes_from: Counter[str] = Counter()
        self._retry = QuicRetryTokenHandler()

    async def dial(self, remote: Any, peer_id: ID) -> QuicMuxer:
        """Open a connection to a peer.

        Args:
            remote: A socket address of this socket's family.

        Raises:
            Exception: Nobody answers, or another peer does; of many kinds.

        Cancellation: safe.
        """
        core = CreditedQuic(self._resets, configuration=self._configurations[True])
        connection = self._connection(core, remote, peer_id)
        core.connect(remote, now=trio.current_time())
        connection.flush()
        self._nursery.start_soon(attempt, "QUIC connection", connection.run)
        try:
            await connection.established.wait()
        except trio.Cancelled:
            connection.end()
            raise
        if connection.is_closed:
            raise connection.failure or ConnectionError("closed")
        return connection

    async def run(self) -> None:
        """Receive until the socket is closed."""
        while self._datagrams.is_open:
            try:
                await self._datagrams.wait_readable()
            except (trio.ClosedResourceError, OSError):
                return
            self._receive_batch()
            self._end_unreachable()

    async def sweep(self) -> None:
        """Reset streams that peers never close, until the socket is closed."""
        while self._datagrams.is_open:
            await trio.sleep(SWEEP_INTERVAL_S)
            for connection in set(self._routes.values()):
                connection.sweep()

    def close(self) -> None:
        """End every connection and close the socket."""
        for connection in set(self._routes.values()):
            connection.end()
        self._datagrams.close()

    # What connections call.

    def transmit(self, data: bytes, address: Any, source: Source | None = None) -> None:
        """Send a datagram; one that cannot be sent now is lost, and sent again as lost ones are."""
        self._datagrams.send(data, address, source)

    def route(self, cid: bytes, connection: QuicMuxer) -> None:
        """Give a connection what comes for one more of its ids."""
        self._routes[cid] = connection

    def unroute(self, cid: bytes) -> None:
        """Forget an id of a connection."""
        self._routes.pop(cid, None)

    # Receiving.

    def _receive_batch(self) -> None:
        reached: dict[QuicMuxer, None] = {}
        for _ in range(MAX_BATCH):
            try:
                data, address, source = self._datagrams.receive()
            except BlockingIOError:
                break
            except OSError as error:
                log.debug("datagram not received", error=error.strerror)
                continue
            try:
                connection = self._connection_for(data, address, source)
            # The boundary between the node and whatever anybody sends.
            except Exception as error:
                self._rejections.count(RejectionReason.QUIC_PROTOCOL)
                log.debug("datagram malformed", error=repr(error))
                continue
            if connection is not None:
                connection.receive(data, address, source)
                reached[connection] = None
        for connection in reached:
            connection.advance()

    def _end_unreachable(self) -> None:
        """End the dials of which ICMP reports that nothing arrives there."""
        for report in self._datagrams.unreachable():
            connection = self._routes.get(report.source_cid)
            if connection is not None:
                connection.end_dial(report.address, report.error())

    def _connection_for(self, data: bytes, address: Any, source: Source | None) -> QuicMuxer | None:
        if len(data) <= CID_BYTES:
            return None
        if not data[0] & 0x80:
            cid = data[1 : 1 + CID_BYTES]
            known = self._routes.get(cid)
            if known is None:
                self._answer_unknown(data, cid, address, source)
            return known
        try:
            header = pull_quic_header(Buffer(data=data), host_cid_length=CID_BYTES)
        except ValueError:
            self._rejections.count(RejectionReason.QUIC_PROTOCOL)
            return None
        known = self._routes.get(header.destination_cid)
        if known is not None or self._accept is None or len(data) < SMALLEST_MAX_DATAGRAM_SIZE:
            return known
        return self._new_inbound(header, address, source)

    def _answer_unknown(self, data: bytes, cid: bytes, address: Any, source: Source | None) -> None:
        """End the connection that a peer knows no more, or report to a peer that we know none."""
        if not self._resets.permits(trio.current_time()):
            return
        if any(each.is_reset_by(data, address) for each in set(self._routes.values())):
            return
        if reset := self._resets.answer(cid, len(data)):
            self.transmit(reset, address, source)

    def _new_inbound(
        self, header: QuicHeader, address: Any, source: Source | None
    ) -> QuicMuxer | None:
        versions = self._configurations[False].supported_versions
        if header.packet_type == QuicPacketType.VERSION_NEGOTIATION:
            return None
        if header.version not in versions:
            answer = encode_quic_version_negotiation(
                source_cid=header.destination_cid,
                destination_cid=header.source_cid,
                supported_versions=versions,
            )
            self.transmit(answer, address, source)
            return None
        if header.packet_type != QuicPacketType.INITIAL:
            return None
        if self._handshakes >= MAX_HANDSHAKES:
            self._rejections.count(RejectionReason.QUIC_HANDSHAKES)
            return None
        if self._handshakes_from[subscriber_of(address[0])] >= MAX_HANDSHAKES_PER_SUBSCRIBER:
            self._rejections.count(RejectionReason.QUIC_HANDSHAKES_PER_ADDRESS)
            return None
        try:
            return self._admit(header, address, source)
        except ValueError:
            self._rejections.count(RejectionReason.QUIC_PROTOCOL)
            return None

    def _admit(self, header: QuicHeader, address: Any, source: Source | None) -> QuicMuxer | None:
        """Make a connection of a first packet, or ask for another with a token.

        Raises:
            ValueError: The token is not one of ours for that address.
        """
        original, retried = header.destination_cid, None
        if header.token:
            original = self._retry.validate_token(
                address=address,
                destination_cid=header.destination_cid,
                token=header.token,
                now=trio.current_time(),
            )
            retried = header.destination_cid
        elif self._handshakes >= RETRY_FROM_HANDSHAKES:
            self._ask_again(header, address, source)
            return None
        core = CreditedQuic(
            self._resets,
            configuration=self._configurations[False],
            original_destination_connection_id=original,
            retry_source_connection_id=retried,
        )
        connection = self._connection(core, address, None, header.destination_cid)
        subscriber = subscriber_of(address[0])
        self._count_handshake(subscriber, 1)
        self._nursery.start_soon(
            attempt, "QUIC connection", partial(self._serve, connection, subscriber)
        )
        return connection

    def _ask_again(self, header: QuicHeader, address: Any, source: Source | None) -> None:
        source_cid = os.urandom(CID_BYTES)
        token = self._retry.create_token(
            address=address,
            original_destination_connection_id=header.destination_cid,
            retry_source_connection_id=source_cid,
            now=trio.current_time(),
        )
        answer = encode_quic_retry(
            version=header.version or 0,
            source_cid=source_cid,
            destination_cid=header.source_cid,
            original_destination_cid=header.destination_cid,
            retry_token=token,
        )
        self.transmit(answer, address, source)

    def _connection(
        self, core: CreditedQuic, remote: Any, expected: ID | None, *cids: bytes
    ) -> QuicMuxer:
        host, port = remote[:2]
        endpoint = (str(host).partition("%")[0], int(port))
        connection = QuicMuxer(
            core, self, endpoint, QUIC.address(*endpoint), self._rejections, expected, cids
        )
        for cid in (core.host_cid, *cids):
            self._routes[cid] = connection
        return connection

    def _count_handshake(self, subscriber: str, change: int) -> None:
        self._handshakes += change
        self._handshakes_from[subscriber] += change
        if not self._handshakes_from[subscriber]:
            del self._handshakes_from[subscriber]

    async def _serve(self, connection: QuicMuxer, subscriber: str) -> None:
        """Hand an inbound connection on once its other end is known."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.run)
            try:
                await connection.established.wait()
            finally:
                self._count_handshake(subscriber, -1)
            if connection.is_closed:
                self._rejections.count(RejectionReason.INBOUND_HANDSHAKE)
            elif self._accept is not None:
                await self._accept(connection)
