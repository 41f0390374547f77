"""Peers that break the rules of relaying: they cost themselves a stream, and are counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.host.exceptions import StreamFailure
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.exceptions import StreamError
from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.pb.circuit_pb2 import HopMessage, Status, StopMessage
from multiaddr import Multiaddr

from p2pd.domain.peers import ConnectionKind
from p2pd.domain.rejections import RejectionReason
from p2pd.net.connections.facts import peer_from_connections
from p2pd.net.connections.registry import OpenConnection
from p2pd.net.patches.swarm import is_relayed
from p2pd.net.private_addresses import PrivateDials
from p2pd.net.relay import accepting, reservations, server
from p2pd.net.relay.messages import (
    HOP,
    STOP,
    UNLIMITED,
    CircuitLimit,
    connect_request,
    reserve_request,
    stop_request,
    stop_status,
)
from p2pd.net.relay.rules import RelayLimits
from p2pd.net.relay.service import RelayMode
from p2pd.net.relay.streams import read_message
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.shares import MAX_STREAMS_PER_PEER
from tests.p2pd.net.relay.nodes import RelayingNode, relay_and_hidden, relaying_node
from tests.upstream.stacks import connect

pytestmark = pytest.mark.trio

Frames = {
    "junk": b"\x04\xff\xff\xff\xff",
    "huge length": b"\xff\xff\xff\x7f",
    "endless length": b"\xff" * 64,
    "another message": b"\x02\x08\x02",
    "empty": b"\x00",
}
BLOCKED_BYTES = 1 << 20
"""More than the windows on the way hold together."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have silent peers noticed at once."""
    monkeypatch.setattr(server, "REQUEST_TIMEOUT_S", 0.3)
    monkeypatch.setattr(accepting, "REQUEST_TIMEOUT_S", 0.3)
    monkeypatch.setattr(reservations, "RESERVE_TIMEOUT_S", 0.3)


@asynccontextmanager
async def open_to(
    node: RelayingNode, other: RelayingNode, protocol: TProtocol
) -> AsyncIterator[INetStream]:
    if not node.host.swarm.get_connections(other.peer_id):
        await connect(node.host, other.host)
    stream = await node.host.new_stream(other.peer_id, [protocol])
    try:
        yield stream
    finally:
        await stream.reset()


async def assert_relays(relay: RelayingNode, hidden: RelayingNode) -> None:
    """Check that a relay still serves others."""
    async with relaying_node(is_public=True) as caller:
        address = await hidden.wait_relayed_address()
        connection = await caller.host.swarm.dial_addresses(hidden.peer_id, [address])
        assert connection.muxed_conn.peer_id == hidden.peer_id
        assert relay.service.fact.circuit_count == 1


@pytest.mark.parametrize("frame", Frames.values(), ids=Frames)
async def test_request_that_breaks_the_protocol_is_answered_and_counted(frame: bytes) -> None:
    async with relay_and_hidden() as (relay, hidden), relaying_node(is_public=True) as hostile:
        async with open_to(hostile, relay, HOP) as stream:
            await stream.write(frame)
            reply = await read_message(stream, HopMessage)
            assert reply.status in (Status.MALFORMED_MESSAGE, Status.UNEXPECTED_MESSAGE)
        await relay.wait_rejected(RejectionReason.RELAY_REQUEST_MALFORMED)
        await assert_relays(relay, hidden)


@pytest.mark.usefixtures("impatient")
async def test_silent_request_is_reset_and_counted() -> None:
    async with relay_and_hidden() as (relay, hidden), relaying_node(is_public=True) as hostile:
        async with open_to(hostile, relay, HOP) as stream:
            with pytest.raises(StreamError):
                await stream.read(1)
        await relay.wait_rejected(RejectionReason.RELAY_REQUEST_MALFORMED)
        await assert_relays(relay, hidden)


