"""From which of this machine's addresses a datagram goes out of a socket that has all.

Used by ``endpoint``. A peer takes an answer only from the address that it has sent to;
left to itself a machine with several, as every one with IPv6 has, may choose another.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import TypeAlias

Source: TypeAlias = tuple[int, int, bytes]
"""What ``sendmsg`` is given: a level, a type and where to send from."""

ANCILLARY_BYTES = 128
IP_PKTINFO = 8
"""Python names it from 3.14 on."""
PACKET_INFO_4 = struct.Struct("=I4s4s")
PACKET_INFO_6 = struct.Struct("=16sI")
IS_SUPPORTED = sys.platform == "linux"


def report_sources(bound: socket.socket) -> bool:
    """Have a socket report where its datagrams were sent to; returns whether it does."""
    if not IS_SUPPORTED:
        return False
    if bound.family is socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        bound.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    return True


def host_of(source: Source) -> str:
    """Return the address of this machine in what an answer is sent with."""
    level, _, data = source
    if level == socket.IPPROTO_IP:
        return socket.inet_ntop(socket.AF_INET, PACKET_INFO_4.unpack(data)[1])
    return socket.inet_ntop(socket.AF_INET6, PACKET_INFO_6.unpack(data)[0])


def source_of(ancillary: list[tuple[int, int, bytes]]) -> Source | None:
    """Return what to send an answer with, so that it leaves from where the datagram came to."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            _, local, _ = PACKET_INFO_4.unpack_from(data)
            return level, kind, PACKET_INFO_4.pack(0, local, bytes(4))
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            local, _ = PACKET_INFO_6.unpack_from(data)
            return level, kind, PACKET_INFO_6.pack(local, 0)
    return None
