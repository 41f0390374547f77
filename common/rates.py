"""How often something may happen: a token bucket on a clock given from outside."""

from __future__ import annotations

from dataclasses import dataclass, field


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
        elapsed_s = max(0.0, now_s - self._at_s)
        self._tokens = min(self.burst, self._tokens + elapsed_s * self.rate_per_s)
        self._at_s = max(self._at_s, now_s)
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self.rate_per_s
