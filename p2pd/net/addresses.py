"""Multiaddrs as text: the one place that reads what people and peers wrote.

Called by ``listening``, ``connections`` and the program's settings.
"""

from __future__ import annotations

from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.errors import InvalidInputError
from p2pd.net.multiaddrs import multiaddr_from_text, names_in


def peer_info_from_text(text: str, field: str = "address") -> PeerInfo:
    """Read an address that can be dialled: a multiaddr that ends in ``/p2p/ID``.

    Raises:
        InvalidInputError: It is not one (INVALID_ADDRESS).
    """
    try:
        return _peer_info(multiaddr_from_text(text))
    except ValueError as error:
        raise InvalidInputError(
            field, "INVALID_ADDRESS", f"address cannot be dialled: {error}"
        ) from error


def _peer_info(address: Multiaddr) -> PeerInfo:
    names = names_in(address)
    if not names or names[-1] != "p2p":
        raise ValueError("it must end in /p2p/ and the peer's id")
    if len(names) == 1:
        raise ValueError("it names a peer but not where it is: want /ip4/IP/tcp/PORT before /p2p/")
    parts = address.split()
    peer_id = parts[-1].value_for_protocol("p2p")
    return PeerInfo(ID.from_base58(str(peer_id)), [Multiaddr.join(*parts[:-1])])
