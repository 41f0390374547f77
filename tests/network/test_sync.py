"""Nodes that were away, killed or late get what they missed, once, from their peers."""

from __future__ import annotations

import itertools
from collections import Counter

from wsp.chat.v1 import chat_pb2

from tests.driver.fixtures import StartNode
from tests.driver.listener import EventListener
from tests.driver.node import NodeProcess


def test_an_acknowledged_message_outlives_a_killed_node(start_node: StartNode) -> None:
    node = start_node("a")
    answers = [node.publish(str(n), client_message_id=f"id {n}") for n in range(50)]
    node.kill()
    node.start()
    with EventListener(node, after="") as listener:
        listener.wait_messages(50)
        assert listener.texts == [str(n) for n in range(50)]
    again = node.publish("0", client_message_id="id 0")
    assert (again.message_id, again.cursor) == (answers[0].message_id, answers[0].cursor)


def test_a_cursor_is_good_over_a_restart(start_node: StartNode) -> None:
    node = start_node("a")
    cursors = [node.publish(str(n)).cursor for n in range(10)]
    node.kill()
    node.start()
    node.publish("10")
    with EventListener(node, after=cursors[4]) as listener:
        listener.wait_text("10")
        assert listener.texts == [str(n) for n in range(5, 11)]
        assert not any(event.HasField("gap") for event in listener.events)


def test_one_who_comes_late_gets_what_was_said_before(
    node_pair: tuple[NodeProcess, NodeProcess], start_node: StartNode
) -> None:
    author, early = node_pair
    for number in range(300):
        author.publish(str(number))
    with EventListener(early, after="") as listener:
        listener.wait_messages(300)
    author.kill()
    early.kill()
    early.start()
    late = start_node("late")
    with EventListener(late) as listener:
        late.connect(early)
        listener.wait_messages(300, timeout_s=60)
        assert Counter(listener.texts) == Counter(str(n) for n in range(300))
        assert {message.author_id for message in listener.messages} == {author.peer_id}
        deliveries = {message.delivery for message in listener.messages}
        assert deliveries == {chat_pb2.DELIVERY_BACKFILLED}


def test_both_sides_of_a_split_end_with_the_same_messages(start_node: StartNode) -> None:
    a, b, c = nodes = [start_node(name) for name in "abc"]
    for node in (a, b, c):
        for number in range(40):
            node.publish(f"{node.name} {number}")
    expected = Counter(f"{node.name} {n}" for node in nodes for n in range(40))
    for one, other in itertools.pairwise(nodes):
        other.connect(one)
    for node in nodes:
        with EventListener(node, after="") as listener:
            listener.wait_messages(120, timeout_s=90)
            assert Counter(listener.texts) == expected


def test_who_was_killed_while_others_wrote_misses_nothing(
    node_pair: tuple[NodeProcess, NodeProcess],
) -> None:
    a, b = node_pair
    a.publish("before")
    with EventListener(b) as listener:
        listener.wait_events(bool)
    b.kill()
    for number in range(100):
        a.publish(f"away {number}")
    b.start()
    b.connect(a)
    with EventListener(b, after="") as listener:
        listener.wait_text("away 99", timeout_s=60)
        listener.wait_messages(101, timeout_s=60)
        assert Counter(listener.texts) == Counter(["before", *(f"away {n}" for n in range(100))])
