"""Which observers may be asked when, and what they do not dial. Pure.

Held by ``prober``. Both tables are bounded; what was set longest ago is forgotten first.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2pd.net.reachability.observers import Observer

MAX_REMEMBERED = 256


class QuestionTimes:
    """Times are of any monotonic clock."""

    def __init__(self) -> None:
        self._ask_again_s: dict[str, float] = {}
        self._refused_until_s: dict[tuple[str, str], float] = {}

    def clear(self) -> None:
        """Forget all of it."""
        self._ask_again_s.clear()
        self._refused_until_s.clear()

    def rest(self, group: str, until_s: float) -> None:
        """Ask a group no more until then."""
        self._ask_again_s.pop(group, None)
        self._ask_again_s[group] = until_s
        while len(self._ask_again_s) > MAX_REMEMBERED:
            del self._ask_again_s[next(iter(self._ask_again_s))]

    def refuse(self, group: str, address: str, until_s: float) -> None:
        """Record that a group does not dial an address."""
        self._refused_until_s.pop((group, address), None)
        self._refused_until_s[group, address] = until_s
        while len(self._refused_until_s) > MAX_REMEMBERED:
            del self._refused_until_s[next(iter(self._refused_until_s))]

    def due(self, observers: Sequence[Observer], now_s: float) -> list[Observer]:
        """List who may be asked now, those that were never asked or long ago first."""
        free = [each for each in observers if self._ask_again_s.get(each.group, now_s) <= now_s]
        return sorted(free, key=lambda each: self._ask_again_s.get(each.group, 0.0))

    def next_s(self, now_s: float, most_s: float) -> float:
        """Return when the next group may be asked, in at most ``most_s``."""
        later = [each for each in self._ask_again_s.values() if each > now_s]
        return min([*later, now_s + most_s])

    def is_refused_by(self, group: str, address: str, now_s: float) -> bool:
        """Return whether a group does not dial an address."""
        return self._refused_until_s.get((group, address), now_s) > now_s
