"""The outbox of direct messages: in order, until acknowledged, whatever fails between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio
import trio.testing

from p2pd.chat.direct_conversations import DirectConversations
from p2pd.chat.direct_outbox import FIRST_DELAY_S, MAX_IN_MEMORY, SENT_AT_ONCE, DirectOutbox
from p2pd.domain.directs import DirectVerdict
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.net.direct import SignedDirect
from p2pd.net.direct.records import RecordSigner
from p2pd.store.memory_store import MemoryStore
from p2pd.workers import InPlace
from tests.p2pd.chat.ports import RoomsInMemory
from tests.p2pd.facts import NOW_NS
from tests.p2pd.net.direct.test_records import BOB, EVE, KEYS


class Peers:
    """The network: what each peer answers, and what it has."""

    def __init__(self) -> None:
        self.connected: set[PeerId] = set()
        self.found: set[PeerId] = set()
        self.searches: list[PeerId] = []
        self.received: list[MessageId] = []
        self.answer: Callable[[Sequence[SignedDirect]], Sequence[DirectVerdict]] = stored
        self.is_failing = False

    def is_connected(self, peer_id: PeerId) -> bool:
        return peer_id in self.connected

    async def find(self, peer_id: PeerId) -> bool:
        await trio.lowlevel.checkpoint()
        self.searches.append(peer_id)
        self.connected |= self.found & {peer_id}
        return peer_id in self.connected

    async def deliver(
        self, peer_id: PeerId, messages: Sequence[SignedDirect]
    ) -> Sequence[DirectVerdict]:
        await trio.lowlevel.checkpoint()
        if self.is_failing:
            raise ConnectionError("gone")
        verdicts = self.answer(messages)
        self.received += [
            message.message_id
            for message, verdict in zip(messages, verdicts, strict=False)
            if verdict is DirectVerdict.STORED
        ]
        return verdicts


def stored(messages: Sequence[SignedDirect]) -> Sequence[DirectVerdict]:
    return [DirectVerdict.STORED] * len(messages)


class Post:
    """An outbox over a log in memory; a restart keeps the log and the records."""

    def __init__(self) -> None:
        self.records = RoomsInMemory()
        self.store = MemoryStore(10_000, 1 << 30)
        self.peers = Peers()
        self.seqno = NOW_NS
        self.signer = RecordSigner(KEYS["ann"].private_key, self._next_seqno)
        self.sent: list[MessageId] = []
        self.acknowledged: list[MessageId] = []
        self.restart()

    def _next_seqno(self) -> int:
        self.seqno += 1
        return self.seqno

    def restart(self) -> None:
        author_bytes = bytes.fromhex(self.signer.sign(BOB, b"x").message_id)[:-8]
        self.conversations = DirectConversations(self.records)
        self.outbox = DirectOutbox(self.conversations, self.store, author_bytes, InPlace())
        self.outbox.on_acknowledged.append(lambda _, ids: self.acknowledged.extend(ids))

    def send(self, peer_id: PeerId = BOB, count: int = 1) -> None:
        """Put messages into the log and submit them, as the publisher does in one step."""
        self.conversations.accept(peer_id)
        for _ in range(count):
            signed = self.signer.sign(peer_id, b"%d" % len(self.sent))
            self.store.append([message_of(signed)])
            self.sent.append(signed.message_id)
            self.outbox.submit(signed)


def message_of(signed: SignedDirect) -> Message:
    return Message(
        signed.message_id,
        RoomName(""),
        signed.author_id,
        signed.data,
        signed.seqno,
        NOW_NS,
        signed.author_id,
        signed.signed_bytes,
        peer_id=signed.peer_id,
    )


def run(scenario: Callable[[Post], Awaitable[None]], post: Post | None = None) -> Post:
    """Run a scenario beside the outbox, in virtual time."""
    chosen = post or Post()

    async def main() -> None:
        chosen.restart()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(chosen.outbox.run, chosen.peers)
            await scenario(chosen)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return chosen


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(10_000):
        while not condition():
            await trio.sleep(0.1)


def test_what_waits_for_an_unreachable_peer_is_delivered_in_order_once_it_connects() -> None:
    async def scenario(post: Post) -> None:
        post.send(count=3 * MAX_IN_MEMORY)
        await trio.sleep(10)
        assert post.peers.received == []
        assert len(post.peers.searches) > 1
        post.peers.connected.add(BOB)
        post.outbox.peer_connected(BOB)
        await until(lambda: len(post.acknowledged) == len(post.sent))

    post = run(scenario)
    assert post.peers.received == post.sent == post.acknowledged


def test_a_peer_that_is_found_gets_what_waits_without_being_seen() -> None:
    async def scenario(post: Post) -> None:
        post.send()
        await trio.sleep(1.5 * FIRST_DELAY_S)
        post.peers.found.add(BOB)
        await until(lambda: post.peers.received == post.sent)

    run(scenario)


def test_a_restart_delivers_what_was_not_acknowledged_and_nothing_else() -> None:
    post = Post()
    post.peers.connected.add(BOB)

    async def before(post: Post) -> None:
        post.send(count=SENT_AT_ONCE + 3)
        await until(lambda: len(post.acknowledged) == len(post.sent))
        post.peers.is_failing = True
        post.send(count=2)
        await trio.sleep(5)

    run(before, post)
    post.peers.is_failing = False
    assert len(post.peers.received) == len(post.sent) - 2

    async def after(post: Post) -> None:
        await until(lambda: post.peers.received == post.sent)
        await trio.sleep(1000)

    run(after, post)
    assert post.peers.received == post.sent


def test_what_a_busy_peer_does_not_take_is_delivered_later_and_in_order() -> None:
    rest = [5]

    def take_some(messages: Sequence[SignedDirect]) -> Sequence[DirectVerdict]:
        taken = min(rest[0], len(messages))
        rest[0] = 7
        return [DirectVerdict.STORED] * taken + [DirectVerdict.BUSY] * (len(messages) - taken)

    async def scenario(post: Post) -> None:
        post.peers.connected.add(BOB)
        post.peers.answer = take_some
        post.send(count=30)
        await until(lambda: len(post.acknowledged) == 30)

    post = run(scenario)
    assert post.peers.received == post.sent


def test_a_message_that_will_never_be_accepted_holds_up_no_other() -> None:
    def refuse_first(messages: Sequence[SignedDirect]) -> Sequence[DirectVerdict]:
        return [
            DirectVerdict.INVALID if one.data == b"0" else DirectVerdict.STORED for one in messages
        ]

    async def scenario(post: Post) -> None:
        post.peers.connected.add(BOB)
        post.peers.answer = refuse_first
        post.send(count=3)
        await until(lambda: len(post.acknowledged) == 2)
        post.peers.answer = stored
        await trio.sleep(1000)

    post = run(scenario)
    assert post.peers.received == post.acknowledged == post.sent[1:]


def test_an_unreachable_peer_holds_up_no_other() -> None:
    async def scenario(post: Post) -> None:
        post.send(EVE)
        post.peers.connected.add(BOB)
        post.send(BOB)
        await until(lambda: post.peers.received == post.sent[1:])

    run(scenario)


def test_a_failure_of_the_log_loses_nothing_that_waits() -> None:
    async def scenario(post: Post) -> None:
        post.peers.connected.add(BOB)
        post.send()
        await until(lambda: len(post.acknowledged) == 1)

        def fail(messages: Sequence[SignedDirect]) -> Sequence[DirectVerdict]:
            raise RuntimeError("a fault of this node")

        post.peers.answer = fail
        post.send(count=2)
        await trio.sleep(5)
        assert len(post.outbox) == 0
        post.peers.answer = stored
        post.send()
        await until(lambda: post.peers.received == post.sent)

    run(scenario)
