"""The state of the node as the gateway holds it: the last snapshot plus what changed.

Fed by ``gateway.delivery.fanout`` with every event of the one upstream stream, so
that a browser that says hello gets a snapshot without a call to the node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.channel.events import Fields, payload_from_fields

MAX_PAYLOAD_BYTES = 1 << 20
"""Largest payload of a snapshot, as in the node's API."""
PEERS_KEY_BYTES = 16
"""What names the peers in a payload."""


class View:
    """The node and its connected peers, folded from events.

    Applying an old stretch of events once more ends in the same state, which is
    what lets a browser join the channel a little before the snapshot it was sent.
    """

    def __init__(self) -> None:
        self._node: Fields | None = None
        self._peers: dict[str, Fields] = {}
        self._time = ""
        self._made: tuple[str, list[bytes]] | None = None

    @property
    def node(self) -> Fields | None:
        """The node, or None before the first snapshot."""
        return self._node

    @property
    def peers(self) -> list[Fields]:
        """The connected peers in order of their ids."""
        return [self._peers[peer_id] for peer_id in sorted(self._peers)]

    def apply(self, fields: Fields) -> None:
        """Apply one event."""
        match fields["type"]:
            case "message" | "gap" | "caught_up" | "progress" | "unknown":
                return
            case (
                "profile_changed"
                | "read_marker_changed"
                | "peer_blocked"
                | "message_delivery"
                | "message_hidden"
                | "room_muted"
            ):
                return
            case "snapshot":
                self._node = fields["node"]
                self._peers = {peer["peer_id"]: peer for peer in fields["peers"]}
            case "node_changed":
                self._node = fields["node"]
            case "peer_connected":
                self._connect(fields["peer"])
            case "peer_disconnected":
                self._peers.pop(fields["peer_id"], None)
            case "peer_joined":
                self._set_room(fields["peer_id"], fields["room"], is_in=True)
            case "peer_left":
                self._set_room(fields["peer_id"], fields["room"], is_in=False)
        self._time = fields["time"]
        self._made = None

    def snapshot(self, cursor: str) -> list[bytes]:
        """Return the payloads of a snapshot for a reader that goes on behind ``cursor``.

        Peers that do not fit into the first payload follow as ``peer_connected``. The
        last ones made are stored: browsers that return together ask for the same.
        """
        if self._made is None or self._made[0] != cursor:
            self._made = (cursor, self._payloads(cursor))
        return self._made[1]

    def _payloads(self, cursor: str) -> list[bytes]:
        place: dict[str, Any] = {"cursor": cursor, "time": self._time}
        count = len(self._peers)
        fields = {"type": "snapshot", **place, "node": self._node, "peer_count": count}
        peers = self.peers
        fitting = _count_fitting(peers, MAX_PAYLOAD_BYTES - len(payload_from_fields(fields)))
        following = ({"type": "peer_connected", **place, "peer": one} for one in peers[fitting:])
        first = payload_from_fields({**fields, "peers": peers[:fitting]})
        return [first, *map(payload_from_fields, following)]

    def _connect(self, peer: Fields) -> None:
        known = self._peers.get(peer["peer_id"])
        self._peers[peer["peer_id"]] = {**peer, "rooms": known["rooms"]} if known else peer

    def _set_room(self, peer_id: str, room: str, *, is_in: bool) -> None:
        peer = self._peers.get(peer_id)
        if peer is None:
            return
        rooms = {one for one in peer["rooms"] if one != room} | ({room} if is_in else set())
        self._peers[peer_id] = {**peer, "rooms": sorted(rooms)}


def _count_fitting(peers: Sequence[Fields], max_bytes: int) -> int:
    """Count the peers from the first on that fit into so many bytes of JSON."""
    size_bytes = PEERS_KEY_BYTES
    for number, peer in enumerate(peers):
        size_bytes += len(payload_from_fields(peer)) + len(b",")
        if size_bytes > max_bytes:
            return number
    return len(peers)
