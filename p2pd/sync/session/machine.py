"""One session as a machine: bytes, answers and the time in; one effect at a time out.

Made by ``p2pd.sync.service`` with the rules of a role, and driven by
``p2pd.sync.session_runner``. Everything that comes and goes counts against the
bounds of the session: bytes, worker time, and time that is earned by bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wsp.sync.v1 import sync_pb2

from p2pd.domain.rejections import RejectionReason
from p2pd.sync.errors import SyncAbuseError, SyncClosedError, SyncLimitError, SyncRefusedError
from p2pd.sync.scope import Scope, SessionResult
from p2pd.sync.session.effects import (
    AcceptMessages,
    AcceptResult,
    Effect,
    Ended,
    EnterRoom,
    Lookup,
    Receive,
    ReceiveFrame,
    Send,
    SendFrame,
    Steps,
)
from p2pd.sync.session.frames import FrameDecoder, encode_frame

MAX_REASON_LENGTH = 32


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What one session may cost.

    Attributes:
        timeout_s: Seconds that it may last at most.
        grace_s: Seconds that it may last whatever it moves.
        min_bytes_per_s: Behind the grace, a session that moves less ends.
        max_received_bytes: Bytes that a peer may send.
        max_worker_s: Seconds of a thread; the first look at a large room takes some.
    """

    timeout_s: float = 300.0
    grace_s: float = 30.0
    min_bytes_per_s: float = 8 << 10
    max_received_bytes: int = 160 << 20
    max_worker_s: float = 30.0


SESSION_LIMITS = SessionLimits()


class SessionStateError(RuntimeError):
    """The runner did what the session has not asked for: a fault of this node."""


class SyncSession:
    """A session under way.

    Each method that goes on raises SyncAbuseError where the peer breaks the rules,
    SyncClosedError and SyncRefusedError where it goes on no more, and SyncLimitError
    where it has had its share; the session is over then.

    Attributes:
        effect: What is to be done now.
        bytes_sent: Sent so far, lengths included.
        bytes_received: Received so far, lengths included.
        worker_s: Seconds of worker threads so far.

    Args:
        rules: The rules of a role.
        started_s: Now, in seconds of a monotonic clock.
    """

    def __init__(
        self,
        rules: Steps[SessionResult],
        started_s: float,
        limits: SessionLimits = SESSION_LIMITS,
    ) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0
        self.worker_s = 0.0
        self._started_s = started_s
        self._limits = limits
        self._decoder = FrameDecoder()
        self._rules = rules
        self.effect: Effect = self._advance(None)

    @property
    def bytes_moved(self) -> int:
        """Sent and received so far."""
        return self.bytes_sent + self.bytes_received

    @property
    def deadline_s(self) -> float:
        """When the session has been too slow, by the clock of ``started_s``."""
        limits = self._limits
        earned_s = limits.grace_s + self.bytes_moved / limits.min_bytes_per_s
        return self._started_s + min(limits.timeout_s, earned_s)

    def sent(self) -> None:
        """Go on: the bytes of ``Send`` have been written."""
        if not isinstance(self.effect, Send):
            raise SessionStateError(f"sent, but {self.effect} was to be done")
        self.bytes_sent += len(self.effect.data)
        self.effect = self._advance(None)

    def received(self, data: bytes) -> None:
        """Go on with what has come, nothing where the stream has ended."""
        if not isinstance(self.effect, Receive):
            raise SessionStateError(f"received, but {self.effect} was to be done")
        if not data:
            raise SyncClosedError("the stream ended")
        self.bytes_received += len(data)
        if self.bytes_received > self._limits.max_received_bytes:
            raise SyncAbuseError(RejectionReason.SYNC_TOO_MANY_BYTES)
        self._decoder.feed(data)
        frame = self._next_frame()
        self.effect = Receive() if frame is None else self._advance(frame)

    def entered(self, scope: Scope | None) -> None:
        """Go on: what is wanted of the room; None where it is not joined."""
        if not isinstance(self.effect, EnterRoom):
            raise SessionStateError(f"entered, but {self.effect} was to be done")
        self.effect = self._advance(scope)

    def accepted(self, accepted: AcceptResult) -> None:
        """Go on: messages have been accepted."""
        if not isinstance(self.effect, AcceptMessages):
            raise SessionStateError(f"accepted, but {self.effect} was to be done")
        self.effect = self._advance(accepted)

    def looked_up(self, answer: Any, worker_s: float) -> None:
        """Go on with the answer to a ``Lookup``, which took so long in a thread."""
        if isinstance(self.effect, Send | Receive | EnterRoom | AcceptMessages | Ended):
            raise SessionStateError(f"looked up, but {self.effect} was to be done")
        self.worker_s += worker_s
        self.effect = self._advance(answer)

    def _advance(self, answer: Any) -> Effect:
        while True:
            try:
                step = self._rules.send(answer)
            except StopIteration as stop:
                return Ended(stop.value)
            if not isinstance(step, ReceiveFrame):
                return self._effect_of(step)
            frame = self._next_frame()
            if frame is None:
                return Receive()
            answer = frame

    def _effect_of(self, step: SendFrame | EnterRoom | AcceptMessages | Lookup[Any]) -> Effect:
        if isinstance(step, SendFrame):
            return Send(encode_frame(step.frame))
        is_lookup = not isinstance(step, EnterRoom | AcceptMessages)
        if is_lookup and self.worker_s > self._limits.max_worker_s:
            raise SyncLimitError("too much of this node's time")
        return step

    def _next_frame(self) -> sync_pb2.Frame | None:
        frame = self._decoder.next_frame()
        if frame is not None and frame.WhichOneof("frame") == "done" and frame.done.reason:
            raise SyncRefusedError(frame.done.reason[:MAX_REASON_LENGTH])
        return frame
