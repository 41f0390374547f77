"""How long a peer is left alone."""

from __future__ import annotations

from p2pd.net.connections.backoff import JITTER, MAX_DELAY_S, MAX_PEERS, Backoff, DialBackoffs


def delays_of(backoff: Backoff, count: int) -> list[float]:
    return [backoff.next_delay_s() for _ in range(count)]


def test_first_try_is_quick_then_the_wait_doubles_to_a_minute() -> None:
    plain = [0.25, 1, 2, 4, 8, 16, 32, 60, 60]
    for delay_s, expected_s in zip(delays_of(Backoff(), 9), plain, strict=True):
        assert expected_s * (1 - JITTER) <= delay_s <= expected_s * (1 + JITTER)


def test_wait_stays_bounded_for_ever() -> None:
    assert max(delays_of(Backoff(failures=10_000), 100)) <= MAX_DELAY_S * (1 + JITTER)


def test_waits_differ_between_peers() -> None:
    assert len({Backoff().next_delay_s() for _ in range(10)}) > 1


def test_reset_begins_anew() -> None:
    backoff = Backoff(failures=5)
    backoff.reset()
    assert backoff.next_delay_s() < 0.5


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
