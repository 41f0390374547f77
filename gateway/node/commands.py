"""Everything but publishing and events: a call each, bounded in number and time.

Used by ``gateway.delivery.session`` and ``gateway.http.rest``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc.aio
from google.protobuf.message import Message
from wsp.chat.v1 import chat_pb2

from gateway.channel.events import Fields
from gateway.errors import NodeError
from gateway.node.link import Link
from gateway.node.pages import page_from_proto
from gateway.node.people import People
from gateway.node.reading_commands import ReadingCommands
from gateway.node.refusals import refusal_from_rpc_error
from gateway.node.translation import (
    fields_from_accepted,
    fields_from_invite,
    fields_from_node,
    fields_from_peer,
    fields_from_room,
)

CALL_TIMEOUT_S = 10.0
DIAL_TIMEOUT_S = 20.0
"""The node itself gives a dial 15 s."""
MAX_CALLS = 256
"""Calls under way; more wait for their turn. gRPC cancels some of very many."""
MAX_DIALS = 64
"""Dials under way besides: each may last long, and must not keep other calls waiting."""
MAX_PAGES = 8
"""Pages of messages under way: each takes some memory while it is translated."""

AnswerT = TypeVar("AnswerT")


class Commands:
    """The node's calls, in terms of JSON fields.

    Every method raises ``NodeError`` where the node refuses or is away.

    Attributes:
        people: The calls about people.
        reading: The calls about conversations.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._turns = asyncio.Semaphore(MAX_CALLS)
        self._dial_turns = asyncio.Semaphore(MAX_DIALS)
        self._page_turns = asyncio.Semaphore(MAX_PAGES)
        self.people = People(link, self._call)
        self.reading = ReadingCommands(link, self._call, self._page_turns)

    async def get_node(self) -> Fields:
        """Return the node itself."""
        answer = await self._call(self._link.stub.GetNode, chat_pb2.GetNodeRequest())
        return fields_from_node(answer.node)

    async def list_peers(
        self, room: str | None, *, page_size: int = 0, page_token: str = ""
    ) -> Fields:
        """Return a page of the connected peers, or of those in one room."""
        request = chat_pb2.ListPeersRequest(room=room, page_size=page_size, page_token=page_token)
        answer = await self._call(self._link.stub.ListPeers, request)
        peers = [fields_from_peer(peer) for peer in answer.peers]
        return {"peers": peers, "next_page_token": answer.next_page_token or None}

    async def list_rooms(self, *, page_size: int = 0, page_token: str = "") -> Fields:
        """Return a page of the joined rooms."""
        request = chat_pb2.ListRoomsRequest(page_size=page_size, page_token=page_token)
        answer = await self._call(self._link.stub.ListRooms, request)
        rooms = [fields_from_room(room) for room in answer.rooms]
        return {"rooms": rooms, "next_page_token": answer.next_page_token or None}

    async def list_messages(
        self,
        room: str,
        *,
        peer_id: str = "",
        before: str | None = None,
        after: str | None = None,
        limit: int = 0,
    ) -> Fields:
        """Return a page of a room's stored messages, or of the conversation with a peer."""
        request = chat_pb2.ListMessagesRequest(room=room, peer_id=peer_id, limit=limit)
        if before is not None:
            request.before = before
        if after is not None:
            request.after = after
        async with self._page_turns:
            page = await self._call(self._link.stub.ListMessages, request)
            return page_from_proto(page, forward=after is not None)

    async def connect(self, address: str) -> Fields:
        """Dial a peer."""
        request = chat_pb2.ConnectRequest(address=address)
        async with self._dial_turns:
            answer = await self._ask(self._link.stub.Connect, request, DIAL_TIMEOUT_S)
        return {"peer": fields_from_peer(answer.peer)}

    async def create_invite(self, room: str) -> Fields:
        """Write an invite to a joined room."""
        request = chat_pb2.CreateInviteRequest(room=room)
        return fields_from_invite(await self._call(self._link.stub.CreateInvite, request))

    async def accept_invite(self, invite: str) -> Fields:
        """Join the room of an invite and dial its maker."""
        request = chat_pb2.AcceptInviteRequest(invite=invite)
        async with self._dial_turns:
            answer = await self._ask(self._link.stub.AcceptInvite, request, DIAL_TIMEOUT_S)
        return fields_from_accepted(answer)

    async def join(self, room: str) -> Fields:
        """Join a room."""
        request = chat_pb2.JoinRoomRequest(room=room)
        answer = await self._call(self._link.stub.JoinRoom, request)
        return {"room": fields_from_room(answer.room)}

    async def leave(self, room: str) -> Fields:
        """Leave a room."""
        await self._call(self._link.stub.LeaveRoom, chat_pb2.LeaveRoomRequest(room=room))
        return {}

    async def _call(self, method: Callable[..., Awaitable[AnswerT]], request: Message) -> AnswerT:
        async with self._turns:
            return await self._ask(method, request, CALL_TIMEOUT_S)

    async def _ask(
        self, method: Callable[..., Awaitable[AnswerT]], request: Message, timeout_s: float
    ) -> AnswerT:
        try:
            answer = await method(request, timeout=timeout_s, metadata=self._link.metadata())
        except grpc.aio.AioRpcError as error:
            raise NodeError(refusal_from_rpc_error(error)) from None
        self._link.mark_alive()
        return answer
