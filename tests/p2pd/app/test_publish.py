from __future__ import annotations

from dataclasses import replace

import trio
import trio.testing

from p2pd.app.publish import Answers, Batch, Publish, Published
from p2pd.domain.names import DEFAULT_ROOM, MessageId
from p2pd.errors import InvalidInputError, StorageFailedError

FIRST = Published(MessageId("01"), "cursor", 2)


async def _ask(answers: Answers, into: list[Published | None]) -> None:
    into.append(await answers.wait("id"))


def test_the_first_answer_comes_again() -> None:
    async def scenario() -> None:
        answers = Answers(10, lambda _: None)
        assert await answers.wait("id") is None
        answers.begin("id")
        answers.settle("id", FIRST)
        assert await answers.wait("id") == FIRST

    trio.run(scenario)


def test_a_repeated_call_waits_for_the_one_under_way() -> None:
    async def scenario() -> None:
        answers = Answers(10, lambda _: None)
        answers.begin("id")
        got: list[Published | None] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_ask, answers, got)
            await trio.testing.wait_all_tasks_blocked()
            assert got == []
            answers.settle("id", FIRST)
        assert got == [FIRST]

    trio.run(scenario)


def test_a_failed_call_may_be_tried_again() -> None:
    async def scenario() -> None:
        answers = Answers(10, lambda _: None)
        answers.begin("id")
        answers.settle("id", None)
        assert await answers.wait("id") is None

    trio.run(scenario)


def test_the_oldest_answers_go_at_the_bound() -> None:
    async def scenario() -> None:
        answers = Answers(2, lambda _: None)
        for name in ("a", "b", "c"):
            answers.begin(name)
            answers.settle(name, FIRST)
        assert [await answers.wait(name) for name in ("a", "b", "c")] == [None, FIRST, FIRST]

    trio.run(scenario)


def _publish(client_message_id: str) -> Publish:
    return Publish(DEFAULT_ROOM, b"text", client_message_id)


def test_a_batch_answers_in_order_and_a_repeat_as_the_first() -> None:
    async def scenario() -> None:
        answers = Answers(10, lambda _: None)
        batch = Batch(answers)
        added = [await batch.add(_publish(key)) for key in ("a", "", "a", "b", "")]
        assert added == [True, True, False, True, True]
        second, last = replace(FIRST, cursor="2"), replace(FIRST, cursor="3")
        refusal = InvalidInputError("text", "EMPTY_MESSAGE", "the message is empty")
        batch.note([FIRST, second, refusal, last])
        batch.settle()
        assert batch.outcomes == [FIRST, second, FIRST, refusal, last]
        assert await answers.wait("a") == FIRST
        assert await answers.wait("b") is None

    trio.run(scenario)


def test_nothing_is_answered_that_may_not_be_safe() -> None:
    async def scenario() -> None:
        refusal = InvalidInputError("text", "EMPTY_MESSAGE", "the message is empty")
        in_log = Published(MessageId("02"), "cursor", 0)
        answers = Answers(10, {"in the log": in_log}.get)
        batch = Batch(answers)
        for key in ("new", "bad", "in the log"):
            await batch.add(_publish(key))
        batch.note([FIRST, refusal])
        assert batch.outcomes == [FIRST, refusal, in_log]
        error = StorageFailedError("the disk did not keep what was written")
        batch.fail(error)
        batch.settle()
        assert batch.outcomes == [error, refusal, error]
        assert await answers.wait("new") is None

    trio.run(scenario)
