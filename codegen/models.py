"""Writes ``wsp/chat/v1/chat_models.py``: pydantic models of the JSON objects, for OpenAPI."""

from __future__ import annotations

from codegen.python_json import ROOTS
from codegen.shapes import UNKNOWN, Contract, Field, Kind, Shape

PREAMBLE = '''"""The JSON objects of the API for OpenAPI; generated from proto/chat.proto."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel
'''


def source(contract: Contract) -> str:
    """Write the module."""
    shapes = contract.reachable(*(root for root in ROOTS if root != "Event"))
    parts = [PREAMBLE]
    for shape in shapes:
        if shape.name != "Event":
            parts += [_event_model(contract, one) for one in _listed_events(contract, shape)]
            parts.append(_model(contract, shape))
    return "\n\n".join(dict.fromkeys(parts))


def _listed_events(contract: Contract, shape: Shape) -> list[Field]:
    return [contract.event_of_list(field) for field in shape.fields if field.type_name == "Event"]


def _event_model(contract: Contract, event: Field) -> str:
    return f'''class {event.type_name}Event({event.type_name}):
    """{contract.shapes[event.type_name].comment}"""

    type: Literal[{event.name!r}]
    cursor: str
    time: str
'''


def _model(contract: Contract, shape: Shape) -> str:
    members = [f"    {field.json_name}: {_type(contract, field)}\n" for field in shape.fields]
    body = "".join(members) and "\n" + "".join(members)
    return f'class {shape.name}(BaseModel):\n    """{shape.comment}"""\n{body}'


def _type(contract: Contract, field: Field) -> str:
    one = _single(contract, field)
    if field.is_repeated:
        return f"list[{one}]"
    if not field.is_always_present:
        return f"{one} | None = None"
    return f"{one} | None" if field.is_optional or field.is_null_when_empty else one


def _single(contract: Contract, field: Field) -> str:
    match field.kind:
        case Kind.ENUM:
            names = (*contract.enums[field.type_name].values(), UNKNOWN)
            return f"Literal[{', '.join(map(repr, names))}]"
        case Kind.MESSAGE if field.type_name == "Event":
            return f"{contract.event_of_list(field).type_name}Event"
        case Kind.MESSAGE:
            return field.type_name
        case Kind.INTEGER:
            return "int"
        case Kind.BOOLEAN:
            return "bool"
        case Kind.NUMBER | Kind.DURATION:
            return "float"
        case _:
            return "str"
