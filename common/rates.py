"""How often something may happen: token buckets on a clock given from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from common.bounded_table import BoundedTable

K = TypeVar("K")


@dataclass(slots=True)
class TokenBucket:
    """Allow ``rate_per_s`` in the long run and ``burst`` at once.

    Times are seconds of any monotonic clock, given by the caller.
    """

    rate_per_s: float
    burst: float
    _tokens: float = field(init=False)
    _at_s: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        self._tokens = self.burst

    def consume(self, now_s: float) -> float:
        """Consume one token where there is one.

        Returns:
            0.0 where a token was consumed, else the seconds until there is one.
        """
        wait_s = self.wait_s(now_s)
        if wait_s == 0.0:
            self._tokens -= 1.0
        return wait_s

    def wait_s(self, now_s: float, tokens: float = 1.0) -> float:
        """Return the seconds until there are so many tokens; 0.0 where there are."""
        return max(0.0, tokens - self.refill(now_s)) / self.rate_per_s

    def refill(self, now_s: float) -> float:
        """Add what has come since the last call; return the tokens there are."""
        elapsed_s = max(0.0, now_s - self._at_s)
        self._tokens = min(self.burst, self._tokens + elapsed_s * self.rate_per_s)
        self._at_s = max(self._at_s, now_s)
        return self._tokens

    def limit(self, tokens: float) -> None:
        """Lower the tokens there are."""
        self._tokens = min(self._tokens, tokens)


class KeyedRates(Generic[K]):
    """A token bucket per key, bounded in number; nobody gets a burst twice.

    A bucket is evicted once it is full again, the one used longest ago first. While
    every bucket is in use, new keys share one, and a key that enters the table later
    begins with as many tokens as the shared bucket has.

    Args:
        rate_per_s: Of each key in the long run.
        burst: Of each key at once.
        max_keys: Buckets at most, beside the shared one.
    """

    def __init__(self, rate_per_s: float, burst: float, max_keys: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._shared = TokenBucket(rate_per_s, burst)
        self._buckets: BoundedTable[K, TokenBucket] = BoundedTable(max_keys, self._is_full)
        self._now_s = float("-inf")

    def __len__(self) -> int:
        return len(self._buckets)

    def consume(self, key: K, now_s: float) -> float:
        """Consume one token of a key.

        Returns:
            0.0 where a token was consumed, else the seconds until there is one.
        """
        self._now_s = now_s
        bucket = self._buckets.use(key)
        if bucket is None:
            bucket = TokenBucket(self._rate_per_s, self._burst)
            bucket.limit(self._shared.refill(now_s))
            if not self._buckets.add(key, bucket):
                bucket = self._shared
        return bucket.consume(now_s)

    def _is_full(self, bucket: TokenBucket) -> bool:
        return bucket.refill(self._now_s) >= bucket.burst
