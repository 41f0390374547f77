"""How often several callers together may do something, so that none starves another.

Used by ``p2pd.chat.publisher``, which publishes at one rate for all callers.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from common.rates import TokenBucket

K = TypeVar("K")

ACTIVE_S = 60.0
"""A caller that was quiet for this long has no share any more."""
RESERVED = 1 / 8
"""How much of the burst only callers within their own share may use."""


@dataclass(slots=True)
class _Share:
    bucket: TokenBucket
    used_s: float


class FairRates(Generic[K]):
    """One token bucket for all keys, and beneath it an equal share for each active key.

    A key within its share needs a token of the total; a key beyond its share needs
    one that is not reserved. So one key alone has the whole rate, what some keys
    leave is there for the others, and a key that comes anew has its share at once.

    Args:
        rate_per_s: Of all keys in the long run.
        burst: Of all keys at once.
        max_keys: Keys with a share of their own; keys beyond these share one.
    """

    def __init__(self, rate_per_s: float, burst: float, max_keys: int) -> None:
        self._total = TokenBucket(rate_per_s, burst)
        self._reserved = burst * RESERVED
        self._max_keys = max_keys
        self._shares: OrderedDict[K | None, _Share] = OrderedDict()
        """The key used longest ago first; None is shared by the keys beyond the bound."""

    def __len__(self) -> int:
        return len(self._shares)

    def consume(self, key: K, now_s: float) -> float:
        """Consume one token of a key.

        Returns:
            0.0 where a token was consumed, else the seconds until there is one.
        """
        own = self._share(key, now_s)
        own_wait_s = own.wait_s(now_s)
        reserved = self._reserved if len(self._shares) > 1 else 0.0
        within_s = max(own_wait_s, self._total.wait_s(now_s))
        wait_s = min(within_s, self._total.wait_s(now_s, 1.0 + reserved))
        if wait_s == 0.0:
            self._total.consume(now_s)
            if own_wait_s == 0.0:
                own.consume(now_s)
        return wait_s

    def _share(self, key: K, now_s: float) -> TokenBucket:
        """Return the bucket of a key, as large as its share is now."""
        self._evict_quiet(now_s)
        name = key if key in self._shares or len(self._shares) < self._max_keys else None
        share = self._shares.get(name)
        if share is None:
            share = self._shares[name] = _Share(TokenBucket(1.0, self._total.burst), now_s)
        self._shares.move_to_end(name)
        share.used_s = now_s
        share.bucket.rate_per_s = self._total.rate_per_s / len(self._shares)
        share.bucket.burst = max(1.0, self._total.burst / len(self._shares))
        return share.bucket

    def _evict_quiet(self, now_s: float) -> None:
        while self._shares:
            quietest = next(iter(self._shares))
            if now_s - self._shares[quietest].used_s < ACTIVE_S:
                return
            del self._shares[quietest]
