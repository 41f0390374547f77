"""Private addresses of others are not dialled; those that somebody here names are."""

from __future__ import annotations

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.peerinfo import PeerInfo

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.errors import DialFailedError
from p2pd.net.connections import open_connections
from p2pd.net.host import HostOptions, open_host
from p2pd.net.private_addresses import PrivateDials
from tests.p2pd.net.connections.listener import Told
from tests.upstream.stacks import STOCK, peer_info
from tests.upstream.waiting import wait_seen


@pytest.mark.trio
async def test_reported_private_address_is_dialled_only_once_it_is_named() -> None:
    rejections = Rejections()
    options = HostOptions(
        create_new_key_pair(), ("/ip4/127.0.0.1/tcp/0",), private_dials=PrivateDials.OFF
    )
    async with (
        STOCK.host() as peer,
        open_host(options, rejections) as host,
        open_connections(host, Told(), rejections) as connections,
    ):
        info = peer_info(peer)
        host.get_peerstore().add_addrs(info.peer_id, info.addrs, 600)
        assert not await connections.dial(info)
        assert rejections.totals[RejectionReason.PRIVATE_ADDRESS] > 0
        with pytest.raises(DialFailedError):
            await connections.connect(f"/ip4/127.0.0.1/tcp/1/p2p/{info.peer_id}")
        assert connections.peers() == ()
        connections.keep(PeerInfo(info.peer_id, info.addrs))
        await wait_seen(connections.peers)
