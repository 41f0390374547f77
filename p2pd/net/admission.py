"""How many connections there may be: in all, inbound, from one network prefix, to one peer.

``patches.swarm`` asks before it serves an inbound connection, of whatever transport.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.subscribers import subscriber_of


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Connections at once.

    Attributes:
        total: Inbound and outbound together.
        inbound: Of those the inbound ones.
        per_ipv4: Inbound from one IPv4 address. High, because a whole company may
            share one; also those that come through one relay.
        per_ipv6_prefix: Inbound from one /56 of IPv6.
        per_peer: To one peer, whoever opened them.
    """

    total: int = 512
    inbound: int = 512
    per_ipv4: int = 256
    per_ipv6_prefix: int = 256
    per_peer: int = 8


class InboundAdmission:
    """Count inbound connections, and refuse one too many, counted by its reason.

    Args:
        open_count: How many connections there are now, in both directions.
    """

    def __init__(
        self, limits: ConnectionLimits, rejections: Rejections, open_count: Callable[[], int]
    ) -> None:
        self._limits = limits
        self._rejections = rejections
        self._open_count = open_count
        self._by_origin: Counter[str] = Counter()
        self._count = 0

    @contextmanager
    def place_for(self, host: str) -> Iterator[bool]:
        """Count a connection while the block lasts; yields whether it is admitted.

        Args:
            host: The IP address at its other end, or the name of a relay.
        """
        origin = subscriber_of(host)
        limit = self._limits.per_ipv6_prefix if ":" in origin else self._limits.per_ipv4
        reason = self._reason_to_refuse(origin, limit)
        if reason is not None:
            self._rejections.count(reason)
            yield False
            return
        self._by_origin[origin] += 1
        self._count += 1
        try:
            yield True
        finally:
            self._count -= 1
            self._by_origin[origin] -= 1
            if not self._by_origin[origin]:
                del self._by_origin[origin]

    def _reason_to_refuse(self, origin: str, limit: int) -> RejectionReason | None:
        if self._by_origin[origin] >= limit:
            return RejectionReason.CONNECTIONS_PER_ADDRESS
        if self._count >= self._limits.inbound:
            return RejectionReason.CONNECTIONS_INBOUND
        if self._open_count() >= self._limits.total:
            return RejectionReason.CONNECTIONS_TOTAL
        return None
