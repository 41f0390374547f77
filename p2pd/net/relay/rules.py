"""Whom this relay serves, and how much of it: reservations, circuits and their bounds. Pure.

``server`` asks before it does anything and has the clock. Every table here is bounded
by the limits, whoever asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.pb.circuit_pb2 import Status

from common.rates import TokenBucket
from p2pd.net.relay.messages import UNLIMITED, CircuitLimit, RelayError

HOUR_S = 3600.0
KIB = 1024
DEFAULT_STRANGER = CircuitLimit(max_bytes=128 * KIB, max_s=120)
"""What go-libp2p gives; enough to agree on a direct connection, or for an hour of chat."""


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """What this node gives as a relay.

    Attributes:
        max_reservations: Peers that may be reached through it at once.
        max_reservations_per_ip: Of them with one IPv4 address or in one /56 of IPv6.
        max_circuits: Connections that it carries at once.
        max_circuits_per_peer: Of them from one peer, and to one peer.
        reservation_s: How long a reservation lasts.
        stranger: Limit of a connection to a peer that is in no room of this node.
        stranger_bytes_per_hour: What it carries for all such peers together.
    """

    max_reservations: int = 128
    max_reservations_per_ip: int = 16
    max_circuits: int = 128
    max_circuits_per_peer: int = 16
    reservation_s: float = HOUR_S
    stranger: CircuitLimit = DEFAULT_STRANGER
    stranger_bytes_per_hour: int = 256 * KIB * KIB


@dataclass(slots=True)
class _Grant:
    ip: str
    until_s: float


def _ignore(_peer_id: ID) -> None:
    """Do nothing: nobody is to be told."""


@dataclass(slots=True)
class RelayRules:
    """The reservations granted and the circuits open now; times are of any monotonic clock.

    Attributes:
        on_release: Called with each peer whose reservation ends.
    """

    limits: RelayLimits
    on_release: Callable[[ID], None] = _ignore
    _grants: dict[ID, _Grant] = field(default_factory=dict)
    _circuits: Counter[ID] = field(default_factory=Counter)
    _budget: TokenBucket = field(init=False)
    circuit_count: int = 0

    def __post_init__(self) -> None:
        budget = max(1, self.limits.stranger_bytes_per_hour)
        self._budget = TokenBucket(budget / HOUR_S, budget)

    @property
    def reservation_count(self) -> int:
        """How many reservations are granted."""
        return len(self._grants)

    def reserve(self, peer_id: ID, ip: str, now_s: float, *, is_member: bool) -> CircuitLimit:
        """Grant a reservation, or the same one for longer.

        Args:
            is_member: Whether the peer is in a room of this node.

        Returns:
            The limit that circuits to the peer will have, as things are now.

        Raises:
            RelayError: There is none (RESERVATION_REFUSED, RESOURCE_LIMIT_EXCEEDED).
        """
        self.expire(now_s)
        if peer_id not in self._grants:
            self._refuse_excess(ip)
        limit = self.circuit_limit(is_member=is_member)
        if not is_member and self._is_over_budget(now_s):
            raise RelayError(Status.RESERVATION_REFUSED, "strangers have used up their budget")
        self._grants[peer_id] = _Grant(ip, now_s + self.limits.reservation_s)
        return limit

    def release(self, peer_id: ID) -> None:
        """Take back the reservation of a peer that is not connected any more."""
        if self._grants.pop(peer_id, None) is not None:
            self.on_release(peer_id)

    def release_all(self) -> None:
        """Take back every reservation."""
        for peer_id in tuple(self._grants):
            self.release(peer_id)

    def expire(self, now_s: float) -> None:
        """Take back the reservations whose time is over."""
        for peer_id in [each for each, grant in self._grants.items() if grant.until_s <= now_s]:
            self.release(peer_id)

    def circuit_limit(self, *, is_member: bool) -> CircuitLimit:
        """Choose how much is carried of a connection to a peer."""
        return UNLIMITED if is_member else self.limits.stranger

    @contextmanager
    def circuit(self, source: ID, target: ID, now_s: float, *, is_member: bool) -> Iterator[None]:
        """Hold a circuit inside the block.

        Args:
            is_member: Whether the target is in a room of this node.

        Raises:
            RelayError: The target has none (NO_RESERVATION), or a bound is
                reached (RESOURCE_LIMIT_EXCEEDED).
        """
        self.expire(now_s)
        if target not in self._grants:
            raise RelayError(Status.NO_RESERVATION)
        if self._is_full(source, target):
            raise RelayError(Status.RESOURCE_LIMIT_EXCEEDED)
        if not is_member and self._is_over_budget(now_s):
            raise RelayError(Status.RESOURCE_LIMIT_EXCEEDED)
        self._count(source, target, 1)
        try:
            yield
        finally:
            self._count(source, target, -1)

    def carried_for_stranger(self, size: int, now_s: float) -> None:
        """Take bytes of a circuit off the budget that all strangers share."""
        self._budget.limit(self._budget.refill(now_s) - size)

    def _is_over_budget(self, now_s: float) -> bool:
        return self._budget.refill(now_s) <= 0

    def _is_full(self, source: ID, target: ID) -> bool:
        most = self.limits.max_circuits_per_peer
        return (
            self.circuit_count >= self.limits.max_circuits
            or self._circuits[source] >= most
            or self._circuits[target] >= most
        )

    def _count(self, source: ID, target: ID, change: int) -> None:
        self.circuit_count += change
        for peer_id in (source, target):
            self._circuits[peer_id] += change
            if not self._circuits[peer_id]:
                del self._circuits[peer_id]

    def _refuse_excess(self, ip: str) -> None:
        of_ip = sum(grant.ip == ip for grant in self._grants.values())
        if (
            len(self._grants) >= self.limits.max_reservations
            or of_ip >= self.limits.max_reservations_per_ip
        ):
            raise RelayError(Status.RESERVATION_REFUSED, "every reservation is taken")
