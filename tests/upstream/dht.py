"""A DHT node of either kind for the scenarios of ``test_dht``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio
import trio.testing
from libp2p.abc import IHost
from libp2p.host.exceptions import HostException
from libp2p.io.exceptions import IOException
from libp2p.kad_dht.common import PROTOCOL_ID
from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
from libp2p.kad_dht.pb.kademlia_pb2 import Message
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.exceptions import StreamError
from libp2p.tools.anyio_service import background_trio_service
from libp2p.utils.varint import encode_varint_prefixed, read_varint_prefixed_bytes

from p2pd.domain.names import RoomName
from p2pd.domain.rejections import Rejections
from p2pd.net.connections import open_connections
from p2pd.net.discovery import DiscoveryOptions, open_discovery
from p2pd.net.patches.basic_host import NodeHost
from tests.p2pd.net.discovery.nodes import Heard
from tests.upstream.stacks import Stack

ROOM = RoomName("chat-room")
KEY = "bafkreibvjjixbnvap3fcvzraxmbkaanl4dr7cjap6yvawbpqg6hktlxk5a"
REFUSED = (HostException, SwarmException, StreamError, IOException)
"""How a stream ends that the other side does not want."""


@dataclass
class DhtNode:
    """A host that serves the DHT."""

    host: IHost
    dht: KadDHT

    @property
    def peer_id(self) -> str:
        return str(self.host.get_id())

    def servers(self) -> list[str]:
        """Those in the routing table."""
        return [str(peer_id) for peer_id in self.dht.routing_table.get_peer_ids()]


@asynccontextmanager
async def open_dht(stack: Stack, stock_mode: DHTMode = DHTMode.SERVER) -> AsyncIterator[DhtNode]:
    """Open a host with the stack's DHT; ours is always in server mode."""
    async with stack.host() as host:
        if not isinstance(host, NodeHost):
            async with open_stock_dht(host, stock_mode) as dht:
                yield DhtNode(host, dht)
            return
        rejections = Rejections()
        async with (
            open_connections(host, Heard(), rejections) as connections,
            open_discovery(host, connections, DiscoveryOptions(), rejections) as discovery,
        ):
            yield DhtNode(host, discovery.dht)


@asynccontextmanager
async def open_stock_dht(host: IHost, mode: DHTMode = DHTMode.SERVER) -> AsyncIterator[KadDHT]:
    """Run the library's DHT on a host, its first refresh behind it."""
    dht = KadDHT(host, mode)
    async with background_trio_service(dht):
        await trio.testing.wait_all_tasks_blocked(0.05)
        yield dht


async def ask(asker: IHost, server: IHost, request: Message, timeout_s: float = 10.0) -> Message:
    """Send one request over a stream of its own and read the reply."""
    with trio.fail_after(timeout_s):
        stream = await asker.new_stream(server.get_id(), [PROTOCOL_ID])
        await stream.write(encode_varint_prefixed(request.SerializeToString()))
        reply = Message.FromString(await read_varint_prefixed_bytes(stream))
        await stream.reset()
        return reply
