"""What the streams of one QUIC connection send, and which of them wait to write more.

Made by ``connection`` and asked by its streams; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from p2pd.net.quic.core import CreditedQuic
from p2pd.net.quic.stream import QuicMuxedStream

log = structlog.get_logger(__name__)

UNSENT_MARK_BYTES = 256 * 1024
"""Of one stream; a writer waits while the peer has so much still to take."""
NO_ERROR = 0


class StreamSender:
    """Send for streams, as far as the peer takes it.

    Args:
        flush: Sends what is due; does nothing once the connection has ended.
        is_closed: Whether the connection has ended.
        drop: Drops a stream that has ended from the connection.
    """

    def __init__(
        self,
        core: CreditedQuic,
        flush: Callable[[], None],
        is_closed: Callable[[], bool],
        drop: Callable[[int], object],
    ) -> None:
        self._core = core
        self._flush = flush
        self._is_closed = is_closed
        self._drop = drop
        self._waiting: set[QuicMuxedStream] = set()

    def send(self, stream_id: int, data: bytes, *, is_last: bool = False) -> None:
        """Send bytes of a stream; nothing where the stream or connection is gone."""
        if self._is_closed():
            return
        try:
            self._core.send_stream_data(stream_id, data, end_stream=is_last)
        # aioquic's words for a stream that the peer stopped or that has ended.
        except (AssertionError, ValueError) as error:
            log.debug("stream is gone", stream_id=stream_id, error=repr(error))
        self._flush()

    def send_reset(self, stream_id: int) -> None:
        """Notify the peer that a stream is neither written nor read any more."""
        if self._is_closed():
            return
        try:
            self._core.reset_stream(stream_id, NO_ERROR)
            if self._core.is_reading(stream_id):
                self._core.stop_stream(stream_id, NO_ERROR)
        except (AssertionError, ValueError) as error:
            log.debug("stream is gone", stream_id=stream_id, error=repr(error))
        self._flush()

    def has_room(self, stream: QuicMuxedStream) -> bool:
        """Return whether a stream may be written to; else its writers are woken later."""
        if self._core.unacknowledged_bytes(stream.stream_id) < UNSENT_MARK_BYTES:
            self._waiting.discard(stream)
            return True
        self._waiting.add(stream)
        return False

    def wake_writers(self) -> None:
        """Wake the writers of streams that have room again."""
        for stream in tuple(self._waiting):
            if self.has_room(stream):
                stream.wake_writers()

    def grant(self, stream_id: int, size: int) -> None:
        """Let the peer send more on a stream."""
        self._core.grant(stream_id, size)
        self._flush()

    def forget(self, stream: QuicMuxedStream) -> None:
        """Drop a stream that has ended; what was received of it can still be read."""
        self._waiting.discard(stream)
        self._drop(stream.stream_id)
