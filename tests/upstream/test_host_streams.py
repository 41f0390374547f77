"""Patch 82: what an opened stream costs besides its own work."""

from __future__ import annotations

import trio
from libp2p.custom_types import TProtocol
from libp2p.host.ping import ID as PING

from tests.upstream.defect import defect
from tests.upstream.stacks import STOCK, Stack, connect

STREAMS = 10
SWARM_MODULE = "libp2p.network.swarm"


class NotifyingTasks(trio.abc.Instrument):
    """Counts the tasks that report an event to a listener."""

    def __init__(self) -> None:
        self.count = 0

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """Count a task of the swarm's notifications."""
        self.count += task.name.startswith(SWARM_MODULE) and "_notify" in task.name


@defect(82, "a task for each listener to connections whenever a stream opens or closes")
async def test_a_stream_starts_no_task_for_listeners_to_connections(stack: Stack) -> None:
    async with stack.host() as host, STOCK.host() as peer:
        # Only the host's own tasks are to be counted.
        peer.get_network().notifees.clear()  # type: ignore[attr-defined]
        await connect(host, peer)
        tasks = NotifyingTasks()
        trio.lowlevel.add_instrument(tasks)
        for _ in range(STREAMS):
            stream = await host.new_stream(peer.get_id(), [TProtocol(PING)])
            await stream.reset()
        trio.lowlevel.remove_instrument(tasks)
        assert tasks.count < STREAMS
