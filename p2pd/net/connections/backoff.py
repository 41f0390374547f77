"""How long to leave a peer alone after a failed dial. Pure: the caller has the clock.

Used by ``redial`` for the peers it holds and by ``background_dials`` for all others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from common.backoff import Backoff

FIRST_DELAY_S = 0.25
SECOND_DELAY_S = 1.0
MAX_DELAY_S = 60.0
MAX_PEERS = 4096


def dial_backoff() -> Backoff:
    """Make the delays between dials of one peer: 0.25 s, 1 s, 2 s … 60 s."""
    return Backoff(FIRST_DELAY_S, MAX_DELAY_S, second_s=SECOND_DELAY_S)


@dataclass(slots=True)
class _Blocked:
    backoff: Backoff = field(default_factory=dial_backoff)
    until_s: float = 0.0


class DialBackoffs:
    """Remember of many peers when each may be dialled again.

    At most 4,096; above that the peer that failed longest ago is forgotten, and
    may so be dialled too early.

    Args:
        on_evict: Called for each peer that is forgotten.
    """

    def __init__(
        self, max_peers: int = MAX_PEERS, on_evict: Callable[[], None] = lambda: None
    ) -> None:
        self._max_peers = max_peers
        self._on_evict = on_evict
        self._blocked: OrderedDict[str, _Blocked] = OrderedDict()

    def may_dial(self, peer: str, now_s: float) -> bool:
        """Return whether the wait after the last failure is over."""
        blocked = self._blocked.get(peer)
        return blocked is None or now_s >= blocked.until_s

    def failed(self, peer: str, now_s: float) -> None:
        """Count a failed dial."""
        blocked = self._blocked.setdefault(peer, _Blocked())
        blocked.until_s = now_s + blocked.backoff.next_delay_s()
        self._blocked.move_to_end(peer)
        while len(self._blocked) > self._max_peers:
            self._blocked.popitem(last=False)
            self._on_evict()

    def succeeded(self, peer: str) -> None:
        """Forget a peer's failures."""
        self._blocked.pop(peer, None)

    def clear(self) -> None:
        """Forget the failures of all peers."""
        self._blocked.clear()
