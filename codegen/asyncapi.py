"""Writes the generated parts of ``docs/asyncapi.yaml``: events, answers and schemas.

Run by ``make asyncapi``. Everything outside of the marked parts is written by hand.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from codegen.python_json import ROOTS
from codegen.shapes import UNKNOWN, Contract, Field, Kind, Shape, contract_from_proto

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "asyncapi.yaml"
ANSWERS = {
    "publish": "PublishResponse",
    "connect": "ConnectResponse",
    "create_invite": "CreateInviteResponse",
    "accept_invite": "AcceptInviteResponse",
    "join": "JoinRoomResponse",
    "leave": "LeaveRoomResponse",
    "history": "ListMessagesResponse",
    "set_profile": "SetProfileResponse",
    "get_profile": "GetProfileResponse",
    "list_profiles": "ListProfilesResponse",
    "set_petname": "SetPetnameResponse",
    "list_conversations": "ListConversationsResponse",
    "set_read_marker": "SetReadMarkerResponse",
    "disconnect_peer": "DisconnectPeerResponse",
    "block_peer": "BlockPeerResponse",
    "unblock_peer": "UnblockPeerResponse",
    "list_blocked_peers": "ListBlockedPeersResponse",
    "list_direct_requests": "ListDirectRequestsResponse",
    "accept_direct": "AcceptDirectResponse",
    "decline_direct": "DeclineDirectResponse",
    "get_message": "GetMessageResponse",
    "hide_message": "HideMessageResponse",
    "mute_room": "MuteRoomResponse",
    "search_messages": "SearchMessagesResponse",
    "forget_room": "ForgetRoomResponse",
}
"""The message that answers each command."""
OWN_MESSAGES = ("ack", "error", "node_state")
"""What the gateway sends besides events."""

Schema = dict[str, Any]


def document(text: str, contract: Contract) -> str:
    """Return the document with its generated parts written anew.

    Raises:
        ValueError: A part's marks are missing.
    """
    for name, part in PARTS.items():
        pattern = rf"(?m)^( *)# <generated {name}>\n(?:.*\n)*? *# </generated>\n"
        match = re.search(pattern, text)
        if match is None:
            raise ValueError(f"{DOCUMENT} has no marks of {name}")
        indent = match[1]
        dumped = yaml.safe_dump(part(contract), sort_keys=False, allow_unicode=True, width=88)
        body = textwrap.indent(dumped, indent)
        marked = f"{indent}# <generated {name}>\n{body}{indent}# </generated>\n"
        text = text[: match.start()] + marked + text[match.end() :]
    return text


def _channel_messages(contract: Contract) -> Schema:
    names = (*OWN_MESSAGES, *(event.name for event in contract.events))
    return {name: _ref(f"components/messages/{name}") for name in names}


def _sent_messages(contract: Contract) -> list[Schema]:
    return [_ref(f"channels/ws/messages/{name}") for name in _channel_messages(contract)]


def _messages(contract: Contract) -> Schema:
    return {"ack": _ack(contract)} | {
        event.name: {"summary": event.comment, "payload": _event_payload(contract, event)}
        for event in contract.events
    }


def _schemas(contract: Contract) -> Schema:
    # A page has a gap, and a request has messages, that are no events.
    bodies = {event.type_name for event in contract.events} - {"Gap", "Message"}
    return {
        shape.name: {"description": shape.comment, **_object(contract, shape)}
        for shape in contract.reachable(*ROOTS)
        if shape.name not in bodies and shape.name != "Event" and shape.name not in ROOTS
    }


PARTS: dict[str, Callable[[Contract], Any]] = {
    "channel": _channel_messages,
    "sent": _sent_messages,
    "messages": _messages,
    "schemas": _schemas,
}


def _event_payload(contract: Contract, event: Field) -> Schema:
    own: Schema = {
        "type": {"const": event.name},
        "cursor": _ref("components/schemas/Cursor"),
        "time": _ref("components/schemas/Time"),
    }
    return _object(contract, contract.shapes[event.type_name], own)


def _ack(contract: Contract) -> Schema:
    head: Schema = {"type": {"const": "ack"}, "id": _ref("components/schemas/Id")}
    # Answers of one shape are one: an answer that fits two would fit none of `oneOf`.
    titles: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for command, name in ANSWERS.items():
        fields = contract.shapes[name].fields
        titles.setdefault(tuple((one.name, one.type_name) for one in fields), []).append(command)
    answers = []
    for commands in titles.values():
        shape = contract.shapes[ANSWERS[commands[0]]]
        answer = _object(contract, shape, dict.fromkeys(head, True))
        answer["required"] = [one for one in answer["required"] if one not in head]
        answers.append({"title": ", ".join(commands), **answer})
    return {
        "summary": "The command with this id was carried out; the other fields are its answer.",
        "payload": {
            "type": "object",
            "required": list(head),
            "properties": head,
            "oneOf": answers,
        },
    }


def _object(contract: Contract, shape: Shape, own: Schema | None = None) -> Schema:
    own = {} if own is None else own
    always = [field.json_name for field in shape.fields if field.is_always_present]
    schema: Schema = {"type": "object", "required": [*own, *always]}
    for oneof in shape.oneofs:
        schema["oneOf"] = [{"required": [one.json_name]} for one in shape.members(oneof)]
    schema["properties"] = own | {
        field.json_name: _property(contract, field) for field in shape.fields
    }
    schema["additionalProperties"] = False
    return schema


def _property(contract: Contract, field: Field) -> Schema:
    schema = _value(contract, field)
    if field.is_repeated:
        schema = {"type": "array", "items": schema}
    elif field.is_optional or field.is_null_when_empty:
        schema = {"oneOf": [{"type": "null"}, schema]}
    return schema | {"description": field.comment}


def _value(contract: Contract, field: Field) -> Schema:
    match field.kind:
        case Kind.TIME:
            return _ref("components/schemas/Time")
        case Kind.DURATION:
            return {"type": "number", "minimum": 0}
        case Kind.ENUM:
            return {"enum": [*contract.enums[field.type_name].values(), UNKNOWN]}
        case Kind.BYTES:
            return {
                "type": "string",
                "contentEncoding": "base64",
                "pattern": "^[A-Za-z0-9+/]*={0,2}$",
            }
        case Kind.MESSAGE if field.type_name == "Event":
            kind = contract.event_of_list(field).name
            return _ref(f"components/messages/{kind}/payload")
        case Kind.MESSAGE:
            return _ref(f"components/schemas/{field.type_name}")
        case Kind.INTEGER:
            return {"type": "integer"} | ({"minimum": 0} if field.is_unsigned else {})
        case Kind.BOOLEAN | Kind.NUMBER:
            return {"type": field.kind.value}
        case _:
            return _text(field.name)


def _text(name: str) -> Schema:
    if name == "cursor":
        return _ref("components/schemas/Cursor")
    if name == "message_id":
        return _ref("components/schemas/MessageId")
    if name.endswith("_id") and name != "client_message_id":
        return _ref("components/schemas/PeerId")
    return {"type": "string"}


def _ref(path: str) -> Schema:
    return {"$ref": f"#/{path}"}


if __name__ == "__main__":
    DOCUMENT.write_text(
        document(DOCUMENT.read_text("utf-8"), contract_from_proto(ROOT / "proto")), "utf-8"
    )
