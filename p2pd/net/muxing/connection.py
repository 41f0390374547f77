"""The half of a connection that faces the library: what its streams and its end are.

The base of ``YamuxConnection`` and ``QuicMuxer``, which say what goes over the wire;
used by the swarm through ``IMuxedConn``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import trio
from libp2p.abc import IMuxedConn
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable

from p2pd.domain.rejections import Rejections
from p2pd.net.muxing.pings import Pings

LINGER_S = 60.0
"""How long a stream closed here waits for the peer to close it too."""


class EndingStream(Protocol):
    """A stream as its connection sees it at the end."""

    @property
    def write_closed_at_s(self) -> float | None:
        """When this side closed it; None where it has not."""

    def abandon(self) -> None:
        """Reset it."""

    def end_with_connection(self) -> None:
        """End it: the connection is gone."""


Stream = TypeVar("Stream", bound=EndingStream)


class MuxedConnection(IMuxedConn, Generic[Stream]):
    """The streams of a connection, and whether it has ended.

    Attributes:
        on_close: Called once it has ended.
        last_heard_s: When bytes of the peer came last.
        last_used_s: When bytes of a stream came last.

    Args:
        max_accepted: Streams of the peer that may wait to be accepted.
    """

    def __init__(self, peer_id: ID, rejections: Rejections, max_accepted: int) -> None:
        self.peer_id = peer_id
        self.event_started = trio.Event()
        self.event_closed = trio.Event()
        self.on_close: Callable[[], Awaitable[None]] | None = None
        self.last_heard_s = trio.current_time()
        self.last_used_s = self.last_heard_s
        self._rejections = rejections
        self._streams: dict[int, Stream] = {}
        self._accepted_in, self._accepted = trio.open_memory_channel[Stream](max_accepted)
        self._pings = Pings()

    @property
    def is_closed(self) -> bool:
        """Whether the connection has ended."""
        return self.event_closed.is_set()

    @abstractmethod
    def get_remote_address(self) -> tuple[str, int] | None:
        """Return host and port of the other end."""

    async def accept_stream(self) -> Stream:  # type: ignore[override]
        """Wait for a stream the peer opens.

        Raises:
            MuxedConnUnavailable: The connection has ended.
        """
        try:
            return await self._accepted.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise MuxedConnUnavailable("connection is closed") from None

    def sweep(self) -> None:
        """Reset streams that were closed here and that the peer never closes."""
        latest_s = trio.current_time() - LINGER_S
        for stream in tuple(self._streams.values()):
            closed_at_s = stream.write_closed_at_s
            if closed_at_s is not None and closed_at_s < latest_s:
                stream.abandon()

    def _drop(self, stream_id: int) -> None:
        """Drop a stream that has ended; what was received of it can still be read."""
        self._streams.pop(stream_id, None)

    def _end_streams(self) -> None:
        """End every stream and whatever waits for the peer."""
        for stream in self._streams.values():
            stream.end_with_connection()
        self._accepted_in.close()
        self._pings.give_up()
