"""When a relay may be asked again, and which were asked lately. Pure.

Used by ``holder``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from libp2p.peer.id import ID

from common.backoff import Backoff

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 30.0
MAX_RELAYS = 256


@dataclass(slots=True)
class _Asked:
    backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_DELAY_S, MAX_DELAY_S))
    not_before_s: float = float("-inf")
    has_reserved: bool = False


class RelayBackoffs:
    """Remember at most 256 relays; the one asked longest ago is forgotten first."""

    def __init__(self) -> None:
        self._asked: OrderedDict[ID, _Asked] = OrderedDict()

    def may_ask(self, relay_id: ID, now_s: float) -> bool:
        """Return whether a relay's rest is over."""
        asked = self._asked.get(relay_id)
        return asked is None or now_s >= asked.not_before_s

    def has_reserved(self, relay_id: ID) -> bool:
        """Return whether a relay has given a reservation and is remembered."""
        asked = self._asked.get(relay_id)
        return asked is not None and asked.has_reserved

    def succeeded(self, relay_id: ID) -> None:
        """Handle that a relay has given a reservation: its next failure is its first."""
        asked = self._use(relay_id)
        asked.has_reserved = True
        asked.backoff.reset()

    def failed(self, relay_id: ID, now_s: float, *, is_refusal: bool = False) -> float:
        """Leave a relay alone for a while; one that refuses for the longest time.

        Returns:
            For how many seconds.
        """
        asked = self._use(relay_id)
        delay_s = asked.backoff.next_delay_s()
        rest_s = MAX_DELAY_S if is_refusal else delay_s
        asked.not_before_s = now_s + rest_s
        return rest_s

    def _use(self, relay_id: ID) -> _Asked:
        asked = self._asked.setdefault(relay_id, _Asked())
        self._asked.move_to_end(relay_id)
        while len(self._asked) > MAX_RELAYS:
            self._asked.popitem(last=False)
        return asked