async def test_peer_has_few_requests_open() -> None:
    async with relay_and_hidden() as (relay, hidden), relaying_node(is_public=True) as hostile:
        await connect(hostile.host, relay.host)
        streams = []
        for _ in range(20):
            with suppress(StreamFailure):
                streams.append(await hostile.host.new_stream(relay.peer_id, [HOP]))
        assert len(streams) >= MAX_STREAMS_PER_PEER
        await relay.wait_rejected(RejectionReason.RELAY_REQUESTS_OVER_LIMIT, 12)
        await assert_relays(relay, hidden)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("frame", [*Frames.values(), None], ids=[*Frames, "silence"])
async def test_relay_that_breaks_the_protocol_gets_no_reservation(frame: bytes | None) -> None:
    async def answer(stream: INetStream) -> None:
        await read_message(stream, HopMessage)
        if frame is None:
            await trio.sleep_forever()
        else:
            await stream.write(frame)

    async with (
        relaying_node(is_public=True) as hostile,
        relaying_node(mode=RelayMode.ON, is_public=True) as honest,
    ):
        hostile.host.set_stream_handler(HOP, answer)
        async with relaying_node(relays=[hostile.address, honest.address], listen=()) as hidden:
            await hidden.wait_reservations(1)
            assert hidden.client.reservations[0].relay_id == str(honest.peer_id)
            if frame is not None:
                await hidden.wait_rejected(RejectionReason.RELAY_REPLY_INVALID)


@pytest.mark.parametrize("frame", Frames.values(), ids=Frames)
async def test_offer_that_breaks_the_protocol_is_answered_and_counted(frame: bytes) -> None:
    async with relay_and_hidden() as (relay, hidden):
        async with open_to(relay, hidden, STOP) as stream:
            await stream.write(frame)
            reply = await read_message(stream, StopMessage)
            assert reply.status in (Status.MALFORMED_MESSAGE, Status.UNEXPECTED_MESSAGE)
        await hidden.wait_rejected(RejectionReason.RELAY_OFFER_MALFORMED)
        await assert_relays(relay, hidden)


@pytest.mark.usefixtures("impatient")
async def test_silent_offer_is_reset_and_counted() -> None:
    async with relay_and_hidden() as (relay, hidden):
        async with open_to(relay, hidden, STOP) as stream:
            with pytest.raises(StreamError):
                await stream.read(1)
        await hidden.wait_rejected(RejectionReason.RELAY_OFFER_MALFORMED)


async def test_circuit_of_a_peer_that_was_not_asked_is_refused() -> None:
    async with relaying_node() as node, relaying_node(is_public=True) as hostile:
        async with open_to(hostile, node, STOP) as stream:
            await write_frame(stream, stop_request(hostile.peer_id, UNLIMITED))
            assert (await read_message(stream, StopMessage)).status == Status.PERMISSION_DENIED
        await node.wait_rejected(RejectionReason.RELAY_OFFER_UNEXPECTED)


async def test_circuit_that_carries_no_handshake_costs_itself_only() -> None:
    async with relay_and_hidden() as (relay, hidden):
        async with open_to(relay, hidden, STOP) as stream:
            await write_frame(stream, stop_request(relay.peer_id, UNLIMITED))
            assert (await read_message(stream, StopMessage)).status == Status.OK
            await stream.write(b"\x13/multistream/9.9.9\n" * 100)
            await hidden.wait_rejected(RejectionReason.INBOUND_HANDSHAKE)
        await assert_relays(relay, hidden)


async def test_relay_offers_no_relay_behind_a_relay() -> None:
    async with relay_and_hidden() as (_, hidden), relaying_node(is_public=True) as caller:
        hidden.service.set_on(True)
        address = await hidden.wait_relayed_address()
        await caller.host.swarm.dial_addresses(hidden.peer_id, [address])
        async with open_to(caller, hidden, HOP) as stream:
            await write_frame(stream, reserve_request())
            assert (await read_message(stream, HopMessage)).status == Status.PERMISSION_DENIED
        await hidden.wait_rejected(RejectionReason.RELAY_REQUEST_REFUSED)


