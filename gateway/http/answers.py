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
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "RESOURCE_EXHAUSTED": HTTPStatus.TOO_MANY_REQUESTS,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "DEADLINE_EXCEEDED": HTTPStatus.GATEWAY_TIMEOUT,
    "UNIMPLEMENTED": HTTPStatus.NOT_IMPLEMENTED,
}
"""A code that is missing here is the gateway's or the node's own fault: 500."""
NODE_TOKEN_REFUSED = Refusal(
    "UNAVAILABLE", "NODE_TOKEN_REFUSED", "the node does not accept the gateway's token"
)


def refusal_from_node(refusal: Refusal) -> Refusal:
    """Keep apart what the node asks of the gateway and what the gateway asks of callers."""
    return NODE_TOKEN_REFUSED if refusal.code == "UNAUTHENTICATED" else refusal


def answer_from_refusal(refusal: Refusal) -> Response:
    """Answer with the refusal as JSON and the status that fits its code."""
    fields = {"code": refusal.code, "reason": refusal.reason, "message": refusal.message}
    if refusal.field is not None:
        fields["field"] = refusal.field
    status = STATUS_OF.get(refusal.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    answer = Response(orjson.dumps(fields), status, media_type="application/json")
    if refusal.retry_after_ms is not None:
        answer.headers["retry-after"] = str(math.ceil(refusal.retry_after_ms / 1000))
    if status is HTTPStatus.UNAUTHORIZED:
        answer.headers["www-authenticate"] = "Bearer"
    return answer
