"""Connect, hold and tell, between real hosts."""

from __future__ import annotations

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.domain.names import PeerId
from p2pd.domain.peers import ConnectionKind, Direction
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.errors import DialFailedError, InvalidInputError
from p2pd.net.connections import open_connections
from tests.p2pd.net.connections.listener import Told, connected_node
from tests.upstream.stacks import OURS, STOCK, connect, peer_info
from tests.upstream.waiting import wait_seen
from tests.upstream.wires import free_port

BACK_WITHIN_S = 20.0


@pytest.mark.trio
@pytest.mark.parametrize(
    ("listen", "transport"),
    [
        ("/ip4/127.0.0.1/tcp/0", "tcp"),
        ("/ip6/::1/tcp/0", "tcp"),
        ("/ip4/127.0.0.1/tcp/0/ws", "ws"),
        ("/ip4/127.0.0.1/udp/0/quic-v1", "quic-v1"),
        ("/ip6/::1/udp/0/quic-v1", "quic-v1"),
    ],
)
async def test_connection_is_described_on_both_sides(listen: str, transport: str) -> None:
    async with connected_node() as dialler, connected_node(listen=listen) as listener:
        peer = await dialler.connections.connect(listener.address)
        assert peer.peer_id == listener.peer_id
        assert peer.addresses == (listener.address,)
        assert peer.connection is not None
        assert peer.connection.transport == transport
        assert peer.connection.kind is ConnectionKind.DIRECT
        assert peer.connection.direction is Direction.OUTBOUND
        assert f"{peer.connection.remote_address}/p2p/{peer.peer_id}" == listener.address
        assert 0 < (peer.connection.round_trip_s or 0) < 5

        [there] = await wait_seen(listener.connections.peers)
        assert there.connection is not None
        assert there.connection.transport == transport
        assert there.connection.direction is Direction.INBOUND


@pytest.mark.trio
async def test_identify_tells_agent_and_protocols() -> None:
    async with connected_node() as dialler, connected_node() as listener:
        await dialler.connections.connect(listener.address)
        [peer] = await wait_seen(lambda: dialler.told.identified)
        assert peer.agent == "wsp/0.1.0"
        assert "/ipfs/ping/1.0.0" in peer.protocols
        assert dialler.connections.peers() == (peer,)


@pytest.mark.trio
async def test_connecting_again_is_fine_and_opens_nothing() -> None:
    async with connected_node() as dialler, connected_node() as listener:
        first = await dialler.connections.connect(listener.address)
        again = await dialler.connections.connect(listener.address)
        assert first.peer_id == again.peer_id
        assert len(dialler.host.get_network().get_connections()) == 1
        assert dialler.told.events == [f"+{listener.peer_id}"]


@pytest.mark.trio
async def test_peer_is_told_once_however_many_connections_it_has() -> None:
    async with connected_node() as node:
        async with STOCK.host() as peer:
            info = peer_info(node.host)
            for _ in range(2):
                await peer.get_network().dial_addr(info.addrs[0], info.peer_id)
            await wait_seen(node.host.get_network().get_connections, lambda seen: len(seen) == 2)
            first, second = node.host.get_network().get_connections()
            await first.close()
            assert node.connections.is_connected(PeerId(str(peer.get_id())))
            await second.close()
        name = str(peer.get_id())
        await wait_seen(lambda: node.told.events, lambda seen: seen == [f"+{name}", f"-{name}"])
        assert not node.connections.is_connected(PeerId(name))


@pytest.mark.trio
async def test_lost_peer_is_dialled_again_for_ever() -> None:
    key_pair = create_new_key_pair()
    listen = f"/ip4/127.0.0.1/tcp/{await free_port()}"
    async with connected_node() as node:
        async with STOCK.host(key_pair=key_pair, listen=[listen]) as peer:
            await node.connections.connect(f"{listen}/p2p/{peer.get_id()}")
            await peer.close()
        await wait_seen(node.connections.peers, lambda peers: not peers)
        # Some dials in vain, so that it is not the first that succeeds.
        await wait_seen(
            lambda: node.rejections.totals[RejectionReason.DIAL_FAILED], lambda count: count >= 2
        )
        async with STOCK.host(key_pair=key_pair, listen=[listen]):
            await wait_seen(node.connections.peers, timeout_s=BACK_WITHIN_S)
    name = str(ID.from_pubkey(key_pair.public_key))
    assert node.told.events[:3] == [f"+{name}", f"-{name}", f"+{name}"]


@pytest.mark.trio
async def test_kept_peer_is_dialled_until_it_is_there() -> None:
    key_pair = create_new_key_pair()
    listen = f"/ip4/127.0.0.1/tcp/{await free_port()}"
    info = PeerInfo(ID.from_pubkey(key_pair.public_key), [Multiaddr(listen)])
    async with connected_node() as node:
        node.connections.keep(info)
        await wait_seen(lambda: node.rejections.totals[RejectionReason.DIAL_FAILED])
        async with STOCK.host(key_pair=key_pair, listen=[listen]):
            await wait_seen(node.connections.peers, timeout_s=BACK_WITHIN_S)


