from __future__ import annotations

import json
from typing import Any

from gateway.channel.view import MAX_PAYLOAD_BYTES, View

NODE = {"peer_id": "own", "rooms": ["chat-room"]}


def view_of(count: int, protocol_bytes: int) -> tuple[View, dict[str, Any]]:
    peers = {
        f"peer-{number:04}": {
            "peer_id": f"peer-{number:04}",
            "protocols": ["é" * (protocol_bytes // 2)],
            "rooms": ["chat-room"],
        }
        for number in range(count)
    }
    view = View()
    snapshot = {"type": "snapshot", "cursor": "c", "time": "t", "node": NODE, "peers": []}
    view.apply(snapshot)
    for peer in peers.values():
        view.apply({"type": "peer_connected", "cursor": "c", "time": "t", "peer": peer})
    return view, peers


def test_a_snapshot_of_many_peers_continues_as_peers_that_are_connected() -> None:
    view, peers = view_of(600, 4_000)
    payloads = view.snapshot("c1")
    assert len(payloads) > 1
    assert max(map(len, payloads)) <= MAX_PAYLOAD_BYTES
    assert len(payloads[0]) > MAX_PAYLOAD_BYTES - 5_000
    first, *rest = map(json.loads, payloads)
    assert (first["type"], first["peer_count"], first["node"]) == ("snapshot", 600, NODE)
    assert {one["type"] for one in rest} == {"peer_connected"}
    assert {one["cursor"] for one in (first, *rest)} == {"c1"}
    told = [*first["peers"], *(one["peer"] for one in rest)]
    assert {one["peer_id"]: one for one in told} == peers
    assert len(told) == len(peers)


def test_the_state_that_a_reader_folds_from_the_payloads_is_the_views_own() -> None:
    view, _ = view_of(600, 4_000)
    reader = View()
    for payload in view.snapshot("c1"):
        reader.apply(json.loads(payload))
    assert (reader.node, reader.peers) == (view.node, view.peers)


def test_a_snapshot_of_few_peers_is_one_payload() -> None:
    view, peers = view_of(3, 100)
    (payload,) = view.snapshot("c1")
    assert [one["peer_id"] for one in json.loads(payload)["peers"]] == sorted(peers)