async def test_peer_without_a_reservation_is_not_reached() -> None:
    async with relay_and_hidden() as (relay, _), relaying_node(is_public=True) as caller:
        nobody = ID.from_pubkey(create_new_key_pair().public_key)
        with pytest.raises(SwarmException, match="NO_RESERVATION"):
            address = Multiaddr(f"{relay.address}/p2p-circuit")
            await caller.host.swarm.dial_addresses(nobody, [address])


async def test_relay_at_a_private_address_that_a_peer_reports_is_not_dialled() -> None:
    async with (
        relay_and_hidden() as (_, hidden),
        relaying_node(is_public=True, private_dials=PrivateDials.OFF) as caller,
    ):
        address = await hidden.wait_relayed_address()
        with pytest.raises(SwarmException):
            await caller.host.swarm.dial_addresses(hidden.peer_id, [address], named=())
        await caller.wait_rejected(RejectionReason.PRIVATE_ADDRESS)
        await caller.host.swarm.dial_addresses(hidden.peer_id, [address], named=[address])


async def test_name_that_nobody_knows_does_not_keep_from_a_relayed_address() -> None:
    async with relay_and_hidden() as (_, hidden), relaying_node(is_public=True) as caller:
        addresses = [Multiaddr("/dns4/nobody.invalid/tcp/1"), await hidden.wait_relayed_address()]
        await caller.host.swarm.dial_addresses(hidden.peer_id, addresses)


async def test_direct_connection_stands_beside_a_relayed_one() -> None:
    async with (
        relaying_node(mode=RelayMode.ON, is_public=True) as relay,
        relaying_node(relays=[relay.address]) as hidden,
        relaying_node(is_public=True) as caller,
    ):
        circuit = await hidden.wait_relayed_address()
        direct = list(hidden.host.get_transport_addrs())
        swarm = caller.host.swarm
        relayed = await swarm.dial_addresses(hidden.peer_id, [circuit])
        assert await swarm.dial_addresses(hidden.peer_id, direct) is relayed
        beside = await swarm.dial_direct(hidden.peer_id, direct)
        assert is_relayed(relayed)
        assert not is_relayed(beside)
        assert not relayed.is_closed
        assert await swarm.dial_direct(hidden.peer_id, direct) is beside
        opened = [OpenConnection(each) for each in swarm.get_connections(hidden.peer_id)]
        best = peer_from_connections(caller.host, hidden.peer_id, opened).connection
        assert best is not None
        assert best.kind is ConnectionKind.DIRECT


Consent = Callable[[INetStream], Awaitable[None]]


async def _refuse(stream: INetStream) -> None:
    await read_message(stream, StopMessage)
    await write_frame(stream, stop_status(Status.PERMISSION_DENIED))
    await stream.close()


async def _say_junk(stream: INetStream) -> None:
    await stream.write(Frames["junk"])


async def _be_silent(_stream: INetStream) -> None:
    await trio.sleep_forever()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("consent", [_refuse, _say_junk, _be_silent])
async def test_target_that_does_not_consent_costs_its_caller_a_moment(consent: Consent) -> None:
    async with relay_and_hidden() as (relay, hidden), relaying_node(is_public=True) as caller:
        hidden.host.set_stream_handler(STOP, consent)
        address = await hidden.wait_relayed_address()
        with trio.fail_after(5), pytest.raises(SwarmException):
            await caller.host.swarm.dial_addresses(hidden.peer_id, [address])
        assert relay.service.fact.circuit_count == 0


async def _take_and_hold(stream: INetStream) -> None:
    await read_message(stream, StopMessage)
    await write_frame(stream, stop_status(Status.OK))
    await trio.sleep_forever()


