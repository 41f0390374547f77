"""What the answers in memory cost a node that does not need them now."""

from __future__ import annotations

import gc

from p2pd.chat.answers import Answers, answer_to
from p2pd.domain.names import DEFAULT_ROOM, MessageId
from p2pd.domain.publishes import Publish, Published

COUNT = 1_000


def test_answers_in_memory_are_not_visited_by_the_garbage_collector() -> None:
    answers = Answers(COUNT, lambda _: None)
    gc.collect()
    visited_before = len(gc.get_objects())
    for number in range(COUNT):
        publish = Publish(DEFAULT_ROOM, b"%d" % number, str(number))
        published = Published(MessageId(f"{number:096x}"), f"log-{number}", 1)
        answers.store(("", publish.client_message_id), answer_to(publish, published))
    gc.collect()
    assert len(gc.get_objects()) - visited_before < COUNT / 10
    found = answers.find(("", "7"))
    assert found == answer_to(
        Publish(DEFAULT_ROOM, b"7", "7"), Published(MessageId(f"{7:096x}"), "log-7", 1)
    )
    assert answers.find(("", "unknown")) is None
