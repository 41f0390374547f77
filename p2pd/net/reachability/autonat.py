"""The messages of AutoNAT v1: a request to dial, and what came of it.

Used by ``prober`` and ``server``.

Source: libp2p specs, autonat/autonat-v1.md.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import DecodeError
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.autonat.pb.autonat_pb2 import Message
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.net.advertised import bounded_addresses
from p2pd.net.streams.framed import FrameTooLongError, read_frame

AUTONAT = TProtocol("/libp2p/autonat/1.0.0")
MAX_FRAME_BYTES = 8 * 1024

Status = Message.ResponseStatus


class AutonatError(Exception):
    """A message breaks the protocol."""


def dial_request(peer_id: ID, addresses: Iterable[Multiaddr]) -> Message:
    """Ask to be dialled at these addresses."""
    peer = Message.PeerInfo(
        id=peer_id.to_bytes(), addrs=[address.to_bytes() for address in addresses]
    )
    return Message(type=Message.DIAL, dial=Message.Dial(peer=peer))


def dial_response(
    status: Message.ResponseStatus.ValueType, address: Multiaddr | None = None
) -> Message:
    """Answer a request."""
    response = Message.DialResponse(status=status)
    if address is not None:
        response.addr = address.to_bytes()
    return Message(type=Message.DIAL_RESPONSE, dialResponse=response)


def addresses_from_request(message: Message, asker: ID) -> list[Multiaddr]:
    """Read where a peer asks to be dialled, at most 16 addresses.

    Raises:
        AutonatError: It asks for another peer, or for nothing.
    """
    if message.type != Message.DIAL or not message.HasField("dial"):
        raise AutonatError("it is no request")
    if message.dial.peer.id != asker.to_bytes():
        raise AutonatError("it is for another peer")
    return bounded_addresses(message.dial.peer.addrs)


def answer_from_response(
    message: Message,
) -> tuple[Message.ResponseStatus.ValueType, Multiaddr | None]:
    """Read the status, and the address that was dialled where there is one.

    Raises:
        AutonatError: It is no response.
    """
    if message.type != Message.DIAL_RESPONSE or not message.HasField("dialResponse"):
        raise AutonatError("it is no response")
    addresses = bounded_addresses([message.dialResponse.addr])
    return message.dialResponse.status, addresses[0] if addresses else None


async def read_message(stream: INetStream) -> Message:
    """Read one message.

    Raises:
        AutonatError: It is malformed, or longer than 8 KiB.
        Exception: The stream broke.
    """
    try:
        return Message.FromString(await read_frame(stream, MAX_FRAME_BYTES))
    except DecodeError as error:
        raise AutonatError("it is malformed") from error
    except FrameTooLongError:
        raise AutonatError("it is too long") from None
