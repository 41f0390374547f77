"""When a run is begun again: its relayed connection ends, or the direct one breaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing
from libp2p.abc import ConnectionType
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.rcmgr import Direction
from multiaddr import Multiaddr

from p2pd.domain.rejections import Rejections
from p2pd.net.punch.outcomes import PunchOutcomes
from p2pd.net.punch.service import MAX_RUNS_PER_CONNECTION, HolePuncher

PEER = ID.from_pubkey(create_new_key_pair(bytes(32)).public_key)


@dataclass(eq=False)
class FakeConnection:
    direction: Direction = Direction.INBOUND
    kind: ConnectionType = ConnectionType.RELAYED
    is_closed: bool = False
    muxed_conn: Any = field(default_factory=lambda: SimpleNamespace(peer_id=PEER))

    def get_connection_type(self) -> ConnectionType:
        return self.kind

    def get_transport_addresses(self) -> list[Multiaddr]:
        return []


def relayed(direction: Direction) -> Any:
    return FakeConnection(direction)


@pytest.mark.trio
async def test_direct_connection_that_breaks_is_punched_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At most three times a relayed connection."""
    first = relayed(Direction.INBOUND)
    open_now = [first]
    host = cast("Any", SimpleNamespace(swarm=SimpleNamespace(get_connections=lambda _: open_now)))
    attempts = 0
    async with trio.open_nursery() as nursery:
        puncher = HolePuncher(host, list, PunchOutcomes(), Rejections(), nursery)

        async def attempt(run: Any) -> None:
            nonlocal attempts
            attempts += 1
            direct = cast("Any", FakeConnection(kind=ConnectionType.DIRECT))
            open_now.append(direct)
            puncher.opened(direct)

        monkeypatch.setattr(puncher, "_attempt", attempt)
        puncher.opened(first)
        for number in range(1, MAX_RUNS_PER_CONNECTION + 2):
            await trio.testing.wait_all_tasks_blocked()
            assert attempts == min(number, MAX_RUNS_PER_CONNECTION)
            direct = open_now[-1]
            direct.is_closed = True
            puncher.closed(direct)
        nursery.cancel_scope.cancel()


@pytest.mark.trio
@pytest.mark.parametrize(
    ("direction", "is_begun"), [(Direction.INBOUND, True), (Direction.OUTBOUND, False)]
)
async def test_a_run_goes_on_over_another_relayed_connection(
    direction: Direction, is_begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = relayed(Direction.INBOUND), relayed(direction)
    swarm = SimpleNamespace(get_connections=lambda _: [first, second])
    host = cast("Any", SimpleNamespace(swarm=swarm))
    attempted = []
    async with trio.open_nursery() as nursery:
        puncher = HolePuncher(host, list, PunchOutcomes(), Rejections(), nursery)

        async def attempt(run: Any) -> None:
            attempted.append(run.connection)
            await trio.sleep_forever()

        monkeypatch.setattr(puncher, "_attempt", attempt)
        puncher.opened(first)
        await trio.testing.wait_all_tasks_blocked()
        puncher.opened(second)
        await trio.testing.wait_all_tasks_blocked()
        assert attempted == [first]
        first.is_closed = True
        puncher.closed(first)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert attempted == ([first, second] if is_begun else [first])
