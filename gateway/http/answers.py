"""From refusals to HTTP answers: the one translation at this edge.

Used by ``gateway.http.gate`` and ``gateway.http.app``.
"""

from __future__ import annotations

import math
from http import HTTPStatus

import orjson
from starlette.responses import Response

from gateway.errors import Refusal

STATUS_OF = {
    "INVALID_ARGUMENT": HTTPStatus.BAD_REQUEST,
    "OUT_OF_RANGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "FAILED_PRECONDITION": HTTPStatus.CONFLICT,
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    "PERMISSION_DENIED": HTTPStatus.FORBIDDEN,
    "ALREADY_EXISTS": HTTPStatus.CONFLICT,
    "ABORTED": HTTPStatus.CONFLICT,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "DEADLINE_EXCEEDED": HTTPStatus.GATEWAY_TIMEOUT,
    "UNIMPLEMENTED": HTTPStatus.NOT_IMPLEMENTED,
}
"""A code that is missing here is the gateway's or the node's own fault: 500."""
STATUS_OF_REASON = {
    "CLIENT_MESSAGE_ID_REUSED": HTTPStatus.CONFLICT,
    "TOO_MANY_CLIENTS": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Where the reason says more than the code."""
NODE_TOKEN_REFUSED = Refusal(
    "UNAVAILABLE", "NODE_TOKEN_REFUSED", "the node does not accept the gateway's token"
)


def status_from_refusal(refusal: Refusal) -> HTTPStatus:
    """Return the HTTP status of a refusal."""
    if refusal.reason in STATUS_OF_REASON:
        return STATUS_OF_REASON[refusal.reason]
    return STATUS_OF.get(refusal.code, HTTPStatus.INTERNAL_SERVER_ERROR)


def refusal_from_node(refusal: Refusal) -> Refusal:
    """Keep apart what the node asks of the gateway and what the gateway asks of callers."""
    return NODE_TOKEN_REFUSED if refusal.code == "UNAUTHENTICATED" else refusal


def body_from_refusal(refusal: Refusal) -> bytes:
    """Write a refusal as JSON; what is not valid Unicode in it is replaced."""
    fields = {"code": refusal.code, "reason": refusal.reason, "message": refusal.message}
    if refusal.field is not None:
        fields["field"] = refusal.field
    if refusal.setting is not None:
        fields["setting"] = refusal.setting
    return orjson.dumps(
        {name: text.encode("utf-8", "replace").decode() for name, text in fields.items()}
    )


def answer_from_refusal(refusal: Refusal, status: HTTPStatus | None = None) -> Response:
    """Answer with the refusal as JSON.

    Args:
        status: None is the status that fits the refusal's code.
    """
    status = status or status_from_refusal(refusal)
    answer = Response(body_from_refusal(refusal), status, media_type="application/json")
    if refusal.retry_after_ms is not None:
        answer.headers["retry-after"] = str(math.ceil(refusal.retry_after_ms / 1000))
    if status is HTTPStatus.UNAUTHORIZED:
        answer.headers["www-authenticate"] = "Bearer"
    return answer
