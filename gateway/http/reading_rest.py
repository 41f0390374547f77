"""The calls under /api about conversations and what was read of them.

Mounted by ``gateway.http.rest``.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response
from wsp.chat.v1 import chat_models as answers

from gateway.errors import NodeError, Refusal
from gateway.http import models
from gateway.http.shapes import PageSize, PageToken, json_answer, no_content
from gateway.node.reading_commands import ReadingCommands, Search

Reader = Annotated[models.Text, Query(min_length=1, max_length=64)]


def add_reading(
    router: APIRouter, commands: ReadingCommands, admit: Callable[[Request], None]
) -> None:
    """Add the routes.

    Args:
        admit: Counts a call that changes something, and raises where it is over the rate.
    """
    _add_search(router, commands)

    @router.get("/conversations", response_model=answers.ListConversationsResponse)
    async def list_conversations(
        reader: Reader,
        page_size: PageSize = 0,
        page_token: PageToken = "",
    ) -> Response:
        """List the conversations as one reader sees them, in pages."""
        page = commands.list_conversations(reader, page_size=page_size, page_token=page_token)
        return json_answer(await page)

    @router.get("/messages/{message_id}", response_model=answers.GetMessageResponse)
    async def get_message(message_id: str) -> Response:
        """Return one stored message and, of this node's own, who has it."""
        return json_answer(await commands.get_message(message_id))

    @router.delete("/rooms/{room:rooms}/messages", status_code=HTTPStatus.NO_CONTENT)
    async def forget_room(room: models.Text, request: Request) -> Response:
        """Leave a room and erase its messages from the node's disk."""
        admit(request)
        if not room:
            raise NodeError(Refusal("INVALID_ARGUMENT", "INVALID_ROOM", "no room", field="room"))
        await commands.forget_room(room)
        return no_content()

    @router.put("/read-markers", response_model=answers.SetReadMarkerResponse)
    async def set_read_marker(body: models.ReadMarkerBody, request: Request) -> Response:
        """Remember how far a reader has read a room, or what a peer wrote."""
        admit(request)
        return json_answer(
            await commands.set_read_marker(body.reader, body.room, body.peer_id, body.cursor)
        )


def _add_search(router: APIRouter, commands: ReadingCommands) -> None:
    @router.get("/search", response_model=answers.SearchMessagesResponse)
    async def search_messages(
        query: Annotated[models.Text, Query(min_length=1, max_length=512)],
        room: Annotated[str, Query(max_length=256)] = "",
        peer_id: Annotated[str, Query(max_length=128)] = "",
        author_id: Annotated[str, Query(max_length=128)] = "",
        since: Annotated[str, Query(max_length=32)] = "",
        until: Annotated[str, Query(max_length=32)] = "",
        page_size: Annotated[int, Query(ge=0, le=100)] = 0,
        page_token: PageToken = "",
    ) -> Response:
        """Find messages that hold every word of a query, in pages, the newest first."""
        search = Search(query, room, peer_id, author_id, since, until)
        page = commands.search_messages(search, page_size=page_size, page_token=page_token)
        return json_answer(await page)
