from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from p2pd.domain.items import LOWEST, Bound, End, Item, item_digest, summary_of
from p2pd.sync import reconciliation
from p2pd.sync.ranges_from_proto import proto_from_ranges
from p2pd.sync.reconciliation import (
    Hashed,
    Listed,
    Range,
    RangesError,
    Settled,
    first_ranges,
    next_step,
    reply_to,
)
from tests.p2pd.sync.sorted_items import SortedItems


def wire_bytes(ranges: Sequence[Range]) -> int:
    """About what ranges take on the wire."""
    return sum(
        27
        + (18 if isinstance(part, Hashed) else 0)
        + (26 * len(part.items) if isinstance(part, Listed) else 0)
        for part in ranges
    )


def reconcile(
    ours: set[Item],
    theirs: set[Item],
    begin: Bound = LOWEST,
    floor: Bound = LOWEST,
    *,
    their_floor: Bound = LOWEST,
    max_rounds: int = 30,
) -> tuple[set[Item], set[Item], int, int]:
    """Run both sides; return have, need, rounds and bytes."""
    mine, other = SortedItems(ours), SortedItems(theirs)
    have: set[Item] = set()
    need: set[Item] = set()
    message = first_ranges(mine, begin, floor)
    rounds = size_bytes = 0
    while message:
        rounds += 1
        answer = reply_to(message, other, begin, their_floor)
        size_bytes += wire_bytes(message) + wire_bytes(answer)
        if not answer:
            break
        outcome = next_step(answer, mine)
        have.update(outcome.have)
        need.update(outcome.need)
        message = outcome.reply
        assert rounds < max_rounds
    return have, need, rounds, size_bytes


def make_items(numbers: Sequence[int]) -> set[Item]:
    return {Item(1000 + number // 3, item_digest(str(number).encode())) for number in numbers}


numbers = st.sets(st.integers(0, 400), max_size=400).map(sorted)


@settings(max_examples=300, deadline=None)
@given(ours=numbers, theirs=numbers)
def test_both_sides_end_equal_whatever_their_difference(ours: list[int], theirs: list[int]) -> None:
    mine, other = make_items(ours), make_items(theirs)
    have, need, _, _ = reconcile(mine, other)
    assert have == mine - other
    assert need == other - mine


@settings(max_examples=50, deadline=None)
@given(
    ours=numbers,
    theirs=numbers,
    begin=st.integers(1000, 1140),
    length=st.integers(0, 60),
)
def test_nothing_between_begin_and_floor_is_asked_for(
    ours: list[int], theirs: list[int], begin: int, length: int
) -> None:
    mine, other = make_items(ours), make_items(theirs)
    floor = begin + length
    _, need, _, _ = reconcile(mine, other, Item(begin, b""), Item(floor, b""))
    assert need == {item for item in other - mine if not begin <= item.seqno < floor}


@settings(max_examples=50, deadline=None)
@given(
    ours=numbers,
    theirs=numbers,
    begin=st.integers(1000, 1140),
    length=st.integers(0, 60),
    their_length=st.integers(0, 60),
)
def test_what_either_side_does_not_want_is_settled(
    ours: list[int], theirs: list[int], begin: int, length: int, their_length: int
) -> None:
    mine, other = make_items(ours), make_items(theirs)
    bounds = [Item(begin + by, b"") for by in (0, length, their_length)]
    have, need, _, _ = reconcile(mine, other, *bounds[:2], their_floor=bounds[2])
    floor = begin + max(length, their_length)
    assert have == {item for item in mine - other if not begin <= item.seqno < floor}
    assert need == {item for item in other - mine if not begin <= item.seqno < floor}


@settings(max_examples=50, deadline=None)
@given(ours=numbers, theirs=numbers, max_bytes=st.sampled_from([1, 1_000, 4_000]))
def test_what_does_not_fit_a_message_comes_in_a_later_one(
    ours: list[int], theirs: list[int], max_bytes: int
) -> None:
    mine, other = make_items(ours), make_items(theirs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconciliation, "MAX_REPLY_BYTES", max_bytes)
        have, need, _, _ = reconcile(mine, other, max_rounds=2_000)
    assert have == mine - other
    assert need == other - mine


@pytest.mark.parametrize("ours", [0, 40, 60_000])
def test_no_message_is_longer_than_its_bound(ours: int) -> None:
    mine = SortedItems(make_items(range(ours)))
    other = SortedItems(make_items(range(60_000, 120_000)))
    message, found, longest = first_ranges(mine), 0, 0
    while message:
        answer = reply_to(message, other)
        outcome = next_step(answer, mine)
        found += len(outcome.need)
        longest = max(longest, *(len(encoded(part)) for part in (message, answer)))
        message = outcome.reply
    assert found == 60_000
    assert longest <= 600 << 10


def encoded(ranges: Sequence[Range]) -> bytes:
    return proto_from_ranges(ranges).SerializeToString()


@settings(max_examples=25, deadline=None)
@given(
    missing=st.sets(st.integers(0, 2999), min_size=1, max_size=12), scale=st.sampled_from([1, 4])
)
def test_bytes_grow_with_the_difference_and_not_with_the_store(
    missing: set[int], scale: int
) -> None:
    everything = range(3000 * scale)
    theirs = make_items(everything)
    ours = make_items([number for number in everything if number not in missing])
    _, need, rounds, size_bytes = reconcile(ours, theirs)
    assert len(need) == len(missing)
    assert rounds <= 4
    assert size_bytes <= 3500 * (len(missing) + 1)


def test_equal_sets_cost_one_fingerprint() -> None:
    items = make_items(range(5000))
    assert reconcile(items, items)[2:] == (1, wire_bytes(first_ranges(SortedItems(items))))


def test_summaries_of_disjoint_sets_add_up() -> None:
    one, other = make_items(range(9)), make_items(range(9, 30))
    assert summary_of(one) + summary_of(other) == summary_of(one | other)


BROKEN: list[Sequence[Range]] = [
    (),
    (Settled(Item(5, b"")),),
    (Settled(End()), Settled(End())),
    (Settled(Item(5, b"")), Settled(Item(5, b"")), Settled(End())),
    (Settled(Item(5, b"")), Listed(End(), (Item(4, b"x"),))),
    (Listed(Item(5, b""), (Item(6, b"x"),)), Settled(End())),
]


@pytest.mark.parametrize("ranges", BROKEN)
def test_ranges_that_break_the_rules_are_refused(ranges: Sequence[Range]) -> None:
    with pytest.raises(RangesError):
        reply_to(ranges, SortedItems(set()))
    with pytest.raises(RangesError):
        next_step(ranges, SortedItems(set()))
