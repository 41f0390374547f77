"""Who is a server of the DHT, and how others learn of a change."""

from __future__ import annotations

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.peerinfo import PeerInfo

from p2pd.config import PUBLIC_BOOTSTRAP
from p2pd.domain.rejections import Rejections
from p2pd.net.dht.dht import KAD_PROTOCOL, BoundedDht
from p2pd.net.dht.serving import is_private_network
from p2pd.net.host import HostOptions, open_host
from tests.driver.waiting import wait_until_async

ID = "p2p/12D3KooWHjU2c3fJNAVn6V7pXqDkXnT1FQzm5vZXyhbNcXCDuHMk"


@pytest.mark.parametrize(
    ("bootstrap", "is_private"),
    [
        ((), True),
        ((f"/ip4/127.0.0.1/tcp/4001/{ID}", f"/ip4/192.168.1.5/tcp/4001/{ID}"), True),
        ((f"/ip6/fd77::1/tcp/4001/{ID}",), True),
        ((f"/dns4/node-a/tcp/4001/{ID}", f"/dns/chat.lan/tcp/4001/{ID}"), True),
        ((f"/ip4/192.168.1.5/tcp/4001/{ID}", f"/ip4/11.0.0.1/tcp/4001/{ID}"), False),
        ((f"/dns4/chat.example.org/tcp/4001/{ID}",), False),
        (tuple(PUBLIC_BOOTSTRAP.split(",")), False),
    ],
)
def test_network_is_private_where_all_its_bootstrap_peers_are(
    bootstrap: tuple[str, ...], is_private: bool
) -> None:
    assert is_private_network(bootstrap) is is_private


@pytest.mark.trio
async def test_connected_peers_learn_who_serves_now() -> None:
    listen = ("/ip4/127.0.0.1/tcp/0",)
    rejections = Rejections()
    async with (
        open_host(HostOptions(create_new_key_pair(), listen), rejections) as host,
        open_host(HostOptions(create_new_key_pair(), listen), Rejections()) as other,
    ):
        dht = BoundedDht(host, rejections)
        await other.connect(PeerInfo(host.get_id(), host.get_transport_addrs()))

        async def serves() -> bool | None:
            identity = other.identity_of(host.get_id())
            return None if identity is None else KAD_PROTOCOL in identity.protocols

        await wait_until_async(serves, lambda seen: seen is True)
        dht.serve(False)
        await wait_until_async(serves, lambda seen: seen is False)
        dht.serve(True)
        await wait_until_async(serves, lambda seen: seen is True)
