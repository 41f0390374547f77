"""Requests from the bytes that arrived: what cannot be decoded is the caller's fault.

gRPC's own answer to such a request is INTERNAL, which names the node as the cause, so
every handler is given bytes and decodes them here. Used by all services of the API.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import wraps
from typing import TypeVar

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Proto

from p2pd.api.errors import MalformedRequestError
from p2pd.api.grpc_types import Context

P = TypeVar("P", bound=Proto)
R = TypeVar("R")


def request_from_bytes(kind: type[P], data: bytes) -> P:
    """Decode a request.

    Raises:
        MalformedRequestError: The bytes are no message, or a text in it is not UTF-8.
    """
    try:
        return kind.FromString(data)
    except (DecodeError, ValueError) as error:
        raise MalformedRequestError(kind.DESCRIPTOR.name) from error


def with_decoded_request(
    kind: type[P], method: Callable[[P, Context], Awaitable[R]]
) -> Callable[[bytes, Context], Awaitable[R]]:
    """Wrap a method with one request; its errors are raised where the method's are."""

    @wraps(method)
    async def decode(data: bytes, context: Context) -> R:
        return await method(request_from_bytes(kind, data), context)

    return decode


async def requests_from_bytes(kind: type[P], stream: AsyncIterator[bytes]) -> AsyncIterator[P]:
    """Decode the requests of a stream."""
    async for data in stream:
        yield request_from_bytes(kind, data)
