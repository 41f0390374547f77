"""Publishes that become durable together, each with an outcome of its own.

Used by ``publisher``, which claims the keys of a batch before it asks for chunks.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from p2pd.chat.answers import Answer, Answers, Key, answer_to, key_of, published_again
from p2pd.domain.publishes import Publish, Published
from p2pd.errors import ChatError, PublishFailedError

Outcome = Published | ChatError

log_line = structlog.get_logger(__name__)


class Batch:
    """What is asked for, and what became of each publish so far."""

    def __init__(self, publishes: Sequence[Publish], answers: Answers) -> None:
        self.publishes = publishes
        self._answers = answers
        self._outcomes: dict[int, Outcome] = {}
        self._next = 0
        self._accepted: dict[Key, int] = {}
        """Where in this batch a key was accepted."""

    @property
    def keys(self) -> frozenset[Key]:
        """What names the publishes that have a name."""
        return frozenset(key for one in self.publishes if (key := key_of(one)) is not None)

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of each publish, in order."""
        return [self._outcomes[index] for index in range(len(self.publishes))]

    @property
    def has_published(self) -> bool:
        """Whether any publish was accepted, now or before."""
        return any(isinstance(one, Published) for one in self._outcomes.values())

    def next_chunk(self, max_count: int) -> list[int]:
        """Return the places of the next publishes to accept; those known before have outcomes.

        A chunk ends before a publish that has a name of the same chunk: what that
        one is depends on the outcome of the first.
        """
        chunk: list[int] = []
        names: set[Key | None] = set()
        while self._next < len(self.publishes) and len(chunk) < max_count:
            publish = self.publishes[self._next]
            key = key_of(publish)
            if key is not None and key in names:
                break
            outcome = None if key is None else self._known(publish, key)
            if outcome is None:
                chunk.append(self._next)
                names.add(key)
            else:
                self._outcomes[self._next] = outcome
            self._next += 1
        return chunk

    def set_outcome(self, index: int, outcome: Outcome) -> None:
        """Set what became of one publish."""
        self._outcomes[index] = outcome
        key = key_of(self.publishes[index])
        if key is not None and isinstance(outcome, Published):
            self._accepted[key] = index

    def fail(self, error: ChatError) -> None:
        """Withdraw every answer, repeated ones too: what is in the log may not be safe."""
        for index, outcome in self._outcomes.items():
            if isinstance(outcome, Published):
                self._outcomes[index] = error

    def store_answers(self) -> None:
        """Remember the answers that are safe on disk, for calls that repeat one of these."""
        for key, index in self._accepted.items():
            outcome = self._outcomes[index]
            if isinstance(outcome, Published):
                self._answers.store(key, answer_to(self.publishes[index], outcome))

    def _known(self, publish: Publish, key: Key) -> Outcome | None:
        """Return the outcome of a publish whose name was used before."""
        try:
            answer = self._answers.find(key) if key not in self._accepted else self._own(key)
            return None if answer is None else published_again(publish, answer)
        except ChatError as error:
            return error
        # Boundary: what one publish trips over is not the fault of the others.
        except Exception:
            log_line.exception("answer of a publish not found")
            return PublishFailedError()

    def _own(self, key: Key) -> Answer:
        index = self._accepted[key]
        outcome = self._outcomes[index]
        assert isinstance(outcome, Published)
        return answer_to(self.publishes[index], outcome)
