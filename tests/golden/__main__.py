"""Writes the golden files anew, for what was changed on purpose."""

from __future__ import annotations

import orjson
from wsp.chat.v1 import chat_pb2

from gateway.node.translation import event_from_proto
from tests.golden import BODIES, DIRECTORY, encoded_event

for kind in BODIES:
    event = event_from_proto(chat_pb2.Event.FromString(encoded_event(kind)))
    assert event is not None
    text = orjson.dumps(event.fields, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (DIRECTORY / f"{kind}.json").write_bytes(text)
