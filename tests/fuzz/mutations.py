"""Bytes that a hostile peer may send: messages of a protocol filled by chance, and damaged.

Pure; a ``random.Random`` decides everything.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message
from libp2p.utils.varint import encode_uvarint

MAX_REPEATED = 4
MAX_DEPTH = 4
NUMBERS = (0, 1, 2, 127, 128, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
INTEGERS = {
    Field.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    Field.CPPTYPE_UINT32: (0, 2**32 - 1),
    Field.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    Field.CPPTYPE_UINT64: (0, 2**64 - 1),
}


class Filler:
    """Fills messages by chance.

    Args:
        blobs: Bytes that mean something to the node, such as peer ids and addresses.
        words: Text that does, such as names of rooms.
    """

    def __init__(self, chance: random.Random, blobs: Sequence[bytes], words: Sequence[str]) -> None:
        self._chance = chance
        self._blobs = blobs
        self._words = words

    def filled(self, message: Message, depth: int = 0) -> Message:
        """Fill most fields of a message."""
        for field in message.DESCRIPTOR.fields:
            if self._chance.random() < 0.3 or (depth >= MAX_DEPTH and field.message_type):
                continue
            if field.is_repeated:
                self._fill_repeated(message, field, depth)
            elif field.message_type is not None:
                self.filled(getattr(message, field.name), depth + 1)
                getattr(message, field.name).SetInParent()
            else:
                setattr(message, field.name, self._scalar(field))
        return message

    def _fill_repeated(self, message: Message, field: Any, depth: int) -> None:
        values: Any = getattr(message, field.name)
        for _ in range(self._chance.randint(0, MAX_REPEATED)):
            if field.message_type is not None:
                self.filled(values.add(), depth + 1)
            else:
                values.append(self._scalar(field))

    def _scalar(self, field: Any) -> object:
        chance = self._chance
        match field.cpp_type:
            case Field.CPPTYPE_STRING if field.type == Field.TYPE_BYTES:
                return chance.choice([*self._blobs, chance.randbytes(chance.randint(0, 80))])
            case Field.CPPTYPE_STRING:
                return chance.choice([*self._words, "", "\0", "é" * chance.randint(0, 40)])
            case Field.CPPTYPE_BOOL:
                return chance.random() < 0.5
            case Field.CPPTYPE_ENUM:
                return chance.choice(field.enum_type.values).number
            case Field.CPPTYPE_DOUBLE | Field.CPPTYPE_FLOAT:
                return chance.choice([0.0, -1.0, 1e300, float("nan"), float("inf")])
        least, most = INTEGERS[field.cpp_type]
        return max(least, min(most, chance.choice([-1, *NUMBERS])))


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Damage bytes in one of many ways, or in none."""
    return chance.choice(_MUTATIONS)(data, chance)


def framed(data: bytes, chance: random.Random) -> bytes:
    """Put a length before bytes, mostly theirs."""
    length = len(data)
    if chance.random() < 0.15:
        length = chance.choice([0, length + 1, 2 * length, 1 << 16, 1 << 20, 1 << 31, 1 << 63])
    return encode_uvarint(length) + data


def _same(data: bytes, _: random.Random) -> bytes:
    return data


def _flipped(data: bytes, chance: random.Random) -> bytes:
    flipped = bytearray(data)
    for _ in range(min(len(flipped), chance.randint(1, 8))):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randint(0, len(data))]


def _spliced(data: bytes, chance: random.Random) -> bytes:
    at, size = chance.randint(0, len(data)), chance.randint(0, 16)
    return data[:at] + chance.randbytes(size) + data[at + chance.randint(0, size) :]


def _repeated(data: bytes, chance: random.Random) -> bytes:
    return data * chance.randint(2, 5)


def _arbitrary(data: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(chance.randint(0, 2 * len(data) + 8))


_MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _same,
    _same,
    _flipped,
    _flipped,
    _truncated,
    _spliced,
    _repeated,
    _arbitrary,
)
