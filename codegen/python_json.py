"""Writes ``wsp/chat/v1/chat_json.py``: functions from messages to JSON objects.

Code and not a walk over descriptors, because every event of a gateway passes here.
"""

from __future__ import annotations

from collections.abc import Iterator

from codegen.shapes import UNKNOWN, Contract, Field, Kind, Shape
from codegen.text import snake_case

ROOTS = (
    "Event",
    "GetNodeResponse",
    "ListPeersResponse",
    "ListRoomsResponse",
    "ListMessagesResponse",
    "PublishResponse",
    "ConnectResponse",
    "CreateInviteResponse",
    "AcceptInviteResponse",
    "JoinRoomResponse",
    "LeaveRoomResponse",
    "SetProfileResponse",
    "GetProfileResponse",
    "ListProfilesResponse",
    "SetPetnameResponse",
    "ListConversationsResponse",
    "SetReadMarkerResponse",
    "DisconnectPeerResponse",
    "BlockPeerResponse",
    "UnblockPeerResponse",
    "ListBlockedPeersResponse",
    "ListDirectRequestsResponse",
    "AcceptDirectResponse",
    "DeclineDirectResponse",
    "GetMessageResponse",
    "HideMessageResponse",
    "MuteRoomResponse",
    "SearchMessagesResponse",
    "ForgetRoomResponse",
)
"""The messages that are translated, with all that they consist of."""

PREAMBLE = '''"""The messages of the API as JSON objects; generated from proto/chat.proto."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from wsp.chat.v1 import chat_pb2

Fields = dict[str, Any]


def text_from_time(time: Timestamp) -> str:
    """Write a time as RFC 3339 in UTC, to the microsecond."""
    return f"{_text_from_second(time.seconds)}.{time.nanos // 1000:06d}Z"


@lru_cache(maxsize=1024)
def _text_from_second(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"


def _milliseconds(duration: Duration) -> float:
    return duration.seconds * 1000 + duration.nanos / 1e6
'''


def source(contract: Contract) -> str:
    """Write the module."""
    shapes = [one for one in contract.reachable(*ROOTS) if one.name != "Event"]
    parts = [PREAMBLE, *(_enum(name, names) for name, names in contract.enums.items())]
    parts += [_function(contract, shape) for shape in shapes]
    parts.append(_event(contract))
    return "\n\n".join(parts)


def _enum(name: str, names: dict[int, str]) -> str:
    lines = (f"    {number}: {text!r},\n" for number, text in names.items())
    return f"{_enum_table(name)}: dict[int, str] = {{\n{''.join(lines)}}}"


def _enum_table(name: str) -> str:
    return f"_{snake_case(name).upper()}"


def _function(contract: Contract, shape: Shape) -> str:
    lines = [
        f"def fields_from_{snake_case(shape.name)}(message: chat_pb2.{shape.name}) -> Fields:",
        f'    """{shape.comment}"""',
        "    fields: Fields = {",
        *(
            f"        {field.json_name!r}: {_value(contract, field)},"
            for field in shape.fields
            if field.is_always_present
        ),
        "    }",
        *_optional_members(contract, shape),
        "    return fields",
    ]
    return "\n".join(lines) + "\n"


def _optional_members(contract: Contract, shape: Shape) -> Iterator[str]:
    for oneof in shape.oneofs:
        yield f"    match message.WhichOneof({oneof!r}):"
        for field in shape.members(oneof):
            yield f"        case {field.name!r}:"
            yield f"            fields[{field.json_name!r}] = {_value(contract, field)}"
    for field in shape.fields:
        if field.is_omitted_when_empty:
            yield f"    if message.{field.name}:"
            yield f"        fields[{field.json_name!r}] = {_value(contract, field)}"


def _value(contract: Contract, field: Field) -> str:
    path = f"message.{field.name}"
    if field.is_repeated:
        one = _single(contract, field, "one")
        return f"list({path})" if one == "one" else f"[{one} for one in {path}]"
    value = _single(contract, field, path)
    if field.is_null_when_empty:
        return f"{value} or None"
    if field.is_optional:
        return f"{value} if message.HasField({field.name!r}) else None"
    return value


def _single(contract: Contract, field: Field, path: str) -> str:
    match field.kind:
        case Kind.ENUM:
            return f"{_enum_table(field.type_name)}.get({path}, {UNKNOWN!r})"
        case Kind.TIME:
            return f"text_from_time({path})"
        case Kind.DURATION:
            return f"_milliseconds({path})"
        case Kind.BYTES:
            return f"b64encode({path}).decode()"
        case Kind.MESSAGE if field.type_name == "Event":
            return f"fields_from_{contract.event_of_list(field).name}_event({path})"
        case Kind.MESSAGE:
            return f"fields_from_{snake_case(field.type_name)}({path})"
        case _:
            return path


def _event(contract: Contract) -> str:
    bodies = (
        f"    {event.name!r}: fields_from_{snake_case(event.type_name)},\n"
        for event in contract.events
    )
    lists = {
        contract.event_of_list(field).name
        for shape in contract.reachable(*ROOTS)
        for field in shape.fields
        if field.type_name == "Event"
    }
    of_kind = "".join(
        f'''

def fields_from_{kind}_event(event: chat_pb2.Event) -> Fields:
    """Translate an event of the kind ``{kind}``."""
    return _fields_from_event(event, {kind!r})
'''
        for kind in sorted(lists)
    )
    return f'''BODIES: dict[str, Callable[[Any], Fields]] = {{
{"".join(bodies)}}}
"""How the fields of an event are translated, by its kind."""


def fields_from_event(event: chat_pb2.Event) -> Fields | None:
    """Translate an event; None where its kind is newer than this program."""
    kind = event.WhichOneof("event")
    return None if kind is None else _fields_from_event(event, kind)


def _fields_from_event(event: chat_pb2.Event, kind: str) -> Fields:
    fields = {{"type": kind, "cursor": event.cursor, "time": text_from_time(event.time)}}
    fields.update(BODIES[kind](getattr(event, kind)))
    return fields
{of_kind}'''
