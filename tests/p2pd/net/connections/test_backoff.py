"""How long a peer is left alone."""

from __future__ import annotations

from common.backoff import JITTER, Backoff
from p2pd.net.connections.backoff import MAX_PEERS, DialBackoffs, dial_backoff


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


def test_memory_of_failures_is_bounded() -> None:
    backoffs = DialBackoffs()
    for number in range(MAX_PEERS + 1):
        backoffs.failed(str(number), 0.0)
    assert backoffs.may_dial("0", 0.0)
    assert not backoffs.may_dial("1", 0.0)
