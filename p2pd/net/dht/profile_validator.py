"""What the DHT stores under ``/wsp-profile/PEER-ID``: the newest good profile of that peer.

Part of ``dht``. Only nodes of this kind store such values: other servers refuse a
namespace that they do not know.
"""

from __future__ import annotations

from collections.abc import Callable

from libp2p.records.validator import Validator

from p2pd.domain.names import PeerId
from p2pd.domain.profiles import ProfileRecord
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.profiles.record import ProfileRefusedError, open_profile

NAMESPACE = "wsp-profile"
PROFILE_PREFIX = f"/{NAMESPACE}/".encode()


def key_of_profile(peer_id: PeerId) -> bytes:
    """Return the key of a peer's profile."""
    return PROFILE_PREFIX + peer_id.encode()


class ProfileValidator(Validator):
    """Admit good profiles of the peer that the key names; count the others by reason."""

    def __init__(self, rejections: Rejections, clock_ns: Callable[[], int]) -> None:
        self._rejections = rejections
        self._clock_ns = clock_ns

    def validate(self, key: str, value: bytes) -> None:
        """Check a value that is put.

        Raises:
            ProfileRefusedError: It is not to be stored; the library then resets the stream.
        """
        try:
            self._open(key, value)
        except ProfileRefusedError as error:
            self._rejections.count(error.reason)
            raise

    def select(self, key: str, values: list[bytes]) -> int:
        """Return which value is the newest; of two alike the last, so that it stays longer.

        Raises:
            ProfileRefusedError: The newest is good no more.
        """
        records = [self._open(key, value, is_dated=False) for value in values]
        newest = max(range(len(values)), key=lambda index: (records[index].sequence, index))
        if newest == 0 and len(values) > 1:
            self._rejections.count(RejectionReason.PROFILE_OUTDATED)
        return newest

    def _open(self, key: str, value: bytes, *, is_dated: bool = True) -> ProfileRecord:
        peer_id = PeerId(key.removeprefix(PROFILE_PREFIX.decode()))
        return open_profile(value, peer_id, self._clock_ns() if is_dated else None)
