"""The calls under /api about messages to and from one peer.

Mounted by ``gateway.http.rest``.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response
from wsp.chat.v1 import chat_models as answers

from gateway.delivery.session import Services
from gateway.http import models
from gateway.http.shapes import PageSize, PageToken, check_place, json_answer, no_content
from gateway.node.people import People

OnePeer = Annotated[str, Path(min_length=1, max_length=128)]


def add_direct(router: APIRouter, services: Services, admit: Callable[[Request], None]) -> None:
    """Add the routes.

    Args:
        admit: Counts a call that changes something, and raises where it is over the rate.
    """
    commands, publisher = services.commands, services.publisher

    @router.get("/peers/{peer_id}/messages", response_model=answers.ListMessagesResponse)
    async def list_direct_messages(
        peer_id: OnePeer,
        before: Annotated[str | None, Query(max_length=256)] = None,
        after: Annotated[str | None, Query(max_length=256)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Return a page of the conversation with one peer; without a cursor the newest."""
        check_place(before, after)
        page = commands.list_messages("", peer_id=peer_id, before=before, after=after, limit=limit)
        return json_answer(await page)

    @router.post(
        "/peers/{peer_id}/messages",
        response_model=answers.PublishResponse,
        status_code=HTTPStatus.CREATED,
    )
    async def send_direct(peer_id: OnePeer, body: models.PublishBody, request: Request) -> Response:
        """Send a text to one peer, and to nobody else; it waits while the peer is away.

        The same `client_message_id` again, with the same peer and text, returns the
        first answer and sends nothing.
        """
        admit(request)
        answer = await publisher.publish("", body.text, body.client_message_id, peer_id=peer_id)
        return json_answer(answer, HTTPStatus.CREATED)


def add_requests(router: APIRouter, people: People, admit: Callable[[Request], None]) -> None:
    """Add the routes about messages that wait for consent; see ``add_direct``."""

    @router.get("/direct-requests", response_model=answers.ListDirectRequestsResponse)
    async def list_direct_requests(
        page_size: PageSize = 0,
        page_token: PageToken = "",
    ) -> Response:
        """List the peers never met that wrote to this node, with what they wrote."""
        page = people.list_direct_requests(page_size=page_size, page_token=page_token)
        return json_answer(await page)

    @router.put("/direct-requests/{peer_id}", response_model=answers.AcceptDirectResponse)
    async def accept_direct(peer_id: OnePeer, request: Request) -> Response:
        """Accept the conversation with a peer: what waits of it becomes part of the log."""
        admit(request)
        return json_answer(await people.accept_direct(peer_id))

    @router.delete("/direct-requests/{peer_id}", status_code=HTTPStatus.NO_CONTENT)
    async def decline_direct(peer_id: OnePeer, request: Request) -> Response:
        """Remove what waits of a peer, and decline what it writes from now on."""
        admit(request)
        await people.decline_direct(peer_id)
        return no_content()
