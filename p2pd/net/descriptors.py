"""A reserve of file descriptors: whoever connects must not use up the last ones.

Asked by the listeners before a connection is accepted, and by discovery before it
dials. The message store, gRPC's callers and the dials a caller asks for may use
what is left.
"""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from pathlib import Path

RESERVED = 128
"""Descriptors that inbound connections leave free."""
RESERVED_SHARE = 4
"""Under a low limit the reserve is this part of it: a quarter."""
DISCOVERY_SHARE = 2
"""Of the reserve, discovery leaves this part free: a half."""
OPEN_FILES = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")


@dataclass(frozen=True, slots=True)
class DescriptorReserve:
    """Whether there are descriptors for what others cause; reads the limit each time."""

    reserved: int = RESERVED

    def permits_inbound(self) -> bool:
        """Return whether one more connection may be accepted."""
        return self._free() > self._reserve()

    def permits_discovery(self) -> bool:
        """Return whether a peer that was found may be dialled, or mDNS be opened."""
        return self._free() > self._reserve() // DISCOVERY_SHARE

    def _reserve(self) -> int:
        return min(self.reserved, _limit() // RESERVED_SHARE)

    def _free(self) -> int:
        """Count the descriptors that may still be opened; none where that cannot be seen."""
        try:
            return _limit() - sum(1 for _ in OPEN_FILES.iterdir())
        except OSError:
            return 0


def _limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else soft
