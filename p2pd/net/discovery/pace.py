"""How long to wait before the next try: longer and longer, never in step."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

JITTER = 0.25


@dataclass(slots=True)
class Pace:
    """Delays that double from ``least_s`` to ``most_s``, a quarter more or less."""

    least_s: float
    most_s: float
    source: random.Random = field(default_factory=random.Random)
    _delay_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._delay_s = self.least_s

    def next_delay_s(self) -> float:
        """Tell how long to wait now; the next wait is twice as long."""
        delay_s = min(self._delay_s, self.most_s)
        self._delay_s = min(delay_s * 2, self.most_s)
        return delay_s * self.source.uniform(1 - JITTER, 1 + JITTER)

    def quicken(self) -> None:
        """Begin again with the shortest delay."""
        self._delay_s = self.least_s
