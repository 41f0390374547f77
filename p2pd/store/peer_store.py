"""What a store retains of known peers: addresses to dial after a restart.

``p2pd.chat`` reads them at the start and is the only writer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KnownPeers:
    """Addresses that were dialled with success, the newest last; unchecked text.

    Attributes:
        given: By callers of Connect.
        found: By this node, of peers that share a room.
    """

    given: tuple[str, ...] = ()
    found: tuple[str, ...] = ()


class PeerStore(Protocol):
    """Known peers that survive a restart; called in the trio thread."""

    def known_peers(self) -> KnownPeers:
        """Return what is stored, from memory."""

    def save_known_peers(self, peers: KnownPeers) -> None:
        """Commit these addresses in the place of those before; the caller bounds them.

        Raises:
            StorageFullError: The disk has no room; nothing was changed.
            StorageFailedError: The disk refuses; nothing was changed.
        """

    async def wait_committed(self) -> None:
        """Wait until all that was committed before the call survives a power cut.

        Raises:
            StorageFailedError: It may not survive.
        """
