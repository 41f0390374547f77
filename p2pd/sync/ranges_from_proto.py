"""Ranges and items as the wire writes them, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wsp.sync.v1 import sync_pb2

from p2pd.domain.items import DIGEST_BYTES, FINGERPRINT_BYTES, End, Fingerprint, Item, Upper
from p2pd.domain.rejections import RejectionReason
from p2pd.sync.compact_ranges import decode_ranges, encode_ranges
from p2pd.sync.errors import SyncAbuseError
from p2pd.sync.reconciliation import MAX_REPLY_BYTES, RANGE_BYTES, Hashed, Listed, Range, Settled

MAX_RANGES = 2 * MAX_REPLY_BYTES // RANGE_BYTES
"""In one frame; as many fingerprints as an honest peer sends, and as many gaps."""

WANTED_DIGEST_BYTES = 6
"""Of an item asked for: enough to distinguish it from others of the same sequence number."""


def ranges_from_proto(ranges: sync_pb2.Ranges) -> tuple[Range, ...]:
    """Read ranges; whether they fit together is for the reconciliation to say.

    Raises:
        SyncAbuseError: Too many, or a bound, a fingerprint or items are malformed.
    """
    if ranges.compact:
        return decode_ranges(ranges.compact, MAX_RANGES)
    if len(ranges.ranges) > MAX_RANGES:
        raise SyncAbuseError(RejectionReason.SYNC_RANGES_EXCESS)
    return tuple(_range_from_proto(part) for part in ranges.ranges)


def proto_from_ranges(ranges: Iterable[Range], *, is_compact: bool = False) -> sync_pb2.Ranges:
    """Write ranges; compact ones have salted fingerprints."""
    if is_compact:
        return sync_pb2.Ranges(compact=encode_ranges(ranges))
    return sync_pb2.Ranges(ranges=[_proto_from_range(part) for part in ranges])


def items_from_proto(items: sync_pb2.Items, digest_bytes: int = DIGEST_BYTES) -> tuple[Item, ...]:
    """Read items.

    Raises:
        SyncAbuseError: Not as many bytes of digest for each sequence number.
    """
    digests = items.digests
    if len(digests) != digest_bytes * len(items.seqnos):
        raise SyncAbuseError(RejectionReason.SYNC_ITEMS_MALFORMED)
    return tuple(
        Item(seqno, digests[at * digest_bytes : (at + 1) * digest_bytes])
        for at, seqno in enumerate(items.seqnos)
    )


def proto_from_items(items: Sequence[Item], digest_bytes: int = DIGEST_BYTES) -> sync_pb2.Items:
    """Write items, with so much of their digests."""
    return sync_pb2.Items(
        seqnos=[item.seqno for item in items],
        digests=b"".join(item.digest[:digest_bytes] for item in items),
    )


def _range_from_proto(part: sync_pb2.Range) -> Range:
    upper = _upper_from_proto(part)
    match part.WhichOneof("content"):
        case "fingerprint":
            if len(part.fingerprint) != FINGERPRINT_BYTES:
                raise SyncAbuseError(RejectionReason.SYNC_FINGERPRINT_MALFORMED)
            return Hashed(upper, Fingerprint(part.fingerprint))
        case "items":
            return Listed(upper, items_from_proto(part.items))
        case _:
            return Settled(upper)


def _upper_from_proto(part: sync_pb2.Range) -> Upper:
    if not part.HasField("upper"):
        return End()
    if len(part.upper.digest_prefix) > DIGEST_BYTES:
        raise SyncAbuseError(RejectionReason.SYNC_BOUND_MALFORMED)
    return Item(part.upper.seqno, part.upper.digest_prefix)


def _proto_from_range(part: Range) -> sync_pb2.Range:
    written = sync_pb2.Range()
    if not isinstance(part.upper, End):
        written.upper.seqno = part.upper.seqno
        written.upper.digest_prefix = part.upper.digest
    match part:
        case Hashed():
            written.fingerprint = part.fingerprint
        case Listed():
            written.items.CopyFrom(proto_from_items(part.items))
        case Settled():
            pass
    return written
