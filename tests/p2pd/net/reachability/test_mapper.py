"""Mappings over time: renewed, lost and removed; a router of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
import trio
import trio.testing

from p2pd.net.reachability.endpoints import Endpoint
from p2pd.net.reachability.mapping.mapper import (
    BEHIND_FIREWALL,
    RENEW_LEAST_S,
    RENEW_MOST_S,
    PortMapper,
    Surroundings,
)
from p2pd.net.reachability.mapping.router import Granted, MappingError, Wanted

HOME = "192.168.1.5"
LISTENERS = [Endpoint("0.0.0.0", "tcp", 4001), Endpoint("0.0.0.0", "udp", 4001, "/quic-v1")]


@dataclass
class OwnRouter:
    """Grants what it is asked for while it answers."""

    lifetime_s: int = 40
    answers: bool = True
    external_ip: str = "11.0.0.1"
    asked_s: list[float] = field(default_factory=list)
    open: set[Wanted] = field(default_factory=set)
    protocol: str = "pcp"

    async def add(self, wanted: Wanted, lifetime_s: int) -> Granted:
        await trio.lowlevel.checkpoint()
        if not self.answers:
            raise MappingError("silent")
        self.asked_s.append(trio.current_time())
        self.open.add(wanted)
        return Granted(self.external_ip, wanted.external_port + 1, self.lifetime_s)

    async def remove(self, wanted: Wanted) -> None:
        await trio.lowlevel.checkpoint()
        self.open.discard(wanted)


@asynccontextmanager
async def mapping(
    router: OwnRouter, own_ip: str | None = HOME
) -> AsyncIterator[tuple[PortMapper, list[int]]]:
    """Run a mapper; gives it and how many mappings each change has left."""
    changes: list[int] = []
    mapper = PortMapper(
        lambda: LISTENERS,
        lambda: changes.append(len(mapper.mapped)),
        lambda: 1,
        Surroundings(lambda: own_ip, lambda _: [router]),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mapper.run)
        await trio.testing.wait_all_tasks_blocked()
        yield mapper, changes
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_every_listener_is_mapped_and_removed_at_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    router = OwnRouter()
    async with mapping(router) as (mapper, changes):
        assert changes == [2]
        assert [
            (each.fact.internal_address, each.fact.external_address) for each in mapper.mapped
        ] == [
            ("/ip4/192.168.1.5/tcp/4001", "/ip4/11.0.0.1/tcp/4002"),
            ("/ip4/192.168.1.5/udp/4001/quic-v1", "/ip4/11.0.0.1/udp/4002/quic-v1"),
        ]
        assert len(router.open) == 2
    assert not router.open


@pytest.mark.trio
@pytest.mark.parametrize(
    ("lifetime_s", "every_s"),
    [(40, 20), (4, RENEW_LEAST_S), (7200, RENEW_MOST_S), (0, RENEW_MOST_S)],
)
async def test_mapping_is_renewed_at_half_its_time_within_bounds(
    autojump_clock: trio.testing.MockClock, lifetime_s: int, every_s: float
) -> None:
    router = OwnRouter(lifetime_s=lifetime_s)
    async with mapping(router) as (_, changes):
        began_s = trio.current_time()
        await trio.sleep(3.5 * every_s)
        rounds = [each - began_s for each in router.asked_s[::2]]
        assert rounds == pytest.approx([0, every_s, 2 * every_s, 3 * every_s])
        assert changes == [2]


@pytest.mark.trio
async def test_mapping_stands_until_its_time_is_over_while_the_router_is_silent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    router = OwnRouter(lifetime_s=40)
    async with mapping(router) as (mapper, changes):
        router.answers = False
        await trio.sleep(35)
        assert len(mapper.mapped) == 2
        await trio.sleep(30)
        assert not mapper.mapped
        assert changes == [2, 0]
        router.answers = True
        await trio.sleep(200)
        assert changes == [2, 0, 2]


@pytest.mark.trio
async def test_mappings_are_made_anew_in_another_network(
    autojump_clock: trio.testing.MockClock,
) -> None:
    router = OwnRouter(lifetime_s=7200)
    async with mapping(router) as (mapper, changes):
        router.external_ip = "11.0.0.9"
        mapper.addresses_changed()
        await trio.testing.wait_all_tasks_blocked()
        assert {each.external.ip for each in mapper.mapped} == {"11.0.0.9"}
        assert changes == [2, 2]
        router.answers = False
        mapper.addresses_changed()
        await trio.testing.wait_all_tasks_blocked()
        assert mapper.mapped == ()


@pytest.mark.trio
@pytest.mark.parametrize("own_ip", [None, "127.0.0.1", "11.0.0.7"])
async def test_machine_without_a_router_before_it_asks_nobody(
    autojump_clock: trio.testing.MockClock, own_ip: str | None
) -> None:
    router = OwnRouter()
    async with mapping(router, own_ip) as (mapper, _):
        await trio.sleep(100)
        assert (mapper.mapped, router.asked_s) == ((), [])


@pytest.mark.trio
@pytest.mark.parametrize(("own_ip", "mapped"), [("2a00:78::2", 1), ("fd77::2", 0), (None, 0)])
async def test_firewall_is_opened_for_addresses_that_the_internet_routes(
    autojump_clock: trio.testing.MockClock, own_ip: str | None, mapped: int
) -> None:
    router = OwnRouter(external_ip=own_ip or "")
    surroundings = replace(BEHIND_FIREWALL, own_ip=lambda: own_ip, routers=lambda _: [router])
    listeners = [*LISTENERS, Endpoint("::", "tcp", 4001)]
    mapper = PortMapper(lambda: listeners, lambda: None, lambda: 1, surroundings)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(mapper.run)
        await trio.testing.wait_all_tasks_blocked()
        assert [str(each.listener.address()) for each in mapper.mapped] == [
            f"/ip6/{own_ip}/tcp/4001"
        ] * mapped
        nursery.cancel_scope.cancel()
