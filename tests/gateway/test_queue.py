from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from wsp.chat.v1 import chat_pb2

from gateway.errors import NODE_AWAY, OUTCOME_UNKNOWN
from gateway.node.queue import (
    MAX_BATCH,
    MAX_BATCH_BYTES,
    MAX_SENT_OF_ONE,
    Outcome,
    Pending,
    PublishQueue,
)


class Desk:
    """A queue and what was answered, by the text of the publish."""

    def __init__(self, max_in_flight: int = 1000) -> None:
        self.queue = PublishQueue(max_in_flight)
        self.answers: list[tuple[str, Outcome]] = []

    def add(self, text: str, deadline_s: float = 10.0, sender: object = "one") -> None:
        def answer(outcome: Outcome) -> None:
            self.answers.append((text, outcome))

        self.queue.add(Pending(chat_pb2.PublishRequest(text=text), answer, deadline_s, sender))

    def send(self, life: str = "one") -> list[str]:
        return [request.text for request in self.queue.next_batch(life)]


def test_results_answer_the_oldest_sent() -> None:
    desk = Desk()
    for text in "abc":
        desk.add(text)
    assert desk.send() == ["a", "b", "c"]
    assert desk.queue.resolve_next({"n": 1})
    assert desk.queue.resolve_next({"n": 2})
    assert desk.answers == [("a", {"n": 1}), ("b", {"n": 2})]
    assert len(desk.queue) == 1


def test_a_result_for_nothing_is_noticed() -> None:
    assert not Desk().queue.resolve_next({})


def test_batches_are_bounded_by_count_and_bytes() -> None:
    desk = Desk(10_000)
    for number in range(MAX_BATCH + 1):
        desk.add("x", sender=number)
    assert (len(desk.send()), len(desk.send()), desk.send()) == (MAX_BATCH, 1, [])
    for number in range(5):
        desk.add("x" * (MAX_BATCH_BYTES // 2), sender=number)
    assert (len(desk.send()), len(desk.send()), len(desk.send())) == (2, 2, 1)


def test_what_the_same_process_did_not_answer_is_sent_again_in_order() -> None:
    desk = Desk()
    desk.add("a")
    desk.add("b")
    desk.send("one")
    desk.add("c")
    desk.queue.resolve_next({})
    desk.queue.requeue_sent("one")
    assert desk.send("one") == ["b", "c"]


def test_what_another_process_was_sent_is_unknown_and_the_rest_is_sent() -> None:
    desk = Desk()
    desk.add("a")
    desk.send("one")
    desk.queue.requeue_sent("one")
    desk.add("b")
    desk.queue.requeue_sent("two")
    assert desk.answers == [("a", OUTCOME_UNKNOWN)]
    assert desk.send("two") == ["b"]


def test_late_answers_are_given_by_what_is_known() -> None:
    desk = Desk()
    desk.add("sent", 1.0)
    desk.send()
    desk.add("waiting", 2.0)
    desk.add("patient", 9.0)
    desk.queue.expire(5.0)
    assert desk.answers == [("sent", OUTCOME_UNKNOWN), ("waiting", NODE_AWAY)]
    assert desk.send() == ["patient"]
    desk.queue.resolve_next({"late": True})
    desk.queue.resolve_next({"n": 1})
    assert desk.answers[2:] == [("patient", {"n": 1})]


def test_who_waits_for_room_is_called_by_turns() -> None:
    desk = Desk(max_in_flight=1)
    called: list[str] = []

    def first() -> None:
        called.append("first")
        desk.add("again")

    desk.add("a")
    desk.queue.wait_for_room(first)
    desk.queue.wait_for_room(lambda: called.append("second"))
    assert not desk.queue.has_room()
    desk.send()
    desk.queue.resolve_next({})
    assert called == ["first"]
    desk.send()
    desk.queue.resolve_next({})
    assert called == ["first", "second"]


def test_senders_take_turns_and_one_without_bound_waits_for_itself() -> None:
    desk = Desk(10_000)
    for number in range(1_000):
        desk.add(f"flood{number}", sender="flood")
    assert len(desk.send()) == MAX_SENT_OF_ONE
    assert not desk.queue.is_waiting
    for number in range(3):
        desk.add(f"a{number}", sender="a")
        desk.add(f"b{number}", sender="b")
    assert desk.send() == ["a0", "b0", "a1", "b1", "a2", "b2"]
    for _ in range(2):
        desk.queue.resolve_next({})
    desk.add("a3", sender="a")
    assert desk.send() == [f"flood{MAX_SENT_OF_ONE}", "a3", f"flood{MAX_SENT_OF_ONE + 1}"]


def test_one_that_has_nothing_under_way_always_has_room() -> None:
    desk = Desk(max_in_flight=3)
    for _ in range(3):
        desk.add("x", sender="flood")
    assert not desk.queue.has_room("flood")
    assert not desk.queue.has_room()
    assert desk.queue.has_room("other")
    desk.add("y", sender="other")
    assert not desk.queue.has_room("other")


STEPS = st.sampled_from(["add a", "add b", "send", "settle", "break", "restart", "expire"])


@given(st.lists(STEPS))
def test_publishes_of_each_sender_are_sent_in_order_and_few_at_a_time(steps: list[str]) -> None:
    desk = Desk()
    desk.queue = PublishQueue(1000, max_sent_of_one=2)
    added, unanswered = 0, []
    for step in steps:
        match step.split():
            case ["add", sender]:
                desk.add(f"{sender}{added:04}", 1e9, sender)
                added += 1
            case ["send"]:
                unanswered += desk.send()
            case ["settle"]:
                desk.queue.resolve_next({})
                unanswered = unanswered[1:]
            case _:
                desk.queue.requeue_sent("one")
                unanswered = []
        for sender in "ab":
            own = [text for text in unanswered if text.startswith(sender)]
            assert own == sorted(own)
            assert len(own) <= 2


@given(st.lists(STEPS))
def test_every_publish_is_answered_exactly_once_whatever_happens(steps: list[str]) -> None:
    desk = Desk()
    added, life = 0, 0
    for now_s, step in enumerate(steps):
        match step:
            case "add a" | "add b":
                desk.add(str(added), now_s + 5.0, step)
                added += 1
            case "send":
                desk.send(str(life))
            case "settle":
                desk.queue.resolve_next({})
            case "break":
                desk.queue.requeue_sent(str(life))
            case "restart":
                life += 1
                desk.queue.requeue_sent(str(life))
            case "expire":
                desk.queue.expire(now_s)
    desk.queue.expire(1e9)
    assert sorted(int(text) for text, _ in desk.answers) == list(range(added))
    assert len(desk.queue) == 0
