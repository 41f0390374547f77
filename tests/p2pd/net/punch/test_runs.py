"""A run whose relayed connection ends goes on over another that the peer opened."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing
from libp2p.abc import ConnectionType
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.rcmgr import Direction

from p2pd.domain.rejections import Rejections
from p2pd.net.punch.outcomes import PunchOutcomes
from p2pd.net.punch.service import HolePuncher

PEER = ID.from_pubkey(create_new_key_pair(bytes(32)).public_key)


def relayed(direction: Direction) -> Any:
    return SimpleNamespace(
        muxed_conn=SimpleNamespace(peer_id=PEER),
        direction=direction,
        is_closed=False,
        get_connection_type=lambda: ConnectionType.RELAYED,
    )


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
