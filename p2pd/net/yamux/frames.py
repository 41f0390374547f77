"""Yamux frames as bytes. Pure; used by ``connection`` and ``stream``."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

HEADER = struct.Struct("!BBHII")
VERSION = 0
SESSION_ID = 0
"""The stream id of frames about the connection itself."""
INITIAL_WINDOW_BYTES = 256 * 1024
"""Bytes a side may send on a new stream before it is granted more."""
MAX_DATA_BYTES = 65_519 - HEADER.size
"""With its header one Noise message; js-libp2p and go-libp2p take 64 KiB."""


class FrameType:
    """What a frame is. Plain numbers here and below: an enum costs more than the rest."""

    DATA: Final = 0
    WINDOW_UPDATE: Final = 1
    PING: Final = 2
    GO_AWAY: Final = 3


class Flag:
    """What a frame does to its stream."""

    NONE: Final = 0
    SYN: Final = 1
    ACK: Final = 2
    FIN: Final = 4
    RST: Final = 8


class GoAway:
    """Why a connection ends."""

    NORMAL: Final = 0
    PROTOCOL_ERROR: Final = 1


class Header(NamedTuple):
    """The head of a frame; ``length`` is a size, a credit, a ping's name or a reason."""

    version: int
    type: int
    flags: int
    stream_id: int
    length: int


class ProtocolError(Exception):
    """The peer broke the rules of the protocol; the connection must end."""


def encode_frame(kind: int, flags: int, stream_id: int, length: int) -> bytes:
    """Encode a frame without a body."""
    return HEADER.pack(VERSION, kind, flags, stream_id, length)


def decode_header(buffer: bytes | bytearray, offset: int) -> Header:
    """Read the header at an offset.

    Raises:
        ProtocolError: Another version or an unknown type.
    """
    header = Header(*HEADER.unpack_from(buffer, offset))
    if header.version != VERSION or header.type > FrameType.GO_AWAY:
        raise ProtocolError(f"unknown frame: version {header.version}, type {header.type}")
    return header
