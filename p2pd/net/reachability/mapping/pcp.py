"""The messages of PCP that make and remove a mapping. Pure.

Used by ``udp``.

Source: RFC 6887, sections 7 and 11.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from p2pd.net.reachability.mapping.router import MappingError, Wanted

VERSION = 2
MAP = 1
IS_RESPONSE = 128
PROTOCOLS = {"tcp": 6, "udp": 17}
NONCE_BYTES = 12
ANY_IPV4 = bytes(10) + b"\xff\xff" + bytes(4)
ANY_IPV6 = bytes(16)
HEAD_BYTES = 24
MAP_FORMAT = "!12sB3xHH16s"


@dataclass(frozen=True, slots=True)
class PcpMapping:
    """A mapping as a router answers it."""

    internal_port: int
    external_ip: str
    external_port: int
    lifetime_s: int


def map_request(wanted: Wanted, lifetime_s: int, own_ip: str, nonce: bytes) -> bytes:
    """Ask for a mapping to this machine, of IPv6 for a hole in a firewall; 0 s removes it.

    Args:
        nonce: 12 bytes; only who knows them renews or removes the mapping.
    """
    head = struct.pack("!BBHI16s", VERSION, MAP, 0, lifetime_s, _packed(own_ip))
    return head + struct.pack(
        MAP_FORMAT,
        nonce,
        PROTOCOLS[wanted.transport],
        wanted.internal_port,
        wanted.external_port if lifetime_s else 0,
        ANY_IPV6 if ":" in own_ip else ANY_IPV4,
    )


def mapping_from_answer(answer: bytes, transport: str, nonce: bytes) -> PcpMapping:
    """Read a mapping.

    Raises:
        MappingError: It is no answer to this request, or a refusal.
    """
    if len(answer) < 4 or answer[0] != VERSION or answer[1] != IS_RESPONSE | MAP:
        raise MappingError("no answer of PCP")
    if answer[3]:
        raise MappingError(f"PCP refuses with result {answer[3]}")
    if len(answer) < HEAD_BYTES + struct.calcsize(MAP_FORMAT):
        raise MappingError("an answer of PCP is too short")
    (lifetime_s,) = struct.unpack("!I", answer[4:8])
    echoed, protocol, internal_port, external_port, ip = struct.unpack_from(
        MAP_FORMAT, answer, HEAD_BYTES
    )
    if echoed != nonce or protocol != PROTOCOLS[transport]:
        raise MappingError("an answer of PCP is to another request")
    return PcpMapping(internal_port, _unpacked(ip), external_port, lifetime_s)


def _packed(ip: str) -> bytes:
    parsed = ip_address(ip)
    if isinstance(parsed, IPv4Address):
        return ANY_IPV4[:12] + parsed.packed
    return parsed.packed


def _unpacked(packed: bytes) -> str:
    parsed = IPv6Address(packed)
    return str(parsed.ipv4_mapped or parsed)
