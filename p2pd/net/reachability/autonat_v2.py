"""The messages of AutoNAT v2: a request, what it costs, its answer, and the dial back.

Used by ``address_checks`` (which asks) and ``server_v2`` (which answers).

Source: libp2p specs, autonat/autonat-v2.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as AnyMessage
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from multiaddr import Multiaddr
from wsp.autonat.v2.autonat_pb2 import (
    DialDataRequest,
    DialDataResponse,
    DialRequest,
    DialResponse,
    DialStatus,
    Message,
)

from p2pd.net.advertised import bounded_addresses
from p2pd.net.reachability.autonat import AutonatError
from p2pd.net.streams.framed import FrameTooLongError, read_frame

DIAL_REQUEST = TProtocol("/libp2p/autonat/2/dial-request")
DIAL_BACK = TProtocol("/libp2p/autonat/2/dial-back")
MAX_FRAME_BYTES = 8 * 1024
MAX_DIAL_BACK_BYTES = 1024
MAX_ADDRESSES = 50
"""Of a request; more are not looked at."""
MIN_DIAL_DATA_BYTES = 30_000
MAX_DIAL_DATA_BYTES = 100_000
DIAL_DATA_PART_BYTES = 4_000

Read = TypeVar("Read", bound=AnyMessage)


def dial_request(addresses: Sequence[Multiaddr], nonce: int) -> Message:
    """Ask to be dialled at the first of these addresses that the server dials."""
    raw = [address.to_bytes() for address in addresses]
    return Message(dial_request=DialRequest(addrs=raw, nonce=nonce))


def dial_response(
    status: DialResponse.ResponseStatus.ValueType,
    index: int = 0,
    dial_status: DialStatus.ValueType = DialStatus.DIAL_STATUS_UNSPECIFIED,
) -> Message:
    """Answer a request."""
    response = DialResponse(status=status, addr_idx=index, dial_status=dial_status)
    return Message(dial_response=response)


def dial_data_request(index: int, size: int) -> Message:
    """Ask for the cost of a dial."""
    return Message(dial_data_request=DialDataRequest(addr_idx=index, num_bytes=size))


def dial_data_parts(size: int) -> Iterator[Message]:
    """Make the messages that pay for a dial."""
    for begin in range(0, size, DIAL_DATA_PART_BYTES):
        part = bytes(min(DIAL_DATA_PART_BYTES, size - begin))
        yield Message(dial_data_response=DialDataResponse(data=part))


def addresses_from_request(message: Message) -> list[tuple[int, Multiaddr]]:
    """Read where a peer asks to be dialled, each with its index; unreadable ones are left out.

    Raises:
        AutonatError: It is no request.
    """
    if message.WhichOneof("msg") != "dial_request":
        raise AutonatError("it is no request")
    asked = message.dial_request.addrs[:MAX_ADDRESSES]
    return [(index, each) for index, raw in enumerate(asked) for each in bounded_addresses([raw])]


async def read_message(stream: INetStream) -> Message:
    """Read one message of a request.

    Raises:
        AutonatError: It is malformed, or longer than 8 KiB.
        Exception: The stream broke.
    """
    return await read_as(Message, stream, MAX_FRAME_BYTES)


async def read_as(kind: type[Read], stream: INetStream, max_bytes: int) -> Read:
    """Read one message of a kind.

    Raises:
        AutonatError: It is malformed or too long.
        Exception: The stream broke.
    """
    try:
        return kind.FromString(await read_frame(stream, max_bytes))
    except DecodeError as error:
        raise AutonatError("it is malformed") from error
    except FrameTooLongError:
        raise AutonatError("it is too long") from None
