"""The HTTP application: page, health, metrics and the calls under /api.

Built by ``gateway.app``. ``/ws`` is not a route: uvicorn hands upgrades to
``gateway.http.socket``.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Annotated, cast

import orjson
import structlog
from fastapi import FastAPI, Query
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from common.loop_lag import LoopLag
from gateway import __version__
from gateway.errors import NodeError, Refusal
from gateway.http import models
from gateway.http.answers import answer_from_refusal, refusal_from_node
from gateway.http.asyncapi import asyncapi_route
from gateway.http.door import Door
from gateway.http.gate import ACCESS_PATH, Bodies, Gate
from gateway.http.metrics import metrics_route
from gateway.http.openapi import SentenceRoute, openapi_of
from gateway.http.page import Page, web_dir
from gateway.http.rest import api_router
from gateway.http.routing import Routing
from gateway.http.unread import Unread
from gateway.node.link import Link

log = structlog.get_logger(__name__)

NOT_JSON = "The body is not valid JSON."
INTERNAL = Refusal("INTERNAL", "INTERNAL", "The gateway failed.")


def http_app(link: Link, door: Door, lag: LoopLag) -> ASGIApp:
    """Build the application around the gateway's parts."""
    services = door.services
    app = FastAPI(
        title="wsp gateway",
        version=__version__,
        description="Chat through one node. The WebSocket /ws carries live events; "
        "[/asyncapi.yaml](/asyncapi.yaml) describes its frames.",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.router.route_class = SentenceRoute
    # Each route itself, so that ``Routing`` sees the methods of its path.
    app.router.routes.extend(api_router(services, time.monotonic).routes)
    _add_health(app, link)
    _add_access(app, door)
    app.add_api_route("/asyncapi.yaml", asyncapi_route(), include_in_schema=False)
    app.add_api_route("/metrics", metrics_route(services, link, door, lag), include_in_schema=False)
    app.add_exception_handler(NodeError, _answer_node_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_failure)
    page = Page(directory=web_dir(), html=True)
    routes = list(app.routes)
    app.mount("/", page)
    app.openapi = lambda: openapi_of(app, routes)  # type: ignore[method-assign]
    unread = Unread(app, door.requests, services.counts)
    routing = Routing(Bodies(unread, door.max_frame_bytes), routes, page.has_file)
    return Gate(routing, door.access, door.refusals)


def _add_health(app: FastAPI, link: Link) -> None:
    @app.get("/healthz", response_model=models.Health)
    async def healthz() -> Response:
        """Answer that the process is up."""
        return _health("ok", HTTPStatus.OK)

    @app.get("/readyz", response_model=models.Health, responses={503: {"model": models.Health}})
    async def readyz() -> Response:
        """Answer whether the node is reachable."""
        if link.is_ready:
            return _health("ok", HTTPStatus.OK)
        return _health("away", HTTPStatus.SERVICE_UNAVAILABLE, link.problem)


def _add_access(app: FastAPI, door: Door) -> None:
    @app.get(
        ACCESS_PATH,
        response_model=models.Health,
        responses={status: {"model": models.Failure} for status in (401, 403, 503)},
    )
    async def get_access(
        request: Request, origin: Annotated[str | None, Query(max_length=1024)] = None
    ) -> Response:
        """Answer whether this caller may open ``/ws``, and if not, why.

        A browser does not show a page why its WebSocket was refused. The page asks
        here, with its own origin, and gets the refusal that ``/ws`` would give.
        """
        origins = request.headers.getlist("origin") if origin is None else [origin]
        hosts = request.headers.getlist("host")
        refusal = (
            door.access.origin_refusal(origins, hosts)
            or door.access.token_refusal(request.headers.getlist("authorization"))
            or door.refusal()
        )
        if refusal is None:
            return _health("ok", HTTPStatus.OK)
        door.refusals.report(refusal, time.monotonic())
        return answer_from_refusal(refusal)


def _health(status: str, code: HTTPStatus, problem: str | None = None) -> Response:
    fields = {"status": status} | ({"problem": problem} if problem else {})
    return Response(orjson.dumps(fields), code, media_type="application/json")


async def _answer_node_error(_: Request, error: Exception) -> Response:
    return answer_from_refusal(refusal_from_node(cast(NodeError, error).refusal))


async def _answer_invalid(_: Request, error: Exception) -> Response:
    first = cast(RequestValidationError, error).errors()[0]
    if first["type"] == "json_invalid":
        return answer_from_refusal(Refusal("INVALID_ARGUMENT", "INVALID_JSON", NOT_JSON))
    field = ".".join(str(part) for part in first["loc"][1:]) or None
    message = f"{field}: {first['msg']}" if field else str(first["msg"])
    return answer_from_refusal(Refusal("INVALID_ARGUMENT", "INVALID_FIELD", message, field=field))


async def _answer_http_error(_: Request, error: Exception) -> Response:
    """Answer for what has no route, in the form of all errors."""
    found = cast(HTTPException, error)
    reason = HTTPStatus(found.status_code).phrase.upper().replace(" ", "_")
    code = "NOT_FOUND" if found.status_code == HTTPStatus.NOT_FOUND else "INVALID_ARGUMENT"
    refusal = Refusal(code, reason, str(found.detail))
    answer = answer_from_refusal(refusal, HTTPStatus(found.status_code))
    answer.headers.update(found.headers or {})
    return answer


async def _answer_failure(request: Request, error: Exception) -> Response:
    """The boundary of one request: whatever went wrong ends here."""
    log.error("request failed", path=request.url.path, exc_info=error)
    return answer_from_refusal(INTERNAL)
