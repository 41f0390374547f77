"""Yamux frames as bytes. Pure; used by ``connection`` and ``stream``."""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import NamedTuple

HEADER = struct.Struct("!BBHII")
VERSION = 0
SESSION_ID = 0
"""The stream id of frames about the connection itself."""
INITIAL_WINDOW_BYTES = 256 * 1024
"""Bytes a side may send on a new stream before it is granted more."""
MAX_DATA_BYTES = 65_519 - HEADER.size
"""With its header one Noise message; js-libp2p and go-libp2p take 64 KiB."""


class FrameType(IntEnum):
    """What a frame is."""

    DATA = 0
    WINDOW_UPDATE = 1
    PING = 2
    GO_AWAY = 3


class Flag(IntFlag):
    """What a frame does to its stream."""

    NONE = 0
    SYN = 1
    ACK = 2
    FIN = 4
    RST = 8


class GoAway(IntEnum):
    """Why a connection ends."""

    NORMAL = 0
    PROTOCOL_ERROR = 1


class Header(NamedTuple):
    """The head of a frame; ``length`` is a size, a credit, a ping's name or a reason."""

    version: int
    type: int
    flags: int
    stream_id: int
    length: int


class ProtocolError(Exception):
    """The peer broke the rules of the protocol; the connection must end."""


def encode_frame(kind: FrameType, flags: int, stream_id: int, length: int) -> bytes:
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
