"""RPC frames of a pubsub stream: found in what a read brought, taken apart, made.

Used by the pubsub service and the router. A published message leaves an RPC as
the bytes it came in, so that it can be sent on as it was signed.
"""

from __future__ import annotations

from collections.abc import Iterable

from libp2p.pubsub.pb import rpc_pb2

from p2pd.domain.rejections import RejectionReason

#: Length-delimited, the wire type of messages, strings and bytes.
_DELIMITED = 2
#: Bytes of the fixed-size wire types.
_FIXED_BYTES = {1: 8, 5: 4}
_PUBLISH_TAG = rpc_pb2.RPC.PUBLISH_FIELD_NUMBER << 3 | _DELIMITED
#: A default rust peer takes no RPC over 65,536 bytes.
MAX_PACKED_BYTES = 60_000
#: A varint of 64 bits has no more.
_MAX_VARINT_BYTES = 10


class FrameError(ValueError):
    """The bytes are no RPC frame; ``reason`` is the name to count it by."""

    def __init__(self, reason: RejectionReason) -> None:
        super().__init__(reason)
        self.reason = reason


def varint(value: int) -> bytes:
    """Encode an unsigned integer."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def pack_rpcs(parts: Iterable[rpc_pb2.RPC]) -> list[rpc_pb2.RPC]:
    """Merge small RPCs, in order, into few that every peer takes; at least one."""
    packed = [rpc_pb2.RPC()]
    size_bytes = 0
    for part in parts:
        # With the tag and the length of the control message that parts share.
        part_bytes = part.ByteSize() + 4
        if size_bytes and size_bytes + part_bytes > MAX_PACKED_BYTES:
            packed.append(rpc_pb2.RPC())
            size_bytes = 0
        packed[-1].MergeFrom(part)
        size_bytes += part_bytes
    return packed


def frame_from_rpc(rpc: rpc_pb2.RPC) -> bytes:
    """Encode an RPC with its length before it."""
    encoded: bytes = rpc.SerializeToString()
    return varint(len(encoded)) + encoded


def frame_from_message(signed_bytes: bytes) -> bytes:
    """Frame an RPC that publishes one message, whose bytes stay as they are."""
    head = bytes((_PUBLISH_TAG,)) + varint(len(signed_bytes))
    return b"".join((varint(len(head) + len(signed_bytes)), head, signed_bytes))


def split_rpc(frame: bytes) -> tuple[list[bytes], bytes]:
    """Take an RPC apart.

    Returns:
        The published messages as they came, and the RPC without them, still
        encoded.

    Raises:
        FrameError: The frame is not a protobuf message.
    """
    messages: list[bytes] = []
    others: list[bytes] = []
    position, end = 0, len(frame)
    while position < end:
        start = position
        tag, position = _read_varint(frame, position)
        body, position = _skip_field(frame, tag & 7, position)
        if position > end:
            raise FrameError(RejectionReason.RPC_MALFORMED)
        if tag == _PUBLISH_TAG:
            messages.append(frame[body:position])
        else:
            others.append(frame[start:position])
    return messages, b"".join(others)


def _skip_field(frame: bytes, wire_type: int, position: int) -> tuple[int, int]:
    """Return where the content of a field begins and where it ends."""
    if wire_type == _DELIMITED:
        length, position = _read_varint(frame, position)
        return position, position + length
    if wire_type == 0:
        return position, _read_varint(frame, position)[1]
    if wire_type in _FIXED_BYTES:
        return position, position + _FIXED_BYTES[wire_type]
    raise FrameError(RejectionReason.RPC_MALFORMED)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Decode the varint at ``position``; return it and where the next byte is."""
    value = shift = 0
    for index in range(position, min(position + _MAX_VARINT_BYTES, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, index + 1
        shift += 7
    raise FrameError(RejectionReason.RPC_MALFORMED)


class FrameReader:
    """Cuts what the reads of one stream bring into frames.

    Holds at most one incomplete frame, whose length is checked first.
    """

    def __init__(self, max_frame_bytes: int) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._pieces: list[bytes] = []
        self._held_bytes = 0
        self._needed_bytes = 1

    def feed(self, data: bytes) -> list[bytes]:
        """Add what a read brought; return the frames that are complete now.

        Raises:
            FrameError: A frame is longer than allowed, or its length is no number.
        """
        self._pieces.append(data)
        self._held_bytes += len(data)
        if self._held_bytes < self._needed_bytes:
            return []
        joined = data if len(self._pieces) == 1 else b"".join(self._pieces)
        frames, position = self._cut(joined)
        rest = joined[position:]
        self._pieces = [rest] if rest else []
        self._held_bytes = len(rest)
        return frames

    def _cut(self, data: bytes) -> tuple[list[bytes], int]:
        """Return the complete frames and where the incomplete one begins."""
        frames: list[bytes] = []
        position, end = 0, len(data)
        self._needed_bytes = 1
        while position < end:
            try:
                length, body = _read_varint(data, position)
            except FrameError:
                if end - position < _MAX_VARINT_BYTES:
                    self._needed_bytes = end - position + 1
                    break
                raise FrameError(RejectionReason.RPC_LENGTH_MALFORMED) from None
            if length > self._max_frame_bytes:
                raise FrameError(RejectionReason.RPC_TOO_LARGE)
            if body + length > end:
                self._needed_bytes = body + length - position
                break
            frames.append(data[body : body + length])
            position = body + length
        return frames, position
