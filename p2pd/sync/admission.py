"""What a peer may have of this node's time, bytes and patience.

Asked by ``p2pd.sync.service`` before a session, and charged by ``session_runner`` after
it. A peer that lies or asks for too much uses up its own budget and nobody else's.
Sessions that this node initiates have slots of their own; where all are taken, the
session that has held its slot longest is ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from common.bounded_table import BoundedTable
from common.rates import TokenBucket
from p2pd.domain.names import PeerId

MIB = 1 << 20
SESSIONS_PER_S = 2.0
SESSIONS_BURST = 60
MIB_PER_S = 8.0
MIB_BURST = 512.0
WORK_S_PER_S = 0.1
WORK_S_BURST = 60.0
MAX_SLOTS = 8
"""Of each role."""
HOLD_S = 20.0
PENALTY_S = 600.0
COOLDOWN_S = 30.0
MAX_PEERS_COUNTED = 4_096


@dataclass(eq=False, slots=True)
class Slot:
    """A session under way; it is cancelled when another one needs its slot."""

    peer_id: PeerId
    is_initiator: bool
    since_s: float
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


@dataclass(slots=True)
class _Account:
    """One peer's budget, and until when it is barred or in its cooldown."""

    counted_at_s: float
    sessions: TokenBucket = field(
        default_factory=lambda: TokenBucket(SESSIONS_PER_S, SESSIONS_BURST)
    )
    mib_left: float = MIB_BURST
    work_s_left: float = WORK_S_BURST
    barred_until_s: float = 0.0
    cooldown_until_s: float = 0.0

    def refill(self, now_s: float) -> None:
        """Add what the budget has grown by since it was counted."""
        elapsed_s = max(0.0, now_s - self.counted_at_s)
        self.mib_left = min(MIB_BURST, self.mib_left + elapsed_s * MIB_PER_S)
        self.work_s_left = min(WORK_S_BURST, self.work_s_left + elapsed_s * WORK_S_PER_S)
        self.counted_at_s = max(self.counted_at_s, now_s)

    def is_as_new(self, now_s: float) -> bool:
        """Whether nothing counts against the peer any more."""
        self.refill(now_s)
        return (
            now_s >= max(self.barred_until_s, self.cooldown_until_s)
            and self.mib_left >= MIB_BURST
            and self.work_s_left >= WORK_S_BURST
            and self.sessions.refill(now_s) >= SESSIONS_BURST
        )


class Admission:
    """Who may have a session now; times are seconds of a monotonic clock.

    Args:
        own_id: Of two nodes that initiate a session with each other at once, the one
            with the lower id goes on.
        hold_s: Seconds in which no session is ended for another one.
    """

    def __init__(self, own_id: PeerId, hold_s: float = HOLD_S) -> None:
        self._own_id = own_id
        self._hold_s = hold_s
        self._now_s = 0.0
        self._shared = _Account(0.0)
        self._accounts: BoundedTable[PeerId, _Account] = BoundedTable(
            MAX_PEERS_COUNTED, lambda account: account.is_as_new(self._now_s)
        )
        self._slots: dict[tuple[PeerId, bool], Slot] = {}

    def admit(self, peer_id: PeerId, is_initiator: bool, now_s: float) -> Slot | str:
        """Admit a session, or return the reason why not: ``busy`` or ``limit``."""
        account = self._account(peer_id, now_s)
        if now_s < account.barred_until_s or min(account.mib_left, account.work_s_left) <= 0:
            return "limit"
        if not is_initiator and account.sessions.consume(now_s):
            return "limit"
        if self._is_engaged(peer_id, is_initiator) or not self._make_room(is_initiator, now_s):
            return "busy"
        slot = self._slots[peer_id, is_initiator] = Slot(peer_id, is_initiator, now_s)
        return slot

    def release(self, slot: Slot, size_bytes: int, work_s: float) -> None:
        """Free the slot of a session that ``admit`` gave it, and charge what it cost."""
        if self._slots.get((slot.peer_id, slot.is_initiator)) is slot:
            del self._slots[slot.peer_id, slot.is_initiator]
        account = self._account(slot.peer_id, slot.since_s)
        account.mib_left -= size_bytes / MIB
        account.work_s_left -= work_s

    def bar(self, peer_id: PeerId, now_s: float) -> None:
        """Refuse a peer that broke the rules for a while."""
        account = self._account(peer_id, now_s)
        if account is not self._shared:
            account.barred_until_s = now_s + PENALTY_S

    def start_cooldown(self, peer_id: PeerId, now_s: float) -> None:
        """Initiate no session with a peer for a while: it wasted the last one."""
        account = self._account(peer_id, now_s)
        if account is not self._shared:
            account.cooldown_until_s = now_s + COOLDOWN_S

    def may_initiate(self, peer_id: PeerId, now_s: float) -> bool:
        """Return whether this node may initiate a session with a peer now."""
        account = self._account(peer_id, now_s)
        is_willing = now_s >= max(account.barred_until_s, account.cooldown_until_s)
        return is_willing and not self._is_engaged(peer_id, is_initiator=True)

    def _is_engaged(self, peer_id: PeerId, is_initiator: bool) -> bool:
        if (peer_id, is_initiator) in self._slots:
            return True
        yields = not is_initiator and peer_id < self._own_id
        return not yields and (peer_id, not is_initiator) in self._slots

    def _make_room(self, is_initiator: bool, now_s: float) -> bool:
        occupied = [slot for slot in self._slots.values() if slot.is_initiator == is_initiator]
        if len(occupied) < MAX_SLOTS:
            return True
        longest = min(occupied, key=lambda slot: slot.since_s)
        if now_s - longest.since_s < self._hold_s:
            return False
        del self._slots[longest.peer_id, is_initiator]
        longest.scope.cancel()
        return True

    def _account(self, peer_id: PeerId, now_s: float) -> _Account:
        """Find a peer's account; peers that find the table full share one.

        An account leaves the table only when nothing counts against its peer, so that
        made-up peers cannot give a barred one a new beginning.
        """
        self._now_s = max(self._now_s, now_s)
        account = self._accounts.use(peer_id)
        if account is None:
            account = _Account(now_s)
            if not self._accounts.add(peer_id, account):
                account = self._shared
        account.refill(now_s)
        return account
