"""Range-based set reconciliation: find what two sets lack of each other, cheaply.

Both sides hold items in one order. A message is a list of adjoining ranges that
cover everything; a range says either "the same as yours, or settled", or
its fingerprint, or its items. Who gets a fingerprint that differs from its own
splits the range, or lists it where it is short. Bytes grow with the difference
and with the logarithm of the sets, not with the sets. A message has a bound: what
does not fit waits, as one fingerprint, for the next.

Pure: an ``ItemSet`` answers for the store, ``p2pd.sync`` carries the ranges.

Source: Aljoscha Meyer, "Range-Based Set Reconciliation", 2023.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, assert_never

from p2pd.domain.items import (
    DIGEST_BYTES,
    END,
    LOWEST,
    Bound,
    End,
    Fingerprint,
    Item,
    Summary,
    Upper,
)
from p2pd.sync.fingerprints import WHOLE, Fingerprints

SPLIT_PARTS = 16
LIST_ITEMS = 32
"""Ranges with at most so many items are listed instead of split."""
MAX_REPLY_BYTES = 512 << 10
"""About what one message of ranges takes on the wire at most."""
RANGE_BYTES = 48
"""About what a range takes there, its items left aside, which take ITEM_BYTES each."""
ITEM_BYTES = 8 + DIGEST_BYTES


class ItemSet(Protocol):
    """One side's items, in order."""

    def summary(self, lower: Bound, upper: Upper) -> Summary:
        """Summarise the items with ``lower <= item < upper``."""

    def items(self, lower: Bound, upper: Upper) -> Sequence[Item]:
        """Return the items with ``lower <= item < upper``, in order."""

    def split(self, lower: Bound, upper: Upper, parts: int) -> Sequence[tuple[Upper, Summary]]:
        """Cut a range into up to ``parts`` ranges of about equally many items.

        Returns:
            The upper bound and the summary of each; the last bound is ``upper``.
        """


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing more to say of the range up to ``upper``."""

    upper: Upper


@dataclass(frozen=True, slots=True)
class Hashed:
    """The sender's fingerprint of the range up to ``upper``."""

    upper: Upper
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Listed:
    """All items that the sender has in the range up to ``upper``."""

    upper: Upper
    items: tuple[Item, ...]


Range: TypeAlias = Settled | Hashed | Listed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step found.

    Attributes:
        reply: What to send next; empty when everything is settled.
        have: Items of ours that the other lacks.
        need: Items of the other's that we lack.
    """

    reply: tuple[Range, ...]
    have: tuple[Item, ...] = ()
    need: tuple[Item, ...] = ()


class RangesError(Exception):
    """The other side's ranges break the rules; the message says how."""


def first_ranges(own: ItemSet, begin: Item = LOWEST, floor: Bound = LOWEST) -> tuple[Range, ...]:
    """Begin: what the initiator sends first.

    Args:
        begin: Items from here up to ``floor`` are left out.
        floor: Items from here on are reconciled, like those below ``begin``.
    """
    ranges: list[Range] = []
    if begin != LOWEST:
        ranges.append(Hashed(begin, own.summary(LOWEST, begin).fingerprint))
    if floor > begin:
        ranges.append(Settled(floor))
    lowest = max(begin, floor)
    ranges.append(Hashed(END, own.summary(lowest, END).fingerprint))
    return tuple(ranges)


def reply_to(
    ranges: Sequence[Range],
    own: ItemSet,
    begin: Bound = LOWEST,
    floor: Bound = LOWEST,
    fingerprints: Fingerprints = WHOLE,
) -> tuple[Range, ...]:
    """Answer the initiator's ranges.

    Args:
        begin: Items from here up to ``floor`` are settled: this side wants none.

    Raises:
        RangesError: The ranges break the rules.
    """
    reply = _Reply(own, fingerprints)
    for lower, part in _with_lower(ranges):
        for at, upper in _pieces(lower, part.upper, begin, floor):
            if isinstance(part, Settled) or begin <= at < floor:
                reply.settle(upper)
            elif isinstance(part, Listed):
                reply.list(at, upper)
            else:
                is_whole = (at, upper) == (lower, part.upper)
                reply.refine(at, upper, part.fingerprint if is_whole else None)
    return reply.finished()


