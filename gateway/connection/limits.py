"""The numbers a browser is held to, and the token bucket they are kept by."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """What one browser may do.

    Attributes:
        rate_per_s: Commands in the long run.
        burst: Commands at once.
        errors_per_s: Broken frames forgiven in the long run.
        error_burst: Broken frames forgiven at once; the next closes with 1008.
        refusals_per_s: Commands over the rate forgiven in the long run.
        refusal_burst: Commands over the rate forgiven at once: many more, since
            each is answered by name and a burst of a page is not abuse.
    """

    rate_per_s: float = 20.0
    burst: int = 100
    errors_per_s: float = 1.0
    error_burst: int = 50
    refusals_per_s: float = 100.0
    refusal_burst: int = 10_000


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

    def take(self, now_s: float) -> float:
        """Take one token.

        Returns:
            0.0 where it was taken, else the seconds until one is there.
        """
        elapsed_s = max(0.0, now_s - self._at_s)
        self._tokens = min(self.burst, self._tokens + elapsed_s * self.rate_per_s)
        self._at_s = now_s
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self.rate_per_s
