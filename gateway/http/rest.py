"""The calls under /api: one of the node's each, as JSON.

Mounted by ``gateway.http.app``.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from common.rates import KeyedRates
from gateway.browser import Services
from gateway.errors import NodeError, Refusal
from gateway.frames import Fields
from gateway.http import models

MAX_CALLERS = 1024
"""Addresses whose rate is remembered; the oldest are forgotten first."""
PageSize = Annotated[int, Query(ge=0, le=1000)]
PageToken = Annotated[str, Query(max_length=1024)]
FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": models.Failure, "description": meaning}
    for status, meaning in (
        (400, "a field breaks the rules"),
        (409, "the room is not joined"),
        (413, "the message is too large"),
        (429, "too much at once; see retry-after"),
        (503, "the node is away"),
        (504, "the peer took too long"),
    )
}


def api_router(services: Services, clock_s: Any) -> APIRouter:
    """Build the routes.

    Args:
        clock_s: A monotonic clock, for the rate of publishes.
    """
    router = APIRouter(prefix="/api", responses=FAILURES)
    commands, publisher = services.commands, services.publisher
    rates = Rates(services, clock_s)

    @router.get("/node", response_model=models.Node)
    async def get_node() -> Response:
        """Tell who and where the node is."""
        return _json(await commands.get_node())

    @router.get("/peers", response_model=models.Peers)
    async def list_peers(
        room: Annotated[str | None, Query(max_length=256)] = None,
        page_size: PageSize = 0,
        page_token: PageToken = "",
    ) -> Response:
        """List the connected peers, or those in one room, in pages."""
        page = commands.list_peers(room, page_size=page_size, page_token=page_token)
        return _json(await page)

    @router.get("/rooms", response_model=models.Rooms)
    async def list_rooms(page_size: PageSize = 0, page_token: PageToken = "") -> Response:
        """List the joined rooms, in pages."""
        return _json(await commands.list_rooms(page_size=page_size, page_token=page_token))

    @router.get("/rooms/{room:path}/messages", response_model=models.Page)
    async def list_messages(
        room: str,
        before: Annotated[str | None, Query(max_length=256)] = None,
        after: Annotated[str | None, Query(max_length=256)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """Read a page of a room's stored messages; without a cursor the newest."""
        if before is not None and after is not None:
            raise NodeError(
                Refusal("INVALID_ARGUMENT", "INVALID_CURSOR", "before and after exclude each other")
            )
        return _json(await commands.list_messages(room, before=before, after=after, limit=limit))

    @router.post(
        "/rooms/{room:path}/messages",
        response_model=models.Published,
        status_code=HTTPStatus.CREATED,
    )
    async def publish(room: str, body: models.PublishBody, request: Request) -> Response:
        """Send a text to a room; answered once the node owns it."""
        rates.take(request.client.host if request.client else "")
        answer = await publisher.publish(room, body.text, body.client_message_id)
        return _json(answer, HTTPStatus.CREATED)

    @router.post("/connect", response_model=models.Connected)
    async def connect(body: models.ConnectBody, request: Request) -> Response:
        """Dial a peer and hold the connection."""
        rates.take(request.client.host if request.client else "")
        return _json(await commands.connect(body.address))

    return router


class Rates:
    """The rate of each calling address, the same as that of a browser."""

    def __init__(self, services: Services, clock_s: Any) -> None:
        limits = services.limits
        self._clock_s = clock_s
        self._rates: KeyedRates[str] = KeyedRates(limits.rate_per_s, limits.burst, MAX_CALLERS)

    def take(self, caller: str) -> None:
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


def _json(fields: Fields, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(orjson.dumps(fields), status, media_type="application/json")
