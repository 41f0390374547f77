"""The room of one session: what is wanted of it, what the store has, who appends to it.

Made by ``p2pd.sync.service`` for each session, and asked by ``session_runner``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p2pd.domain.items import Item
from p2pd.domain.names import PeerId, RoomName
from p2pd.sync.arrivals import Arrivals
from p2pd.sync.errors import SyncRefusedError
from p2pd.sync.reconciliation import ItemSet
from p2pd.sync.scope import Scope, SessionSource
from p2pd.sync.session.effects import AcceptResult


class RoomAccess:
    """One room and one peer; ``enter`` comes first.

    Attributes:
        scope: What is wanted of the room; None before it is entered.
        own: The items of this node; only once it is entered.

    Args:
        scope_of: What is wanted of a room now; None where it is not joined.
    """

    own: ItemSet

    def __init__(
        self,
        peer_id: PeerId,
        source: SessionSource,
        arrivals: Arrivals,
        scope_of: Callable[[RoomName], Scope | None],
    ) -> None:
        self.scope: Scope | None = None
        self._peer_id = peer_id
        self._source = source
        self._arrivals = arrivals
        self._scope_of = scope_of

    def enter(self, room: RoomName) -> Scope | None:
        """Return what is wanted of a room, None where it is not joined."""
        self.scope = self._scope_of(room)
        if self.scope is not None:
            self.own = self._source.item_set(self.scope.room)
        return self.scope

    def signed_bytes(self, items: Sequence[Item]) -> Sequence[bytes]:
        """Return the messages of these items that are stored, as their authors signed them."""
        return () if self.scope is None else self._source.signed_bytes(self.scope.room, items)

    async def accept(self, signed: Sequence[bytes], wanted: frozenset[Item] | None) -> AcceptResult:
        """Verify and append messages.

        Args:
            wanted: Only what is in it is accepted; None where the peer gives unasked.

        Raises:
            SyncRefusedError: The room has been left.
            SyncAbuseError: A message that no honest peer would send.
        """
        if self.scope is None or self._scope_of(self.scope.room) is None:
            raise SyncRefusedError("the room has been left")
        outstanding = None if wanted is None else set(wanted)
        new_count = await self._arrivals.accept(self.scope, self._peer_id, signed, outstanding)
        return AcceptResult(new_count, frozenset(outstanding or ()))
