"""The exchange of profiles against peers that are silent, ask too often, or lie."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import trio
import trio.testing
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.utils.varint import encode_uvarint
from wsp.profile.v1 import profile_pb2

from p2pd.domain.names import PeerId
from p2pd.domain.peers import Peer
from p2pd.domain.profiles import Profile, ProfileRecord
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.profiles.exchange import (
    DEADLINE_S,
    MAX_FRAME_BYTES,
    PROTOCOL,
    REQUEST_BURST,
    ProfileExchange,
    open_profile_exchange,
)
from p2pd.net.profiles.record import seal_profile
from p2pd.net.streams.room_peers import RoomPeers

KEYS = [create_new_key_pair(bytes([number]) * 32) for number in (1, 2, 3)]
OWN, OTHER, THIRD = (PeerId(str(ID.from_pubkey(key.public_key))) for key in KEYS)
NOW_NS = 1_750_000_000 * 10**9


def record(number: int, sequence: int = 1, name: str = "somebody") -> ProfileRecord:
    return seal_profile(KEYS[number], Profile(name), sequence, NOW_NS + 3600 * 10**9)


@dataclass
class Wire:
    """One end of a stream as the exchange has it, in memory."""

    stream: Any
    is_reset: bool = False

    async def read(self, max_bytes: int) -> bytes:
        return bytes(await self.stream.receive_some(max_bytes))

    async def write(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def close(self) -> None:
        await self.stream.aclose()

    async def reset(self) -> None:
        self.is_reset = True
        await self.stream.aclose()


@dataclass
class Book:
    """What one node knows."""

    own: ProfileRecord | None = None
    received: list[ProfileRecord] = field(default_factory=list)

    def sequence_of(self, peer_id: PeerId) -> int:
        return max((one.sequence for one in self.received if one.peer_id == peer_id), default=0)

    def receive(self, record: ProfileRecord) -> None:
        self.received.append(record)


class Peers:
    """One peer at the other end of each stream, whose part a test plays."""

    def __init__(self) -> None:
        self.opened: list[Wire] = []

    def speaks(self, _peer_id: PeerId, protocol: str) -> bool:
        return protocol == PROTOCOL

    async def open_stream(self, _peer_id: PeerId, _protocol: str) -> Wire:
        ours, theirs = trio.testing.memory_stream_pair()
        self.opened.append(Wire(theirs))
        return Wire(ours)

    def served(self, _protocol: str, _answer: object) -> AbstractContextManager[None]:
        @contextmanager
        def nothing() -> Iterator[None]:
            yield

        return nothing()


class Desk:
    """An exchange, what it is given and what it counts."""

    def __init__(self, exchange: ProfileExchange, book: Book, peers: Peers, counts: Rejections):
        self.exchange = exchange
        self.book = book
        self.peers = peers
        self.counts = counts

    async def answer(self, peer_id: PeerId = OTHER) -> tuple[Wire, Wire]:
        """Return the peer's end and ours, whose request is being served once it comes."""
        theirs, ours = trio.testing.memory_stream_pair()
        return Wire(theirs), Wire(ours)


def run(scenario: Callable[[Desk, trio.Nursery], Awaitable[None]]) -> None:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Desk]:
        book, peers, counts = Book(record(0)), Peers(), Rejections()
        async with open_profile_exchange(
            cast(RoomPeers, peers), book, counts, lambda: NOW_NS
        ) as exchange:
            yield Desk(exchange, book, peers, counts)

    async def main() -> None:
        async with opened() as desk, trio.open_nursery() as nursery:
            await scenario(desk, nursery)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def framed(message: Any) -> bytes:
    data = message.SerializeToString()
    length: bytes = encode_uvarint(len(data))
    return length + bytes(data)


async def read_all(wire: Wire) -> bytes:
    data = b""
    while part := await wire.read(1 << 16):
        data += part
    return data


async def respond(desk: Desk, response: bytes) -> None:
    """Answer the first stream that the exchange opens."""
    while not desk.peers.opened:
        await trio.sleep(0.01)
    wire = desk.peers.opened[0]
    await wire.read(1 << 16)
    await wire.write(response)
    await wire.close()


