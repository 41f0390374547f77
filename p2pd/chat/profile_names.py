"""Who is called what at this node, and whose names look alike.

Owned by ``profiles``; changed and asked in the trio thread.
"""

from __future__ import annotations

from collections.abc import Iterable

from p2pd.chat.lookalikes import looks_of
from p2pd.domain.names import PeerId
from p2pd.domain.profiles import MAX_LOOKALIKES


class ProfileNames:
    """The names of each known peer, by what they look like.

    Peers are ordered by when their present name was first seen.
    """

    def __init__(self) -> None:
        self._looks: dict[PeerId, frozenset[str]] = {}
        self._peers: dict[str, dict[PeerId, None]] = {}

    def set(self, peer_id: PeerId, names: Iterable[str]) -> tuple[PeerId, ...]:
        """Call a peer by these names and no others.

        Returns:
            The other peers that looked like it before, or do now.
        """
        looks: frozenset[str] = frozenset().union(*map(looks_of, names))
        before = self._looks.pop(peer_id, frozenset())
        concerned = dict.fromkeys(self._others(peer_id, before))
        for look in before - looks:
            del self._peers[look][peer_id]
            if not self._peers[look]:
                del self._peers[look]
        for look in looks - before:
            self._peers.setdefault(look, {})[peer_id] = None
        if looks:
            self._looks[peer_id] = looks
        return tuple(concerned | dict.fromkeys(self._others(peer_id, looks)))

    def lookalikes(self, peer_id: PeerId) -> tuple[PeerId, ...]:
        """Return other peers whose names look like this one's, known longest first, at most 8."""
        looks = self._looks.get(peer_id, frozenset())
        return tuple(dict.fromkeys(self._others(peer_id, looks)))[:MAX_LOOKALIKES]

    def _others(self, peer_id: PeerId, looks: frozenset[str]) -> list[PeerId]:
        found = (other for look in sorted(looks) for other in self._peers.get(look, ()))
        return [other for other in found if other != peer_id]
