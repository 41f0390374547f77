"""How long a peer is left alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from common.backoff import JITTER, Backoff
from p2pd.net.connections.backoff import DialBackoffs, dial_backoff


def delays_of(backoff: Backoff, count: int) -> list[float]:
    return [backoff.next_delay_s() for _ in range(count)]


def test_first_try_is_quick_then_the_wait_doubles_to_a_minute() -> None:
    plain = [0.25, 1, 2, 4, 8, 16, 32, 60, 60]
    for delay_s, expected_s in zip(delays_of(dial_backoff(), 9), plain, strict=True):
        assert expected_s * (1 - JITTER) <= delay_s <= expected_s * (1 + JITTER)


def test_peer_is_left_alone_after_a_failure_only() -> None:
    backoffs = DialBackoffs()
    assert backoffs.may_dial("a", 0.0)
    backoffs.failed("a", 0.0)
    backoffs.failed("a", 0.0)
    assert not backoffs.may_dial("a", 0.5)
    assert backoffs.may_dial("b", 0.5)
    assert backoffs.may_dial("a", 2.0)
    backoffs.succeeded("a")
    assert backoffs.may_dial("a", 0.5)


@given(st.lists(st.integers(0, 9), max_size=80))
def test_peers_that_failed_longest_ago_are_forgotten_at_the_bound(failures: list[int]) -> None:
    evictions: list[None] = []
    backoffs = DialBackoffs(max_peers=4, on_evict=lambda: evictions.append(None))
    for peer in failures:
        backoffs.failed(str(peer), 0.0)
    failed_last = list(dict.fromkeys(reversed(failures)))[:4]
    blocked = [peer for peer in range(10) if not backoffs.may_dial(str(peer), 0.0)]
    assert blocked == sorted(failed_last)
    assert bool(evictions) == (len(set(failures)) > 4)
    backoffs.clear()
    assert all(backoffs.may_dial(str(peer), 0.0) for peer in range(10))
