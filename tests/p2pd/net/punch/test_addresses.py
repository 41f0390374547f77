"""Which addresses are exchanged: public ones, and others only for want of them."""

from __future__ import annotations

import pytest
from multiaddr import Multiaddr

from p2pd.net.punch.addresses import MAX_SENT, dialled_addresses, sent_addresses

PEER = "12D3KooWDS2PXXRVTqZNr5SoPzNFmduDJuF51XM1BLgt9yRheWpU"
RELAY = f"/ip4/11.0.0.9/tcp/1/p2p/{PEER}/p2p-circuit/p2p/{PEER}"


def addresses(*texts: str) -> list[Multiaddr]:
    return [Multiaddr(text) for text in texts]


@pytest.mark.parametrize(
    ("known", "chosen"),
    [
        (("/ip4/192.168.0.2/tcp/1", "/ip4/11.0.0.1/tcp/1"), ("/ip4/11.0.0.1/tcp/1",)),
        (("/ip4/192.168.0.2/tcp/1", "/ip4/127.0.0.1/tcp/1"), ("/ip4/192.168.0.2/tcp/1",)),
        (("/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/ip4/0.0.0.0/tcp/1"), ()),
        (("/dns4/example.org/tcp/1", RELAY), ()),
        ((f"/ip4/11.0.0.1/tcp/1/p2p/{PEER}", "/ip4/11.0.0.1/tcp/1"), ("/ip4/11.0.0.1/tcp/1",)),
    ],
)
def test_public_addresses_are_chosen_before_private_ones(
    known: tuple[str, ...], chosen: tuple[str, ...]
) -> None:
    assert dialled_addresses(addresses(*known)) == addresses(*chosen)
    assert sent_addresses((), addresses(*known)) == addresses(*chosen)


def test_what_peers_observe_comes_first_and_all_is_bounded() -> None:
    own = addresses(*(f"/ip4/11.0.0.{number}/tcp/1" for number in range(20)))
    observed = addresses("/ip4/11.9.9.9/tcp/1")
    assert sent_addresses(observed, own) == [*observed, *own[: MAX_SENT - 1]]
