"""Sessions run within their bounds: whatever a peer does in one ends here.

Used by ``p2pd.sync.service`` for both roles. The runner does what a ``SyncSession`` names:
it reads and writes the stream, has worker threads answer from the store, and hands
messages on. How a session ended is counted and remembered of the peer.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import structlog
import trio
from wsp.sync.v1 import sync_pb2

from p2pd.domain.names import PeerId
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.errors import ChatError
from p2pd.sync.admission import Admission, Slot
from p2pd.sync.errors import SyncAbuseError, SyncClosedError, SyncError, SyncLimitError
from p2pd.sync.ports import ByteStream
from p2pd.sync.room_access import RoomAccess
from p2pd.sync.scope import SessionResult
from p2pd.sync.session.effects import (
    AcceptMessages,
    Ended,
    EnterRoom,
    Receive,
    Send,
    Steps,
)
from p2pd.sync.session.frames import encode_frame
from p2pd.sync.session.machine import SessionLimits, SyncSession
from p2pd.sync.worker_threads import answer_in_thread
from p2pd.workers import WORKER_THREADS, Workers

READ_BYTES = 1 << 16

log = structlog.get_logger(__name__)


class SessionRunner:
    """Run sessions; ``admission`` says with whom.

    Attributes:
        bytes_moved: Sent and received in all sessions that have ended.
    """

    def __init__(
        self,
        admission: Admission,
        rejections: Rejections,
        limits: SessionLimits,
        workers: Workers = WORKER_THREADS,
    ) -> None:
        self.bytes_moved = 0
        self._workers = workers
        self._admission = admission
        self._rejections = rejections
        self._limits = limits
        self._limiters = {is_initiator: trio.CapacityLimiter(1) for is_initiator in (True, False)}

    async def run(
        self,
        peer_id: PeerId,
        is_initiator: bool,
        stream: ByteStream,
        rules: Steps[SessionResult],
        room: RoomAccess,
    ) -> SessionResult | None:
        """Run a session on a stream and end the stream; None where it broke off."""
        slot = self._admission.admit(peer_id, is_initiator, trio.current_time())
        if isinstance(slot, str):
            self._rejections.count(RejectionReason(f"sync_{slot}"))
            await _send_done(stream, slot)
            await stream.close()
            return None
        session = SyncSession(rules, slot.since_s, self._limits)
        result = None
        try:
            slot.scope.deadline = session.deadline_s
            with slot.scope:
                result = await self._run_until_error(slot, session, stream, room)
            if slot.scope.cancelled_caught:
                self._count_cut(slot)
        finally:
            self.bytes_moved += session.bytes_moved
            self._admission.release(slot, session.bytes_moved, session.worker_s)
            await (stream.reset() if result is None else stream.close())
        return result

    async def _run_until_error(
        self, slot: Slot, session: SyncSession, stream: ByteStream, room: RoomAccess
    ) -> SessionResult | None:
        peer_id = slot.peer_id
        try:
            while not isinstance(session.effect, Ended):
                await self._do_effect(slot, session, stream, room)
                slot.scope.deadline = session.deadline_s
        except SyncAbuseError as error:
            self._rejections.count(error.reason)
            self._admission.bar(peer_id, trio.current_time())
            log.warning("peer barred from synchronising", peer_id=peer_id, reason=error.reason)
        except SyncLimitError:
            self._rejections.count(RejectionReason.SYNC_LIMIT)
            await _send_done(stream, "limit")
        except SyncError as error:
            log.debug("sync session ended early", peer_id=peer_id, error=str(error))
        except ChatError as error:
            log.warning("sync session failed", peer_id=peer_id, error=str(error))
        # Boundary: what the library says of a stream has no end of forms, and a session
        # that this node initiates is a task whose failure would end the process.
        except Exception as error:
            self._rejections.count(RejectionReason.SYNC_FAILED)
            log.warning("sync session failed", peer_id=peer_id, error=repr(error))
        return session.effect.result if isinstance(session.effect, Ended) else None

    async def _do_effect(
        self, slot: Slot, session: SyncSession, stream: ByteStream, room: RoomAccess
    ) -> None:
        match session.effect:
            case Send(data):
                await _write(stream, data)
                session.sent()
            case Receive():
                session.received(await _read(stream))
            case EnterRoom(name):
                session.entered(room.enter(name))
            case AcceptMessages(signed, wanted):
                session.accepted(await room.accept(signed, wanted))
            case Ended():
                pass
            case lookup:
                limiter = self._limiters[slot.is_initiator]
                ask = partial(lookup.answer, room)
                answer, worker_s = await answer_in_thread(self._workers, limiter, ask)
                session.looked_up(answer, worker_s)

    def _count_cut(self, slot: Slot) -> None:
        now_s = trio.current_time()
        is_slow = now_s >= slot.scope.deadline
        reason = RejectionReason.SYNC_TOO_SLOW if is_slow else RejectionReason.SYNC_MADE_ROOM
        self._rejections.count(reason)
        self._admission.start_cooldown(slot.peer_id, now_s)


async def _read(stream: ByteStream) -> bytes:
    try:
        return await stream.read(READ_BYTES)
    except (ConnectionError, TimeoutError) as error:
        raise SyncClosedError(str(error)) from error


async def _write(stream: ByteStream, data: bytes) -> None:
    try:
        await stream.write(data)
    except (ConnectionError, TimeoutError) as error:
        raise SyncClosedError(str(error)) from error


async def _send_done(stream: ByteStream, reason: str) -> None:
    with suppress(SyncError):
        await _write(stream, encode_frame(sync_pb2.Frame(done=sync_pb2.Done(reason=reason))))
