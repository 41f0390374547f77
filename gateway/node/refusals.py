"""From gRPC errors to refusals: the one place where status details are read.

Used by the rest of ``gateway.node``.
"""

from __future__ import annotations

from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, status_pb2
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from gateway.errors import NODE_AWAY, Refusal

DETAILS_KEY = "grpc-status-details-bin"
NODE_STOPPING = "NODE_STOPPING"
"""The reason of whatever a node refuses or ends because it stops."""
NOBODY_LISTENS = "nobody listens at the node's address"
WRONG_TOKEN = "the node refuses the token"
_PROBLEMS = (
    (
        ("CERTIFICATE_VERIFY_FAILED", "Hostname Verification"),
        "the node's certificate is not trusted",
    ),
    (("handshake failed", "SSL_ERROR", "tsi_"), "the TLS handshake with the node failed"),
    (("Connection refused", "No such file"), NOBODY_LISTENS),
    (("DNS resolution failed", "Domain name not found"), "the node's name cannot be resolved"),
    (
        ("Socket closed", "Connection reset", "recvmsg"),
        "the node ended the connection; perhaps only one of the two speaks TLS",
    ),
)
"""Words of gRPC's errors, the first that fit count, and what they mean to an operator."""

DetailT = TypeVar("DetailT", bound=Message)


def refusal_from_rpc_error(error: grpc.aio.AioRpcError) -> Refusal:
    """Say why a call failed, in the node's own words where it gave any."""
    status = _status_in(error)
    if status is not None:
        return refusal_from_status(status)
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return NODE_AWAY
    code = error.code().name
    return Refusal(code, code, error.details() or "the node gave no reason")


def problem_from_rpc_error(error: grpc.aio.AioRpcError) -> str:
    """Say in one sentence for an operator why the node cannot be called."""
    details = error.details() or ""
    for words, sentence in _PROBLEMS:
        if any(word in details for word in words):
            return sentence
    if error.code() is grpc.StatusCode.UNAUTHENTICATED:
        return WRONG_TOKEN
    return f"{error.code().name}: {details.splitlines()[0] if details else 'no reason given'}"


def refusal_from_status(status: status_pb2.Status) -> Refusal:
    """Translate a rich status."""
    code = _code_name(status.code)
    info = _detail(status, ErrorInfo())
    bad = _detail(status, BadRequest())
    retry = _detail(status, RetryInfo())
    delay = retry.retry_delay if retry else None
    return Refusal(
        code,
        (info.reason if info else "") or code,
        status.message,
        field=bad.field_violations[0].field if bad and bad.field_violations else None,
        retry_after_ms=delay.seconds * 1000 + delay.nanos // 10**6 if delay else None,
    )


def _status_in(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return None
    return None


def _code_name(number: int) -> str:
    names = code_pb2.Code.DESCRIPTOR.values_by_number
    return names[number].name if number in names else "UNKNOWN"


def _detail(status: status_pb2.Status, into: DetailT) -> DetailT | None:
    """Return the first detail of a kind, unpacked, or None."""
    return into if any(one.Unpack(into) for one in status.details) else None
