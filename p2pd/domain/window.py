"""A window on an endless sequence: appended at the end, dropped at the start.

One thread appends; any number of threads read without a lock. That is safe
because a reader works on one ``(base, items)`` pair: appending only lengthens
``items``, and dropping replaces the pair instead of changing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
_DROP_FRACTION = 8


class Window(Generic[T]):
    """The newest items of a sequence whose positions count up from ``first``.

    Bounded by count and by the sizes given with the items; at a bound the
    oldest eighth is dropped at once, so that dropping stays cheap an item.

    Args:
        max_items: Items retained at most, at least 1.
        max_bytes: Sum of sizes retained at most; one item always is.
    """

    def __init__(self, max_items: int, max_bytes: int, first: int = 0) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._window: tuple[int, list[T]] = (first, [])
        self._sizes: list[int] = []
        self._bytes = 0

    @property
    def start(self) -> int:
        """Position of the oldest item retained."""
        return self._window[0]

    @property
    def end(self) -> int:
        """Position that the next item will get."""
        base, items = self._window
        return base + len(items)

    def append(self, item: T, size_bytes: int) -> Sequence[T]:
        """Add an item at ``end``.

        Returns:
            The items dropped to make room, oldest first.
        """
        self._sizes.append(size_bytes)
        self._bytes += size_bytes
        self._window[1].append(item)
        if len(self._sizes) > self._max_items or self._bytes > self._max_bytes:
            return self._drop()
        return ()

    def slice(self, position: int, stop: int) -> tuple[int, list[T]]:
        """Return the items from ``position`` up to ``stop``, and where they begin.

        The beginning is later than ``position`` where older items were dropped.
        """
        base, items = self._window
        first = max(position, base)
        return first, items[first - base : max(stop, first) - base]

    def iterate(self, position: int) -> Iterator[tuple[int, T]]:
        """Yield positions and items from ``position`` to the end as it is now."""
        base, items = self._window
        first = max(position, base)
        for index in range(first - base, len(items)):
            yield base + index, items[index]

    def _drop(self) -> Sequence[T]:
        count = 0
        kept_items = min(self._max_items, len(self._sizes) - 1)
        item_target = kept_items - kept_items // _DROP_FRACTION
        byte_target = self._max_bytes - self._max_bytes // _DROP_FRACTION
        while len(self._sizes) - count > 1 and (
            len(self._sizes) - count > item_target or self._bytes > byte_target
        ):
            self._bytes -= self._sizes[count]
            count += 1
        base, items = self._window
        del self._sizes[:count]
        self._window = (base + count, items[count:])
        return items[:count]
