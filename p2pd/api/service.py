"""The calls of ``ChatService``: check, cross to trio, translate the answer.

Methods raise ``ChatError`` and know no status codes; ``handlers`` puts the edge
around them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import trio
from wsp.chat.v1 import chat_pb2

from p2pd.api.bridge import Bridge
from p2pd.api.caller_from_context import CallerOf
from p2pd.api.changes import Changes
from p2pd.api.direct_calls import DirectCalls
from p2pd.api.event_from_domain import batches_from_entries
from p2pd.api.grpc_types import Context
from p2pd.api.in_hand import InHand
from p2pd.api.invite_line import invite_from_line, line_from_invite
from p2pd.api.list_page import ListPage
from p2pd.api.page_from_request import page_query_from_request, response_from_page
from p2pd.api.peer_from_domain import node_from_domain, peer_from_domain
from p2pd.api.people_calls import PeopleCalls
from p2pd.api.ports import ChatPorts
from p2pd.api.profile_calls import ProfileCalls
from p2pd.api.publish_from_request import (
    publish_from_direct,
    publish_from_request,
    response_from_published,
)
from p2pd.api.publish_stream import PublishStream
from p2pd.api.publisher import UnaryPublisher
from p2pd.api.reading_calls import ReadingCalls
from p2pd.api.search_calls import SearchCalls
from p2pd.domain.names import room_from_text
from p2pd.domain.peers import Peer
from p2pd.domain.rooms import Room
from p2pd.errors import DialTimeoutError
from p2pd.log.reader import Reader

MAX_BATCH_BYTES = 256 * 1024
MAX_REPLAYED_ENTRIES = 128
"""What is read of the store and encoded in one go: a few milliseconds of the interpreter."""
ANSWER_MARGIN_S = 0.1
"""How long before the caller's deadline an answer leaves, so that it still arrives."""


