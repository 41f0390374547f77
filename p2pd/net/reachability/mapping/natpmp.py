"""The messages of NAT-PMP. Pure.

Used by ``udp``.

Source: RFC 6886, sections 3.2 and 3.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from p2pd.net.reachability.mapping.router import MappingError, Wanted

VERSION = 0
OPCODES = {"udp": 1, "tcp": 2}
IS_RESPONSE = 128
EXTERNAL_ADDRESS = 0


@dataclass(frozen=True, slots=True)
class NatPmpMapping:
    """A mapping as a router answers it."""

    internal_port: int
    external_port: int
    lifetime_s: int


def address_request() -> bytes:
    """Ask for the router's external address."""
    return struct.pack("!BB", VERSION, EXTERNAL_ADDRESS)


def mapping_request(wanted: Wanted, lifetime_s: int) -> bytes:
    """Ask for a mapping; a lifetime of 0 removes it."""
    external_port = wanted.external_port if lifetime_s else 0
    return struct.pack(
        "!BBHHHI",
        VERSION,
        OPCODES[wanted.transport],
        0,
        wanted.internal_port,
        external_port,
        lifetime_s,
    )


def address_from_answer(answer: bytes) -> str:
    """Read the router's external address.

    Raises:
        MappingError: It is no such answer, or a refusal.
    """
    body = _body(answer, EXTERNAL_ADDRESS, 4)
    return str(IPv4Address(body))


def mapping_from_answer(answer: bytes, transport: str) -> NatPmpMapping:
    """Read a mapping.

    Raises:
        MappingError: It is no such answer, or a refusal.
    """
    return NatPmpMapping(*struct.unpack("!HHI", _body(answer, OPCODES[transport], 8)))


def _body(answer: bytes, opcode: int, size: int) -> bytes:
    """Check the head of an answer: version, opcode, result, seconds since the router's start."""
    if len(answer) < 8 or answer[0] != VERSION or answer[1] != IS_RESPONSE | opcode:
        raise MappingError("no answer of NAT-PMP")
    (result,) = struct.unpack("!H", answer[2:4])
    if result:
        raise MappingError(f"NAT-PMP refuses with result {result}")
    if len(answer) < 8 + size:
        raise MappingError("an answer of NAT-PMP is too short")
    return answer[8 : 8 + size]
