"""Pages of messages as JSON, each at most about 1 MiB.

Used by ``gateway.node.commands``. A page that is larger ends earlier, at the end in
the direction asked, and ``next_cursor`` goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from wsp.chat.v1 import chat_pb2

from gateway.channel.events import Fields
from gateway.node.translation import event_from_proto, fields_from_gap

MAX_PAGE_BYTES = 1024 * 1024
"""Of a page as JSON; one message always fits."""


def page_from_proto(page: chat_pb2.ListMessagesResponse, *, forward: bool) -> Fields:
    """Translate a page.

    Args:
        forward: Whether it was asked for by ``after``: the oldest messages stay.
    """
    events = page.messages if forward else reversed(page.messages)
    encoded, last_cursor = _encoded(events)
    return {
        "messages": encoded if forward else encoded[::-1],
        "next_cursor": last_cursor or page.next_cursor or None,
        "gap": fields_from_gap(page.gap) if page.HasField("gap") else None,
    }


def _encoded(events: Iterable[chat_pb2.Event]) -> tuple[list[orjson.Fragment], str]:
    """Encode events up to the bound; return them and the last one's cursor, if cut there."""
    encoded: list[orjson.Fragment] = []
    size_bytes = 0
    cursor = ""
    for event in events:
        translated = event_from_proto(event)
        if translated is None:
            continue
        payload = orjson.dumps(translated.fields)
        size_bytes += len(payload) + 1
        if encoded and size_bytes > MAX_PAGE_BYTES:
            return encoded, cursor
        encoded.append(orjson.Fragment(payload))
        cursor = event.cursor
    return encoded, ""
