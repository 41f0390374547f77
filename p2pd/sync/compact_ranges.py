"""Ranges in few bytes, for the peers that read them so; see ``Ranges.compact``.

A place, which is a sequence number, is written as what it does not share with the place
before: one byte whose upper half says how many leading bytes are the same and whose
lower half how many follow, then these; the rest are zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

from p2pd.domain.items import DIGEST_BYTES, END, End, Fingerprint, Item, Upper
from p2pd.domain.rejections import RejectionReason
from p2pd.sync.errors import SyncAbuseError
from p2pd.sync.fingerprints import SALTED_FINGERPRINT_BYTES
from p2pd.sync.reconciliation import Hashed, Listed, Range, Settled

_SEQNO_BYTES = 8
_KIND_BITS = 2
_KIND_MASK = (1 << _KIND_BITS) - 1
_END_BIT = 1 << _KIND_BITS
_DIGEST_SHIFT = _KIND_BITS + 1
_COUNT_BYTES = 4


class _Kind(IntEnum):
    """What is known of a range, as its header says it."""

    SETTLED = 0
    HASHED = 1
    LISTED = 2


_KIND_OF: Mapping[type[Range], _Kind] = {
    Settled: _Kind.SETTLED,
    Hashed: _Kind.HASHED,
    Listed: _Kind.LISTED,
}


def encode_ranges(ranges: Iterable[Range]) -> bytes:
    """Encode ranges, with salted fingerprints."""
    encoded = bytearray()
    lower = 0
    for part in ranges:
        encoded.append(_header_of(part))
        items_from = lower
        if not isinstance(part.upper, End):
            encoded += _place(part.upper.seqno, lower) + part.upper.digest
            lower = part.upper.seqno
        match part:
            case Hashed():
                encoded += part.fingerprint
            case Listed():
                encoded += len(part.items).to_bytes(_COUNT_BYTES, "big")
                for seqno, digest in part.items:
                    encoded += _place(seqno, items_from) + digest
                    items_from = seqno
            case Settled():
                pass
    return bytes(encoded)


def decode_ranges(encoded: bytes, max_ranges: int) -> tuple[Range, ...]:
    """Decode ranges; whether they fit together is for the reconciliation to say.

    Raises:
        SyncAbuseError: Too many, or they are malformed.
    """
    decoder = _Decoder(encoded)
    ranges: list[Range] = []
    lower = 0
    while not decoder.is_at_end:
        if len(ranges) == max_ranges:
            raise SyncAbuseError(RejectionReason.SYNC_RANGES_EXCESS)
        ranges.append(part := decoder.read_range(lower))
        lower = lower if isinstance(part.upper, End) else part.upper.seqno
    return tuple(ranges)


class _Decoder:
    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._encoded)

    def read_range(self, lower: int) -> Range:
        (header,) = self._read(1)
        digest_bytes = header >> _DIGEST_SHIFT
        if digest_bytes > DIGEST_BYTES:
            raise SyncAbuseError(RejectionReason.SYNC_BOUND_MALFORMED)
        upper: Upper = END
        if not header & _END_BIT:
            upper = Item(self._read_place(lower), self._read(digest_bytes))
        match header & _KIND_MASK:
            case _Kind.SETTLED:
                return Settled(upper)
            case _Kind.HASHED:
                return Hashed(upper, Fingerprint(self._read(SALTED_FINGERPRINT_BYTES)))
            case _Kind.LISTED:
                return Listed(upper, self._read_items(lower))
            case _:
                raise SyncAbuseError(RejectionReason.SYNC_RANGES_MALFORMED)

    def _read_items(self, before: int) -> tuple[Item, ...]:
        items = []
        for _ in range(int.from_bytes(self._read(_COUNT_BYTES), "big")):
            before = self._read_place(before)
            items.append(Item(before, self._read(DIGEST_BYTES)))
        return tuple(items)

    def _read_place(self, before: int) -> int:
        (sizes,) = self._read(1)
        shared, own = sizes >> 4, sizes & 0xF
        if shared + own > _SEQNO_BYTES:
            raise SyncAbuseError(RejectionReason.SYNC_BOUND_MALFORMED)
        place = before.to_bytes(_SEQNO_BYTES, "big")[:shared] + self._read(own)
        return int.from_bytes(place.ljust(_SEQNO_BYTES, b"\0"), "big")

    def _read(self, count: int) -> bytes:
        part = self._encoded[self._at : self._at + count]
        if len(part) < count:
            raise SyncAbuseError(RejectionReason.SYNC_RANGES_MALFORMED)
        self._at += count
        return part


def _header_of(part: Range) -> int:
    kind = _KIND_OF[type(part)]
    if isinstance(part.upper, End):
        return kind | _END_BIT
    return kind | len(part.upper.digest) << _DIGEST_SHIFT


def _place(seqno: int, before: int) -> bytes:
    place, other = seqno.to_bytes(_SEQNO_BYTES, "big"), before.to_bytes(_SEQNO_BYTES, "big")
    shared = next((at for at in range(_SEQNO_BYTES) if place[at] != other[at]), _SEQNO_BYTES)
    own = place[shared:].rstrip(b"\0")
    return bytes([shared << 4 | len(own)]) + own
