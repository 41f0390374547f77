"""Whom a relay serves, and that nobody can take more than the limits say."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.pb.circuit_pb2 import Status

from p2pd.net.relay.messages import UNLIMITED, CircuitLimit, RelayError
from p2pd.net.relay.rules import RelayLimits, RelayRules

IP = "192.0.2.7"
PEERS = [ID.from_pubkey(create_new_key_pair().public_key) for _ in range(8)]
TARGET, SOURCE = PEERS[:2]
STRANGER = CircuitLimit(max_bytes=1000, max_s=60)
LIMITS = RelayLimits(
    max_reservations=3,
    max_reservations_per_ip=2,
    max_circuits=3,
    max_circuits_per_peer=2,
    reservation_s=100.0,
    stranger=STRANGER,
    stranger_bytes_per_hour=5000,
)


def reserve(rules: RelayRules, peer: ID, ip: str = IP, now_s: float = 0.0) -> CircuitLimit:
    return rules.reserve(peer, ip, now_s, is_member=False)


def test_members_are_not_limited_and_strangers_are() -> None:
    rules = RelayRules(LIMITS)
    assert rules.reserve(TARGET, IP, 0.0, is_member=True) == UNLIMITED
    assert rules.reserve(SOURCE, IP, 0.0, is_member=False) == STRANGER


def test_reservations_end_with_their_time_and_a_renewal_is_no_second_one() -> None:
    rules = RelayRules(LIMITS)
    for now_s in (0.0, 50.0):
        reserve(rules, TARGET, now_s=now_s)
    assert rules.reservation_count == 1
    with rules.circuit(SOURCE, TARGET, 149.0, is_member=False):
        pass
    with pytest.raises(RelayError) as caught, rules.circuit(SOURCE, TARGET, 150.0, is_member=False):
        pass
    assert caught.value.status == Status.NO_RESERVATION


def test_end_of_a_reservation_is_reported_once() -> None:
    released: list[ID] = []
    rules = RelayRules(LIMITS, released.append)
    reserve(rules, TARGET)
    reserve(rules, SOURCE, now_s=50.0)
    rules.expire(100.0)
    assert released == [TARGET]
    rules.release(TARGET)
    rules.release_all()
    assert released == [TARGET, SOURCE]


@pytest.mark.parametrize("ips", [[IP, IP, IP], ["a", "b", "c", "d"]])
def test_reservations_are_bounded_in_all_and_per_address(ips: list[str]) -> None:
    rules = RelayRules(LIMITS)
    for peer, ip in zip(PEERS, ips[:-1], strict=False):
        reserve(rules, peer, ip)
    with pytest.raises(RelayError) as caught:
        reserve(rules, PEERS[-1], ips[-1])
    assert caught.value.status == Status.RESERVATION_REFUSED
    reserve(rules, PEERS[0], ips[0])
    rules.release(PEERS[0])
    reserve(rules, PEERS[-1], ips[0])


@pytest.mark.parametrize(
    "pairs",
    [[(1, 0), (2, 0), (3, 0)], [(3, 0), (3, 1), (3, 2)], [(3, 0), (4, 1), (5, 2), (6, 2)]],
    ids=["to one peer", "from one peer", "in all"],
)
def test_circuits_are_bounded(pairs: list[tuple[int, int]]) -> None:
    rules = RelayRules(LIMITS)
    for number in range(3):
        reserve(rules, PEERS[number], str(number))
    with ExitStack() as held:
        for source, target in pairs[:-1]:
            held.enter_context(rules.circuit(PEERS[source], PEERS[target], 0.0, is_member=True))
        source, target = pairs[-1]
        with (
            pytest.raises(RelayError) as caught,
            rules.circuit(PEERS[source], PEERS[target], 0.0, is_member=True),
        ):
            pass
        assert caught.value.status == Status.RESOURCE_LIMIT_EXCEEDED
    assert (rules.circuit_count, rules._circuits.total()) == (0, 0)


def test_strangers_over_budget_are_off_until_it_has_grown_again() -> None:
    rules = RelayRules(LIMITS)
    reserve(rules, TARGET)
    rules.carried_for_stranger(5000, 0.0)
    with rules.circuit(SOURCE, TARGET, 0.0, is_member=True):
        pass
    with pytest.raises(RelayError) as caught, rules.circuit(SOURCE, TARGET, 0.0, is_member=False):
        pass
    assert caught.value.status == Status.RESOURCE_LIMIT_EXCEEDED
    with pytest.raises(RelayError):
        reserve(rules, SOURCE)
    assert rules.reserve(SOURCE, IP, 0.0, is_member=True) == UNLIMITED
    reserve(rules, PEERS[2], "other", now_s=10.0)