@pytest.mark.trio
async def test_discovered_peer_that_failed_is_left_alone_for_a_while() -> None:
    nobody = ID.from_pubkey(create_new_key_pair().public_key)
    info = PeerInfo(nobody, [Multiaddr(f"/ip4/127.0.0.1/tcp/{await free_port()}")])
    async with connected_node() as node:
        for _ in range(3):
            assert not await node.connections.dial(info)
        assert node.rejections.totals[RejectionReason.DIAL_FAILED] == 1


@pytest.mark.trio
async def test_junk_that_peers_send_as_addresses_is_passed_over() -> None:
    nobody = ID.from_pubkey(create_new_key_pair().public_key)
    junk = [Multiaddr(b""), Multiaddr(b"\xff" * 20), Multiaddr(b"\x04\x7f"), Multiaddr("/unix/x")]
    async with connected_node() as node, STOCK.host() as peer:
        assert not await node.connections.dial(PeerInfo(nobody, junk))
        node.host.get_peerstore().add_addrs(peer.get_id(), junk, 600)
        info = peer_info(peer)
        assert await node.connections.dial(PeerInfo(info.peer_id, [*junk, *info.addrs]))


@pytest.mark.trio
async def test_discovered_peer_is_dialled_once() -> None:
    async with connected_node() as node, STOCK.host() as peer:
        info = peer_info(peer)
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(node.connections.dial, info)
        assert len(node.host.get_network().get_connections()) == 1
        assert await node.connections.dial(info)
        assert not await node.connections.dial(peer_info(node.host))


@pytest.mark.trio
async def test_names_of_this_machine_are_dialled() -> None:
    """The hosts file counts (43)."""
    async with connected_node() as node, STOCK.host() as peer:
        port = peer_info(peer).addrs[0].value_for_protocol("tcp")
        found = await node.connections.connect(f"/dns4/localhost/tcp/{port}/p2p/{peer.get_id()}")
        assert found.peer_id == str(peer.get_id())


@pytest.mark.trio
async def test_connect_says_why_it_fails() -> None:
    async with connected_node() as node, STOCK.host() as other:
        nobody = ID.from_pubkey(create_new_key_pair().public_key)
        where = peer_info(other).addrs[0]
        expectations = [
            (f"/ip4/127.0.0.1/tcp/{await free_port()}/p2p/{nobody}", "connection refused"),
            (f"{where}/p2p/{nobody}", "another peer answers there"),
            (f"/dns4/nowhere.invalid/tcp/1/p2p/{nobody}", "cannot resolve the name"),
            (f"/ip4/127.0.0.1/udp/1/quic/p2p/{nobody}", "no address that this node can dial"),
            (f"{where}/p2p/{other.get_id()}/p2p-circuit/p2p/{nobody}", "no address that this"),
        ]
        for address, sentence in expectations:
            with pytest.raises(DialFailedError, match=sentence):
                await node.connections.connect(address)
        assert node.connections.peers() == ()


@pytest.mark.trio
async def test_own_address_is_refused() -> None:
    async with connected_node() as node:
        with pytest.raises(InvalidInputError) as caught:
            await node.connections.connect(node.address)
        assert (caught.value.field, caught.value.reason) == ("address", "SELF_DIAL")


@pytest.mark.trio
async def test_connections_from_before_are_told() -> None:
    told = Told()
    async with OURS.host() as host, STOCK.host() as peer:
        await connect(peer, host)
        await wait_seen(host.get_connected_peers)
        async with open_connections(host, told, Rejections()) as connections:
            assert [each.peer_id for each in connections.peers()] == [str(peer.get_id())]
            assert told.events == [f"+{peer.get_id()}"]


@pytest.mark.trio
async def test_peer_that_is_connected_in_another_way_is_reported_again() -> None:
    async with connected_node() as dialler, connected_node() as node:
        await dialler.connections.connect(node.address)
        await wait_seen(lambda: node.told.identified)
        swarm = dialler.host.swarm
        [first] = swarm.get_connections()
        second = await swarm.dial_addr(Multiaddr(node.address), node.host.get_id())
        await wait_seen(node.host.swarm.get_connections, lambda seen: len(seen) == 2)
        reports = len(node.told.identified)
        await first.close()
        [*_, peer] = await wait_seen(lambda: node.told.identified, lambda seen: len(seen) > reports)
        [left] = node.host.swarm.get_connections()
        assert peer.connection is not None
        assert peer.connection.remote_address == str(left.get_transport_addresses()[0])
        assert node.told.events == [f"+{dialler.peer_id}"]
        assert not second.is_closed
