"""How many messages one author may send, whoever forwards them. Used by the intake.

The limit is well above what a node lets its own callers publish, so that no
accepted message is lost to it; it is there for nodes that keep no limit.
"""

from __future__ import annotations

import trio

from common.rates import TokenBucket

#: Authors whose buckets are kept; the one heard longest ago goes first.
MAX_AUTHORS = 4_096


class AuthorRates:
    """A token bucket an author.

    Args:
        rate_per_s: Messages a second in the long run.
        burst: Messages at once.
    """

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._buckets: dict[bytes, TokenBucket] = {}

    def allow(self, author: bytes) -> bool:
        """Count a verified message of ``author``; False where it is one too many."""
        bucket = self._buckets.get(author)
        if bucket is None:
            if len(self._buckets) >= MAX_AUTHORS:
                del self._buckets[next(iter(self._buckets))]
            bucket = self._buckets[author] = TokenBucket(self._rate_per_s, self._burst)
        return bucket.consume(trio.current_time()) == 0.0