async def test_relay_holds_little_of_what_a_slow_peer_does_not_read() -> None:
    async with relay_and_hidden() as (relay, hidden), relaying_node(is_public=True) as caller:
        relay.members.add(hidden.peer_id)
        hidden.host.set_stream_handler(STOP, _take_and_hold)
        async with open_to(caller, relay, HOP) as stream:
            await write_frame(stream, connect_request(hidden.peer_id))
            assert (await read_message(stream, HopMessage)).status == Status.OK
            written = 0
            with trio.move_on_after(1):
                while written < 8 * BLOCKED_BYTES:
                    await stream.write(bytes(32 * 1024))
                    written += 32 * 1024
            assert written < BLOCKED_BYTES
            assert relay.service.totals.carried_bytes < BLOCKED_BYTES


LIMITS = {
    "bytes": RelayLimits(stranger=CircuitLimit(max_bytes=10_000)),
    "time": RelayLimits(stranger=CircuitLimit(max_s=1)),
}


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
async def test_circuit_ends_at_its_limit(limits: RelayLimits) -> None:
    async with relay_and_hidden(limits) as (relay, hidden), relaying_node(is_public=True) as caller:
        hidden.host.set_stream_handler(STOP, _take_and_hold)
        async with open_to(caller, relay, HOP) as stream:
            await write_frame(stream, connect_request(hidden.peer_id))
            reply = await read_message(stream, HopMessage)
            assert (reply.status, reply.limit.data, reply.limit.duration) == (
                Status.OK,
                limits.stranger.max_bytes,
                limits.stranger.max_s,
            )
            await stream.write(bytes(20_000))
            with trio.fail_after(5), pytest.raises(StreamError):
                await stream.read(1)
        assert relay.service.totals.carried_bytes <= 20_000
        assert relay.service.fact.circuit_count == 0


async def test_reservation_ends_with_the_connection() -> None:
    async with relay_and_hidden() as (relay, hidden):
        assert relay.service.fact.reservation_count == 1
        assert relay.host.swarm.is_protected(hidden.peer_id)
        assert hidden.host.swarm.is_protected(relay.peer_id)
        await hidden.host.disconnect(relay.peer_id)
        await hidden.wait_reservations(0)
        hidden.is_public = True
        with trio.fail_after(5):
            while relay.service.fact.reservation_count:
                await trio.sleep(0.01)
        assert not relay.host.swarm.is_protected(hidden.peer_id)


async def test_node_found_public_gives_its_reservations_up() -> None:
    async with relay_and_hidden() as (_, hidden):
        assert hidden.host.get_addrs()
        hidden.is_public = True
        await hidden.wait_reservations(0)
        assert not hidden.host.get_addrs()
        hidden.is_public = False
        await hidden.wait_reservations(1)


async def test_relay_switches_on_once_it_is_found_public() -> None:
    async with relaying_node(mode=RelayMode.AUTO) as node:
        assert not node.service.fact.is_on
        node.is_public = True
        with trio.fail_after(5):
            while not node.service.fact.is_on:
                await trio.sleep(0.01)
        assert str(HOP) in map(str, node.host.get_mux().get_protocols())


async def test_two_relays_are_held_of_three_and_a_lost_one_is_replaced() -> None:
    async with (
        relaying_node(mode=RelayMode.ON, is_public=True) as first,
        relaying_node(mode=RelayMode.ON, is_public=True) as second,
        relaying_node(mode=RelayMode.ON, is_public=True) as third,
    ):
        relays = [each.address for each in (first, second, third)]
        async with relaying_node(relays=relays, listen=()) as hidden:
            await hidden.wait_reservations(2)
            held = {each.relay_id for each in hidden.client.reservations}
            lost = next(each for each in (first, second, third) if str(each.peer_id) in held)
            lost.service.set_on(False)
            await lost.host.disconnect(hidden.peer_id)
            with trio.fail_after(10):
                while True:
                    now = {each.relay_id for each in hidden.client.reservations}
                    if len(now) == 2 and str(lost.peer_id) not in now:
                        break
                    await trio.sleep(0.02)
