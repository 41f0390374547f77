"""Log lines of peers that come and go, so many a minute and no more.

Called by ``watch``. What is left out is counted in the next line, so that a crowd
cannot fill the disk with a node's log.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from common.rates import TokenBucket
from p2pd.domain.names import PeerId
from p2pd.domain.peers import Peer

LINES_PER_S = 1.0
LINES_BURST = 100

log = structlog.get_logger(__name__)


class PeerLog:
    """Report peers at info level.

    Args:
        clock_s: A monotonic clock.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._lines = TokenBucket(LINES_PER_S, LINES_BURST)
        self._left_out = 0

    def report_connected(self, peer: Peer) -> None:
        """Log a peer whose first connection stands."""
        connection = peer.connection
        address = connection.remote_address if connection else ""
        direction = connection.direction.value if connection else ""
        self._report("peer connected", peer.peer_id, address=address, direction=direction)

    def report_disconnected(self, peer_id: PeerId) -> None:
        """Log a peer whose last connection is gone."""
        self._report("peer disconnected", peer_id)

    def _report(self, event: str, peer_id: PeerId, **fields: str) -> None:
        if self._lines.consume(self._clock_s()):
            self._left_out += 1
            return
        if self._left_out:
            log.info("peers connected or disconnected without a line", lines=self._left_out)
            self._left_out = 0
        log.info(event, peer_id=peer_id, **fields)
