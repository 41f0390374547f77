"""The gate: what every HTTP request passes before a route sees it.

Outermost middleware of ``gateway.http.app``: Host, Origin, token; on the way back
the security headers. ``Bodies`` bounds what is sent to the routes.
"""

from __future__ import annotations

import time
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import Refusal
from gateway.http.access import Access
from gateway.http.answers import answer_from_refusal
from gateway.http.headers import security_headers
from gateway.http.refusal_log import RefusalLog
from gateway.http.routing import SAFE_METHODS

PROBES = frozenset({"/healthz", "/readyz"})
"""Asked by address or by service name, by programs; they reveal nothing."""
GUARDED = ("/api/", "/metrics", "/openapi.json")
"""What needs the token, where there is one. The page itself holds no secret."""
ACCESS_PATH = "/api/access"
"""Says itself whether the token is missing."""

JSON_REQUIRED = Refusal(
    "INVALID_ARGUMENT", "JSON_REQUIRED", "The content-type must be application/json."
)
BODY_TOO_LARGE = Refusal("OUT_OF_RANGE", "BODY_TOO_LARGE", "The body is too large.")


class Gate:
    """Let in what may come in."""

    def __init__(self, app: ASGIApp, access: Access, refusals: RefusalLog) -> None:
        self._app = app
        self._access = access
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, pass it on, and add headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal_of(scope, headers)
        dressed = _dressing(send, "" if refusal else headers.get("host", ""))
        if refusal is None:
            await self._app(scope, receive, dressed)
            return
        self._refusals.report(refusal, time.monotonic())
        await answer_from_refusal(refusal)(scope, receive, dressed)

    def _refusal_of(self, scope: Scope, headers: Headers) -> Refusal | None:
        path, method = scope["path"], scope["method"]
        if path in PROBES and method in SAFE_METHODS:
            return None
        hosts = headers.getlist("host")
        refusal = self._access.host_refusal(hosts)
        if refusal is None and method not in SAFE_METHODS:
            refusal = self._access.origin_refusal(headers.getlist("origin"), hosts)
        if refusal is None and path.startswith(GUARDED) and path != ACCESS_PATH:
            refusal = self._access.token_refusal(headers.getlist("authorization"))
        return refusal


class Bodies:
    """Bound the bodies of requests, and take nothing but JSON.

    A page of another site can send a form, or plain text, without asking first;
    JSON, PUT and DELETE it cannot.

    Args:
        max_bytes: Of one body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the headers of a body, and count what comes."""
        refusal = self._refusal_of(scope) if scope["type"] == "http" else None
        app = self._app if refusal is None else answer_from_refusal(refusal)
        await app(scope, _limiting(receive, self._max_bytes), send)

    def _refusal_of(self, scope: Scope) -> Refusal | None:
        if scope["method"] in SAFE_METHODS:
            return None
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._max_bytes:
            return BODY_TOO_LARGE
        has_body = length.strip("0") or "transfer-encoding" in headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        needs_json = scope["method"] == "POST" or has_body
        return JSON_REQUIRED if needs_json and kind != "application/json" else None


def _dressing(send: Send, host: str) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            headers.raw.extend(security_headers(host))
            headers.setdefault("cache-control", "no-store")
            message["headers"] = headers.raw
        await send(message)

    return dressed


def _limiting(receive: Receive, max_bytes: int) -> Receive:
    """End a body that is longer than it may be; its length may not have been told."""
    seen_bytes = 0

    async def limited() -> Message:
        nonlocal seen_bytes
        message = await receive()
        seen_bytes += len(message.get("body", b""))
        if seen_bytes > max_bytes:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, BODY_TOO_LARGE.message)
        return message

    return limited
