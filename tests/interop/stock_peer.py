"""A chat peer of py-libp2p as it is, without a correction; a program for ``ForeignPeer``.

    python stock_peer.py [ADDRESS…]

Every line of its input is a message to the room, every message of the room a line
of its output: JSON objects of the types ready, joined and message.
"""

from __future__ import annotations

import json
import sys
from typing import NoReturn

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.network.config import ConnectionConfig
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

ROOM = "chat-room"
PROTOCOLS = [TProtocol(f"/meshsub/1.{minor}.0") for minor in (3, 2, 1, 0)]
LISTEN = Multiaddr("/ip4/127.0.0.1/tcp/0")


def tell(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


async def hear(pubsub: Pubsub) -> NoReturn:
    subscription = await pubsub.subscribe(ROOM)
    while True:
        message = await subscription.get()
        author = ID(message.from_id).to_base58()
        tell(type="message", author=author, text=message.data.decode())


async def see(pubsub: Pubsub) -> NoReturn:
    present: set[ID] = set()
    while True:
        for peer_id in set(pubsub.peer_topics.get(ROOM, ())) - present:
            present.add(peer_id)
            tell(type="joined", peer=peer_id.to_base58())
        await trio.sleep(0.1)


async def say(pubsub: Pubsub) -> None:
    async for chunk in trio.wrap_file(sys.stdin):
        await pubsub.publish(ROOM, chunk.rstrip("\n").encode())


async def main() -> None:
    host = new_host(
        key_pair=create_new_key_pair(),
        listen_addrs=[LISTEN],
        connection_config=ConnectionConfig(min_connections=0),
    )
    router = GossipSub(
        PROTOCOLS,
        degree=6,
        degree_low=4,
        degree_high=12,
        heartbeat_interval=1,
        spam_protection_enabled=False,
    )
    async with host.run(listen_addrs=[LISTEN]):
        pubsub = Pubsub(host, router)
        async with (
            background_trio_service(pubsub),
            background_trio_service(router),
            trio.open_nursery() as nursery,
        ):
            await pubsub.wait_until_ready()
            nursery.start_soon(hear, pubsub)
            nursery.start_soon(see, pubsub)
            addresses = [str(address) for address in host.get_addrs()]
            tell(type="ready", id=str(host.get_id()), addresses=addresses)
            for address in sys.argv[1:]:
                await host.connect(info_from_p2p_addr(Multiaddr(address)))
            await say(pubsub)


if __name__ == "__main__":
    trio.run(main)
