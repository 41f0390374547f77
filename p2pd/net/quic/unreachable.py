"""What hosts and routers report by ICMP of datagrams that did not arrive.

Used by ``datagrams``. A socket that is connected to nobody is informed of it only where
it asks; then every report also fails one later call, whomever that one sends to.

Source: ip(7), IP_RECVERR; RFC 9000, section 14.2.1, on reports that are forged.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

IP_RECVERR = 11
IPV6_RECVERR = 25
MSG_ERRQUEUE = 0x2000
"""Python names it on some platforms only."""
EXTENDED_ERROR = struct.Struct("=IBBBBII")
REPORT_KINDS = ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR))
FROM_ICMP = (2, 3)
"""SO_EE_ORIGIN_ICMP and SO_EE_ORIGIN_ICMP6; others come from this machine."""
ENDING = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)
"""Reports after which a dial is over, as it is over TCP."""
MAX_QUOTED_BYTES = 128
ANCILLARY_BYTES = 256
MAX_REPORTS = 32
"""Read at once, before other tasks get a turn."""
IS_SUPPORTED = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Unreachable:
    """One report.

    Attributes:
        address: Where the datagram was sent to.
        number: The ``errno`` that the report means.
        source_cid: The connection id of the sender in what the report quotes of it, which
            nobody knows who does not see the datagrams; empty where it quotes too little.
    """

    address: Any
    number: int
    source_cid: bytes

    def error(self) -> OSError:
        """Return what a dial over TCP would have raised."""
        return OSError(self.number, os.strerror(self.number))


def report_unreachable(bound: socket.socket) -> bool:
    """Have a socket keep such reports; returns whether it does."""
    if not IS_SUPPORTED:
        return False
    is_v6 = bound.family is socket.AF_INET6
    level, option = REPORT_KINDS[1 if is_v6 else 0]
    bound.setsockopt(level, option, 1)
    return True


def read_unreachable(bound: socket.socket) -> Iterator[Unreachable]:
    """Read the reports that wait, at most 32 of them."""
    for _ in range(MAX_REPORTS):
        try:
            quoted, ancillary, _, address = bound.recvmsg(
                MAX_QUOTED_BYTES, ANCILLARY_BYTES, MSG_ERRQUEUE
            )
        except OSError:  # none is left
            return
        for level, kind, data in ancillary:
            if (level, kind) in REPORT_KINDS:
                number, origin, *_ = EXTENDED_ERROR.unpack_from(data)
                if origin in FROM_ICMP and number in ENDING:
                    yield Unreachable(address, number, source_cid_of(quoted))


def source_cid_of(quoted: bytes) -> bytes:
    """Return the sender's id in the beginning of a datagram that opens a connection.

    Source: RFC 9000, section 17.2.
    """
    if len(quoted) < 6 or not quoted[0] & 0x80:
        return b""
    at = 6 + quoted[5]
    if len(quoted) <= at or len(quoted) < at + 1 + quoted[at]:
        return b""
    return quoted[at + 1 : at + 1 + quoted[at]]
