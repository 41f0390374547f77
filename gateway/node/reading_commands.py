"""The node's calls about conversations and what was read of them, as JSON fields.

Made by ``gateway.node.commands``; used by ``gateway.delivery`` and ``gateway.http``.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from wsp.chat.v1 import chat_pb2
from wsp.chat.v1.chat_json import (
    fields_from_get_message_response,
    fields_from_list_conversations_response,
    fields_from_search_messages_response,
    fields_from_set_read_marker_response,
)

from gateway.channel.events import Fields
from gateway.errors import NodeError, Refusal
from gateway.node.link import Call, Link


@dataclass(frozen=True, slots=True)
class Search:
    """What to search for; ``since`` and ``until`` are times as in RFC 3339, or empty."""

    query: str
    room: str = ""
    peer_id: str = ""
    author_id: str = ""
    since: str = ""
    until: str = ""


class ReadingCommands:
    """Every method raises ``NodeError`` where the node refuses or is away.

    Args:
        page_turns: Held while a page of messages is under way.
    """

    def __init__(self, link: Link, call: Call, page_turns: asyncio.Semaphore) -> None:
        self._link = link
        self._call = call
        self._page_turns = page_turns

    async def list_conversations(
        self, reader: str, *, page_size: int = 0, page_token: str = ""
    ) -> Fields:
        """Return a page of the conversations as one reader sees them."""
        request = chat_pb2.ListConversationsRequest(
            reader=reader, page_size=page_size, page_token=page_token
        )
        async with self._page_turns:
            answer = await self._call(self._link.stub.ListConversations, request)
            return fields_from_list_conversations_response(answer)

    async def set_read_marker(self, reader: str, room: str, peer_id: str, cursor: str) -> Fields:
        """Remember how far a reader has read a room, or what a peer wrote."""
        request = chat_pb2.SetReadMarkerRequest(
            reader=reader, room=room, peer_id=peer_id, cursor=cursor
        )
        answer = await self._call(self._link.stub.SetReadMarker, request)
        return fields_from_set_read_marker_response(answer)

    async def get_message(self, message_id: str) -> Fields:
        """Return one message, and who has it."""
        request = chat_pb2.GetMessageRequest(message_id=message_id)
        answer = await self._call(self._link.stub.GetMessage, request)
        return fields_from_get_message_response(answer)

    async def forget_room(self, room: str) -> Fields:
        """Leave a room and erase its messages."""
        await self._call(self._link.stub.ForgetRoom, chat_pb2.ForgetRoomRequest(room=room))
        return {}

    async def search_messages(
        self, search: Search, *, page_size: int = 0, page_token: str = ""
    ) -> Fields:
        """Return a page of the messages that match."""
        request = chat_pb2.SearchMessagesRequest(
            query=search.query,
            room=search.room,
            peer_id=search.peer_id,
            author_id=search.author_id,
            page_size=page_size,
            page_token=page_token,
        )
        for name, text in (("since", search.since), ("until", search.until)):
            if text:
                _set_time(request, name, text)
        async with self._page_turns:
            answer = await self._call(self._link.stub.SearchMessages, request)
            return fields_from_search_messages_response(answer)


def _set_time(request: chat_pb2.SearchMessagesRequest, name: str, text: str) -> None:
    try:
        getattr(request, name).FromJsonString(text)
    except ValueError:
        refusal = Refusal(
            "INVALID_ARGUMENT", "INVALID_TIME", f"{name} is a time as in RFC 3339", field=name
        )
        raise NodeError(refusal) from None
