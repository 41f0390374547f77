"""The answers to a browser's commands, as JSON payloads.

Pure; written by ``gateway.delivery.session``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson

from gateway.channel.events import Fields
from gateway.errors import Refusal

FrameId: TypeAlias = str | int
"""The name that a browser gives to one of its commands."""


def ack(frame_id: FrameId, answer: Fields) -> bytes:
    """Report that a command was carried out, with the node's answer."""
    return orjson.dumps({"type": "ack", "id": frame_id, **answer})


def error(frame_id: FrameId | None, refusal: Refusal) -> bytes:
    """Report that a command was not carried out; its id is null where it had none."""
    fields: dict[str, Any] = {
        "type": "error",
        "id": frame_id,
        "code": refusal.code,
        "reason": refusal.reason,
        "message": refusal.message,
    }
    if refusal.field is not None:
        fields["field"] = refusal.field
    if refusal.retry_after_ms is not None:
        fields["retry_after_ms"] = refusal.retry_after_ms
    return orjson.dumps(fields)
