"""How fast a reader drains what waits for it: the same measure for every connection.

Pure but for the question to the kernel; used by ``gateway.http.sweep`` and by the
connections themselves.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from collections import deque
from contextlib import suppress

LEAST_BYTES_PER_S = 1024
"""What a reader drains at least while something waits for it."""


def unacknowledged_bytes(transport: asyncio.Transport) -> int:
    """Return what the kernel holds of a connection's bytes; 0 where it does not say.

    Of a connection that is closed it holds none that anybody could still read.

    Without it a slow reader would seem to drain nothing for long and then much at once.
    """
    # A closed socket has no descriptor: its number is negative.
    with suppress(OSError, AttributeError, ValueError):
        answer = fcntl.ioctl(
            transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, struct.pack("i", 0)
        )
        return int(struct.unpack("i", answer)[0])
    return 0


class Draining:
    """What a reader drained within the last window."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def reset(self) -> None:
        """Forget the past: nothing waits for the reader."""
        self._samples.clear()

    def is_stalled(self, now_s: float, drained_bytes: int, window_s: float) -> bool:
        """Look once more; return whether too little was drained for a whole window.

        Call it only while something waits, and ``reset`` otherwise.

        Args:
            drained_bytes: All that the reader ever drained.
        """
        samples = self._samples
        samples.append((now_s, drained_bytes))
        while len(samples) > 1 and samples[1][0] <= now_s - window_s:
            samples.popleft()
        since_s, before_bytes = samples[0]
        elapsed_s = now_s - since_s
        if elapsed_s < window_s:
            return False
        return drained_bytes - before_bytes < LEAST_BYTES_PER_S * elapsed_s
