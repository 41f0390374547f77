"""Five nodes that lose one another agree soon after they meet again.

The one real run of what ``tests/simulation`` does from many seeds: processes that are
killed, in namespaces whose packets are dropped.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.driver.forked import ForkedNode, Launcher
from tests.driver.lan import Machine, open_lan
from tests.driver.process import Service
from tests.faults.follower import Follower
from tests.faults.writer import Writer

pytestmark = pytest.mark.netns

PARTITION_S = 20.0
AGREED_WITHIN_S = 15.0
PAUSE_S = 0.5
RESTART_EVERY_S = 3.0
SURELY_MISSED = 50
LOSS_PERCENT = 5


@contextmanager
def five_nodes(
    directory: Path, launcher: Launcher, services: list[Service]
) -> Iterator[tuple[list[Machine], list[ForkedNode]]]:
    """Run five nodes on machines of their own, each connected to all others."""
    with open_lan(5) as machines:
        nodes = [
            ForkedNode(
                f"n{number}",
                directory,
                launcher,
                namespace=machine.name,
                listen=f"/ip4/{machine.address}/tcp/4001",
                grpc_listen=f"unix:{directory}/n{number}.sock",
            )
            for number, machine in enumerate(machines)
        ]
        services += nodes
        for node in nodes:
            node.start()
        for node, other in itertools.combinations(nodes, 2):
            node.connect(other)
            node.wait_peer(other, "chat-room")
            other.wait_peer(node, "chat-room")
        yield machines, nodes


def divide(machines: Sequence[Machine], loss_percent: int) -> None:
    """Let two machines hear nothing of the other three, and these nothing of them."""
    two, three = machines[:2], machines[2:]
    for machine in machines:
        machine.hear(nothing_from=three if machine in two else two, loss_percent=loss_percent)


def heal(machines: Sequence[Machine], loss_percent: int) -> None:
    """Let all hear one another again."""
    for machine in machines:
        machine.hear(loss_percent=loss_percent)


def restart_one_by_one(nodes: Sequence[ForkedNode], until_s: float) -> None:
    """Kill one node after another, and start it again, until some time."""
    for node in itertools.cycle(nodes):
        if time.monotonic() + RESTART_EVERY_S > until_s:
            return
        time.sleep(RESTART_EVERY_S)
        node.kill()
        node.start()


def said_by(writers: Sequence[Writer]) -> set[str]:
    """Tell the ids of all that was acknowledged."""
    return {answer.message_id for writer in writers for answer in list(writer.answers.values())}


def test_all_agree_soon_after_a_partition_with_loss_and_kills(
    tmp_path_factory: pytest.TempPathFactory,
    launcher: Launcher,
    services: list[Service],
) -> None:
    directory = tmp_path_factory.mktemp("split")
    chance = random.Random()
    with ExitStack() as stack:
        machines, nodes = stack.enter_context(five_nodes(directory, launcher, services))
        followers = [stack.enter_context(Follower(node)) for node in nodes]
        writers = [stack.enter_context(Writer(node, chance, PAUSE_S)) for node in nodes]
        divide(machines, LOSS_PERCENT)
        until_s = time.monotonic() + PARTITION_S
        restart_one_by_one(chance.sample(nodes, len(nodes)), until_s)
        time.sleep(max(0.0, until_s - time.monotonic()))
        for follower in followers:
            assert len(said_by(writers).difference(follower.messages)) > SURELY_MISSED
        heal(machines, LOSS_PERCENT)
        agreed_by_s = time.monotonic() + AGREED_WITHIN_S
        for writer in writers:
            writer.finish()
        said = said_by(writers)
        for follower in followers:
            follower.wait_all(said, agreed_by_s - time.monotonic())
        print(f"agreed {AGREED_WITHIN_S - agreed_by_s + time.monotonic():.1f} s after")
        for follower in followers:
            assert follower.messages.keys() == said
        assert not any(writer.complaints for writer in writers)
        assert not any(follower.complaints for follower in followers)
