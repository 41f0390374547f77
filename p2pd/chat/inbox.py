"""Messages of others on their way into the log, whatever brought them.

Gossip, synchronisation and ``direct_inbox`` verify signatures and give their batches to
the one ``Inbox``; what they do next rests on its verdicts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Never

import structlog
import trio

from p2pd.chat.outage import Outage
from p2pd.chat.validators import Validator, Validators
from p2pd.domain.events import Gap, GapReason
from p2pd.domain.message_ages import MessageAges
from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.domain.storage import StorageState
from p2pd.domain.verdicts import Verdict
from p2pd.errors import StorageFailedError, StorageFullError
from p2pd.log.log import Log

REPORT_INTERVAL_S = 5.0
"""Between two gaps of one outage."""

_REASONS: dict[type[Exception], RejectionReason] = {
    StorageFullError: RejectionReason.STORAGE_FULL,
    StorageFailedError: RejectionReason.STORAGE_FAILED,
}

log_line = structlog.get_logger(__name__)


class Inbox:
    """Validate and store what peers send; called in the trio thread.

    Attributes:
        on_recovered: Called with each room to fetch messages of, once messages can
            be stored again; must not raise.
        ages: How old messages were when they came.
    """

    def __init__(
        self,
        log: Log,
        rejections: Rejections,
        validators: Sequence[Validator] = (),
        is_blocked: Callable[[PeerId], bool] = lambda _: False,
    ) -> None:
        self._is_blocked = is_blocked
        self.on_recovered: list[Callable[[RoomName], None]] = []
        self.ages = MessageAges()
        self._log = log
        self._rejections = rejections
        self._validators = Validators(validators, rejections)
        self._outage = Outage(partial(rejections.count, RejectionReason.MISSED_OVER_LIMIT))
        self._missed = trio.Event()

    async def receive_messages(self, messages: Sequence[Message]) -> list[Verdict]:
        """Validate and append messages of others.

        Cancellation: none of them is stored, or all that were accepted.
        """
        if any(self._is_blocked(one.author_id) for one in messages):
            return await self._receive_unblocked(messages)
        judged = await self._validators.judge(messages)
        accepted = [one for one, verdict in zip(messages, judged, strict=True) if verdict is None]
        stored = iter(self._store(accepted) if accepted else ())
        for one, verdict in zip(messages, judged, strict=True):
            if verdict is Verdict.REFUSED and one.peer_id is None:
                self._log.items.refused(one)
        return [next(stored) if verdict is None else verdict for verdict in judged]

    async def _receive_unblocked(self, messages: Sequence[Message]) -> list[Verdict]:
        """Refuse what is of blocked authors, and have it fetched by nobody; receive the rest."""
        blocked = [self._is_blocked(one.author_id) for one in messages]
        for one, is_blocked in zip(messages, blocked, strict=True):
            if is_blocked:
                self._rejections.count(RejectionReason.AUTHOR_BLOCKED)
                if one.peer_id is None:
                    self._log.items.refuse_unwanted(one)
        others = [one for one, is_out in zip(messages, blocked, strict=True) if not is_out]
        received = iter(await self.receive_messages(others) if others else ())
        return [Verdict.REFUSED if is_blocked else next(received) for is_blocked in blocked]

    async def run(self) -> Never:
        """Emit a gap for what could not be stored, and again when more is missed later."""
        while True:
            await self._missed.wait()
            self._missed = trio.Event()
            missing = self._outage.pop_unreported()
            if missing:
                log_line.warning("messages not stored", missing=missing)
                self._log.emit(Gap(GapReason.NOT_STORED, missing))
            await trio.sleep(REPORT_INTERVAL_S)
            if not self._outage.is_over:
                self._missed.set()
                self._recover_if_stored()

    def _store(self, messages: Sequence[Message]) -> list[Verdict]:
        try:
            appended = self._log.append(messages)
        except (StorageFullError, StorageFailedError) as error:
            self._rejections.count(_REASONS[type(error)], len(messages))
            of_rooms = [one for one in messages if one.peer_id is None]
            if of_rooms:
                self._outage.add(of_rooms)
                self._missed.set()
            return [Verdict.NOT_STORED] * len(messages)
        # Boundary: one message that the log trips over is not the fault of the batch.
        except Exception:
            if len(messages) > 1:
                return [verdict for one in messages for verdict in self._store([one])]
            log_line.exception("message not appended", message_id=messages[0].message_id)
            self._rejections.count(RejectionReason.MESSAGE_NOT_APPENDED)
            return [Verdict.REFUSED]
        self._recover()
        for message in appended:
            self.ages.observe(message)
        fresh = {message.message_id for message in appended}
        return [
            Verdict.STORED if message.message_id in fresh else Verdict.KNOWN for message in messages
        ]

    def _recover_if_stored(self) -> None:
        """Have what was missed fetched where something else was stored meanwhile."""
        if self._log.store.storage.state is StorageState.OK:
            self._recover()

    def _recover(self) -> None:
        """Have what was missed fetched at once: there is room again."""
        for room in self._outage.end():
            for call in self.on_recovered:
                call(room)
