"""How many messages one author may send, whoever forwards them. Used by the intake.

The limit is well above what a node lets its own callers publish, so that no
accepted message is lost to it; it is there for nodes that have no limit.
"""

from __future__ import annotations

import trio

from common.rates import KeyedRates

#: Authors with a bucket of their own; see ``KeyedRates`` for those beyond.
MAX_AUTHORS = 4_096


class AuthorRates:
    """A token bucket per author.

    Args:
        rate_per_s: Messages a second in the long run.
        burst: Messages at once.
    """

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rates: KeyedRates[bytes] = KeyedRates(rate_per_s, burst, MAX_AUTHORS)

    def allow(self, author: bytes) -> bool:
        """Count a verified message of ``author``; False where it is one too many."""
        return self._rates.consume(author, trio.current_time()) == 0.0
