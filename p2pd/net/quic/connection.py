"""One QUIC connection: its streams, its timer, and who is at its other end.

Made by ``endpoint``, which feeds it datagrams and runs ``run``; used by the swarm
through ``IMuxedConn``. Nothing but ``run`` waits for the network.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
import trio
from aioquic.quic import events
from libp2p.abc import ConnectionType
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedStreamError
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.muxing.connection import MuxedConnection
from p2pd.net.quic.core import MAX_STREAMS, CreditedQuic
from p2pd.net.quic.peer_identity import verified_peer_id
from p2pd.net.quic.sending import NO_ERROR, StreamSender
from p2pd.net.quic.sources import Source, host_of
from p2pd.net.quic.stream import QuicMuxedStream
from p2pd.net.quic.stream_ids import RemoteStreamIds
from p2pd.net.quic.wire import Wire

log = structlog.get_logger(__name__)

HANDSHAKE_TIMEOUT_S = 5.0
MAX_OWN_STREAMS = 1024
CLOSE_REPORT_TIMEOUT_S = 1.0


class QuicMuxer(MuxedConnection[QuicMuxedStream]):
    """Bounded like a connection over yamux, without a lock or a task a datagram.

    Attributes:
        established: Set once the other end is known, or the connection has failed.
        failure: Why it failed, until then.
    """

    def __init__(
        self,
        core: CreditedQuic,
        wire: Wire[QuicMuxer],
        remote: tuple[str, int],
        address: Multiaddr,
        rejections: Rejections,
        expected: ID | None = None,
        cids: Iterable[bytes] = (),
    ) -> None:
        super().__init__(expected or ID(b""), rejections, MAX_STREAMS)
        self.established = trio.Event()
        self.failure: Exception | None = None
        self._core = core
        self._wire = wire
        self._remote = remote
        self._address = address
        self._expected = expected
        self._handshake_until_s = trio.current_time() + HANDSHAKE_TIMEOUT_S
        self._remote_ids = RemoteStreamIds(is_initiator=self.is_initiator)
        self._sender = StreamSender(core, self.flush, self.event_closed.is_set, self._drop)
        self._cids = {core.host_cid, *cids}
        self._source: Source | None = None
        self._timer_s = self._handshake_until_s
        self._sleep = trio.CancelScope()

    # What the library calls.

    @property
    def is_initiator(self) -> bool:
        """Whether this side dialled."""
        return bool(self._core.configuration.is_client)

    @property
    def is_established(self) -> bool:
        """Whether streams can be opened."""
        return self.established.is_set() and not self.is_closed

    def get_transport_addresses(self) -> list[Multiaddr]:
        """Return the address of the other end."""
        return [self._address]

    def get_connection_type(self) -> ConnectionType:
        """Return that the connection is direct."""
        return ConnectionType.DIRECT

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return host and port of the other end."""
        return self._remote

    @property
    def local_host(self) -> str | None:
        """The own address that the connection cannot do without; None where it migrates."""
        return None if self._source is None else host_of(self._source)

    async def start(self) -> None:
        """Return when the connection has ended; the endpoint runs it."""
        self.event_started.set()
        await self.event_closed.wait()

    async def open_stream(self) -> QuicMuxedStream:
        """Open a stream; the peer learns of it by what is written to it.

        Raises:
            MuxedStreamError: The connection has ended, or has 1,024 streams of this side.
        """
        await trio.lowlevel.checkpoint()
        if self.is_closed:
            raise MuxedStreamError("connection is closed")
        if (
            sum(1 for each in self._streams if not self._remote_ids.is_remote(each))
            >= MAX_OWN_STREAMS
        ):
            raise MuxedStreamError("too many streams are open")
        stream_id = self._core.get_next_available_stream_id()
        self._core.send_stream_data(stream_id, b"")
        stream = self._streams[stream_id] = QuicMuxedStream(stream_id, self, self._sender)
        return stream

    async def ping(self) -> float:
        """Ask the peer for an answer; returns the round trip in seconds.

        Raises:
            MuxedConnUnavailable: The connection ended before one came.

        Cancellation: safe; the caller sets the deadline.
        """
        round_trip_s = await self._pings.measure_s(self._send_ping)
        return min(round_trip_s, self._core.latest_round_trip_s or round_trip_s)

    def _send_ping(self, ping_id: int) -> None:
        self._core.send_ping(ping_id)
        self.flush()

    async def close(self) -> None:
        """Notify the peer and end the connection."""
        self.end()
        await trio.lowlevel.checkpoint()

    # What the endpoint calls.

    def receive(self, data: bytes, address: Any, source: Source | None) -> None:
        """Receive a datagram; ``advance`` acts on several at once.

        Args:
            source: What to answer with, so that it comes from where the peer sends to.
        """
        if not self.is_initiator:
            self._source = source
        self.last_heard_s = trio.current_time()
        try:
            self._core.receive_datagram(data, address, now=self.last_heard_s)
        # The boundary between the node and whatever a remote peer sends.
        except Exception as error:
            self._fail(error)

    def is_reset_by(self, data: bytes, address: Any) -> bool:
        """Return whether a datagram to nobody ends this connection, and end it then."""
        if address[:2] != self._remote or not self._core.is_reset_by(data):
            return False
        self._finish(ConnectionError("the peer knows the connection no more"))
        return True

    def end_dial(self, address: Any, error: OSError) -> None:
        """End, before anything has come of it, what was dialled where nothing arrives."""
        if self.is_initiator and not self.established.is_set() and address[:2] == self._remote:
            self._finish(error)

    def advance(self) -> None:
        """Act on what was received, and send what is due."""
        try:
            self._advance()
        # The boundary between the node and whatever a remote peer sends.
        except Exception as error:
            self._fail(error)

    def _advance(self) -> None:
        self._handle_events()
        if self.is_closed:
            return
        if self._core.end_reason is not None:
            self._finish(ConnectionError(self._core.end_reason))
            return
        self._sender.wake_writers()
        self.flush()

    def flush(self) -> None:
        """Send what is due, and set the timer for what is due later."""
        if self.is_closed:
            return
        if self._core.wants_grant:
            self._core.grant_all(sum(each.unread_bytes for each in self._streams.values()))
        self._transmit()
        timer_s = self._core.get_timer()
        if not self.established.is_set():
            timer_s = min(timer_s or self._handshake_until_s, self._handshake_until_s)
        self._timer_s = float("inf") if timer_s is None else timer_s
        # Later is found out on waking: most timers are set anew with each datagram.
        self._sleep.deadline = min(self._sleep.deadline, self._timer_s)

    async def run(self) -> None:
        """Keep the connection's time until it ends; never raises."""
        try:
            while not self.is_closed:
                with trio.CancelScope(deadline=self._timer_s) as self._sleep:
                    await self.event_closed.wait()
                now_s = trio.current_time()
                if not self.is_closed and now_s >= self._timer_s:
                    self._handle_timer(now_s)
        finally:
            self.end()
            await self._report_closed()

    def _handle_events(self) -> None:
        while not self.is_closed and (event := self._core.next_event()) is not None:
            self._handle_event(event)

    def _handle_event(self, event: events.QuicEvent) -> None:
        match event:
            case events.StreamDataReceived(data=data, end_stream=is_last, stream_id=stream_id):
                self.last_used_s = self.last_heard_s
                if (stream := self._stream_of(stream_id)) is not None:
                    stream.receive_data(data, is_last=is_last)
            case events.StreamReset(stream_id=stream_id):
                if (stream := self._stream_of(stream_id)) is not None:
                    stream.receive_reset()
            case events.StopSendingReceived(stream_id=stream_id):
                if (stream := self._streams.get(stream_id)) is not None:
                    stream.receive_stop()
            case events.PingAcknowledged(uid=uid):
                self._pings.receive_answer(uid)
            case events.HandshakeCompleted():
                self._identify()
            case events.ConnectionIdIssued(connection_id=cid):
                self._cids.add(cid)
                self._wire.route(cid, self)
            case events.ConnectionIdRetired(connection_id=cid):
                self._cids.discard(cid)
                self._wire.unroute(cid)
            case events.ConnectionTerminated(reason_phrase=reason):
                self._finish(ConnectionError(reason or "closed"))

    def _identify(self) -> None:
        """Verify whose certificate the other end has, and whether it is who was dialled."""
        try:
            self.peer_id = verified_peer_id(self._core.peer_certificate, self._expected)
        # What a certificate sets off in the parsers is the peer's choice.
        except Exception as error:
            self._core.close(error_code=1)
            self._transmit()
            self._finish(error)
        else:
            self.established.set()

    def _stream_of(self, stream_id: int) -> QuicMuxedStream | None:
        """Return the stream of some data, a new one where the peer opens it with that."""
        stream = self._streams.get(stream_id)
        if stream is not None or not self._remote_ids.is_remote(stream_id):
            return stream
        if not self._remote_ids.open(stream_id):
            return None  # of a stream that ended here while the data was on its way
        stream = self._streams[stream_id] = QuicMuxedStream(stream_id, self, self._sender)
        try:
            self._accepted_in.send_nowait(stream)
        except trio.WouldBlock:
            self._rejections.count(RejectionReason.QUIC_STREAMS)
            stream.abandon()
        return stream

    # Time and the end.

    def _handle_timer(self, now_s: float) -> None:
        if not self.established.is_set() and now_s >= self._handshake_until_s:
            self._finish(TimeoutError("no answer"))
            return
        try:
            self._core.handle_timer(now=now_s)
        # The boundary between the node and what a remote peer has sent before.
        except Exception as error:
            self._fail(error)
        self.advance()

    def _fail(self, error: Exception) -> None:
        """End the connection whose peer, or whose core, broke the protocol."""
        self._rejections.count(RejectionReason.QUIC_PROTOCOL)
        log.debug("peer broke QUIC", peer_id=str(self.peer_id), error=repr(error))
        self.end()

    def _transmit(self) -> None:
        datagrams = self._core.datagrams_to_send(now=trio.current_time())
        # Packets name new ids of this connection: a peer may answer to one at once.
        self._handle_events()
        for data, address in datagrams:
            self._wire.transmit(data, address, self._source)

    def end(self) -> None:
        """Say goodbye and end, once; whoever comes later finds it ended."""
        if self.is_closed:
            return
        try:
            self._core.close(error_code=NO_ERROR)
            self._transmit()
        # A connection that cannot even say goodbye ends without.
        except Exception as error:
            log.debug("no goodbye", peer_id=str(self.peer_id), error=repr(error))
        self._finish(ConnectionError("closed here"))

    def _finish(self, reason: Exception) -> None:
        if self.is_closed:
            return
        self.failure = self.failure or reason
        self.event_closed.set()
        self.established.set()
        self._end_streams()
        for cid in self._cids:
            self._wire.unroute(cid)
        log.debug("connection ended", peer_id=str(self.peer_id), reason=str(reason))

    async def _report_closed(self) -> None:
        if self.on_close is None:
            return
        with trio.move_on_after(CLOSE_REPORT_TIMEOUT_S) as scope:
            # Half an ending would leave the swarm with a connection that is none.
            scope.shield = True
            await self.on_close()
