"""Strangers dialled only to be asked do not stay connected for ever."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
import trio
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID

from p2pd.domain.names import PeerId
from p2pd.net.discovery import transient_peers
from tests.driver.waiting import wait_until_async
from tests.p2pd.net.discovery.nodes import DiscoveringNode, open_node
from tests.upstream.stacks import STOCK, peer_info

SCENARIO_TIMEOUT_S = 90


async def wait_identified(node: DiscoveringNode, peer_id: ID) -> None:
    async def identity() -> object:
        return node.host.identity_of(peer_id)

    await wait_until_async(identity)


async def dial_four(gossip: bool) -> list[bool]:
    """Dial four peers, two more than stay; return which are still connected."""
    async with AsyncExitStack() as stack:
        dialler = await stack.enter_async_context(open_node())
        hosts = [await stack.enter_async_context(STOCK.host()) for _ in range(4)]
        transient = transient_peers.TransientPeers(dialler.host, dialler.connections)
        for host in hosts:
            if gossip:
                host.set_stream_handler(TProtocol("/meshsub/1.1.0"), _leave_open)
            assert await transient.dial(peer_info(host))
            await wait_identified(dialler, host.get_id())
        return [dialler.connections.is_connected(PeerId(str(host.get_id()))) for host in hosts]


def test_peer_that_is_dialled_again_was_not_dialled_longest_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transient_peers, "MAX_CONNECTED", 2)

    async def dial_some() -> list[bool]:
        async with AsyncExitStack() as stack:
            dialler = await stack.enter_async_context(open_node())
            hosts = [await stack.enter_async_context(STOCK.host()) for _ in range(3)]
            transient = transient_peers.TransientPeers(dialler.host, dialler.connections)
            for number in (0, 1, 0, 2):
                assert await transient.dial(peer_info(hosts[number]))
                await wait_identified(dialler, hosts[number].get_id())
            return [dialler.connections.is_connected(PeerId(str(host.get_id()))) for host in hosts]

    async def bounded() -> list[bool]:
        with trio.fail_after(SCENARIO_TIMEOUT_S):
            return await dial_some()

    assert trio.run(bounded) == [True, False, True]


async def _leave_open(_stream: object) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("gossip", "connected"), [(False, [False, False, True, True]), (True, [True] * 4)]
)
def test_those_dialled_longest_ago_are_disconnected_unless_they_gossip(
    monkeypatch: pytest.MonkeyPatch, gossip: bool, connected: list[bool]
) -> None:
    monkeypatch.setattr(transient_peers, "MAX_CONNECTED", 2)

    async def bounded() -> list[bool]:
        with trio.fail_after(SCENARIO_TIMEOUT_S):
            return await dial_four(gossip)

    assert trio.run(bounded) == connected
