"""The messages of the API as JSON objects, read from the descriptors of the proto.

The rules: names stay as they are in the proto; an enum is its value's name in
lower case without the prefix, ``unknown`` for one that is unspecified or newer; a
time is RFC 3339 in UTC, a duration a number of milliseconds named ``…_ms``, bytes
are base64. A field declared ``optional`` is null where it is absent, a member of a
oneof is left out unless it is set, and a cursor or token that continues a list is
null at its end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

PACKAGE = ".wsp.chat.v1."
OMITTED_WHEN_EMPTY = frozenset({"Message.client_message_id", "Message.peer_id", "Message.room"})
"""Texts that are left out of the object instead of being empty."""
CONTINUING = "next_"
"""A text whose name starts like this continues a list."""
UNKNOWN = "unknown"

_MESSAGES, _FIELDS = 4, 2
"""Numbers of ``message_type`` in a file and of ``field`` in a message: a comment's path."""


class Kind(Enum):
    """What a field's value is."""

    TEXT = "text"
    BYTES = "bytes"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    NUMBER = "number"
    ENUM = "enum"
    TIME = "time"
    DURATION = "duration"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        type_name: The message or enum; empty for other kinds.
        is_optional: Null in JSON where it is absent.
        oneof: The choice it is a member of; empty outside of one.
        is_unsigned: A whole number that is never negative.
    """

    name: str
    comment: str
    kind: Kind
    type_name: str
    is_repeated: bool
    is_optional: bool
    oneof: str
    is_unsigned: bool
    is_omitted_when_empty: bool

    @property
    def json_name(self) -> str:
        """The member's name in JSON."""
        return f"{self.name}_ms" if self.kind is Kind.DURATION else self.name

    @property
    def is_null_when_empty(self) -> bool:
        """Whether it continues a list, and is null at its end."""
        return self.kind is Kind.TEXT and self.name.startswith(CONTINUING)

    @property
    def is_always_present(self) -> bool:
        """Whether every object has the member, null included."""
        return not self.oneof and not self.is_omitted_when_empty


@dataclass(frozen=True, slots=True)
class Shape:
    """One message."""

    name: str
    comment: str
    fields: tuple[Field, ...]

    def members(self, oneof: str) -> tuple[Field, ...]:
        """Return the members of a choice."""
        return tuple(field for field in self.fields if field.oneof == oneof)

    @property
    def oneofs(self) -> tuple[str, ...]:
        """The names of its choices."""
        return tuple(dict.fromkeys(field.oneof for field in self.fields if field.oneof))


@dataclass(frozen=True, slots=True)
class Contract:
    """Every message, and the names of every enum's values in JSON by number."""

    shapes: dict[str, Shape]
    enums: dict[str, dict[int, str]]

    @property
    def events(self) -> tuple[Field, ...]:
        """The kinds of ``Event``."""
        return self.shapes["Event"].members("event")

    def event_of_list(self, field: Field) -> Field:
        """Return the kind that a field of events holds, which ends its name.

        ``messages`` and ``last_message`` hold ``message``.
        """
        name = field.name.removesuffix("s").removeprefix("last_")
        (kind,) = (one for one in self.events if one.name == name)
        return kind

    def reachable(self, *names: str) -> list[Shape]:
        """Return the messages that these consist of, themselves included, parts first."""
        found: dict[str, Shape] = {}

        def visit(name: str) -> None:
            shape = self.shapes[name]
            for field in shape.fields:
                if field.kind is Kind.MESSAGE and field.type_name not in found:
                    visit(field.type_name)
            found[name] = shape

        for name in names:
            visit(name)
        return list(found.values())


def contract_from_proto(proto_dir: Path) -> Contract:
    """Compile ``chat.proto`` and read it.

    Raises:
        RuntimeError: protoc refused the file.
    """
    import grpc_tools
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "set"
        arguments = [
            "protoc",
            f"-I{proto_dir}",
            f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
            "--include_source_info",
            f"--descriptor_set_out={path}",
            "chat.proto",
        ]
        if protoc.main(arguments) != 0:  # type: ignore[no-untyped-call]
            raise RuntimeError("protoc could not compile proto/chat.proto")
        (file,) = FileDescriptorSet.FromString(path.read_bytes()).file
    return contract_from_file(file)


def contract_from_file(file: FileDescriptorProto) -> Contract:
    """Read a file with its comments."""
    comments = {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in file.source_code_info.location
    }
    shapes = (
        _shape(message, (_MESSAGES, index), comments)
        for index, message in enumerate(file.message_type)
    )
    return Contract(
        shapes={shape.name: shape for shape in shapes},
        enums={enum.name: dict(_enum_names(enum)) for enum in file.enum_type},
    )


def _shape(
    message: DescriptorProto, path: tuple[int, ...], comments: dict[tuple[int, ...], str]
) -> Shape:
    fields = tuple(
        _field(message, field, comments.get((*path, _FIELDS, index), ""))
        for index, field in enumerate(message.field)
    )
    return Shape(message.name, comments.get(path, ""), fields)


def _field(message: DescriptorProto, field: FieldDescriptorProto, comment: str) -> Field:
    in_oneof = field.HasField("oneof_index") and not field.proto3_optional
    return Field(
        name=field.name,
        comment=comment,
        kind=_kind(field),
        type_name=field.type_name.removeprefix(PACKAGE),
        is_repeated=field.label == FieldDescriptorProto.LABEL_REPEATED,
        is_optional=field.proto3_optional,
        oneof=message.oneof_decl[field.oneof_index].name if in_oneof else "",
        is_unsigned=field.type
        in {FieldDescriptorProto.TYPE_UINT32, FieldDescriptorProto.TYPE_UINT64},
        is_omitted_when_empty=f"{message.name}.{field.name}" in OMITTED_WHEN_EMPTY,
    )


def _kind(field: FieldDescriptorProto) -> Kind:
    types = FieldDescriptorProto
    match field.type:
        case types.TYPE_STRING:
            return Kind.TEXT
        case types.TYPE_BYTES:
            return Kind.BYTES
        case types.TYPE_BOOL:
            return Kind.BOOLEAN
        case types.TYPE_DOUBLE | types.TYPE_FLOAT:
            return Kind.NUMBER
        case types.TYPE_ENUM:
            return Kind.ENUM
        case types.TYPE_MESSAGE:
            return _MESSAGE_KINDS.get(field.type_name, Kind.MESSAGE)
        case _:
            return Kind.INTEGER


_MESSAGE_KINDS = {
    ".google.protobuf.Timestamp": Kind.TIME,
    ".google.protobuf.Duration": Kind.DURATION,
}


def _enum_names(enum: EnumDescriptorProto) -> Iterator[tuple[int, str]]:
    prefix = enum.value[0].name.removesuffix("UNSPECIFIED")
    for value in enum.value[1:]:
        yield value.number, value.name.removeprefix(prefix).lower()
