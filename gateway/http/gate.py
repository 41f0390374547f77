"""The gate: what every HTTP request passes before a route sees it.

Outermost middleware of ``gateway.http.app``: Host, Origin, token, size and kind
of the body; on the way back the security headers.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.counts import Counts
from gateway.errors import Refusal
from gateway.http.access import Access
from gateway.http.answers import answer_from_refusal
from gateway.http.headers import security_headers

SAFE_METHODS = frozenset({"GET", "HEAD"})
PROBES = frozenset({"/healthz", "/readyz"})
"""Asked by address or by service name, by programs; they tell nothing."""
GUARDED = ("/api/", "/metrics", "/openapi.json")
"""What needs the token, where there is one. The page itself holds no secret."""

JSON_REQUIRED = Refusal(
    "INVALID_ARGUMENT", "JSON_REQUIRED", "content-type must be application/json"
)
BODY_TOO_LARGE = Refusal("OUT_OF_RANGE", "BODY_TOO_LARGE", "the body is too large")


class Gate:
    """Let in what may come in.

    Args:
        max_body_bytes: Largest body of a request.
    """

    def __init__(self, app: ASGIApp, access: Access, counts: Counts, max_body_bytes: int) -> None:
        self._app = app
        self._access = access
        self._counts = counts
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, pass it on, and dress its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal_of(scope, headers)
        dressed = _dressing(send, "" if refusal else headers.get("host", ""))
        if refusal is not None:
            self._counts.turned_away[refusal.reason] += 1
            await answer_from_refusal(refusal)(scope, receive, dressed)
            return
        limited = _limiting(receive, self._max_body_bytes)
        await self._app(scope, limited, dressed)

    def _refusal_of(self, scope: Scope, headers: Headers) -> Refusal | None:
        path, method = scope["path"], scope["method"]
        if path in PROBES and method in SAFE_METHODS:
            return None
        hosts = headers.getlist("host")
        refusal = self._access.host_refusal(hosts)
        if refusal is None and method not in SAFE_METHODS:
            refusal = self._refusal_of_change(headers, hosts)
        if refusal is None and path.startswith(GUARDED):
            refusal = self._access.token_refusal(headers.getlist("authorization"))
        return refusal

    def _refusal_of_change(self, headers: Headers, hosts: Iterable[str]) -> Refusal | None:
        refusal = self._access.origin_refusal(headers.getlist("origin"), hosts)
        if refusal is not None:
            return refusal
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return JSON_REQUIRED
        length = headers.get("content-length", "0")
        too_large = not length.isdigit() or int(length) > self._max_body_bytes
        return BODY_TOO_LARGE if too_large else None


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
