"""Nodes that know only a bootstrap node find one another by their room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
from libp2p.crypto.ed25519 import create_new_key_pair

from p2pd.domain.names import RoomName
from p2pd.net.discovery.rooms import key_from_room
from tests.driver.waiting import wait_until_async
from tests.p2pd.net.discovery.nodes import LISTEN, DiscoveringNode, open_node, run_node

ROOM = RoomName("chat-room")
SCENARIO_TIMEOUT_S = 120


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        with trio.fail_after(SCENARIO_TIMEOUT_S):
            await scenario()

    trio.run(bounded)


def test_two_nodes_that_know_only_a_third_find_one_another() -> None:
    async def scenario() -> None:
        async with (
            open_node() as bootstrap,
            open_node(bootstrap.addresses, rooms=[ROOM]) as first,
            open_node(bootstrap.addresses, rooms=[ROOM]) as second,
        ):
            await first.wait_connected(second)
            await second.wait_connected(first)

    run(scenario)


def test_a_node_that_comes_late_is_found_by_nodes_that_have_company() -> None:
    async def scenario() -> None:
        async with (
            open_node() as bootstrap,
            open_node(bootstrap.addresses, rooms=[ROOM]) as first,
            open_node(bootstrap.addresses, rooms=[ROOM]) as second,
        ):
            await first.wait_connected(second)
            async with open_node(bootstrap.addresses, rooms=[ROOM]) as late:
                await late.wait_connected(first)
                await late.wait_connected(second)

    run(scenario)


def test_a_node_that_was_lost_and_comes_back_elsewhere_is_found_again() -> None:
    async def scenario() -> None:
        key_pair = create_new_key_pair()
        async with (
            open_node() as bootstrap,
            open_node(bootstrap.addresses, rooms=[ROOM]) as first,
        ):
            async with open_node(bootstrap.addresses, rooms=[ROOM], key_pair=key_pair) as second:
                await first.wait_connected(second)
                lost_id = second.peer_id
            await first.wait_disconnected(lost_id)
            async with open_node(bootstrap.addresses, rooms=[ROOM], key_pair=key_pair) as again:
                await first.wait_connected(again)

    run(scenario)


def test_a_bootstrap_node_that_forgot_everything_is_told_again() -> None:
    async def scenario() -> None:
        key_pair = create_new_key_pair()
        async with trio.open_nursery() as nursery:
            before = await nursery.start(run_node, key_pair, LISTEN)
            addresses = before.node.addresses
            async with open_node(addresses, rooms=[ROOM]) as node:
                await wait_provided(before.node, node)
                await before.stop()
                await node.wait_disconnected(before.node.peer_id)
                listen = [addresses[0].partition("/p2p/")[0]]
                after = await nursery.start(run_node, key_pair, listen)
                await wait_provided(after.node, node)
                await after.stop()

    run(scenario)


def test_a_room_that_was_left_is_provided_no_more() -> None:
    async def scenario() -> None:
        async with open_node() as bootstrap, open_node(bootstrap.addresses, rooms=[ROOM]) as node:
            await wait_provided(bootstrap, node)
            node.discovery.forget(ROOM)
            store = node.discovery.dht.provider_store

            async def own_records() -> list[str]:
                return [str(info.peer_id) for info in store.get_providers(key_from_room(ROOM))]

            await wait_until_async(own_records, lambda seen: node.peer_id not in seen)
            node.discovery.forget(ROOM)

    run(scenario)


async def wait_provided(server: DiscoveringNode, provider: DiscoveringNode) -> None:
    """Wait until ``server`` knows that ``provider`` is in the room."""
    store = server.discovery.dht.provider_store

    async def providers() -> list[str]:
        return [str(info.peer_id) for info in store.get_providers(key_from_room(ROOM))]

    await wait_until_async(providers, lambda seen: provider.peer_id in seen, timeout_s=60)
