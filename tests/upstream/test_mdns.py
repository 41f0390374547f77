"""Corrections of mDNS: 18 and 64."""

from __future__ import annotations

import pytest
import trio

from tests.driver.lan import Program, open_lan, wait_all
from tests.driver.waiting import wait_until
from tests.upstream.defect import defect
from tests.upstream.stacks import Stack

PEER = "tests.p2pd.net.discovery.mdns_peer"
FOREIGN = "tests.p2pd.net.discovery.mdns_foreign"
DEADLINE_S = 20.0


@pytest.mark.netns
@defect(18, "peers found by mDNS are never dialled")
async def test_peers_found_by_mdns_are_dialled(stack: Stack) -> None:
    await trio.to_thread.run_sync(_expect_connection, stack.name)


def _expect_connection(stack_name: str) -> None:
    with (
        open_lan(2) as (here, there),
        here.run(PEER, stack_name) as first,
        there.run(PEER, stack_name) as second,
    ):
        first_id, second_id = wait_all([first, second], "id ")
        first.wait_line(f"connected {second_id}", DEADLINE_S)
        second.wait_line(f"connected {first_id}", DEADLINE_S)


@pytest.mark.netns
@defect(64, "mDNS announces 0.0.0.0, and all addresses but one under keys nobody reads")
async def test_mdns_announces_addresses_that_others_can_dial(stack: Stack) -> None:
    await trio.to_thread.run_sync(_expect_address, stack.name)


def _expect_address(stack_name: str) -> None:
    with (
        open_lan(2) as (here, there),
        here.run(PEER, stack_name) as peer,
        there.run(FOREIGN, there.address, "answers") as foreign,
    ):
        peer_id = peer.wait_line("id ")
        wait_until(
            lambda: _told(foreign, peer_id),
            lambda seen: any(address.startswith(f"/ip4/{here.address}/tcp/") for address in seen),
            timeout_s=DEADLINE_S,
        )


def _told(foreign: Program, peer_id: str) -> list[str]:
    return [line for line in _lines(foreign, "told ") if line.endswith(f"/p2p/{peer_id}")]


def _lines(program: Program, start: str) -> list[str]:
    return [line.removeprefix(start) for line in program.lines if line.startswith(start)]
