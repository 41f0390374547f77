"""Every error of the node has one status, with its reason and what mends it."""

from __future__ import annotations

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from p2pd import errors
from p2pd.api.errors import MalformedRequestError, TokenRequiredError
from p2pd.api.status_from_error import INTERNAL_MESSAGE, code_from_error, status_from_error
from tests.p2pd.api.reading import details_of

Code = grpc.StatusCode

CASES: list[tuple[errors.ChatError, grpc.StatusCode, str, str | None]] = [
    (errors.InvalidInputError("room", "WRONG", "m"), Code.INVALID_ARGUMENT, "WRONG", "room"),
    (errors.MessageTooLargeError(9, 8), Code.OUT_OF_RANGE, "MESSAGE_TOO_LARGE", "text"),
    (
        errors.ClientMessageIdReusedError(),
        Code.ALREADY_EXISTS,
        "CLIENT_MESSAGE_ID_REUSED",
        "client_message_id",
    ),
    (errors.PublishFailedError(), Code.INTERNAL, "INTERNAL", None),
    (errors.RoomNotJoinedError("x"), Code.FAILED_PRECONDITION, "ROOM_NOT_JOINED", "room"),
    (errors.NoAddressError(), Code.FAILED_PRECONDITION, "NO_ADDRESS", None),
    (errors.PeerBlockedError("x"), Code.FAILED_PRECONDITION, "PEER_BLOCKED", None),
    (errors.MessageUnknownError("x"), Code.NOT_FOUND, "MESSAGE_UNKNOWN", None),
    (errors.ProfileUnknownError("x"), Code.NOT_FOUND, "PROFILE_UNKNOWN", None),
    (errors.LimitReachedError("RATE", "m", 1.5), Code.RESOURCE_EXHAUSTED, "RATE", None),
    (errors.StorageFullError(2.0), Code.RESOURCE_EXHAUSTED, "STORAGE_FULL", None),
    (errors.StorageFailedError("m"), Code.UNAVAILABLE, "STORAGE_FAILED", None),
    (errors.DialFailedError("m"), Code.UNAVAILABLE, "DIAL_FAILED", None),
    (errors.DialTimeoutError("m"), Code.DEADLINE_EXCEEDED, "DIAL_TIMEOUT", None),
    (errors.NodeStoppingError(), Code.UNAVAILABLE, "NODE_STOPPING", None),
    (MalformedRequestError("X"), Code.INVALID_ARGUMENT, "MALFORMED_REQUEST", None),
    (TokenRequiredError(), Code.UNAUTHENTICATED, "TOKEN_REQUIRED", None),
]


@pytest.mark.parametrize(("error", "code", "reason", "field"), CASES)
def test_error_has_its_code_reason_and_field(
    error: errors.ChatError, code: grpc.StatusCode, reason: str, field: str | None
) -> None:
    status = status_from_error(error)
    details = details_of(status)
    assert code_from_error(error) is code
    assert (status.code, status.message) == (code.value[0], str(error))
    assert (details[ErrorInfo].reason, details[ErrorInfo].domain) == (reason, "wsp.chat.v1")
    violations = details[BadRequest].field_violations if BadRequest in details else ()
    assert [violation.field for violation in violations] == ([] if field is None else [field])
    limits = (errors.LimitReachedError, errors.StorageFullError)
    assert (RetryInfo in details) == isinstance(error, limits)


def test_every_error_of_the_node_is_in_the_table() -> None:
    known = {type(error) for error, *_ in CASES}
    assert set(errors.ChatError.__subclasses__()) <= known


def test_limit_tells_when_to_come_back() -> None:
    error = errors.LimitReachedError("X", "m", 1.5)
    assert details_of(status_from_error(error))[RetryInfo].retry_delay.ToMilliseconds() == 1500


@pytest.mark.parametrize("error", [ValueError("secret"), ExceptionGroup("x", [OSError("secret")])])
def test_unexpected_error_keeps_its_words_to_itself(error: Exception) -> None:
    status = status_from_error(error)
    assert (status.code, status.message) == (Code.INTERNAL.value[0], INTERNAL_MESSAGE)
    assert b"secret" not in status.SerializeToString()
