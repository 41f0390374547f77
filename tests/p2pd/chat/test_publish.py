from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import trio
import trio.testing

from p2pd.chat.publish import Answers, Batch, Publish, Published
from p2pd.domain.names import DEFAULT_ROOM, MessageId
from p2pd.errors import InvalidInputError, StorageFailedError

FIRST = Published(MessageId("01"), "cursor", 2)
REFUSAL = InvalidInputError("text", "EMPTY_MESSAGE", "the message is empty")


def _publish(client_message_id: str) -> Publish:
    return Publish(DEFAULT_ROOM, b"text", client_message_id)


async def _claimed(answers: Answers, *keys: str) -> tuple[Batch, list[bool]]:
    """Begin a batch; return it, and which of its publishes are to be accepted."""
    publishes = [_publish(key) for key in keys]
    batch = Batch(answers)
    await batch.claim(publishes)
    return batch, [batch.add(publish) for publish in publishes]


def _run(scenario: Callable[[Answers], Awaitable[None]]) -> None:
    async def main() -> None:
        with trio.fail_after(10):
            await scenario(Answers(10, lambda _: None))

    trio.run(main)


def test_the_first_answer_comes_again() -> None:
    async def scenario(answers: Answers) -> None:
        batch, added = await _claimed(answers, "id")
        assert added == [True]
        batch.note([FIRST])
        batch.settle()
        again, added = await _claimed(answers, "id")
        again.settle()
        assert (added, again.outcomes) == ([False], [FIRST])

    _run(scenario)


def test_a_repeated_call_waits_for_the_one_under_way() -> None:
    async def scenario(answers: Answers) -> None:
        first, _ = await _claimed(answers, "id")
        outcomes: list[object] = []

        async def repeat() -> None:
            batch, _ = await _claimed(answers, "other", "id")
            batch.note([REFUSAL])
            batch.settle()
            outcomes.extend(batch.outcomes)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(repeat)
            await trio.testing.wait_all_tasks_blocked()
            assert outcomes == []
            first.note([FIRST])
            first.settle()
        assert outcomes == [REFUSAL, FIRST]

    _run(scenario)


def test_batches_that_publish_the_same_in_another_order_both_end() -> None:
    async def scenario(answers: Answers) -> None:
        async def publish(keys: Sequence[str]) -> None:
            batch, added = await _claimed(answers, *keys)
            await trio.testing.wait_all_tasks_blocked()
            batch.note([FIRST] * sum(added))
            batch.settle()
            assert batch.outcomes == [FIRST] * len(keys)

        async with trio.open_nursery() as nursery:
            for keys in (["a", "b", "c"], ["c", "b", "a"], ["b", "c"], ["c", "a"]):
                nursery.start_soon(publish, keys)

    _run(scenario)


def test_a_failed_call_may_be_tried_again() -> None:
    async def scenario(answers: Answers) -> None:
        batch, _ = await _claimed(answers, "id")
        batch.note([REFUSAL])
        batch.settle()
        broken_off, _ = await _claimed(answers, "id")
        broken_off.settle()
        assert (await _claimed(answers, "id"))[1] == [True]

    _run(scenario)


def test_the_oldest_answers_go_at_the_bound() -> None:
    async def scenario(_: Answers) -> None:
        answers = Answers(2, lambda _: None)
        for name in ("a", "b", "c"):
            await answers.claim([name])
            answers.settle(name, FIRST)
        assert [answers.find(name) for name in ("a", "b", "c")] == [None, FIRST, FIRST]

    _run(scenario)


def test_a_batch_answers_in_order_and_a_repeat_as_the_first() -> None:
    async def scenario(answers: Answers) -> None:
        batch, added = await _claimed(answers, "a", "", "a", "b", "")
        assert added == [True, True, False, True, True]
        second, last = replace(FIRST, cursor="2"), replace(FIRST, cursor="3")
        batch.note([FIRST, second, REFUSAL, last])
        batch.settle()
        assert batch.outcomes == [FIRST, second, FIRST, REFUSAL, last]
        assert answers.find("a") == FIRST
        assert answers.find("b") is None

    _run(scenario)


def test_nothing_is_answered_that_may_not_be_safe() -> None:
    async def scenario(_: Answers) -> None:
        in_log = Published(MessageId("02"), "cursor", 0)
        answers = Answers(10, {"in the log": in_log}.get)
        batch, _added = await _claimed(answers, "new", "bad", "in the log")
        batch.note([FIRST, REFUSAL])
        assert batch.outcomes == [FIRST, REFUSAL, in_log]
        error = StorageFailedError("the disk did not keep what was written")
        batch.fail(error)
        batch.settle()
        assert batch.outcomes == [error, REFUSAL, error]
        assert answers.find("new") is None

    _run(scenario)
