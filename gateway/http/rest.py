"""The calls under /api: one of the node's each, as JSON.

Mounted by ``gateway.http.app``.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response
from wsp.chat.v1 import chat_models as answers

from common.rates import KeyedRates
from gateway.delivery.session import Services
from gateway.errors import NodeError, Refusal
from gateway.http import models
from gateway.http.direct import add_direct, add_requests
from gateway.http.openapi import SentenceRoute
from gateway.http.people import add_people
from gateway.http.reading_rest import add_reading
from gateway.http.shapes import PageSize, PageToken, check_place, json_answer, no_content
from gateway.node.commands import Commands

MAX_CALLERS = 1024
"""Addresses whose rate is remembered; the oldest are forgotten first."""
FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": models.Failure, "description": meaning}
    for status, meaning in (
        (400, "A field, or the body, breaks the rules."),
        (401, "The gateway's token is missing or wrong."),
        (403, "This Host, or this Origin, is not allowed."),
        (409, "The room is not joined, or the client_message_id was used for something else."),
        (413, "The message, or the body, is too large."),
        (429, "Too much at once; see retry-after."),
        (500, "The gateway or the node failed."),
        (503, "The node is not reachable."),
        (504, "The node, or the peer, took too long."),
    )
}
EMPTY_ROOM = Refusal("INVALID_ARGUMENT", "INVALID_ROOM", "The room's name is empty.", field="room")


def api_router(services: Services, clock_s: Any) -> APIRouter:
    """Build the routes.

    Args:
        clock_s: A monotonic clock, for the rate of publishes.
    """
    router = APIRouter(prefix="/api", responses=FAILURES, route_class=SentenceRoute)
    rates = Rates(services, clock_s)
    _add_lists(router, services.commands)
    _add_rooms(router, services.commands, rates)
    _add_messages(router, services, rates)
    _add_peers(router, services.commands, rates)
    add_direct(router, services, lambda request: rates.consume(_caller(request)))
    add_requests(router, services.commands.people, lambda call: rates.consume(_caller(call)))
    add_people(router, services.commands.people, lambda request: rates.consume(_caller(request)))
    add_reading(router, services.commands.reading, lambda call: rates.consume(_caller(call)))
    return router


def _add_lists(router: APIRouter, commands: Commands) -> None:
    @router.get("/node", response_model=answers.Node)
    async def get_node() -> Response:
        """Return the node: its id, addresses, rooms and storage."""
        return json_answer(await commands.get_node())

    @router.get("/peers", response_model=answers.ListPeersResponse)
    async def list_peers(
        room: Annotated[str | None, Query(max_length=256)] = None,
        page_size: PageSize = 0,
        page_token: PageToken = "",
    ) -> Response:
        """List the connected peers, or those in one room, in pages."""
        page = commands.list_peers(room, page_size=page_size, page_token=page_token)
        return json_answer(await page)

    @router.get("/rooms", response_model=answers.ListRoomsResponse)
    async def list_rooms(page_size: PageSize = 0, page_token: PageToken = "") -> Response:
        """List the joined rooms, in pages."""
        return json_answer(await commands.list_rooms(page_size=page_size, page_token=page_token))


def _add_rooms(router: APIRouter, commands: Commands, rates: Rates) -> None:
    @router.put("/rooms/{room:room}", response_model=answers.JoinRoomResponse)
    async def join_room(room: models.Text, request: Request) -> Response:
        """Join a room; joining a joined room changes nothing.

        A slash in the room's name is written as `%2F`.
        """
        _check_room(room)
        rates.consume(_caller(request))
        return json_answer(await commands.join(room))

    @router.delete("/rooms/{room:room}", status_code=HTTPStatus.NO_CONTENT)
    async def leave_room(room: models.Text, request: Request) -> Response:
        """Leave a room; its stored messages stay, and leaving it again changes nothing."""
        _check_room(room)
        rates.consume(_caller(request))
        await commands.leave(room)
        return no_content()


def _add_messages(router: APIRouter, services: Services, rates: Rates) -> None:
    commands, publisher = services.commands, services.publisher

    @router.get("/rooms/{room:rooms}/messages", response_model=answers.ListMessagesResponse)
    async def list_messages(
        room: models.Text,
        before: Annotated[str | None, Query(max_length=256)] = None,
        after: Annotated[str | None, Query(max_length=256)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Return a page of a room's stored messages; without a cursor the newest.

        A page ends earlier than `limit` where it would exceed about 1 MiB; only a
        null `next_cursor` says that there is no more.
        """
        _check_room(room)
        check_place(before, after)
        return json_answer(
            await commands.list_messages(room, before=before, after=after, limit=limit)
        )

    @router.post(
        "/rooms/{room:rooms}/messages",
        response_model=answers.PublishResponse,
        status_code=HTTPStatus.CREATED,
    )
    async def publish(room: models.Text, body: models.PublishBody, request: Request) -> Response:
        """Send a text to a room; the answer comes once the node has stored it.

        The same `client_message_id` again, with the same room and text, returns the
        first answer and sends nothing.
        """
        _check_room(room)
        rates.consume(_caller(request))
        answer = await publisher.publish(room, body.text, body.client_message_id)
        return json_answer(answer, HTTPStatus.CREATED)


def _add_peers(router: APIRouter, commands: Commands, rates: Rates) -> None:
    @router.post("/connect", response_model=answers.ConnectResponse)
    async def connect(body: models.ConnectBody, request: Request) -> Response:
        """Dial a peer and hold the connection."""
        rates.consume(_caller(request))
        return json_answer(await commands.connect(body.address))

    @router.post(
        "/invites",
        response_model=answers.CreateInviteResponse,
        status_code=HTTPStatus.CREATED,
    )
    async def create_invite(body: models.CreateInviteBody, request: Request) -> Response:
        """Write one line of text by which others come into a joined room."""
        rates.consume(_caller(request))
        return json_answer(await commands.create_invite(body.room), HTTPStatus.CREATED)

    @router.post("/invites/accept", response_model=answers.AcceptInviteResponse)
    async def accept_invite(body: models.AcceptInviteBody, request: Request) -> Response:
        """Join the room of an invite and dial the peer who made it.

        A peer that does not answer is no error: `failure` says what was tried, and the
        node dials it again until it answers.
        """
        rates.consume(_caller(request))
        return json_answer(await commands.accept_invite(body.invite))


class Rates:
    """The rate of each calling address, the same as that of a browser."""

    def __init__(self, services: Services, clock_s: Any) -> None:
        limits = services.limits
        self._clock_s = clock_s
        self._rates: KeyedRates[str] = KeyedRates(limits.rate_per_s, limits.burst, MAX_CALLERS)

    def consume(self, caller: str) -> None:
        """Count one call.

        Raises:
            NodeError: Over the rate.
        """
        wait_s = self._rates.consume(caller, self._clock_s())
        if wait_s:
            raise NodeError(
                Refusal(
                    "RESOURCE_EXHAUSTED",
                    "CLIENT_RATE",
                    "too many calls; nothing of this one was carried out",
                    retry_after_ms=int(wait_s * 1000) + 1,
                )
            )


def _check_room(room: str) -> None:
    """Refuse an empty name: in a path it is a slip, and not the default room."""
    if not room:
        raise NodeError(EMPTY_ROOM)


def _caller(request: Request) -> str:
    return request.client.host if request.client else ""
