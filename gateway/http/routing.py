"""Which methods a path has: HEAD, OPTIONS and the right refusals for every route.

A middleware of ``gateway.http.app``. The page's files are a catch-all, and a router
asks only the first route that matches: without this layer an unknown method, or a
HEAD, would end at the files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from urllib.parse import unquote

from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import Refusal
from gateway.http.answers import answer_from_refusal
from gateway.http.handshake import PATH as WEBSOCKET_PATH
from gateway.http.room_names import ENCODED_SLASH

SAFE_METHODS = frozenset({"GET", "HEAD"})

NOT_FOUND = Refusal("NOT_FOUND", "NOT_FOUND", "There is nothing at this path.")
UPGRADE_REQUIRED = Refusal(
    "FAILED_PRECONDITION", "UPGRADE_REQUIRED", "This path speaks WebSocket only."
)


class Routing:
    """Answer what no route answers, and pass the rest on.

    Args:
        routes: The routes with methods, without the catch-all.
        has_file: Whether the catch-all has a file at a path.
    """

    def __init__(
        self, app: ASGIApp, routes: Sequence[BaseRoute], has_file: Callable[[str], bool]
    ) -> None:
        self._app = app
        self._has_file = has_file
        self._routes = [route for route in routes if isinstance(route, Route)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = _with_decoded_path(scope)
        await (self._answer(scope) or self._app)(_as_get(scope), receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        """Return the answer that needs no route; None where a route or a file answers."""
        path, method = scope["path"], scope["method"]
        methods = self._methods_of(scope)
        if not methods:
            return answer_from_refusal(NOT_FOUND)
        if method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers={"allow": _allow(methods)})
        if method not in methods:
            return _method_not_allowed(method, path, methods)
        if path == WEBSOCKET_PATH:
            answer = answer_from_refusal(UPGRADE_REQUIRED, HTTPStatus.UPGRADE_REQUIRED)
            answer.headers.update({"upgrade": "websocket", "connection": "Upgrade"})
            return answer
        return None

    def _methods_of(self, scope: Scope) -> frozenset[str]:
        """Return the methods of a path; none where there is nothing."""
        found: set[str] = set()
        for route in self._routes:
            if route.matches(scope)[0] is not Match.NONE:
                found |= route.methods or set()
        path = scope["path"]
        if "GET" in found or path == WEBSOCKET_PATH or (not found and self._has_file(path)):
            found |= SAFE_METHODS
        return frozenset(found)


def _as_get(scope: Scope) -> Scope:
    """Turn a HEAD into a GET: the server sends no body, by the request's own method."""
    return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope


def _with_decoded_path(scope: Scope) -> Scope:
    """Decode the path so that ``%2F`` stays apart from ``/``: a room's name is one segment.

    Bytes that are not UTF-8 become lone surrogates, which no room's name may hold.
    """
    raw: bytes = scope.get("raw_path") or b""
    if b"%" not in raw:
        return scope
    text = raw.decode("latin-1").replace("%2F", ENCODED_SLASH).replace("%2f", ENCODED_SLASH)
    return {**scope, "path": unquote(text, errors="surrogateescape")}


def _method_not_allowed(method: str, path: str, methods: frozenset[str]) -> Response:
    message = f"{method[:20]} is not a method of this path."
    refusal = Refusal("INVALID_ARGUMENT", "METHOD_NOT_ALLOWED", message)
    answer = answer_from_refusal(refusal, HTTPStatus.METHOD_NOT_ALLOWED)
    answer.headers["allow"] = _allow(methods)
    return answer


def _allow(methods: frozenset[str]) -> str:
    return ", ".join(sorted({*methods, "OPTIONS"}))
