"""How long to wait before the next try: longer and longer, never in step with others."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

JITTER = 0.25
"""Share of a delay: those who failed at once must not try again in step."""
MAX_DOUBLINGS = 32


@dataclass(slots=True)
class Backoff:
    """Delays that double from ``first_s`` to ``longest_s``, a quarter more or less.

    Attributes:
        first_s: Delay after the first failure.
        longest_s: Longest delay, before the jitter.
        second_s: Delay after the second failure, from which the doubling goes
            on; None is twice the first.
        failures: Failures since the last success.
        random: Source of the jitter; seeded by the module's own, which a test may seed.
    """

    first_s: float
    longest_s: float
    second_s: float | None = None
    failures: int = 0
    random: random.Random = field(default_factory=lambda: random.Random(random.getrandbits(64)))

    def next_delay_s(self) -> float:
        """Count a failure and return the delay before the next try."""
        delay_s = self.first_s if self.failures == 0 else self._doubled_s()
        self.failures += 1
        return min(delay_s, self.longest_s) * self.random.uniform(1 - JITTER, 1 + JITTER)

    def reset(self) -> None:
        """Start again with the shortest delay: a try succeeded."""
        self.failures = 0

    def _doubled_s(self) -> float:
        second_s = 2 * self.first_s if self.second_s is None else self.second_s
        doubled: float = second_s * 2.0 ** min(self.failures - 1, MAX_DOUBLINGS)
        return doubled
