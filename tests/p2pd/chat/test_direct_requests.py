"""Messages of peers never met: they wait in bounds, until they are accepted or declined."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
from libp2p.peer.id import ID

from p2pd.chat.direct_conversations import DirectConversations
from p2pd.chat.direct_requests import (
    EVICTED_AFTER_NS,
    MAX_BYTES_A_PEER,
    MAX_DECLINED,
    MAX_MESSAGES_A_PEER,
    MAX_PEERS,
    DirectRequests,
)
from p2pd.domain.directs import DirectVerdict
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.domain.state import State
from p2pd.errors import InvalidInputError
from p2pd.log.log import Log
from p2pd.store.entry_store import EntryKind
from p2pd.store.memory_store import MemoryStore
from tests.p2pd.chat.ports import RoomsInMemory
from tests.p2pd.facts import NOW_NS, make_node


class Desk:
    """A log without readers, and what waits beside it."""

    def __init__(self) -> None:
        self.entries = RoomsInMemory()
        self.log = Log(MemoryStore(10_000, 1 << 30), State(make_node(), {}))
        self.rejections = Rejections()
        self.now_ns = NOW_NS
        self.restart()

    def restart(self) -> None:
        self.conversations = DirectConversations(self.entries)
        self.requests = DirectRequests(
            self.log, self.entries, self.conversations, self.rejections, lambda: self.now_ns
        )

    def add(self, peer: int, number: int = 0, size_bytes: int = 10) -> DirectVerdict:
        message = replace(message_of(peer, number, size_bytes), receive_time_ns=self.now_ns)
        (verdict,) = self.requests.add(message.author_id, [message])
        return verdict

    @property
    def logged(self) -> list[MessageId]:
        return [one.message.message_id for one in self.log.store.read(0, 1 << 40, 1 << 30)]


def peer_of(number: int) -> PeerId:
    return PeerId(ID(b"\x12\x20" + number.to_bytes(32, "big")).to_base58())


def message_of(peer: int, number: int = 0, size_bytes: int = 10) -> Message:
    peer_id = peer_of(peer)
    raw = ID.from_base58(peer_id).to_bytes() + number.to_bytes(8, "big")
    data = b"x" * size_bytes
    return Message(
        MessageId(raw.hex()), RoomName(""), peer_id, data, number, NOW_NS, peer_id, data,
        peer_id=peer_id,
    )  # fmt: skip


def test_what_waits_is_no_part_of_the_log_until_it_is_accepted() -> None:
    desk = Desk()
    for number in range(3):
        assert desk.add(1, number) is DirectVerdict.STORED
    assert desk.add(1, 1) is DirectVerdict.STORED
    desk.restart()
    (request,) = desk.requests.waiting
    assert (request.peer_id, len(request.messages)) == (peer_of(1), 3)
    assert desk.logged == []
    assert trio.run(desk.requests.accept, peer_of(1)) == 3
    assert desk.logged == [message_of(1, number).message_id for number in range(3)]
    desk.restart()
    assert desk.requests.waiting == ()
    assert desk.conversations.is_accepted(peer_of(1))


def test_writing_to_a_peer_accepts_what_waits_of_it() -> None:
    desk = Desk()
    desk.add(1)
    desk.conversations.accept(peer_of(1))
    assert desk.logged == [message_of(1).message_id]
    assert desk.requests.waiting == ()


def test_a_declined_peer_stays_declined_until_somebody_here_writes_to_it() -> None:
    desk = Desk()
    desk.add(1)
    trio.run(desk.requests.decline, peer_of(1))
    desk.restart()
    assert desk.requests.is_declined(peer_of(1))
    assert desk.requests.waiting == ()
    assert desk.logged == []
    desk.conversations.accept(peer_of(1))
    assert not desk.requests.is_declined(peer_of(1))
    desk.restart()
    assert not desk.requests.is_declined(peer_of(1))


@pytest.mark.parametrize("ask", [DirectRequests.accept, DirectRequests.decline])
def test_nothing_that_waits_is_neither_accepted_nor_declined(
    ask: Callable[..., Awaitable[object]],
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        trio.run(ask, Desk().requests, peer_of(1))
    assert refused.value.reason == "NO_REQUEST"


def test_a_flood_of_unknown_peers_stays_in_its_bounds_and_pushes_nobody_out() -> None:
    desk, chance = Desk(), random.Random(7)
    assert desk.add(0) is DirectVerdict.STORED
    for number in range(20_000):
        desk.add(chance.randrange(1, 2_000), number, chance.choice((1, 1_000, 60_000)))
    kept = desk.entries.entries(EntryKind.DIRECT_REQUEST)
    assert len(desk.requests.waiting) == MAX_PEERS
    assert len(kept) <= MAX_PEERS * MAX_MESSAGES_A_PEER
    for request in desk.requests.waiting:
        assert len(request.messages) <= MAX_MESSAGES_A_PEER
        assert sum(len(one.signed_bytes) for one in request.messages) <= MAX_BYTES_A_PEER
    assert peer_of(0) in {request.peer_id for request in desk.requests.waiting}
    refused = desk.rejections.totals[RejectionReason.DIRECT_REQUESTS_OVER_LIMIT]
    assert refused == 20_001 - len(kept)


def test_what_has_waited_for_a_day_makes_room() -> None:
    desk = Desk()
    for peer in range(MAX_PEERS):
        desk.add(peer)
        desk.now_ns += 1
    assert desk.add(MAX_PEERS) is DirectVerdict.BUSY
    desk.now_ns += EVICTED_AFTER_NS - MAX_PEERS + 2
    assert desk.add(MAX_PEERS) is DirectVerdict.STORED
    waiting = {request.peer_id for request in desk.requests.waiting}
    assert waiting == {peer_of(peer) for peer in range(1, MAX_PEERS + 1)}
    assert desk.rejections.totals[RejectionReason.DIRECT_REQUESTS_EVICTED] == 1


def test_declined_peers_are_bounded_and_the_oldest_may_ask_again() -> None:
    desk = Desk()
    for peer in range(MAX_DECLINED + 3):
        desk.add(peer)
        trio.run(desk.requests.decline, peer_of(peer))
    assert len(desk.entries.entries(EntryKind.DIRECT_DECLINED)) == MAX_DECLINED
    assert not desk.requests.is_declined(peer_of(2))
    assert desk.requests.is_declined(peer_of(3))
