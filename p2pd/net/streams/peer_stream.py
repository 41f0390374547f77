"""One stream of a peer with deadlines, whose failures are Python's own.

Made by ``room_peers`` for protocols that know nothing of libp2p.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import trio
from libp2p.abc import INetStream
from libp2p.network.stream.exceptions import StreamError

from p2pd.net.streams.ending import end_stream

STEP_TIMEOUT_S = 20.0
"""For a read or a write: an honest peer that is busy answers sooner."""
CLOSE_TIMEOUT_S = 1.0
DRAINED_BYTES = 1 << 16


class PeerStream:
    """Bytes both ways; every step raises TimeoutError or ConnectionError."""

    def __init__(self, stream: INetStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int) -> bytes:
        """Return what has come, nothing once the peer has ended its side.

        Raises:
            ConnectionError: The stream is reset, or the peer is gone.
            TimeoutError: Nothing came for 20 seconds.
        """
        with _failures(), trio.fail_after(STEP_TIMEOUT_S):
            read: bytes = await self._stream.read(max_bytes)
            return read

    async def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            ConnectionError: The stream is reset, or the peer is gone.
            TimeoutError: The peer read nothing for 20 seconds.
        """
        with _failures(), trio.fail_after(STEP_TIMEOUT_S):
            await self._stream.write(data)

    async def close(self) -> None:
        """End the stream in order once the peer has ended its side, within a second."""
        with trio.move_on_after(CLOSE_TIMEOUT_S), suppress(StreamError):
            await self._stream.close()
            while await self._stream.read(DRAINED_BYTES):
                pass
            return
        await self.reset()

    async def reset(self) -> None:
        """Reset the stream, from a cancelled task too."""
        await end_stream(self._stream.reset)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except StreamError as error:
        raise ConnectionError(str(error)) from error
    except trio.TooSlowError as error:
        raise TimeoutError(str(error)) from error
