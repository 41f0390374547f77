"""Sessions held within their bounds: whatever a peer does in one ends here.

Used by ``p2pd.sync.service`` for both roles. A session has a seat, a number of
bytes, and time that it earns by bringing or taking bytes: one that trickles ends
soon. How it ended is counted and remembered of the peer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
import trio
from libp2p.abc import INetStream
from libp2p.network.stream.exceptions import StreamError
from wsp.sync.v1 import sync_pb2

from p2pd.domain.names import PeerId
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.errors import ChatError
from p2pd.sync.admission import Admission, Seat
from p2pd.sync.errors import SyncAbuseError, SyncError, SyncLimitError
from p2pd.sync.frames import FrameStream
from p2pd.sync.session import SessionResult
from p2pd.sync.worker_budget import WorkerBudget

SESSION_TIMEOUT_S = 300.0
GRACE_S = 30.0
MIN_BYTES_PER_S = 8 << 10
"""Behind the grace, a session that moves less ends."""
SESSION_MAX_BYTES = 160 << 20
CLOSE_TIMEOUT_S = 1.0
_READ_BYTES = 1 << 16

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
        self._turns = {is_led: trio.CapacityLimiter(1) for is_led in (True, False)}

    async def hold(
        self, peer_id: PeerId, is_led: bool, stream: INetStream, session: Session
    ) -> SessionResult | None:
        """Run a session on a stream and end the stream; None where it broke off."""
        seat = self._admission.begin(peer_id, is_led, trio.current_time())
        if isinstance(seat, str):
            self._rejections.count(RejectionReason(f"sync_{seat}"))
            await _say_done(FrameStream(stream, 0), seat)
            await _close(stream)
            return None
        frames = FrameStream(stream, SESSION_MAX_BYTES, lambda moved: _earn_time(seat, moved))
        questions = WorkerBudget(self._turns[is_led])
        _earn_time(seat, 0)
        result = None
        try:
            with seat.scope:
                result = await self._run(seat, frames, questions, session)
            if seat.scope.cancelled_caught:
                self._note_cut(seat)
        finally:
            self.bytes_moved += frames.bytes_moved
            self._admission.end(seat, frames.bytes_moved, questions.spent_s)
            await (_reset if result is None else _close)(stream)
        return result

    async def _run(
        self, seat: Seat, frames: FrameStream, questions: WorkerBudget, session: Session
    ) -> SessionResult | None:
        peer_id = seat.peer_id
        try:
            return await session(frames, questions)
        except SyncAbuseError as error:
            self._rejections.count(error.reason)
            self._admission.bar(peer_id, trio.current_time())
            log.warning("peer barred from synchronising", peer_id=peer_id, reason=error.reason)
        except SyncLimitError:
            self._rejections.count(RejectionReason.SYNC_LIMIT)
            await _say_done(frames, "limit")
        except SyncError as error:
            log.debug("sync session ended early", peer_id=peer_id, error=str(error))
        except ChatError as error:
            log.warning("sync session failed", peer_id=peer_id, error=str(error))
        # Boundary: what the library says of a stream has no end of forms, and a session
        # that this node leads is a task whose failure would end the process.
        except Exception as error:
            self._rejections.count(RejectionReason.SYNC_FAILED)
            log.warning("sync session failed", peer_id=peer_id, error=repr(error))
        return None

    def _note_cut(self, seat: Seat) -> None:
        now_s = trio.current_time()
        is_slow = now_s >= seat.scope.deadline
        reason = RejectionReason.SYNC_TOO_SLOW if is_slow else RejectionReason.SYNC_MADE_ROOM
        self._rejections.count(reason)
        self._admission.let_rest(seat.peer_id, now_s)


def _earn_time(seat: Seat, moved_bytes: int) -> None:
    earned_s = min(SESSION_TIMEOUT_S, GRACE_S + moved_bytes / MIN_BYTES_PER_S)
    seat.scope.deadline = seat.since_s + earned_s


async def _say_done(frames: FrameStream, reason: str) -> None:
    with suppress(SyncError):
        await frames.send(sync_pb2.Frame(done=sync_pb2.Done(reason=reason)))


async def _close(stream: INetStream) -> None:
    """End a stream in order, once the peer has ended its side; soon in any case."""
    with trio.move_on_after(CLOSE_TIMEOUT_S), suppress(StreamError):
        await stream.close()
        while await stream.read(_READ_BYTES):
            pass
        return
    await _reset(stream)


async def _reset(stream: INetStream) -> None:
    with trio.move_on_after(CLOSE_TIMEOUT_S) as scope, suppress(StreamError):
        scope.shield = True
        await stream.reset()
