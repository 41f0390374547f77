"""One connection: its streams, one reader that never waits, one writer that joins frames.

Made by ``negotiation``; run by the swarm, which calls ``start`` in a task.
"""

from __future__ import annotations

import structlog
import trio
from libp2p.abc import ConnectionType, ISecureConn
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedStreamError
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.muxing.connection import MuxedConnection
from p2pd.net.yamux.frames import (
    HEADER,
    INITIAL_WINDOW_BYTES,
    SESSION_ID,
    Flag,
    FrameType,
    GoAway,
    Header,
    ProtocolError,
    decode_header,
    encode_frame,
)
from p2pd.net.yamux.outbox import FrameOutbox, InstantWriter
from p2pd.net.yamux.stream import YamuxStream

log = structlog.get_logger(__name__)

MAX_STREAMS = 256
"""Streams a peer may have open here at once; more are reset."""
MAX_OWN_STREAMS = 1024
MAX_UNREAD_BYTES = 8 * 1024 * 1024
"""What one peer can make this node hold, over all its streams."""
MAX_OUTBOX_BYTES = 4 * 1024 * 1024
"""Answers to pings and the like never wait; a peer that asks for so many and
reads none is cut off."""
SWEEP_INTERVAL_S = 15.0
FAREWELL_TIMEOUT_S = 0.5


