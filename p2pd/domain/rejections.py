"""How many remote inputs were dropped, by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType


class Rejections:
    """Count what peers sent that could not be taken.

    A reason is one of a fixed set of short lower-case names, never a peer's
    own words, so the number of counters is bounded by the code.
    """

    def __init__(self) -> None:
        self._totals: Counter[str] = Counter()

    def count(self, reason: str, amount: int = 1) -> None:
        """Add ``amount`` dropped inputs to ``reason``."""
        self._totals[reason] += amount

    @property
    def totals(self) -> Mapping[str, int]:
        """The dropped inputs by reason, since the process started."""
        return MappingProxyType(self._totals)
