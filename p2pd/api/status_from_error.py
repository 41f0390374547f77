"""The one place where an error of the node becomes a ``google.rpc.Status``.

Unary calls and streams end with it through ``abort``; a PublishStream carries
it in its results.
"""

from __future__ import annotations

from typing import Never

import grpc
from google.protobuf.any_pb2 import Any as AnyProto
from google.protobuf.message import Message as Proto
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from p2pd.api.errors import MalformedRequestError, TokenRequiredError
from p2pd.api.grpc_types import Context
from p2pd.api.time_from_ns import duration_from_s
from p2pd.errors import (
    ChatError,
    ClientMessageIdReusedError,
    DialFailedError,
    DialTimeoutError,
    InvalidInputError,
    LimitReachedError,
    MessageTooLargeError,
    MessageUnknownError,
    NoAddressError,
    NodeStoppingError,
    PeerBlockedError,
    ProfileUnknownError,
    RoomNotJoinedError,
    StorageFailedError,
    StorageFullError,
)

DOMAIN = "wsp.chat.v1"
DETAILS_KEY = "grpc-status-details-bin"
MAX_MESSAGE_BYTES = 600
"""gRPC sends a status in trailers, escaped and twice; clients refuse trailers over 8 KiB."""
ELLIPSIS = "…".encode()
INTERNAL_MESSAGE = "the node failed to carry out this call; its log says why"

_CODES: tuple[tuple[type[ChatError], grpc.StatusCode], ...] = (
    (InvalidInputError, grpc.StatusCode.INVALID_ARGUMENT),
    (MalformedRequestError, grpc.StatusCode.INVALID_ARGUMENT),
    (MessageTooLargeError, grpc.StatusCode.OUT_OF_RANGE),
    (RoomNotJoinedError, grpc.StatusCode.FAILED_PRECONDITION),
    (NoAddressError, grpc.StatusCode.FAILED_PRECONDITION),
    (ClientMessageIdReusedError, grpc.StatusCode.ALREADY_EXISTS),
    (PeerBlockedError, grpc.StatusCode.FAILED_PRECONDITION),
    (ProfileUnknownError, grpc.StatusCode.NOT_FOUND),
    (MessageUnknownError, grpc.StatusCode.NOT_FOUND),
    (LimitReachedError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (StorageFullError, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (StorageFailedError, grpc.StatusCode.UNAVAILABLE),
    (DialFailedError, grpc.StatusCode.UNAVAILABLE),
    (DialTimeoutError, grpc.StatusCode.DEADLINE_EXCEEDED),
    (NodeStoppingError, grpc.StatusCode.UNAVAILABLE),
    (TokenRequiredError, grpc.StatusCode.UNAUTHENTICATED),
)


Trailer = tuple[tuple[str, bytes], ...]


def code_from_error(error: Exception) -> grpc.StatusCode:
    """Return the code of an error; INTERNAL for what is not a caller's to know."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return grpc.StatusCode.INTERNAL


def status_from_error(error: Exception) -> Status:
    """Translate an error, with its reason, the field at fault and when to come back."""
    code: int = code_from_error(error).value[0]
    known = isinstance(error, ChatError)
    status = Status(code=code, message=_message(error) if known else INTERNAL_MESSAGE)
    status.details.extend(_packed(detail) for detail in _details(error))
    return status


async def abort(context: Context, error: Exception) -> Never:
    """End a call with an error."""
    status = status_from_error(error)
    await context.abort(code_from_error(error), status.message, trailer_from_status(status))


def trailer_from_status(status: Status) -> Trailer:
    """Return the metadata that carries a whole status behind its code."""
    return ((DETAILS_KEY, status.SerializeToString()),)


def _details(error: Exception) -> list[Proto]:
    reason = error.reason if isinstance(error, ChatError) else "INTERNAL"
    details: list[Proto] = [ErrorInfo(reason=reason, domain=DOMAIN)]
    match error:
        case (
            InvalidInputError()
            | MessageTooLargeError()
            | RoomNotJoinedError()
            | ClientMessageIdReusedError()
        ):
            details.append(_bad_request(error.field, error))
        case (
            LimitReachedError(retry_after_s=retry_after_s)
            | StorageFullError(retry_after_s=retry_after_s)
        ):
            details.append(RetryInfo(retry_delay=duration_from_s(retry_after_s)))
        case _:
            pass
    return details


def _bad_request(field: str, error: ChatError) -> BadRequest:
    description = _message(error)
    violation = BadRequest.FieldViolation(field=field, description=description, reason=error.reason)
    return BadRequest(field_violations=[violation])


def _message(error: Exception) -> str:
    """Return the sentence of an error; what it quotes of a request may be long."""
    text = str(error)
    if len(text.encode()) <= MAX_MESSAGE_BYTES:
        return text
    return text.encode()[: MAX_MESSAGE_BYTES - len(ELLIPSIS)].decode(errors="ignore") + "…"


def _packed(detail: Proto) -> AnyProto:
    packed = AnyProto()
    packed.Pack(detail)
    return packed
