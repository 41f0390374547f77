"""What happens to nodes in the simulation. Run by ``test_scenarios`` and ``__main__``."""

from __future__ import annotations

import trio

from tests.simulation.node import BEGIN_S
from tests.simulation.wires import Quality
from tests.simulation.world import World, hosts_of

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
AGREED_WITHIN_S = 15.0
"""What the node promises, see ``docs/architecture.md``."""
SLOW = Quality(latency_s=0.3, bytes_per_s=16_000.0)


async def conversation(world: World) -> None:
    """Three nodes find one another, and one of them says something."""
    await world.add_nodes(3)
    await world.meet()
    assert await world.chance.choice(world.nodes).publish("hello")
    await world.wait_agreed(1.0)


async def partition(world: World, nodes: int = 6, half_s: float = 10.0) -> None:
    """Both sides of a partition publish, some are killed; all agree soon after it has healed."""
    await world.add_nodes(nodes)
    await world.meet()
    shuffled = world.chance.sample(world.nodes, nodes)
    size = world.chance.randint(1, nodes - 1)
    sides = shuffled[:size], shuffled[size:]
    async with world.publishing(world.nodes, pause_s=2.0):
        world.wires.divide(*map(hosts_of, sides))
        await trio.sleep(world.chance.uniform(0.5, 1.5) * half_s)
        for node in world.chance.sample(world.nodes, world.chance.randint(0, 2)):
            await node.kill()
            await node.start()
        await trio.sleep(world.chance.uniform(0.5, 1.5) * half_s)
        for side, other in (sides, sides[::-1]):
            unheard = world.published_by(other).difference(*(node.ids() for node in side))
            assert unheard, "the wires were not cut"
        world.wires.heal()
    await world.wait_agreed(AGREED_WITHIN_S)


async def large_partition(world: World) -> None:
    """The same with twenty nodes."""
    await partition(world, nodes=20, half_s=3.0)


async def churn(world: World) -> None:
    """Nodes stop and are killed, and start again from their stores, while all publish."""
    await world.add_nodes(5)
    await world.meet()
    async with world.publishing(world.nodes, pause_s=1.0):
        for _ in range(8):
            node = world.chance.choice(world.nodes)
            await (node.kill() if world.chance.random() < 0.5 else node.stop())
            await trio.sleep(world.chance.uniform(0.0, 5.0))
            await node.start()
            await trio.sleep(world.chance.uniform(0.0, 3.0))
    await world.wait_until(world.all_connected, 90.0, world.peer_counts)
    await world.wait_agreed(AGREED_WITHIN_S)


async def slow_peers(world: World) -> None:
    """Two nodes of six are on slow wires: they get all, and nobody waits for them."""
    await world.add_nodes(6)
    await world.meet()
    slow = world.chance.sample(world.nodes, 2)
    world.wires.slow = {node.host: SLOW for node in slow}
    quick = [node for node in world.nodes if node not in slow]
    for number in range(200):
        assert await world.chance.choice(quick).publish(f"{number} " + 500 * "x")
    said = world.published_by(quick)
    await world.wait_until(
        lambda: all(said <= set(node.ids()) for node in quick), 1.0, world.counts
    )
    assert not all(said <= set(node.ids()) for node in slow), "the wires were not slow"
    await world.wait_agreed(120.0)


async def outage(world: World, lasting_s: float = 0.25 * HOUR_S) -> None:
    """One node of three has no network for long; it agrees soon after it is back."""
    await world.add_nodes(3)
    await world.meet()
    lost = world.chance.choice(world.nodes)
    world.wires.darken(lost.host)
    await trio.sleep(world.chance.uniform(0.5, 1.5) * lasting_s)
    assert not lost.peer_count()
    for node in world.nodes:
        assert await node.publish("nobody hears everybody")
    world.wires.heal()
    await world.wait_until(world.all_connected, 90.0, world.peer_counts)
    await world.wait_agreed(AGREED_WITHIN_S)


async def long_outage(world: World) -> None:
    """The same for hours."""
    await outage(world, lasting_s=6 * HOUR_S)


async def clock_steps(world: World) -> None:
    """The clock of one node steps: what it says is not lost, doubled or dated wrongly."""
    await world.add_nodes(4)
    await world.meet()
    stepping = world.chance.choice(world.nodes)
    async with world.publishing(world.nodes, pause_s=1.0):
        for _ in range(6):
            await trio.sleep(world.chance.uniform(5.0, 20.0))
            stepping.ahead_s = world.chance.uniform(-3.0, 3.0) * DAY_S
            await trio.sleep(world.chance.uniform(5.0, 20.0))
            stepping.ahead_s = 0.0
    await world.wait_agreed(AGREED_WITHIN_S)
    for message in stepping.messages():
        assert message.send_time_ns is not None
        age_s = message.send_time_ns / 10**9 - BEGIN_S
        assert -1.0 < age_s < trio.current_time() + 1.0, "a message is dated by the stepped clock"


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        conversation,
        partition,
        large_partition,
        churn,
        slow_peers,
        outage,
        long_outage,
        clock_steps,
    )
}
