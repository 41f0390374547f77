"""Peers that a person wants nothing of, and peers that are left alone until they are named.

The one writer of both kinds of entries in the store. ``Inbox`` and whoever reads stored
messages ask ``is_blocked``, from any thread; the network is given both sets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from p2pd.domain.events import PeerBlocked
from p2pd.domain.names import PeerId
from p2pd.errors import InvalidInputError, LimitReachedError, PeerBlockedError
from p2pd.log.log import Log
from p2pd.store.entry_store import EntryKind, EntryStore

MAX_BLOCKED = 4_096
MAX_UNDIALLED = 1_024
"""For one more, the one disconnected longest ago may be dialled again."""
REPEAT_S = 60.0


class Disconnecting(Protocol):
    """The network, as far as it ends connections."""

    def refuse_peers(self, blocked: frozenset[PeerId], undialled: frozenset[PeerId]) -> None:
        """Dial none of these peers from now on, and accept none that is blocked."""

    async def disconnect(self, peer_id: PeerId) -> None:
        """Close the connections to a peer and hold it no more."""

    def forget_peer(self, peer_id: PeerId) -> None:
        """Forget where a peer may be dialled."""


class Blocks:
    """Who is blocked and who is not dialled; called in the trio thread, asked in any.

    Attributes:
        on_unblocked: Called once a peer is blocked no more.
        on_forgotten: Called with each peer of which nothing is to be kept; may raise.
    """

    def __init__(self, log: Log, store: EntryStore, own_id: PeerId) -> None:
        self.on_unblocked: list[Callable[[PeerId], None]] = []
        self.on_forgotten: list[Callable[[PeerId], None]] = []
        self._log = log
        self._store = store
        self._own_id = own_id
        self._network: Disconnecting | None = None
        self._blocked = dict.fromkeys(map(PeerId, store.entries(EntryKind.BLOCKED)))
        self._undialled = dict.fromkeys(map(PeerId, store.entries(EntryKind.UNDIALLED)))

    async def start(self, network: Disconnecting) -> None:
        """Have the network refuse these peers, those that came before this, too."""
        self._network = network
        self._tell_network()
        for peer_id in self.blocked:
            await network.disconnect(peer_id)

    @property
    def blocked(self) -> tuple[PeerId, ...]:
        """The blocked peers, by id."""
        return tuple(sorted(self._blocked))

    def is_blocked(self, peer_id: PeerId) -> bool:
        """Return whether nothing of a peer is stored or shown."""
        return peer_id in self._blocked

    async def block(self, peer_id: PeerId) -> None:
        """End all connections with a peer, store and show nothing of it from now on.

        Raises:
            InvalidInputError: It is this node itself.
            LimitReachedError: 4,096 peers are blocked.
            StorageFullError: There is no room to store it; nothing was changed.
            StorageFailedError: It may not survive.
        """
        self._check_other(peer_id)
        if peer_id not in self._blocked:
            if len(self._blocked) >= MAX_BLOCKED:
                raise LimitReachedError(
                    "TOO_MANY_BLOCKED", f"{MAX_BLOCKED} peers are blocked", REPEAT_S
                )
            self._store.save_entry(EntryKind.BLOCKED, peer_id, b"")
            self._blocked[peer_id] = None
            self._tell_network()
            self._log.emit(PeerBlocked(peer_id, is_blocked=True))
        await self._disconnect(peer_id)
        await self._store.wait_committed()

    async def unblock(self, peer_id: PeerId) -> None:
        """Admit a peer again; what is stored of it is shown again.

        Raises:
            StorageFullError: There is no room to store it; nothing was changed.
            StorageFailedError: It may not survive.
        """
        if peer_id in self._blocked:
            self._store.save_entry(EntryKind.BLOCKED, peer_id, None)
            del self._blocked[peer_id]
            self._tell_network()
            for call in self.on_unblocked:
                call(peer_id)
            self._log.emit(PeerBlocked(peer_id, is_blocked=False))
        await self._store.wait_committed()

    async def disconnect(self, peer_id: PeerId, *, forget: bool) -> None:
        """Close the connections to a peer and dial it no more until a caller names it.

        Args:
            forget: Drop its addresses, its profile and its petname as well.

        Raises:
            InvalidInputError: It is this node itself.
            StorageFullError: There is no room to store it; nothing was changed.
            StorageFailedError: It may not survive.
        """
        self._check_other(peer_id)
        self._store.save_entry(EntryKind.UNDIALLED, peer_id, b"")
        self._undialled.pop(peer_id, None)
        self._undialled[peer_id] = None
        while len(self._undialled) > MAX_UNDIALLED:
            self._admit_dial(next(iter(self._undialled)))
        self._tell_network()
        await self._disconnect(peer_id)
        if forget:
            for call in self.on_forgotten:
                call(peer_id)
            if self._network is not None:
                self._network.forget_peer(peer_id)
        await self._store.wait_committed()

    def name_peer(self, peer_id: PeerId) -> None:
        """Let a peer be dialled again: a caller names it.

        Raises:
            PeerBlockedError: It is blocked.
            StorageFullError: There is no room to write it down; nothing was changed.
            StorageFailedError: The disk refuses.
        """
        if peer_id in self._blocked:
            raise PeerBlockedError(peer_id)
        if peer_id in self._undialled:
            self._admit_dial(peer_id)
            self._tell_network()

    def _admit_dial(self, peer_id: PeerId) -> None:
        self._store.save_entry(EntryKind.UNDIALLED, peer_id, None)
        del self._undialled[peer_id]

    async def _disconnect(self, peer_id: PeerId) -> None:
        if self._network is not None:
            await self._network.disconnect(peer_id)

    def _tell_network(self) -> None:
        if self._network is not None:
            self._network.refuse_peers(frozenset(self._blocked), frozenset(self._undialled))

    def _check_other(self, peer_id: PeerId) -> None:
        if peer_id == self._own_id:
            raise InvalidInputError("peer_id", "OWN_PEER_ID", "that is this node itself")
