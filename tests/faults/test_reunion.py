"""Nodes that were all down at once find one another again by themselves."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from tests.driver.listener import EventListener
from tests.driver.node import NodeProcess
from tests.driver.waiting import wait_until
from tests.faults.conftest import StartForked


def knows(node: NodeProcess, other: NodeProcess) -> bool:
    """Tell whether a node has stored where another is."""
    path = node.data_dir / "messages.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        found = store.execute("SELECT address FROM known_peers").fetchall()
    return any(other.peer_id in address for (address,) in found)


def test_two_that_were_connected_chat_again_after_both_were_killed(
    start_forked: StartForked,
) -> None:
    a, b = start_forked("a"), start_forked("b")
    a.connect(b)
    a.kill()
    b.kill()
    b.start()
    b.publish("is anybody there?")
    a.start()
    with EventListener(a, after="") as listener:
        listener.wait_text("is anybody there?")
        b.publish("there you are")
        listener.wait_text("there you are")


def test_those_who_met_through_a_third_find_one_another_without_it(
    start_forked: StartForked,
) -> None:
    a, b, third = nodes = [start_forked(name) for name in ("a", "b", "third")]
    a.connect(third)
    b.connect(third)
    wait_until(lambda: knows(a, b) or knows(b, a))
    for node in nodes:
        node.kill()
    a.start()
    b.start()
    a.wait_peer(b, "chat-room")


def test_what_is_no_address_in_an_earlier_release_s_file_is_passed_over(
    start_forked: StartForked,
) -> None:
    a, b = start_forked("a"), start_forked("b")
    b.kill()
    for path in b.data_dir.glob("messages.db*"):
        path.unlink()
    book = {"given": ["rubbish", "/ip4/1/tcp", b.address.split("/p2p/")[0], a.address], "met": [5]}
    (b.data_dir / "peers.json").write_text(json.dumps(book))
    b.start()
    b.wait_peer(a)
