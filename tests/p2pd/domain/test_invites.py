"""Which addresses an invite holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.domain.invites import MAX_ADDRESSES, best_addresses

LOOPBACK = "/ip4/127.0.0.1/tcp/4001"
LAN = ["/ip4/192.168.1.7/tcp/4001", "/ip6/fd00::7/tcp/4001", "/ip4/100.64.1.2/tcp/4001"]
OPEN = ["/ip4/11.0.0.7/tcp/4001", "/ip6/2a00::7/tcp/4001", "/dns4/chat.example/tcp/4001"]
RELAY = "/ip4/11.0.9.9/tcp/4001/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"
RELAYED = [f"{RELAY}/p2p-circuit", f"{RELAY.replace('/tcp/', '/udp/')}/p2p-circuit"]


@pytest.mark.parametrize(
    ("known", "chosen"),
    [
        ([], []),
        ([LOOPBACK], [LOOPBACK]),
        ([LOOPBACK, LAN[0]], [LAN[0]]),
        ([LAN[0], RELAYED[0], LOOPBACK, OPEN[0]], [OPEN[0], RELAYED[0], LAN[0]]),
        ([*LAN, *OPEN, *RELAYED], [*OPEN[:2], *RELAYED, LAN[0]]),
        ([*OPEN, LAN[0]], [*OPEN, LAN[0]]),
        ([LAN[0], LAN[0]], [LAN[0]]),
        ([f"/dns4/{'a' * 256}/tcp/1", LAN[0]], [LAN[0]]),
    ],
)
def test_addresses_that_work_from_outside_come_first(known: list[str], chosen: list[str]) -> None:
    assert list(best_addresses(known)) == chosen


@given(st.lists(st.sampled_from([LOOPBACK, *LAN, *OPEN, *RELAYED, "/unix/x", "", "/ip4/x"])))
def test_choice_is_bounded_and_from_what_is_known(known: list[str]) -> None:
    chosen = best_addresses(known)
    assert len(chosen) == min(MAX_ADDRESSES, len(set(known) - {LOOPBACK}) or len(set(known)))
    assert set(chosen) <= set(known)
