"""What facts occupy in the API, so that bounds count bytes and not items.

Each function returns an upper bound of the encoded size that is close to it.
Called by the log, the store and ``p2pd.api`` before they read or encode more.
"""

from __future__ import annotations

from collections.abc import Iterable

from p2pd.domain.features import FEATURES
from p2pd.domain.messages import Message
from p2pd.domain.peers import Node, Peer
from p2pd.domain.profiles import KnownProfile
from p2pd.domain.reach import Reach

MAX_RESPONSE_BYTES = 1 << 20
"""Largest response and event of the API; gRPC clients accept 4 MiB by default."""
RESERVE_BYTES = 4096
"""For what surrounds the items of a response: cursors, tokens, a gap, field tags."""
MAX_ITEMS_BYTES = MAX_RESPONSE_BYTES - RESERVE_BYTES
"""Largest sum of the items in one response."""

_TEXT_BYTES = 5
"""Tag and length of one text."""
_EVENT_BYTES = 64
"""An event around its body: cursor, time, tags and lengths."""
_MESSAGE_BYTES = 128
"""Everything of a message with a size of its own: two times, delivery, tags and lengths."""
_PEER_BYTES = 128
_DAMAGE_BYTES = 32


def size_of_message(message: Message) -> int:
    """Return what a message occupies as an event."""
    texts = len(message.author_id) + len(message.forwarder_id) + len(message.message_id)
    names = len(message.room.encode()) + len(message.client_message_id.encode())
    names += len(message.peer_id or "")
    return _EVENT_BYTES + _MESSAGE_BYTES + len(message.data) + texts + names


def size_of_peer(peer: Peer) -> int:
    """Return what a connected peer occupies, as an event too."""
    connection = peer.connection
    texts = _size_of_texts((*peer.addresses, *peer.protocols, *peer.rooms, peer.agent))
    remote = 0 if connection is None else len(connection.remote_address)
    relay = 0 if connection is None else len(connection.relay_id or "")
    return _EVENT_BYTES + _PEER_BYTES + len(peer.peer_id) + texts + remote + relay


def size_of_node(node: Node) -> int:
    """Return what this node occupies, as an event too."""
    texts = (*node.addresses, *node.rooms, *FEATURES)
    texts += (node.agent, node.version, node.storage.failure)
    damages = sum(
        _size_of_texts((one.path, one.reason)) + _DAMAGE_BYTES for one in node.storage.damages
    )
    warnings = sum(
        _size_of_texts((one.reason, one.message)) + _DAMAGE_BYTES for one in node.warnings
    )
    own = _EVENT_BYTES + _PEER_BYTES + len(node.peer_id)
    return own + _size_of_texts(texts) + damages + warnings + _size_of_reach(node.reach)


def size_of_profile(known: KnownProfile) -> int:
    """Return what a profile occupies without its picture, as an event too."""
    profile = known.profile
    texts = (known.peer_id, profile.name, profile.about, known.petname, *known.lookalike_ids)
    return _EVENT_BYTES + _PEER_BYTES + _size_of_texts(texts)


def _size_of_reach(reach: Reach) -> int:
    texts = [(each.peer_id or "") + each.address for each in reach.evidence]
    texts += [each.relay_id + "".join(each.addresses) for each in reach.relays]
    texts += [each.external_address + each.internal_address for each in reach.port_mappings]
    texts += [each.peer_id for each in reach.hole_punches]
    texts += [each.address + each.transport for each in reach.addresses]
    return _PEER_BYTES * (1 + len(texts)) + _size_of_texts(texts)


def _size_of_texts(texts: Iterable[str]) -> int:
    return sum(len(text.encode("utf-8", "surrogatepass")) + _TEXT_BYTES for text in texts)
