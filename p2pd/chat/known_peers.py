"""Addresses where peers were reached, stored so that a restarted node dials them again.

Filled by ``dialling`` and ``presence``; read once, when the node starts.
"""

from __future__ import annotations

from typing import Never

import structlog
import trio

from p2pd.domain.peers import Direction, Peer
from p2pd.errors import ChatError
from p2pd.store.peer_store import KnownPeers, PeerStore

MAX_GIVEN = 128
MAX_FOUND = 64
SAVE_INTERVAL_S = 5.0
"""Between two saves of peers that this node found by itself."""

log = structlog.get_logger(__name__)


class KnownPeerList:
    """Addresses that were dialled with success: given by callers, or found for a room.

    The newest of each kind are stored; those that were found push out none that
    were given.
    """

    def __init__(self, store: PeerStore) -> None:
        self._store = store
        self._changed = trio.Event()
        stored = store.known_peers()
        self._given = dict.fromkeys(stored.given)
        self._found = dict.fromkeys(stored.found)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses, those given last; unchecked, as they were stored."""
        return (*self._found, *self._given)

    async def add_given(self, address: str) -> None:
        """Add an address by which a caller has connected; store it if that is possible."""
        _append(self._given, address, MAX_GIVEN)
        self._save()
        try:
            await self._store.wait_committed()
        except ChatError as error:
            log.warning("known peers may not survive", error=str(error))

    def peer_met(self, peer: Peer) -> None:
        """Add where a peer that shares a room was dialled, if it was."""
        if peer.connection is not None and peer.connection.direction is Direction.OUTBOUND:
            _append(self._found, f"{peer.connection.remote_address}/p2p/{peer.peer_id}", MAX_FOUND)
            self._changed.set()

    async def run(self) -> Never:
        """Store what changes; ends by cancellation."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            self._save()
            await trio.sleep(SAVE_INTERVAL_S)

    def _save(self) -> None:
        try:
            self._store.save_known_peers(KnownPeers(tuple(self._given), tuple(self._found)))
        except ChatError as error:
            log.warning("known peers not saved", error=str(error))
            self._changed.set()


def _append(newest: dict[str, None], text: str, max_count: int) -> None:
    newest.pop(text, None)
    newest[text] = None
    while len(newest) > max_count:
        del newest[next(iter(newest))]
