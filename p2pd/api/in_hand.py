"""How much all PublishStreams may have under way, and the share of each.

Owned by ``ChatService``. A stream that has its share is not read, which its caller
feels by gRPC's flow control; what is offered beyond it waits with the caller.
"""

from __future__ import annotations

LEAST_SHARE = 16
"""Publishes that a stream may have in hand however many others there are."""
MAX_BYTES = 8 << 20
"""Of all streams together."""
LEAST_SHARE_BYTES = 64 << 10


class InHand:
    """Publishes that were read and not answered, of all streams.

    Args:
        max_publishes: Of all streams together; the share of each is equal.
    """

    def __init__(self, max_publishes: int, max_bytes: int = MAX_BYTES) -> None:
        self._max_publishes = max_publishes
        self._max_bytes = max_bytes
        self._sharing: set[Share] = set()
        """Those that have something in hand."""
        self._publishes = 0

    def new_share(self) -> Share:
        """Return the share of one more stream."""
        return Share(self)

    @property
    def max_share(self) -> int:
        """Publishes that each stream may have in hand now."""
        return max(LEAST_SHARE, self._max_publishes // max(1, len(self._sharing)))

    @property
    def max_share_bytes(self) -> int:
        """The same in bytes."""
        return max(LEAST_SHARE_BYTES, self._max_bytes // max(8, len(self._sharing)))

    @property
    def is_full(self) -> bool:
        """Whether a stream that has the least share may have no more."""
        return self._publishes >= self._max_publishes

    def update(self, share: Share, publishes: int) -> None:
        """Count what came to a share, or what left it."""
        self._publishes += publishes
        if share.publishes:
            self._sharing.add(share)
        else:
            self._sharing.discard(share)


class Share:
    """What one stream has in hand.

    Attributes:
        publishes: How many.
        size_bytes: How large they are.
    """

    def __init__(self, in_hand: InHand) -> None:
        self._in_hand = in_hand
        self.publishes = 0
        self.size_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether no more is to be read."""
        in_hand = self._in_hand
        return (
            self.publishes >= in_hand.max_share
            or self.size_bytes >= in_hand.max_share_bytes
            or (in_hand.is_full and self.publishes >= LEAST_SHARE)
        )

    def add(self, publishes: int, size_bytes: int) -> None:
        """Count what was read, or with negative numbers what was answered."""
        self.publishes += publishes
        self.size_bytes += size_bytes
        self._in_hand.update(self, publishes)

    def release(self) -> None:
        """Count everything as answered: the stream has ended."""
        self.add(-self.publishes, -self.size_bytes)
