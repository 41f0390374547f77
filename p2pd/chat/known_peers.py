"""Addresses where peers were reached, stored so that a restarted node dials them again.

Filled by ``dialling`` and ``presence``; read once, when the node starts.
"""

from __future__ import annotations

from typing import Never

import structlog
import trio

from p2pd.domain.names import PeerId
from p2pd.domain.peers import Direction, Peer
from p2pd.errors import ChatError
from p2pd.store.peer_store import KnownPeers, PeerStore

MAX_GIVEN = 128
MAX_FOUND = 64
MAX_OF_PEER = 4
"""Addresses of one peer: the one that worked last, and some from before."""
SAVE_INTERVAL_S = 5.0
"""Between two saves of peers that this node found by itself."""

log = structlog.get_logger(__name__)


class KnownPeerList:
    """Addresses that were dialled with success: given by callers, or found for a room.

    Of each peer the four that worked last are stored. For one more of all, an address of
    a peer that has worked elsewhere since is evicted, or else the one that worked longest
    ago; those of peers that were found push out none of peers that were given.
    """

    def __init__(self, store: PeerStore) -> None:
        self._store = store
        self._changed = trio.Event()
        stored = store.known_peers()
        self._given = dict.fromkeys(stored.given)
        self._found = dict.fromkeys(stored.found)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses, those of peers given last; of each peer the one that worked last is last.

        Unchecked, as they were stored.
        """
        return (*self._found, *self._given)

    def is_given(self, peer_id: PeerId) -> bool:
        """Return whether a caller has named a peer's address, by which it was reached."""
        return any(_peer_of(address) == peer_id for address in self._given)

    async def add_given(self, address: str) -> None:
        """Add an address by which a caller has connected; store it if that is possible."""
        _append(self._given, address, MAX_GIVEN)
        self._save()
        try:
            await self._store.wait_committed()
        except ChatError as error:
            log.warning("known peers may not survive", error=str(error))

    def peer_met(self, peer: Peer) -> None:
        """Add where a peer that shares a room was dialled, if it was.

        A peer that a caller gave may have moved: its new address is dialled first then.
        """
        if peer.connection is None or peer.connection.direction is not Direction.OUTBOUND:
            return
        address = f"{peer.connection.remote_address}/p2p/{peer.peer_id}"
        if any(_peer_of(given) == peer.peer_id for given in self._given):
            _append(self._given, address, MAX_GIVEN)
        else:
            _append(self._found, address, MAX_FOUND)
        self._changed.set()

    def forget(self, peer_id: PeerId) -> None:
        """Remove every address of a peer."""
        for addresses in (self._given, self._found):
            for address in [each for each in addresses if _peer_of(each) == peer_id]:
                del addresses[address]
        self._save()

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


def _append(newest: dict[str, None], address: str, max_count: int) -> None:
    newest.pop(address, None)
    newest[address] = None
    of_peer = [each for each in newest if _peer_of(each) == _peer_of(address)]
    for surplus in of_peer[:-MAX_OF_PEER]:
        del newest[surplus]
    while len(newest) > max_count:
        del newest[_least_useful(newest)]


def _least_useful(newest: dict[str, None]) -> str:
    """Return the oldest address of a peer that has a newer one, else the oldest of all."""
    newest_of = {_peer_of(address): address for address in newest}
    stale = (address for address in newest if newest_of[_peer_of(address)] != address)
    return next(stale, next(iter(newest)))


def _peer_of(address: str) -> str:
    return address.rpartition("/p2p/")[2]
