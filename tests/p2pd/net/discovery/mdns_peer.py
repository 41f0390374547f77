"""Run on a machine of ``lan``: a node with nothing but mDNS, stock or ours.

Arguments: ``stock`` or ``ours``, then addresses for ours to announce.

Prints ``id ID``, ``address ADDRESS`` for each of its own, then ``connected ID``
for each peer it is connected to.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import trio
from libp2p.abc import IHost

from tests.p2pd.net.discovery.nodes import open_node
from tests.upstream.stacks import STOCK

LISTEN = ("/ip4/0.0.0.0/tcp/0",)
BOTH = (*LISTEN, "/ip6/::/tcp/0")
LOOK_AGAIN_S = 0.05


@asynccontextmanager
async def open_stock() -> AsyncIterator[Any]:
    """Run the library's mDNS as its example does."""
    from libp2p.discovery.mdns.mdns import MDNSDiscovery

    async with STOCK.host(listen=LISTEN) as host:
        (address,) = host.get_transport_addrs()
        port = int(str(address.value_for_protocol("tcp")))
        mdns = MDNSDiscovery(host.get_network(), port=port, host=host)
        mdns.start()
        try:
            yield host
        finally:
            mdns.stop()


@asynccontextmanager
async def open_ours() -> AsyncIterator[Any]:
    """Run a node of ours."""
    announce = sys.argv[2:]
    async with open_node(listen=BOTH, announce=announce, mdns=True) as node:
        yield node.host


async def tell(opened: AbstractAsyncContextManager[IHost]) -> None:
    """Print what happens until told to stop."""
    async with opened as host:
        print(f"id {host.get_id()}")
        for address in host.get_addrs():
            print(f"address {address}")
        told: set[str] = set()
        with trio.open_signal_receiver(signal.SIGTERM) as stop, trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_on, stop, scope)
                while True:
                    now = {str(peer_id) for peer_id in host.get_connected_peers()}
                    for peer_id in now - told:
                        print(f"connected {peer_id}")
                    for peer_id in told - now:
                        print(f"lost {peer_id}")
                    told = now
                    await trio.sleep(LOOK_AGAIN_S)
    print("stopped")


async def _cancel_on(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


if __name__ == "__main__":
    trio.run(tell, open_stock() if sys.argv[1] == "stock" else open_ours())
