"""When a reservation is renewed, and how long a relay that fails is left alone."""

from __future__ import annotations

import time

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.pb.circuit_pb2 import HopMessage, Status
from multiaddr import Multiaddr

from p2pd.net.relay import reservations
from p2pd.net.relay.candidates import MAX_DELAY_S, MAX_RELAYS, RelayBackoffs
from p2pd.net.relay.holder import HeldRelay
from p2pd.net.relay.messages import HOP, CircuitLimit, RelayError, hop_status
from p2pd.net.relay.reservations import (
    ASSUMED_LIFETIME_S,
    LEAST_RENEWAL_S,
    MOST_LIFETIME_S,
    reservation_from_reply,
)
from p2pd.net.relay.rules import RelayLimits
from p2pd.net.relay.service import RelayMode
from tests.driver.waiting import wait_until_async
from tests.p2pd.net.relay.nodes import relay_and_hidden, relaying_node

RELAY = ID.from_pubkey(create_new_key_pair().public_key)
DIALLED = Multiaddr("/ip4/192.0.2.7/tcp/4001")
NOW_S = 1_800_000_000.0
LIMIT = CircuitLimit(max_bytes=131072, max_s=120)


def reply(expire_in_s: float, *addresses: str) -> HopMessage:
    message = hop_status(Status.OK, LIMIT)
    message.reservation.expire = int(NOW_S + expire_in_s)
    message.reservation.addrs.extend(Multiaddr(each).to_bytes() for each in addresses)
    return message


@pytest.mark.parametrize(
    ("expire_in_s", "lifetime_s", "renew_after_s"),
    [
        (3600, 3600, 1800),
        (20, 20, 10),
        (2, 2, LEAST_RENEWAL_S),
        (0, ASSUMED_LIFETIME_S, ASSUMED_LIFETIME_S / 2),
        (-7200, ASSUMED_LIFETIME_S, ASSUMED_LIFETIME_S / 2),
        (10**9, MOST_LIFETIME_S, MOST_LIFETIME_S / 2),
    ],
)
def test_reservation_is_renewed_at_half_its_time(
    expire_in_s: float, lifetime_s: float, renew_after_s: float
) -> None:
    """A relay whose clock is wrong, or that says anything, is asked neither often nor never."""
    made = reservation_from_reply(reply(expire_in_s), RELAY, DIALLED, NOW_S)
    assert (made.lifetime_s, made.renew_after_s) == (lifetime_s, renew_after_s)
    assert made.limit == LIMIT


def test_addresses_are_where_the_relay_was_dialled_and_where_it_says_it_is() -> None:
    made = reservation_from_reply(reply(60, "/ip4/192.0.2.8/tcp/1"), RELAY, DIALLED, NOW_S)
    assert [str(each) for each in made.addresses] == [
        f"{DIALLED}/p2p/{RELAY}/p2p-circuit",
        f"/ip4/192.0.2.8/tcp/1/p2p/{RELAY}/p2p-circuit",
    ]


def test_relay_that_dialled_us_and_gives_no_address_is_of_no_use() -> None:
    with pytest.raises(RelayError) as caught:
        reservation_from_reply(reply(60), RELAY, None, NOW_S)
    assert caught.value.is_fault


def test_relay_that_fails_is_asked_more_and_more_seldom() -> None:
    backoffs = RelayBackoffs()
    rests_s = [backoffs.failed(RELAY, 0.0) for _ in range(12)]
    assert rests_s[0] < 1
    assert 0.7 * MAX_DELAY_S < rests_s[-1] <= 1.25 * MAX_DELAY_S
    assert not backoffs.may_ask(RELAY, rests_s[-1] - 0.01)
    assert backoffs.may_ask(RELAY, rests_s[-1])
    backoffs.succeeded(RELAY)
    assert backoffs.failed(RELAY, 0.0) < 1


def test_relay_that_refuses_is_left_alone_at_once() -> None:
    assert RelayBackoffs().failed(RELAY, 0.0, is_refusal=True) == MAX_DELAY_S


def test_relays_remembered_are_bounded() -> None:
    backoffs = RelayBackoffs()
    backoffs.succeeded(RELAY)
    for number in range(MAX_RELAYS):
        backoffs.failed(ID(b"\x12\x20" + number.to_bytes(32, "big")), 0.0)
    assert not backoffs.has_reserved(RELAY)
    assert len(backoffs._asked) == MAX_RELAYS


@pytest.mark.trio
async def test_relay_of_short_reservations_is_not_asked_without_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Defect 30: 480 reservations in three seconds."""
    monkeypatch.setattr(reservations, "LEAST_RENEWAL_S", 0.3)
    async with relay_and_hidden(RelayLimits(reservation_s=1.5)) as (relay, hidden):
        begin_s = trio.current_time()

        async def renewals() -> int:
            return relay.service.totals.reservations - 1

        await wait_until_async(renewals, lambda seen: seen >= 3, timeout_s=10)
        assert trio.current_time() - begin_s > 2 * 0.3
        assert len(hidden.client.reservations) == 1


@pytest.mark.trio
async def test_step_of_the_wall_clock_ends_no_reservation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay answers no renewal for a while; how long it granted has not passed."""
    monkeypatch.setattr(reservations, "LEAST_RENEWAL_S", 0.1)
    limits, step_ns = RelayLimits(reservation_s=5.0), 0
    async with (
        relaying_node(mode=RelayMode.ON, limits=limits, is_public=True) as relay,
        relaying_node(
            relays=[relay.address], listen=(), clock_ns=lambda: time.time_ns() + step_ns
        ) as hidden,
    ):
        await hidden.wait_reservations(1)
        holder, failures = hidden.client._holder, list[Exception]()
        [held] = holder._relays.values()
        record_failure = holder._record_failure

        def record(failed: HeldRelay, error: Exception) -> float:
            failures.append(error)
            return record_failure(failed, error)

        monkeypatch.setattr(holder, "_record_failure", record)
        step_ns = 86_400 * 1_000_000_000
        relay.host.remove_stream_handler(HOP)

        async def failed() -> int:
            return len(failures)

        await wait_until_async(failed, lambda count: count >= 1, timeout_s=10)
        assert list(holder._relays.values()) == [held]
        assert len(hidden.client.reservations) == 1
