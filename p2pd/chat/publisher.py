"""How a message of this node is published: check, sign, commit, send, wait, answer.

Called by the API with what came in one burst. Each publish has an outcome of its
own: what fails for one fails for no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Never

import structlog
import trio

from common.fair_rates import FairRates
from common.histograms import Histogram
from p2pd.chat.answers import Answer, Answers, Key, digest_of
from p2pd.chat.batch import Batch, Outcome
from p2pd.chat.courier import Courier, Signed
from p2pd.chat.membership import Membership
from p2pd.chat.outbox import Outbox
from p2pd.chat.settling import Settling
from p2pd.domain.callers import Caller
from p2pd.domain.messages import Message
from p2pd.domain.publishes import Publish, Published
from p2pd.domain.records import Conversation, Direct
from p2pd.errors import (
    ChatError,
    InvalidInputError,
    LimitReachedError,
    MessageTooLargeError,
    NodeStoppingError,
    PublishFailedError,
    RoomNotJoinedError,
)
from p2pd.log.log import Log

MAX_CLIENT_MESSAGE_ID_BYTES = 128
MAX_ANSWERS = 100_000
MAX_CALLERS = 256
"""Callers with a share of the rate of their own."""
FULL_PRESSURE = 1.0
PRESSURE_RETRY_S = 0.5
ACCEPT_AT_ONCE = 16
"""Publishes that share a commit; the first is sent once the last is signed."""
MAX_NOW = 32
"""Publishes of one call that nobody else in trio gets a turn during."""

log_line = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PublishLimits:
    """What callers may publish: so many bytes a message, and all together so many a second.

    The rate is shared among the callers that publish.
    """

    max_message_bytes: int
    rate_per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class _Signed:
    """A publish that passed the checks, by its place in the batch."""

    index: int
    signed: Signed
    message: Message


class Publisher:
    """Publish for callers.

    Args:
        clock_ns: Wall clock, nanoseconds since the epoch.

    """

    def __init__(
        self,
        log: Log,
        courier: Courier[Conversation, Signed],
        membership: Membership,
        outbox: Outbox,
        limits: PublishLimits,
        clock_ns: Callable[[], int],
    ) -> None:
        self._log = log
        self._courier = courier
        self._membership = membership
        self._outbox = outbox
        self._limits = limits
        self._rates: FairRates[str] = FairRates(limits.rate_per_s, limits.burst, MAX_CALLERS)
        self._answers = Answers(MAX_ANSWERS, self._answer_in_log)
        self._settling = Settling(log, self._answers)
        self._clock_ns = clock_ns
        self._is_stopping = False

    def stop(self) -> None:
        """Refuse what comes from now on; what is under way goes on."""
        self._is_stopping = True

    @property
    def durations(self) -> Histogram:
        """Durations of publishes in seconds, from acceptance to when they are durable; in trio."""
        return self._settling.durations

    async def run(self) -> Never:
        """Wake readers of what the disk takes long for; see ``Settling``."""
        await self._settling.run()

    async def publish(
        self, publishes: Sequence[Publish], accepted: Callable[[], None] | None = None
    ) -> list[Outcome]:
        """Publish in order; return the answer or the error of each.

        Answers once all that was accepted is safe on disk.

        Args:
            accepted: Called once all have their place in the log and were handed to
                peers: what is published from then on comes behind them.
        """
        begin_s, new_count = trio.current_time(), 0
        batch = Batch(publishes, self._answers)
        async with self._answers.claimed(batch.keys):
            while chunk := batch.next_chunk(ACCEPT_AT_ONCE):
                committed = self._commit(batch, self._sign(batch, chunk))
                new_count += len(committed)
                await self._send(batch, committed)
            if accepted is not None:
                accepted()
            await self._wait_durable(batch)
            batch.store_answers()
        if batch.has_published:
            self.durations.observe(trio.current_time() - begin_s, new_count)
        return batch.outcomes

    def publish_now(
        self, publishes: Sequence[Publish], settled: Callable[[list[Outcome]], None]
    ) -> bool:
        """Publish in order as one call, where nothing but the disk has to be waited for.

        Args:
            settled: Called once, perhaps at once and in any thread, with the answer or
                the error of each, when all that was accepted is safe on disk. It must
                not raise.

        Returns:
            Whether they are published; else nothing was done, and ``publish`` may wait.
        """
        if len(publishes) > MAX_NOW or not self._courier.can_send_now:
            return False
        begin_s, new_count = time.monotonic(), 0
        batch = Batch(publishes, self._answers)
        if not self._answers.claim(batch.keys):
            return False
        try:
            while chunk := batch.next_chunk(ACCEPT_AT_ONCE):
                signed = self._sign(batch, chunk)
                committed = self._commit(batch, signed, are_readers_woken=False)
                new_count += len(committed)
                self._send_now(batch, committed)
        except BaseException:
            self._answers.release(batch.keys)
            self._log.wake_readers()
            raise
        self._settling.call_when_durable(batch, begin_s, new_count, settled)
        return True

    def _sign(self, batch: Batch, chunk: Sequence[int]) -> list[_Signed]:
        """Check and sign; what may not be published gets its error."""
        signed: list[_Signed] = []
        for index in chunk:
            publish = batch.publishes[index]
            try:
                self._check(publish)
                self._check_limits(publish.caller)
                one = self._courier.sign(publish.conversation, publish.data)
                signed.append(_Signed(index, one, self._own_message(one, publish)))
            # Boundary: one publish fails, those beside it go on.
            except Exception as error:
                batch.set_outcome(index, _outcome_from(error))
        return signed

    def _commit(
        self, batch: Batch, signed: Sequence[_Signed], *, are_readers_woken: bool = True
    ) -> list[tuple[_Signed, str]]:
        """Append to the log in one commit, or one by one where that fails.

        Returns:
            What is in the log now, each with its cursor.
        """
        if not signed:
            return []
        try:
            messages = [one.message for one in signed]
            self._log.append(messages, are_readers_woken=are_readers_woken)
        # Boundary: one publish fails, those beside it go on.
        except Exception as error:
            if len(signed) == 1:
                batch.set_outcome(signed[0].index, _outcome_from(error))
                return []
            woken = are_readers_woken
            pairs = (self._commit(batch, [one], are_readers_woken=woken) for one in signed)
            return [pair for each in pairs for pair in each]
        first = self._log.store.last_offset - len(signed) + 1
        return [(one, self._log.cursor(first + number)) for number, one in enumerate(signed)]

    def _send_now(self, batch: Batch, committed: Sequence[tuple[_Signed, str]]) -> None:
        """Hand messages to the peers of their rooms, which wait for nobody."""
        with self._outbox.sending([one.signed for one, _ in committed]) as sending:
            for one, cursor in committed:
                recipients = 0
                try:
                    recipients = self._courier.send_now(one.signed)
                    sending.sent(one.signed, recipients)
                # Boundary: it is in the log and goes out with what waits.
                except Exception:
                    log_line.exception("message not sent", room=one.signed.room)
                batch.set_outcome(one.index, Published(one.signed.message_id, cursor, recipients))

    async def _send(self, batch: Batch, committed: Sequence[tuple[_Signed, str]]) -> None:
        """Hand messages to the peers of their rooms, now or once a peer comes."""
        for one, cursor in committed:
            published = Published(one.signed.message_id, cursor, recipients=0)
            batch.set_outcome(one.index, published)
        with self._outbox.sending([one.signed for one, _ in committed]) as sending:
            for one, cursor in committed:
                try:
                    recipients = await self._courier.send(one.signed)
                # Boundary: it is in the log and goes out with what waits.
                except Exception:
                    log_line.exception("message not sent", room=one.signed.room)
                    continue
                sending.sent(one.signed, recipients)
                batch.set_outcome(one.index, Published(one.signed.message_id, cursor, recipients))

    async def _wait_durable(self, batch: Batch) -> None:
        if not batch.has_published:
            return
        try:
            await self._log.store.wait_durable(self._log.store.last_offset)
        except ChatError as error:
            batch.fail(error)

    def _check(self, publish: Publish) -> None:
        if self._is_stopping:
            raise NodeStoppingError
        if not publish.data:
            raise InvalidInputError("text", "EMPTY_MESSAGE", "the message is empty")
        if len(publish.data) > self._limits.max_message_bytes:
            raise MessageTooLargeError(len(publish.data), self._limits.max_message_bytes)
        if len(publish.client_message_id.encode()) > MAX_CLIENT_MESSAGE_ID_BYTES:
            raise InvalidInputError(
                "client_message_id",
                "INVALID_CLIENT_MESSAGE_ID",
                f"client_message_id is over {MAX_CLIENT_MESSAGE_ID_BYTES} bytes",
            )
        room = publish.conversation
        if not isinstance(room, Direct) and room not in self._membership:
            raise RoomNotJoinedError(room)

    def _check_limits(self, caller: Caller) -> None:
        if self._courier.send_pressure() >= FULL_PRESSURE:
            raise LimitReachedError(
                "SEND_QUEUE_FULL", "too much waits to be sent to peers", PRESSURE_RETRY_S
            )
        wait_s = self._rates.consume(caller.name, trio.current_time())
        if wait_s:
            raise LimitReachedError("PUBLISH_RATE", "over the publish rate", wait_s)

    def _answer_in_log(self, key: Key) -> Answer | None:
        """Find what was answered before a restart; who got it then is not known any more.

        Here and not in a thread of the store's: the commit that follows writes to the
        same page of the index, and a publish would cross to that thread and back.
        """
        caller, client_message_id = key
        found = self._log.store.answer_of(client_message_id, caller)
        if found is None:
            return None
        published = Published(found.message_id, self._log.cursor(found.offset), recipients=0)
        return Answer(published, found.conversation, digest_of(found.data))

    def _own_message(self, signed: Signed, publish: Publish) -> Message:
        return Message(
            message_id=signed.message_id,
            room=signed.room,
            author_id=signed.author_id,
            data=signed.data,
            seqno=signed.seqno,
            receive_time_ns=self._clock_ns(),
            forwarder_id=signed.author_id,
            signed_bytes=signed.signed_bytes,
            client_message_id=publish.client_message_id,
            caller=publish.caller.name,
            peer_id=signed.peer_id,
        )


def _outcome_from(error: Exception) -> ChatError:
    if isinstance(error, ChatError):
        return error
    log_line.error("publish failed", exc_info=error)
    return PublishFailedError()
