"""Names and sentences as generated files write them."""

from __future__ import annotations

import re


def snake_case(name: str) -> str:
    """Write ``PeerConnected`` as ``peer_connected``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
