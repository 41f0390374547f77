"""WebSocket framing: JSON payloads as unmasked text messages, RFC 6455 section 5.2.

Used by ``gateway.http.socket`` and, through the fan-out, once for all browsers that
are at the same place.
"""

from __future__ import annotations

from collections.abc import Sequence

TEXT_FINAL = 0x81
"""First byte of a whole text message."""


def frames_from_payloads(payloads: Sequence[bytes]) -> bytes:
    """Return the frames of some payloads, joined for one write."""
    if len(payloads) == 1:
        return _header(len(payloads[0])) + payloads[0]
    return b"".join(part for one in payloads for part in (_header(len(one)), one))


def _header(size: int) -> bytes:
    if size < 126:
        return bytes((TEXT_FINAL, size))
    if size < 1 << 16:
        return bytes((TEXT_FINAL, 126, size >> 8, size & 0xFF))
    return bytes((TEXT_FINAL, 127)) + size.to_bytes(8, "big")
