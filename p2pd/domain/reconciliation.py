"""Range-based set reconciliation: find what two sets lack of each other, cheaply.

Both sides hold items in one order. A message is a list of adjoining ranges that
cover everything; a range says either "the same as you told me or settled", or
its fingerprint, or its items. Who gets a fingerprint that differs from its own
splits the range, or lists it where it is short. Bytes grow with the difference
and with the logarithm of the sets, not with the sets.

Pure: an ``ItemSet`` answers for the store, ``p2pd.net.sync`` carries the ranges.

Source: Aljoscha Meyer, "Range-Based Set Reconciliation", 2023.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NewType, Protocol, TypeAlias, assert_never

DIGEST_BYTES = 16
"""Of an item: what tells two items of the same sequence number apart."""
FINGERPRINT_BYTES = 16
SPLIT_PARTS = 16
LIST_ITEMS = 32
"""Ranges with at most so many items are listed instead of split."""
_SUM_BITS = 256
_SUM_MODULUS = 1 << _SUM_BITS
MAX_SEQNO = (1 << 64) - 1

Fingerprint = NewType("Fingerprint", bytes)


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """A message by its place in the common order.

    Attributes:
        seqno: The author's sequence number, 0 to 2⁶⁴ - 1.
        digest: 16 bytes of the message id's SHA-256; see ``item_digest``.
    """

    seqno: int
    digest: bytes


Bound: TypeAlias = Item
"""A place between items: before every item that is not less than it."""
LOWEST = Item(0, b"")


@dataclass(frozen=True, slots=True)
class End:
    """Behind every item."""


END = End()
Upper: TypeAlias = Bound | End


@dataclass(frozen=True, slots=True)
class Summary:
    """How many items a range holds, and the sum of their digests' hashes."""

    count: int = 0
    total: int = 0

    def __add__(self, other: Summary) -> Summary:
        return Summary(self.count + other.count, (self.total + other.total) % _SUM_MODULUS)

    @property
    def fingerprint(self) -> Fingerprint:
        """The summary, hashed: equal for equal sets, and hard to make equal for others."""
        content = self.total.to_bytes(_SUM_BITS // 8, "big") + self.count.to_bytes(8, "big")
        return Fingerprint(hashlib.sha256(content).digest()[:FINGERPRINT_BYTES])


def summary_of(items: Iterable[Item]) -> Summary:
    """Summarise items; the sum of two disjoint sets' summaries is their union's."""
    count = total = 0
    for item in items:
        count += 1
        total += int.from_bytes(
            hashlib.sha256(item.seqno.to_bytes(8, "big") + item.digest).digest(), "big"
        )
    return Summary(count, total % _SUM_MODULUS)


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


def reply_to(ranges: Sequence[Range], own: ItemSet) -> tuple[Range, ...]:
    """Answer the initiator's ranges.

    Raises:
        RangesError: The ranges break the rules.
    """
    reply: list[Range] = []
    for lower, part in _with_lower(ranges):
        match part:
            case Settled(upper):
                reply.append(Settled(upper))
            case Hashed():
                reply.extend(_refine(lower, part, own))
            case Listed(upper):
                reply.append(Listed(upper, tuple(own.items(lower, upper))))
            case _:
                assert_never(part)
    return _merged(reply)


def next_step(ranges: Sequence[Range], own: ItemSet) -> Outcome:
    """Take the answer to the initiator's ranges: what is found, and what to send next.

    Raises:
        RangesError: The ranges break the rules.
    """
    reply: list[Range] = []
    have: list[Item] = []
    need: list[Item] = []
    for lower, part in _with_lower(ranges):
        match part:
            case Settled(upper):
                reply.append(Settled(upper))
            case Hashed():
                reply.extend(_refine(lower, part, own))
            case Listed(upper, theirs):
                ours = own.items(lower, upper)
                have.extend(sorted(set(ours).difference(theirs)))
                need.extend(sorted(set(theirs).difference(ours)))
                reply.append(Settled(upper))
            case _:
                assert_never(part)
    return Outcome(_merged(reply), tuple(have), tuple(need))


def item_digest(message_id: bytes) -> bytes:
    """Shorten a message id to the digest that stands for it in an item."""
    return hashlib.sha256(message_id).digest()[:DIGEST_BYTES]


def _refine(lower: Bound, theirs: Hashed, own: ItemSet) -> list[Range]:
    summary = own.summary(lower, theirs.upper)
    if summary.fingerprint == theirs.fingerprint:
        return [Settled(theirs.upper)]
    if summary.count <= LIST_ITEMS:
        return [Listed(theirs.upper, tuple(own.items(lower, theirs.upper)))]
    parts = own.split(lower, theirs.upper, SPLIT_PARTS)
    return [Hashed(upper, part.fingerprint) for upper, part in parts]


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


def _merged(ranges: list[Range]) -> tuple[Range, ...]:
    """Join settled neighbours; nothing at all where everything is settled."""
    merged: list[Range] = []
    for part in ranges:
        if isinstance(part, Settled) and merged and isinstance(merged[-1], Settled):
            merged.pop()
        merged.append(part)
    return () if all(isinstance(part, Settled) for part in merged) else tuple(merged)
