"""After an interruption connections are probed or closed, and everybody lost is dialled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair

from p2pd.domain.names import PeerId
from p2pd.domain.rejections import RejectionReason
from p2pd.net.connections.interruptions import MachineView
from p2pd.net.connections.local_end import local_host_of
from p2pd.net.interfaces import Interface
from tests.p2pd.net.connections.listener import ConnectedNode, connected_node
from tests.upstream.stacks import LISTEN, peer_info
from tests.upstream.waiting import wait_seen
from tests.upstream.wires import free_port

BACK_WITHIN_S = 5.0


@dataclass
class Machine:
    """The interfaces of one machine, as a test has them."""

    hosts: tuple[str, ...] = ("127.0.0.1", "127.0.0.2")

    @property
    def view(self) -> MachineView:
        return MachineView(self.read)

    def read(self) -> tuple[Interface, ...]:
        return tuple(Interface(4, host, "lo", 8) for host in self.hosts)


@asynccontextmanager
async def gossiping(node: ConnectedNode) -> AsyncIterator[None]:
    """Have a node say that it gossips, as those that chat do."""

    async def serve(_stream: object) -> None:
        await trio.sleep_forever()

    node.host.set_stream_handler("/meshsub/1.2.0", serve)  # type: ignore[arg-type]
    yield


@pytest.mark.trio
@pytest.mark.parametrize("listen", [LISTEN, f"{LISTEN}/ws"], ids=["tcp", "ws"])
async def test_connection_knows_its_own_end(listen: str) -> None:
    async with connected_node() as node, connected_node(listen=listen) as other:
        await node.connections.connect(other.address)
        [here] = node.host.get_network().get_connections()
        [there] = await wait_seen(other.host.get_network().get_connections)
        assert local_host_of(here) == local_host_of(there) == "127.0.0.1"


@pytest.mark.trio
async def test_connection_of_a_gone_address_is_closed_and_its_peer_dialled_again() -> None:
    machine = Machine()
    async with connected_node(machine=machine.view) as node, connected_node() as other:
        await node.connections.connect(other.address)
        [before] = node.host.get_network().get_connections()
        machine.hosts = ("127.0.0.2",)
        with trio.fail_after(BACK_WITHIN_S):
            await wait_seen(lambda: before.is_closed)
            await wait_seen(lambda: node.connections.is_connected(other.peer_id))
        assert node.told.events[:3] == [
            f"+{other.peer_id}",
            f"-{other.peer_id}",
            f"+{other.peer_id}",
        ]


@pytest.mark.trio
async def test_peers_that_nobody_holds_are_dialled_after_an_interruption() -> None:
    """The peer dialled this node and holds nobody; it listens, and says that it chats."""
    machine = Machine()
    async with (
        connected_node(machine=machine.view) as node,
        connected_node() as other,
        gossiping(other),
    ):
        await other.connections.dial(peer_info(node.host))
        await wait_seen(lambda: node.told.identified)
        await wait_seen(lambda: "/meshsub/1.2.0" in node.told.identified[-1].protocols)
        await other.host.disconnect(node.host.get_id())
        await wait_seen(lambda: not node.connections.peers())
        machine.hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
        with trio.fail_after(BACK_WITHIN_S):
            await wait_seen(lambda: node.connections.is_connected(other.peer_id))


@pytest.mark.trio
async def test_backoffs_are_forgotten_with_the_interruption() -> None:
    key_pair = create_new_key_pair()
    listen = f"/ip4/127.0.0.1/tcp/{await free_port()}"
    machine = Machine()
    async with connected_node(machine=machine.view) as node:
        async with connected_node(key_pair=key_pair, listen=listen) as other:
            await node.connections.connect(other.address)
            name = PeerId(other.peer_id)
        # By then the next dial is four seconds away or more.
        await wait_seen(
            lambda: node.rejections.totals[RejectionReason.DIAL_FAILED], lambda count: count >= 4
        )
        async with connected_node(key_pair=key_pair, listen=listen):
            machine.hosts = ("127.0.0.1",)
            with trio.fail_after(2.0):
                await wait_seen(lambda: node.connections.is_connected(name))
    assert node.connections.recovery.interruptions == 1
