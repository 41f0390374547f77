"""Multiaddrs and peer ids: the one place that reads what people and peers wrote.

Called by ``connections``, ``relay``, ``dht`` and, for invites, ``p2pd.api``.
"""

from __future__ import annotations

from collections.abc import Sequence

from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.domain.names import PeerId
from p2pd.errors import InvalidInputError
from p2pd.net.advertised import bounded_addresses
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


def peer_id_from_address(text: str) -> PeerId:
    """Return whose address it is.

    Raises:
        InvalidInputError: It cannot be dialled (INVALID_ADDRESS).
    """
    return PeerId(str(peer_info_from_text(text).peer_id))


def peer_info_from_parts(peer_id: PeerId, addresses: Sequence[str]) -> PeerInfo:
    """Put a peer id and addresses without it together, both checked before."""
    return PeerInfo(ID.from_base58(peer_id), [Multiaddr(each) for each in addresses])


def peer_from_bytes(raw: bytes) -> ID | None:
    """Read a peer id: a SHA-256 multihash or a short key inlined.

    Source: libp2p specs, peer-ids/peer-ids.md.
    """
    hashed = len(raw) == 34 and raw[:2] == b"\x12\x20"
    inlined = 2 < len(raw) <= 44 and raw[0] == 0 and raw[1] == len(raw) - 2
    return ID(bytes(raw)) if hashed or inlined else None


def peer_id_from_bytes(raw: bytes) -> PeerId | None:
    """Read a peer id as protobufs have it; None where it is none."""
    peer_id = peer_from_bytes(raw)
    return None if peer_id is None else PeerId(str(peer_id))


def peer_id_from_text(text: str, field: str = "peer_id", *, is_optional: bool = False) -> PeerId:
    """Read a peer id in its usual form; an empty one stays empty where it is optional.

    Raises:
        InvalidInputError: It is none (INVALID_PEER_ID).
    """
    if not text and is_optional:
        return PeerId("")
    try:
        peer_id = peer_from_bytes(ID.from_base58(text).to_bytes()) if len(text) < 128 else None
    except ValueError:
        peer_id = None
    if peer_id is None or str(peer_id) != text:
        raise InvalidInputError(field, "INVALID_PEER_ID", f"not a peer id: {text[:64]!r}")
    return PeerId(text)


def bytes_from_peer_id(peer_id: PeerId) -> bytes:
    """Write a peer id as protobufs have it."""
    data: bytes = ID.from_base58(peer_id).to_bytes()
    return data


def bytes_from_address(address: str) -> bytes:
    """Write a multiaddr as protobufs have it."""
    data: bytes = Multiaddr(address).to_bytes()
    return data


def address_texts_from_bytes(addresses: Sequence[bytes]) -> tuple[str, ...]:
    """Read the multiaddrs that a node of today can name; at most 16, each bounded."""
    return tuple(map(str, bounded_addresses(addresses)))


def _peer_info(address: Multiaddr) -> PeerInfo:
    names = names_in(address)
    if not names or names[-1] != "p2p":
        raise ValueError("it must end in /p2p/ and the peer's id")
    if len(names) == 1:
        raise ValueError("it names a peer but not where it is: want /ip4/IP/tcp/PORT before /p2p/")
    parts = address.split()
    peer_id = parts[-1].value_for_protocol("p2p")
    return PeerInfo(ID.from_base58(str(peer_id)), [Multiaddr.join(*parts[:-1])])
