"""Carrying the bytes of a circuit between two streams, within its limit.

Called by ``server``. Each direction holds one read at most, and reads again once that
is written: what a slow reader does not take stays in the windows of the muxers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog
import trio
from libp2p.abc import IMuxedStream
from libp2p.stream_muxer.exceptions import MuxedStreamEOF

from p2pd.net.relay.messages import CircuitLimit

CHUNK_BYTES = 32 * 1024

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Circuit:
    """Two streams that are one connection to whoever holds their ends.

    The streams are those of the muxers: the library's own around them cost two turns
    of the loop for each read.

    Args:
        on_carried: Called with the size of each chunk that was carried.
    """

    source: IMuxedStream
    target: IMuxedStream
    limit: CircuitLimit
    on_carried: Callable[[int], None]

    async def carry(self) -> None:
        """Carry both ways until both ends have closed, one fails, or the limit is reached.

        Returns with the streams still open where the end was not in order; the
        caller resets them.
        """
        with trio.move_on_after(self.limit.max_s or float("inf")):
            async with trio.open_nursery() as nursery:
                stop = nursery.cancel_scope
                nursery.start_soon(self._carry_one_way, self.source, self.target, stop)
                nursery.start_soon(self._carry_one_way, self.target, self.source, stop)

    async def _carry_one_way(
        self, reading: IMuxedStream, writing: IMuxedStream, stop: trio.CancelScope
    ) -> None:
        """Carry until this direction is closed, and close it on; else end the circuit."""
        try:
            if await self._carry_to_end(reading, writing):
                await writing.close()
                return
        # Boundary: a stream of either peer fails in its own way, and every one ends the circuit.
        except Exception as error:
            log.debug("circuit ended", error=repr(error))
        stop.cancel()

    async def _carry_to_end(self, reading: IMuxedStream, writing: IMuxedStream) -> bool:
        """Carry one direction; returns whether it was closed, not cut at its limit."""
        left = self.limit.max_bytes or float("inf")
        while left > 0:
            try:
                chunk = await reading.read(int(min(left, CHUNK_BYTES)))
            except MuxedStreamEOF:
                return True
            if not chunk:
                return True
            await writing.write(chunk)
            self.on_carried(len(chunk))
            left -= len(chunk)
        return False
