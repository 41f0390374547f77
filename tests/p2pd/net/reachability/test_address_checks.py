"""AutoNAT v2 between a peer that asks and one that dials, honest or not; real hosts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
import trio
from libp2p.abc import INetConn, INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from multiaddr import Multiaddr
from wsp.autonat.v2.autonat_pb2 import (
    DialBack,
    DialDataResponse,
    DialResponse,
    DialStatus,
    Message,
)

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.host import HostOptions, open_host
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.reachability import address_checks, server_v2
from p2pd.net.reachability.address_checks import AddressAnswer, AddressChecks
from p2pd.net.reachability.autonat import AutonatError
from p2pd.net.reachability.autonat_v2 import (
    DIAL_BACK,
    DIAL_REQUEST,
    MAX_DIAL_DATA_BYTES,
    MIN_DIAL_DATA_BYTES,
    dial_data_request,
    dial_request,
    dial_response,
    read_message,
)
from p2pd.net.reachability.limits import ADDRESS_LIMITS, WINDOW_S, DialBackBudget
from p2pd.net.reachability.server_v2 import AddressServer
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import open_stream
from tests.upstream.waiting import wait_seen

LISTEN = ("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws", "/ip4/127.0.0.1/udp/0/quic-v1")
CLOSED = [Multiaddr("/ip4/127.0.0.1/tcp/1"), Multiaddr("/ip4/127.0.0.1/udp/9/quic-v1")]
Status = DialResponse.ResponseStatus
REFUSED = RejectionReason.AUTONAT_REQUEST_REFUSED
MALFORMED = RejectionReason.AUTONAT_REQUEST_MALFORMED
UNKNOWN = RejectionReason.AUTONAT_DIAL_BACK_UNKNOWN


@dataclass
class Asking:
    """A host that asks, and one that it asks, with what each has counted."""

    asker: NodeHost
    checks: AddressChecks
    served: NodeHost
    server: AddressServer
    connection: INetConn
    asker_rejections: Rejections
    rejections: Rejections

    async def ask(self, *addresses: Multiaddr) -> AddressAnswer | None:
        with trio.fail_after(20):
            return await self.checks.ask(self.connection, addresses)

    async def stream(self) -> INetStream:
        return await open_stream(self.asker, self.connection, DIAL_REQUEST)

    async def send(self, *messages: Message) -> Message:
        stream = await self.stream()
        for message in messages:
            await write_frame(stream, message)
        with trio.fail_after(10):
            return await read_message(stream)


@asynccontextmanager
async def asking(
    is_dialled: Callable[[str], bool] = lambda _: True, listen: tuple[str, ...] = LISTEN
) -> AsyncIterator[Asking]:
    asker_rejections, rejections = Rejections(), Rejections()
    async with (
        open_host(HostOptions(create_new_key_pair(), LISTEN), rejections) as served,
        open_host(HostOptions(create_new_key_pair(), listen), asker_rejections) as asker,
    ):
        checks = AddressChecks(asker, asker_rejections)
        server = AddressServer(served, rejections, is_dialled=is_dialled)
        checks.open()
        server.open()
        # Of several addresses two may answer at once, which makes two connections.
        connection = await asker.swarm.dial_addr(served.get_transport_addrs()[0], served.get_id())
        yield Asking(asker, checks, served, server, connection, asker_rejections, rejections)


@pytest.mark.trio
async def test_each_address_has_its_own_answer() -> None:
    async with asking() as at:
        for address in at.asker.get_transport_addrs():
            assert await at.ask(address, *CLOSED) == AddressAnswer(address, is_reachable=True)
        for address in CLOSED:
            assert await at.ask(address, *at.asker.get_transport_addrs()) == AddressAnswer(address)
        assert at.server.dial_count == 5
        # The dial is no connection of the peer that dialled, and it does not last.
        assert len(at.served.swarm.get_connections()) == 1
        await wait_seen(at.asker.swarm.get_connections, lambda left: len(left) == 1)


@pytest.mark.trio
async def test_address_that_the_server_cannot_dial_is_passed_over() -> None:
    async with asking() as at:
        [tcp, *_] = at.asker.get_transport_addrs()
        unusable = Multiaddr("/ip4/127.0.0.1/udp/4001/quic-v1/webtransport")
        assert await at.ask(unusable, tcp) == AddressAnswer(tcp, is_reachable=True)
        assert await at.ask(unusable) == AddressAnswer(None)
        assert at.rejections.totals[REFUSED] == 1


@pytest.mark.trio
async def test_dials_nobody_at_private_addresses() -> None:
    async with asking(is_dialled=lambda _: False) as at:
        assert await at.ask(at.asker.get_transport_addrs()[0]) is None
        assert (at.server.dial_count, at.rejections.totals[REFUSED]) == (0, 1)
    async with asking(is_dialled=lambda ip: ip == "127.0.0.1") as at:
        assert await at.ask(Multiaddr("/ip4/127.0.0.2/tcp/1")) == AddressAnswer(None)
        assert at.server.dial_count == 0


@pytest.mark.trio
async def test_another_ip_address_is_dialled_for_data_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_v2, "MOST_PAUSE_S", 0.0)
    elsewhere = ("/ip4/127.0.0.2/tcp/0",)
    async with asking(listen=elsewhere) as at:
        [address] = at.asker.get_transport_addrs()
        assert await at.ask(address) == AddressAnswer(address, is_reachable=True)
        request = await at.send(dial_request([address], 7))
        wanted = request.dial_data_request
        assert wanted.addr_idx == 0
        assert MIN_DIAL_DATA_BYTES <= wanted.num_bytes <= MAX_DIAL_DATA_BYTES
        assert at.server.dial_count == 1, "dialled before it was paid for"


@pytest.mark.parametrize("part", [b"", b"x" * 99])
@pytest.mark.trio
async def test_data_in_crumbs_end_the_request(part: bytes) -> None:
    crumb = Message(dial_data_response=DialDataResponse(data=part))
    async with asking(listen=("/ip4/127.0.0.2/tcp/0",)) as at:
        stream = await at.stream()
        await write_frame(stream, dial_request(at.asker.get_transport_addrs(), 7))
        await read_message(stream)
        await write_frame(stream, crumb)
        await wait_seen(lambda: at.rejections.totals.get(MALFORMED, 0), (1).__eq__)
        assert at.server.dial_count == 0


@pytest.mark.trio
async def test_what_is_no_request_is_counted() -> None:
    async with asking() as at:
        stream = await at.stream()
        await write_frame(stream, dial_response(Status.RESPONSE_STATUS_OK))
        await wait_seen(lambda: at.rejections.totals.get(MALFORMED, 0), (1).__eq__)


@pytest.mark.trio
async def test_requests_are_limited() -> None:
    async with asking() as at:
        address = at.asker.get_transport_addrs()[0]
        answers = [await at.ask(address) for _ in range(ADDRESS_LIMITS.per_peer + 1)]
        assert [each is None for each in answers] == [False] * ADDRESS_LIMITS.per_peer + [True]


def test_dials_that_are_paid_for_are_limited_in_all() -> None:
    budget = DialBackBudget(replace(ADDRESS_LIMITS, paid=2))
    assert [budget.admit_paid(0.0) for _ in range(3)] == [True, True, False]
    assert budget.admit_paid(WINDOW_S)


# Servers that are not what they seem.


@asynccontextmanager
async def lying(at: Asking, *answers: Message, nonce_on_old: bool = False) -> AsyncIterator[None]:
    """Have the served host answer so, whatever it is asked, and dial nobody."""

    async def serve(stream: INetStream) -> None:
        nonce = (await read_message(stream)).dial_request.nonce
        if nonce_on_old:
            [known] = at.served.swarm.get_connections(at.asker.get_id())
            back = await open_stream(at.served, known, DIAL_BACK)
            await write_frame(back, DialBack(nonce=nonce))
            await back.read(1)
        for answer in answers:
            await write_frame(stream, answer)

    at.served.set_stream_handler(DIAL_REQUEST, serve)
    yield


OK = dial_response(Status.RESPONSE_STATUS_OK, 0, DialStatus.DIAL_STATUS_OK)


@pytest.mark.parametrize("nonce_on_old", [False, True])
@pytest.mark.trio
async def test_dial_that_never_came_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, nonce_on_old: bool
) -> None:
    """Nor a nonce on the connection that was there, which proves nothing."""
    monkeypatch.setattr(address_checks, "ARRIVAL_TIMEOUT_S", 0.3)
    async with asking() as at, lying(at, OK, nonce_on_old=nonce_on_old):
        with pytest.raises(AutonatError, match="nothing came"):
            await at.ask(at.asker.get_transport_addrs()[0])


@pytest.mark.trio
async def test_dial_of_another_transport_is_not_believed() -> None:
    """A server that says it has dialled by QUIC, and came by TCP."""
    async with asking() as at:
        tcp, _, quic = sorted(at.asker.get_transport_addrs(), key=lambda each: len(str(each)))

        async def serve(stream: INetStream) -> None:
            nonce = (await read_message(stream)).dial_request.nonce
            await at.server._dialler.deliver(at.asker.get_id(), tcp, nonce)
            await write_frame(stream, OK)

        at.served.set_stream_handler(DIAL_REQUEST, serve)
        with pytest.raises(AutonatError, match="nothing came"):
            await at.ask(quic)
        assert await at.ask(tcp) == AddressAnswer(tcp, is_reachable=True)


@pytest.mark.parametrize(
    "answer",
    [
        dial_response(Status.RESPONSE_STATUS_OK, 5, DialStatus.DIAL_STATUS_E_DIAL_ERROR),
        dial_data_request(0, MAX_DIAL_DATA_BYTES + 1),
        dial_data_request(1, MIN_DIAL_DATA_BYTES),
        dial_request([], 1),
    ],
)
@pytest.mark.trio
async def test_answer_that_breaks_the_protocol_is_refused(answer: Message) -> None:
    async with asking() as at, lying(at, answer):
        with pytest.raises(AutonatError):
            await at.ask(at.asker.get_transport_addrs()[0], *CLOSED)


@pytest.mark.trio
async def test_nonce_that_nobody_waits_for_is_counted() -> None:
    async with asking() as at:
        stream = await at.served.new_stream(at.asker.get_id(), [DIAL_BACK])
        await write_frame(stream, DialBack(nonce=7))
        await wait_seen(lambda: at.asker_rejections.totals.get(UNKNOWN, 0), (1).__eq__)
        assert not at.checks._expected
