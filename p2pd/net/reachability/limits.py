"""How often this node dials for those who ask, in all and for each. Pure.

Held by ``server`` and ``server_v2``. Dials are counted over the last minute: a table as
large as the limit in all, so that nobody can make it grow.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class DialBackLimits:
    """Requests a minute that are answered by a dial.

    Attributes:
        per_peer: Of one peer.
        per_network: Of one IPv4 address, or one /56 of IPv6.
        in_all: Of everybody.
        at_once: Dials for everybody at one time.
        paid: That are paid for with data, since they go to another IP address.
    """

    per_peer: int = 3
    per_network: int = 6
    in_all: int = 30
    at_once: int = 4
    paid: int = 6


ADDRESS_LIMITS = DialBackLimits(per_peer=12, per_network=18, in_all=60)
"""Of AutoNAT v2, where every address is a request: those of go-libp2p."""


class DialBackBudget:
    """Admit requests within the limits."""

    def __init__(self, limits: DialBackLimits) -> None:
        self._limits = limits
        self._admitted: deque[tuple[float, str, str]] = deque()
        self._paid_s: deque[float] = deque()
        self._running = 0

    def admit(self, peer: str, network: str, now_s: float) -> bool:
        """Count a request, unless a limit is reached; ``release`` follows its dial."""
        while self._admitted and now_s - self._admitted[0][0] >= WINDOW_S:
            self._admitted.popleft()
        limits = self._limits
        of_peer = sum(each[1] == peer for each in self._admitted)
        of_network = sum(each[2] == network for each in self._admitted)
        if (
            self._running >= limits.at_once
            or len(self._admitted) >= limits.in_all
            or of_peer >= limits.per_peer
            or of_network >= limits.per_network
        ):
            return False
        self._admitted.append((now_s, peer, network))
        self._running += 1
        return True

    def admit_paid(self, now_s: float) -> bool:
        """Count an admitted request that has to be paid for, unless that limit is reached."""
        while self._paid_s and now_s - self._paid_s[0] >= WINDOW_S:
            self._paid_s.popleft()
        if len(self._paid_s) >= self._limits.paid:
            return False
        self._paid_s.append(now_s)
        return True

    def release(self) -> None:
        """End the dial of an admitted request."""
        self._running -= 1
