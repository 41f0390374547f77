"""The chat itself: what a caller can ask of the node.

Lives in the trio thread. The API calls it through its bridge; it talks to the
log and to the network and knows neither gRPC nor libp2p.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import trio

from common.rates import TokenBucket
from p2pd.chat.outbox import Waiting
from p2pd.chat.peerbook import PeerBook
from p2pd.chat.presence import Presence
from p2pd.chat.publish import (
    MAX_CLIENT_MESSAGE_ID_BYTES,
    Answers,
    Batch,
    Publish,
    Published,
)
from p2pd.chat.roombook import RoomBook
from p2pd.domain.events import NodeChanged
from p2pd.domain.messages import Message
from p2pd.domain.names import RoomName
from p2pd.domain.peers import Node, Peer
from p2pd.errors import (
    ChatError,
    InvalidInputError,
    LimitReachedError,
    MessageTooLargeError,
    NodeStoppingError,
    RoomNotJoinedError,
    StorageFailedError,
)
from p2pd.log.log import Log, Page
from p2pd.log.reader import Reader
from p2pd.net.network import Network
from p2pd.net.pubsub.gossip import SignedMessage

MAX_ROOMS = 256
MAX_ANSWERS = 100_000
FULL_PRESSURE = 1.0
PRESSURE_RETRY_S = 0.5
ACCEPT_AT_ONCE = 16
"""Publishes that share a commit; the first is sent once the last is signed."""


@dataclass(frozen=True, slots=True)
class RoomState:
    """A joined room: who is in it, and how much of it is kept."""

    name: RoomName
    peer_count: int
    message_count: int


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """What callers may do: publish so many bytes a message, and all of them together a second.

    Attributes:
        history_ns: How much of the past of a room joined anew is fetched.
    """

    max_message_bytes: int
    rate_per_s: float
    burst: int
    history_ns: int


class Chat:
    """Publish, read, join and dial.

    Args:
        clock_ns: Wall clock, nanoseconds since the epoch.
    """

    def __init__(
        self,
        log: Log,
        network: Network,
        presence: Presence,
        rooms: RoomBook,
        peers: PeerBook,
        waiting: Waiting,
        limits: ChatLimits,
        clock_ns: Callable[[], int],
    ) -> None:
        self._log = log
        self._network = network
        self._presence = presence
        self._rooms = rooms
        self._peers = peers
        self._waiting = waiting
        self._limits = limits
        self._bucket = TokenBucket(limits.rate_per_s, limits.burst)
        self._answers = Answers(MAX_ANSWERS, self._answer_in_log)
        self._clock_ns = clock_ns
        self._stopping = False

    def stop(self) -> None:
        """Refuse what comes from now on; what was begun goes on."""
        self._stopping = True

    async def publish(self, publishes: Sequence[Publish]) -> list[Published | ChatError]:
        """Publish in order; each gets its answer or its own error.

        Answers once all that was accepted is safe on disk.
        """
        batch = Batch(self._answers)
        try:
            await batch.claim(publishes)
            for at in range(0, len(publishes), ACCEPT_AT_ONCE):
                some = publishes[at : at + ACCEPT_AT_ONCE]
                batch.note(await self._accept([one for one in some if batch.add(one)]))
            await self._wait_durable(batch)
        finally:
            batch.settle()
        return batch.outcomes

    async def connect(self, address: str) -> Peer:
        """Dial a peer and hold the connection, over restarts too.

        Raises:
            InvalidInputError: Not an address of another peer.
            DialFailedError: Nobody answers there.
            DialTimeoutError: The peer took too long.
        """
        peer = await self._network.connect(address)
        await self._peers.give(address)
        return self._with_rooms(peer)

    async def join_room(self, room: RoomName) -> RoomState:
        """Join a room; joined already is fine.

        Raises:
            LimitReachedError: Too many rooms.
            StorageFullError: There is no room to note it.
            StorageFailedError: The disk refuses to note it.
        """
        if room not in self._rooms:
            if len(self._rooms.joined) >= MAX_ROOMS:
                raise LimitReachedError("TOO_MANY_ROOMS", f"{MAX_ROOMS} rooms are joined", 60.0)
            now_ns = self._clock_ns()
            self._rooms.join(room, now_ns - self._limits.history_ns, now_ns)
            try:
                await trio.to_thread.run_sync(self._rooms.save)
            except ChatError:
                self._rooms.leave(room)
                raise
            await self._network.join(room)
            self.tell_node_changed()
        return self._room_state(room)

    async def leave_room(self, room: RoomName) -> None:
        """Leave a room; not joined is fine.

        Raises:
            StorageFullError: Left, but there is no room to note it.
            StorageFailedError: Left, but the disk refuses to note it.
        """
        if room not in self._rooms:
            return
        self._rooms.leave(room)
        await self._network.leave(room)
        for peer_id in self._log.state.peers:
            self._presence.peer_left(peer_id, room)
        self.tell_node_changed()
        await trio.to_thread.run_sync(self._rooms.save)

    def rooms(self) -> tuple[RoomState, ...]:
        """List the joined rooms by name."""
        return tuple(self._room_state(room) for room in self._rooms.joined)

    def node(self) -> Node:
        """Tell who and where this node is."""
        return replace(
            self._log.state.node,
            addresses=self._network.addresses(),
            rooms=self._rooms.joined,
            reachability=self._network.reachability(),
            storage=self._log.store.storage,
        )

    def peers(self, room: RoomName | None) -> tuple[Peer, ...]:
        """List the connected peers, or those in one room, by id.

        Raises:
            RoomNotJoinedError: The room is not joined.
        """
        if room is not None:
            self._check_joined(room, "room")
        peers = [self._with_rooms(peer) for peer in self._network.peers()]
        return tuple(
            peer
            for peer in sorted(peers, key=lambda peer: peer.peer_id)
            if room is None or room in peer.rooms
        )

    def open_reader(self, after: str | None, rooms: frozenset[RoomName]) -> Reader:
        """Begin to read the log behind a cursor; no rooms means all.

        Raises:
            RoomNotJoinedError: One of the rooms is not joined.
            NodeStoppingError: The node is stopping.
        """
        if self._stopping:
            raise NodeStoppingError
        for room in sorted(rooms):
            self._check_joined(room, "rooms")
        return self._log.open_reader(after, rooms)

    def page(self, room: RoomName, *, before: str | None, after: str | None, limit: int) -> Page:
        """Read stored messages of a room.

        Raises:
            InvalidInputError: Not a cursor.
            RoomNotJoinedError: The room is not joined.
        """
        self._check_joined(room, "room")
        return self._log.page(room, before=before, after=after, limit=limit)

    def tell_node_changed(self) -> None:
        """Tell readers of the node itself, where it has changed."""
        node = self.node()
        if node != self._log.state.node:
            self._log.tell(NodeChanged(node))

    async def _accept(self, publishes: Sequence[Publish]) -> list[Published | ChatError]:
        """Append messages to the log in one commit and hand them to the peers of their rooms."""
        asked = [self._sign(publish) for publish in publishes]
        accepted = [one for one in asked if not isinstance(one, ChatError)]
        try:
            self._log.append([message for _, message in accepted])
        except ChatError as error:
            return [one if isinstance(one, ChatError) else error for one in asked]
        first = self._log.store.last_offset - len(accepted) + 1
        cursors = [self._log.cursor(first + number) for number in range(len(accepted))]
        recipients = await self._send([signed for signed, _ in accepted])
        published = map(Published, (one.message_id for _, one in accepted), cursors, recipients)
        return [one if isinstance(one, ChatError) else next(published) for one in asked]

    def _sign(self, publish: Publish) -> tuple[SignedMessage, Message] | ChatError:
        """Sign what may be published; what may not gets its error."""
        try:
            self._check(publish)
            self._check_limits()
            signed = self._network.sign(publish.room, publish.data)
        except ChatError as error:
            return error
        return signed, self._own_message(signed, publish.client_message_id)

    async def _send(self, messages: Sequence[SignedMessage]) -> list[int]:
        """Hand messages to the peers of their rooms, now or when somebody comes.

        Returns:
            How many peers took each.
        """
        recipients: list[int] = []
        for one in messages:
            self._waiting.begin(one.room, one.seqno)
        try:
            for one in messages:
                recipients.append(await self._network.send(one))
                self._waiting.settle(one.room, one.seqno, recipients[-1])
        finally:
            for one in messages[len(recipients) :]:
                self._waiting.settle(one.room, one.seqno, 0)
        return recipients

    async def _wait_durable(self, batch: Batch) -> None:
        try:
            await self._log.store.wait_durable(self._log.store.last_offset)
        except StorageFailedError as error:
            batch.fail(error)

    def _check(self, publish: Publish) -> None:
        if self._stopping:
            raise NodeStoppingError
        if not publish.data:
            raise InvalidInputError("text", "EMPTY_MESSAGE", "the message is empty")
        if len(publish.data) > self._limits.max_message_bytes:
            raise MessageTooLargeError(len(publish.data), self._limits.max_message_bytes)
        if len(publish.client_message_id.encode()) > MAX_CLIENT_MESSAGE_ID_BYTES:
            raise InvalidInputError(
                "client_message_id",
                "INVALID_CLIENT_MESSAGE_ID",
                f"client_message_id is over {MAX_CLIENT_MESSAGE_ID_BYTES} bytes",
            )
        self._check_joined(publish.room, "room")

    def _check_joined(self, room: RoomName, field: str) -> None:
        if room not in self._rooms:
            raise RoomNotJoinedError(room, field)

    def _check_limits(self) -> None:
        if self._network.send_pressure() >= FULL_PRESSURE:
            raise LimitReachedError(
                "SEND_QUEUE_FULL", "too much waits to be sent to peers", PRESSURE_RETRY_S
            )
        wait_s = self._bucket.consume(trio.current_time())
        if wait_s:
            raise LimitReachedError("PUBLISH_RATE", "over the publish rate", wait_s)

    def _answer_in_log(self, client_message_id: str) -> Published | None:
        """Find what was answered before a restart; who got it then is not known any more."""
        answer = self._log.store.answer_of(client_message_id)
        if answer is None:
            return None
        return Published(answer.message_id, self._log.cursor(answer.offset), recipients=0)

    def _own_message(self, signed: SignedMessage, client_message_id: str) -> Message:
        return Message(
            message_id=signed.message_id,
            room=signed.room,
            author_id=signed.author_id,
            data=signed.data,
            seqno=signed.seqno,
            receive_time_ns=self._clock_ns(),
            forwarder_id=signed.author_id,
            signed_bytes=signed.signed_bytes,
            client_message_id=client_message_id,
        )

    def _room_state(self, room: RoomName) -> RoomState:
        peer_count = len(self._network.peers_in(room))
        return RoomState(room, peer_count, self._log.store.count(room))

    def _with_rooms(self, peer: Peer) -> Peer:
        joined = self._rooms.joined
        rooms = (room for room in joined if peer.peer_id in self._network.peers_in(room))
        return replace(peer, rooms=tuple(rooms))
