"""The names and bounds of both protocols of direct messages."""

from __future__ import annotations

PROTOCOL = "/wsp/direct/1.0.0"
FIELD_PROTOCOL = "/universal-connectivity/dm/1.0.0"
MAX_RECORDS = 64
"""Of one request."""
MAX_REQUEST_BYTES = 256 << 10
"""Of the records of one request, if there is more than one."""
REQUEST_BYTES = MAX_REQUEST_BYTES + (8 << 10)
"""Of a request's frame, whose records each have a tag and a length."""
RESPONSE_BYTES = 1 << 10
FIELD_FRAME_BYTES = 65_536
