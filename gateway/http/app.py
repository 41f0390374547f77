"""The HTTP application: page, health, metrics and the calls under /api.

Built by ``gateway.app``. ``/ws`` is not a route: uvicorn hands upgrades to
``gateway.http.socket``.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import cast

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway import __version__
from gateway.browser import Services
from gateway.errors import NodeError, Refusal
from gateway.http import models
from gateway.http.access import Access
from gateway.http.answers import answer_from_refusal, refusal_from_node
from gateway.http.gate import Gate
from gateway.http.metrics import metrics_route
from gateway.http.page import Page, web_dir
from gateway.http.rest import api_router
from gateway.node.link import Link

log = structlog.get_logger(__name__)

INTERNAL = Refusal("INTERNAL", "INTERNAL", "the gateway failed")


def http_app(services: Services, link: Link, access: Access, max_body_bytes: int) -> ASGIApp:
    """Build the application around the gateway's parts."""
    app = FastAPI(
        title="wsp gateway",
        version=__version__,
        description="Chat through one node. Live events come over /ws: see docs/asyncapi.yaml.",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.include_router(api_router(services, time.monotonic))
    _add_health(app, link)
    metrics = metrics_route(
        services.counts, lambda: link.is_ready, lambda: services.publisher.in_flight
    )
    app.add_api_route("/metrics", metrics, include_in_schema=False)
    app.add_exception_handler(NodeError, _answer_node_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_failure)
    app.mount("/", Page(directory=web_dir(), html=True))
    return Gate(app, access, services.counts, max_body_bytes)


def _add_health(app: FastAPI, link: Link) -> None:
    @app.get("/healthz", response_model=models.Health)
    async def healthz() -> Response:
        """Tell that the process is up."""
        return _health("ok", HTTPStatus.OK)

    @app.get("/readyz", response_model=models.Health, responses={503: {"model": models.Health}})
    async def readyz() -> Response:
        """Tell whether the node is reachable."""
        if link.is_ready:
            return _health("ok", HTTPStatus.OK)
        return _health("away", HTTPStatus.SERVICE_UNAVAILABLE, link.problem)


def _health(status: str, code: HTTPStatus, problem: str | None = None) -> Response:
    fields = {"status": status} | ({"problem": problem} if problem else {})
    return Response(orjson.dumps(fields), code, media_type="application/json")


async def _answer_node_error(_: Request, error: Exception) -> Response:
    return answer_from_refusal(refusal_from_node(cast(NodeError, error).refusal))


async def _answer_invalid(_: Request, error: Exception) -> Response:
    first = cast(RequestValidationError, error).errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or None
    message = f"{field}: {first['msg']}" if field else str(first["msg"])
    return answer_from_refusal(Refusal("INVALID_ARGUMENT", "INVALID_FIELD", message, field=field))


async def _answer_http_error(_: Request, error: Exception) -> Response:
    """Answer for paths and methods that do not exist, in the form of all errors."""
    found = cast(HTTPException, error)
    reason = HTTPStatus(found.status_code).phrase.upper().replace(" ", "_")
    code = "NOT_FOUND" if found.status_code == HTTPStatus.NOT_FOUND else "INVALID_ARGUMENT"
    answer = answer_from_refusal(Refusal(code, reason, str(found.detail)))
    answer.status_code = found.status_code
    answer.headers.update(found.headers or {})
    return answer


async def _answer_failure(request: Request, error: Exception) -> Response:
    """The boundary of one request: whatever went wrong ends here."""
    log.error("request failed", path=request.url.path, exc_info=error)
    return answer_from_refusal(INTERNAL)
