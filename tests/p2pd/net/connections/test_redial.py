"""Which lost peers are dialled again, when, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.advertised import MAX_ADDRESSES
from p2pd.net.connections.redial import Redialler
from p2pd.net.connections.registry import Registry

MAX_HELD = 8


@dataclass
class Dials:
    """Peers that never answer, and when each was dialled; a dial may hang."""

    takes_s: float = 0.0
    begun_s: dict[ID, list[float]] = field(default_factory=dict)
    infos: dict[ID, PeerInfo] = field(default_factory=dict)

    async def dial(self, info: PeerInfo) -> bool:
        self.begun_s.setdefault(info.peer_id, []).append(trio.current_time())
        self.infos[info.peer_id] = info
        await trio.sleep(self.takes_s)
        return False


def peer(number: int, *addresses: str) -> PeerInfo:
    return PeerInfo(ID(b"peer" + number.to_bytes(4, "big")), list(map(Multiaddr, addresses)))


@asynccontextmanager
async def opened_redialler(
    dials: Dials, rejections: Rejections, max_held: int = 64
) -> AsyncIterator[Redialler]:
    async with trio.open_nursery() as nursery:
        yield Redialler(dials.dial, Registry(), rejections, nursery, max_held)
        nursery.cancel_scope.cancel()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 2 * MAX_HELD), min_size=1, max_size=30))
def test_the_peer_named_longest_ago_is_released(named_again: list[int]) -> None:
    async def main() -> tuple[set[ID], int]:
        dials, rejections = Dials(), Rejections()
        async with opened_redialler(dials, rejections, MAX_HELD) as redialler:
            for number in [*range(MAX_HELD), *named_again]:
                redialler.hold(peer(number))
            await trio.sleep(80)
            dials.begun_s.clear()
            await trio.sleep(80)
        return set(dials.begun_s), rejections.totals[RejectionReason.REDIAL_OVER_LIMIT]

    held, released = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    newest = list(dict.fromkeys(reversed([*range(MAX_HELD), *named_again])))[:MAX_HELD]
    assert held == {peer(number).peer_id for number in newest}
    assert (released > 0) == any(number >= MAX_HELD for number in named_again)


@pytest.mark.trio
async def test_addresses_of_a_held_peer_are_bounded_newest_first(
    autojump_clock: trio.testing.MockClock,
) -> None:
    dials = Dials()
    async with opened_redialler(dials, Rejections()) as redialler:
        for number in range(1, 60):
            redialler.hold(peer(1, f"/ip4/127.0.0.1/tcp/{number}"))
        await trio.sleep(5)
    addresses = list(map(str, dials.infos[peer(1).peer_id].addrs))
    assert len(addresses) == MAX_ADDRESSES
    assert addresses[0] == "/ip4/127.0.0.1/tcp/59"


@pytest.mark.trio
@pytest.mark.parametrize("takes_s", [0.0, 15.0])
async def test_hurry_dials_every_lost_peer_at_once(
    takes_s: float, autojump_clock: trio.testing.MockClock
) -> None:
    """However long it failed, and though a dial of it hangs."""
    dials = Dials(takes_s)
    async with opened_redialler(dials, Rejections()) as redialler:
        for number in range(20):
            redialler.hold(peer(number))
        await trio.sleep(600)
        dials.begun_s.clear()
        redialler.hurry()
        hurried_s = trio.current_time()
        await trio.sleep(1)
        assert len(dials.begun_s) == 20
        assert all(begun[0] - hurried_s <= 0.5 for begun in dials.begun_s.values())