class ChatService:
    """One node's rooms, messages and peers, for the gRPC thread.

    Attributes:
        reading: The calls about what was read.
    """

    def __init__(
        self,
        chat: ChatPorts,
        bridge: Bridge,
        changes: Changes,
        caller_of: CallerOf,
        progress_interval_s: float,
        in_hand: InHand,
    ) -> None:
        self._chat = chat
        self._bridge = bridge
        self._changes = changes
        self._caller_of = caller_of
        self._progress_interval_s = progress_interval_s
        self._publisher = UnaryPublisher(chat.publishing, bridge)
        self._publish_streams: set[PublishStream] = set()
        self._in_hand = in_hand
        self.profiles = ProfileCalls(chat.profiles, bridge)
        self.reading = ReadingCalls(chat, bridge)
        self.people = PeopleCalls(chat, bridge)
        self.search = SearchCalls(chat, bridge)
        self.directs = DirectCalls(chat.requests, bridge)
        self._replaying = asyncio.Semaphore(1)

    @property
    def is_publishing(self) -> bool:
        """Whether a PublishStream is open."""
        return bool(self._publish_streams)

    def stop(self) -> None:
        """End the streams: readers now, publishers once they are answered."""
        self._changes.stop()
        for stream in self._publish_streams:
            stream.stop()

    async def publish(
        self, request: chat_pb2.PublishRequest, context: Context
    ) -> chat_pb2.PublishResponse:
        """Publish one message."""
        publish = publish_from_request(request, self._caller_of(context))
        published = await self._publisher.publish(publish)
        return response_from_published(published)

    async def send_direct(
        self, request: chat_pb2.SendDirectRequest, context: Context
    ) -> chat_pb2.SendDirectResponse:
        """Send one message to one peer."""
        publish = publish_from_direct(request, self._caller_of(context))
        sent = await self._publisher.publish(publish)
        return chat_pb2.SendDirectResponse(message_id=sent.message_id, cursor=sent.cursor)

    async def publish_stream(self, _requests: object, context: Context) -> None:
        """Publish what a stream brings."""
        self._changes.check()
        stream = PublishStream(
            self._chat.publishing,
            self._bridge,
            context,
            self._caller_of(context),
            self._in_hand.new_share(),
        )
        self._publish_streams.add(stream)
        try:
            await stream.run()
        finally:
            self._publish_streams.discard(stream)

    async def connect(
        self, request: chat_pb2.ConnectRequest, context: Context
    ) -> chat_pb2.ConnectResponse:
        """Dial a peer within the caller's deadline."""
        within_s = context.time_remaining()
        peer = await self._bridge.run(partial(self._connect, request.address, within_s))
        return chat_pb2.ConnectResponse(peer=peer_from_domain(peer))

    async def _connect(self, address: str, within_s: float | None) -> Peer:
        """Dial in trio; no deadline leaves the node's own."""
        with trio.move_on_after(_before_deadline(within_s)):
            return await self._chat.dialling.connect(address)
        raise DialTimeoutError("the peer did not answer within the caller's deadline")

    async def create_invite(
        self, request: chat_pb2.CreateInviteRequest, _context: Context
    ) -> chat_pb2.CreateInviteResponse:
        """Write an invite to a joined room."""
        room = room_from_text(request.room)
        invite = await self._bridge.call(partial(self._chat.inviting.create, room))
        return chat_pb2.CreateInviteResponse(
            invite=line_from_invite(invite), addresses=invite.addresses
        )

    async def accept_invite(
        self, request: chat_pb2.AcceptInviteRequest, context: Context
    ) -> chat_pb2.AcceptInviteResponse:
        """Join the room of an invite and dial its peer within the caller's deadline."""
        invite = invite_from_line(request.invite)
        within_s = _before_deadline(context.time_remaining())
        accept = partial(self._chat.inviting.accept, invite, within_s)
        accepted = await self._bridge.run(accept)
        return chat_pb2.AcceptInviteResponse(
            room=_room_from_domain(accepted.room),
            peer=peer_from_domain(accepted.peer),
            failure=accepted.failure,
        )

    async def events(self, request: chat_pb2.EventsRequest, context: Context) -> None:
        """Follow the log for one reader."""
        after = request.after if request.HasField("after") else None
        rooms = frozenset(room_from_text(room, "rooms") for room in request.rooms)
        open_reader = partial(self._chat.feed.open_reader, after, rooms, tuple(request.until))
        reader = await self._bridge.call(open_reader)
        try:
            await self._follow(reader, context)
        finally:
            reader.close()

    async def _follow(self, reader: Reader, context: Context) -> None:
        clock_s = asyncio.get_running_loop().time
        written_s = clock_s()
        while not reader.is_over:
            seen = self._changes.version
            batches: Sequence[bytes] = await self._read(reader)
            due_s = written_s + self._progress_interval_s - clock_s()
            if not batches and reader.has_progress and due_s <= 0:
                batches = tuple(batches_from_entries((reader.progress(),), MAX_BATCH_BYTES))
            for batch in batches:
                await context.write(batch)
            if batches:
                written_s = clock_s()
            elif not reader.is_over:
                await self._changes.wait(seen, max(due_s, 0.0) if reader.has_progress else None)
            self._changes.check()
        if reader.has_progress:
            # What lies at the end is hidden: its cursor is what the caller waits for.
            for batch in batches_from_entries((reader.progress(),), MAX_BATCH_BYTES):
                await context.write(batch)

    async def _read(self, reader: Reader) -> tuple[bytes, ...]:
        """Read on; from the disk in one of the store's threads, one reader at a time.

        All of them need the interpreter: many at once would have everybody else's calls wait.
        """
        if not reader.reads_store:
            return _read_batches(reader)
        read = partial(_read_batches, reader, MAX_REPLAYED_ENTRIES)
        async with self._replaying:
            return await asyncio.wrap_future(self._chat.feed.reads.submit(read))

    async def get_node(
        self, _request: chat_pb2.GetNodeRequest, _context: Context
    ) -> chat_pb2.GetNodeResponse:
        """Return who and where this node is."""
        node = await self._bridge.call(self._chat.directory.node)
        return chat_pb2.GetNodeResponse(node=node_from_domain(node))

    async def list_peers(
        self, request: chat_pb2.ListPeersRequest, _context: Context
    ) -> chat_pb2.ListPeersResponse:
        """List connected peers."""
        room = room_from_text(request.room) if request.HasField("room") else None
        parameters = ("peers",) if room is None else ("peers", room)
        page = ListPage(request.page_size, request.page_token, parameters)
        peers = await self._bridge.call(partial(self._chat.directory.peers, room))
        items, token = page.select(peers, lambda peer: peer.peer_id, peer_from_domain)
        return chat_pb2.ListPeersResponse(peers=items, next_page_token=token)

    async def join_room(
        self, request: chat_pb2.JoinRoomRequest, _context: Context
    ) -> chat_pb2.JoinRoomResponse:
        """Join a room."""
        room = room_from_text(request.room)
        await self._bridge.run(partial(self._chat.membership.join, room))
        state = await self._bridge.call(partial(self._chat.directory.room, room))
        return chat_pb2.JoinRoomResponse(room=_room_from_domain(state))

    async def leave_room(
        self, request: chat_pb2.LeaveRoomRequest, _context: Context
    ) -> chat_pb2.LeaveRoomResponse:
        """Leave a room."""
        room = room_from_text(request.room)
        await self._bridge.run(partial(self._chat.membership.leave, room))
        return chat_pb2.LeaveRoomResponse()

    async def list_rooms(
        self, request: chat_pb2.ListRoomsRequest, _context: Context
    ) -> chat_pb2.ListRoomsResponse:
        """List joined rooms."""
        page = ListPage(request.page_size, request.page_token, ("rooms",))
        rooms = await self._bridge.call(self._chat.directory.rooms)
        items, token = page.select(rooms, lambda room: room.name, _room_from_domain)
        return chat_pb2.ListRoomsResponse(rooms=items, next_page_token=token)

    async def list_messages(
        self, request: chat_pb2.ListMessagesRequest, _context: Context
    ) -> chat_pb2.ListMessagesResponse:
        """Read a page of a room, or of the conversation with a peer."""
        query = page_query_from_request(request)
        page = await self._bridge.run(
            partial(
                self._chat.feed.page,
                query.conversation,
                before=query.before,
                after=query.after,
                limit=query.limit,
            )
        )
        return response_from_page(page)


def _room_from_domain(room: Room) -> chat_pb2.Room:
    return chat_pb2.Room(
        name=room.name,
        peer_count=room.peer_count,
        message_count=room.message_count,
        is_muted=room.is_muted,
    )


def _before_deadline(within_s: float | None) -> float:
    if within_s is None:
        return float("inf")
    return max(within_s - min(ANSWER_MARGIN_S, within_s / 4), 0.0)


def _read_batches(reader: Reader, max_entries: int | None = None) -> tuple[bytes, ...]:
    """Read on and encode what was read, in whichever thread."""
    entries = reader.read(MAX_BATCH_BYTES, max_entries)
    return tuple(batches_from_entries(entries, MAX_BATCH_BYTES))
