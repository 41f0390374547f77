"""Peers behind a relay are dialled, and announce where they are."""

from __future__ import annotations

from libp2p.network.exceptions import SwarmException
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from tests.p2pd.net.relay.nodes import relay_and_hidden, relaying_node
from tests.upstream.defect import defect
from tests.upstream.stacks import OURS, Stack, connect


@defect(14, "an address behind a relay cannot be dialled", fails_with=(SwarmException,))
async def test_address_behind_a_relay_is_dialled(stack: Stack) -> None:
    async with relay_and_hidden() as (_, hidden):
        address = await hidden.wait_relayed_address()
        info = PeerInfo(hidden.peer_id, [address.decapsulate(f"/p2p/{hidden.peer_id}")])
        if stack is OURS:
            async with relaying_node(is_public=True) as dialler:
                await dialler.host.connect(info)
                assert dialler.host.get_connected_peers().count(hidden.peer_id) == 1
        else:
            async with stack.host() as host:
                await host.connect(info)


@defect(65, "an address behind a relay is announced cut off at the relay's id")
async def test_address_behind_a_relay_is_announced_whole(stack: Stack) -> None:
    if stack is OURS:
        async with relay_and_hidden() as (relay, hidden):
            (announced,) = hidden.host.get_addrs()
            assert str(announced) == f"{relay.address}/p2p-circuit/p2p/{hidden.peer_id}"
        return
    async with stack.host() as relay, stack.host() as host:
        await connect(host, relay)
        relayed = Multiaddr(f"{relay.get_addrs()[0]}/p2p-circuit")
        host._addrs_factory = lambda _: [relayed]  # type: ignore[attr-defined]
        (announced,) = host.get_addrs()
        assert str(announced) == f"{relayed}/p2p/{host.get_id()}"
