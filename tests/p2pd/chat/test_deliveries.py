"""What is known of who has one's own messages, without a network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from p2pd.chat.deliveries import (
    LONGEST_INTERVAL_S,
    MAX_EVENTS_AT_ONCE,
    MAX_PENDING,
    MAX_RECENT,
    Deliveries,
)
from p2pd.chat.membership import Membership, RoomDefaults
from p2pd.domain.deliveries import DeliveryState, MessageState
from p2pd.domain.events import MessageDelivery, PeerConnected
from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM, MessageId, PeerId, RoomName
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.domain.state import State
from p2pd.errors import MessageUnknownError
from p2pd.log.log import Log
from p2pd.store.sqlite_store import SqliteStore, open_store
from tests.p2pd.chat.ports import TopicsInMemory
from tests.p2pd.facts import NOW_NS, make_node, make_peer, message_id_of

OWN, OURS = b"own author", b"other author"
SELF = PeerId("self")
KIND, STRANGER = PeerId("kind"), PeerId("stranger")


class Part:
    """Deliveries over a real store; the network notes what is announced."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.log = Log(store, State(make_node(DEFAULT_ROOM), {}))
        defaults = RoomDefaults(0, lambda: NOW_NS, lambda: NOW_NS - 1)
        self.membership = Membership(store, [DEFAULT_ROOM], defaults)
        self.rejections = Rejections()
        self.deliveries = Deliveries(self.log, self.membership, OWN, store, self.rejections)
        self.deliveries.synchronises = {KIND}.__contains__
        self.announced: list[tuple[PeerId, RoomName, Sequence[bytes]]] = []
        self.numbers = 0

    def append(self, author: bytes = OWN, author_id: PeerId = SELF) -> Message:
        self.numbers += 1
        seqno = NOW_NS + self.numbers
        message = Message(
            message_id=message_id_of(author, seqno),
            room=DEFAULT_ROOM,
            author_id=author_id,
            data=b"hi",
            seqno=seqno,
            receive_time_ns=NOW_NS,
            forwarder_id=author_id,
            signed_bytes=b"signed hi",
        )
        assert self.log.append([message])
        return message

    def held_by(self, message: Message) -> tuple[PeerId, ...]:
        return self.state(message).held_by

    def state(self, message: Message) -> MessageState:
        found: list[MessageState] = []

        async def ask() -> None:
            found.append(await self.deliveries.message(message.message_id))

        trio.run(ask)
        return found[0]

    def run(self, act: Callable[[], Awaitable[None]]) -> list[MessageDelivery]:
        """Run the intervals while something is done; return what was reported."""
        begin = self.log.tail.end

        async def main() -> None:
            await self.membership.start(TopicsInMemory())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.deliveries.run, self.announce)
                await act()
                nursery.cancel_scope.cancel()

        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        bodies = [entry.event.body for _, entry in self.log.tail.iterate(begin)]
        return [one for one in bodies if isinstance(one, MessageDelivery)]

    def announce(self, peer_id: PeerId, room: RoomName, message_ids: Sequence[bytes]) -> None:
        self.announced.append((peer_id, room, message_ids))


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Part]:
    with open_store(tmp_path) as store:
        made = Part(store)
        made.run(trio.lowlevel.checkpoint)
        yield made


async def one_interval() -> None:
    await trio.sleep(LONGEST_INTERVAL_S)


def test_a_message_waits_is_handed_and_is_held(part: Part) -> None:
    message = part.append()
    assert part.state(message).state is DeliveryState.WAITING
    part.deliveries.handed(DEFAULT_ROOM, message.message_id, [STRANGER, KIND])
    assert part.state(message).state is DeliveryState.HANDED
    part.deliveries.announced(KIND, [message.message_id])
    found = part.state(message)
    assert (found.state, found.handed_to) == (DeliveryState.HELD, (STRANGER, KIND))
    assert found.held_by == (KIND,)
    assert part.run(one_interval) == [
        MessageDelivery(message.message_id, DEFAULT_ROOM, (STRANGER, KIND), (KIND,))
    ]


def test_one_that_does_not_synchronise_never_holds_a_message(part: Part) -> None:
    message = part.append()
    part.deliveries.announced(STRANGER, [message.message_id])
    assert part.held_by(message) == ()


def test_stored_messages_are_acknowledged_to_connected_authors_of_this_kind(part: Part) -> None:
    for peer_id in (KIND, STRANGER):
        part.log.emit(PeerConnected(make_peer(peer_id)))
    wanted = [part.append(OURS, KIND) for _ in range(3)]
    part.append(b"stranger's", STRANGER)
    part.append(b"one away's", PeerId("away"))
    part.append()
    part.run(one_interval)
    ids = [bytes.fromhex(one.message_id) for one in wanted]
    assert part.announced == [(KIND, DEFAULT_ROOM, ids)]


def test_a_comparison_says_from_when_and_up_to_where_a_peer_has_all(part: Part) -> None:
    early, middle, late = (part.append() for _ in range(3))
    part.deliveries.compared(KIND, DEFAULT_ROOM, middle.seqno, part.log.store.last_offset - 1)
    assert [part.held_by(one) for one in (early, middle, late)] == [(), (KIND,), ()]
    assert [one.message_id for one in part.run(one_interval)] == [middle.message_id]


def test_what_a_comparison_has_shown_is_known_after_a_restart(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        part = Part(store)
        message = part.append()
        part.run(trio.lowlevel.checkpoint)
        part.deliveries.compared(KIND, DEFAULT_ROOM, message.seqno, store.last_offset)
        part.deliveries.save()
    with open_store(tmp_path) as store:
        part = Part(store)
        part.run(trio.lowlevel.checkpoint)
        assert part.held_by(message) == (KIND,)
        part.deliveries.room_left(DEFAULT_ROOM)
        part.deliveries.save()
    with open_store(tmp_path) as store:
        part = Part(store)
        part.run(trio.lowlevel.checkpoint)
        assert part.held_by(message) == ()


def test_many_at_once_are_reported_in_turn_the_newest_first(part: Part) -> None:
    messages = [part.append() for _ in range(MAX_EVENTS_AT_ONCE + 5)]
    for one in messages:
        part.deliveries.handed(DEFAULT_ROOM, one.message_id, [KIND])
    reported = [one.message_id for one in part.run(one_interval)]
    assert reported == [one.message_id for one in reversed(messages)]


def test_what_is_remembered_of_messages_is_bounded(part: Part) -> None:
    messages = [part.append() for _ in range(MAX_RECENT + 1)]
    for one in (messages[0], messages[1]):
        part.deliveries.announced(KIND, [one.message_id])
    assert part.held_by(messages[0]) == ()
    assert part.held_by(messages[1]) == (KIND,)


def test_acknowledgements_that_wait_are_bounded_and_counted(part: Part) -> None:
    part.log.emit(PeerConnected(make_peer(KIND)))
    template = part.append(OURS, KIND)
    batch = []
    for number in range(MAX_PENDING):
        message_id = message_id_of(OURS, template.seqno + 1 + number)
        batch.append(replace(template, message_id=message_id, seqno=template.seqno + 1 + number))
    part.log.append(batch)
    assert part.rejections.totals[RejectionReason.ACKNOWLEDGEMENTS_OVER_LIMIT] == 1


def test_an_unknown_message_is_reported(part: Part) -> None:
    with pytest.raises(MessageUnknownError):
        part.state(replace(part.append(), message_id=MessageId("00")))
