"""All machines of a simulation and their nodes, and what a scenario does with them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import trio

from p2pd.domain.names import MessageId
from tests.simulation.node import SimulatedNode
from tests.simulation.wires import Wires

LOOK_EVERY_S = 0.25
MEETING_S = 60.0


@dataclass(slots=True)
class World:
    """What a scenario is given.

    Attributes:
        nursery: Where nodes live.
        chance: What a scenario draws from.
    """

    directory: Path
    nursery: trio.Nursery
    chance: random.Random
    wires: Wires = field(default_factory=Wires)
    nodes: list[SimulatedNode] = field(default_factory=list)

    async def add_nodes(self, count: int) -> None:
        """Start nodes on machines of their own that know nobody yet."""
        for number in range(len(self.nodes), len(self.nodes) + count):
            node = SimulatedNode(number, self.directory / f"n{number}", self.wires, self.nursery)
            node.make_identity()
            await node.start()
            self.nodes.append(node)

    async def meet(self) -> None:
        """Have each node dial the one before it, and wait until all have found all."""
        for one, other in pairwise(self.nodes):
            assert other.running is not None
            await other.running.network.connect(one.address)
        await self.wait_until(self.all_connected, MEETING_S, self.peer_counts)

    def all_connected(self) -> bool:
        """Return whether every node is connected to every other."""
        return set(self.peer_counts()) == {len(self.nodes) - 1}

    def peer_counts(self) -> list[int]:
        """Count the peers of each node."""
        return [node.peer_count() for node in self.nodes]

    def counts(self) -> list[int]:
        """Count the messages of each node."""
        return [len(node.ids()) for node in self.nodes]

    def acknowledged(self) -> set[MessageId]:
        """Return all that any node has answered Publish for."""
        return {message_id for node in self.nodes for message_id in node.acknowledged}

    def published_by(self, nodes: Iterable[SimulatedNode]) -> set[MessageId]:
        """Return what some of the nodes have answered Publish for."""
        return {message_id for node in nodes for message_id in node.acknowledged}

    async def wait_agreed(self, within_s: float) -> None:
        """Wait until the logs of all running nodes hold the same, and check them.

        Raises:
            AssertionError: They still differ then, or something that was acknowledged is
                lost, or a log has a message twice.
        """
        took_s = await self.wait_until(self._agree, within_s, self.counts)
        print(f"agreed after {took_s:.2f} s on {self.counts()[0]} messages")
        for node in self.nodes:
            ids = node.ids()
            assert len(ids) == len(set(ids)), f"node {node.number} has messages twice"
            lost = self.acknowledged().difference(ids)
            assert not lost, f"node {node.number} has lost {len(lost)}"

    async def wait_until(
        self, is_so: Callable[[], bool], within_s: float, look: Callable[[], object]
    ) -> float:
        """Wait for a condition; return how many virtual seconds it took.

        Args:
            look: What is shown where it takes longer.
        """
        began_s = trio.current_time()
        while not is_so():
            waited_s = trio.current_time() - began_s
            assert waited_s < within_s, f"not within {within_s:.0f} s; seen: {look()}"
            await trio.sleep(LOOK_EVERY_S)
        return trio.current_time() - began_s

    @asynccontextmanager
    async def publishing(
        self, nodes: Iterable[SimulatedNode], pause_s: float
    ) -> AsyncIterator[None]:
        """Have nodes publish inside the block, each again after a pause by chance."""
        async with trio.open_nursery() as nursery:
            for node in nodes:
                chance = random.Random(self.chance.random())
                nursery.start_soon(partial(_keep_publishing, node, chance, pause_s))
            yield
            nursery.cancel_scope.cancel()

    async def stop_all(self) -> None:
        """Stop every node in order."""
        for node in self.nodes:
            await node.stop()

    def _agree(self) -> bool:
        first, *others = [frozenset(node.ids()) for node in self.nodes]
        return first >= self.acknowledged() and all(each == first for each in others)


async def _keep_publishing(node: SimulatedNode, chance: random.Random, pause_s: float) -> None:
    for number in range(1_000_000):
        await trio.sleep(chance.uniform(0.0, 2 * pause_s))
        await node.publish(f"{number} of {node.number}")


def hosts_of(nodes: Iterable[SimulatedNode]) -> list[str]:
    """Name the machines of nodes."""
    return [node.host for node in nodes]
