"""A fact of the node becomes the frame of its golden file, through node and gateway."""

from __future__ import annotations

import orjson
import pytest
from wsp.chat.v1 import chat_pb2

from gateway.node.translation import event_from_proto
from tests.golden import BODIES, CURSOR, DIRECTORY, encoded_event


def test_there_is_a_golden_file_of_each_kind_and_no_other() -> None:
    kinds = {field.name for field in chat_pb2.Event.DESCRIPTOR.oneofs_by_name["event"].fields}
    assert kinds == set(BODIES) == {path.stem for path in DIRECTORY.glob("*.json")}


@pytest.mark.parametrize("kind", BODIES)
def test_fact_becomes_its_golden_frame(kind: str) -> None:
    event = event_from_proto(chat_pb2.Event.FromString(encoded_event(kind)))
    assert event is not None
    assert event.cursor == CURSOR
    golden = orjson.loads((DIRECTORY / f"{kind}.json").read_bytes())
    assert orjson.loads(orjson.dumps(event.fields)) == golden, "python -m tests.golden writes it"


def test_event_of_a_newer_kind_has_no_kind_and_keeps_its_cursor() -> None:
    unknown_field = b"\x82\x3f\x02hi"  # field 1,008, a text
    event = chat_pb2.Event.FromString(encoded_event("gap") + unknown_field)
    event.ClearField("gap")
    event = chat_pb2.Event.FromString(event.SerializeToString())
    assert event.WhichOneof("event") is None
    assert event.cursor == CURSOR
    assert event_from_proto(event) is None
