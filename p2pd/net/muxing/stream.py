"""One stream of a connection: what was received and not yet read, and how it ends.

The base of ``YamuxStream`` and ``QuicMuxedStream``, which say what goes over the wire;
used by the library through ``IMuxedStream``.
"""

from __future__ import annotations

from abc import abstractmethod
from types import TracebackType
from typing import Any, Self

import trio
from libp2p.abc import IMuxedStream
from libp2p.stream_muxer.exceptions import (
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamError,
    MuxedStreamReset,
)

from p2pd.net.muxing.connection import MuxedConnection

STALL_TIMEOUT_S = 20.0
"""How long a peer may take nothing before the stream is reset: nobody reads."""


class BufferedStream(IMuxedStream):
    """A stream; at most a window waits here to be read.

    Args:
        window_bytes: What the peer may send ahead; credit is granted half of it at once (7).
    """

    def __init__(self, stream_id: int, connection: MuxedConnection[Any], window_bytes: int) -> None:
        self.stream_id = stream_id
        self.muxed_conn = self._muxed = connection
        self.write_closed_at_s: float | None = None
        self._grant_from_bytes = window_bytes // 2
        self._received = bytearray()
        self._read_since_grant = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._is_reset = False
        self._is_write_closed = False
        self._is_read_closed = False

    # What a multiplexer does; none of it waits.

    @abstractmethod
    def _may_write(self) -> bool:
        """Return whether bytes may be sent now; else ``_changed`` is unparked later."""

    @abstractmethod
    def _send_end(self) -> None:
        """Notify the peer that this side sends no more."""

    @abstractmethod
    def _send_reset(self) -> None:
        """Notify the peer that the stream is neither written nor read any more."""

    @abstractmethod
    def _send_grant(self, size: int) -> None:
        """Let the peer send more."""

    @abstractmethod
    def _forget(self) -> None:
        """Have the connection drop the stream, which has ended."""

    # What the library calls.

    async def read(self, n: int | None = None) -> bytes:
        """Return what has come, at most ``n`` bytes; wait where nothing has.

        Raises:
            MuxedStreamEOF: The peer has said all.
            MuxedStreamReset: The stream was reset, or its connection is gone.
        """
        if n == 0:
            return b""
        while not self._received:
            if self._is_reset:
                raise MuxedStreamReset("stream was reset")
            if self._is_read_closed:
                raise MuxedStreamEOF("stream is at its end")
            await self._changed.park()
        size = len(self._received) if n is None or n < 0 else min(n, len(self._received))
        taken = bytes(self._received[:size])
        del self._received[:size]
        self._grant(size)
        return taken

    async def close(self) -> None:
        """Say that this side sends no more; what the peer sends can still be read."""
        if not self._is_write_closed and not self._is_reset:
            self._is_write_closed = True
            self.write_closed_at_s = trio.current_time()
            self._send_end()
            self._forget_if_done()
        await trio.lowlevel.checkpoint()

    async def reset(self) -> None:
        """End the stream in both directions at once."""
        self.abandon()
        await trio.lowlevel.checkpoint()

    def abandon(self) -> None:
        """Reset without a checkpoint, for callers that are not a task of their own."""
        if not self._is_reset and not self._is_done:
            self._send_reset()
        self.receive_reset()

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return the address of the connection's other end."""
        return self._muxed.get_remote_address()

    def set_deadline(self, ttl: int) -> None:
        """Refuse: callers bound their own time."""
        raise NotImplementedError("use a cancel scope")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()

    # What the connection calls; none of it waits.

    @property
    def unread_bytes(self) -> int:
        """How much was received and not yet read."""
        return len(self._received)

    def is_closed(self) -> bool:
        """Return whether the stream has ended in both directions."""
        return self._is_reset or self._is_done

    def receive_reset(self) -> None:
        """Handle that the stream is gone."""
        self._is_reset = True
        self._is_read_closed = self._is_write_closed = True
        self._received.clear()
        self._changed.unpark_all()
        self._forget()

    def end_with_connection(self) -> None:
        """Handle that the connection has ended; what came can still be read."""
        self._is_reset = True
        self._changed.unpark_all()

    # What the subclasses share.

    async def _wait_writable(self) -> None:
        """Wait until the peer takes data; a stalled one loses the stream.

        Raises:
            MuxedStreamClosed: This side has said that it sends no more.
            MuxedStreamReset: The stream was reset, or its connection is gone.
            MuxedStreamError: The peer took nothing for 20 s.
        """
        deadline_s = trio.current_time() + STALL_TIMEOUT_S
        while True:
            if self._is_reset:
                raise MuxedStreamReset("stream was reset")
            if self._is_write_closed:
                raise MuxedStreamClosed("stream is closed for writing")
            if self._may_write():
                return
            with trio.move_on_at(deadline_s) as scope:
                await self._changed.park()
            if scope.cancelled_caught:
                self.abandon()
                raise MuxedStreamError("the peer reads nothing")

    def _grant(self, size: int) -> None:
        """Grant credit for what was read, half a window at once."""
        self._read_since_grant += size
        if self._read_since_grant < self._grant_from_bytes or self._is_read_closed:
            return
        granted, self._read_since_grant = self._read_since_grant, 0
        self._send_grant(granted)

    @property
    def _is_done(self) -> bool:
        return self._is_write_closed and self._is_read_closed

    def _forget_if_done(self) -> None:
        if self._is_done:
            self._forget()