class YamuxConnection(MuxedConnection[YamuxStream]):
    """Patches 7 and 20: bounded, and without a lock or a task a frame."""

    def __init__(self, secured_conn: ISecureConn, peer_id: ID, rejections: Rejections) -> None:
        super().__init__(peer_id, rejections, MAX_STREAMS)
        self.secured_conn = secured_conn
        self._next_id = 1 if secured_conn.is_initiator else 2
        instant = secured_conn if isinstance(secured_conn, InstantWriter) else None
        self._outbox = FrameOutbox(secured_conn.write, instant)
        self._tasks: trio.CancelScope | None = None
        self._is_closing = False

    # What the library calls.

    @property
    def is_initiator(self) -> bool:
        """Whether this side dialled."""
        return self.secured_conn.is_initiator

    @property
    def is_established(self) -> bool:
        """Whether streams can be opened."""
        return self.event_started.is_set() and not self._is_closing

    def get_transport_addresses(self) -> list[Multiaddr]:
        """Return the address of the other end."""
        return self.secured_conn.get_transport_addresses()

    def get_connection_type(self) -> ConnectionType:
        """Return whether the connection is direct or relayed."""
        return self.secured_conn.get_connection_type()

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return host and port of the other end."""
        return self.secured_conn.get_remote_address()

    async def start(self) -> None:
        """Run the connection until it ends, for whatever reason; never raises."""
        reason = GoAway.NORMAL
        try:
            async with trio.open_nursery() as nursery:
                self._tasks = nursery.cancel_scope
                nursery.start_soon(self._write)
                nursery.start_soon(self._sweep)
                self.event_started.set()
                reason = await self._read_until_end()
                await self._end(reason)
        finally:
            await self._end(reason)

    async def open_stream(self) -> YamuxStream:
        """Open a stream; what is written to it at once travels with it.

        Raises:
            MuxedStreamError: The connection is closing, or has 1,024 streams of
                this side.
        """
        await trio.lowlevel.checkpoint()
        if self._is_closing:
            raise MuxedStreamError("connection is closed")
        if self._count_streams(self._next_id) >= MAX_OWN_STREAMS:
            raise MuxedStreamError("too many streams are open")
        stream = self._streams[self._next_id] = YamuxStream(self._next_id, self, self)
        self.send(encode_frame(FrameType.WINDOW_UPDATE, Flag.SYN, self._next_id, 0))
        self._next_id += 2
        return stream

    async def ping(self) -> float:
        """Ask the peer for an answer; returns the round trip in seconds.

        Raises:
            MuxedConnUnavailable: The connection ended before one came.

        Cancellation: safe; the caller sets the deadline.
        """
        return await self._pings.measure_s(self._send_ping)

    def _send_ping(self, ping_id: int) -> None:
        self.send_now(encode_frame(FrameType.PING, Flag.SYN, SESSION_ID, ping_id))

    async def close(self) -> None:
        """Notify the peer and end the connection; returns when it has ended."""
        await self._end(GoAway.NORMAL)
        await self.event_closed.wait()

    # What the streams call; none but ``wait_room`` waits.

    @property
    def is_free(self) -> bool:
        """Whether ``send_now`` sends at once."""
        return not self._is_closing and self._outbox.is_free

    def send(self, frame: bytes) -> None:
        """Put a frame into the outbox; dropped where the connection is ending."""
        if not self._is_closing:
            self._outbox.put(frame)

    def send_now(self, frame: bytes) -> None:
        """Send a frame at once where the socket takes it, else put it into the outbox."""
        if not self._is_closing:
            self._outbox.put_now(frame)

    async def wait_room(self) -> None:
        """Wait while too much is in the outbox."""
        await self._outbox.wait_room()

    def forget(self, stream: YamuxStream) -> None:
        """Drop a stream that has ended; what was received of it can still be read."""
        self._drop(stream.stream_id)

    # The reader.

    async def _read_until_end(self) -> int:
        buffer = bytearray()
        try:
            while chunk := await self.secured_conn.read():
                self.last_heard_s = trio.current_time()
                buffer += chunk
                self._handle_frames(buffer)
        except ProtocolError as error:
            self._rejections.count(RejectionReason.YAMUX_PROTOCOL)
            log.debug("peer broke yamux", peer_id=str(self.peer_id), error=str(error))
            return GoAway.PROTOCOL_ERROR
        # Every layer below ends in its own way, and every end is an end.
        except Exception as error:
            log.debug("connection ended", peer_id=str(self.peer_id), error=repr(error))
        return GoAway.NORMAL

    def _handle_frames(self, buffer: bytearray) -> None:
        """Handle every whole frame in the buffer and leave the rest there."""
        offset = 0
        while len(buffer) - offset >= HEADER.size:
            header = decode_header(buffer, offset)
            body_bytes = header.length if header.type == FrameType.DATA else 0
            if body_bytes > INITIAL_WINDOW_BYTES:
                raise ProtocolError("frame is larger than a window")
            end = offset + HEADER.size + body_bytes
            if end > len(buffer):
                break
            self._handle_frame(header, buffer[offset + HEADER.size : end])
            offset = end
        del buffer[:offset]
        if self._outbox.size_bytes > MAX_OUTBOX_BYTES:
            raise ProtocolError("peer asks for more than it reads")

    def _handle_frame(self, header: Header, body: bytearray) -> None:
        match header.type:
            case FrameType.PING:
                self._handle_ping(header)
            case FrameType.GO_AWAY:
                raise ConnectionError("peer ends the connection")
            case _:
                self._handle_stream_frame(header, body)

    def _handle_ping(self, header: Header) -> None:
        if header.flags & Flag.SYN:
            self.send_now(encode_frame(FrameType.PING, Flag.ACK, SESSION_ID, header.length))
        else:
            self._pings.receive_answer(header.length)

    def _handle_stream_frame(self, header: Header, body: bytearray) -> None:
        self.last_used_s = self.last_heard_s
        if header.flags & Flag.SYN:
            self._accept(header.stream_id)
        stream = self._streams.get(header.stream_id)
        if stream is None:
            # Of a stream that ended here while the frame was on its way.
            return
        if header.type == FrameType.WINDOW_UPDATE:
            stream.receive_credit(header.length)
        else:
            stream.receive_data(body)
            self._refuse_hoard(stream)
        if header.flags & Flag.RST:
            stream.receive_reset()
        elif header.flags & Flag.FIN:
            stream.receive_fin()

    def _accept(self, stream_id: int) -> None:
        """Take a stream that the peer opens; go opens several at once, in any order."""
        is_own = stream_id % 2 == self._next_id % 2
        if is_own or stream_id == SESSION_ID or stream_id in self._streams:
            raise ProtocolError("stream id is not the peer's to open")
        if self._count_streams(stream_id) >= MAX_STREAMS:
            self._rejections.count(RejectionReason.YAMUX_STREAMS)
            self.send(encode_frame(FrameType.WINDOW_UPDATE, Flag.RST, stream_id, 0))
            return
        stream = YamuxStream(stream_id, self, self)
        try:
            self._accepted_in.send_nowait(stream)
        except trio.WouldBlock:
            self._rejections.count(RejectionReason.YAMUX_STREAMS)
            self.send(encode_frame(FrameType.WINDOW_UPDATE, Flag.RST, stream_id, 0))
            return
        self._streams[stream_id] = stream
        self.send(encode_frame(FrameType.WINDOW_UPDATE, Flag.ACK, stream_id, 0))

    def _count_streams(self, like: int) -> int:
        """Count the open streams of the side that opened this one."""
        return sum(1 for stream_id in self._streams if stream_id % 2 == like % 2)

    def _refuse_hoard(self, grown: YamuxStream) -> None:
        """End a connection whose unread bytes, over all streams, pass the bound."""
        if grown.unread_bytes <= MAX_UNREAD_BYTES // MAX_STREAMS:
            return
        if sum(stream.unread_bytes for stream in self._streams.values()) > MAX_UNREAD_BYTES:
            raise ProtocolError("too much is sent that nobody reads")

    # The writer and the end.

    async def _write(self) -> None:
        try:
            await self._outbox.write_all()
        # A connection that cannot be written to has ended.
        except Exception as error:
            log.debug("write failed", peer_id=str(self.peer_id), error=repr(error))
            self._stop_tasks()

    async def _sweep(self) -> None:
        """Reset streams that were closed here and that the peer never closes."""
        while True:
            await trio.sleep(SWEEP_INTERVAL_S)
            self.sweep()

    def _stop_tasks(self) -> None:
        if self._tasks is not None:
            self._tasks.cancel()

    async def _end(self, reason: int) -> None:
        """End the connection once; whoever comes later finds it ended or ending."""
        if self._is_closing:
            return
        self.send(encode_frame(FrameType.GO_AWAY, Flag.NONE, SESSION_ID, reason))
        self._is_closing = True
        self._end_streams()
        with trio.CancelScope() as scope:
            # Half an ending would leave the swarm with a connection that is none.
            scope.shield = True
            if self._tasks is not None:
                with trio.move_on_after(FAREWELL_TIMEOUT_S):
                    await self._outbox.wait_empty()
            self._stop_tasks()
            await self._hang_up()
            self.event_closed.set()
            if self.on_close is not None:
                await self.on_close()

    async def _hang_up(self) -> None:
        with trio.move_on_after(FAREWELL_TIMEOUT_S):
            try:
                await self.secured_conn.close()
            # A socket that breaks while it is closed is closed.
            except Exception as error:
                log.debug("socket broke", peer_id=str(self.peer_id), error=repr(error))
