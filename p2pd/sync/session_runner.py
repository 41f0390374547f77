"""Sessions held within their bounds: whatever a peer does in one ends here.

Used by ``p2pd.sync.service`` for both roles. A session has a slot, a number of
bytes, and time that it earns by bringing or taking bytes: one that trickles ends
soon. How it ended is counted and remembered of the peer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
import trio
from wsp.sync.v1 import sync_pb2

from p2pd.domain.names import PeerId
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.errors import ChatError
from p2pd.sync.admission import Admission, Slot
from p2pd.sync.errors import SyncAbuseError, SyncError, SyncLimitError
from p2pd.sync.frames import FrameStream
from p2pd.sync.ports import ByteStream
from p2pd.sync.scope import SessionResult
from p2pd.sync.worker_budget import WorkerBudget

SESSION_TIMEOUT_S = 300.0
GRACE_S = 30.0
MIN_BYTES_PER_S = 8 << 10
"""Behind the grace, a session that moves less ends."""
SESSION_MAX_BYTES = 160 << 20

Session = Callable[[FrameStream, WorkerBudget], Awaitable[SessionResult]]

log = structlog.get_logger(__name__)


class SessionRunner:
    """Hold sessions; ``admission`` says with whom.

    Attributes:
        bytes_moved: Sent and received in all sessions that have ended.
    """

    def __init__(self, admission: Admission, rejections: Rejections) -> None:
        self.bytes_moved = 0
        self._admission = admission
        self._rejections = rejections
        self._limiters = {is_initiator: trio.CapacityLimiter(1) for is_initiator in (True, False)}

    async def hold(
        self, peer_id: PeerId, is_initiator: bool, stream: ByteStream, session: Session
    ) -> SessionResult | None:
        """Run a session on a stream and end the stream; None where it broke off."""
        slot = self._admission.admit(peer_id, is_initiator, trio.current_time())
        if isinstance(slot, str):
            self._rejections.count(RejectionReason(f"sync_{slot}"))
            await _send_done(FrameStream(stream, 0), slot)
            await stream.close()
            return None
        frames = FrameStream(stream, SESSION_MAX_BYTES, lambda moved: _earn_time(slot, moved))
        budget = WorkerBudget(self._limiters[is_initiator])
        _earn_time(slot, 0)
        result = None
        try:
            with slot.scope:
                result = await self._run(slot, frames, budget, session)
            if slot.scope.cancelled_caught:
                self._count_cut(slot)
        finally:
            self.bytes_moved += frames.bytes_moved
            self._admission.release(slot, frames.bytes_moved, budget.spent_s)
            await (stream.reset() if result is None else stream.close())
        return result

    async def _run(
        self, slot: Slot, frames: FrameStream, budget: WorkerBudget, session: Session
    ) -> SessionResult | None:
        peer_id = slot.peer_id
        try:
            return await session(frames, budget)
        except SyncAbuseError as error:
            self._rejections.count(error.reason)
            self._admission.bar(peer_id, trio.current_time())
            log.warning("peer barred from synchronising", peer_id=peer_id, reason=error.reason)
        except SyncLimitError:
            self._rejections.count(RejectionReason.SYNC_LIMIT)
            await _send_done(frames, "limit")
        except SyncError as error:
            log.debug("sync session ended early", peer_id=peer_id, error=str(error))
        except ChatError as error:
            log.warning("sync session failed", peer_id=peer_id, error=str(error))
        # Boundary: what the library says of a stream has no end of forms, and a session
        # that this node initiates is a task whose failure would end the process.
        except Exception as error:
            self._rejections.count(RejectionReason.SYNC_FAILED)
            log.warning("sync session failed", peer_id=peer_id, error=repr(error))
        return None

    def _count_cut(self, slot: Slot) -> None:
        now_s = trio.current_time()
        is_slow = now_s >= slot.scope.deadline
        reason = RejectionReason.SYNC_TOO_SLOW if is_slow else RejectionReason.SYNC_MADE_ROOM
        self._rejections.count(reason)
        self._admission.start_cooldown(slot.peer_id, now_s)


def _earn_time(slot: Slot, moved_bytes: int) -> None:
    earned_s = min(SESSION_TIMEOUT_S, GRACE_S + moved_bytes / MIN_BYTES_PER_S)
    slot.scope.deadline = slot.since_s + earned_s


async def _send_done(frames: FrameStream, reason: str) -> None:
    with suppress(SyncError):
        await frames.send(sync_pb2.Frame(done=sync_pb2.Done(reason=reason)))
