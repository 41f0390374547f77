"""The answers to what a browser asks about conversations. Used by ``session``."""

from __future__ import annotations

from typing import assert_never

from gateway.browser import (
    ConversationsAsked,
    ForgetRoomAsked,
    MessageAsked,
    ReadingCall,
    ReadMarkerAsked,
    SearchAsked,
)
from gateway.channel.events import Fields
from gateway.node.reading_commands import ReadingCommands, Search


async def answer_to_reading(commands: ReadingCommands, command: ReadingCall) -> Fields:
    """Ask the node.

    Raises:
        NodeError: The node refuses or is away.
    """
    match command:
        case ConversationsAsked(reader=reader, page_size=page_size, page_token=page_token):
            return await commands.list_conversations(
                reader, page_size=page_size, page_token=page_token
            )
        case ReadMarkerAsked(reader=reader, room=room, peer_id=peer_id, cursor=cursor):
            return await commands.set_read_marker(reader, room, peer_id, cursor)
        case SearchAsked():
            return await commands.search_messages(
                Search(
                    command.query,
                    command.room,
                    command.peer_id,
                    command.author_id,
                    command.since,
                    command.until,
                ),
                page_size=command.page_size,
                page_token=command.page_token,
            )
        case ForgetRoomAsked(room=room):
            return await commands.forget_room(room)
        case MessageAsked(message_id=message_id):
            return await commands.get_message(message_id)
        case _:
            assert_never(command)
