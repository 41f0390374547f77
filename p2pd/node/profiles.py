"""Profiles joined to the network: exchanged with peers that are met, and put into the DHT.

Opened by ``parts``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from p2pd.chat.assembly import Receiving
from p2pd.domain.rejections import Rejections
from p2pd.net.network import Network
from p2pd.net.profiles.exchange import open_profile_exchange
from p2pd.tasks import run_guarded


@asynccontextmanager
async def open_profiles(
    own: Receiving, network: Network, rejections: Rejections, clock_ns: Callable[[], int]
) -> AsyncIterator[None]:
    """Exchange profiles inside the block."""
    profiles, presence = own.profiles, own.presence
    async with (
        open_profile_exchange(network.room_peers(), profiles, rejections, clock_ns) as exchange,
        trio.open_nursery() as nursery,
    ):
        records = network.profile_records(profiles, rejections, clock_ns)
        nursery.start_soon(run_guarded, "profile in the DHT", records.run)
        presence.on_identified.append(exchange.peer_identified)
        presence.on_gone.append(exchange.peer_gone)
        profiles.on_own_changed += [exchange.own_changed, records.own_changed]
        profiles.fetch += [exchange.ask, records.fetch]
        yield
        nursery.cancel_scope.cancel()
