"""Messages as synchronisation compares them: items in one order, and sums over ranges of them.

The store holds the sums, ``p2pd.sync`` compares them with those of other nodes. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, NewType, TypeAlias

DIGEST_BYTES = 16
"""Of an item: what distinguishes two items of the same sequence number."""
FINGERPRINT_BYTES = 16
MAX_SEQNO = (1 << 64) - 1
_SUM_BYTES = 32
_SUM_MODULUS = 1 << 8 * _SUM_BYTES

Fingerprint = NewType("Fingerprint", bytes)


class Item(NamedTuple):
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
    """How many items a range holds, and the sum of their digests' hashes, modulo 2²⁵⁶."""

    count: int = 0
    total: int = 0

    def __add__(self, other: Summary) -> Summary:
        return Summary(self.count + other.count, (self.total + other.total) % _SUM_MODULUS)

    @property
    def fingerprint(self) -> Fingerprint:
        """The summary, hashed: equal for equal sets, and hard to make equal for others."""
        return Fingerprint(hashlib.sha256(self.fingerprint_content).digest()[:FINGERPRINT_BYTES])

    @property
    def fingerprint_content(self) -> bytes:
        """What a fingerprint is a hash of."""
        return self.total_bytes + self.count.to_bytes(8, "big")

    @property
    def total_bytes(self) -> bytes:
        """The sum, big-endian."""
        return self.total.to_bytes(_SUM_BYTES, "big")


def summary_of(items: Iterable[tuple[int, bytes]]) -> Summary:
    """Summarise items; the sum of two disjoint sets' summaries is their union's."""
    sha256, from_bytes = hashlib.sha256, int.from_bytes
    hashes = [
        from_bytes(sha256(seqno.to_bytes(8, "big") + digest).digest(), "big")
        for seqno, digest in items
    ]
    return Summary(len(hashes), sum(hashes) % _SUM_MODULUS)


def sum_of(summaries: Iterable[Summary]) -> Summary:
    """Summarise the union of disjoint sets."""
    count = total = 0
    for summary in summaries:
        count += summary.count
        total += summary.total
    return Summary(count, total % _SUM_MODULUS)


def seqno_between(before: int, after: int) -> int:
    """Return the number with most trailing zeros that is above one and not above the next."""
    zeros = (before ^ after).bit_length() - 1
    return after >> zeros << zeros


def item_digest(message_id: bytes) -> bytes:
    """Shorten a message id to the digest that stands for it in an item."""
    return hashlib.sha256(message_id).digest()[:DIGEST_BYTES]