def test_a_request_is_answered_with_ours_where_it_is_newer_and_theirs_is_received() -> None:
    async def scenario(desk: Desk, nursery: trio.Nursery) -> None:
        for known, has_answer in ((0, True), (1, False)):
            theirs, ours = await desk.answer()
            nursery.start_soon(desk.exchange.answer, OTHER, ours)
            request = profile_pb2.ProfileRequest(record=record(1).sealed, known_sequence=known)
            await theirs.write(framed(request))
            expected = profile_pb2.ProfileResponse(record=record(0).sealed if has_answer else b"")
            assert await read_all(theirs) == framed(expected)
        assert desk.book.received[0] == record(1)

    run(scenario)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (encode_uvarint(MAX_FRAME_BYTES + 1), RejectionReason.PROFILE_MALFORMED),
        (b"\xff\xff\xff\xff", RejectionReason.PROFILE_MALFORMED),
        (b"\x05\x0a", RejectionReason.PROFILE_MALFORMED),
        (b"\x02\xff\xff", RejectionReason.PROFILE_MALFORMED),
        (
            framed(profile_pb2.ProfileResponse(record=record(2).sealed)),
            RejectionReason.PROFILE_OF_ANOTHER,
        ),
    ],
)
def test_what_is_no_answer_is_counted(response: bytes, reason: RejectionReason) -> None:
    async def scenario(desk: Desk, nursery: trio.Nursery) -> None:
        nursery.start_soon(respond, desk, response)
        await desk.exchange.ask(OTHER)
        assert desk.counts.totals == {reason: 1}
        assert desk.book.received == []

    run(scenario)


def test_a_silent_peer_costs_ten_seconds_either_way() -> None:
    async def scenario(desk: Desk, _nursery: trio.Nursery) -> None:
        begin_s = trio.current_time()
        await desk.exchange.ask(OTHER)
        assert trio.current_time() - begin_s == pytest.approx(DEADLINE_S)
        _theirs, ours = await desk.answer()
        await desk.exchange.answer(OTHER, cast(Any, ours))
        assert trio.current_time() - begin_s == pytest.approx(2 * DEADLINE_S)
        assert ours.is_reset

    run(scenario)


def test_one_who_asks_too_often_is_refused_and_others_are_served() -> None:
    async def scenario(desk: Desk, nursery: trio.Nursery) -> None:
        async def ask(peer_id: PeerId) -> bytes:
            theirs, ours = await desk.answer()
            nursery.start_soon(desk.exchange.answer, peer_id, ours)
            with_nothing = profile_pb2.ProfileRequest(known_sequence=0)
            try:
                await theirs.write(framed(with_nothing))
                return await read_all(theirs)
            except trio.BrokenResourceError:
                return b""

        answers = [await ask(OTHER) for _ in range(REQUEST_BURST + 3)]
        assert [bool(one) for one in answers] == [True] * REQUEST_BURST + [False] * 3
        assert desk.counts.totals == {RejectionReason.PROFILE_REQUESTS_OVER_LIMIT: 3}
        assert await ask(THIRD)

    run(scenario)


def test_a_connected_peer_is_asked_once_until_we_have_something_new_or_it_returns() -> None:
    async def scenario(desk: Desk, _nursery: trio.Nursery) -> None:
        peer = Peer(OTHER, protocols=(PROTOCOL,))
        answer = framed(profile_pb2.ProfileResponse())

        async def settle(count: int) -> None:
            await trio.sleep(0.1)
            for wire in desk.peers.opened[-1:]:
                await wire.write(answer)
            await trio.sleep(0.1)
            assert len(desk.peers.opened) == count

        desk.exchange.peer_identified(peer)
        await settle(1)
        desk.exchange.peer_identified(peer)
        desk.exchange.peer_identified(Peer(THIRD, protocols=("/other",)))
        await trio.sleep(1)
        assert len(desk.peers.opened) == 1
        desk.book.own = record(0, sequence=2)
        desk.exchange.own_changed()
        await settle(2)
        desk.exchange.peer_gone(OTHER)
        desk.exchange.peer_identified(peer)
        await settle(3)

    run(scenario)
