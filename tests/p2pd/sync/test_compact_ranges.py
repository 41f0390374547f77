"""Ranges in few bytes: what is encoded comes back, and malformed bytes are an abuse."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from p2pd.domain.items import DIGEST_BYTES, END, MAX_SEQNO, Fingerprint, Item, Summary
from p2pd.sync.compact_ranges import decode_ranges, encode_ranges
from p2pd.sync.errors import SyncAbuseError
from p2pd.sync.fingerprints import SALTED_FINGERPRINT_BYTES, Fingerprints
from p2pd.sync.ranges_from_proto import MAX_RANGES
from p2pd.sync.reconciliation import Hashed, Listed, Range, Settled

NOW = 1_750_000_000 * 10**9
seqnos = st.one_of(
    st.integers(0, MAX_SEQNO),
    st.integers(0, 300),
    st.integers(0, 1 << 40).map(lambda number: NOW + number),
    st.integers(0, 63).map(lambda bit: 1 << bit),
)
uppers = st.one_of(st.just(END), st.builds(Item, seqnos, st.binary(max_size=DIGEST_BYTES)))
digests = st.binary(min_size=DIGEST_BYTES, max_size=DIGEST_BYTES)
prints = st.binary(min_size=SALTED_FINGERPRINT_BYTES, max_size=SALTED_FINGERPRINT_BYTES)
ranges = st.one_of(
    st.builds(Settled, uppers),
    st.builds(Hashed, uppers, prints.map(Fingerprint)),
    st.builds(Listed, uppers, st.lists(st.builds(Item, seqnos, digests), max_size=5).map(tuple)),
)


@settings(deadline=None)
@given(st.lists(ranges, max_size=8))
def test_what_is_encoded_comes_back(parts: list[Range]) -> None:
    encoded = encode_ranges(parts)
    assert decode_ranges(encoded, MAX_RANGES) == tuple(parts)
    if parts:
        with pytest.raises(SyncAbuseError):
            decode_ranges(encoded, len(parts) - 1)


@settings(deadline=None)
@given(st.lists(ranges, min_size=1, max_size=3), st.data())
def test_what_is_cut_off_is_malformed_or_ends_with_a_whole_range(
    parts: list[Range], data: st.DataObject
) -> None:
    encoded = encode_ranges(parts)
    size = data.draw(st.integers(0, len(encoded) - 1))
    try:
        decoded = decode_ranges(encoded[:size], MAX_RANGES)
    except SyncAbuseError:
        return
    assert decoded == tuple(parts[: len(decoded)])
    assert len(decoded) < len(parts)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_of_a_stranger_are_ranges_or_an_abuse(encoded: bytes) -> None:
    try:
        decoded = decode_ranges(encoded, MAX_RANGES)
    except SyncAbuseError:
        return
    assert decode_ranges(encode_ranges(decoded), MAX_RANGES) == decoded


def test_a_long_count_of_items_costs_nothing() -> None:
    with pytest.raises(SyncAbuseError):
        decode_ranges(bytes([2 | 4]) + b"\xff\xff\xff\xff" + bytes(17), MAX_RANGES)


def test_a_short_fingerprint_depends_on_the_salt() -> None:
    some, others = Summary(3, 77), Summary(3, 78)
    assert Fingerprints(1).of(some) != Fingerprints(2).of(some) != Fingerprints(2).of(others)
    for one in (Fingerprints(0), Fingerprints(1)):
        assert one.match(some, one.of(some))
        assert one.match(some, some.fingerprint)
        assert not one.match(others, one.of(some))
        assert not one.match(some, None)
    assert not Fingerprints(2).match(some, Fingerprints(1).of(some))
