"""Nodes killed at any moment while they publish lose nothing and repeat nothing."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from p2pd.store.sqlite_store import FILE_NAME
from tests.driver.forked import ForkedNode
from tests.driver.seeds import chosen_seed
from tests.faults.conftest import StartForked
from tests.faults.follower import Follower
from tests.faults.writer import Writer

KILLS = int(os.environ.get("NODE_KILLS", "100"))
VICTIMS = 2
MAX_LIFE_S = 1.5
PAUSE_S = 0.02
AGREED_WITHIN_S = 90.0
MAX_MESSAGES = 10_000_000


def kill_often(node: ForkedNode, kills: int, chance: random.Random) -> None:
    """Kill a node at any moment of its life, its start too, and start it again."""
    for _ in range(kills):
        time.sleep(chance.random() * MAX_LIFE_S)
        node.kill()
        node.spawn()
    node.kill()
    node.start()


@pytest.mark.timeout(120 + 3 * KILLS)
def test_a_kill_at_any_moment_loses_nothing_acknowledged(start_forked: StartForked) -> None:
    steady, *victims = nodes = [
        start_forked(f"n{number}", retention_messages=MAX_MESSAGES) for number in range(1 + VICTIMS)
    ]
    for node in victims:
        node.connect(steady)
    seed = chosen_seed()
    chances = [random.Random(seed + number) for number in range(len(nodes))]
    with ExitStack() as stack:
        followers = [stack.enter_context(Follower(node)) for node in nodes]
        writers = [
            stack.enter_context(Writer(node, chance, PAUSE_S))
            for node, chance in zip(nodes, chances, strict=True)
        ]
        with ThreadPoolExecutor() as pool:
            killers = [
                pool.submit(kill_often, node, KILLS // VICTIMS, chance)
                for node, chance in zip(victims, chances[1:], strict=True)
            ]
        for killer in killers:
            killer.result()
        check(writers, followers)
    for node in nodes:
        node.stop()
        assert integrity(node.data_dir / FILE_NAME) == [("ok",)]


def check(writers: Sequence[Writer], followers: Sequence[Follower]) -> None:
    """See that all have everything once, at the place that the answer named."""
    for writer in writers:
        writer.finish()
    said = {answer.message_id for writer in writers for answer in writer.answers.values()}
    for follower in followers:
        follower.wait_all(said, AGREED_WITHIN_S)
    for writer, follower in zip(writers, followers, strict=True):
        assert follower.messages.keys() == said
        assert writer.complaints == follower.complaints == []
        for answer in writer.answers.values():
            assert follower.cursors[answer.message_id] == answer.cursor
    assert all(len(writer.answers) > KILLS for writer in writers)


def integrity(path: Path) -> list[tuple[str]]:
    """Ask SQLite whether a file is sound."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall()
