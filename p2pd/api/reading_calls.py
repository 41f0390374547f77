"""The calls of ``ChatService`` about what was read. Made by ``service``."""

from __future__ import annotations

import asyncio
from functools import partial

from wsp.chat.v1 import chat_pb2

from p2pd.api.bridge import Bridge
from p2pd.api.conversation_from_request import conversation_from_request
from p2pd.api.event_from_domain import event_from_domain
from p2pd.api.grpc_types import Context
from p2pd.api.list_page import ListPage
from p2pd.api.ports import ChatPorts
from p2pd.domain.conversations import ConversationState, reader_from_text
from p2pd.domain.deliveries import DeliveryState
from p2pd.domain.names import message_id_from_text, room_from_text
from p2pd.domain.records import Direct

_STATES = {
    None: chat_pb2.DELIVERY_STATE_UNSPECIFIED,
    DeliveryState.WAITING: chat_pb2.DELIVERY_STATE_WAITING,
    DeliveryState.HANDED: chat_pb2.DELIVERY_STATE_HANDED,
    DeliveryState.HELD: chat_pb2.DELIVERY_STATE_HELD,
}


class ReadingCalls:
    """Conversations and their read markers, for the gRPC thread."""

    def __init__(self, chat: ChatPorts, bridge: Bridge) -> None:
        self._chat = chat
        self._bridge = bridge

    async def list_conversations(
        self, request: chat_pb2.ListConversationsRequest, _context: Context
    ) -> chat_pb2.ListConversationsResponse:
        """List the conversations of this node; their newest messages are read page by page."""
        reader = reader_from_text(request.reader)
        page = ListPage(request.page_size, request.page_token, ("conversations", reader))
        states = await self._bridge.run(partial(self._chat.conversations.list, reader))
        select = partial(page.select, states, lambda state: state.key, self._conversation)
        reads = self._chat.feed.reads
        conversations, token = await asyncio.wrap_future(reads.submit(select))
        return chat_pb2.ListConversationsResponse(
            conversations=conversations, next_page_token=token
        )

    async def set_read_marker(
        self, request: chat_pb2.SetReadMarkerRequest, _context: Context
    ) -> chat_pb2.SetReadMarkerResponse:
        """Remember how far a reader has read."""
        reader = reader_from_text(request.reader)
        conversation = conversation_from_request(request.room, request.peer_id)
        set_marker = self._chat.conversations.set_read_marker
        state = await self._bridge.run(partial(set_marker, reader, conversation, request.cursor))
        return chat_pb2.SetReadMarkerResponse(
            unread_count=state.unread_count, mention_count=state.mention_count
        )

    async def forget_room(
        self, request: chat_pb2.ForgetRoomRequest, _context: Context
    ) -> chat_pb2.ForgetRoomResponse:
        """Leave a room and erase it."""
        room = room_from_text(request.room)
        await self._bridge.run(partial(self._chat.forgetting.forget, room))
        return chat_pb2.ForgetRoomResponse()

    async def get_message(
        self, request: chat_pb2.GetMessageRequest, _context: Context
    ) -> chat_pb2.GetMessageResponse:
        """Return one message, and who has it."""
        message_id = message_id_from_text(request.message_id)
        found = await self._bridge.run(partial(self._chat.deliveries.message, message_id))
        return chat_pb2.GetMessageResponse(
            message=event_from_domain(found.event),
            delivery_state=_STATES[found.state],
            handed_to=found.handed_to,
            held_by=found.held_by,
        )

    def _conversation(self, state: ConversationState) -> chat_pb2.Conversation:
        """Translate one conversation; called in one of the store's threads."""
        found = chat_pb2.Conversation(
            unread_count=state.unread_count, mention_count=state.mention_count
        )
        match state.conversation:
            case Direct(peer_id):
                found.peer_id = peer_id
            case room:
                found.room = room
        conversations = self._chat.conversations
        if state.read_until is not None:
            found.read_cursor = conversations.cursor(state.read_until)
        newest = state.newest_offset
        event = None if newest is None else conversations.message_at(newest)
        if event is not None:
            found.last_message.CopyFrom(event_from_domain(event))
        return found
