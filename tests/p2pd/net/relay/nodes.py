"""Real hosts that relay, are relayed to, and dial through relays; no chat."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.host import HostOptions, open_host
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.private_addresses import PrivateDials
from p2pd.net.relay.client import RelayClient, RelayNeeds, open_relay_client
from p2pd.net.relay.rules import RelayLimits
from p2pd.net.relay.service import RelayMode, RelaySwitch, open_relay_service
from tests.driver.waiting import wait_until_async

LISTEN = ("/ip4/127.0.0.1/tcp/0",)


@dataclass
class RelayingNode:
    """A host that relays and one that is relayed to, in one.

    Attributes:
        members: Peers that count as in a room of this node.
        is_public: Whether it needs no relay.
    """

    host: NodeHost
    rejections: Rejections
    members: set[ID] = field(default_factory=set)
    is_public: bool = False
    client: RelayClient = field(init=False)
    service: RelaySwitch = field(init=False)

    @property
    def peer_id(self) -> ID:
        return self.host.get_id()

    @property
    def address(self) -> str:
        return str(self.host.get_addrs()[0])

    async def wait_relayed_address(self) -> Multiaddr:
        """Wait for a reservation; returns the address of this node behind the relay."""
        await self.wait_reservations(1)
        return Multiaddr(self.client.reservations[0].addresses[0])

    async def wait_reservations(self, count: int, timeout_s: float = 10.0) -> None:
        async def held() -> int:
            return len(self.client.reservations)

        await wait_until_async(held, lambda seen: seen == count, timeout_s=timeout_s)

    async def wait_rejected(self, reason: RejectionReason, count: int = 1) -> None:
        async def rejected() -> int:
            return self.rejections.totals.get(reason, 0)

        await wait_until_async(rejected, lambda seen: seen >= count, timeout_s=15)


@asynccontextmanager
async def relaying_node(
    *,
    relays: Sequence[str] = (),
    listen: Sequence[str] = LISTEN,
    mode: RelayMode = RelayMode.OFF,
    limits: RelayLimits | None = None,
    is_public: bool = False,
    private_dials: PrivateDials = PrivateDials.AUTO,
    clock_ns: Callable[[], int] = time.time_ns,
) -> AsyncIterator[RelayingNode]:
    """Open a node that holds reservations at ``relays`` and relays as ``mode`` says."""
    rejections = Rejections()
    options = HostOptions(create_new_key_pair(), tuple(listen), private_dials=private_dials)

    async def look_around() -> None:
        """Know nobody else."""

    async with open_host(options, rejections) as host:
        node = RelayingNode(host, rejections, is_public=is_public)
        needs = RelayNeeds(
            is_needed=lambda: not node.is_public,
            is_preferred=node.members.__contains__,
            on_change=lambda: None,
            look_around=look_around,
            clock_ns=clock_ns,
        )
        async with (
            open_relay_client(host, relays, needs, rejections) as node.client,
            open_relay_service(
                host,
                mode,
                limits or RelayLimits(),
                lambda: node.is_public,
                node.members.__contains__,
                rejections,
            ) as node.service,
        ):
            await trio.lowlevel.checkpoint()
            yield node


@asynccontextmanager
async def relay_and_hidden(
    limits: RelayLimits | None = None,
) -> AsyncIterator[tuple[RelayingNode, RelayingNode]]:
    """Open a relay, and a node that nobody can dial with a reservation there."""
    async with (
        relaying_node(mode=RelayMode.ON, limits=limits, is_public=True) as relay,
        relaying_node(relays=[relay.address], listen=()) as hidden,
    ):
        await hidden.wait_relayed_address()
        yield relay, hidden
