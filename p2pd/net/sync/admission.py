"""What a peer may have of this node's time, bytes and patience.

Asked by ``p2pd.net.sync.service`` before a session and told after it. A peer
that lies or asks for too much uses up its own budget and nobody else's.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from p2pd.domain.limits import TokenBucket
from p2pd.domain.names import PeerId

MIB = 1 << 20
SESSIONS_PER_S = 2.0
SESSIONS_BURST = 60
MIB_PER_S = 8.0
MIB_BURST = 512
MAX_SESSIONS = 8
PENALTY_S = 600.0
MAX_PEERS_KEPT = 4_096


@dataclass(slots=True)
class _Account:
    """One peer's budget."""

    sessions: TokenBucket = field(
        default_factory=lambda: TokenBucket(SESSIONS_PER_S, SESSIONS_BURST)
    )
    mib_left: float = MIB_BURST
    counted_at_s: float = 0.0
    barred_until_s: float = 0.0
    is_busy: bool = False


class Admission:
    """Who may have a session now; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[PeerId, _Account] = OrderedDict()
        self._busy = 0

    def begin(self, peer_id: PeerId, now_s: float) -> str | None:
        """Admit a session, or return the reason why not: ``busy`` or ``limit``."""
        account = self._account(peer_id, now_s)
        if account.is_busy or self._busy >= MAX_SESSIONS:
            return "busy"
        if now_s < account.barred_until_s or account.mib_left <= 0:
            return "limit"
        if account.sessions.take(now_s):
            return "limit"
        account.is_busy = True
        self._busy += 1
        return None

    def end(self, peer_id: PeerId, size_bytes: int) -> None:
        """Charge a session that ``begin`` admitted."""
        account = self._accounts[peer_id]
        account.is_busy = False
        account.mib_left -= size_bytes / MIB
        self._busy -= 1

    def bar(self, peer_id: PeerId, now_s: float) -> None:
        """Refuse a peer that broke the rules for a while."""
        self._account(peer_id, now_s).barred_until_s = now_s + PENALTY_S

    def is_free(self, peer_id: PeerId, now_s: float) -> bool:
        """Tell whether a session led by this node makes sense now."""
        account = self._account(peer_id, now_s)
        return not account.is_busy and now_s >= account.barred_until_s

    def _account(self, peer_id: PeerId, now_s: float) -> _Account:
        account = self._accounts.setdefault(peer_id, _Account(counted_at_s=now_s))
        self._accounts.move_to_end(peer_id)
        earned_mib = (now_s - account.counted_at_s) * MIB_PER_S
        account.mib_left = min(MIB_BURST, account.mib_left + earned_mib)
        account.counted_at_s = now_s
        self._forget_oldest()
        return account

    def _forget_oldest(self) -> None:
        while len(self._accounts) > MAX_PEERS_KEPT:
            oldest = next(iter(self._accounts))
            if self._accounts[oldest].is_busy:
                self._accounts.move_to_end(oldest)
            else:
                del self._accounts[oldest]
