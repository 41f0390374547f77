"""Which streams the peer of a QUIC connection has opened. Pure, owned by ``connection``.

A stream is opened by what is sent on it, in any order: those of lower ids that were
passed over may come later, each once.
"""

from __future__ import annotations


class RemoteStreamIds:
    """The ids that the peer has used.

    Args:
        is_initiator: Whether this side dialled, which has the even ids.
    """

    def __init__(self, *, is_initiator: bool) -> None:
        self._is_initiator = is_initiator
        self._next_id = 1 if is_initiator else 0
        self._skipped: set[int] = set()

    def is_remote(self, stream_id: int) -> bool:
        """Return whether an id is the peer's to open."""
        return bool(stream_id & 1) == self._is_initiator

    def open(self, stream_id: int) -> bool:
        """Open a stream of the peer's; False where it was open before and has ended."""
        if stream_id >= self._next_id:
            self._skipped.update(range(self._next_id, stream_id, 4))
            self._next_id = stream_id + 4
            return True
        if stream_id in self._skipped:
            self._skipped.discard(stream_id)
            return True
        return False
