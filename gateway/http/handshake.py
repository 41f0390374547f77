"""The handshake of ``/ws``: who is upgraded, and what the others are told.

Used by ``gateway.http.socket``; without I/O.
"""

from __future__ import annotations

from http import HTTPStatus

from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from gateway.errors import Refusal
from gateway.http.access import SUBPROTOCOL, Access
from gateway.http.answers import body_from_refusal, status_from_refusal

PATH = "/ws"

STOPPING = Refusal(
    "UNAVAILABLE", "GATEWAY_STOPPING", "The gateway is stopping; connect again in a moment."
)
NOT_FOUND = Refusal("NOT_FOUND", "NOT_FOUND", "There is no WebSocket at this path.")


def too_many_clients(max_clients: int) -> Refusal:
    """Refuse a browser over the cap."""
    return Refusal(
        "RESOURCE_EXHAUSTED",
        "TOO_MANY_CLIENTS",
        f"{max_clients} browsers are connected, as many as GATEWAY_MAX_CLIENTS allows.",
        setting="GATEWAY_MAX_CLIENTS",
        value=str(max_clients),
    )


def refusal_of_upgrade(request: Request, access: Access) -> Refusal | None:
    """Check path, Host, Origin and token; return why not, or None."""
    if request.path.partition("?")[0] != PATH:
        return NOT_FOUND
    headers = request.headers
    hosts = headers.get_all("Host")
    refusal = access.host_refusal(hosts)
    refusal = refusal or access.origin_refusal(headers.get_all("Origin"), hosts)
    if refusal is None and access.token_refusal(headers.get_all("Authorization")):
        refusal = access.subprotocol_refusal(_subprotocols_of(request))
    return refusal


def accept(protocol: ServerProtocol, request: Request) -> Response:
    """Answer an upgrade as the library does, and name our subprotocol if offered."""
    response = protocol.accept(request)
    accepted = response.status_code == HTTPStatus.SWITCHING_PROTOCOLS
    if accepted and SUBPROTOCOL in _subprotocols_of(request):
        response.headers["Sec-WebSocket-Protocol"] = SUBPROTOCOL
    return response


def _subprotocols_of(request: Request) -> list[str]:
    headers = request.headers.get_all("Sec-WebSocket-Protocol")
    return [one.strip() for header in headers for one in header.split(",")]


def response_from_refusal(protocol: ServerProtocol, refusal: Refusal) -> Response:
    """Answer with the refusal as JSON instead of the upgrade."""
    body = body_from_refusal(refusal).decode()
    response = protocol.reject(status_from_refusal(refusal), body)
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
