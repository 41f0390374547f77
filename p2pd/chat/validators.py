"""Rules of this node about what is stored, beside those of the protocol.

A validator is asked about each verified message before it is stored, whatever
brought it. It fails closed: a message about which it does not answer in time, or
fails, is not stored now, and a later copy is asked about again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
import trio

from p2pd.domain.messages import Message
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.domain.verdicts import Verdict

DEADLINE_S = 1.0

log_line = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Validator:
    """One rule.

    Attributes:
        name: Counts and logs what it did.
        accepts: Whether a message may be stored and relayed.
        deadline_s: For one batch of messages.
    """

    name: str
    accepts: Callable[[Message], Awaitable[bool]]
    deadline_s: float = DEADLINE_S


class Validators:
    """All rules; a message needs the consent of each."""

    def __init__(self, validators: Sequence[Validator], rejections: Rejections) -> None:
        self._validators = tuple(validators)
        self._rejections = rejections

    async def judge(self, messages: Sequence[Message]) -> list[Verdict | None]:
        """Ask every validator about every message of a batch.

        Returns:
            For each message REFUSED, NOT_STORED, or None where it may be stored.
        """
        verdicts: list[Verdict | None] = [None] * len(messages)
        for validator in self._validators:
            await self._ask(validator, messages, verdicts)
        return verdicts

    async def _ask(
        self, validator: Validator, messages: Sequence[Message], verdicts: list[Verdict | None]
    ) -> None:
        """Ask about all messages at once, with one deadline."""
        open_indexes = {index for index, verdict in enumerate(verdicts) if verdict is None}

        async def ask(index: int) -> None:
            try:
                accepted = await validator.accepts(messages[index])
            # Boundary: a rule that fails is not the fault of the batch.
            except Exception:
                log_line.exception("validator failed", validator=validator.name)
                return
            open_indexes.discard(index)
            if not accepted:
                verdicts[index] = Verdict.REFUSED
                self._rejections.count(RejectionReason.VALIDATOR_REFUSED)

        with trio.move_on_after(validator.deadline_s):
            async with trio.open_nursery() as nursery:
                for index in sorted(open_indexes):
                    nursery.start_soon(ask, index)
        for index in open_indexes:
            verdicts[index] = Verdict.NOT_STORED
            self._rejections.count(RejectionReason.VALIDATOR_SILENT)