def next_step(ranges: Sequence[Range], own: ItemSet, fingerprints: Fingerprints = WHOLE) -> Outcome:
    """Take the answer to the initiator's ranges: what is found, and what to send next.

    Raises:
        RangesError: The ranges break the rules.
    """
    reply = _Reply(own, fingerprints)
    have: list[Item] = []
    need: list[Item] = []
    for lower, part in _with_lower(ranges):
        match part:
            case Settled(upper):
                reply.settle(upper)
            case Hashed(upper, fingerprint):
                reply.refine(lower, upper, fingerprint)
            case Listed(upper, theirs):
                ours = own.items(lower, upper)
                have.extend(sorted(set(ours).difference(theirs)))
                need.extend(sorted(set(theirs).difference(ours)))
                reply.settle(upper)
            case _:
                assert_never(part)
    return Outcome(reply.finished(), tuple(have), tuple(need))


class _Reply:
    """The ranges to send next, from the lowest on, as many as fit."""

    def __init__(self, own: ItemSet, fingerprints: Fingerprints) -> None:
        self._own = own
        self._fingerprints = fingerprints
        self._ranges: list[Range] = []
        self._left_bytes = MAX_REPLY_BYTES
        self._rest: tuple[Bound, Upper] | None = None

    def settle(self, upper: Upper) -> None:
        """Say no more of a range."""
        self._close_rest()
        if self._ranges and isinstance(self._ranges[-1], Settled):
            self._ranges.pop()
        self._ranges.append(Settled(upper))

    def refine(self, lower: Bound, upper: Upper, theirs: Fingerprint | None) -> None:
        """Settle a range where the fingerprints agree, else list or split it.

        Args:
            theirs: None where they have said nothing of just this range.
        """
        if self._left_bytes <= 0:
            self._postpone(lower, upper)
            return
        summary = self._own.summary(lower, upper)
        if self._fingerprints.match(summary, theirs):
            self.settle(upper)
        elif summary.count <= LIST_ITEMS:
            self._add(Listed(upper, tuple(self._own.items(lower, upper))))
        elif theirs is None:
            self._add(Hashed(upper, self._fingerprints.of(summary)))
        else:
            for bound, part in self._own.split(lower, upper, SPLIT_PARTS):
                self._add(Hashed(bound, self._fingerprints.of(part)))

    def list(self, lower: Bound, upper: Upper) -> None:
        """List all items of a range, as far as they fit."""
        if self._left_bytes <= 0:
            self._postpone(lower, upper)
            return
        count = self._own.summary(lower, upper).count
        if count <= LIST_ITEMS or count * ITEM_BYTES <= self._left_bytes:
            self._add(Listed(upper, tuple(self._own.items(lower, upper))))
            return
        for bound, _ in self._own.split(lower, upper, SPLIT_PARTS):
            self.list(lower, bound)
            lower = bound if isinstance(bound, Item) else lower

    def finished(self) -> tuple[Range, ...]:
        """Return the ranges; nothing at all where everything is settled."""
        self._close_rest()
        if all(isinstance(part, Settled) for part in self._ranges):
            return ()
        return tuple(self._ranges)

    def _add(self, part: Hashed | Listed) -> None:
        self._close_rest()
        self._ranges.append(part)
        items = len(part.items) if isinstance(part, Listed) else 0
        self._left_bytes -= RANGE_BYTES + items * ITEM_BYTES

    def _postpone(self, lower: Bound, upper: Upper) -> None:
        self._rest = (self._rest[0] if self._rest else lower, upper)

    def _close_rest(self) -> None:
        if self._rest is not None:
            (lower, upper), self._rest = self._rest, None
            summary = self._own.summary(lower, upper)
            self._ranges.append(Hashed(upper, self._fingerprints.of(summary)))


def _pieces(
    lower: Bound, upper: Upper, begin: Bound, floor: Bound
) -> Iterator[tuple[Bound, Upper]]:
    """Cut a range where ``begin`` and ``floor`` lie inside."""
    for bound in (begin, floor) if begin < floor else ():
        if lower < bound and (isinstance(upper, End) or bound < upper):
            yield lower, bound
            lower = bound
    yield lower, upper


def _with_lower(ranges: Sequence[Range]) -> list[tuple[Bound, Range]]:
    """Pair each range with its lower bound; they must rise and end at the end."""
    lower: Upper = LOWEST
    paired: list[tuple[Bound, Range]] = []
    for part in ranges:
        if isinstance(lower, End):
            raise RangesError("a range follows the last")
        if not isinstance(part.upper, End) and part.upper <= lower:
            raise RangesError("bounds do not rise")
        if isinstance(part, Listed):
            _check_listed(lower, part)
        paired.append((lower, part))
        lower = part.upper
    if not isinstance(lower, End):
        raise RangesError("the ranges do not cover everything")
    return paired


def _check_listed(lower: Bound, part: Listed) -> None:
    inside = all(
        lower <= item and (isinstance(part.upper, End) or item < part.upper) for item in part.items
    )
    if not inside:
        raise RangesError("an item lies outside of its range")
