"""The frames of circuit relay v2 and what they mean. Pure: bytes in, facts out.

Read and written by every other module of this package; ``streams`` moves the bytes.

Source: libp2p specs, relay/circuit-v2.md, "Protobuf".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.pb.circuit_pb2 import HopMessage, Limit, Status, StopMessage

from p2pd.net.addresses import peer_from_bytes

HOP = TProtocol("/libp2p/circuit/relay/0.2.0/hop")
STOP = TProtocol("/libp2p/circuit/relay/0.2.0/stop")

MAX_FRAME_BYTES = 4096
"""Of one frame, either way; what go-libp2p takes."""

REFUSALS = frozenset(
    (
        Status.RESERVATION_REFUSED,
        Status.RESOURCE_LIMIT_EXCEEDED,
        Status.PERMISSION_DENIED,
        Status.CONNECTION_FAILED,
        Status.NO_RESERVATION,
    )
)

M = TypeVar("M", bound=Message)


class RelayError(Exception):
    """A relay, or a peer that uses this one, cannot be followed.

    Attributes:
        status: What the other side said, or is to be sent.
    """

    def __init__(self, status: Status.ValueType, reason: str = "") -> None:
        super().__init__(reason or f"the relay says {status_name(status)}")
        self.status = status

    @property
    def is_fault(self) -> bool:
        """Whether the other side broke the protocol, beyond saying no."""
        return self.status not in REFUSALS


@dataclass(frozen=True, slots=True)
class CircuitLimit:
    """What a relay carries of one connection; 0 for no limit."""

    max_bytes: int = 0
    max_s: int = 0

    @property
    def is_limited(self) -> bool:
        """Whether the relay ends the connection at some point."""
        return bool(self.max_bytes or self.max_s)


UNLIMITED = CircuitLimit()


@dataclass(frozen=True, slots=True)
class StopRequest:
    """A circuit that a relay offers: from whom, and how much of it."""

    source: ID
    limit: CircuitLimit


def status_name(status: int) -> str:
    """Name a status as the protobuf does; a number that it lacks stays one."""
    name = Status.DESCRIPTOR.values_by_number.get(status)
    return name.name if name else str(status)


def message_from_bytes(kind: type[M], frame: bytes) -> M:
    """Decode a frame.

    Raises:
        RelayError: It is no message of this kind, or it names none (MALFORMED_MESSAGE).
    """
    message = kind()
    try:
        message.ParseFromString(frame)
    except DecodeError as error:
        raise malformed("not a protobuf message") from error
    if not message.HasField("type"):
        raise malformed("a message without a type")
    return message


def malformed(reason: str) -> RelayError:
    """Make the error for a frame that breaks the protocol."""
    return RelayError(Status.MALFORMED_MESSAGE, reason)


def reserve_request() -> HopMessage:
    """Ask a relay for a reservation."""
    return HopMessage(type=HopMessage.RESERVE)


def connect_request(peer_id: ID) -> HopMessage:
    """Ask a relay for a circuit to a peer."""
    message = HopMessage(type=HopMessage.CONNECT)
    message.peer.id = peer_id.to_bytes()
    return message


def stop_request(source: ID, limit: CircuitLimit) -> StopMessage:
    """Offer a circuit to the peer that it leads to."""
    message = StopMessage(type=StopMessage.CONNECT)
    message.peer.id = source.to_bytes()
    write_limit(message, limit)
    return message


def hop_status(status: Status.ValueType, limit: CircuitLimit = UNLIMITED) -> HopMessage:
    """Answer a peer that asked this relay."""
    message = HopMessage(type=HopMessage.STATUS, status=status)
    write_limit(message, limit)
    return message


def stop_status(status: Status.ValueType) -> StopMessage:
    """Answer a relay that offered a circuit."""
    return StopMessage(type=StopMessage.STATUS, status=status)


def stop_request_from_message(message: StopMessage) -> StopRequest:
    """Read what a relay offers.

    Raises:
        RelayError: It offers nothing (UNEXPECTED_MESSAGE), or from nobody.
    """
    if message.type != StopMessage.CONNECT:
        raise RelayError(Status.UNEXPECTED_MESSAGE, "not an offer of a circuit")
    return StopRequest(peer_id_from_bytes(message.peer.id), limit_from_message(message))


def limit_from_status(message: HopMessage) -> CircuitLimit:
    """Read a relay's consent to a circuit.

    Raises:
        RelayError: It refuses, with its status; or it says something else.
    """
    check_status(message)
    return limit_from_message(message)


def check_status(message: HopMessage | StopMessage) -> None:
    """Check that the other side agrees.

    Raises:
        RelayError: It does not, or it says something else (UNEXPECTED_MESSAGE).
    """
    if message.type != type(message).STATUS:
        raise RelayError(Status.UNEXPECTED_MESSAGE, "no status where one was due")
    if message.status != Status.OK:
        raise RelayError(message.status)


def limit_from_message(message: HopMessage | StopMessage) -> CircuitLimit:
    """Read the limit of a circuit; a message without one means none."""
    limit: Limit = message.limit
    return CircuitLimit(max_bytes=limit.data, max_s=limit.duration)


def write_limit(message: HopMessage | StopMessage, limit: CircuitLimit) -> None:
    """Write a limit, and leave the field out where there is none (38).

    go and js take a connection for limited as soon as the field is there.
    """
    if limit.max_bytes:
        message.limit.data = limit.max_bytes
    if limit.max_s:
        message.limit.duration = limit.max_s


def peer_id_from_bytes(raw: bytes) -> ID:
    """Read a peer's id.

    Raises:
        RelayError: It is none (MALFORMED_MESSAGE).
    """
    peer_id = peer_from_bytes(raw)
    if peer_id is None:
        raise malformed("no peer id")
    return peer_id
