"""An AutoNAT server and those who ask it, honest or not; real hosts on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.host.autonat.pb.autonat_pb2 import Message
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.host import HostOptions, open_host
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.reachability.autonat import (
    AUTONAT,
    Status,
    dial_request,
    read_message,
)
from p2pd.net.reachability.limits import WINDOW_S, DialBackBudget, DialBackLimits
from p2pd.net.reachability.server import AutonatServer, dialled_addresses
from p2pd.net.streams.framed import write_frame
from tests.p2pd.net.relay.nodes import relay_and_hidden, relaying_node

CLOSED = Multiaddr("/ip4/127.0.0.1/tcp/1")
REFUSED = RejectionReason.AUTONAT_REQUEST_REFUSED
MALFORMED = RejectionReason.AUTONAT_REQUEST_MALFORMED


@dataclass
class Serving:
    server: AutonatServer
    rejections: Rejections
    asker: NodeHost
    served: NodeHost

    @property
    def asker_address(self) -> Multiaddr:
        return self.asker.get_transport_addrs()[0]

    async def ask(self, *addresses: Multiaddr, peer_id: ID | None = None) -> Message.DialResponse:
        return await self.send(dial_request(peer_id or self.asker.get_id(), addresses))

    async def send(self, message: Message) -> Message.DialResponse:
        stream = await self.asker.new_stream(self.served.get_id(), [AUTONAT])
        await write_frame(stream, message)
        return (await read_message(stream)).dialResponse


@asynccontextmanager
async def serving(*, is_dialled: bool = True) -> AsyncIterator[Serving]:
    """Open a server, for which loopback is the internet or not, and a host that asks it."""
    listen = (
        "/ip4/127.0.0.1/tcp/0",
        "/ip4/127.0.0.1/tcp/0/ws",
        "/ip4/127.0.0.1/udp/0/quic-v1",
    )
    rejections = Rejections()
    async with (
        open_host(HostOptions(create_new_key_pair(), listen), rejections) as served,
        open_host(HostOptions(create_new_key_pair(), listen), Rejections()) as asker,
    ):
        server = AutonatServer(served, rejections, is_dialled=lambda _: is_dialled)
        server.open()
        await asker.swarm.dial_addr(served.get_transport_addrs()[0], served.get_id())
        yield Serving(server, rejections, asker, served)


@pytest.mark.trio
async def test_says_yes_after_a_dial_that_reached_the_asker_itself() -> None:
    async with serving() as at:
        for address in at.asker.get_transport_addrs():
            answer = await at.ask(address)
            assert (answer.status, Multiaddr(answer.addr)) == (Status.OK, address)
        # Neither side takes the dial for a connection.
        assert len(at.served.swarm.get_connections(at.asker.get_id())) == 1
        assert len(at.asker.swarm.get_connections(at.served.get_id())) == 1


@pytest.mark.trio
async def test_says_no_where_nobody_or_somebody_else_answers() -> None:
    async with serving() as at:
        assert (await at.ask(CLOSED)).status == Status.E_DIAL_ERROR
        other = at.served.get_transport_addrs()[0]
        assert (await at.ask(other)).status == Status.E_DIAL_ERROR


@pytest.mark.trio
async def test_dials_nobody_at_private_addresses() -> None:
    async with serving(is_dialled=False) as at:
        assert (await at.ask(at.asker_address)).status == Status.E_DIAL_REFUSED
        assert at.server.dial_count == 0
        assert at.rejections.totals[REFUSED] == 1


@pytest.mark.trio
async def test_dials_no_other_address_than_the_askers() -> None:
    async with serving() as at:
        victim = Multiaddr("/ip4/127.0.0.2/tcp/4001")
        assert (await at.ask(victim)).status == Status.E_DIAL_REFUSED
        assert at.server.dial_count == 0


@pytest.mark.trio
async def test_dials_no_other_peer_than_the_asker() -> None:
    async with serving() as at:
        other = ID.from_pubkey(create_new_key_pair().public_key)
        answer = await at.ask(at.asker_address, peer_id=other)
        assert answer.status == Status.E_BAD_REQUEST
        assert (at.server.dial_count, at.rejections.totals[MALFORMED]) == (0, 1)


@pytest.mark.trio
async def test_message_that_is_no_request_is_counted() -> None:
    async with serving() as at:
        answer = await at.send(Message(type=Message.DIAL_RESPONSE))
        assert answer.status == Status.E_BAD_REQUEST
        assert at.rejections.totals[MALFORMED] == 1


@pytest.mark.trio
async def test_peers_that_never_send_their_request_keep_nobody_from_being_dialled() -> None:
    async with serving() as at:
        for _ in range(5):
            await at.asker.new_stream(at.served.get_id(), [AUTONAT])
        assert (await at.ask(at.asker_address)).status == Status.OK


@pytest.mark.trio
async def test_peer_behind_a_relay_is_not_dialled() -> None:
    async with relay_and_hidden() as (_, hidden), relaying_node(is_public=True) as caller:
        server = AutonatServer(hidden.host, hidden.rejections, is_dialled=lambda _: True)
        server.open()
        address = await hidden.wait_relayed_address()
        info = PeerInfo(hidden.peer_id, [address.decapsulate(f"/p2p/{hidden.peer_id}")])
        await caller.host.connect(info)
        stream = await caller.host.new_stream(hidden.peer_id, [AUTONAT])
        own = caller.host.get_transport_addrs()
        await write_frame(stream, dial_request(caller.peer_id, own))
        answer = (await read_message(stream)).dialResponse
        assert (answer.status, server.dial_count) == (Status.E_DIAL_REFUSED, 0)


@pytest.mark.trio
async def test_peer_that_asks_on_and_on_is_refused() -> None:
    async with serving() as at:
        statuses = [(await at.ask(at.asker_address)).status for _ in range(5)]
        assert statuses == [Status.OK] * 3 + [Status.E_DIAL_REFUSED] * 2


def test_addresses_that_are_dialled_are_few_and_each_once() -> None:
    ports = [Multiaddr(f"/ip4/11.0.0.1/tcp/{port}") for port in range(1, 50)]
    asked = [ports[0], ports[0], Multiaddr("/ip4/11.0.0.2/tcp/1"), *ports]
    chosen = dialled_addresses(asked, "11.0.0.1")
    assert chosen == ports[:4]


@pytest.mark.parametrize(
    ("askers", "admitted"),
    [
        ([("p", "n")] * 10, 3),
        ([(f"p{n}", "n") for n in range(10)], 6),
        ([(f"p{n}", f"n{n}") for n in range(100)], 30),
    ],
)
def test_dials_are_limited_by_peer_network_and_in_all(
    askers: list[tuple[str, str]], admitted: int
) -> None:
    budget = DialBackBudget(DialBackLimits(at_once=100))
    taken = [budget.admit(peer, network, 0.0) for peer, network in askers]
    assert sum(taken) == admitted
    assert budget.admit(*askers[0], WINDOW_S)


def test_dials_at_one_time_are_limited() -> None:
    budget = DialBackBudget(DialBackLimits(at_once=2))
    assert [budget.admit(f"p{n}", f"n{n}", 0.0) for n in range(3)] == [True, True, False]
    budget.release()
    assert budget.admit("p4", "n4", 0.0)
